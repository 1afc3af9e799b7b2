"""Live, rebuilt and in memory the views are the same, and what the contract means."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra.log import LogHistory
from rostra_adapters.application.access import AccessLookup
from rostra_adapters.application.queries.comment_queries import CommentQueries
from rostra_adapters.application.queries.requests import SiteRequest
from rostra_adapters.application.stream_state_reader import StreamStateReader
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_adapters.stock.views import MemoryBackend
from rostra_projections.listing import Listing
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import ANYONE, CommentShape, Viewer
from rostra_projections.views import VIEWS
from support import strategies
from support.effort import examples
from support.memory import LOG_ID
from support.views import judge, tables
from support.views.story import Story, asked, page_of, pages

VIEWERS = [ANYONE, Viewer(moderator=True), Viewer("ann"), Viewer("cem"), Viewer("nobody")]
slowly = settings(
    deadline=None,
    max_examples=examples(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_in_memory_every_viewer_reads_what_the_model_says(data: st.DataObject) -> None:
    story = Story(data.draw(st.one_of(strategies.conversations(), strategies.upheavals())))
    views = story.in_memory(data.draw(st.sampled_from([1, 3, 1_000])))
    asyncio.run(_assert_all_read(story, views, VIEWERS, limit=data.draw(st.integers(1, 4))))


@slowly
@given(data=st.data())
def test_live_rebuilt_and_in_memory_the_views_are_the_same(
    database_url: str, data: st.DataObject
) -> None:
    story = Story(data.draw(st.one_of(strategies.conversations(), strategies.upheavals())))
    page_events = data.draw(st.sampled_from([1, 2, 7, 1_000]))
    limit, viewer = data.draw(st.integers(1, 4)), data.draw(st.sampled_from(VIEWERS))

    async def run() -> None:
        async with tables.emptied(database_url) as pool, pool.acquire() as connection:
            await tables.record(connection, story.rows)
            await tables.fold(connection, pages(story.rows, page_events))
            live = await tables.dump(connection)
            rows = story.in_memory().rows
            for view in VIEWS.values():
                for table in view.tables:
                    assert live[table.name] == rows.of(table)
            await _assert_all_read(story, PostgresReads(pool), [viewer], limit=limit)
            assert [each async for each in verify(database_url)] == []
            assert {done.equal for done in await rebuild(database_url)} == {True}
            assert await tables.dump(connection) == live
            assert [each async for each in verify(database_url)] == []

    asyncio.run(run())


async def _assert_all_read(
    story: Story, reads: Reads, viewers: list[Viewer], *, limit: int
) -> None:
    reading = story.reading(reads)
    for discussion in story.model.discussions:
        await _assert_discussion(story, reading, discussion)
        for wanted in judge.listings(story.model, discussion):
            for viewer in viewers:
                await _assert_listing(story, reads, reading, wanted, viewer, limit)
    for site in ("s", "t", "u"):
        await _assert_site(story, reading, site)
        await _assert_site_comments(story, reading, site)


async def _assert_discussion(story: Story, reading: CommentQueries, discussion: UUID) -> None:
    model = story.model
    request = asked(discussion, site=model.discussions[discussion]["site"])
    found, passages = await reading.discussion(request), await reading.passages_page(request)
    assert found is not None
    assert passages is not None
    for name, value in model.totals(discussion).items():
        assert getattr(found, name) == value, name
    for shape, expected in zip(passages.passages, model.marked(discussion), strict=True):
        for name, value in expected.items():
            assert getattr(shape, name) == value, name
    names = model.names(discussion)
    accesses = AccessLookup(StreamStateReader(story.log), MemoryBackend(story.log))
    page = await reading.counts(await accesses.discussions_of(found.site, [*names, "/nowhere"]))
    assert page.counts == {**dict.fromkeys(names, found.comments), "/nowhere": 0}


async def _assert_listing(
    story: Story, reads: Reads, reading: CommentQueries, wanted: Listing, viewer: Viewer, limit: int
) -> None:
    expected = judge.listing(story.model, wanted, viewer)
    site = story.model.discussions[wanted.discussion]["site"]
    found: list[UUID] = []
    cursor = None
    while True:
        page = await page_of(reading, wanted, viewer, site=site, limit=limit, cursor=cursor)
        assert page.total == len(expected), (wanted, viewer)
        found += [shape.id for shape in page.comments]
        for shape in page.comments:
            judge.assert_pending(story.model, shape, viewer)
        if viewer is ANYONE:
            for shape in page.comments:
                judge.assert_shape(story.model, shape)
        cursor = page.next
        if cursor is None:
            break
        assert len(page.comments) == limit
    assert found == expected, (wanted, viewer)


async def _assert_site(story: Story, reading: CommentQueries, site: str) -> None:
    totals = [
        story.model.totals(id_)
        for id_, row in story.model.discussions.items()
        if row["site"] == site
    ]
    found = []
    cursor = None
    while True:
        page = await reading.discussions(site, LogHistory(LOG_ID), limit=1, cursor=cursor)
        found += page.discussions
        cursor = page.next
        if cursor is None:
            break
    assert {shape.id for shape in found} == {row["id"] for row in totals}
    assert len(found) == len(totals)


async def _assert_site_comments(story: Story, reading: CommentQueries, site: str) -> None:
    """Read all of a site, and all that is public of it."""
    for reader_of, private in ((None, True), (_everything, False)):
        expected = judge.site_comments(story.model, site, with_private=private)
        found: list[CommentShape] = []
        request, cursor = SiteRequest(site=site, log=LogHistory(LOG_ID)), None
        while True:
            page = await reading.site_comments(request, limit=2, cursor=cursor, readable=reader_of)
            assert page.total == len(expected)
            found += page.comments
            cursor = page.next
            if cursor is None:
                break
            assert len(page.comments) == 2
        assert [shape.id for shape in found] == expected
        for shape in found:
            judge.assert_shape(story.model, shape)


async def _everything(discussions: Sequence[UUID]) -> set[UUID]:
    return {*discussions}
