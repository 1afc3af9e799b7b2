"""The views in memory: for embedding without PostgreSQL, and as the judge of the others."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from rostra.ids import discussion_of, person_id
from rostra.limits import PAGE_COMMENTS_MAX
from rostra.log import Recorded
from rostra.names import is_guest
from rostra.times import Time
from rostra_projections.comments.moves import moves_since, places_of
from rostra_projections.comments.rows import (
    COMMENTS,
    COUNTED,
    COUNTS,
    PARTICIPANTS,
    PENDING,
    CommentRow,
    CountsRow,
    ParticipantRow,
    PendingRow,
    Shown,
)
from rostra_projections.cursors import Cursor, refuse_old
from rostra_projections.discussions import DISCUSSIONS, DiscussionRow, settings_of
from rostra_projections.inbox import (
    ERASURES,
    INBOX,
    INBOX_COMMENTS,
    SUBSCRIPTIONS,
    SUBSCRIPTIONS_READ_MAX,
    InboxCommentRow,
    InboxRow,
    SubscriptionRow,
)
from rostra_projections.listing import (
    ORDERS,
    LastKey,
    Listing,
    Move,
    place,
    reply_limits,
    sees,
)
from rostra_projections.moderation import (
    ACTS,
    FLAGS,
    QUEUE,
    WAITING,
    ActRow,
    FlagRow,
    Queue,
    QueueRow,
)
from rostra_projections.passages import PASSAGES, PassageRow
from rostra_projections.persons import PERSONS, PersonRow
from rostra_projections.query_port import (
    FLAGS_SHOWN_MAX,
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
from rostra_projections.tables import Fact, Rows
from rostra_projections.views import VIEWS, Broken, CannotFold, Parked, View, fold_fact, read

MOVES_KEPT_MAX = 100_000
LINEAGE = "memory"


class MemoryViews:
    """Folds pages of a log into rows, and reads them: `rostra_projections.query_port.Reads`."""

    def __init__(self, views: Iterable[View] = VIEWS.values()) -> None:
        self._views = tuple(views)
        self.rows = Rows(table for view in self._views for table in view.tables)
        self.parked: dict[tuple[str, UUID], Parked] = {}
        self.passed_over = 0
        self.read_up_to = 0
        self._moves: dict[UUID, list[Move]] = {}
        self._moves_kept = 0
        self._moves_from = 0
        self._history = 0
        self._in_discussion: dict[UUID, list[UUID]] = {}

    # -- folding

    def apply(self, page: Sequence[Recorded]) -> None:
        """Fold the next page of the log; readers see all of it or nothing."""
        if not page:
            return
        facts = list(read(page))
        self.passed_over += len(page) - len(facts)
        touched = dict.fromkeys(_touched(facts))
        before = places_of(self.rows, touched)
        for view in self._views:
            for fact in facts:
                self._fold(view, fact)
            view.settle(self.rows, {COMMENTS.name: touched})
            view.mend(self.rows)
        self.read_up_to = page[-1].position
        self._add_moves(moves_since(self.rows, before))
        for new in touched.keys() - before.keys():
            if new in self.rows.of(COMMENTS):
                self._in_discussion.setdefault(discussion_of(new), []).append(new)

    def forget_moves(self) -> None:
        """Drop recorded moves. Cursors of earlier lists are refused from now on."""
        self._moves.clear()
        self._moves_kept, self._moves_from = 0, self.read_up_to

    def replace(self, fresh: "MemoryViews") -> None:
        """Replace all rows by those of views at the same position."""
        if any(self.rows.of(t) != fresh.rows.of(t) for view in self._views for t in view.tables):
            self._history += 1
        self.rows, self.parked = fresh.rows, fresh.parked
        self._in_discussion = fresh._in_discussion

    def _fold(self, view: View, fact: Fact | Broken) -> None:
        if self.parked and (view.name, discussion_of(fact.stream)) in self.parked:
            return
        try:
            fold_fact(view, self.rows, fact)
        except CannotFold as refused:
            self.parked[view.name, refused.parked.discussion] = refused.parked

    def _add_moves(self, moves: Iterable[Move]) -> None:
        for move in moves:
            self._moves.setdefault(move.discussion, []).append(move)
            self._moves_kept += 1
        if self._moves_kept > MOVES_KEPT_MAX:
            self.forget_moves()

    # -- reading

    async def position(self) -> int:
        return self.read_up_to

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        as_of, last = self._begin(begin)
        listed = sorted(
            (
                (_sort_key(where, listing), where, row)
                for row, where in self._listed(listing, viewer, as_of)
            ),
            key=lambda each: each[0],
        )
        if last is not None:
            beyond = _sort_key(last, listing)
            listed = [each for each in listed if each[0] > beyond]
        rows = [row for _, _, row in listed[:limit]]
        return Page(
            position=self.read_up_to,
            history=self._history,
            changed=self._counts(listing.discussion).changed,
            as_of=max(self._counts(listing.discussion).changed, self._moves_from),
            total=self._total(listing, viewer),
            rows=rows,
            places=[where for _, where, _ in listed[:limit]],
            more=len(listed) > limit,
            below=self._below(rows, viewer, replies),
            lineage=LINEAGE,
        )

    def _begin(self, begin: Cursor | None) -> tuple[int, LastKey | None]:
        if begin is None or begin.last is None:
            return self.read_up_to, None
        refuse_old(begin, history=self._history, moves_from=self._moves_from)
        return begin.as_of, begin.last

    def _listed(
        self, listing: Listing, viewer: Viewer, as_of: int
    ) -> Iterator[tuple[CommentRow, LastKey]]:
        """Yield the rows of the list at `as_of`, with their places then."""
        first: dict[UUID, Move] = {}
        for move in self._moves.get(listing.discussion, ()):
            if move.position > as_of:
                first.setdefault(move.comment, move)
        for row in self._comments(listing.discussion):
            if _belongs(row, listing) and row.position <= as_of:
                stood = first.get(row.id, row)
                if sees(viewer, shown=stood.shown, author=row.author):
                    yield row, place(stood, row, listing)

    def _total(self, listing: Listing, viewer: Viewer) -> int:
        return sum(
            _belongs(row, listing) and sees(viewer, shown=row.shown, author=row.author)
            for row in self._comments(listing.discussion)
        )

    def _below(
        self, rows: Iterable[CommentRow], viewer: Viewer, replies: int
    ) -> dict[UUID, list[CommentRow]]:
        below: dict[UUID, list[CommentRow]] = {}
        level = list(rows)
        if not replies or not level:
            return below
        every = self._replies(level[0].discussion, viewer)
        room = PAGE_COMMENTS_MAX - len(level)
        for _ in range(2):
            found: list[CommentRow] = []
            for row, count in zip(level, reply_limits(level, viewer, replies, room), strict=True):
                below[row.id] = every[row.id][:count]
                found += below[row.id]
            level = found
            room -= len(level)
        return below

    def _replies(self, discussion: UUID, viewer: Viewer) -> dict[UUID | None, list[CommentRow]]:
        """Return the replies that a viewer sees by parent, the oldest first."""
        found: dict[UUID | None, list[CommentRow]] = defaultdict(list)
        for row in self._comments(discussion):
            if sees(viewer, shown=row.shown, author=row.author):
                found[row.parent].append(row)
        for replies in found.values():
            replies.sort(key=lambda row: (row.posted_at, row.position))
        return found

    def _comments(self, discussion: UUID) -> Iterator[CommentRow]:
        rows = self.rows.of(COMMENTS)
        return (rows[id_] for id_ in self._in_discussion.get(discussion, ()))

    def _counts(self, group: UUID) -> CountsRow:
        return self.rows.of(COUNTS).get(group) or CountsRow(group, None)

    async def hidden_replies(self, person: str, comments: Sequence[UUID]) -> dict[UUID, int]:
        parents = (
            row.parent
            for discussion in {discussion_of(comment) for comment in comments}
            for row in self._comments(discussion)
            if row.shown == Shown.MODERATORS and row.author == person
        )
        return Counter(parent for parent in parents if parent is not None)

    async def comment_rows(self, comments: Sequence[UUID]) -> dict[UUID, CommentRow]:
        kept = self.rows.of(COMMENTS)
        return {comment: kept[comment] for comment in comments if comment in kept}

    async def persons(self, persons: Sequence[UUID]) -> dict[UUID, PersonRow]:
        kept = self.rows.of(PERSONS)
        return {person: kept[person] for person in persons if person in kept}

    async def persons_with_label(self, site: str, *, limit: int) -> list[PersonRow]:
        rows = self.rows.of(PERSONS).values()
        found = [row for row in rows if row.site == site and row.label is not None]
        return sorted(found, key=lambda row: row.id)[:limit]

    async def written_by(self, author: str, discussion: UUID, *, limit: int) -> list[UUID]:
        rows = [row for row in self._comments(discussion) if row.author == author]
        rows.sort(key=lambda row: (row.posted_at, row.position), reverse=True)
        return [row.id for row in rows[:limit]]

    async def comment(self, comment: UUID) -> tuple[int, CommentRow] | None:
        row = self.rows.of(COMMENTS).get(comment)
        return None if row is None else (self.read_up_to, row)

    async def pending(self, comments: Sequence[UUID]) -> dict[UUID, PendingRow]:
        kept = self.rows.of(PENDING)
        found = [kept[comment] for comment in comments if comment in kept]
        return {row.id: row for row in found if row.position is not None}

    async def discussion(self, discussion: UUID) -> tuple[int, DiscussionRead] | None:
        row = self.rows.of(DISCUSSIONS).get(discussion)
        return None if row is None else (self.read_up_to, self._discussion(row))

    def _discussion(self, row: DiscussionRow) -> DiscussionRead:
        return DiscussionRead(row, self._counts(row.id))

    async def discussions(
        self, site: str, *, limit: int, after: tuple[Time, UUID] | None
    ) -> tuple[int, list[DiscussionRead]]:
        found = [
            (counts.active_at or "", counts.id)
            for counts in self.rows.of(COUNTS).values()
            if counts.site == site
        ]
        found.sort(reverse=True)
        chosen = [each for each in found if after is None or each < after][:limit]
        rows = self.rows.of(DISCUSSIONS)
        return self.read_up_to, [self._discussion(rows[id_]) for _, id_ in chosen if id_ in rows]

    async def site_comments(
        self, site: str, *, limit: int, after: tuple[Time, int] | None, with_private: bool
    ) -> SitePage:
        listed = [
            row.id
            for row in self.rows.of(DISCUSSIONS).values()
            if row.site == site and (with_private or not settings_of(row).private)
        ]
        rows = [row for id_ in listed for row in self._comments(id_) if row.status in COUNTED]
        rows.sort(key=lambda row: (row.posted_at, row.position), reverse=True)
        left = [row for row in rows if after is None or (row.posted_at, row.position) < after]
        changed = max((self._counts(id_).changed for id_ in listed), default=0)
        return SitePage(changed, len(rows), len(listed), left[:limit])

    async def passages(self, discussion: UUID) -> tuple[int, list[PassageRead]]:
        found = [row for row in self.rows.of(PASSAGES).values() if row.discussion == discussion]
        found.sort(key=lambda row: (row.start_at is None, row.start_at or 0, row.position))
        counts = self.rows.of(COUNTS)
        return self.read_up_to, [_passage(row, counts.get(row.id)) for row in found]

    async def counts(self, discussions: Sequence[UUID]) -> tuple[int, dict[UUID, int]]:
        kept = self.rows.of(COUNTS)
        found = [kept[id_] for id_ in discussions if id_ in kept]
        changed = max((row.changed for row in found), default=0)
        return changed, {row.id: row.comments for row in found}

    async def participants(self, discussion: UUID, persons: Sequence[str]) -> set[str]:
        rows = self.rows.of(PARTICIPANTS)
        found = {person: rows.get((discussion, person)) for person in persons}
        return {person for person, row in found.items() if row is not None and row.comments}

    async def participant_rows(
        self, discussions: Sequence[UUID], persons: Sequence[str]
    ) -> list[ParticipantRead]:
        rows = self.rows.of(PARTICIPANTS)
        keys = [(discussion, person) for discussion in discussions for person in persons]
        return self._participants([rows[key] for key in keys if key in rows])

    async def latest_participants(self, discussion: UUID, *, limit: int) -> list[ParticipantRead]:
        found = [row for row in self.rows.of(PARTICIPANTS).values() if row.discussion == discussion]
        found.sort(key=lambda row: row.position, reverse=True)
        return self._participants(found)[:limit]

    def _participants(self, rows: Iterable[ParticipantRow]) -> list[ParticipantRead]:
        comments = self.rows.of(COMMENTS)
        found = [(row, comments[row.latest]) for row in rows if row.comments and row.latest]
        return [
            ParticipantRead(
                row.discussion,
                row.person,
                one.id,
                one.words if one.status in COUNTED else None,
                one.words_event,
            )
            for row, one in found
        ]

    async def inbox(
        self, site: str, person: str, *, before: int, after: int, limit: int
    ) -> list[InboxRead]:
        begin = max(after, self._erased_at(site, person))
        found = [
            each
            for each in (*self._direct(site, person), *self._subscribed(site, person))
            if begin < each.row.position < before
        ]
        return sorted(found, key=lambda each: each.row.position, reverse=True)[:limit]

    def _direct(self, site: str, person: str) -> Iterator[InboxRead]:
        ended = {
            row.discussion: row.since
            for row in self.rows.of(SUBSCRIPTIONS).values()
            if (row.site, row.person, row.to) == (site, person, None)
        }
        comments = self.rows.of(INBOX_COMMENTS)
        for row in self.rows.of(INBOX).values():
            if (row.site, row.person) != (site, person):
                continue
            is_off = ended.get(row.discussion, row.position) < row.position
            is_shown = row.reason == "moderation" or (
                self._is_published(row.comment) and not is_off
            )
            yield InboxRead(row, is_shown and self._has_words(site, comments[row.comment]))

    def _subscribed(self, site: str, person: str) -> Iterator[InboxRead]:
        erased = self._erased_at(site, person)
        subscriptions = [
            row
            for row in self.rows.of(SUBSCRIPTIONS).values()
            if (row.site, row.person, row.to) == (site, person, "comments") and row.since > erased
        ]
        subscriptions.sort(key=lambda row: row.since, reverse=True)
        since = {row.discussion: row.since for row in subscriptions[:SUBSCRIPTIONS_READ_MAX]}
        direct = self.rows.of(INBOX)
        for comment in self.rows.of(INBOX_COMMENTS).values():
            position, at = comment.published, comment.published_at
            begin = since.get(comment.discussion)
            if position is None or at is None or begin is None or position <= begin:
                continue
            discussion = comment.discussion
            row = InboxRow(comment.id, person, position, site, discussion, at, "subscription")
            is_other = comment.author != person and (comment.id, person, position) not in direct
            is_shown = is_other and self._is_published(comment.id)
            yield InboxRead(row, is_shown and self._has_words(site, comment))

    def _erased_at(self, site: str, person: str) -> int:
        row = self.rows.of(ERASURES).get(person_id(site, person))
        return 0 if row is None else row.position

    def _has_words(self, site: str, comment: InboxCommentRow) -> bool:
        return self._erased_at(site, comment.author) < comment.posted

    def _is_published(self, comment: UUID) -> bool:
        row = self.rows.of(COMMENTS).get(comment)
        return row is not None and row.status == "published"

    async def inbox_comments(self, comments: Sequence[UUID]) -> dict[UUID, InboxCommentRow]:
        kept = self.rows.of(INBOX_COMMENTS)
        return {comment: kept[comment] for comment in comments if comment in kept}

    async def inbox_about(
        self, comments: Sequence[UUID], positions: Sequence[int]
    ) -> list[InboxRow]:
        about, at = set(comments), set(positions)
        rows = self.rows.of(INBOX).values()
        return [row for row in rows if row.comment in about and row.position in at]

    async def subscribers(
        self, discussion: UUID, *, after: UUID, limit: int
    ) -> list[SubscriptionRow]:
        found = [
            row
            for row in self.rows.of(SUBSCRIPTIONS).values()
            if row.discussion == discussion and row.to == "comments" and row.id > after
        ]
        return sorted(found, key=lambda row: row.id)[:limit]

    async def subscription_rows(self, ids: Sequence[UUID]) -> dict[UUID, SubscriptionRow]:
        kept = self.rows.of(SUBSCRIPTIONS)
        return {id_: kept[id_] for id_ in ids if id_ in kept}

    async def subscriptions_of(
        self, site: str, person: str, *, limit: int
    ) -> list[SubscriptionRow]:
        rows = self.rows.of(SUBSCRIPTIONS).values()
        found = [row for row in rows if (row.site, row.person) == (site, person) and row.to]
        return sorted(found, key=lambda row: row.since)[:limit]

    async def erasures(self, persons: Sequence[UUID]) -> dict[UUID, int]:
        rows = self.rows.of(ERASURES)
        return {person: rows[person].position for person in persons if person in rows}

    async def unread(
        self, site: str, person: str, *, after: int, read: Sequence[int], limit: int
    ) -> int:
        begin = max(after, self._erased_at(site, person))
        read_here = [
            [each for each in found if each.row.position > begin][:limit]
            for found in (self._direct(site, person), self._subscribed(site, person))
        ]
        return sum(
            each.is_shown and each.row.position not in read for each in itertools.chain(*read_here)
        )

    async def queue(
        self, site: str, queue: Queue, *, limit: int, after: int | None, author: str | None = None
    ) -> tuple[int, list[Queued]]:
        is_oldest_first = queue in WAITING
        found = [
            (since, row)
            for row in self.rows.of(QUEUE).values()
            if row.site == site
            and author in (None, row.author)
            and row.id in self.rows.of(COMMENTS)
            and (since := row.since(queue)) is not None
            and (after is None or (since > after) == is_oldest_first)
            and since != after
        ]
        found.sort(key=lambda each: each[0], reverse=not is_oldest_first)
        return self.read_up_to, self._queued(found[:limit])

    def _queued(self, found: Iterable[tuple[int, QueueRow]]) -> list[Queued]:
        comments = self.rows.of(COMMENTS)
        return [
            Queued(since, comments[row.id], self._flags(row), row.rule, self.read_up_to)
            for since, row in found
            if row.id in comments
        ]

    async def queue_counts(self, site: str, *, most: int) -> dict[Queue, int]:
        rows = [row for row in self.rows.of(QUEUE).values() if row.site == site]
        return {
            queue: min(most, sum(row.since(queue) is not None for row in rows)) for queue in WAITING
        }

    async def author_record(self, site: str, author: str, *, most: int) -> AuthorRecord:
        rows = [
            row for row in self.rows.of(QUEUE).values() if (row.site, row.author) == (site, author)
        ]
        rows.sort(key=lambda row: row.posted)
        comments = self.rows.of(COMMENTS)
        times = [comments[row.id].posted_at for row in rows if row.id in comments]
        return AuthorRecord(
            comments=min(most, len(rows)),
            removed=min(most, sum(row.removed_since is not None for row in rows)),
            rejected=min(most, sum(row.rejected_since is not None for row in rows)),
            held=min(most, sum(row.held_since is not None for row in rows)),
            flagged=min(most, sum(row.flagged_since is not None for row in rows)),
            first_at=times[0] if times else None,
            last_at=times[-1] if times else None,
        )

    async def queue_items(self, comments: Sequence[UUID]) -> list[Queued]:
        kept = self.rows.of(QUEUE)
        rows = [kept[comment] for comment in comments if comment in kept]
        return self._queued((row.posted, row) for row in rows)

    async def sealed_comments(
        self, site: str, *, limit: int, before: int | None
    ) -> list[SealedComment]:
        _, found = await self.queue(site, "recent", limit=limit, after=before)
        return [
            SealedComment(
                posted=each.since,
                id=each.row.id,
                author=each.row.author,
                words=each.row.words,
                words_event=each.row.words_event,
                edited_words=each.row.edited_words,
                edited_event=each.row.edited_event,
            )
            for each in found
        ]

    def _flags(self, queued: QueueRow) -> list[FlagRow]:
        since = queued.flagged_since
        flags = [
            flag
            for flag in self.rows.of(FLAGS).values()
            if flag.comment == queued.id and since is not None and flag.position >= since
        ]
        return sorted(flags, key=lambda flag: flag.position)[-FLAGS_SHOWN_MAX:]

    async def queue_row(self, comment: UUID) -> QueueRow | None:
        return self.rows.of(QUEUE).get(comment)

    async def flaggers(self, comment: UUID, *, most: int) -> list[str]:
        queued = self.rows.of(QUEUE).get(comment)
        if queued is None or queued.flagged_since is None:
            return []
        since = queued.flagged_since
        found = (flag for flag in self.rows.of(FLAGS).values() if flag.comment == comment)
        persons = [flag.person for flag in found if flag.position >= since]
        return sorted(person for person in persons if not is_guest(person))[:most]

    async def acts(
        self, discussion: UUID, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        acts = (act for act in self.rows.of(ACTS).values() if act.discussion == discussion)
        return self.read_up_to, _latest(acts, limit, before)

    async def site_acts(
        self, site: str, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        acts = (act for act in self.rows.of(ACTS).values() if act.site == site)
        return self.read_up_to, _latest(acts, limit, before)


def _latest(acts: Iterable[ActRow], limit: int, before: int | None) -> list[ActRow]:
    """Return acts before a position, the latest first."""
    found = [act for act in acts if before is None or act.position < before]
    return sorted(found, key=lambda act: act.position, reverse=True)[:limit]


def _touched(facts: Iterable[Fact | Broken]) -> Iterator[UUID]:
    """Yield the comments that a page of events may move."""
    for fact in facts:
        if isinstance(fact, Fact):
            for table, key in VIEWS["comments"].touches(fact):
                if table is COMMENTS:
                    yield key


def _belongs(row: CommentRow, listing: Listing) -> bool:
    if row.discussion != listing.discussion:
        return False
    if listing.kind == "replies":
        return row.parent == listing.parent
    if listing.kind == "top" and row.parent is not None:
        return False
    if listing.passage is not None:
        return row.passage == listing.passage
    return not listing.inline or row.passage is not None


def _sort_key(where: LastKey, listing: Listing) -> Any:
    """Ascending: what comes first in the list is least."""
    _, descends = ORDERS[listing.order]
    if not descends:
        return (not where.pinned, where.posted_at, where.position)
    return (not where.pinned, -where.value, _Descending(where.posted_at), -where.position)


class _Descending(str):
    """Text that sorts the other way round."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)

    def __gt__(self, other: str) -> bool:
        return str.__lt__(self, other)


def _passage(row: PassageRow, counts: CountsRow | None) -> PassageRead:
    if counts is None:
        return PassageRead(row, 0, 0, None, 0 if row.key is None else row.changed)
    changed = max(row.changed, counts.changed)
    return PassageRead(row, counts.comments, counts.replies, counts.latest_at, changed)
