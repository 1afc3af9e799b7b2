"""Read marks: the position up to which a person has read a discussion.

They are kept beside the log, which does not depend on them. A rebuild leaves them as they are.
"""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from rostra_adapters.lru_cache import LruCache

MARKS_KEPT_MAX = 100_000


class ReadMarks(Protocol):
    """Port to the read marks of all processes. May raise LogUnavailable."""

    async def find(self, person: UUID, discussion: UUID, log: UUID) -> int | None:
        """Return a person's mark in a discussion, None if there is none of this log."""

    async def advance(self, person: UUID, discussion: UUID, log: UUID, position: int) -> int:
        """Move a mark on, never back within one log. Return the mark."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete the marks of persons, who are named by their streams."""


class MemoryReadMarks:
    """Marks of one process: gone when it ends."""

    def __init__(self) -> None:
        self._marks: LruCache[tuple[UUID, UUID], tuple[UUID, int]] = LruCache(MARKS_KEPT_MAX)

    async def find(self, person: UUID, discussion: UUID, log: UUID) -> int | None:
        mark = self._marks.find((person, discussion))
        return mark[1] if mark is not None and mark[0] == log else None

    async def advance(self, person: UUID, discussion: UUID, log: UUID, position: int) -> int:
        before = await self.find(person, discussion, log)
        mark = position if before is None else max(before, position)
        self._marks.put((person, discussion), (log, mark))
        return mark

    async def forget(self, persons: Collection[UUID]) -> None:
        gone = set(persons)
        for key in [key for key in self._marks if key[0] in gone]:
            self._marks.drop(key)
