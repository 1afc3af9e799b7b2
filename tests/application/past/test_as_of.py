"""A discussion as it stood is what the views showed when the log ended there."""

import asyncio
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostra.log import Recorded
from rostra_adapters.application.queries.comment_queries import CommentQueries
from rostra_projections.discussions import DISCUSSIONS
from rostra_projections.listing import Listing
from rostra_projections.memory import MemoryViews
from rostra_projections.persons import PERSONS
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import ANYONE, Viewer
from rostra_projections.views import VIEWS
from support import strategies
from support.effort import examples
from support.past_folds import folded
from support.views import judge
from support.views.story import Story, asked, page_of

# Persons are in no discussion's streams: their names and labels are today's.
TABLES = [table for view in VIEWS.values() for table in view.tables if table is not PERSONS]
VIEWERS = (ANYONE, Viewer(moderator=True), Viewer("ann"))
relaxed = settings(
    deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow]
)


def ended_at(rows: list[Recorded], position: int) -> MemoryViews:
    """The views of a log that ends there."""
    views = MemoryViews()
    views.apply([row for row in rows if row.position <= position])
    return views


async def listed(
    reading: CommentQueries, site: str, wanted: Listing, viewer: Viewer, limit: int
) -> list[bytes]:
    """The pages of a whole list as they are sent, but for the cursors."""
    found = []
    cursor = None
    while True:
        page = await page_of(reading, wanted, viewer, site=site, limit=limit, cursor=cursor)
        cursor, page.next = page.next, None
        found.append(msgspec.json.encode(_without_cursors(msgspec.to_builtins(page))))
        if cursor is None:
            return found


def _without_cursors(shape: object) -> object:
    if isinstance(shape, list):
        return [_without_cursors(one) for one in shape]
    if isinstance(shape, dict):
        return {
            name: bool(value) if name == "next_children" else _without_cursors(value)
            for name, value in shape.items()
        }
    return shape


async def assert_read_alike(
    story: Story, shown: Reads, then: Reads, discussion: UUID, limit: int
) -> None:
    model = story.model
    site = model.discussions[discussion]["site"]
    today, as_of = story.reading(shown), story.reading(then)
    request = asked(discussion, site=site)
    assert await as_of.discussion(request) == await today.discussion(request)
    assert await as_of.passages_page(request) == await today.passages_page(request)
    for wanted in judge.listings(model, discussion):
        for viewer in VIEWERS:
            found = await listed(as_of, site, wanted, viewer, limit)
            assert found == await listed(today, site, wanted, viewer, limit)
        page = await page_of(as_of, wanted, site=site, limit=5_000)
        assert [each.id for each in page.comments] == judge.listing(model, wanted, ANYONE)
        for shape in page.comments:
            judge.assert_shape(model, shape)


@relaxed
@given(data=st.data(), elsewhere=st.booleans())
def test_it_is_what_the_views_showed_when_the_log_ended_there(
    *, data: st.DataObject, elsewhere: bool
) -> None:
    acts = data.draw(strategies.conversations())
    story = Story(acts[: data.draw(st.integers(0, len(acts)))])
    position, model = len(story.rows), story.model
    limit = data.draw(st.integers(1, 4))

    async def run() -> None:
        shown = ended_at(story.rows, position)
        for discussion in model.discussions:
            async with folded(story.log, discussion, position, elsewhere=elsewhere) as then:
                await assert_read_alike(story, shown, then, discussion, limit)

    asyncio.run(run())


@relaxed
@given(data=st.data(), elsewhere=st.booleans())
def test_every_row_is_that_of_the_views(*, data: st.DataObject, elsewhere: bool) -> None:
    story = Story(data.draw(strategies.conversations()), judged=False)  # erasures, too, come later
    position = data.draw(st.integers(0, len(story.rows)))

    async def run() -> None:
        shown = ended_at(story.rows, position)
        discussions = {row.id for row in shown.rows.of(DISCUSSIONS).values()}
        found: dict[str, dict[object, object]] = {}
        for discussion in discussions:
            async with folded(story.log, discussion, position, elsewhere=elsewhere) as then:
                for table in TABLES:
                    found.setdefault(table.name, {}).update(then.rows.of(table))
        for table in TABLES:
            assert found.get(table.name, {}) == shown.rows.of(table)

    asyncio.run(run())
