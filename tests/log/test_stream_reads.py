"""Callers that read streams at the same time share queries, and each gets its own answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra.log import LogUnavailable
from rostra_adapters.postgres import PostgresLog
from rostra_adapters.postgres.log import stream_reads
from rostra_adapters.postgres.log.stream_reads import StreamReads
from support.appending import append
from support.log_examples import event, group
from support.waiting import WAIT_SECONDS_MAX


class Counted:
    """A pool that counts its queries, and holds them up until it is opened."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.open = asyncio.Event()
        self.queries: list[list[UUID]] = []
        self.error: Exception | None = None

    async def fetch(self, query: str, streams: list[UUID], after: list[int]) -> Any:
        self.queries.append(streams)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return await self._pool.fetch(query, streams, after)


@pytest.fixture
def counted(pool: asyncpg.Pool) -> Counted:
    return Counted(pool)


@pytest.fixture
async def reads(counted: Counted) -> AsyncIterator[StreamReads]:
    reads = StreamReads(counted)  # type: ignore[arg-type]  # it has the one method that is used
    yield reads
    await reads.close()


def waiting(
    reads: StreamReads, streams: Sequence[UUID], after: int = 0
) -> "asyncio.Task[stream_reads.Streams]":
    return asyncio.create_task(reads.read(streams, dict.fromkeys(streams, after)))


async def all_wait(counted: Counted, reads: StreamReads, calls: int) -> None:
    """Wait until a number of calls have no query of their own."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(reads._waiting) < calls:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0)


async def test_callers_that_wait_share_a_query(
    postgres_log: PostgresLog, counted: Counted, reads: StreamReads
) -> None:
    one, other = uuid4(), uuid4()
    busy = [waiting(reads, [uuid4()]) for _ in range(stream_reads.AT_ONCE_MAX)]
    calls = [waiting(reads, [one], 1), waiting(reads, [one, other]), waiting(reads, [other], 3)]
    await all_wait(counted, reads, len(calls))
    # What is appended while they wait was there before their query.
    await append(postgres_log, [group(*(event(one, version) for version in (1, 2, 3)))])
    await append(postgres_log, [group(event(other, 1))])
    counted.open.set()
    first, second, third = await asyncio.gather(*calls)
    await asyncio.gather(*busy)
    assert len(counted.queries) == stream_reads.AT_ONCE_MAX + 1
    assert [row.version for row in first[one]] == [2, 3]
    assert [row.version for row in second[one]] == [1, 2, 3]
    assert [row.version for row in second[other]] == [1]
    assert third == {other: []}


async def test_a_caller_with_many_streams_makes_nobody_wait(
    counted: Counted, reads: StreamReads
) -> None:
    many = [uuid4() for _ in range(stream_reads.SHARED_STREAMS_MAX + 1)]
    large = [waiting(reads, many) for _ in range(stream_reads.AT_ONCE_MAX)]
    small = waiting(reads, [uuid4()])
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(counted.queries) < len(large) + 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
    counted.open.set()
    await asyncio.gather(*large, small)


async def test_an_error_reaches_all_and_ends_nothing(counted: Counted, reads: StreamReads) -> None:
    counted.error = ConnectionResetError("gone")
    calls = [waiting(reads, [uuid4()]) for _ in range(stream_reads.AT_ONCE_MAX + 3)]
    await all_wait(counted, reads, 3)
    calls[-1].cancel()
    counted.open.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in found[:-1]] == [LogUnavailable] * (len(calls) - 1)
    assert isinstance(found[-1], asyncio.CancelledError)
    counted.error = None
    stream = uuid4()
    assert await reads.read([stream]) == {stream: []}


async def test_callers_that_wait_hear_of_the_end(counted: Counted, reads: StreamReads) -> None:
    busy = [waiting(reads, [uuid4()]) for _ in range(stream_reads.AT_ONCE_MAX)]
    calls = [waiting(reads, [uuid4()]) for _ in range(3)]
    await all_wait(counted, reads, len(calls))
    await reads.close()
    for call in calls:
        with pytest.raises(LogUnavailable):
            await call
    counted.open.set()
    await asyncio.gather(*busy)
    with pytest.raises(LogUnavailable):
        await reads.read([uuid4()])
