"""Others who write to the same table, each in its own way, and a reader who misses nothing."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from rostra.ids import Position, StreamId
from rostra.log import Recorded
from rostra_adapters.postgres import PostgresLog, create_pool
from rostra_adapters.postgres.log import gaps as holes
from support.appending import Appended, Stale, append
from support.log_examples import followed, one, positions
from support.stock_logs import stock_recorder, stored

INSERT = """
insert into stored_events (originator_id, originator_version, topic, state)
values ($1, 1, 'foreign', 'x')
"""
BURN = "select nextval('stored_events_notification_id_seq')"
HEAD = "select max(notification_id) from stored_events"


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_a_stock_recorder_reads_our_log_and_we_read_what_it_appends(
    postgres_log: PostgresLog, database_url: str
) -> None:
    ours, foreign = uuid4(), uuid4()
    await append(postgres_log, [one(ours)])

    with stock_recorder(database_url) as recorder:
        [seen] = recorder.select_notifications(1, 10)
        assert (seen.id, seen.originator_id, seen.topic, seen.state) == (1, ours, "told", b"{}")
        recorder.insert_events([stored(foreign), stored(ours, 2)])

    expected = Recorded(Position(2), StreamId(foreign), 1, "foreign", b"not even json", None, None)
    assert (await followed(postgres_log, 1, 1))[0] == expected
    assert (await postgres_log.read_streams([foreign]))[foreign] == [expected]
    assert await append(postgres_log, [one(ours, 2), one(ours, 3)]) == [Stale(), Stale()]
    assert await append(postgres_log, [one(ours, 3)]) == [Appended(4, 4)]


async def test_a_stock_writer_beside_ours_hides_nothing_from_a_reader(
    postgres_log: PostgresLog, database_url: str
) -> None:
    with stock_recorder(database_url) as recorder:
        theirs = [
            asyncio.to_thread(recorder.insert_events, [stored(uuid4()), stored(uuid4())])
            for _ in range(150)
        ]
        ours = [_append_in_turn(postgres_log, 50) for _ in range(12)]
        await _nothing_is_missed(postgres_log, database_url, 300 + 600, *theirs, *ours)
    assert postgres_log.holes == 0


async def test_a_writer_that_takes_no_lock_hides_nothing_from_a_reader(
    postgres_log: PostgresLog, database_url: str, pool: asyncpg.Pool
) -> None:
    async def careless() -> None:
        for _ in range(50):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(INSERT, uuid4())
                await asyncio.sleep(0)  # where it would be overtaken
                await connection.execute(INSERT, uuid4())

    ours = [_append_in_turn(postgres_log, 50) for _ in range(12)]
    await _nothing_is_missed(
        postgres_log, database_url, 400 + 600, *(careless() for _ in range(4)), *ours
    )
    assert postgres_log.holes == 0


async def test_two_processes_agree_on_who_was_first(
    postgres_log: PostgresLog, database_url: str
) -> None:
    stream = uuid4()
    async with await PostgresLog.open(database_url) as another:
        for version in range(1, 21):
            both = await asyncio.gather(
                *(append(log, [one(stream, version)]) for log in (postgres_log, another))
            )
            assert sorted(type(answer).__name__ for [answer] in both) == ["Appended", "Stale"]
    assert positions(await postgres_log.read_after(0, 100)) == list(range(1, 21))


async def test_a_foreign_writer_that_rolls_back_leaves_no_hole(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    await _roll_back(database, "read_committed")
    await database.execute(INSERT, uuid4())
    await _roll_back(database, "read_committed")
    await append(postgres_log, [one(uuid4())])
    await _roll_back(database, "read_committed")
    await database.execute(INSERT, uuid4())

    assert positions(await postgres_log.read_after(0, 10)) == [1, 2, 3]


async def test_a_hole_is_proved_dead_counted_once_and_passed_over(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    await append(postgres_log, [one(uuid4())])
    # Its snapshot may be older than the lock, so it takes the next number as it comes.
    async with database.transaction(isolation="repeatable_read"):
        await database.execute(BURN)
        await database.execute(INSERT, uuid4())

    for _ in range(2):
        assert positions(await postgres_log.read_after(0, 10)) == [1, 3]
    assert positions(await followed(postgres_log, 1, 1)) == [3]
    assert postgres_log.holes == 1
    assert await append(postgres_log, [one(uuid4())]) == [Appended(4, 4)]


@pytest.mark.parametrize("ending", ["commit", "rollback"])
async def test_a_gap_that_someone_may_fill_is_waited_for(
    postgres_log: PostgresLog,
    database: asyncpg.Connection,
    other: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    monkeypatch.setattr(holes, "PROOF_SECONDS_MAX", 0.05)
    await database.execute("alter table stored_events disable trigger rostra_one_writer")
    await database.execute("begin")
    await database.execute(INSERT, uuid4())
    await other.execute(INSERT, uuid4())

    assert await postgres_log.read_after(0, 10) == []
    monkeypatch.setattr(holes, "PROOF_SECONDS_MAX", 20.0)
    reading = asyncio.create_task(postgres_log.read_after(0, 10))
    await database.execute(ending)
    assert positions(await reading) == ([1, 2] if ending == "commit" else [2])
    assert postgres_log.holes == (ending == "rollback")


async def test_vacuum_and_analyze_get_their_turn_and_hold_up_nobody(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    appending = [asyncio.create_task(_append_for_ever(postgres_log)) for _ in range(12)]
    for _ in range(5):
        before = await postgres_log.head()
        for statement in ("vacuum stored_events", "analyze stored_events"):
            await database.execute(statement, timeout=20)
        async with asyncio.timeout(60):
            await followed(postgres_log, before, 20)
    for task in appending:
        task.cancel()
    assert all(
        isinstance(result, asyncio.CancelledError)
        for result in await asyncio.gather(*appending, return_exceptions=True)
    )


async def test_appends_go_on_while_a_vacuum_holds_the_table(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    async with database.transaction():  # the lock that vacuum and analyze take
        await database.execute("lock table stored_events in share update exclusive mode")
        assert await append(postgres_log, [one(uuid4())]) == [Appended(1, 1)]
        await database.execute(BURN)
        assert positions(await postgres_log.read_after(0, 10)) == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "update stored_events set topic = 'x'",
        "update stored_events set topic = 'x' where false",
        "delete from stored_events",
        "truncate stored_events",
        """
        insert into stored_events select * from stored_events
        on conflict (notification_id) do update set topic = 'x'
        """,
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_what_the_log_holds_is_never_changed(
    postgres_log: PostgresLog, database: asyncpg.Connection, statement: str, role: str
) -> None:
    await append(postgres_log, [one(uuid4())])
    await database.execute(f"set session_replication_role = {role}")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
        await database.execute(statement)
    assert len(await postgres_log.read_after(0, 10)) == 1


async def test_a_clock_that_goes_back_is_not_followed(
    postgres_log: PostgresLog, database: asyncpg.Connection
) -> None:
    insert = """
    insert into stored_events (originator_id, originator_version, topic, state, metadata)
    values (gen_random_uuid(), 1, 'foreign', 'x', $1)
    """
    ahead = "2999-01-01T00:00:00.000000Z"
    for metadata in (f'{{"at": "{ahead}"}}', '{"at": "zzz"}', '{"at": 7}', "[]", None):
        await database.execute(insert, metadata)
    await append(postgres_log, [one(uuid4())])

    last = (await postgres_log.read_after(5, 1))[0]
    assert last.metadata == f'{{"at": "{ahead}"}}'


async def _roll_back(database: asyncpg.Connection, isolation: str) -> None:
    transaction = database.transaction(isolation=isolation)  # type: ignore[arg-type]
    await transaction.start()
    await database.execute(INSERT, uuid4())
    await transaction.rollback()


async def _append_in_turn(log: PostgresLog, count: int) -> None:
    stream = uuid4()
    for version in range(1, count + 1):
        [answer] = await append(log, [one(stream, version)])
        assert isinstance(answer, Appended)


async def _append_for_ever(log: PostgresLog) -> None:
    stream, version = uuid4(), 0
    while True:
        version += 1
        [answer] = await append(log, [one(stream, version)])
        assert isinstance(answer, Appended)


async def _nothing_is_missed(log: PostgresLog, url: str, count: int, *writers: object) -> None:
    """By our follower, nor by one that simply asks for what is after the last it saw."""
    following = asyncio.create_task(followed(log, 0, count))
    tailing = asyncio.create_task(_tailed(url, count))
    await asyncio.gather(*writers)  # type: ignore[call-overload]
    everything = list(range(1, count + 1))
    assert positions(await following) == everything
    assert await tailing == everything


async def _tailed(url: str, count: int) -> list[int]:
    seen: list[int] = []
    pool = await create_pool(url, size_max=1)
    while len(seen) < count:
        rows = await pool.fetch(
            "select notification_id from stored_events where notification_id > $1 order by 1",
            seen[-1] if seen else 0,
        )
        seen += [row[0] for row in rows]
        assert seen == sorted(seen)
    await pool.close()
    return seen
