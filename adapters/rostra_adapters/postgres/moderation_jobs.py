"""Progress of the jobs of bans in PostgreSQL."""

from collections.abc import Collection
from uuid import UUID

from rostra_adapters.application.moderation_jobs.store import BanJob
from rostra_adapters.postgres.checkpoint import PostgresCheckpoint
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

_FIND = """
select act, person, log, position, stage, cursor, comments, comments_total, votes
from public.rostra_ban_jobs where act = $1 and log = $2
"""
_SAVE = """
insert into public.rostra_ban_jobs
    (act, person, log, position, stage, cursor, comments, comments_total, votes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (act) do update set
    log = excluded.log, position = excluded.position, stage = excluded.stage,
    cursor = excluded.cursor, comments = excluded.comments,
    comments_total = excluded.comments_total, votes = excluded.votes
"""
_OF_PERSON = """
select act, person, log, position, stage, cursor, comments, comments_total, votes
from public.rostra_ban_jobs where person = $1 order by position desc limit 100
"""
_FORGET = "delete from public.rostra_ban_jobs where person = any($1::uuid[])"


class PostgresJobs(PostgresCheckpoint):
    """`application.moderation_jobs.store.JobStore`. `schema.install` must have been run."""

    name = "moderation"

    async def find(self, act: UUID, log: UUID) -> BanJob | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_FIND, act, log)
        return None if record is None else BanJob(**record)

    async def save(self, job: BanJob) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(
                _SAVE,
                job.act,
                job.person,
                job.log,
                job.position,
                job.stage,
                job.cursor,
                job.comments,
                job.comments_total,
                job.votes,
            )

    async def of_person(self, person: UUID) -> list[BanJob]:
        with raise_unavailable_if_lost():
            records = await self._pool.fetch(_OF_PERSON, person)
        return [BanJob(**record) for record in records]

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
