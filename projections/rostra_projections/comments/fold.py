"""The view `comments`: every comment with its totals, and the counts of each group of comments.

A group is a discussion, the inline feedback of a discussion, or a passage. Only published comments
count. Another comment is shown as a tombstone while a counted reply is below it.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from sys import intern
from typing import Any
from uuid import UUID

import msgspec

from rostra import ids
from rostra.comment import (
    HIDDEN_STATUSES,
    CommentApproved,
    CommentEdited,
    CommentHeld,
    CommentPinned,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
    CommentWordingHeld,
    CommentWordingRejected,
)
from rostra.discussion import DiscussionOpened
from rostra.times import LONG_AGO, Time
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_projections.comments import ranking
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
from rostra_projections.tables import Fact, Key, Rows, Table, Touched, sealed

TABLES: tuple[Table[Any], ...] = (COMMENTS, COUNTS, PARTICIPANTS, PENDING)
SHAPE = 7
EVENTS: frozenset[type] = frozenset(
    {
        CommentApproved,
        CommentEdited,
        CommentHeld,
        CommentPinned,
        CommentPosted,
        CommentRejected,
        CommentRemoved,
        CommentRestored,
        CommentUnpinned,
        CommentWordingHeld,
        CommentWordingRejected,
        DiscussionOpened,
        VoteCast,
        VoteNullified,
        VoteRestored,
    }
)

NOBODY, MODERATORS, EVERYONE = Shown
_UNSEEN = ""
INLINE_GROUPS_CACHED_MAX = 16_384
STALE = LONG_AGO
"""A `latest_at` that must be looked up afresh."""

# -- fold


def inline_group(stream: UUID) -> UUID:
    """Return the id of the counts of a discussion's inline feedback."""
    return _inline_group(ids.discussion_of(stream))


@lru_cache(INLINE_GROUPS_CACHED_MAX)
def _inline_group(discussion: UUID) -> UUID:
    return UUID(int=discussion.int | ids.Kind.PASSAGE << 59)


def groups(discussion: UUID, passage: UUID | None) -> list[UUID]:
    """Return the groups that count a comment of a discussion."""
    return [discussion] if passage is None else [discussion, _inline_group(discussion), passage]


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` reads for this fact."""
    stream, event = fact.stream, fact.event
    match event:
        case VoteCast() | VoteNullified() | VoteRestored():
            yield COMMENTS, event.comment
            yield COUNTS, ids.discussion_of(event.comment)
        case (
            CommentPosted()
            | CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
        ):
            yield COMMENTS, stream
            if isinstance(event, CommentApproved | CommentRejected | CommentHeld):
                yield PENDING, stream
            for ancestor in event.path:
                yield COMMENTS, ancestor
            discussion = ids.discussion_of(stream)
            for group in groups(discussion, event.passage):
                yield COUNTS, group
            yield PARTICIPANTS, (discussion, event.author)
        case CommentEdited() | CommentPinned() | CommentUnpinned():
            yield COMMENTS, stream
            yield COUNTS, ids.discussion_of(stream)
            if isinstance(event, CommentEdited) and event.ends_pending:
                yield PENDING, stream
        case CommentWordingHeld() | CommentWordingRejected():
            yield PENDING, stream
        case DiscussionOpened():
            yield COUNTS, stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches: all of them, or none and raise."""
    event = fact.event
    match event:
        case VoteCast() | VoteNullified() | VoteRestored():
            row, now, was = _changed(rows, event.comment, fact), event.now, event.was
            row.up += (now == 1) - (was == 1)
            row.down += (now == -1) - (was == -1)
        case CommentPosted():
            _posted(rows, fact, event)
        case CommentRemoved() | CommentRestored():
            ancestors = _ancestors(rows, fact.stream, event.path)
            _set_status(rows, _changed(rows, fact.stream, fact), event.now, ancestors)
        case CommentApproved() | CommentRejected() | CommentHeld():
            ancestors = _ancestors(rows, fact.stream, event.path)
            row = _changed(rows, fact.stream, fact)
            _apply_pending_wording(rows, row)
            _set_status(rows, row, event.now, ancestors)
        case CommentEdited():
            words = sealed(event.personal)
            row = _changed(rows, fact.stream, fact)
            row.edited_at, row.edited_words, row.edited_event = event.time, words, fact.event_id
            if event.ends_pending:
                rows.of(PENDING)[fact.stream] = PendingRow(fact.stream)
        case CommentWordingHeld():
            rows.of(PENDING)[fact.stream] = PendingRow(
                id=fact.stream,
                position=fact.position,
                at=event.time,
                words=sealed(event.personal),
                words_event=fact.event_id,
                source=event.source,
                event=event.id,
            )
        case CommentWordingRejected():
            rows.of(PENDING)[fact.stream] = PendingRow(fact.stream)
        case CommentPinned() | CommentUnpinned():
            _changed(rows, fact.stream, fact).pinned = isinstance(event, CommentPinned)
        case DiscussionOpened():
            _opened(_counts(rows, fact.stream), fact, event)


def _changed(rows: Rows, comment: UUID, fact: Fact) -> CommentRow:
    row = rows.of(COMMENTS)[comment]
    row.changed = fact.position
    return row


def _apply_pending_wording(rows: Rows, row: CommentRow) -> None:
    """Make a wording that waits the comment's own."""
    pending = rows.of(PENDING).get(row.id)
    if pending is None or pending.position is None:
        return
    row.edited_at, row.edited_words = pending.at, pending.words
    row.edited_event = pending.words_event
    rows.of(PENDING)[row.id] = PendingRow(row.id)


def _counts(rows: Rows, group: UUID) -> CountsRow:
    counts = rows.of(COUNTS)
    row = counts.get(group)
    if row is None:
        row = counts[group] = CountsRow(group, None)
    return row


def _opened(counts: CountsRow, fact: Fact, event: DiscussionOpened) -> None:
    counts.changed = fact.position
    if counts.site is None:
        counts.site, counts.opened_at = event.site, event.time
        counts.active_at = counts.latest_at or event.time


def _ancestors(rows: Rows, comment: UUID, path: tuple[UUID, ...]) -> list[CommentRow]:
    """Return the comments above one. Raises ValueError for those of another discussion."""
    if not path:
        return []
    comments = rows.of(COMMENTS)
    found = [comments[ancestor] for ancestor in path]
    discussion = ids.discussion_of(comment)
    if any(row.discussion != discussion for row in found):
        raise ValueError("a comment below one of another discussion")
    return found


def _posted(rows: Rows, fact: Fact, event: CommentPosted) -> None:
    ancestors = _ancestors(rows, fact.stream, event.path)
    if event.depth != len(ancestors):
        raise ValueError(f"a comment at depth {event.depth} below {len(ancestors)} others")
    row = CommentRow(
        id=fact.stream,
        discussion=ids.discussion_of(fact.stream),
        key=event.key,
        parent=event.parent,
        depth=event.depth,
        passage=event.passage,
        author=intern(event.author),  # the same few again and again
        status=_UNSEEN,
        shown=NOBODY,
        pinned=False,
        posted_at=event.time,
        edited_at=None,
        up=0,
        down=0,
        score=0,
        best=0.0,
        controversial=0.0,
        hot=0.0,
        replies=0,
        descendants=0,
        shown_replies=0,
        hidden_replies=0,
        words=sealed(event.personal),
        words_event=fact.event_id,
        edited_words=None,
        edited_event=None,
        position=fact.position,
        changed=fact.position,
        mentions=msgspec.json.encode(event.mentions).decode() if event.mentions else None,
    )
    rows.of(COMMENTS)[row.id] = row
    _set_status(rows, row, event.status, ancestors)


# -- fold: counts after a change of status


def _set_status(rows: Rows, row: CommentRow, status: str, ancestors: list[CommentRow]) -> None:
    """Give a comment its status, and its ancestors and groups what follows from it."""
    gain = (status in COUNTED) - (row.status in COUNTED)
    row.status = status
    if gain:
        _count(rows, row, ancestors, gain)
    above = None
    for each in ancestors:
        if each.status not in COUNTED:  # else it is shown in any case
            _show(rows, each, above)
        above = each
    _show(rows, row, above)


def _count(rows: Rows, row: CommentRow, ancestors: list[CommentRow], gain: int) -> None:
    for ancestor in ancestors:
        ancestor.descendants += gain
    if ancestors:
        ancestors[-1].replies += gain
    whole = _counts(rows, row.discussion)
    whole.comments += gain
    whole.replies += gain if row.depth else 0
    whole.participants += _participate(rows, row, gain)
    _latest(whole, row.posted_at, gain)
    if row.passage is not None:
        _count_narrower(rows, row, gain)


def _count_narrower(rows: Rows, row: CommentRow, gain: int) -> None:
    """Count a comment in the group of its passage or of the inline feedback.

    A passage counts comments on it, and all replies below them as replies. A discussion counts
    replies as comments, too.
    """
    for group in groups(row.discussion, row.passage)[1:]:
        counts = _counts(rows, group)
        counts.replies += gain if row.depth else 0
        counts.comments += 0 if row.depth else gain
        counts.changed = max(counts.changed, row.changed)
        _latest(counts, row.posted_at, gain)


def _latest(counts: CountsRow, posted_at: Time, gain: int) -> None:
    if counts.latest_at == STALE:
        return
    if gain > 0:
        counts.latest_at = max(counts.latest_at or posted_at, posted_at)
    elif posted_at == counts.latest_at:
        counts.latest_at = STALE
    counts.active_at = counts.latest_at or counts.opened_at


def _participate(rows: Rows, row: CommentRow, gain: int) -> int:
    """Count the comment for its author. Return the change in participants: -1, 0 or 1."""
    participants = rows.of(PARTICIPANTS)
    key = (row.discussion, row.author)
    person = participants.get(key)
    if person is None:
        person = participants[key] = ParticipantRow(*key)
    before, person.comments = person.comments, person.comments + gain
    if gain > 0:
        person.latest, person.position = row.id, row.position
    return (person.comments > 0) - (before > 0)


def shown_to(status: str, descendants: int) -> Shown:
    """Return who sees a comment of this status in a list."""
    if status in COUNTED or descendants > 0:
        return EVERYONE
    return MODERATORS if status in HIDDEN_STATUSES else NOBODY


def _show(rows: Rows, row: CommentRow, parent: CommentRow | None) -> None:
    before, row.shown = row.shown, shown_to(row.status, row.descendants)
    if row.shown == before:
        return
    shown = (row.shown == EVERYONE) - (before == EVERYONE)
    hidden = (row.shown == MODERATORS) - (before == MODERATORS)
    if parent is not None:
        parent.shown_replies += shown
        parent.hidden_replies += hidden
    for group in groups(row.discussion, row.passage):
        counts = _counts(rows, group)
        counts.flat += shown
        counts.flat_hidden += hidden
        if parent is None:
            counts.top += shown
            counts.top_hidden += hidden


# -- completion: values computed once for all events of a comment


def settle(rows: Rows, touched: Touched) -> None:
    """Rank the comments that were touched; a discussion changes with its comments."""
    comments, counts = rows.of(COMMENTS), rows.of(COUNTS)
    for id_ in touched[COMMENTS.name]:
        row = comments.get(id_)
        whole = None if row is None else counts.get(row.discussion)
        if row is not None and whole is not None:  # else an event of another program touched it
            if row.changed > whole.changed:
                whole.changed = row.changed
            up, down = row.up, row.down
            row.score = up - down
            row.best = ranking.best(up, down)
            row.controversial = ranking.controversial(up, down)
            row.hot = ranking.hot(up, down, row.posted_at)


# -- look-ups: the latest time, once the latest comment is not counted any more

NOTHING_ELSEWHERE: Mapping[UUID, Time | None] = {}


def stale_groups(rows: Rows) -> list[UUID]:
    """Return the groups whose latest comment is no longer counted."""
    return [group for group, row in rows.of(COUNTS).items() if row.latest_at == STALE]


def set_latest(counts: CountsRow, latest_at: Time | None) -> None:
    """Mend a stale row with the greatest time of its counted comments."""
    counts.latest_at = latest_at
    counts.active_at = latest_at or counts.opened_at


def mend(rows: Rows, elsewhere: Mapping[UUID, Time | None] = NOTHING_ELSEWHERE) -> None:
    """Complete all stale rows.

    `elsewhere` holds the greatest times of their comments that are not loaded.
    """
    stale = set(stale_groups(rows))
    if not stale:
        return
    latest = {group: time for group, time in elsewhere.items() if time is not None}
    for row in rows.of(COMMENTS).values():
        if row.status in COUNTED:
            for group in stale.intersection(groups(row.discussion, row.passage)):
                latest[group] = max(latest.get(group, LONG_AGO), row.posted_at)
    for group in stale:
        set_latest(rows.of(COUNTS)[group], latest.get(group))
