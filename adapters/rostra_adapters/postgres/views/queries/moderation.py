"""The statements that read the view `moderation` from PostgreSQL, and what they come to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from rostra_adapters.postgres.views.queries.comment_lists import COLUMNS
from rostra_adapters.postgres.views.row_store import to_row
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.moderation import ACTS, FLAGS, QUEUE, ActRow, FlagRow
from rostra_projections.query_port import FLAGS_SHOWN_MAX, Queued
from rostra_projections.tables import Table

POSITION_MAX = 2**63 - 1

_HERE = """(
    select min(position) as position from public.rostra_views
    where (name, version) in ({named}) having count(*) = {count}
) v"""


def _columns(table: Table[Any], alias: str) -> str:
    return ", ".join(f'{alias}."{column}"' for column in table.types)


_ALONE = _HERE.format(named="('moderation', {moderation})", count=1)
_WITH_COMMENTS = _HERE.format(
    named="('moderation', {moderation}), ('comments', {comments})", count=2
)

_QUEUE = """
select v.position, q.since, c.id is not null, {columns} from {here}
left join (
    select id, {since} as since from public.moderation_queue_v{{moderation}}
    where site = $1 and {since} > $2 order by {since} limit $3
) q on true
left join lateral (
    select * from public.comments_v{{comments}} where id = q.id offset 0
) c on true
left join lateral (
    select * from public.comment_ranks_v{{comments}} where id = c.id offset 0
) r on true
order by q.since"""

QUEUES = {
    queue: _QUEUE.format(columns=COLUMNS, here=_WITH_COMMENTS, since=f"{queue}_since")
    for queue in ("held", "flagged", "pending")
}

FLAGS_OF = f"""
select v.position as read_up_to, {_columns(FLAGS, "f")} from {_ALONE}
left join (
    select f.* from unnest($1::uuid[]) c (id)
    join public.moderation_queue_v{{moderation}} q on q.id = c.id
    cross join lateral (
        select * from public.moderation_flags_v{{moderation}}
        where comment = q.id and position >= q.flagged_since
        order by position desc limit {FLAGS_SHOWN_MAX}
    ) f
) f on true
order by f.position"""

QUEUED = f"""
select v.position as read_up_to, {_columns(QUEUE, "q")} from {_ALONE}
left join public.moderation_queue_v{{moderation}} q on q.id = $1"""

ACTS_OF = f"""
select v.position, {_columns(ACTS, "a")} from {_ALONE}
left join (
    select * from public.moderation_acts_v{{moderation}}
    where discussion = $1 and position < $3
    order by position desc limit $2
) a on true
order by a.position desc"""


def flags_of(records: Sequence[asyncpg.Record]) -> dict[UUID, list[FlagRow]]:
    """Return the flags of each comment in order."""
    found: dict[UUID, list[FlagRow]] = {}
    for record in records:
        if record["comment"] is not None:
            row = to_row(FLAGS, tuple(record)[1:])
            found.setdefault(row.comment, []).append(row)
    return found


def to_queued_comments(
    records: Sequence[asyncpg.Record], flags: dict[UUID, list[FlagRow]]
) -> list[Queued]:
    """Return the waiting comments. A comment that its view does not follow is left out."""
    rows = [(record[1], to_row(COMMENTS, tuple(record)[3:])) for record in records if record[2]]
    return [Queued(since, row, flags.get(row.id, [])) for since, row in rows]


def acts(records: Sequence[asyncpg.Record]) -> list[ActRow]:
    """Return the records as moderation acts."""
    return [to_row(ACTS, tuple(record)[1:]) for record in records if record[1] is not None]
