"""Read marks in PostgreSQL, which all processes on one database share."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from rostra_adapters.application.read_marks import INBOX_POSITIONS_MAX, InboxMark, Mark
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
_MARKS_OF = """
select discussion, log, position from public.rostra_read_marks where person = $1
"""
_INBOX = """
select up_to, positions from public.rostra_inbox_marks where person = $1 and log = $2
"""
_READ_INBOX = """
insert into public.rostra_inbox_marks as mark (person, log, up_to, positions)
values ($1, $2, $3, $4::bigint[])
on conflict (person) do update set
    log = excluded.log,
    up_to = case when mark.log = excluded.log
        then greatest(mark.up_to, excluded.up_to) else excluded.up_to end,
    positions = array(
        select distinct one from unnest(
            excluded.positions
            || case when mark.log = excluded.log then mark.positions else '{}' end
        ) one
        where one > case when mark.log = excluded.log
            then greatest(mark.up_to, excluded.up_to) else excluded.up_to end
        order by one desc limit $5
    )
"""
_FORGET_INBOXES = "delete from public.rostra_inbox_marks where person = any($1::uuid[])"
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

    async def marks_of(self, person: UUID) -> list[Mark]:
        with raise_unavailable_if_lost():
            return [Mark(*row) for row in await self._pool.fetch(_MARKS_OF, person)]

    async def inbox(self, person: UUID, log: UUID) -> InboxMark:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_INBOX, person, log)
        if record is None:
            return InboxMark()
        return InboxMark(record["up_to"], frozenset(record["positions"]))

    async def read_inbox(
        self, person: UUID, log: UUID, *, up_to: int = 0, positions: Collection[int] = ()
    ) -> None:
        after = [one for one in set(positions) if one > up_to]
        with raise_unavailable_if_lost():
            await self._pool.execute(_READ_INBOX, person, log, up_to, after, INBOX_POSITIONS_MAX)

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
            await self._pool.execute(_FORGET_INBOXES, list(persons))
