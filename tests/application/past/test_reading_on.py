"""Cursors whose moves are no longer kept are answered from the log."""

from typing import Any
from unittest.mock import patch

import pytest

from rostra_adapters.application.queries import as_of as past_module
from rostra_projections.cursors import peek_cursor
from rostra_projections.listing import Listing
from rostra_projections.responses.shapes import ANYONE
from support.past_folds import past_here
from support.views.readers import InMemory, Reader, some_listings
from support.views.story import DISCUSSION, Events, Story


async def _answered(story: Story, reader: Reader, *, elsewhere: bool) -> None:
    """Go on to the end by folds of the log alone."""
    while not reader.done:
        assert reader.cursor is not None
        past, _ = past_here(story.log)
        with patch.object(past_module, "HERE_EVENTS_MAX", -1 if elsewhere else 10**9):
            async with past.views_since(DISCUSSION, peek_cursor(reader.cursor)) as since:
                reads: Any = since
                reads.persons = InMemory().reads.persons  # nobody has set a name
                reader._reading = story.reading(reads)
                await reader.go_on()


@pytest.mark.parametrize(
    "listing", list(some_listings()), ids=lambda one: f"{one.kind}-{one.order}"
)
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_each_comment_is_seen_once_whatever_happened_since(
    *, listing: Listing, elsewhere: bool
) -> None:
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
    await _answered(story, reader, elsewhere=elsewhere)
    reader.assert_saw_each_once()
    assert len(reader.seen) == 12
