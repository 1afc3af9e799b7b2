"""How a process hears whose keys are gone, and how it is known that all have."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra.log import LogUnavailable
from rostra.sealing import Erased, associated_data
from rostra_adapters.keys.ring import MasterKeys
from rostra_adapters.postgres import PostgresKeyRing, create_pool, schema
from rostra_adapters.postgres.database_url import with_schema
from rostra_adapters.postgres.keys import erasures
from support.erasures import no_look
from support.service import MASTER_KEY
from support.waiting import WAIT_SECONDS_MAX, wait_until

MASTER = MasterKeys(MASTER_KEY)
HERE = associated_data(UUID(int=7), "comment.posted", UUID(int=8), "personal")
ANN, BOB = uuid4(), uuid4()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_url, size_max=10)
    async with pool.acquire() as connection:
        await schema.install(connection)
    yield pool
    await pool.close()


class Process:
    """A ring, and what its caches were told."""

    def __init__(self, ring: PostgresKeyRing) -> None:
        self.ring = ring
        self.told: list[set[UUID] | None] = []
        ring.on_destruction(self._hear)

    def _hear(self, owners: Collection[UUID] | None) -> None:
        self.told.append(None if owners is None else set(owners))


@asynccontextmanager
async def process(pool: asyncpg.Pool) -> AsyncIterator[Process]:
    async with PostgresKeyRing(pool, MASTER) as ring:
        yield Process(ring)


def is_current(it: Process) -> bool:
    return it.ring.is_current


async def readers(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from rostra_keys.key_readers"))


async def test_when_it_is_known_that_all_have_forgotten_no_process_opens_a_word(
    pool: asyncpg.Pool,
) -> None:
    async with process(pool) as one, process(pool) as two, process(pool) as three:
        for it in (one, two, three):
            await it.ring.make([ANN, BOB])
        sealed = {owner: one.ring.seal(owner, b"words", HERE) for owner in (ANN, BOB)}
        await one.ring.destroy({ANN: 1})
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await one.ring.wait_for_destruction()
        for it in (one, two, three):
            assert {ANN} in it.told
            with pytest.raises(KeyError):
                it.ring.open(ANN, sealed[ANN], HERE)
            assert it.ring.open(BOB, sealed[BOB], HERE) == b"words"
            await it.ring.load([ANN])
            with pytest.raises(Erased):
                it.ring.open(ANN, sealed[ANN], HERE)
    assert await readers(pool) == 0


async def test_many_erasures_at_once_are_all_heard_of(pool: asyncpg.Pool) -> None:
    owners = [uuid4() for _ in range(40)]
    async with process(pool) as one, process(pool) as two:
        await two.ring.make(owners)
        await asyncio.gather(*(one.ring.destroy({owner: 1}) for owner in owners))
        await one.ring.wait_for_destruction()
        heard = {owner for told in two.told if told for owner in told}
        assert heard == set(owners)


async def test_a_process_that_does_not_look_any_more_is_waited_for_only_so_long(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "GRACE_SECONDS", 0.5 - erasures.TRUSTED_SECONDS)
    async with process(pool) as one, process(pool):
        await pool.execute(
            "insert into rostra_keys.key_readers (reader, forgotten, master)"
            " values ($1, 0, 'silent')",
            uuid4(),
        )
        await one.ring.destroy({ANN: 1})
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await one.ring.wait_for_destruction()
        assert asyncio.get_running_loop().time() - began > 0.2
        silent = "select count(*) from rostra_keys.key_readers where master = 'silent'"
        assert await pool.fetchval(silent) == 0  # the one that was lost is struck out


@asynccontextmanager
async def silent_reader(pool: asyncpg.Pool, stale_seconds: float) -> AsyncIterator[UUID]:
    """Yield the id of a process with `--stale-seconds` that looks for erasures no more."""
    ring = PostgresKeyRing(
        pool, MASTER, is_read_only=True, primary=pool, stale_seconds=stale_seconds
    )
    async with ring:
        task = ring._erasures._task
        assert task is not None
        await task.end()
        yield ring._erasures._reader


async def age(pool: asyncpg.Pool, reader: UUID, seconds: float) -> datetime:
    """Date the last sign of life of a process back, and return its time."""
    seen: datetime = await pool.fetchval(
        "update rostra_keys.key_readers set seen_at = clock_timestamp() - $2::interval"
        " where reader = $1 returning seen_at",
        reader,
        timedelta(seconds=seconds),
    )
    return seen


async def confirmed(pool: asyncpg.Pool, it: Process) -> None:
    """Wait until a process has confirmed that it dropped every destroyed key."""
    has_confirmed = (
        "select forgotten = (select max(number) from rostra_keys.erased_keys)"
        " from rostra_keys.key_readers where reader = $1"
    )
    await wait_until(lambda: pool.fetchval(has_confirmed, it.ring._erasures._reader))


@pytest.mark.parametrize("stale_seconds", [60.0, 7.5])
async def test_a_silent_reader_is_waited_for_until_its_time_and_8_seconds_are_over(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, stale_seconds: float
) -> None:
    border = stale_seconds + 8
    async with process(pool) as eraser:
        async with (
            silent_reader(pool, stale_seconds) as reader,
            silent_reader(pool, 2 * stale_seconds) as other,
        ):
            await eraser.ring.destroy({ANN: 1})
            await age(pool, other, border + stale_seconds)
            seen = await age(pool, reader, border - 0.5)
            await eraser.ring.wait_for_destruction()
            now: datetime = await pool.fetchval("select clock_timestamp()")
            assert now - seen >= timedelta(seconds=border)
        async with silent_reader(pool, stale_seconds) as reader:
            await eraser.ring.destroy({BOB: 1})
            await confirmed(pool, eraser)  # from now on only the reader could be waited for
            await age(pool, reader, border)
            monkeypatch.setattr(erasures, "WAIT_SECONDS", 2 * WAIT_SECONDS_MAX)
            async with asyncio.timeout(WAIT_SECONDS_MAX):  # it waits not even once
                await eraser.ring.wait_for_destruction()


async def test_a_process_that_has_not_looked_for_a_while_uses_no_key_it_holds(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(pool) as one:
        await one.ring.make([ANN])
        sealed = one.ring.seal(ANN, b"words", HERE)
        await pool.execute("delete from rostra_keys.person_keys")  # and nothing is told
        await one.ring.load([ANN])
        assert one.ring.open(ANN, sealed, HERE) == b"words"
        monkeypatch.setattr(one.ring._erasures, "_trusted_seconds", -1.0)
        await one.ring.load([ANN])
        with pytest.raises(Erased):
            one.ring.open(ANN, sealed, HERE)


async def test_a_process_that_stood_still_drops_only_what_was_erased_meanwhile(
    pool: asyncpg.Pool,
) -> None:
    async with process(pool) as one, process(pool) as two:
        await two.ring.make([ANN, BOB])
        sealed = two.ring.seal(ANN, b"words", HERE)
        async with no_look(two.ring._erasures):
            two.ring._erasures._looked -= 2 * erasures.TRUSTED_SECONDS  # it stood still
            assert not is_current(two)
            await one.ring.destroy({ANN: 1})
            await two.ring.load([ANN])
            with pytest.raises(Erased):
                two.ring.open(ANN, sealed, HERE)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not is_current(two):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
        await one.ring.wait_for_destruction()
        assert {owner for told in two.told for owner in told or [None]} == {ANN}


async def test_a_process_that_cannot_look_drops_all_it_holds(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(pool) as one:
        await one.ring.make([ANN])
        looking = one.ring._erasures
        monkeypatch.setattr(erasures, "_NEW", "select no_such_column")
        monkeypatch.setattr(erasures, "LOOK_SECONDS", 0.01)
        await one.ring.destroy({BOB: 1})  # wakes it
        await wait_until(lambda: looking._task is not None and looking._task.error is not None)
        one.told.clear()  # no look succeeds from here on
        looking._looked -= 2 * erasures.TRUSTED_SECONDS
        await wait_until(lambda: None in one.told)
        assert not one.ring.is_current


class Standby:
    """A pool whose connections lead to another database as soon as `pool` is another one."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)


@asynccontextmanager
async def copy(pool: asyncpg.Pool, database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Yield a pool of a copy of the log's id, heartbeat, keys and erasures, which stays behind."""
    lagging = await create_pool(with_schema(database_url, "lagging"))
    try:
        async with lagging.acquire() as connection:
            await schema.install(connection)
        await pool.execute(
            # That of the template may be old, and nobody beats here.
            "update public.rostra_heartbeat"
            " set beat_at = clock_timestamp() + interval '10 minutes';"
            "update lagging.rostra_log set id = (select id from public.rostra_log);"
            "update lagging.rostra_heartbeat"
            " set beat_at = (select beat_at from public.rostra_heartbeat);"
            "insert into rostra_keys_lagging.person_keys table rostra_keys.person_keys;"
            "insert into rostra_keys_lagging.erased_keys table rostra_keys.erased_keys"
        )
        yield lagging
    finally:
        await lagging.close()


async def test_a_standby_that_lacks_a_known_erasure_gives_no_key(
    pool: asyncpg.Pool, database_url: str
) -> None:
    """A reader loses the standby that had the erasure, and takes another one."""
    async with process(pool) as eraser:
        await eraser.ring.make([ANN, BOB])
        sealed = eraser.ring.seal(BOB, b"words", HERE)
        async with copy(pool, database_url) as lagging:
            standby = Standby(pool)
            ring = PostgresKeyRing(
                cast("asyncpg.Pool", standby), MASTER, is_read_only=True, primary=pool
            )
            async with ring:
                await wait_until(lambda: ring.is_current)
                await ring.load([ANN])
                await eraser.ring.destroy({ANN: 1})
                await eraser.ring.wait_for_destruction()
                async with no_look(ring._erasures):
                    standby.pool = lagging
                    for owner in (ANN, BOB):
                        with pytest.raises(LogUnavailable, match="may lack erasures"):
                            await ring.load([owner])
                await wait_until(lambda: not ring.is_current)
                await lagging.execute(
                    "insert into rostra_keys.erased_keys (number, owner) values (1, $1)", ANN
                )
                await wait_until(lambda: ring.is_current)
                await ring.load([BOB])
                assert ring.open(BOB, sealed, HERE) == b"words"


async def test_numbers_that_a_failover_lost_are_told_again(pool: asyncpg.Pool) -> None:
    """The new primary lacks the last erasure, and gives its number to another one."""
    async with process(pool) as one, process(pool) as two:
        await two.ring.make([ANN, BOB])
        sealed = two.ring.seal(BOB, b"words", HERE)
        await one.ring.destroy({ANN: 1})
        await one.ring.wait_for_destruction()
        await pool.execute("delete from rostra_keys.erased_keys")
        await pool.execute("update rostra_keys.key_readers set forgotten = 0")
        await pool.fetchval("select public.rostra_open_epoch(false, true)")
        await one.ring.destroy({BOB: 1})
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await one.ring.wait_for_destruction()
        await two.ring.load([BOB])
        with pytest.raises(Erased):
            two.ring.open(BOB, sealed, HERE)


async def test_a_lost_connection_is_made_up_for(
    pool: asyncpg.Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "LOOK_SECONDS", 0.1)
    async with process(pool) as one, process(pool) as two:
        await two.ring.make([ANN])
        other = await asyncpg.connect(database_url)
        await other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await other.close()
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                try:
                    await one.ring.destroy({ANN: 1})
                    await one.ring.wait_for_destruction()
                    break
                except Exception:  # noqa: BLE001  # the pool finds out about each connection
                    await asyncio.sleep(0.01)
        assert any(told is None or ANN in told for told in two.told)
