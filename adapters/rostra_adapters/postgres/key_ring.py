"""The key ring in PostgreSQL: schema `rostra_keys`, which a backup of the log may leave out."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from rostra_adapters.key_ring import KeptKey, KeptKeyRing, MasterKeys
from rostra_adapters.postgres.connect import unavailable_if_lost

FIND = """
select owner, key_id, wrapped, master
from rostra_keys.person_keys
where owner = any($1::uuid[])
"""
# In order of owner everywhere, so that two processes never wait for each other.
KEEP = """
insert into rostra_keys.person_keys (owner, key_id, wrapped, master)
select owner, key_id, wrapped, master
from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[])
    as made (owner, key_id, wrapped, master)
order by owner
on conflict (owner) do nothing
"""


class PostgresKeyRing(KeptKeyRing):
    """`schema.install` must have been run."""

    def __init__(self, pool: asyncpg.Pool, masters: MasterKeys) -> None:
        super().__init__(masters)
        self._pool = pool

    async def _find(self, owners: Sequence[UUID]) -> Iterable[KeptKey]:
        with unavailable_if_lost():
            rows = await self._pool.fetch(FIND, owners)
        return [KeptKey(*row) for row in rows]

    async def _keep(self, keys: Sequence[KeptKey]) -> None:
        with unavailable_if_lost():
            await self._pool.execute(
                KEEP,
                [key.owner for key in keys],
                [key.key_id for key in keys],
                [key.wrapped for key in keys],
                [key.master for key in keys],
            )
