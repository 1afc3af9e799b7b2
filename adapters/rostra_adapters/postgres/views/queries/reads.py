"""Reading the views in PostgreSQL: one statement, and so one snapshot, an answer."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from rostra.ids import discussion_of
from rostra.log import POSITION_MAX, LogUnavailable
from rostra.times import Time, to_datetime
from rostra_adapters.application import read_position
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.queries import inbox as inbox_reads
from rostra_adapters.postgres.views.queries import moderation as moderation_reads
from rostra_adapters.postgres.views.queries.comment_lists import (
    COLUMNS,
    From,
    of_listing,
    page_statement,
)
from rostra_adapters.postgres.views.queries.site_comments import FROM_THE_START, SITE_COMMENTS
from rostra_adapters.postgres.views.row_store import time_of_column, to_row
from rostra_projections.comments.fold import inline_group
from rostra_projections.comments.rows import (
    COMMENTS,
    COUNTED,
    COUNTS,
    PENDING,
    CommentRow,
    CountsRow,
    PendingRow,
)
from rostra_projections.cursors import Cursor, CursorRefused, refuse_old
from rostra_projections.discussions import DISCUSSIONS
from rostra_projections.inbox import (
    ERASURES,
    INBOX,
    INBOX_COMMENTS,
    SUBSCRIPTIONS,
    InboxCommentRow,
    InboxRow,
    SubscriptionRow,
)
from rostra_projections.listing import LastKey, Listing
from rostra_projections.moderation import QUEUE, WAITING, ActRow, Queue, QueueRow
from rostra_projections.passages import PASSAGES
from rostra_projections.persons import PERSONS, PersonRow
from rostra_projections.query_port import (
    AuthorRecord,
    DiscussionRead,
    InboxRead,
    Page,
    ParticipantRead,
    PassageRead,
    Queued,
    SealedComment,
    SitePage,
)
from rostra_projections.responses.shapes import Viewer
from rostra_projections.tables import R, Table
from rostra_projections.views import VIEWS

_VERSIONS = "select name, version from public.rostra_views where lineage = $1"
_POSITION = (
    "select coalesce(min(position), 0) from public.rostra_views"
    " where name = any($1::text[]) and lineage = $2"
)
HIDDEN_REPLIES = """
select v.position, c.parent, c.replies from public.rostra_views v
left join (
    select parent, count(*) as replies from public.comments_v{comments}
    where discussion = any($3::uuid[]) and shown = 1 and author = $1 and parent = any($2::uuid[])
    group by parent
) c on true
where v.name = 'comments' and v.version = {comments}"""

WRITTEN_BY = """
select v.position, c.id from public.rostra_views v
left join (
    select id from public.comments_v{comments} where discussion = $1 and author = $2
    order by posted_at desc, position desc limit $3
) c on true
where v.name = 'comments' and v.version = {comments}"""

COMMENT = f"""
select v.position, {COLUMNS} from public.rostra_views v
left join public.comments_v{{comments}} c on c.id = $1
left join public.comment_ranks_v{{comments}} r on r.id = c.id
where v.name = 'comments' and v.version = {{comments}}"""

COMMENT_ROWS = f"""
select v.position, {COLUMNS} from public.rostra_views v
left join public.comments_v{{comments}} c on c.id = any($1::uuid[])
left join public.comment_ranks_v{{comments}} r on r.id = c.id
where v.name = 'comments' and v.version = {{comments}}"""

PARTICIPANTS_OF = """
select v.position, p.person from public.rostra_views v
left join public.participants_v{comments} p
    on p.discussion = $1 and p.person = any($2::text[]) and p.comments > 0
where v.name = 'comments' and v.version = {comments}"""

_PARTICIPANT = f"""p.discussion, p.person, c.id,
    case when c.status in ({", ".join(map(repr, COUNTED))}) then c.words end, c.words_event"""

PARTICIPANT_ROWS = f"""
select v.position, {_PARTICIPANT} from public.rostra_views v
left join (
    public.participants_v{{comments}} p join public.comments_v{{comments}} c on c.id = p.latest
) on p.discussion = any($1::uuid[]) and p.person = any($2::text[]) and p.comments > 0
where v.name = 'comments' and v.version = {{comments}}"""

LATEST_PARTICIPANTS = f"""
select v.position, {_PARTICIPANT} from public.rostra_views v
left join (
    select * from public.participants_v{{comments}} where discussion = $1 and comments > 0
    order by position desc limit $2
) p on true
left join public.comments_v{{comments}} c on c.id = p.latest
where v.name = 'comments' and v.version = {{comments}}
order by p.position desc"""

# Positions of the named views; no row if one of them is served in another version.
_HERE = """(
    select min(position) as position from public.rostra_views
    where (name, version) in ({named}) having count(*) = {count}
) v"""

_DISCUSSION = """
select v.position, d.id is not null, {d}, {g} from {here}
left join public.discussions_v{{discussions}} d on d.id = $1
left join public.comment_counts_v{{comments}} g on g.id = $1"""

_DISCUSSIONS = """
select v.position, d.id is not null, {d}, {g} from {here}
left join (
    select * from public.comment_counts_v{{comments}}
    where site = $1 and (active_at, id) < ($3::timestamptz, $4::uuid)
    order by active_at desc, id desc limit $2
) g on true
left join lateral (
    select * from public.discussions_v{{discussions}} where id = g.id offset 0
) d on true
order by g.active_at desc, g.id desc"""

_PASSAGES = """
select v.position, p.id is not null, coalesce(g.comments, 0), coalesce(g.replies, 0),
    g.latest_at,
    case when p.key is null and g.id is null then 0 else greatest(p.changed, g.changed) end, {p}
from {here}
left join public.passages_v{{passages}} p on p.discussion = $1
left join lateral (
    select * from public.comment_counts_v{{comments}} where id = p.id offset 0
) g on true
order by p.start_at nulls last, p.position"""

_COUNTS = """
select v.position, g.id, g.comments, g.changed from {here}
left join lateral (
    select * from public.comment_counts_v{{comments}} where id = any($1::uuid[]) offset 0
) g on g.site is not null"""

_PENDING = """
select v.position, {p} from {here}
left join public.pending_wordings_v{{comments}} p
    on p.id = any($1::uuid[]) and p.position is not null"""

_PERSONS = """
select v.position, {p} from {here}
left join public.persons_v{{persons}} p on p.id = any($1::uuid[])"""

_LABELLED = """
select v.position, {p} from {here}
left join lateral (
    select * from public.persons_v{{persons}}
    where site = $1 and label is not null order by id limit $2
) p on true"""

_PAGE_COLUMNS_AHEAD = 10

POINTER_ATTEMPTS_MAX = 20
POINTER_RETRY_SECONDS = 0.02
"""Seconds by which the wait grows before each further look at which versions are served."""


def _columns(table: Table[Any], alias: str) -> str:
    return ", ".join(f'{alias}."{column}"' for column in table.types)


def _here(*views: str) -> str:
    named = ", ".join(f"('{view}', {{{view}}})" for view in views)
    return _HERE.format(named=named, count=len(views))


_D, _G, _P = _columns(DISCUSSIONS, "d"), _columns(COUNTS, "g"), _columns(PASSAGES, "p")
_BOTH = _here("discussions", "comments")
DISCUSSION = _DISCUSSION.format(here=_BOTH, d=_D, g=_G)
AFTER_ALL_DISCUSSIONS = FROM_THE_START[0], UUID(int=2**128 - 1)
"""Time and id after those of every discussion."""
ONE_SITE = _DISCUSSIONS.format(here=_BOTH, d=_D, g=_G)
PASSAGES_OF = _PASSAGES.format(here=_here("passages", "comments"), p=_P)
COUNTS_OF = _COUNTS.format(here=_here("comments"))
PERSONS_OF = _PERSONS.format(here=_here("persons"), p=_columns(PERSONS, "p"))
LABELLED = _LABELLED.format(here=_here("persons"), p=_columns(PERSONS, "p"))
PENDING_OF = _PENDING.format(here=_here("comments"), p=_columns(PENDING, "p"))


class PostgresReads:
    """`rostra_projections.query_port.Reads` on PostgreSQL.

    The versions of the views are read again after a rebuild replaced them.
    """

    def __init__(self, pool: asyncpg.Pool, lineage: Lineage = OURS) -> None:
        self._pool = pool
        self._lineage = lineage.name
        self._versions: dict[str, int] = {}

    async def position(self) -> int:
        with raise_unavailable_if_lost():
            return int(await self._pool.fetchval(_POSITION, list(VIEWS), self._lineage))

    async def _fetch(self, template: str, *args: Any) -> list[asyncpg.Record]:
        """Return the rows of a statement, repeated if its versions are no longer served.

        The first column of each row is the position that the statement saw. Raises LogUnavailable.
        """
        versions = self._versions
        with raise_unavailable_if_lost():
            for attempt in range(POINTER_ATTEMPTS_MAX):
                if not versions:
                    await asyncio.sleep(attempt * POINTER_RETRY_SECONDS)
                    versions = dict(map(tuple, await self._pool.fetch(_VERSIONS, self._lineage)))
                    self._versions = versions
                if len(versions) < len(VIEWS):
                    continue
                try:
                    if rows := await self._pool.fetch(template.format(**versions), *args):
                        read_position.note(rows[0][0])
                        return rows
                except (asyncpg.UndefinedTableError, asyncpg.InternalServerError) as error:
                    if not _is_dropped(error):
                        raise
                versions = {}
        raise LogUnavailable("the views are being replaced, or none are made by this version")

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        last = None if begin is None else begin.last
        replies = 0 if listing.kind == "flat" else replies
        values = parameters(listing, viewer, limit=limit + 1, replies=replies)
        if begin is not None and last is not None:
            values |= _values_after(begin, last)
        template, names = page_statement(
            listing.kind, of_listing(listing), listing.order, _from(last), replies=replies > 0
        )
        records = await self._fetch(template, *(values[name] for name in names))
        if begin is not None and last is not None:
            _refuse_unknown(begin, records[0])
        return _page(records, limit, self._lineage)

    async def hidden_replies(self, person: str, comments: Sequence[UUID]) -> dict[UUID, int]:
        discussions = list({discussion_of(comment) for comment in comments})
        found = await self._fetch(HIDDEN_REPLIES, person, list(comments), discussions)
        return {record[1]: record[2] for record in found if record[1] is not None}

    async def written_by(self, author: str, discussion: UUID, *, limit: int) -> list[UUID]:
        found = await self._fetch(WRITTEN_BY, discussion, author, limit)
        return [record[1] for record in found if record[1] is not None]

    async def comment(self, comment: UUID) -> tuple[int, CommentRow] | None:
        record = (await self._fetch(COMMENT, comment))[0]
        values = tuple(record)
        return None if values[1] is None else (values[0], to_row(COMMENTS, values[1:]))

    async def comment_rows(self, comments: Sequence[UUID]) -> dict[UUID, CommentRow]:
        found = await self._fetch(COMMENT_ROWS, list(comments))
        rows = [to_row(COMMENTS, tuple(record)[1:]) for record in found if record[1] is not None]
        return {row.id: row for row in rows}

    async def pending(self, comments: Sequence[UUID]) -> dict[UUID, PendingRow]:
        found = await self._fetch(PENDING_OF, list(comments))
        rows = [to_row(PENDING, tuple(record)[1:]) for record in found if record[1] is not None]
        return {row.id: row for row in rows}

    async def persons(self, persons: Sequence[UUID]) -> dict[UUID, PersonRow]:
        found = await self._fetch(PERSONS_OF, list(persons))
        rows = [to_row(PERSONS, tuple(record)[1:]) for record in found if record[1] is not None]
        return {row.id: row for row in rows}

    async def persons_with_label(self, site: str, *, limit: int) -> list[PersonRow]:
        return _rows(PERSONS, await self._fetch(LABELLED, site, limit))

    async def discussion(self, discussion: UUID) -> tuple[int, DiscussionRead] | None:
        record = (await self._fetch(DISCUSSION, discussion))[0]
        return (record[0], _discussion(tuple(record)[2:])) if record[1] else None

    async def discussions(
        self, site: str, *, limit: int, after: tuple[Time, UUID] | None
    ) -> tuple[int, list[DiscussionRead]]:
        last = AFTER_ALL_DISCUSSIONS if after is None else (to_datetime(after[0]), after[1])
        records = await self._fetch(ONE_SITE, site, limit, *last)
        found = [_discussion(tuple(record)[2:]) for record in records if record[1]]
        return records[0][0], found

    async def site_comments(
        self, site: str, *, limit: int, after: tuple[Time, int] | None, with_private: bool
    ) -> SitePage:
        begin = FROM_THE_START if after is None else (to_datetime(after[0]), after[1])
        records = await self._fetch(SITE_COMMENTS, site, limit, *begin, with_private)
        rows = [to_row(COMMENTS, tuple(record)[5:]) for record in records if record[4]]
        return SitePage(records[0][1], int(records[0][2]), int(records[0][3]), rows)

    async def passages(self, discussion: UUID) -> tuple[int, list[PassageRead]]:
        records = await self._fetch(PASSAGES_OF, discussion)
        return records[0][0], [_passage(tuple(record)) for record in records if record[1]]

    async def counts(self, discussions: Sequence[UUID]) -> tuple[int, dict[UUID, int]]:
        records = await self._fetch(COUNTS_OF, list(discussions))
        found = [record for record in records if record[1] is not None]
        changed = max((record[3] for record in found), default=0)
        return changed, {record[1]: record[2] for record in found}

    async def queue(
        self, site: str, queue: Queue, *, limit: int, after: int | None, author: str | None = None
    ) -> tuple[int, list[Queued]]:
        if after is None:
            after = -1 if queue in WAITING else POSITION_MAX
        if author is None:
            return await self._queued(moderation_reads.QUEUES[queue], site, after, limit)
        statement = moderation_reads.QUEUES_OF_AUTHOR[queue]
        return await self._queued(statement, site, after, limit, author)

    async def _queued(self, statement: str, *arguments: Any) -> tuple[int, list[Queued]]:
        records = await self._fetch(statement, *arguments)
        comments = [record["id"] for record in records if moderation_reads.has_comment(record)]
        flags = await self._fetch(moderation_reads.FLAGS_OF, comments) if comments else []
        return records[0][0], moderation_reads.to_queued_comments(
            records, moderation_reads.flags_of(flags)
        )

    async def queue_counts(self, site: str, *, most: int) -> dict[Queue, int]:
        records = await self._fetch(moderation_reads.COUNTS_OF_QUEUES, site, most)
        return moderation_reads.to_counts(records[0])

    async def author_record(self, site: str, author: str, *, most: int) -> AuthorRecord:
        records = await self._fetch(moderation_reads.AUTHOR_RECORD, site, author, most)
        return moderation_reads.to_author_record(records[0])

    async def queue_items(self, comments: Sequence[UUID]) -> list[Queued]:
        _, found = await self._queued(moderation_reads.QUEUED_OF, list(comments))
        return found

    async def sealed_comments(
        self, site: str, *, limit: int, before: int | None
    ) -> list[SealedComment]:
        last = POSITION_MAX if before is None else before
        records = await self._fetch(moderation_reads.SEALED_COMMENTS, site, limit, last)
        return moderation_reads.to_sealed_comments(records)

    async def participants(self, discussion: UUID, persons: Sequence[str]) -> set[str]:
        found = await self._fetch(PARTICIPANTS_OF, discussion, list(persons))
        return {record[1] for record in found if record[1] is not None}

    async def participant_rows(
        self, discussions: Sequence[UUID], persons: Sequence[str]
    ) -> list[ParticipantRead]:
        found = await self._fetch(PARTICIPANT_ROWS, list(discussions), list(persons))
        return _participants(found)

    async def latest_participants(self, discussion: UUID, *, limit: int) -> list[ParticipantRead]:
        return _participants(await self._fetch(LATEST_PARTICIPANTS, discussion, limit))

    async def inbox(
        self, site: str, person: str, *, before: int, after: int, limit: int
    ) -> list[InboxRead]:
        found = await self._fetch(inbox_reads.INBOX_OF, site, person, before, after, limit)
        rows = [tuple(record)[1:] for record in found if record[1] is not None]
        return [InboxRead(to_row(INBOX, row[:-1]), row[-1]) for row in rows]

    async def inbox_comments(self, comments: Sequence[UUID]) -> dict[UUID, InboxCommentRow]:
        found = await self._fetch(inbox_reads.COMMENTS_OF, list(comments))
        rows = _rows(INBOX_COMMENTS, found)
        return {row.id: row for row in rows}

    async def inbox_about(
        self, comments: Sequence[UUID], positions: Sequence[int]
    ) -> list[InboxRow]:
        found = await self._fetch(inbox_reads.INBOX_ABOUT, list(comments), list(positions))
        return _rows(INBOX, found)

    async def subscribers(
        self, discussion: UUID, *, after: UUID, limit: int
    ) -> list[SubscriptionRow]:
        found = await self._fetch(inbox_reads.SUBSCRIBERS, discussion, after, limit)
        return _rows(SUBSCRIPTIONS, found)

    async def subscription_rows(self, ids: Sequence[UUID]) -> dict[UUID, SubscriptionRow]:
        found = await self._fetch(inbox_reads.SUBSCRIPTION_ROWS, list(ids))
        return {row.id: row for row in _rows(SUBSCRIPTIONS, found)}

    async def subscriptions_of(
        self, site: str, person: str, *, limit: int
    ) -> list[SubscriptionRow]:
        found = await self._fetch(inbox_reads.SUBSCRIPTIONS_OF, site, person, limit)
        return _rows(SUBSCRIPTIONS, found)

    async def erasures(self, persons: Sequence[UUID]) -> dict[UUID, int]:
        found = _rows(ERASURES, await self._fetch(inbox_reads.ERASURES_OF, list(persons)))
        return {row.id: row.position for row in found}

    async def unread(
        self, site: str, person: str, *, after: int, read: Sequence[int], limit: int
    ) -> int:
        found = await self._fetch(
            inbox_reads.UNREAD, site, person, POSITION_MAX, after, limit, list(read)
        )
        return int(found[0][1])

    async def queue_row(self, comment: UUID) -> QueueRow | None:
        record = tuple((await self._fetch(moderation_reads.QUEUED, comment))[0])
        return None if record[1] is None else to_row(QUEUE, record[1:])

    async def flaggers(self, comment: UUID, *, most: int) -> list[str]:
        records = await self._fetch(moderation_reads.FLAGGERS, comment, most)
        return [record[1] for record in records if record[1] is not None]

    async def acts(
        self, discussion: UUID, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        last = POSITION_MAX if before is None else before
        records = await self._fetch(moderation_reads.ACTS_OF, discussion, limit, last)
        return records[0][0], moderation_reads.acts(records)

    async def site_acts(
        self, site: str, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        last = POSITION_MAX if before is None else before
        records = await self._fetch(moderation_reads.ACTS_OF_SITE, site, limit, last)
        return records[0][0], moderation_reads.acts(records)


def _participants(records: Sequence[asyncpg.Record]) -> list[ParticipantRead]:
    return [ParticipantRead(*record[1:]) for record in map(tuple, records) if record[3] is not None]


def _rows(table: Table[R], records: Sequence[asyncpg.Record]) -> list[R]:
    """Return the rows behind the position; a record without one has no key."""
    return [to_row(table, tuple(record)[1:]) for record in records if record[1] is not None]


def _is_dropped(error: asyncpg.PostgresError) -> bool:
    """Return whether a table was dropped between reading its name and opening it."""
    return isinstance(error, asyncpg.UndefinedTableError) or any(
        words in str(error) for words in ("could not open relation", "cache lookup failed")
    )


def _from(last: LastKey | None) -> From:
    if last is None:
        return "start"
    return "pinned" if last.pinned else "rest"


def parameters(listing: Listing, viewer: Viewer, *, limit: int, replies: int) -> dict[str, Any]:
    group = listing.parent or listing.passage
    if group is None:
        group = inline_group(listing.discussion) if listing.inline else listing.discussion
    return {
        "list": listing.parent or listing.passage or listing.discussion,
        "group": group,
        "discussion": listing.discussion,
        "limit": limit,
        "replies": replies,
        "moderator": viewer.moderator,
        "person": viewer.person or "",
    }


def _values_after(begin: Cursor, last: LastKey) -> dict[str, Any]:
    return {
        "as_of": begin.as_of,
        "lineage": begin.lineage,
        "last_value": last.value,
        "last_at": to_datetime(last.posted_at),
        "last_position": last.position,
    }


def _refuse_unknown(begin: Cursor, head: asyncpg.Record) -> None:
    """Raise CursorRefused if the cursor's views lag, lead or are gone, or lack moves."""
    if head["begun_history"] is None:
        detail = "the views of the first page lag, lead or are gone; restart from the first page"
        raise CursorRefused("cursor-too-old", detail)
    refuse_old(begin, history=head["begun_history"], moves_from=head["begun_moves_from"])


def _page(records: Sequence[asyncpg.Record], limit: int, lineage: str) -> Page:
    ranked: list[tuple[CommentRow, LastKey]] = []
    below: dict[UUID, list[CommentRow]] = {}
    for record in records:
        if record["level"] is None:
            continue
        row = to_row(COMMENTS, record[_PAGE_COLUMNS_AHEAD:])
        if record["level"]:
            below.setdefault(row.parent, []).append(row)
        else:
            ranked.append((row, _place(record, row)))
    for replies in below.values():
        replies.sort(key=lambda reply: (reply.posted_at, reply.position))
    return Page(
        position=records[0]["head"],
        history=records[0]["history"],
        changed=records[0]["group_changed"],
        as_of=max(records[0]["group_changed"], records[0]["moves_from"]),
        total=records[0]["total"],
        rows=[row for row, _ in ranked[:limit]],
        places=[where for _, where in ranked[:limit]],
        more=len(ranked) > limit,
        below=below,
        lineage=lineage,
    )


def _place(record: asyncpg.Record, row: CommentRow) -> LastKey:
    return LastKey(
        pinned=record["place_pinned"],
        value=record["place_value"],
        posted_at=row.posted_at,
        position=row.position,
    )


def _discussion(values: tuple[Any, ...]) -> DiscussionRead:
    width = len(DISCUSSIONS.types)
    row = to_row(DISCUSSIONS, values[:width])
    counted = values[width] is not None
    return DiscussionRead(
        row, to_row(COUNTS, values[width:]) if counted else CountsRow(row.id, None)
    )


def _passage(values: tuple[Any, ...]) -> PassageRead:
    comments, replies, latest_at, changed = values[2:6]
    latest = None if latest_at is None else time_of_column(latest_at)
    return PassageRead(to_row(PASSAGES, values[6:]), comments, replies, latest, changed)
