"""A reader who follows `next` sees every comment that was there at the first page exactly once."""

import asyncio
import random
from collections.abc import Iterator

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra.times import Time
from rostra_adapters.postgres.rebuild.run import rebuild
from rostra_projections.comments.rows import COMMENTS as COMMENTS_TABLE
from rostra_projections.cursors import Cursor, CursorRefused, encode_cursor, peek_cursor
from rostra_projections.listing import LastKey, Listing
from rostra_projections.responses.shapes import Viewer
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
