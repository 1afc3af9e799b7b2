"""Counts of persons' votes in PostgreSQL."""

from collections.abc import Collection
from uuid import UUID

from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.application.moderation_jobs.store import VoteChanges
from rostra_adapters.postgres.checkpoint import PostgresCheckpoint
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

_FORGET_ALL = "delete from public.rostra_vote_counts"
_FORGET = "delete from public.rostra_vote_counts where person = any($1::uuid[])"
_ADD = """
insert into public.rostra_vote_counts as counts (person, votes)
select * from unnest($1::uuid[], $2::bigint[]) added (person, votes) order by person
on conflict (person) do update set votes = counts.votes + excluded.votes
"""
OF_PERSON = "select votes from public.rostra_vote_counts where person = $1"


class PostgresVoteCounts(PostgresCheckpoint):
    """`moderation_jobs.store.VoteCounts`. `schema.install` must have been run.

    The row of the checkpoint is locked while counts change, so that each event is counted once.
    """

    name = "votes"

    async def begin(self, log: UUID) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if await self._begin(connection, log, 0):
                    await connection.execute(_FORGET_ALL)

    async def add(
        self, counted: Checkpoint, log: UUID, position: int, changes: VoteChanges
    ) -> bool:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await self._move(connection, counted.log, counted.position, log, position):
                    return False
                if changes.erased:
                    await connection.execute(_FORGET, list(changes.erased))
                if changes.added:
                    added = changes.added
                    await connection.execute(_ADD, list(added), list(added.values()))
        return True

    async def of_person(self, person: UUID) -> int:
        with raise_unavailable_if_lost():
            votes = await self._pool.fetchval(OF_PERSON, person)
        return max(0, votes or 0)

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
