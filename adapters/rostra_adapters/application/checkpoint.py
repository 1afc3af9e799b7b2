"""Checkpoints of the followers of the log, kept beside it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from rostra_adapters.clock import moment


class Checkpoint(msgspec.Struct, frozen=True):
    """Position of a log up to which a follower has handled its events."""

    log: UUID
    position: int
    log_since: datetime | None = None
    """Time at which the follower began to follow this log, None for its first log."""


class CheckpointedStore(Protocol):
    """Port to what a follower keeps. May raise LogUnavailable."""

    async def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the follower, None before its first event."""

    async def advance(self, log: UUID, position: int) -> None:
        """Move the checkpoint on, never back within one log."""


class MemoryCheckpoint:
    """`CheckpointedStore` of one process: gone when it ends."""

    def __init__(self) -> None:
        self._checkpoint: Checkpoint | None = None

    async def checkpoint(self) -> Checkpoint | None:
        return self._checkpoint

    async def advance(self, log: UUID, position: int) -> None:
        before = self._checkpoint
        if before is None:
            self._checkpoint = Checkpoint(log, position)
        elif before.log != log:
            self._checkpoint = Checkpoint(log, position, moment())
        elif before.position < position:
            self._checkpoint = Checkpoint(log, position, before.log_since)
