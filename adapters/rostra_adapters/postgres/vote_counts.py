"""Counts of persons' votes in PostgreSQL."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from rostra_adapters.application.moderation_jobs.store import VoteChanges
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

FOLLOWER = "votes"

_CHECKPOINT = "select log, position from public.rostra_followers where name = $1"
_BEGIN = """
insert into public.rostra_followers as follower (name, log, position) values ($1, $2, 0)
on conflict (name) do update set log = excluded.log, position = 0
where follower.log <> excluded.log
returning true
"""
_FORGET_ALL = "delete from public.rostra_vote_counts"
_MOVE = """
update public.rostra_followers set log = $4, position = $5
where name = $1 and log = $2 and position = $3
returning true
"""
_FORGET = "delete from public.rostra_vote_counts where person = any($1::uuid[])"
_ADD = """
insert into public.rostra_vote_counts as counts (person, votes)
select * from unnest($1::uuid[], $2::bigint[]) added (person, votes) order by person
on conflict (person) do update set votes = counts.votes + excluded.votes
"""
OF_PERSON = "select votes from public.rostra_vote_counts where person = $1"


class PostgresVoteCounts:
    """`moderation_jobs.store.VoteCounts`. `schema.install` must have been run.

    The row of the checkpoint is locked while counts change, so that each event is counted once.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def checkpoint(self) -> tuple[UUID, int] | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_CHECKPOINT, FOLLOWER)
        return None if record is None else (record["log"], record["position"])

    async def begin(self, log: UUID) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(_BEGIN, FOLLOWER, log):
                    await connection.execute(_FORGET_ALL)

    async def add(
        self, counted: tuple[UUID, int], log: UUID, position: int, changes: VoteChanges
    ) -> bool:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_MOVE, FOLLOWER, *counted, log, position):
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
