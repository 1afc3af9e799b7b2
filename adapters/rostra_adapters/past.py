"""A discussion as it stood: at a position of the log, or at a time by the clock of recording."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import msgspec

from rostra import codec
from rostra.comment import (
    CommentApproved,
    CommentHeld,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
)
from rostra.log import EventLog, Recorded
from rostra.times import Time
from rostra_projections.comment_rows import COUNTED
from rostra_projections.discussions import DISCUSSIONS
from rostra_projections.listing import Cursor, CursorRefused
from rostra_projections.past import PastViews

AsOf = int | Time
"""A position, or a time of ours."""

FOLDS_AT_ONCE_MAX = 2
"""Each holds a connection, and the rows of a discussion."""
UNCLOCKED_ROWS = 100

_STATUS = {
    event.topic: event
    for event in (CommentRemoved, CommentRestored, CommentApproved, CommentRejected, CommentHeld)
}


_pauses = 0


@asynccontextmanager
async def collector_paused() -> AsyncIterator[None]:
    """Rows make no cycles, and looking for some among them takes as long as all the rest. Below
    a second at a time: what others leave meanwhile waits that long."""
    global _pauses  # noqa: PLW0603  # of the process, as is the collector
    if not _pauses and not gc.isenabled():  # somebody else's to say
        yield
        return
    _pauses += 1
    gc.disable()
    try:
        yield
    finally:
        _pauses -= 1
        if not _pauses:
            gc.enable()


class _Clock(msgspec.Struct, gc=False):
    at: Time | None = None


_clock = msgspec.json.Decoder(_Clock)


class Past:
    """Folds of one discussion at a time, from the log alone."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._folding = asyncio.Semaphore(FOLDS_AT_ONCE_MAX)

    async def position(self, as_of: AsOf, now: Time) -> int:
        """The position that is meant. Raises CursorRefused, `bad-query`, for what has not
        been yet."""
        if isinstance(as_of, str):
            if as_of > now:
                raise CursorRefused("bad-query", "`as_of` is a time that has not come yet")
            return await position_at(self._log, as_of)
        head = await self._log.head()
        if as_of > head:
            raise CursorRefused("bad-query", f"`as_of` is beyond the log's head, {head}")
        return as_of

    async def views(self, discussion: UUID, position: int) -> PastViews | None:
        """The discussion as it stood, None where it was not there yet."""
        async with self._folding:
            views = await self._summed_up(discussion, position)
            if views is None:
                views = await self._folded(discussion, position)
            views.stand(position)
        return views if discussion in views.rows.of(DISCUSSIONS) else None

    async def views_since(self, discussion: UUID, cursor: Cursor) -> PastViews:
        """The discussion as it stands now, with all that has moved since the cursor's page
        one."""
        head = await self._log.head()
        if cursor.as_of > head:
            raise CursorRefused("bad-cursor", "this is no cursor of ours")
        async with self._folding:
            views = await self._folded(discussion, head, turn=cursor.as_of)
            if views.read_up_to < cursor.as_of:
                views.begin_moves(cursor.as_of)
            views.end_moves(head, history=cursor.history)
        return views

    async def _summed_up(self, discussion: UUID, until: int) -> PastViews | None:
        """Its votes, most of what there is, counted after all else and in no order; None where
        their order tells."""
        views = PastViews(discussion)
        rest = self._log.read_discussion(discussion, until, votes=False)
        async with aclosing(rest) as pages, collector_paused():
            async for page in pages:
                views.take(page)
        reading = self._log.read_votes(discussion, until)
        async with aclosing(reading) as votes_read, collector_paused():
            async for some in votes_read:
                if not views.take_votes(some):
                    return None
        return views

    async def _folded(self, discussion: UUID, until: int, turn: int = -1) -> PastViews:
        """In slices, so that others are served meanwhile; moves are kept from `turn` on."""
        views = PastViews(discussion)
        reading = self._log.read_discussion(discussion, until)
        async with aclosing(reading) as pages, collector_paused():
            async for page in pages:
                before = sum(row.position <= turn for row in page)
                views.take(page[:before])
                if before < len(page) and views.read_up_to < turn:
                    views.begin_moves(turn)
                views.take(page[before:])
        return views

    async def withdrawn(self, comments: Sequence[UUID]) -> dict[UUID, str]:
        """The comments that are now removed, held or rejected, each with how it stands."""
        if not comments:
            return {}
        streams = await self._log.read_streams(comments)
        standing = {comment: _status(rows) for comment, rows in streams.items()}
        return {id_: status for id_, status in standing.items() if status not in COUNTED}


def _status(rows: Iterable[Recorded]) -> str:
    """How a comment stands after all its events."""
    status = "published"
    for row in rows:
        if row.topic == CommentPosted.topic or row.topic in _STATUS:
            event = codec.decode(row.topic, row.state)
            status = str(getattr(event, "status", None) or getattr(event, "now", status))
    return status


async def position_at(log: EventLog, time: Time) -> int:
    """The position of the last event recorded up to a time: the clock of recording never goes
    back, so it is found by halving. What a foreign writer recorded has no clock and counts to
    what stands before it."""
    low, high = 0, await log.head()
    while low < high:
        middle = (low + high + 1) // 2
        clocked = await _first_clocked(log, middle, high)
        if clocked is None or clocked[1] > time:
            high = middle - 1
        else:
            low = clocked[0]
    while rows := await log.read_after(low, UNCLOCKED_ROWS):
        unclocked = 0
        while unclocked < len(rows) and _recorded_at(rows[unclocked]) is None:
            unclocked += 1
        if unclocked:
            low = rows[unclocked - 1].position
        if unclocked < UNCLOCKED_ROWS:
            break
    return low


async def _first_clocked(log: EventLog, first: int, last: int) -> tuple[int, Time] | None:
    """The first event from `first` to `last` that has the clock of its recording."""
    after, limit = first - 1, 1
    while rows := await log.read_after(after, limit):
        for row in rows:
            if row.position > last:
                return None
            if (at := _recorded_at(row)) is not None:
                return row.position, at
        after, limit = rows[-1].position, UNCLOCKED_ROWS
    return None


def _recorded_at(row: Recorded) -> Time | None:
    if row.metadata is None:
        return None
    try:
        return _clock.decode(row.metadata).at
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
