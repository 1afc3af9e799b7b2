"""Revoked tokens in PostgreSQL: a table that every process reads every two seconds."""

from typing import Self

import asyncpg

from rostra_adapters.aio.background import BackgroundTask, end_background, repeat
from rostra_adapters.application.revocations import MemoryRevocations
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

LOOK_SECONDS = 2.0

_NEW = """
select number, person, site, issued_until from public.rostra_revocations
where number > $1 order by number
"""
# One after the other, so that numbers become visible in order.
_LOCK = "lock table public.rostra_revocations in share row exclusive mode"
_REVOKE = """
insert into public.rostra_revocations as revoked (person, site, issued_until)
values ($1, $2, $3)
on conflict (person, site) do update set
    issued_until = greatest(revoked.issued_until, excluded.issued_until),
    number = excluded.number
"""


class PostgresRevocations(MemoryRevocations):
    """Revocations in PostgreSQL, with a copy in memory that requests are checked against.

    The copy is used while the database is away. `schema.install` must have been run.
    """

    is_shared = True

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__()
        self._pool = pool
        self._seen = 0
        self._task: BackgroundTask | None = None

    async def __aenter__(self) -> Self:
        """Read all revocations, then new ones. Raises LogUnavailable."""
        await self._look()
        self._task = BackgroundTask(repeat(self._look_again, LOOK_SECONDS), "revocations")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_background(self._task)

    async def revoke(self, person: str, site: str, until: float) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_LOCK)
                await connection.execute(_REVOKE, person, site, until)
        await self._look()

    async def _look_again(self) -> None:
        try:
            await self._look()
        except Exception:
            self._seen = 0  # another database may have taken its place
            raise

    async def _look(self) -> None:
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(_NEW, self._seen)
        if rows:
            self.add([(row["person"], row["site"], row["issued_until"]) for row in rows])
            self._seen = rows[-1]["number"]
