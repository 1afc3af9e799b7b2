"""Operational state: the same on every backend, between processes where there are such."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra.times import Time
from rostra_adapters.application.operational import Demand, MemoryOperational, Operational
from rostra_adapters.postgres import operational as tables
from rostra_adapters.postgres import schema
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.operational import PostgresOperational

SITE, OTHER_SITE = "gazette", "courier"
COMMENT = UUID(int=1)
PAST = Time("2020-01-01T00:00:00.000000Z")
TODAY, YESTERDAY, ELSEWHERE = b"today", b"yesterday", b"elsewhere"

Opened = tuple[Operational, Operational]


@pytest.fixture(params=["postgres", "memory"])
async def both(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Opened]:
    """As two processes see it, where the backend has more than one."""
    if request.param == "memory":
        alone = MemoryOperational()
        yield alone, alone
        return
    async with AsyncExitStack() as stack:
        pools = [await create_pool(database_url) for _ in range(2)]
        for pool in pools:
            stack.push_async_callback(pool.close)
        yield PostgresOperational(pools[0]), PostgresOperational(pools[1])


def of(bucket: bytes, cost: float = 10.0, window: float = 30.0) -> Demand:
    return Demand(bucket, cost, window)


async def test_a_bucket_has_room_for_a_burst_and_then_says_how_long_to_wait(both: Opened) -> None:
    here, there = both
    for state in (here, there, here):
        assert await state.charge([of(b"ann")]) is None
    refused = await there.charge([of(b"ann")])
    assert refused is not None
    assert refused.number == 0
    assert 0 < refused.wait_seconds <= 10
    assert await here.charge([of(b"bob")]) is None


async def test_every_bucket_must_have_room_or_none_gives_any(both: Opened) -> None:
    here, _ = both
    for _ in range(3):
        assert await here.charge([of(b"office")]) is None
    for _ in range(5):  # what is refused takes nothing of ann's
        refused = await here.charge([of(b"ann"), of(b"office", 10, 30)])
        assert refused is not None
        assert refused.number == 1
    for _ in range(3):
        assert await here.charge([of(b"ann")]) is None
    assert await here.charge([of(b"ann")]) is not None
    assert await here.charge([]) is None


async def test_of_many_at_once_as_many_are_granted_as_there_is_room_for(both: Opened) -> None:
    names = [b"ann", b"office"]
    taken = await asyncio.gather(
        *(
            state.charge([of(name, 1_000, 10_000) for name in order])
            for _ in range(15)
            for state in both
            for order in (names, names[::-1])  # nobody waits for each other
        )
    )
    assert sum(one is None for one in taken) == 10


async def test_a_bucket_fills_again() -> None:
    now = [0.0]
    state = MemoryOperational(lambda: now[0])
    for _ in range(3):
        assert await state.charge([of(b"ann")]) is None
    refused = await state.charge([of(b"ann")])
    assert refused is not None
    assert refused.wait_seconds == 10
    now[0] = 10.0
    assert await state.charge([of(b"ann")]) is None
    assert await state.charge([of(b"ann")]) is not None


async def test_an_address_votes_once_whichever_guest_it_is(both: Opened) -> None:
    here, there = both
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY, YESTERDAY], "g1")).outcome == "made"
    assert (await there.reserve_vote(SITE, COMMENT, [TODAY, YESTERDAY], "g1")).outcome == "own"
    assert (await there.reserve_vote(SITE, COMMENT, [TODAY, YESTERDAY], "g2")).outcome == "taken"
    assert (await there.reserve_vote(SITE, COMMENT, [ELSEWHERE], "g2")).outcome == "made"
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY], "g2")).outcome == "own"  # on the move
    assert (await here.reserve_vote(SITE, UUID(int=2), [TODAY], "g2")).outcome == "made"
    tomorrow = [b"tomorrow", TODAY, YESTERDAY]
    assert (await here.reserve_vote(SITE, COMMENT, tomorrow, "g3")).outcome == "taken"


async def test_of_two_at_once_one_is_the_vote(both: Opened) -> None:
    for _ in range(20):
        comment = uuid4()
        made = await asyncio.gather(
            *(
                state.reserve_vote(SITE, comment, [TODAY], f"g{n}")
                for n, state in enumerate(both * 3)
            )
        )
        outcomes = sorted(reservation.outcome for reservation in made)
        assert outcomes == ["made", *["taken"] * 5]


async def test_what_is_released_may_be_taken_again(both: Opened) -> None:
    here, there = both
    made = await here.reserve_vote(SITE, COMMENT, [TODAY], "g1")
    await here.release_vote(made)
    again = await there.reserve_vote(SITE, COMMENT, [TODAY], "g2")
    assert again.outcome == "made"
    await here.release_vote(made)  # of another's nothing is released
    own = await here.reserve_vote(SITE, COMMENT, [TODAY], "g2")
    await there.release_vote(again)  # nor where the guest has voted again since
    await here.release_vote(own)
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY], "g3")).outcome == "taken"


async def test_nothing_is_left_of_who_is_forgotten(both: Opened) -> None:
    here, there = both
    await here.reserve_vote(SITE, COMMENT, [TODAY], "g1")
    await here.reserve_vote(SITE, COMMENT, [ELSEWHERE], "g2")
    for name in (b"g1", b"g2"):
        assert await here.charge([of(name, 30)]) is None
    await there.forget([(SITE, "g1")], [b"g1"])
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY], "g3")).outcome == "made"
    assert (await here.reserve_vote(SITE, COMMENT, [ELSEWHERE], "g4")).outcome == "taken"
    assert await here.charge([of(b"g1", 30)]) is None
    assert await here.charge([of(b"g2", 30)]) is not None


async def test_a_site_forgets_none_of_another_sites_guests(both: Opened) -> None:
    here, there = both
    until = Time("2999-01-01T00:00:00.000000Z")
    await here.reserve_vote(SITE, COMMENT, [TODAY], "g1")
    await here.note_guest(SITE, "g1", [TODAY])
    await here.ban_guest(SITE, "g1", until)
    await there.forget([(OTHER_SITE, "g1")], [])
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY], "g2")).outcome == "taken"
    assert await here.note_guest(SITE, "g2", [TODAY]) == until
    await there.forget([(SITE, "g1")], [])
    assert (await here.reserve_vote(SITE, COMMENT, [TODAY], "g2")).outcome == "made"
    assert await here.note_guest(SITE, "g2", [TODAY]) is None
    await here.ban_guest(SITE, "g1", until)  # the addresses are forgotten, too
    assert await here.note_guest(SITE, "g2", [TODAY]) is None


async def test_each_guests_ban_of_an_address_counts_by_itself(both: Opened) -> None:
    here, there = both
    long, short = Time("2999-02-01T00:00:00.000000Z"), Time("2999-01-01T00:00:00.000000Z")
    for guest in ("g1", "g2"):
        await here.note_guest(SITE, guest, [TODAY])
    await here.ban_guest(SITE, "g1", long)
    await there.ban_guest(SITE, "g2", short)
    assert await here.note_guest(SITE, "g3", [TODAY]) == long
    await here.unban_guest(SITE, "g2")
    assert await there.note_guest(SITE, "g3", [TODAY]) == long
    await here.ban_guest(SITE, "g2", short)
    await there.unban_guest(SITE, "g1")
    assert await here.note_guest(SITE, "g3", [TODAY]) == short
    await here.ban_guest(SITE, "g2", long)  # a ban of the same guest is changed
    assert await there.note_guest(SITE, "g3", [TODAY]) == long


async def test_an_expired_ban_leaves_those_of_other_guests(database_url: str) -> None:
    pool = await create_pool(database_url)
    try:
        state = PostgresOperational(pool)
        for guest, until in (("g1", Time("2999-01-01T00:00:00.000000Z")), ("g2", PAST)):
            await state.note_guest(SITE, guest, [TODAY])
            await state.ban_guest(SITE, guest, until)
        await state.prune()
        left = await pool.fetch("select guest from public.rostra_banned_addresses")
        assert [row[0] for row in left] == ["g1"]
    finally:
        await pool.close()


async def test_votes_are_kept_for_thirty_days(database_url: str) -> None:
    now = [0.0]
    memory = MemoryOperational(lambda: now[0])
    pool = await create_pool(database_url)
    try:
        postgres = PostgresOperational(pool)
        states: list[Operational] = [memory, postgres]
        for state in states:
            await state.reserve_vote(SITE, COMMENT, [TODAY], "g1")
            await state.charge([of(b"ann", 0.0)])
            await state.charge([of(b"bob", 10_000, 10_000)])
        for days, outcome in ((29, "taken"), (2, "made")):
            now[0] += days * 86_400
            await pool.execute(
                "update public.rostra_guest_votes set reserved_at = reserved_at - $1::interval",
                timedelta(days=days),
            )
            await postgres.prune()
            for state in states:
                assert (
                    await state.reserve_vote(SITE, COMMENT, [TODAY], f"g{days}")
                ).outcome == outcome
        left = await pool.fetch("select bucket from public.rostra_write_limits")
        assert [row[0] for row in left] == [b"bob"]
    finally:
        await pool.close()


def test_what_is_kept_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from rostra_adapters.application import operational

    monkeypatch.setattr(operational, "BUCKETS_KEPT_MAX", 10)
    monkeypatch.setattr(operational, "VOTES_KEPT_MAX", 10)
    state = MemoryOperational()

    async def fill() -> None:
        for number in range(50):
            await state.charge([of(str(number).encode())])
            await state.reserve_vote(SITE, UUID(int=number), [TODAY], "g")

    asyncio.run(fill())
    assert len(state._full_at) == len(state._votes) == len(state._by_address) == 10


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (tables.RELEASE, [uuid4(), "g", uuid4()], "rostra_guest_votes_pkey"),
        (tables.FORGET_VOTES, [["s"], ["g"]], "rostra_guest_votes_guests"),
        (tables.FORGET_BUCKETS, [[b"b"]], "rostra_write_limits_pkey"),
    ],
)
async def test_rows_are_found_by_index(
    database_url: str, statement: str, arguments: list[object], index: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("set enable_seqscan = off")
        rows = await connection.fetch(f"explain {statement}", *arguments)
    finally:
        await connection.close()
    assert index in "\n".join(row[0] for row in rows)


async def test_the_tables_are_those_that_are_listed(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        found = await connection.fetch(
            "select relname, relpersistence::text from pg_class where relname = any($1::text[])",
            list(schema.OPERATIONAL_TABLES),
        )
        for function in schema.OPERATIONAL_FUNCTIONS:
            assert await connection.fetchval("select to_regprocedure($1)", f"public.{function}")
    finally:
        await connection.close()
    kinds = dict(map(tuple, found))
    assert kinds.keys() == set(schema.OPERATIONAL_TABLES)
    assert [name for name, kind in kinds.items() if kind == "u"] == ["rostra_write_limits"]
