"""Read marks: the position up to which a person has read a discussion.

They are kept beside the log, which does not depend on them. A rebuild leaves them as they are.
"""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

import msgspec

from rostra.log import LogHistory
from rostra_adapters.lru_cache import LruCache

MARKS_KEPT_MAX = 100_000
INBOX_POSITIONS_MAX = 1_000
"""Single items that are kept as read; beyond it the earliest count as unread again."""


class InboxMark(msgspec.Struct, frozen=True):
    """Items of an inbox that were read: those up to a position, and single ones after it."""

    up_to: int = 0
    positions: frozenset[int] = frozenset()

    def is_read(self, position: int) -> bool:
        """Return whether an item was read."""
        return position <= self.up_to or position in self.positions

    def read(self, up_to: int, positions: Collection[int]) -> "InboxMark":
        """Return the mark after items up to a position, and single ones, were read."""
        first = max(self.up_to, up_to)
        single = {one for one in {*self.positions, *positions} if one > first}
        return InboxMark(first, frozenset(sorted(single)[-INBOX_POSITIONS_MAX:]))

    def until(self, last: int) -> "InboxMark":
        """Return the part of the mark up to a position."""
        single = frozenset(one for one in self.positions if one <= last)
        return InboxMark(min(self.up_to, last), single)


class DiscussionMark(msgspec.Struct, frozen=True):
    """Position up to which a person has read a discussion, in one log."""

    discussion: UUID
    log: UUID
    position: int


class ReadMarks(Protocol):
    """Port to the read marks of all processes. May raise LogUnavailable."""

    async def find(self, person: UUID, discussion: UUID, log: LogHistory) -> int | None:
        """Return a person's mark in a discussion, None if there is none of this log.

        A mark of an earlier epoch counts up to the position that it shares with this one.
        """

    async def find_all(
        self, person: UUID, discussions: Collection[UUID], log: LogHistory
    ) -> dict[UUID, int]:
        """Return a person's marks in those of the discussions where there are any, as `find`."""

    async def advance(self, person: UUID, discussion: UUID, log: LogHistory, position: int) -> int:
        """Move a mark on, never back within one log. Return the mark."""

    async def marks_of(self, person: UUID) -> list[DiscussionMark]:
        """Return all marks of a person."""

    async def inbox(self, person: UUID, log: LogHistory) -> InboxMark:
        """Return what a person has read of their inbox."""

    async def read_inbox(
        self, person: UUID, log: LogHistory, *, up_to: int = 0, positions: Collection[int] = ()
    ) -> None:
        """Note that a person has read their inbox up to a position, or single items of it."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete the marks of persons, who are named by their streams."""


class MemoryReadMarks:
    """Marks of one process: gone when it ends."""

    def __init__(self) -> None:
        self._marks: LruCache[tuple[UUID, UUID], tuple[UUID, int]] = LruCache(MARKS_KEPT_MAX)
        self._inboxes: LruCache[UUID, tuple[UUID, InboxMark]] = LruCache(MARKS_KEPT_MAX)

    async def find(self, person: UUID, discussion: UUID, log: LogHistory) -> int | None:
        mark = self._marks.find((person, discussion))
        last = None if mark is None else log.shared_until(mark[0])
        return None if mark is None or last is None else min(mark[1], last)

    async def find_all(
        self, person: UUID, discussions: Collection[UUID], log: LogHistory
    ) -> dict[UUID, int]:
        found = {each: await self.find(person, each, log) for each in discussions}
        return {each: mark for each, mark in found.items() if mark is not None}

    async def advance(self, person: UUID, discussion: UUID, log: LogHistory, position: int) -> int:
        before = await self.find(person, discussion, log)
        mark = position if before is None else max(before, position)
        self._marks.put((person, discussion), (log.id, mark))
        return mark

    async def marks_of(self, person: UUID) -> list[DiscussionMark]:
        return [
            DiscussionMark(key[1], *mark)
            for key in list(self._marks)
            if key[0] == person and (mark := self._marks.peek(key)) is not None
        ]

    async def inbox(self, person: UUID, log: LogHistory) -> InboxMark:
        found = self._inboxes.find(person)
        last = None if found is None else log.shared_until(found[0])
        return InboxMark() if found is None or last is None else found[1].until(last)

    async def read_inbox(
        self, person: UUID, log: LogHistory, *, up_to: int = 0, positions: Collection[int] = ()
    ) -> None:
        mark = (await self.inbox(person, log)).read(up_to, positions)
        self._inboxes.put(person, (log.id, mark))

    async def forget(self, persons: Collection[UUID]) -> None:
        for person in persons:
            self._inboxes.drop(person)
        gone = set(persons)
        for key in [key for key in self._marks if key[0] in gone]:
            self._marks.drop(key)
