"""Live updates: one task follows the log for every discussion that has readers.

A discussion's changes are sent a few times a second, as they are in the views, and are encoded once
for all readers. A reader holds only its position. A reader who is too far behind must read the
discussion again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from rostra import codec, ids
from rostra.discussion import DiscussionOpened
from rostra.log import LogUnavailable, Recorded, read_pages
from rostra.person import PersonErased
from rostra.site import SiteConfigured
from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.aio.wake_up import WakeUp
from rostra_adapters.application.app import App
from rostra_adapters.application.live.changes import (
    AppearedShape,
    Changes,
    LiveEvent,
    RemovedShape,
    Totals,
    TotalsShape,
)
from rostra_adapters.application.log_follower import LogFollower
from rostra_adapters.application.queries.requests import DiscussionRequest
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.errors import ViewBehind
from rostra_projections.comments.rows import COUNTED

FLUSH_SECONDS = 0.3
ROWS_MAX = 2_000
ROWS_BACK_MAX = 10_000
"""Events of the log that are read for a reader who was away."""
COMMENTS_BACK_MAX = 300
"""Comments that may have changed meanwhile: each is read again."""
READS_AT_ONCE_MAX = 4
VIEW_SECONDS_MAX = 5.0
RETRY_SECONDS = 0.5
EVENTS_KEPT_MAX = 5_000
BYTES_KEPT_MAX = 4 * 1024 * 1024
TOTALS_KEPT_MAX = 10_000
ERASED_LISTED_MAX = 1_000

_logger = logging.getLogger(__name__)


class TooOld(Exception):
    """The position is older than the changes that are cached or read again."""


class Batch(msgspec.Struct):
    """Changes after `after` up to `upto`, by position. `encoded` holds the bytes for readers."""

    after: int
    upto: int
    events: list[LiveEvent]
    encoded: bytes = b""


def _size(events: list[LiveEvent]) -> int:
    return sum(len(event.json) for event in events)


class Channel:
    """One discussion's changes, since `start`, up to `upto`."""

    def __init__(self, discussion: UUID, site: str, position: int) -> None:
        self.discussion = discussion
        self.site = site
        self.changes = Changes()
        self.start = self.upto = position
        self.readers = 0
        self.ended = False
        self.forgotten = 0
        self.totals: dict[UUID, Totals] = {}
        self.filling = asyncio.Lock()
        self._batches: deque[Batch] = deque()
        self._moved = WakeUp()
        self.watchers: set[WakeUp] = set()
        """Wake-ups of readers of several channels. Each is sent when this channel has gone on."""

    def after(self, position: int) -> Batch | None:
        """Return the next batch after a position, None if nothing changed since. Raises TooOld."""
        if position < self.start:
            raise TooOld
        found = None
        for batch in reversed(self._batches):
            if batch.upto <= position:
                break
            found = batch
        return found

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        """Wait until something changes after a position, at most `wait_seconds`."""
        try:
            async with asyncio.timeout(wait_seconds):
                while not self.ended and not (self._batches and self._batches[-1].upto > position):
                    await self._moved.next().wait()
        except TimeoutError:
            pass

    def add(self, upto: int, events: list[LiveEvent]) -> None:
        """Add the changes up to a position."""
        if events:
            self._batches.append(Batch(self.upto, upto, events))
            self._drop_old()
        self.upto = upto
        if events:
            self._moved.send()
        self._wake_watchers()

    def add_before(self, after: int, events: list[LiveEvent]) -> None:
        """Add the changes before the start. Raises TooOld if they are too many to keep."""
        kept, kept_bytes = self._kept()
        if kept + len(events) > EVENTS_KEPT_MAX or kept_bytes + _size(events) > BYTES_KEPT_MAX:
            raise TooOld
        self._batches.appendleft(Batch(after, self.start, events))
        self.start = after

    def forget(self) -> None:
        """Drop cached batches, and discard reads in progress."""
        self.forgotten += 1
        if self._batches:
            self.start = self._batches[-1].upto
            self._batches.clear()

    def end(self) -> None:
        """End the streams of all readers, who may connect again."""
        self.ended = True
        self._moved.send()
        self._wake_watchers()

    def _wake_watchers(self) -> None:
        for watcher in self.watchers:
            watcher.send()

    def _kept(self) -> tuple[int, int]:
        """Return the number of events that are kept, and their bytes."""
        events = sum(len(batch.events) for batch in self._batches)
        return events, sum(_size(batch.events) for batch in self._batches)

    def _drop_old(self) -> None:
        events, size = self._kept()
        while len(self._batches) > 1 and (events > EVENTS_KEPT_MAX or size > BYTES_KEPT_MAX):
            gone = self._batches.popleft()
            self.start = gone.upto
            events -= len(gone.events)
            size -= _size(gone.events)


class Channels:
    """Merged changes of several discussions, in the order of the log.

    An event is sent only when all discussions have read up to it. So a reader who has an event has
    all earlier ones, and a single position resumes the stream.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._moved = WakeUp()

    def __enter__(self) -> "Channels":
        for channel in self._channels:
            channel.watchers.add(self._moved)
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels:
            channel.watchers.discard(self._moved)

    @property
    def ended(self) -> bool:
        """True if one of the channels has ended. The reader then connects again, to all of them."""
        return any(channel.ended for channel in self._channels)

    @property
    def upto(self) -> int:
        """Position up to which all channels have described the changes."""
        return min(channel.upto for channel in self._channels)

    def after(self, position: int) -> list[LiveEvent]:
        """Return the events after a position, up to `upto`. Raises TooOld."""
        upto, found = self.upto, list[LiveEvent]()
        for channel in self._channels:
            at = position
            while (batch := channel.after(at)) is not None:
                found += [one for one in batch.events if position < one.position <= upto]
                at = batch.upto
        return sorted(found, key=lambda event: event.position)

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        """Wait until something changes after a position, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                while True:
                    woken = self._moved.next()
                    if self.ended or self._has_changed(position):
                        return
                    await woken.wait()

    def _has_changed(self, position: int) -> bool:
        try:
            return self.upto > position and bool(self.after(position))
        except TooOld:
            return True


class Live:
    """Every discussion that is read live in this process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._channels: dict[UUID, Channel] = {}
        self._position = 0
        self._noted = asyncio.Event()
        self._reads = asyncio.Semaphore(READS_AT_ONCE_MAX)
        self._ready = asyncio.Event()
        self._entering = 0
        """Readers who have no channel yet."""
        self._tasks: list[LogFollower | BackgroundTask] = []
        self.ending = False
        app.ring.on_destruction(lambda _: self._forget())

    @property
    def readers(self) -> int:
        """Number of current readers."""
        return sum(channel.readers for channel in self._channels.values())

    @asynccontextmanager
    async def reading(
        self,
        discussion: UUID,
        site: str,
        after: int | None,
        charge: Callable[[int], None] = lambda _: None,
    ) -> AsyncIterator[tuple[Channel, int]]:
        """Yield a discussion's channel, and the position to start from.

        For a reader who was away, `charge` is called with the number of comments that are read,
        first with 0. It may raise at the first call. Raises TooOld.
        """
        try:
            channel = await self._enter(discussion, site)
            try:
                if after is not None and not channel.ended:
                    await self._fill(channel, after, charge)
                yield channel, channel.upto if after is None else after
            finally:
                channel.readers -= 1
                if not channel.readers and self._channels.get(discussion) is channel:
                    del self._channels[discussion]
        finally:
            if not self._channels and not self._entering:
                self._stop()

    async def _enter(self, discussion: UUID, site: str) -> Channel:
        """Return a discussion's channel with a further reader, once the log is followed.

        The channel has ended if all readers leave.
        """
        self._entering += 1
        try:
            self._start()
            while not (self._ready.is_set() or self.ending):
                await self._ready.wait()
        finally:
            self._entering -= 1
        channel = self._channels.get(discussion)
        if channel is None:
            channel = Channel(discussion, site, self._position)
            if self.ending:
                channel.end()
            else:
                self._channels[discussion] = channel
        channel.readers += 1
        return channel

    def end(self) -> None:
        """Close all channels and refuse new ones: readers connect again."""
        self.ending = True
        self._end_all()
        self._stop()
        self._ready.set()

    def _forget(self) -> None:
        for channel in self._channels.values():
            channel.forget()

    def _start(self) -> None:
        if not self._tasks and not self.ending:
            self._tasks = [
                LogFollower(
                    self._app.log,
                    "live",
                    rows_max=ROWS_MAX,
                    begin=self._begin,
                    handle=self._note_rows,
                    lose=self._lose,
                ),
                BackgroundTask(self._flush, "live-flush"),
            ]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._ready.clear()

    # -- noting

    def _begin(self, position: int) -> None:
        self._position = position
        self._ready.set()

    async def _note_rows(self, _: int, rows: Sequence[Recorded]) -> None:
        for row in rows:
            self._note(row)
        self._position = rows[-1].position
        self._noted.set()

    def _lose(self) -> None:
        """Let readers connect again, and wait until the log is followed again."""
        self._ready.clear()
        self._end_all()

    def _end_all(self) -> None:
        """End the channels: their readers connect again."""
        for channel in list(self._channels.values()):
            self._end(channel)

    def _note(self, row: Recorded) -> None:
        if row.topic in (SiteConfigured.topic, PersonErased.topic):
            self._note_site(row)
            return
        if not ids.is_ours(row.stream):
            return
        channel = self._channels.get(ids.discussion_of(row.stream))
        event = None if channel is None else decode_row(row)
        if channel is None or event is None:
            return
        if isinstance(event, DiscussionOpened) and event.settings is not None:
            self._end(channel)  # who may read it may be others now
        channel.changes.note(row.stream, event, row.position)

    def _note_site(self, row: Recorded) -> None:
        event = decode_row(row)
        for channel in list(self._channels.values()):
            match event:
                case SiteConfigured() if event.site == channel.site:
                    self._end(channel)
                case PersonErased() if event.site == channel.site:
                    channel.forget()
                    channel.changes.note(row.stream, event, row.position)

    def _end(self, channel: Channel) -> None:
        channel.end()
        self._channels.pop(channel.discussion, None)

    # -- sending

    async def _flush(self) -> AsyncGenerator[None, None]:
        while True:
            yield
            await self._noted.wait()
            self._noted.clear()
            upto, changed = self._position, []
            for channel in self._channels.values():
                if channel.changes:
                    changed.append((channel, channel.changes))
                    channel.changes = Changes()
                else:
                    channel.upto = upto
            await asyncio.gather(*(self._tell(channel, it, upto) for channel, it in changed))
            await asyncio.sleep(FLUSH_SECONDS)

    async def _tell(self, channel: Channel, changes: Changes, upto: int) -> None:
        while not channel.ended:
            try:
                forgotten = channel.forgotten
                events = await self._events(channel, changes, upto)
                if channel.forgotten == forgotten:
                    channel.add(upto, events)
                    return
            except (ViewBehind, LogUnavailable):
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                _logger.exception("live updates of a discussion failed; its readers begin again")
                self._end(channel)

    async def _fill(self, channel: Channel, after: int, charge: Callable[[int], None]) -> None:
        """Fill a channel from an earlier position, for a reader who was away. Raises TooOld."""
        async with channel.filling:
            while after < (start := channel.start):
                charge(0)
                forgotten = channel.forgotten
                changes = await self._noted_between(channel, after, start)
                charge(max(changes.comments, 1))
                events = await self._events(channel, changes, start)
                if channel.start == start and channel.forgotten == forgotten:
                    channel.add_before(after, events)

    async def _noted_between(self, channel: Channel, after: int, upto: int) -> Changes:
        if upto - after > ROWS_BACK_MAX:
            raise TooOld
        changes = Changes()
        async for rows in read_pages(self._app.log, after, upto, ROWS_MAX):
            for row in rows:
                if row.position <= upto and (event := _event_for(channel, row)) is not None:
                    changes.note(row.stream, event, row.position)
            if changes.comments > COMMENTS_BACK_MAX:
                raise TooOld
        await self._note_erased(channel, changes)
        if changes.comments > COMMENTS_BACK_MAX:
            raise TooOld
        return changes

    async def _events(self, channel: Channel, changes: Changes, upto: int) -> list[LiveEvent]:
        """Return the events of changes, as the views have them once they have read `upto`."""
        await self._app.wait(upto, VIEW_SECONDS_MAX)
        await self._note_erased(channel, changes)
        request = await self._app.request(channel.discussion)
        if request is None:
            return []
        status = changes.shown.keys() | changes.gone.keys()
        found: Sequence[LiveEvent | None] = await asyncio.gather(
            *(self._comment(channel, request, changes, comment) for comment in status),
            *(
                self._votes(channel, changes, comment)
                for comment in changes.votes
                if comment not in status
            ),
        )
        events = [one for one in found if one is not None]
        if changes.passages:
            events += await self._passages(request, changes)
        return sorted(events, key=lambda event: event.position)

    async def _note_erased(self, channel: Channel, changes: Changes) -> None:
        for person, position in changes.erased.items():
            wrote = await self._app.views.reads.written_by(
                person, channel.discussion, limit=ERASED_LISTED_MAX
            )
            for comment in wrote:
                changes.shown[comment] = max(position, changes.shown.get(comment, 0))

    async def _comment(
        self, channel: Channel, request: DiscussionRequest, changes: Changes, comment: UUID
    ) -> LiveEvent | None:
        """Return `comment`, or `removed` if it is no longer shown; None if it never was."""
        channel.totals.pop(comment, None)
        casts = changes.votes.get(comment, ())
        position = max(
            changes.shown.get(comment, 0),
            changes.gone.get(comment, 0),
            casts[-1].position if casts else 0,
        )
        async with self._reads:
            shape = await self._app.queries.comment(request, comment)
        if shape is not None and shape.status in COUNTED:
            appeared = changes.appeared.get(comment)
            if appeared is not None and shape.status == "published":
                shape = AppearedShape(**asdict(shape), appeared=appeared)
            return LiveEvent(position, "comment", msgspec.json.encode(shape))
        if comment not in changes.gone:
            return None
        status = await self._hidden_status(comment) if shape is None else shape.status
        return LiveEvent(position, "removed", msgspec.json.encode(RemovedShape(comment, status)))

    async def _hidden_status(self, comment: UUID) -> str:
        """Return the status of a comment that readers are not shown, not even as a tombstone."""
        async with self._reads:
            found = await self._app.views.reads.comment(comment)
        return "removed" if found is None else found[1].status

    async def _votes(self, channel: Channel, changes: Changes, comment: UUID) -> LiveEvent | None:
        casts = changes.votes[comment]
        totals = channel.totals.get(comment)
        if totals is None:
            async with self._reads:
                found = await self._app.views.reads.comment(comment)
            if found is None or found[1].status not in COUNTED:
                return None
            totals = Totals(found[0], found[1].up, found[1].down)
            if len(channel.totals) >= TOTALS_KEPT_MAX:
                channel.totals.clear()
            channel.totals[comment] = totals
        totals.add(casts)
        shape = TotalsShape(comment, totals.up, totals.down, totals.up - totals.down)
        return LiveEvent(casts[-1].position, "vote", msgspec.json.encode(shape))

    async def _passages(self, request: DiscussionRequest, changes: Changes) -> list[LiveEvent]:
        """Return each passage as it is shown, or as `removed` if it no longer is."""
        page = await self._app.queries.passages_page(request)
        marked = {} if page is None else {shape.id: shape for shape in page.passages}
        events = []
        for passage, position in changes.passages.items():
            if (shape := marked.get(passage)) is not None:
                events.append(LiveEvent(position, "passage", msgspec.json.encode(shape)))
            elif passage in changes.unlisted:
                gone = msgspec.json.encode(RemovedShape(passage, "unmarked"))
                events.append(LiveEvent(position, "removed", gone))
        return events


def _event_for(channel: Channel, row: Recorded) -> codec.AnyEvent | None:
    """Return the row's event if it belongs to the discussion or to its site's persons."""
    if row.topic == PersonErased.topic:
        event = decode_row(row)
        return event if isinstance(event, PersonErased) and event.site == channel.site else None
    inside = ids.is_ours(row.stream) and ids.discussion_of(row.stream) == channel.discussion
    return decode_row(row) if inside else None
