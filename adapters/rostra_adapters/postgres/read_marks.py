"""Read marks in PostgreSQL, which all processes on one database share."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from rostra.log import POSITION_MAX, LogHistory
from rostra_adapters.application.read_marks import DiscussionMark, InboxMark
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

_FIND_ALL = """
select discussion, position, log from public.rostra_read_marks
where person = $1 and discussion = any($2::uuid[])
"""
# `known` are the log and its earlier epochs, each with the last position that it shares with it.
_ADVANCE = """
insert into public.rostra_read_marks as mark (person, discussion, log, position)
values ($1, $2, $3, $4)
on conflict (person, discussion) do update set
    position = greatest(excluded.position, (
        select least(mark.position, known.last)
        from unnest($5::uuid[], $6::bigint[]) known (log, last) where known.log = mark.log
    )),
    log = excluded.log
returning position
"""
_MARKS_OF = """
select discussion, log, position from public.rostra_read_marks where person = $1
"""
_INBOX = "select up_to, positions, log from public.rostra_inbox_marks where person = $1"
_LOCK_INBOX = f"{_INBOX} for update"
_BEGIN_INBOX = """
insert into public.rostra_inbox_marks (person, log, up_to, positions)
values ($1, $2, 0, '{}') on conflict do nothing
"""
_READ_INBOX = """
insert into public.rostra_inbox_marks (person, log, up_to, positions)
values ($1, $2, $3, $4::bigint[])
on conflict (person) do update set
    log = excluded.log, up_to = excluded.up_to, positions = excluded.positions
"""
_FORGET_INBOXES = "delete from public.rostra_inbox_marks where person = any($1::uuid[])"
_FORGET = "delete from public.rostra_read_marks where person = any($1::uuid[])"


class PostgresReadMarks:
    """`application.read_marks.ReadMarks`. `schema.install` must have been run."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, person: UUID, discussion: UUID, log: LogHistory) -> int | None:
        return (await self.find_all(person, [discussion], log)).get(discussion)

    async def find_all(
        self, person: UUID, discussions: Collection[UUID], log: LogHistory
    ) -> dict[UUID, int]:
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(_FIND_ALL, person, list(discussions))
        return {
            discussion: min(position, last)
            for discussion, position, log_id in rows
            if (last := log.shared_until(log_id)) is not None
        }

    async def advance(self, person: UUID, discussion: UUID, log: LogHistory, position: int) -> int:
        known = {**log.earlier, log.id: POSITION_MAX}
        with raise_unavailable_if_lost():
            mark = await self._pool.fetchval(
                _ADVANCE, person, discussion, log.id, position, list(known), list(known.values())
            )
        return int(mark)

    async def marks_of(self, person: UUID) -> list[DiscussionMark]:
        with raise_unavailable_if_lost():
            return [DiscussionMark(*row) for row in await self._pool.fetch(_MARKS_OF, person)]

    async def inbox(self, person: UUID, log: LogHistory) -> InboxMark:
        with raise_unavailable_if_lost():
            return _mark_of(await self._pool.fetchrow(_INBOX, person), log)

    async def read_inbox(
        self, person: UUID, log: LogHistory, *, up_to: int = 0, positions: Collection[int] = ()
    ) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_BEGIN_INBOX, person, log.id)
                before = _mark_of(await connection.fetchrow(_LOCK_INBOX, person), log)
                mark = before.read(up_to, positions)
                await connection.execute(
                    _READ_INBOX, person, log.id, mark.up_to, list(mark.positions)
                )

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
            await self._pool.execute(_FORGET_INBOXES, list(persons))


def _mark_of(record: asyncpg.Record | None, log: LogHistory) -> InboxMark:
    last = None if record is None else log.shared_until(record["log"])
    if record is None or last is None:
        return InboxMark()
    return InboxMark(record["up_to"], frozenset(record["positions"])).until(last)
