"""Cursors whose moves are no longer kept are answered from the log."""

import pytest

from rostra_adapters.past import Past
from rostra_projections.listing import Listing, peek_cursor
from rostra_projections.shapes import ANYONE
from views.readers import InMemory, Reader, some_listings
from views.story import DISCUSSION, Events, Story


async def _answered(story: Story, reader: Reader) -> None:
    """Go on to the end by folds of the log alone."""
    while not reader.done:
        assert reader.cursor is not None
        since = await Past(story.log).views_since(DISCUSSION, peek_cursor(reader.cursor))
        reader._reading = story.reading(since)
        await reader.go_on()


@pytest.mark.parametrize(
    "listing", list(some_listings()), ids=lambda one: f"{one.kind}-{one.order}"
)
async def test_each_comment_is_seen_once_whatever_happened_since(listing: Listing) -> None:
    events = Events()
    story = Story(judged=False)
    story.tell([events.opened(), events.marked("p")])
    marked = {"passage": "p"} if listing.inline else {}
    story.tell([events.posted(f"c{n}", **marked) for n in range(12)])
    story.tell([events.vote(f"c{n}", f"v{n}{m}") for n in range(12) for m in range(n % 5)])
    views = InMemory()
    await views.fold(story.rows)
    reader = Reader(story, views, listing, ANYONE, limit=3)
    await reader.begin()
    story.tell([events.vote(f"c{n}", "eve", -1) for n in range(0, 12, 2)])
    story.tell([events.vote(f"c{n}", f"w{m}") for n in (0, 5, 11) for m in range(9)])
    story.tell([events.posted(f"later{n}", **marked) for n in range(3)])
    await _answered(story, reader)
    reader.assert_saw_each_once()
    assert len(reader.seen) == 12
