"""Cache of the events that were read last, for all followers of the log in one process."""

from bisect import bisect_right
from collections.abc import Sequence

from rostra.log import Recorded

CACHED_BYTES_MAX = 8 * 2**20
EVENT_BYTES = 600
"""Estimated memory of an event without its payload."""


class RecentEvents:
    """The end of the log as far as it was read, bounded by its estimated memory.

    The followers of one process read the same pages, one after the other: the first reads them
    from the database.
    """

    def __init__(self, bytes_max: int = CACHED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._begin(0)

    def _begin(self, position: int) -> None:
        self._before = position
        """Position up to which events are not cached."""
        self._events: list[Recorded] = []
        self._positions: list[int] = []
        self._bytes = 0

    def find(self, position: int, limit: int) -> list[Recorded]:
        """Return the events that follow a position, as far as they are cached."""
        if position < self._before:
            return []
        start = bisect_right(self._positions, position)
        return self._events[start : start + limit]

    def put(self, position: int, page: Sequence[Recorded]) -> None:
        """Cache the events of a page, read after `position`, that follow the cached ones."""
        last = self._positions[-1] if self._positions else self._before
        if not page or page[-1].position <= last:
            return
        if not self._before <= position <= last:
            self._begin(position)
            last = position
        added = page[bisect_right(page, last, key=_position) :]
        self._events += added
        self._positions += [event.position for event in added]
        self._bytes += _bytes(added)
        self._trim()

    def _trim(self) -> None:
        """Drop the oldest half if the events take too much memory."""
        while self._bytes > self._bytes_max and self._events:
            half = (len(self._events) + 1) // 2
            self._bytes -= _bytes(self._events[:half])
            self._before = self._positions[half - 1]
            del self._events[:half], self._positions[:half]


def _position(event: Recorded) -> int:
    return event.position


def _bytes(events: Sequence[Recorded]) -> int:
    return EVENT_BYTES * len(events) + sum([len(event.state) for event in events])
