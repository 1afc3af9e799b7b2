"""The bare insert: `insert … select from unnest` into the same table with the same indexes,
without our function, triggers and guards.
"""

from collections.abc import Sequence

import asyncpg

from bench.votes import Ballot, row

INSERT = """
insert into public.stored_events (
    originator_id, originator_version, topic, state, event_id, metadata
)
select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[], $5::uuid[], $6::jsonb[])
returning notification_id"""
_TRIGGERS = """
select tgname from pg_trigger
where tgrelid = 'public.stored_events'::regclass and not tgisinternal"""

Columns = list[list[object]]


async def strip(url: str) -> None:
    """Make the log of a database a plain table."""
    connection = await asyncpg.connect(url)
    try:
        for (name,) in await connection.fetch(_TRIGGERS):
            await connection.execute(f'drop trigger "{name}" on public.stored_events')
    finally:
        await connection.close()


def columns(ballots: Sequence[Ballot]) -> Columns:
    """The arguments of `INSERT`."""
    return [list(column) for column in zip(*map(row, ballots), strict=True)]
