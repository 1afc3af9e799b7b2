"""Read marks in PostgreSQL, which all processes on one database share."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from rostra_adapters.postgres.connect import raise_unavailable_if_lost

_FIND = """
select position from public.rostra_read_marks
where person = $1 and discussion = $2 and log = $3
"""
_ADVANCE = """
insert into public.rostra_read_marks as mark (person, discussion, log, position)
values ($1, $2, $3, $4)
on conflict (person, discussion) do update set
    position = case when mark.log = excluded.log
        then greatest(mark.position, excluded.position) else excluded.position end,
    log = excluded.log
returning position
"""
_FORGET = "delete from public.rostra_read_marks where person = any($1::uuid[])"


class PostgresReadMarks:
    """`application.read_marks.ReadMarks`. `schema.install` must have been run."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, person: UUID, discussion: UUID, log: UUID) -> int | None:
        with raise_unavailable_if_lost():
            mark: int | None = await self._pool.fetchval(_FIND, person, discussion, log)
        return mark

    async def advance(self, person: UUID, discussion: UUID, log: UUID, position: int) -> int:
        with raise_unavailable_if_lost():
            mark = await self._pool.fetchval(_ADVANCE, person, discussion, log, position)
        return int(mark)

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
