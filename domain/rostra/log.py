"""The event-log port: all that deciding and projecting need of a log.

A log is one total order of immutable events, each at a position (1, 2, 3, …
without holes) and each the n-th of one stream. `rostra_adapters` has two
adapters: PostgreSQL, and any stock recorder of `eventsourcing`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import msgspec

from rostra.ids import EventId, Position, StreamId

EVERYTHING: Mapping[UUID, int] = MappingProxyType({})
"""After no version of any stream."""


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event about to be appended. `version` is 1 for a stream's first event."""

    stream: StreamId
    version: int
    topic: str
    state: bytes
    """The payload as a JSON object, `personal` already sealed."""


class Group(msgspec.Struct, frozen=True):
    """Events that are recorded all together or not at all.

    `guards` names the version (0 = no events) of every stream that the
    decision read, those it writes to included. The log refuses the group
    unless each still stands at exactly that version.
    """

    events: tuple[NewEvent, ...]
    guards: Mapping[UUID, int]
    event_id: EventId
    """Made of the publisher's source and id; kept on every row of the group."""
    metadata: bytes
    """A JSON object; the log adds `at`, the clock of recording."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event of the log. The last two are None where a foreign writer gave none."""

    position: Position
    stream: StreamId
    version: int
    topic: str
    state: bytes
    event_id: EventId | None
    metadata: str | None


VoteEvent = tuple[int, str, bytes]
"""Position, topic and state: all that a sum of votes looks at."""


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The group was recorded, durably, at the positions `first` to `last`."""

    first: int
    last: int


class Stale(msgspec.Struct, frozen=True, gc=False):
    """The group was refused: a stream it was decided upon has moved on."""


class LogBusy(Exception):
    """The queue of appends is full; nothing was recorded. Try again later."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"the log is busy, retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class LogUnavailable(Exception):
    """The log cannot be reached. What was being appended may or may not be recorded."""


class EventLog(Protocol):
    """The port. Every method may raise LogUnavailable."""

    async def log_id(self) -> UUID:
        """The id of this history; a new one after a restore that lost a tail."""

    async def head(self) -> Position:
        """The last position recorded, 0 for an empty log."""

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = EVERYTHING
    ) -> dict[UUID, list[Recorded]]:
        """The events of each stream in order of version, those `after` a version of it where one
        is given; an empty list for none.
        """

    async def append(self, groups: Sequence[Group]) -> list[Appended | Stale]:
        """Record groups in order, one answer each; a refused one stops no other,
        but a group decided upon a refused one is refused too. Raises LogBusy.
        """

    async def read_after(self, position: int, limit: int) -> list[Recorded]:
        """The next events after `position`, at most `limit`, in order of position."""

    def read_discussion(
        self, discussion: UUID, up_to: int, *, votes: bool = True
    ) -> AsyncGenerator[list[Recorded], None]:
        """Pages of the events of every stream of one discussion (see `ids.range_of`), with or
        without those of its votes, in order of position, up to one of them; the metadata, and
        the event ids of votes, may be left out. Holds a connection until it is closed.
        """

    async def read_discussion_after(
        self, discussion: UUID, position: int, limit: int
    ) -> list[Recorded]:
        """Return the next events of every stream of one discussion after a position, at most
        `limit`, in order of position; the metadata may be left out.
        """

    def read_votes(self, discussion: UUID, up_to: int) -> AsyncGenerator[list[VoteEvent], None]:
        """Pages of the events of the streams of its votes (see `ids.votes_of`), in any order.
        Holds a connection until it is closed.
        """

    def follow(self, position: int, limit: int) -> AsyncIterator[list[Recorded]]:
        """Pages of events after `position`, for ever, as they are recorded."""
