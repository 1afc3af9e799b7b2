"""Progress of the jobs of bans, kept beside the log.

The jobs can do without it: acts that were done already are repeated without effect.
"""

from collections.abc import Collection
from typing import Literal, Protocol
from uuid import UUID

import msgspec

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


class JobStore(Protocol):
    """Port to jobs and the follower's checkpoint. May raise LogUnavailable."""

    async def checkpoint(self) -> tuple[UUID, int] | None:
        """Return the log and the position up to which its events were handled."""

    async def advance(self, log: UUID, position: int) -> None:
        """Move the checkpoint."""

    async def find(self, act: UUID, log: UUID) -> BanJob | None:
        """Return the job of an event of a log."""

    async def save(self, job: BanJob) -> None:
        """Replace the state of a job."""

    async def of_person(self, person: UUID) -> list[BanJob]:
        """Return the jobs of a person, the latest first."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete the jobs of persons who were erased."""


class MemoryJobs:
    """For one process: gone when it ends."""

    def __init__(self) -> None:
        self._checkpoint: tuple[UUID, int] | None = None
        self._jobs: dict[UUID, BanJob] = {}

    async def checkpoint(self) -> tuple[UUID, int] | None:
        return self._checkpoint

    async def advance(self, log: UUID, position: int) -> None:
        self._checkpoint = (log, position)

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
