"""A reader who follows `next` sees every comment that was there at the first page exactly once."""

import asyncio
import random
from collections.abc import Iterator, Sequence

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra.log import Recorded
from rostra.settings import Order
from rostra.times import Time
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.projector import park, states
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_projections.comments.rows import COMMENTS as COMMENTS_TABLE
from rostra_projections.cursors import Cursor, CursorRefused, encode_cursor, peek_cursor
from rostra_projections.listing import LastKey, Listing, ListKind
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import Viewer
from rostra_projections.views import VIEWS, Parked
from support import strategies
from support.effort import examples
from support.memory import LOG_ID
from support.model import Act
from support.views import tables
from support.views.readers import InMemory, InPostgres, Reader, Views, some_listings
from support.views.story import DISCUSSION, Events, Story, comment, page_of
from views.test_views_agree import VIEWERS

COMMENTS, REPLIES = 1_000, 60
PARENTS, PASSAGES = ("c3", "c500"), ("p0", "p1")
MODERATOR = Viewer(moderator=True)


@pytest.fixture(params=["memory", "postgres"])
def views(request: pytest.FixtureRequest) -> Views:
    if request.param == "memory":
        return InMemory()
    return InPostgres(request.getfixturevalue("pool"))


def _a_long_discussion(events: Events, chance: random.Random) -> Iterator[Act]:
    yield events.opened()
    for key in PASSAGES:
        yield events.marked(key)
    for number in range(COMMENTS):
        on = {"passage": chance.choice(PASSAGES)} if number % 7 == 0 else {}
        status = {"status": "held"} if number % 23 == 5 else {}
        yield events.posted(f"c{number}", by=f"a{number % 9}", **on, **status)
    for number in range(REPLIES):
        yield events.posted(f"r{number}", by="bob", parent=chance.choice(PARENTS))
    for _ in range(300):
        yield _a_vote(events, chance)
    for key in ("c3", "c40", "c41"):
        yield events.on("pinned", key)


def _a_vote(events: Events, chance: random.Random) -> Act:
    key = chance.choice([f"c{chance.randrange(COMMENTS)}", f"r{chance.randrange(REPLIES)}"])
    return events.vote(key, f"v{chance.randrange(20)}", chance.choice([1, 1, -1, 0]))


def _between_pages(events: Events, chance: random.Random, page: int) -> Iterator[Act]:
    for _ in range(50):
        yield _a_vote(events, chance)
    for number in range(3):
        yield events.posted(f"new{page}-{number}", by="cem")
    yield events.posted(f"newr{page}", by="cem", parent=PARENTS[0])
    for verb in ("removed", "removed", "restored", "approved", "rejected", "pinned", "unpinned"):
        yield events.on(verb, f"c{chance.randrange(COMMENTS)}")
    yield events.on("removed", f"r{chance.randrange(REPLIES)}")


def _of_passages() -> list[Listing]:
    return [each for each in some_listings(marked=PASSAGES[:1]) if each.passage is not None]


@pytest.mark.slow
async def test_nothing_is_missed_or_repeated_while_votes_and_comments_land_between_the_pages(
    views: Views,
) -> None:
    events, chance = Events(), random.Random(7)
    story = Story(list(_a_long_discussion(events, chance)), judged=False)
    await views.fold(story.rows)
    readers = [Reader(story, views, Listing("top", DISCUSSION, "most_voted"))]
    readers += [Reader(story, views, each, limit=120) for each in some_listings(PARENTS[:1])]
    readers += [Reader(story, views, each, limit=20) for each in _of_passages()]
    readers += [
        Reader(story, views, Listing(kind, DISCUSSION, order), viewer, limit=150)
        for kind in ("top", "flat")
        for order in ("newest", "most_voted")
        for viewer in (MODERATOR, Viewer("a1"))
    ]
    for reader in readers:
        await reader.begin()
    page = 0
    while not all(reader.done for reader in readers):
        page += 1
        told = len(story.rows)
        story.tell(list(_between_pages(events, chance, page)))
        await views.fold(story.rows[told:])
        for reader in readers:
            await reader.go_on()
    for reader in readers:
        reader.assert_saw_each_once()
    assert len(readers[0].there) > COMMENTS * 0.9
    assert page > COMMENTS * 0.9 / 20 - 1


interleaved = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _read_between(data: st.DataObject, story: Story, views: Views) -> None:
    sequence = data.draw(strategies.conversations())
    batches = data.draw(strategies.batches(sequence))
    limit, viewer = data.draw(st.integers(1, 3)), data.draw(st.sampled_from(VIEWERS))
    begun: list[Reader] = []
    for batch in batches:
        told = len(story.rows)
        story.tell(batch)
        await views.fold(story.rows[told:])
        for reader in begun:
            await reader.go_on()
        for listing in some_listings(["c0"], ["p0"]):
            reader = Reader(story, views, listing, viewer, limit)
            await reader.begin()
            begun.append(reader)
    for reader in begun:
        await reader.to_the_end()
        reader.assert_saw_each_once()


@settings(interleaved, max_examples=examples(40))
@given(data=st.data())
def test_whatever_happens_between_pages_in_memory(data: st.DataObject) -> None:
    asyncio.run(_read_between(data, Story(), InMemory()))


@settings(interleaved, max_examples=examples(5))
@given(data=st.data())
def test_whatever_happens_between_pages_in_postgresql(
    database_url: str, data: st.DataObject
) -> None:
    async def run() -> None:
        async with tables.emptied(database_url) as pool:
            await _read_between(data, Story(), InPostgres(pool))

    asyncio.run(run())


# -- pages from views of two versions


class _Version:
    """Views of one version of the code, folded from its log in pages of its own."""

    def __init__(self, pool: asyncpg.Pool, lineage: Lineage) -> None:
        self.reads: Reads = PostgresReads(pool, lineage)
        self.position = 0
        self.lineage = lineage.name
        self._pool = pool
        self._lineage = lineage

    async def fold(self, rows: Sequence[Recorded]) -> None:
        if rows:
            async with self._pool.acquire() as connection:
                await tables.fold(connection, [rows], self._lineage)
            self.position = rows[-1].position


def _a_few_acts(events: Events, chance: random.Random, page: int) -> Iterator[Act]:
    yield events.posted(f"new{page}")
    for _ in range(chance.randrange(8)):
        yield events.vote(
            f"c{chance.randrange(9)}", f"v{chance.randrange(2)}", chance.choice([0, 1])
        )
    yield events.on(chance.choice(["removed", "restored", "pinned", "unpinned"]), "c1")


async def _read_on(reader: Reader, version: _Version, story: Story) -> bool:
    """Read the next page there. False if the views of the first page have read more or less."""
    if reader.cursor is None:
        return True
    cursor = peek_cursor(reader.cursor)
    if version.position < cursor.as_of:
        await version.fold(story.rows[version.position :])
    reader.read_on_in(version)
    try:
        await reader.go_on()
    except CursorRefused as refused:
        if refused.name != "cursor-too-old" or cursor.lineage == version.lineage:
            raise
        return False
    return True


async def test_pages_from_views_of_two_versions_are_pages_of_one_list(
    pool: asyncpg.Pool, database: asyncpg.Connection
) -> None:
    events, chance, story = Events(), random.Random(4), Story(judged=False)
    another = Lineage("another", VIEWS)
    await schema.install(database, another)
    versions = [_Version(pool, OURS), _Version(pool, another)]
    story.tell([events.opened(), *(events.posted(f"c{number}") for number in range(30))])
    kinds_and_orders: list[tuple[ListKind, Order]] = [("flat", "most_voted"), ("top", "hot")]
    recorded, readers, refused = 0, list[Reader](), 0
    for page in range(30):
        story.tell(list(_a_few_acts(events, chance, page)))
        await tables.record(database, story.rows[recorded:])
        recorded = len(story.rows)
        for version in versions:
            to = chance.randint(version.position, recorded) if page else recorded
            await version.fold(story.rows[version.position : to])
        for kind, order in kinds_and_orders:
            listing = Listing(kind, DISCUSSION, order)
            readers.append(Reader(story, chance.choice(versions), listing, limit=6))
            await readers[-1].begin()
        for reader in readers:
            version = chance.choice(versions)
            if not await _read_on(reader, version, story):
                assert len({it.position for it in versions}) == 2
                refused += 1
    for reader in readers:
        if reader.done:
            reader.assert_saw_each_once()
    assert sum(reader.done for reader in readers) > 20
    assert refused > 10


async def test_a_version_that_cannot_follow_a_discussion_says_nothing_of_its_lists(
    pool: asyncpg.Pool, database: asyncpg.Connection
) -> None:
    events, story, another = Events(), Story(), Lineage("another", VIEWS)
    await schema.install(database, another)
    versions = [_Version(pool, OURS), _Version(pool, another)]
    story.tell([events.opened(), *(events.posted(f"c{number}") for number in range(9))])
    await tables.record(database, story.rows)
    for version in versions:
        await version.fold(story.rows)
    reader = Reader(story, versions[1], Listing("top", DISCUSSION, "most_voted"), limit=2)
    await reader.begin()
    position = len(story.rows)
    story.tell([events.vote("c3", "v")])
    await tables.record(database, story.rows[position:])
    (theirs,) = await states(database, another, ["comments"])
    await park(database, theirs, Parked(DISCUSSION, position + 1, "unknown"))
    for version in versions:
        await version.fold(story.rows[position:])
    reader.read_on_in(versions[0])
    with pytest.raises(CursorRefused, match="cursor-too-old"):
        await reader.go_on()


# -- a rebuild between two pages


async def _half_read(story: Story, views: Views, events: Events) -> Reader:
    story.tell([events.opened(), *(events.posted(f"c{number}") for number in range(50))])
    await views.fold(story.rows)
    reader = Reader(story, views, Listing("top", DISCUSSION, "most_voted"))
    await reader.begin()
    return reader


async def test_a_rebuild_that_finds_the_view_equal_does_not_disturb_a_reader(
    pool: asyncpg.Pool, database_url: str
) -> None:
    events, story, views = Events(), Story(), InPostgres(pool)
    reader = await _half_read(story, views, events)
    told = len(story.rows)
    story.tell([events.vote(f"c{number}", "v") for number in range(0, 50, 3)])
    await views.fold(story.rows[told:])
    assert {done.equal for done in await rebuild(database_url)} == {True}
    await reader.go_on()
    await rebuild(database_url)
    await reader.to_the_end()
    reader.assert_saw_each_once()


async def test_a_rebuild_that_finds_the_view_changed_ends_the_lists_begun_before(
    pool: asyncpg.Pool, database: asyncpg.Connection, database_url: str
) -> None:
    events, story, views = Events(), Story(), InPostgres(pool)
    await database.execute("select 1")
    reader = await _half_read(story, views, events)
    await database.execute(
        "update comment_ranks_v1 set score = 9"
        " where id = (select id from comments_v1 where key = 'c7')"
    )
    done = {each.view: each.equal for each in await rebuild(database_url)}
    assert [view for view, equal in done.items() if not equal] == ["comments"]
    with pytest.raises(CursorRefused, match="cursor-too-old"):
        await reader.go_on()
    again = Reader(story, views, reader.listing)
    await again.begin()
    await again.to_the_end()
    again.assert_saw_each_once()


async def test_in_memory_too_a_rebuild_ends_lists_only_where_it_finds_a_change() -> None:
    events, story, views = Events(), Story(), InMemory()
    reader = await _half_read(story, views, events)
    views.views.replace(story.in_memory())
    await reader.go_on()
    other = story.in_memory()
    other.rows.of(COMMENTS_TABLE)[comment("c7")].score = 9
    views.views.replace(other)
    with pytest.raises(CursorRefused, match="cursor-too-old"):
        await reader.go_on()


# -- cursors


async def test_a_cursor_is_refused_where_it_does_not_belong() -> None:
    events, story, views = Events(), Story(), InMemory()
    reader = await _half_read(story, views, events)
    reading, cursor = story.reading(views.reads), reader.cursor
    assert cursor is not None

    async def name_of_refusal(text: str, listing: Listing = reader.listing) -> str:
        with pytest.raises(CursorRefused) as refused:
            await page_of(reading, listing, cursor=text, replies=0)
        return refused.value.name

    for forged in ("", "x", "é", cursor[:-3], cursor[3:], cursor + "AAAA", "A" * 3_000, "bnVsbA"):
        assert await name_of_refusal(forged) == "bad-cursor"
    for other in (Listing("flat", DISCUSSION, "most_voted"), Listing("top", DISCUSSION, "best")):
        assert await name_of_refusal(cursor, other) == "bad-cursor"
    mine = peek_cursor(cursor)
    elsewhere = msgspec.structs.replace(mine, log="00000000-0000-4000-8000-000000000002")
    assert await name_of_refusal(encode_cursor(elsewhere)) == "log-changed"
    views.views.forget_moves()
    await page_of(reading, reader.listing, cursor=cursor, replies=0)
    story.tell([events.vote("c7", "v")])
    views.views.apply(story.rows[-1:])
    views.views.forget_moves()
    assert await name_of_refusal(cursor) == "cursor-too-old"


@pytest.mark.parametrize(
    "last",
    [
        LastKey(False, 1e300, Time("2026-11-22T08:00:00.000000Z"), 1),
        LastKey(False, 1, Time("2026-11-22"), 1),
        LastKey(False, 1, Time("2026-99-22T08:00:00.000000Z"), 1),
        LastKey(False, 1, Time("2026-11-22T08:00:00.000000Z"), 2**70),
    ],
)
def test_a_forged_key_that_no_column_holds_is_refused(last: LastKey) -> None:
    listing = Listing("top", DISCUSSION, "most_voted")
    with pytest.raises(CursorRefused, match="bad-cursor"):
        peek_cursor(encode_cursor(Cursor(str(LOG_ID), 0, listing, 1, last)))
