"""Tail of the feed, read once for all followers.

One task reads the log as it grows and caches the last pages. A follower holds only its position. A
follower that is behind the cached pages reads the feed's pages alone until it reaches them.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from rostra.log import EventLog, Recorded
from rostra_adapters.aio.wake_up import WakeUp
from rostra_adapters.application.feed.events import Feed, FeedEvent, FeedPage, Wanted, split_by_size
from rostra_adapters.application.log_follower import LogFollower

ROWS_MAX = 500
EVENTS_KEPT_MAX = 10_000
BYTES_KEPT_MAX = 16 * 1024 * 1024
IDLE_SECONDS = 30.0


class TailPage(msgspec.Struct):
    """Events recorded after `after`, up to `upto`.

    `encoded` caches the bytes for followers with the same filter.
    """

    after: int
    upto: int
    events: list[FeedEvent]
    encoded: dict[Wanted, bytes]
    size: int

    def of(self, wanted: Wanted, after: int) -> list[FeedEvent]:
        """Those that are wanted, after a position within the page."""
        return [one for one in self.events if one.position > after and wanted.matches(one)]


class Tail:
    """Reads while anybody follows, and a while longer."""

    def __init__(self, feed: Feed, log: EventLog) -> None:
        self._feed = feed
        self._log = log
        self._pages: deque[TailPage] = deque()
        self._events = self._bytes = 0
        self._position: int | None = None
        self._moved = WakeUp()
        self._follower: LogFollower | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._forgotten = 0
        self.followers = 0
        self.ending = False

    @contextmanager
    def following(self) -> Iterator[None]:
        """Read the tail while the block runs."""
        self.followers += 1
        if self._idle is not None:
            self._idle.cancel()
        if self._follower is None:
            self._follower = LogFollower(
                self._log,
                "feed",
                rows_max=ROWS_MAX,
                begin=self._begin,
                handle=self._add_rows,
                lose=self._lose,
            )
        try:
            yield
        finally:
            self.followers -= 1
            if not self.followers:
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._stop)

    def end(self) -> None:
        """Wake all readers, and let nobody wait from now on."""
        self.ending = True
        self._stop()
        self._moved.send()

    def _stop(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
        if self._idle is not None:
            self._idle.cancel()
        self._follower = self._idle = self._position = None
        self._forget()

    def since(self, position: int) -> list[TailPage] | None:
        """Return the cached pages after a position, None if the cache begins later."""
        if self._position is None:
            return None
        found: list[TailPage] = []
        reached = self._position
        for page in reversed(self._pages):
            if reached <= position:
                break
            found.append(page)
            reached = page.after
        return found[::-1] if reached <= position else None

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        """Wait until something is recorded after a position, at most `wait_seconds`."""
        try:
            async with asyncio.timeout(wait_seconds):
                while not self.ending and (self._position is None or self._position <= position):
                    await self._moved.next().wait()
        except TimeoutError:
            pass

    async def page_within(
        self, after: int, *, limit: int, wanted: Wanted, wait_seconds: float
    ) -> FeedPage:
        """Return the next page of the feed. If there is none, wait up to `wait_seconds`."""
        page = await self._feed.page(after, limit=limit, wanted=wanted)
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_seconds
        if page.events or not wait_seconds:
            return page
        with self.following():
            while not (page.events or self.ending) and (left := end - loop.time()) > 0:
                if (pages := self.since(page.position)) is None:
                    # Between this look and the tail's first nothing is lost: it starts behind.
                    await self.wait_for_more(-1, left)
                    page = await self._feed.page(page.position, limit=limit, wanted=wanted)
                elif pages:
                    page = _joined(pages, page.position, limit, wanted)
                else:
                    await self.wait_for_more(page.position, left)
        return page

    def _begin(self, position: int) -> None:
        self._position = position
        self._moved.send()

    async def _add_rows(self, position: int, rows: Sequence[Recorded]) -> None:
        for part in split_by_size(rows):
            self._add_page(position, part[-1].position, await self._events_of(part))
            position = part[-1].position

    def _lose(self) -> None:
        """Drop the pages of a log that ended."""
        self._position = None
        self.forget()

    async def _events_of(self, rows: Sequence[Recorded]) -> list[FeedEvent]:
        """Return the rows as feed events; read again if words were erased meanwhile."""
        while True:
            forgotten = self._forgotten
            events = await self._feed.events_of(rows)
            if self._forgotten == forgotten:
                return events

    def _add_page(self, after: int, upto: int, events: list[FeedEvent]) -> None:
        size = sum(len(one.json) for one in events)
        self._pages.append(TailPage(after, upto, events, {}, size))
        self._events += len(events)
        self._bytes += size
        while self._events > EVENTS_KEPT_MAX or self._bytes > BYTES_KEPT_MAX:
            gone = self._pages.popleft()
            self._events -= len(gone.events)
            self._bytes -= gone.size
        self._position = upto
        self._moved.send()

    def forget(self) -> None:
        """Drop words that were read or are being read.

        Followers read the feed's pages until the tail has new ones.
        """
        self._forgotten += 1
        self._forget()

    def _forget(self) -> None:
        self._pages.clear()
        self._events = self._bytes = 0


def _joined(pages: list[TailPage], after: int, limit: int, wanted: Wanted) -> FeedPage:
    events = [event for page in pages for event in page.of(wanted, after)]
    if len(events) > limit:
        return FeedPage(events[:limit], events[limit - 1].position)
    return FeedPage(events, pages[-1].upto)
