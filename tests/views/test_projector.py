"""The projector: sums of votes and kept rows lead to the same rows and moves as the plain fold."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra.log import Recorded
from rostra.times import Time, to_datetime
from rostra.vote import VoteCast
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.views import projector as projecting
from rostra_adapters.postgres.views.columns import encode, parameter, prepare
from rostra_adapters.postgres.views.projector import Fenced, Projector, states
from rostra_adapters.postgres.views.row_cache import ROW_BYTES, RowCache
from rostra_adapters.postgres.views.row_store import Loaded
from rostra_projections.comments.bulk_votes import VoteSum, VoteSums
from rostra_projections.comments.rows import COUNTS, CountsRow
from rostra_projections.tables import Rows
from support import strategies
from support.effort import examples
from support.views import tables
from support.views.story import Events, Story, pages

Pages = Sequence[Sequence[Recorded]]
_MOVES = """
select discussion, position, comment, shown, pinned, score, best, controversial, hot
from comment_moves order by comment, position"""
_PARKED = "select * from rostra_parked order by view, discussion"


class NoSums(VoteSums):
    """Leaves all votes to the plain fold."""

    def add_rows(self, rows: Iterable[Recorded]) -> list[Recorded]:
        return list(rows)

    def by_comment(self) -> dict[UUID, VoteSum]:
        return {}


async def plainly(connection: Connection, some: Pages) -> None:
    """Fold each page by itself, vote by vote, from rows that are read again."""
    for page in some:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(projecting, "VoteSums", NoSums)
            await tables.fold(connection, [page])


async def written(connection: Connection) -> dict[str, Any]:
    """Everything that projecting writes."""
    return {
        **await tables.dump(connection),
        "moves": [tuple(it) for it in await connection.fetch(_MOVES)],
        "parked": [tuple(it) for it in await connection.fetch(_PARKED)],
    }


def _garbled(row: Recorded) -> Recorded:
    return msgspec.structs.replace(row, state=b"{}")


def _on_another_comment(row: Recorded) -> Recorded:
    vote = msgspec.json.decode(row.state)
    vote["comment"] = vote["comment"][:-4] + "0000"
    return msgspec.structs.replace(row, state=msgspec.json.encode(vote))


def _named_in_capitals(row: Recorded) -> Recorded:
    vote = msgspec.json.decode(row.state)
    vote["comment"] = vote["comment"].upper()
    return msgspec.structs.replace(row, state=msgspec.json.encode(vote))


def _not_ours(row: Recorded) -> Recorded:
    stream = UUID(int=row.stream.int ^ 1 << 77)
    return msgspec.structs.replace(row, stream=stream)


@st.composite
def odd_logs(draw: st.DrawFn) -> list[Recorded]:
    """Draw a log in which some votes are odd, or come before their comments."""
    rows = Story(draw(st.one_of(strategies.conversations(), strategies.upheavals()))).rows
    votes = [number for number, row in enumerate(rows) if row.topic == VoteCast.topic]
    if not votes:
        return list(rows)
    spoil = st.sampled_from([_garbled, _on_another_comment, _named_in_capitals, _not_ours])
    for number in draw(st.lists(st.sampled_from(votes), max_size=2, unique=True)):
        rows[number] = draw(spoil)(rows[number])
    if draw(st.booleans()):
        rows.insert(draw(st.integers(0, votes[0])), rows.pop(votes[0]))
    return [msgspec.structs.replace(row, position=position) for position, row in enumerate(rows, 1)]


@settings(
    deadline=None,
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=odd_logs(), page_events=st.sampled_from([1, 3, 10, 1_000]))
def test_rows_and_moves_are_those_of_the_plain_fold(
    database_url: str, rows: list[Recorded], page_events: int
) -> None:
    some = pages(rows, page_events)

    async def run() -> None:
        async with tables.emptied(database_url) as pool, pool.acquire() as connection:
            await plainly(connection, some)
            expected = await written(connection)
            await tables.empty(connection)
            await tables.fold(connection, some)
            assert await written(connection) == expected

    asyncio.run(run())


# -- rows that are kept


def _story() -> Story:
    events = Events()
    story = Story([events.opened(), *(events.posted(f"c{n}") for n in range(3))])
    for voter in range(6):
        story.tell([events.vote(f"c{n}", f"v{voter}") for n in range(3)])
    return story


@asynccontextmanager
async def projected(url: str) -> AsyncIterator[tuple[Connection, Projector, Pages]]:
    """Yield a projector that has read all but the last pages of three votes, and those."""
    first, *later = [_story().rows[:10], *pages(_story().rows[10:], 3)]
    async with tables.emptied(url) as pool, pool.acquire() as connection:
        projector = await Projector.begin(connection)
        for page in (first, later.pop(0)):
            await projector.project(await states(connection), page)
        yield connection, projector, later


async def _expected(connection: Connection) -> dict[str, Any]:
    """What the plain fold makes of the whole story."""
    await tables.empty(connection)
    await plainly(connection, pages(_story().rows, 3))
    return await tables.dump(connection)


async def test_a_page_of_votes_on_comments_that_were_just_voted_on_is_one_statement(
    database_url: str,
) -> None:
    async with projected(database_url) as (connection, projector, later):
        standing, said = await states(connection), []
        connection.add_query_logger(lambda record: said.append(record.query))
        await projector.project(standing, later[0])
        await asyncio.sleep(0)  # the driver tells its loggers soon
        assert len(said) == 1, said


async def test_rows_are_read_again_after_another_projector_has_written(database_url: str) -> None:
    async with projected(database_url) as (connection, projector, later):
        old = await states(connection)
        await (await Projector.begin(connection)).project(old, later[0])
        with pytest.raises(Fenced):
            await projector.project(old, later[0])
        for page in later[1:]:
            await projector.project(await states(connection), page)
        found = await tables.dump(connection)
        assert found == await _expected(connection)


async def test_rows_are_read_again_where_another_projector_wrote_unnoticed(
    database_url: str,
) -> None:
    async with projected(database_url) as (connection, projector, later):
        await (await Projector.begin(connection)).project(await states(connection), later[0])
        for page in later[1:]:
            await projector.project(await states(connection), page)
        found = await tables.dump(connection)
        assert found == await _expected(connection)


async def test_rows_are_read_again_after_an_error(database_url: str) -> None:
    async with projected(database_url) as (connection, projector, later):
        standing = await states(connection)
        version = next(it.version for it in standing if it.name == "comments")
        bar = f"alter table comment_ranks_v{version} add constraint no check (up < 4)"
        await connection.execute(bar)
        with pytest.raises(asyncpg.CheckViolationError):
            await projector.project(standing, later[0])
        await connection.execute(f"alter table comment_ranks_v{version} drop constraint no")
        for page in later:
            await projector.project(await states(connection), page)
        found = await tables.dump(connection)
        assert found == await _expected(connection)


async def test_a_rebuilt_view_is_fenced_and_its_rows_are_read_again(database_url: str) -> None:
    async with projected(database_url) as (connection, projector, later):
        old = await states(connection)
        await tables.record(connection, [row for row in _story().rows if row.position <= 13])
        assert {done.equal for done in await rebuild(database_url)} == {True}
        with pytest.raises(Fenced):
            await projector.project(old, later[0])
        for page in later:
            await projector.project(await states(connection), page)
        found = await tables.dump(connection)
        assert found == await _expected(connection)


def test_row_cache_are_bounded_and_those_used_last_stay() -> None:
    kept, version = RowCache(bytes_max=40 * ROW_BYTES), 1
    hot = UUID(int=1)
    for number in range(2, 200):
        rows = Rows([COUNTS])
        loaded: Loaded = {}
        kept.pop(COUNTS, version, [hot], rows, loaded)
        for id_ in (hot, UUID(int=number)):
            row = rows.of(COUNTS).setdefault(id_, CountsRow(id_, None))
            loaded[id_] = msgspec.structs.astuple(row)
        kept.put(COUNTS, version, rows, loaded)
    every = [UUID(int=number) for number in range(1, 200)]
    missing = kept.pop(COUNTS, version, every, Rows([COUNTS]), {})
    assert hot not in missing
    assert len(missing) >= len(every) - 42


# -- columns


@pytest.mark.parametrize(
    ("of", "values"),
    [
        ("uuid", [UUID(int=2**127 + 1), None, UUID(int=0)]),
        ("text", ["", None, "çok güzel 🙂"]),
        ("bytea", [b"", None, b"\x00\xff"]),
        ("boolean", [True, None, False]),
        ("smallint", [-(2**15), None, 2**15 - 1]),
        ("integer", [-(2**31), None, 2**31 - 1]),
        ("bigint", [-(2**63), None, 2**63 - 1]),
        ("double precision", [0.1, None, -1e300]),
    ],
)
async def test_columns_are_what_the_driver_reads(
    database: Connection, of: str, values: list[Any]
) -> None:
    await prepare(database)
    query = f"select {parameter(of, 1)}"
    for some in (values, values[:1], []):
        assert await database.fetchval(query, encode(of, some)) == some


async def test_times_are_stored_as_the_driver_stores_them(database: Connection) -> None:
    await prepare(database)
    times = [
        "0001-01-01T00:00:00.000000Z",
        "1999-12-31T23:59:59.999999Z",
        "2026-11-22T15:16:10.000001Z",
        "9999-12-31T23:59:59.999999Z",
    ]
    query = f"select {parameter('timestamptz', 1)} is not distinct from $2::timestamptz[]"
    moments = [None, *map(to_datetime, map(Time, times))]
    assert await database.fetchval(query, encode("timestamptz", [None, *times]), moments)
