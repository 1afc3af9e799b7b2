"""Checkpoints of the followers of the log, kept beside it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec


class Checkpoint(msgspec.Struct, frozen=True):
    """Position of a log up to which a follower has handled its events."""

    log: UUID
    position: int
    log_since: datetime | None = None
    """Time at which this log took the place of the one before, None for the first log."""


class CheckpointedStore(Protocol):
    """Port to what a follower keeps. May raise LogUnavailable."""

    async def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the follower, None before its first event."""

    async def advance(self, before: Checkpoint | None, to: Checkpoint) -> bool:
        """Move the checkpoint from `before`. Return False if it is elsewhere by now."""


class MemoryCheckpoint:
    """`CheckpointedStore` of one process: gone when it ends."""

    def __init__(self) -> None:
        self._checkpoint: Checkpoint | None = None

    async def checkpoint(self) -> Checkpoint | None:
        return self._checkpoint

    async def advance(self, before: Checkpoint | None, to: Checkpoint) -> bool:
        if self._checkpoint != before:
            return False
        self._checkpoint = to
        return True
