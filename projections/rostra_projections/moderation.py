"""The view `moderation`: what waits for moderators, and what they did.

A comment waits while it is held, and while it is flagged: until a moderator rules on it.
That an author deletes a comment of theirs is no moderation.
"""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import UUID

import msgspec

from rostra.codec import published_topic
from rostra.comment import (
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
    StatusEvent,
)
from rostra.discussion import DiscussionOpened
from rostra.flag import CommentFlagged
from rostra.ids import discussion_of
from rostra.times import Time
from rostra_projections.tables import Fact, Key, Rows, Table, sealed

Action = Literal["approve", "reject", "hold", "remove", "restore", "pin", "unpin"]
Queue = Literal["held", "flagged", "pending"]

# -- rows


class SiteRow(msgspec.Struct):
    """Site of a discussion."""

    id: UUID
    site: str


class QueueRow(msgspec.Struct):
    """A comment that waits, or did. The positions are None where it does not wait for that."""

    id: UUID
    site: str
    # The comment, or a new wording of it, is held.
    held_since: int | None = None
    flagged_since: int | None = None
    # Those not yet ruled on.
    flags: int = 0
    # A new wording is held.
    pending_since: int | None = None
    # Whether there is such a wording, also while the comment is removed and nothing waits.
    has_pending: bool = False


class FlagRow(msgspec.Struct):
    """A person's flag; `words` hold the reason, sealed as the log has it."""

    comment: UUID
    person: str
    at: Time
    words: bytes | None
    words_event: UUID | None
    flag: UUID
    position: int


class ActRow(msgspec.Struct):
    """Moderation act on a comment; `words` is the sealed reason."""

    comment: UUID
    position: int
    discussion: UUID
    at: Time
    action: str
    by: str | None
    words: bytes | None
    words_event: UUID | None


SITES = Table("moderated_sites", SiteRow, key=("id",), types={"id": "uuid", "site": "text"})

QUEUE = Table(
    "moderation_queue",
    QueueRow,
    key=("id",),
    types={
        "id": "uuid",
        "site": "text",
        "held_since": "bigint",
        "flagged_since": "bigint",
        "flags": "integer",
        "pending_since": "bigint",
        "has_pending": "boolean",
    },
    indexes=(
        (
            "create index moderation_queue_v{v}_held on moderation_queue_v{v}"
            " (site, held_since) where held_since is not null"
        ),
        (
            "create index moderation_queue_v{v}_flagged on moderation_queue_v{v}"
            " (site, flagged_since) where flagged_since is not null"
        ),
        (
            "create index moderation_queue_v{v}_pending on moderation_queue_v{v}"
            " (site, pending_since) where pending_since is not null"
        ),
    ),
)

FLAGS = Table(
    "moderation_flags",
    FlagRow,
    key=("comment", "person"),
    types={
        "comment": "uuid",
        "person": "text",
        "at": "timestamptz",
        "words": "bytea",
        "words_event": "uuid",
        "flag": "uuid",
        "position": "bigint",
    },
)

ACTS = Table(
    "moderation_acts",
    ActRow,
    key=("comment", "position"),
    types={
        "comment": "uuid",
        "position": "bigint",
        "discussion": "uuid",
        "at": "timestamptz",
        "action": "text",
        "by": "text",
        "words": "bytea",
        "words_event": "uuid",
    },
    indexes=(
        (
            "create index moderation_acts_v{v}_of_discussion on moderation_acts_v{v}"
            " (discussion, position)"
        ),
    ),
)

TABLES: tuple[Table[Any], ...] = (SITES, QUEUE, FLAGS, ACTS)
SHAPE = 2
EVENTS: frozenset[type] = frozenset(
    {
        CommentApproved,
        CommentEdited,
        CommentFlagged,
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
    }
)

TOPICS: dict[str, str] = {
    "approve": CommentApproved.topic,
    "reject": CommentRejected.topic,
    "hold": CommentHeld.topic,
    "remove": CommentRemoved.topic,
    "restore": CommentRestored.topic,
    "pin": CommentPinned.topic,
    "unpin": CommentUnpinned.topic,
}
"""The event type of each action, as publishers know it."""
_ACTIONS = {topic: action for action, topic in TOPICS.items()}

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` reads for this fact; none for a comment published at once."""
    stream, event = fact.stream, fact.event
    match event:
        case DiscussionOpened():
            yield SITES, stream
        case CommentPosted() if event.status == "held":
            yield SITES, discussion_of(stream)
            yield QUEUE, stream
        case CommentFlagged():
            yield SITES, discussion_of(stream)
            yield QUEUE, event.comment
            yield FLAGS, (event.comment, event.by)
        case (
            CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
            | CommentWordingHeld()
        ):
            yield SITES, discussion_of(stream)
            yield QUEUE, stream
        case CommentWordingRejected():
            yield QUEUE, stream
        case CommentEdited() if event.ends_pending:
            yield QUEUE, stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches: all of them, or none and raise."""
    event = fact.event
    match event:
        case DiscussionOpened():
            rows.of(SITES)[fact.stream] = SiteRow(fact.stream, event.site)
        case CommentPosted() if event.status == "held":
            _queued(rows, fact.stream).held_since = fact.position
        case CommentFlagged():
            _flagged(rows, fact, event)
        case (
            CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
        ):
            if not (isinstance(event, CommentRemoved) and event.now == "deleted"):
                _acted(rows, fact, event.by, event.personal)
            _ruled(rows, fact, event)
        case CommentWordingHeld():
            row = _queued(rows, fact.stream)
            row.has_pending = True
            if event.status == "published":
                row.held_since = row.pending_since = fact.position
        case CommentWordingRejected():
            _acted(rows, fact, event.by, event.personal)
            _end_pending(rows, fact.stream)
        case CommentEdited() if event.ends_pending:
            _end_pending(rows, fact.stream)
        case CommentPinned() | CommentUnpinned():
            _acted(rows, fact, event.by, event.personal)


def _queued(rows: Rows, comment: UUID) -> QueueRow:
    queue = rows.of(QUEUE)
    if comment not in queue:
        queue[comment] = QueueRow(comment, rows.of(SITES)[discussion_of(comment)].site)
    return queue[comment]


def _flagged(rows: Rows, fact: Fact, event: CommentFlagged) -> None:
    flag = FlagRow(
        comment=event.comment,
        person=event.by,
        at=event.time,
        words=sealed(event.personal),
        words_event=fact.event_id,
        flag=fact.stream,
        position=fact.position,
    )
    row = _queued(rows, event.comment)
    row.flags += 1
    row.flagged_since = row.flagged_since or fact.position
    rows.of(FLAGS)[event.comment, event.by] = flag


def _ruled(rows: Rows, fact: Fact, event: StatusEvent) -> None:
    """End the waiting of a comment: a moderator's ruling settles its flags.

    A restored comment may be held again, or have a pending wording.
    """
    row = _queued(rows, fact.stream) if event.now == "held" else rows.of(QUEUE).get(fact.stream)
    if row is None:
        return
    if not isinstance(event, CommentRemoved | CommentRestored):
        row.has_pending = False
    waits = event.now == "published" and row.has_pending
    row.pending_since = fact.position if waits else None
    row.held_since = fact.position if waits or event.now == "held" else None
    row.flagged_since, row.flags = None, 0


def _end_pending(rows: Rows, comment: UUID) -> None:
    """Only a published comment has a wording that waits, so nothing of it waits then."""
    row = rows.of(QUEUE)[comment]
    row.held_since, row.pending_since, row.has_pending = None, None, False


def _acted(rows: Rows, fact: Fact, by: str | None, personal: object) -> None:
    rows.of(ACTS)[fact.stream, fact.position] = ActRow(
        comment=fact.stream,
        position=fact.position,
        discussion=discussion_of(fact.stream),
        at=fact.event.time,
        action=_ACTIONS[published_topic(fact.event.topic)],
        by=by,
        words=sealed(personal),
        words_event=fact.event_id,
    )
