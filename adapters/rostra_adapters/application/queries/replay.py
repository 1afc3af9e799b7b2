"""A discussion as it grew: its published events in order, and how many comments it had then."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

from rostra.log import EventLog, Recorded
from rostra_adapters.application.feed.events import Feed, FeedEvent
from rostra_projections.as_of_views import PastViews
from rostra_projections.comments.rows import COUNTS


async def grown(
    log: EventLog, feed: Feed, discussion: UUID
) -> AsyncIterator[tuple[FeedEvent, int]]:
    """Yield each event of the feed, with the number of comments after it."""
    views = PastViews(discussion)
    counts = views.rows.of(COUNTS)
    async with aclosing(log.read_discussion(discussion, await log.head())) as pages:
        async for page in pages:
            published = {
                event.position: event for event in await feed.events_of(await _whole(log, page))
            }
            for row in page:
                views.add_events((row,))
                if row.position in published:
                    group = counts.get(discussion)
                    yield published[row.position], 0 if group is None else group.comments


async def _whole(log: EventLog, page: list[Recorded]) -> list[Recorded]:
    """Return the rows with their metadata, which names their publishers."""
    positions = {row.position for row in page}
    streams = await log.read_streams(list({row.stream for row in page}))
    rows = [row for each in streams.values() for row in each if row.position in positions]
    return sorted(rows, key=lambda row: row.position)
