"""Port of the event log, for deciding and projecting.

A log is one total order of immutable events. Each has a position (1, 2, 3, … without gaps) and is
the n-th event of one stream. `rostra_adapters` has two adapters: PostgreSQL, and any stock recorder
of `eventsourcing`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import msgspec

from rostra.ids import EventId, Position, StreamId

ALL_VERSIONS: Mapping[UUID, int] = MappingProxyType({})
"""Versions to read after: none, so that every stream is read from its first event."""


POSITION_MAX = Position(2**63 - 1)
"""Greatest position: the column is a `bigint`."""


class NewEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Events about to be appended, as columns: by group, and in order.

    A group's events follow each other and are recorded all together or not at all.
    """

    streams: Sequence[int]
    """Numbers of the ids of their streams (`UUID.int`)."""
    versions: Sequence[int]
    """1 for a stream's first event."""
    topics: Sequence[str]
    states: Sequence[bytes]
    """Payloads as JSON objects, `personal` already sealed."""
    event_ids: Sequence[int]
    """Numbers of the ids made of the publisher's source and id; one id in a group."""
    metadata: Sequence[bytes]
    """JSON objects; the log adds `at`, the clock of recording. One object in a group."""
    ends: Sequence[int]
    """Number of events up to the end of each group."""
    guards: Sequence[Mapping[int, int]]
    """Version (0: no events) of every stream that each group's decision read, those it writes to
    included, by the number of its id. The log refuses a group unless each is at that version."""
    log: UUID | None = None
    """Id of the log that the groups were decided upon; None for any."""
    expected: Mapping[int, int] | None
    """Versions that all guarded streams must have before the first event for all groups to hold,
    by `expected_versions`. None if not all can hold."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event of the log. The last two are None where a foreign writer gave none."""

    position: Position
    stream: StreamId
    version: int
    topic: str
    state: bytes
    event_id: EventId | None
    metadata: str | None


VoteRow = tuple[int, str, bytes]
"""Position, topic and state: all that a sum of votes looks at."""


class LogBusy(Exception):
    """The queue of appends is full. No event was recorded; try again later."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"the log is busy, retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class LogUnavailable(Exception):
    """The log cannot be reached. The events of the append may or may not be recorded."""


class LogReplaced(LogUnavailable):
    """The log is not the one that was followed, or ends before the position that was reached."""


class LogHistory(msgspec.Struct, frozen=True):
    """The id of a log, with those of its earlier epochs.

    A failover that may have lost the last events begins a new epoch, under a new id. The events
    before it stay as they were.
    """

    id: UUID
    began: Position = Position(0)
    """Last position before the current epoch."""
    earlier: Mapping[UUID, Position] = {}
    """Last position that each earlier epoch shares with the current one, by its id."""
    began_at: datetime | None = None
    """Time at which the current epoch began, None for the first one."""

    def shared_until(self, log: UUID) -> Position | None:
        """Return the last position that a log shares with this one, None for another log."""
        return POSITION_MAX if log == self.id else self.earlier.get(log)

    def holds(self, log: UUID, position: int) -> bool:
        """Return whether what a log had up to a position is a part of this one."""
        last = self.shared_until(log)
        return last is not None and position <= last


class EventLog(Protocol):
    """The port. Every method may raise LogUnavailable."""

    async def log_id(self) -> UUID:
        """Return the id of this log.

        A restore or a failover that lost its last events makes a new one.
        """

    async def history(self) -> LogHistory:
        """Return the id of this log with those of its earlier epochs."""

    async def head(self) -> Position:
        """Return the last recorded position, 0 for an empty log."""

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        """Return the events of each stream in order of version.

        With `after`, a stream begins after the given version. A stream without events has an empty
        list.
        """

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        """Record groups in order.

        Return the position of each group's first event, which those of its other events follow;
        None for a group that is refused as stale. A refused group stops no other, but a group
        decided upon a refused one is refused too. Raises LogBusy, and ValueError for a group that
        can never hold.
        """

    async def read_after(
        self, position: int, limit: int, *, may_be_cached: bool = False
    ) -> list[Recorded]:
        """Return the next events after `position`, at most `limit`, in order of position.

        With `may_be_cached`, events may come from what this process has read before, and a page
        may be short although more events follow.
        """

    def read_discussion(
        self, discussion: UUID, up_to: int, *, votes: bool = True
    ) -> AsyncGenerator[list[Recorded], None]:
        """Yield pages of the events of all streams of a discussion, up to a position.

        Events come in order of position, with or without those of votes (see `ids.range_of`). The
        metadata, and the event ids of votes, may be left out. The generator holds a connection
        until it is closed.
        """

    async def read_discussion_after(
        self, discussion: UUID, position: int, limit: int
    ) -> list[Recorded]:
        """Return the next events of all streams of a discussion, at most `limit`.

        They come in order of position. The metadata may be left out.
        """

    def read_votes(self, discussion: UUID, up_to: int) -> AsyncGenerator[list[VoteRow], None]:
        """Yield pages of the events of a discussion's votes in any order (see `ids.votes_of`).

        The generator holds a connection until it is closed.
        """

    def follow(self, position: int, limit: int) -> AsyncIterator[list[Recorded]]:
        """Yield pages of events after `position` as they are recorded, until the log is closed.

        Raises LogReplaced.
        """


async def read_pages(
    log: EventLog, after: int, until: int, limit: int, *, may_be_cached: bool = False
) -> AsyncGenerator[list[Recorded], None]:
    """Yield pages of the events after a position, up to the page that has `until`."""
    while after < until and (
        page := await log.read_after(after, limit, may_be_cached=may_be_cached)
    ):
        yield page
        after = page[-1].position


def expected_versions(callers: Iterable[NewEvents]) -> dict[int, int] | None:
    """Return the version that each guarded stream must have for all events to be recorded.

    None if not all can be. By induction over the groups: the first guard on a stream says where
    it must be before the call; each later one is compared with the events before it.
    """
    expected: dict[int, int] = {}
    ahead: dict[int, int] = {}
    for events in callers:
        start = 0
        for end, guards in zip(events.ends, events.guards, strict=True):
            for stream, version in guards.items():
                now = ahead.get(stream)
                if now is None:
                    expected[stream] = ahead[stream] = version
                elif now != version:
                    return None
            ahead.update(zip(events.streams[start:end], events.versions[start:end], strict=True))
            start = end
    return expected
