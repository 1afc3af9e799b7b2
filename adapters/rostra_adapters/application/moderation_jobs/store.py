"""Progress of the jobs of bans, and counts of persons' votes, kept beside the log.

The jobs can do without it: acts that were done already are repeated without effect. Lost counts are
made again from the log.
"""

from collections.abc import Collection
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from rostra_adapters.application.checkpoint import (
    Checkpoint,
    CheckpointedStore,
    MemoryCheckpoint,
)

Stage = Literal["comments", "votes", "done"]


class BanJob(msgspec.Struct, frozen=True, kw_only=True):
    """Job that carries out a ban, or takes it back."""

    act: UUID
    """Id of the event that bans the person, or ends the ban."""
    person: UUID
    """Stream of the person."""
    log: UUID
    position: int
    """Position of the event: earlier comments and votes alone are looked at."""
    stage: Stage = "comments"
    cursor: int | None = None
    """Position of the last comment that was looked at in this stage; None at its beginning."""
    comments: int = 0
    """Comments that the job has changed."""
    comments_total: int = 0
    """Comments of the person that it looks at."""
    votes: int = 0
    """Votes that the job has changed."""


class JobStore(CheckpointedStore, Protocol):
    """Port to jobs and the follower's checkpoint. May raise LogUnavailable."""

    async def find(self, act: UUID, log: UUID) -> BanJob | None:
        """Return the job of an event of a log."""

    async def save(self, job: BanJob) -> None:
        """Replace the state of a job."""

    async def of_person(self, person: UUID) -> list[BanJob]:
        """Return the jobs of a person, the latest first."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete the jobs of persons who were erased."""


class MemoryJobs(MemoryCheckpoint):
    """For one process: gone when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[UUID, BanJob] = {}

    async def find(self, act: UUID, log: UUID) -> BanJob | None:
        job = self._jobs.get(act)
        return job if job is not None and job.log == log else None

    async def save(self, job: BanJob) -> None:
        self._jobs[job.act] = job

    async def of_person(self, person: UUID) -> list[BanJob]:
        found = [job for job in self._jobs.values() if job.person == person]
        return sorted(found, key=lambda job: job.position, reverse=True)

    async def forget(self, persons: Collection[UUID]) -> None:
        self._jobs = {act: job for act, job in self._jobs.items() if job.person not in persons}


class VoteChanges(msgspec.Struct):
    """Changes of counts by a page of the log."""

    erased: set[UUID] = msgspec.field(default_factory=set)
    """Persons whose counts begin anew."""
    added: dict[UUID, int] = msgspec.field(default_factory=dict)
    """Votes more or fewer of each person, after their last erasure."""


class VoteCounts(CheckpointedStore, Protocol):
    """Port to the counts, and the position up to which votes are counted."""

    async def begin(self, log: UUID) -> None:
        """Delete the counts of another log, and count this one from its beginning."""

    async def add(
        self, counted: Checkpoint, log: UUID, position: int, changes: VoteChanges
    ) -> bool:
        """Add changes and move the checkpoint from `counted` to a position of a log.

        Return False, and change nothing, if the checkpoint is elsewhere by now.
        """

    async def of_person(self, person: UUID) -> int:
        """Return the number of votes of a person."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete the counts of persons who were erased."""


class MemoryVoteCounts(MemoryCheckpoint):
    """For one process: gone when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._votes: dict[UUID, int] = {}

    async def begin(self, log: UUID) -> None:
        if self._checkpoint is None or self._checkpoint.log != log:
            self._checkpoint = Checkpoint(log, 0)
            self._votes.clear()

    async def add(
        self, counted: Checkpoint, log: UUID, position: int, changes: VoteChanges
    ) -> bool:
        if not await self.advance(counted, Checkpoint(log, position)):
            return False
        await self.forget(changes.erased)
        for person, votes in changes.added.items():
            self._votes[person] = self._votes.get(person, 0) + votes
        return True

    async def of_person(self, person: UUID) -> int:
        return max(0, self._votes.get(person, 0))

    async def forget(self, persons: Collection[UUID]) -> None:
        for person in persons:
            self._votes.pop(person, None)
