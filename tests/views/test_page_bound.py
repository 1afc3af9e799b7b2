"""A page holds a bounded number of comments, however many replies are asked for."""

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from rostra.limits import PAGE_COMMENTS_MAX
from rostra_adapters.postgres.views.queries import comment_lists as comments_sql
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_projections import memory
from rostra_projections.cursors import peek_cursor
from rostra_projections.listing import Listing
from rostra_projections.query_port import Page
from rostra_projections.responses.shapes import ANYONE, CommentShape, Viewer
from rostra_projections.responses.threads import all_rows
from support.cases import first_is_quick
from support.model import Act
from support.views.readers import InMemory, InPostgres, Views
from support.views.story import DISCUSSION, Events, Story, comment, page_of, pages

TOP, REPLIES = 60, 1_500
VIEWERS = [ANYONE, Viewer("a1"), Viewer("nobody"), Viewer(moderator=True)]
LISTINGS = [
    Listing("top", DISCUSSION, "newest"),
    Listing("top", DISCUSSION, "most_voted"),
    Listing("replies", DISCUSSION, "oldest", parent=comment("c0")),
]


def _many_replies(events: Events, chance: random.Random) -> Iterator[Act]:
    yield events.opened()
    keys = [f"c{number}" for number in range(TOP)]
    for key in keys:
        yield events.posted(key, by="ann")
    for number in range(REPLIES):
        parent = keys[0] if number % 5 == 0 else chance.choice(keys)
        held = {"status": "held"} if number % 17 == 3 else {}
        yield events.posted(f"r{number}", by=f"a{number % 5}", parent=parent, **held)
        if not held:
            keys.append(f"r{number}")
    yield events.on("pinned", "c7")


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(list(_many_replies(Events(), random.Random(3))))


@pytest.fixture(params=["memory", "postgres"])
def views(request: pytest.FixtureRequest) -> Views:
    if request.param == "memory":
        return InMemory()
    return InPostgres(request.getfixturevalue("pool"))


def _all_shapes(shapes: list[CommentShape]) -> Iterator[CommentShape]:
    for shape in shapes:
        yield shape
        yield from _all_shapes(shape.children or [])


@pytest.mark.parametrize("viewer", first_is_quick(VIEWERS))
async def test_a_page_holds_at_most_so_many_comments_and_says_where_the_rest_is(
    story: Story, views: Views, viewer: Viewer
) -> None:
    await views.fold(story.rows)
    reading = story.reading(views.reads)
    seen: list[UUID] = []

    async def read(listing: Listing, cursor: str | None) -> None:
        while True:
            page = await page_of(reading, listing, viewer, limit=100, cursor=cursor, replies=100)
            shapes = list(_all_shapes(page.comments))
            assert len(shapes) <= PAGE_COMMENTS_MAX
            seen.extend(shape.id for shape in shapes)
            for shape in shapes:
                if shape.next_children:
                    below = Listing("replies", DISCUSSION, "oldest", parent=shape.id)
                    assert peek_cursor(shape.next_children).listing == below
                    await read(below, shape.next_children)
            if (cursor := page.next) is None:
                return

    await read(LISTINGS[0], None)
    everything = Listing("flat", DISCUSSION, "newest")
    there = await page_of(reading, everything, viewer, limit=TOP + REPLIES)
    assert sorted(seen) == sorted(shape.id for shape in there.comments)


async def test_what_others_ask_for_by_default_is_whole(story: Story, views: Views) -> None:
    await views.fold(story.rows)
    page = await views.reads.page(LISTINGS[0], ANYONE, begin=None, limit=20, replies=3)
    for row in page.rows:
        assert len(page.below.get(row.id, [])) == min(3, row.shown_replies)


async def test_no_more_rows_are_fetched_than_a_page_holds(
    story: Story, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = InPostgres(pool)
    await views.fold(story.rows)
    fetched: list[int] = []
    fetch = PostgresReads._fetch

    async def counted(*args: Any) -> Any:
        found = await fetch(*args)
        fetched.append(len(found))
        return found

    monkeypatch.setattr(PostgresReads, "_fetch", counted)
    oldest = Listing("top", DISCUSSION, "oldest")
    page = await views.reads.page(oldest, ANYONE, begin=None, limit=50, replies=200)
    assert fetched[0] == PAGE_COMMENTS_MAX + 1  # one says that the list goes on
    assert len(list(all_rows(page))) == PAGE_COMMENTS_MAX


@pytest.mark.parametrize("bound", first_is_quick([33, 20, 100, 500]))
async def test_in_postgresql_and_in_memory_a_page_holds_the_same(
    story: Story, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(comments_sql, "PAGE_COMMENTS_MAX", bound)
    monkeypatch.setattr(memory, "PAGE_COMMENTS_MAX", bound)
    comments_sql.page_statement.cache_clear()
    there, here = InPostgres(pool), InMemory()
    await there.fold(story.rows)
    for rows in pages(story.rows, 1_000):
        await here.fold(rows)
    for listing in LISTINGS:
        for viewer in VIEWERS:
            for limit, replies in ((20, 3), (7, 50), (20, 100)):
                found: list[Page] = [
                    await reads.page(listing, viewer, begin=None, limit=limit, replies=replies)
                    for reads in (there.reads, here.reads)
                ]
                below = [{key: rows for key, rows in page.below.items() if rows} for page in found]
                assert found[0].rows == found[1].rows
                assert below[0] == below[1], (listing, viewer, limit, replies)
                assert len(list(all_rows(found[0]))) <= max(bound, limit)
    comments_sql.page_statement.cache_clear()
