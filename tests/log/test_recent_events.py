"""Events that several followers of one process read, read from the database once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from rostra.ids import Position, StreamId
from rostra.log import LogUnavailable, Recorded
from rostra_adapters.postgres.log import event_log
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.log.recent_events import EVENT_BYTES, RecentEvents
from support.appending import append
from support.log_examples import one
from support.waiting import wait_until

LOSE = """
alter table public.stored_events disable trigger all;
delete from public.stored_events where notification_id > 2;
alter table public.stored_events enable trigger all;
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'rostra'"""


def recorded(*positions: int, state: bytes = b"{}") -> list[Recorded]:
    stream = StreamId(uuid4())
    return [Recorded(Position(it), stream, it, "t", state, None, None) for it in positions]


def positions(events: Sequence[Recorded]) -> list[int]:
    return [event.position for event in events]


def test_pages_that_follow_each_other_are_found() -> None:
    recent = RecentEvents()
    recent.put(10, recorded(11, 12))
    recent.put(12, recorded(13, 15))  # 14 is empty for ever
    assert positions(recent.find(10, 9)) == [11, 12, 13, 15]
    assert positions(recent.find(12, 1)) == [13]
    assert positions(recent.find(13, 9)) == positions(recent.find(14, 9)) == [15]
    assert recent.find(15, 9) == recent.find(9, 9) == []


def test_a_page_that_overlaps_adds_its_end() -> None:
    recent = RecentEvents()
    recent.put(0, recorded(1, 2, 3))
    recent.put(1, recorded(2, 3, 4))
    recent.put(0, recorded(1))
    assert positions(recent.find(0, 9)) == [1, 2, 3, 4]


@pytest.mark.parametrize("after", [0, 8])
def test_a_page_apart_from_the_others_replaces_them(after: int) -> None:
    recent = RecentEvents()
    recent.put(4, recorded(5, 6))
    recent.put(after, recorded(after + 1, after + 9))
    assert positions(recent.find(after, 9)) == [after + 1, after + 9]
    assert recent.find(4, 9) == ([] if after else recent.find(0, 9)[1:])


def test_events_before_those_that_are_cached_replace_nothing() -> None:
    recent = RecentEvents()
    recent.put(4, recorded(5, 6))
    recent.put(0, recorded(1, 2))
    assert positions(recent.find(4, 9)) == [5, 6]
    assert recent.find(0, 9) == []


def test_the_oldest_events_are_dropped_beyond_the_bound() -> None:
    state = b"x" * 400
    recent = RecentEvents(bytes_max=10 * (EVENT_BYTES + len(state)))
    for position in range(100):
        recent.put(position, recorded(position + 1, state=state))
        found = recent.find(position, 9)
        assert positions(found) == [position + 1]
    cached = [it for it in range(100) if recent.find(it, 1)]
    assert cached == list(range(100 - len(cached), 100))
    assert 5 <= len(cached) <= 10
    recent.put(100, recorded(101, state=b"x" * 100_000))
    assert recent.find(100, 9) == []


async def listening(log: PostgresLog, connections: int) -> None:
    """Wait until the log listens by a connection that comes after so many others."""
    news = log._news
    await wait_until(lambda: news.connected and news.connections > connections)


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[PostgresLog]:
    async with await PostgresLog.open(database_url) as opened:
        await opened.history()  # begins to listen
        await listening(opened, 0)
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    fetch = asyncpg.Pool.fetch

    async def counted(pool: asyncpg.Pool, query: str, *arguments: Any) -> Any:
        if query == event_log.READ_AFTER:
            made.append(arguments)
        return await fetch(pool, query, *arguments)

    monkeypatch.setattr(asyncpg.Pool, "fetch", counted)
    return made


async def test_a_second_follower_reads_nothing_from_the_database(
    log: PostgresLog, reads: list[Any]
) -> None:
    await append(log, [one(uuid4()) for _ in range(5)])
    first = await log.read_after(0, 10, may_be_cached=True)
    assert await log.read_after(0, 10, may_be_cached=True) == first
    assert positions(await log.read_after(2, 2, may_be_cached=True)) == [3, 4]
    assert reads == [(0, 10)]
    await append(log, [one(uuid4())])
    assert positions(await log.read_after(5, 10, may_be_cached=True)) == [6]
    assert reads == [(0, 10), (5, 10)]


async def test_events_are_read_again_from_a_server_that_replaced_the_first(
    log: PostgresLog, database: asyncpg.Connection
) -> None:
    await append(log, [one(uuid4()) for _ in range(5)])
    await log.read_after(0, 10, may_be_cached=True)
    connections = log._news.connections
    await database.execute(LOSE)
    await listening(log, connections)
    pages: list[list[Recorded]] = []

    async def is_read() -> bool:
        with suppress(LogUnavailable):  # by a connection that was ended
            pages.append(await log.read_after(0, 10, may_be_cached=True))
        return bool(pages)

    await wait_until(is_read)
    assert positions(pages[0]) == [1, 2]
