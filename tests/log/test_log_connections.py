"""What becomes of appends when connections, servers or callers go away, or stand in line."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.local_postgres.lease import Lease, postmaster_pid, start
from rostra_adapters.postgres import PostgresLog, binary_arrays, create_pool, install
from rostra_adapters.postgres.log import event_log as log_module
from rostra_adapters.postgres.log import group_commit as committer
from rostra_adapters.postgres.log.append_call import APPEND, in_order
from support.appending import Appended, Stale, append, columns
from support.log_examples import event, group, one, positions
from support.stock_logs import stock_recorder, stored
from support.waiting import wait_until

WAITING = """
select count(*) > 0 from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%rostra_append%'
"""
TERMINATE = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'rostra'
"""
ISOLATIONS = [
    "alter database {name} set default_transaction_isolation = 'repeatable read'",
    "alter role current_user in database {name} set default_transaction_isolation = 'serializable'",
]


@asynccontextmanager
async def nobody_appends(database: asyncpg.Connection) -> AsyncIterator[None]:
    """Appends wait as long as this lasts."""
    async with database.transaction():
        await database.execute("lock table stored_events in exclusive mode")
        yield


async def waits(database_url: str) -> None:
    """Until an append stands in line in PostgreSQL."""
    observer = await asyncpg.connect(database_url)
    await wait_until(lambda: observer.fetchval(WAITING))
    await observer.close()


@pytest.mark.parametrize("statement", ISOLATIONS)
async def test_another_default_isolation_level_is_not_ours(
    database_url: str, database: asyncpg.Connection, statement: str
) -> None:
    name = await database.fetchval("select current_database()")
    await database.execute(statement.format(name=name))
    stream = uuid4()

    async with await PostgresLog.open(database_url) as log:
        for version in range(1, 4):
            answers = await asyncio.gather(*(append(log, [one(stream, version)]) for _ in range(4)))
            assert sum(answer != [Stale()] for answer in answers) == 1


async def test_the_append_function_refuses_another_isolation_level(
    database: asyncpg.Connection,
) -> None:
    arguments = in_order([columns([one(uuid4())])]).arguments
    await binary_arrays.exchange(database)
    with pytest.raises(asyncpg.InvalidTransactionStateError, match="read committed, not repeat"):
        async with database.transaction(isolation="repeatable_read"):
            await database.fetch(APPEND, *arguments)
    await database.execute("set default_transaction_isolation = 'serializable'")
    with pytest.raises(asyncpg.InvalidTransactionStateError, match="not serializable"):
        await database.fetch(APPEND, *arguments)
    assert await database.fetchval("select count(*) from stored_events") == 0


async def test_a_client_gone_before_its_answer_finds_its_event_recorded(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    stream = uuid4()
    wanted = one(stream)
    pool = await create_pool(database_url)
    async with await PostgresLog.open(pool) as gone, nobody_appends(database):
        appending = asyncio.create_task(append(gone, [wanted]))
        await waits(database_url)
        pool.terminate()
        with pytest.raises(LogUnavailable):
            await appending

    await wait_until(lambda: _has(postgres_log, stream))
    assert await append(postgres_log, [one(uuid4())]) == [Appended(2, 2)]  # no lock is held
    assert await append(postgres_log, [wanted]) == [Stale()]
    [row] = (await postgres_log.read_streams([stream]))[stream]
    assert row.event_id == wanted.event_id


async def test_a_lost_connection_is_unavailable_once_and_made_again(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    await append(postgres_log, [one(uuid4())])
    async with nobody_appends(database):
        callers = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(3)]
        await waits(database_url)
        await database.execute(TERMINATE)
    for result in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(result, LogUnavailable)

    assert await append(postgres_log, [one(uuid4())]) == [Appended(2, 2)]


async def test_a_follower_hears_again_after_its_connection_was_lost(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    following = asyncio.create_task(_followed_persistently(postgres_log, 20))
    for _ in range(20):
        with suppress(LogUnavailable):
            await append(postgres_log, [one(uuid4())])
        await database.execute(TERMINATE)
    while not following.done():
        with suppress(LogUnavailable):
            await append(postgres_log, [one(uuid4())])

    assert await following == list(range(1, 21))


async def test_a_connection_lost_while_idle_costs_no_append(
    postgres_log: PostgresLog, pool: asyncpg.Pool, database: asyncpg.Connection
) -> None:
    for position in range(1, 4):
        assert await append(postgres_log, [one(uuid4())]) == [Appended(position, position)]
        await database.execute(TERMINATE)
        await wait_until(lambda: pool.get_size() == 0)  # the pool has heard of it


async def test_the_id_is_asked_again_when_another_server_may_have_taken_over(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    before = await postgres_log.log_id()
    await database.execute("update rostra_log set id = gen_random_uuid()")
    await database.execute(TERMINATE)

    async def is_another() -> bool:
        with suppress(LogUnavailable):
            return await postgres_log.log_id() != before
        return False

    await wait_until(is_another)


async def test_who_finds_the_queue_full_is_told_and_nothing_is_lost(
    postgres_log: PostgresLog,
    database: asyncpg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(committer, "QUEUED_EVENTS_MAX", 10)
    async with nobody_appends(database):
        first = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        await waits(database_url)
        waiting = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(10)]
        await wait_until(lambda: postgres_log.queued_events == 10)
        with pytest.raises(LogBusy) as busy:
            await append(postgres_log, [one(uuid4())])
    assert busy.value.retry_after_seconds > 0

    await asyncio.gather(first, *waiting)
    assert await postgres_log.head() == 11
    assert postgres_log.queued_events == 0


async def test_whoever_waits_during_a_commit_is_in_the_next(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    async with nobody_appends(database):
        first = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        await waits(database_url)
        waiting = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(50)]
        await wait_until(lambda: postgres_log.queued_events == 50)
    await asyncio.gather(first, *waiting)
    assert postgres_log.commits == 2


async def test_much_that_waits_is_sent_while_a_commit_is_under_way_and_what_comes_then_waits(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    async with nobody_appends(database):
        first = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        await waits(database_url)
        many = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(200)]
        await asyncio.sleep(0)
        await wait_until(lambda: postgres_log.queued_events == 0)
        more = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(300)]
        await wait_until(lambda: postgres_log.queued_events == 300)
    answers = [answer for (answer,) in await asyncio.gather(first, *many, *more)]
    assert postgres_log.commits == 3
    assert {answer.first for answer in answers if isinstance(answer, Appended)} == set(
        range(1, 502)
    )


async def test_each_commit_is_told_of_once_also_where_one_of_several_cannot_be_stored(
    postgres_log: PostgresLog,
) -> None:
    told: list[int] = []
    postgres_log.observe_appends(lambda events, _: told.append(events))
    await append(postgres_log, [one(uuid4())])
    bad = group(event(uuid4(), 1), metadata=b"not json")
    callers = [append(postgres_log, each) for each in ([one(uuid4())], [bad], [one(uuid4())])]
    await asyncio.gather(*callers, return_exceptions=True)
    assert told == [1, 1, 1]


async def test_of_many_who_begin_the_same_streams_one_begins_each(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    streams = [uuid4() for _ in range(20)]
    everyone = await asyncio.gather(
        *(append(postgres_log, [one(stream)]) for _ in range(40) for stream in streams)
    )
    begun = [answer for (answer,) in everyone if isinstance(answer, Appended)]
    assert sorted(answer.first for answer in begun) == list(range(1, 21))
    again = await asyncio.gather(*(append(postgres_log, [one(stream)]) for stream in streams))
    assert again == [[Stale()]] * 20
    assert await database.fetchval("select count(*) from public.stored_events") == 20


async def test_a_caller_who_leaves_while_its_append_is_under_way_breaks_nobody(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    async with nobody_appends(database):
        leaving = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        await waits(database_url)
        queued = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        staying = asyncio.create_task(append(postgres_log, [one(uuid4())]))
        await wait_until(lambda: postgres_log.queued_events == 2)
        leaving.cancel()
        queued.cancel()
    assert await staying == [Appended(2, 2)]


async def test_a_call_of_any_size_is_cut_and_still_one_decision(
    postgres_log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "COMMIT_EVENTS_MAX", 2)
    a, b, c, d = (uuid4() for _ in range(4))
    await append(postgres_log, [one(a)])

    answers = await append(
        postgres_log,
        [
            group(event(b, 1), event(b, 2), event(b, 3)),
            one(a),
            one(d),
            one(c, upon={a: 1}),  # the version stands, and is another's event
            one(d, 2, upon={c: 1}),
            one(d, 2),
            one(b, 4),
        ],
    )
    stale = Stale()
    assert answers == [Appended(2, 4), stale, Appended(5, 5), stale, stale, stale, Appended(6, 6)]


async def test_a_lock_held_for_too_long_is_unavailable_and_nothing_is_recorded(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    await database.execute("alter function public.rostra_append_on set lock_timeout = '20ms'")
    async with nobody_appends(database):
        with pytest.raises(LogUnavailable):
            await append(postgres_log, [one(uuid4())])
    assert await append(postgres_log, [one(uuid4())]) == [Appended(1, 1)]


async def test_closing_answers_who_waits_and_ends_who_follows(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    following = asyncio.create_task(_all_pages(postgres_log))
    async with nobody_appends(database):
        callers = [asyncio.create_task(append(postgres_log, [one(uuid4())])) for _ in range(3)]
        await waits(database_url)
        await postgres_log.close()
        for result in await asyncio.gather(*callers, return_exceptions=True):
            assert isinstance(result, LogUnavailable)
    await following
    with pytest.raises(LogUnavailable):
        await append(postgres_log, [one(uuid4())])


@pytest.fixture
def crashing() -> Iterator[Lease]:
    """A server of the test's own, with fsync."""
    folder = Path(tempfile.mkdtemp(prefix="rostra-crash-"))
    folder.chmod(0o755)  # as root PostgreSQL runs as another user
    lease = start(folder)
    yield lease
    lease.release()
    shutil.rmtree(folder)


@pytest.mark.slow
async def test_a_crash_of_postgresql_loses_nothing_and_leaves_no_hole(crashing: Lease) -> None:
    setup = await asyncpg.connect(crashing.url)
    await install(setup)
    await setup.close()
    acknowledged: set[UUID] = set()
    cut_off: list[LogUnavailable] = []
    again = asyncio.Event()
    async with await PostgresLog.open(crashing.url) as log:
        following = asyncio.create_task(_followed_persistently(log, 400))
        appending = [
            asyncio.create_task(_append_until_cut_off(log, acknowledged, cut_off, again))
            for _ in range(8)
        ]
        with stock_recorder(crashing.url) as recorder:
            for _ in range(3):  # so that the sequence has numbers in hand that a crash forgets
                await asyncio.to_thread(recorder.insert_events, [stored(uuid4())])
        await wait_until(lambda: len(acknowledged) > 100)
        server = postmaster_pid(crashing.data)
        assert server is not None
        os.kill(server, signal.SIGKILL)
        await wait_until(lambda: len(cut_off) == len(appending))
        await asyncio.to_thread(crashing.revive)
        again.set()
        await asyncio.gather(*appending)

        with stock_recorder(crashing.url) as recorder:
            await asyncio.to_thread(recorder.insert_events, [stored(uuid4())])
        while await log.head() < 400:
            await append(log, [one(uuid4())])
        rows = await log.read_after(0, 10_000)
        assert positions(rows) == list(range(1, len(rows) + 1))
        assert acknowledged <= {row.event_id for row in rows}
        assert await following == list(range(1, 401))


async def _has(log: PostgresLog, stream: UUID) -> bool:
    return bool((await log.read_streams([stream]))[stream])


async def _append_until_cut_off(
    log: PostgresLog, noted: set[UUID], cut_off: list[LogUnavailable], again: asyncio.Event
) -> None:
    """And once more when the server is back: the log finds its way by itself."""
    try:
        while True:
            await _append_one(log, noted)
    except LogUnavailable as error:
        cut_off.append(error)
    await again.wait()
    await _append_one(log, noted)


async def _append_one(log: PostgresLog, noted: set[UUID]) -> None:
    new = one(uuid4())
    await append(log, [new])
    noted.add(new.event_id)


async def _followed_persistently(log: PostgresLog, count: int) -> list[int]:
    """As a projection does: when the log is away, again from where it was."""
    seen: list[int] = []
    while len(seen) < count:
        with suppress(LogUnavailable):
            async for page in log.follow(seen[-1] if seen else 0, 10):
                seen += positions(page)
                if len(seen) >= count:
                    break
        await asyncio.sleep(0.001)
    return seen[:count]


async def _all_pages(log: PostgresLog) -> None:
    async for _ in log.follow(0, 10):
        pass


async def test_a_connection_that_could_not_be_made_ready_is_not_kept(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = binary_arrays.exchange
    tries = 0

    async def first_fails(connection: asyncpg.Connection) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("unknown type: public.rostra_uuids")
        await ready(connection)

    monkeypatch.setattr(binary_arrays, "exchange", first_fails)
    async with await PostgresLog.open(database_url) as log:
        with pytest.raises(ValueError, match="unknown type"):
            await append(log, [one(uuid4())])
        assert await append(log, [one(uuid4())]) == [Appended(1, 1)]
