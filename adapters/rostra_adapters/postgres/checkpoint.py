"""Checkpoints of the followers of the log in PostgreSQL."""

from typing import ClassVar
from uuid import UUID

import asyncpg

from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection

_FIND = "select log, position, log_since from public.rostra_followers where name = $1"
_BEGIN = """
insert into public.rostra_followers as follower (name, log, position) values ($1, $2, $3)
on conflict (name) do update set log = excluded.log, position = excluded.position
where follower.log <> excluded.log
returning true
"""
_START = """
insert into public.rostra_followers (name, log, position, log_since) values ($1, $2, $3, $4)
on conflict (name) do nothing
returning true
"""
_MOVE = """
update public.rostra_followers set log = $4, position = $5, log_since = $6
where name = $1 and log = $2 and position = $3
returning true
"""


class PostgresCheckpoint:
    """`CheckpointedStore` of the follower `name`. `schema.install` must have been run."""

    name: ClassVar[str]

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def checkpoint(self) -> Checkpoint | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_FIND, self.name)
        return None if record is None else Checkpoint(*record)

    async def advance(self, before: Checkpoint | None, to: Checkpoint) -> bool:
        new = to.log, to.position, to.log_since
        with raise_unavailable_if_lost():
            if before is None:
                return bool(await self._pool.fetchval(_START, self.name, *new))
            return bool(
                await self._pool.fetchval(_MOVE, self.name, before.log, before.position, *new)
            )

    async def _begin(self, connection: Connection, log: UUID, position: int) -> bool:
        """Begin to follow a log in a transaction. Return False if the log is followed already."""
        return bool(await connection.fetchval(_BEGIN, self.name, log, position))

    async def _move(
        self, connection: Connection, log: UUID, before: int, to: UUID, position: int
    ) -> bool:
        """Move the checkpoint from `before` in a log. Return False if it is elsewhere by now."""
        return bool(await connection.fetchval(_MOVE, self.name, log, before, to, position, None))
