"""The statements that read the view `moderation` from PostgreSQL, and what they come to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from rostra.names import GUEST
from rostra_adapters.postgres.views.queries.comment_lists import COLUMNS
from rostra_adapters.postgres.views.row_store import time_of_column, to_row
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.moderation import (
    ACTS,
    FLAGS,
    QUEUE,
    SINCE,
    WAITING,
    ActRow,
    FlagRow,
    Queue,
)
from rostra_projections.query_port import (
    FLAGS_SHOWN_MAX,
    AuthorRecord,
    Queued,
    SealedComment,
)
from rostra_projections.tables import Table

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

_COMMENTS_AHEAD = 4
# The view of comments may not follow a discussion. Its comments take no place on a page.
_IS_FOLLOWED = "(select true from public.comments_v{comments} c where c.id = q.id)"


def _comments_of(queue: str) -> str:
    """Return the statement that reads the comments of a queue, in the order of its `at`."""
    return f"""
select v.position, q.since, q.rule, c.id is not null, {COLUMNS} from {_WITH_COMMENTS}
left join ({queue}) q on true
left join lateral (
    select * from public.comments_v{{comments}} where id = q.id offset 0
) c on true
left join lateral (
    select * from public.comment_ranks_v{{comments}} where id = c.id offset 0
) r on true
order by q.at"""


def _queue(queue: Queue, author: str = "") -> str:
    since = SINCE[queue]
    after, direction, sign = (">", "asc", "") if queue in WAITING else ("<", "desc", "-")
    return _comments_of(f"""
    select id, {since} as since, rule, {sign}{since} as at
    from public.moderation_queue_v{{moderation}} q
    where site = $1 and {since} {after} $2{author} and {_IS_FOLLOWED}
    order by {since} {direction} limit $3""")


QUEUES = {queue: _queue(queue) for queue in SINCE}
QUEUES_OF_AUTHOR = {queue: _queue(queue, " and author = $4") for queue in SINCE}

QUEUED_OF = _comments_of("""
    select q.id, q.posted as since, q.rule, n.at
    from unnest($1::uuid[]) with ordinality n (id, at)
    join public.moderation_queue_v{moderation} q on q.id = n.id""")


def _count(queue: Queue) -> str:
    return f"""(
    select count(*) from (
        select 1 from public.moderation_queue_v{{moderation}}
        where site = $1 and {SINCE[queue]} is not null limit $2
    ) {queue}
) as {queue}"""


COUNTS_OF_QUEUES = f"""
select v.position, {", ".join(map(_count, WAITING))} from {_ALONE}"""


def _count_of_author(name: str, since: str) -> str:
    return f"""(
    select count(*) from (
        select 1 from public.moderation_queue_v{{moderation}}
        where site = $1 and author = $2 and {since} is not null limit $3
    ) {name}
) as {name}"""


def _time_of_author(name: str, direction: str) -> str:
    return f"""(
    select c.posted_at from public.moderation_queue_v{{moderation}} q
    join public.comments_v{{comments}} c on c.id = q.id
    where q.site = $1 and q.author = $2 order by q.posted {direction} limit 1
) as {name}"""


_AUTHOR_COUNTS = {
    "comments": "posted",
    "removed": "removed_since",
    "rejected": "rejected_since",
    "held": "held_since",
    "flagged": "flagged_since",
}
AUTHOR_RECORD = f"""
select v.position, {", ".join(_count_of_author(*one) for one in _AUTHOR_COUNTS.items())},
    {_time_of_author("first_at", "asc")}, {_time_of_author("last_at", "desc")}
from {_WITH_COMMENTS}"""

SEALED_COMMENTS = f"""
select v.position, q.posted, c.id, c.author, c.words, c.words_event, c.edited_words,
    c.edited_event
from {_WITH_COMMENTS}
left join (
    select id, posted from public.moderation_queue_v{{moderation}} q
    where site = $1 and posted < $3 and {_IS_FOLLOWED}
    order by posted desc limit $2
) q on true
left join lateral (
    select * from public.comments_v{{comments}} where id = q.id offset 0
) c on true
order by q.posted desc"""

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

FLAGGERS = f"""
select v.position, f.person from {_ALONE}
left join (
    select f.person from public.moderation_queue_v{{moderation}} q
    join public.moderation_flags_v{{moderation}} f on f.comment = q.id
    where q.id = $1 and f.position >= q.flagged_since and f.person not like '{GUEST}%'
    order by f.person limit $2
) f on true
order by f.person"""

QUEUED = f"""
select v.position as read_up_to, {_columns(QUEUE, "q")} from {_ALONE}
left join public.moderation_queue_v{{moderation}} q on q.id = $1"""


def _acts(about: str) -> str:
    return f"""
select v.position, {_columns(ACTS, "a")} from {_ALONE}
left join (
    select * from public.moderation_acts_v{{moderation}}
    where {about} = $1 and position < $3
    order by position desc limit $2
) a on true
order by a.position desc"""


ACTS_OF = _acts("discussion")
ACTS_OF_SITE = _acts("site")


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
    """Return the comments of a queue. A comment that its view does not follow is left out."""
    return [
        Queued(record["since"], row, flags.get(row.id, []), record["rule"], record[0])
        for record in records
        if has_comment(record)
        for row in (to_row(COMMENTS, tuple(record)[_COMMENTS_AHEAD:]),)
    ]


def has_comment(record: asyncpg.Record) -> bool:
    """Return whether a record of a queue has the row of a comment."""
    return bool(record[_COMMENTS_AHEAD - 1])


def to_sealed_comments(records: Sequence[asyncpg.Record]) -> list[SealedComment]:
    """Return the words of comments. A comment that its view does not follow is left out."""
    return [SealedComment(*tuple(record)[1:]) for record in records if record["id"] is not None]


def to_author_record(record: asyncpg.Record) -> AuthorRecord:
    """Return the record of an author."""
    times = [record["first_at"], record["last_at"]]
    counts = {name: record[name] for name in _AUTHOR_COUNTS}
    first_at, last_at = (None if time is None else time_of_column(time) for time in times)
    return AuthorRecord(**counts, first_at=first_at, last_at=last_at)


def to_counts(record: asyncpg.Record) -> dict[Queue, int]:
    """Return the number of comments in each queue."""
    return {queue: record[queue] for queue in WAITING}


def acts(records: Sequence[asyncpg.Record]) -> list[ActRow]:
    """Return the records as moderation acts."""
    return [to_row(ACTS, tuple(record)[1:]) for record in records if record[1] is not None]
