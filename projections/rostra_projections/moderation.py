"""The view `moderation`: a site's comments as moderators list them, and their acts.

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
from rostra.person import (
    PersonBanned,
    PersonDistrusted,
    PersonLabelled,
    PersonTrusted,
    PersonUnbanned,
)
from rostra.times import Time
from rostra_projections.sites import SiteRow, site_table
from rostra_projections.tables import Fact, Key, Rows, Table, sealed

Action = Literal["approve", "reject", "hold", "remove", "restore", "pin", "unpin"]
PersonAction = Literal["ban", "unban", "trust", "distrust", "label"]
Queue = Literal["held", "flagged", "pending", "removed", "recent"]
WAITING: tuple[Queue, ...] = ("held", "flagged", "pending")
"""Queues of comments that wait, the longest waiting first. The others begin with the latest."""

# -- rows


class QueueRow(msgspec.Struct):
    """Comment of a site. The positions are None where it does not wait for that."""

    id: UUID
    site: str
    author: str
    # Position of the event that posted it.
    posted: int
    # The comment, or a new wording of it, is held.
    held_since: int | None = None
    flagged_since: int | None = None
    # Those not yet ruled on.
    flags: int = 0
    # A new wording is held.
    pending_since: int | None = None
    # True if there is such a wording, also while the comment is removed and nothing waits.
    has_pending: bool = False
    # A moderator removed it, and nobody has restored it.
    removed_since: int | None = None
    # A moderator rejected it, and it is not removed.
    rejected_since: int | None = None
    # The rule that holds it, if one does.
    rule: str | None = None

    def since(self, queue: Queue) -> int | None:
        """Return the comment's place in a queue; None if it is not in there."""
        match queue:
            case "held":
                return self.held_since
            case "flagged":
                return self.flagged_since
            case "pending":
                return self.pending_since
            case "removed":
                return self.removed_since
            case "recent":
                return self.posted


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
    """Moderation act on a comment or a person; `words` is the sealed reason."""

    # Stream of the comment, or of the person.
    about: UUID
    position: int
    site: str
    # That of a comment; of a person one that is never opened.
    discussion: UUID
    at: Time
    action: str
    by: str | None
    words: bytes | None
    words_event: UUID | None
    # The person that an act is about.
    person: str | None = None


SITES = site_table("moderated_sites")

SINCE: dict[Queue, str] = {
    "held": "held_since",
    "flagged": "flagged_since",
    "pending": "pending_since",
    "removed": "removed_since",
    "recent": "posted",
}
"""Column with the place of a comment in each queue."""


def _queue_indexes() -> tuple[str, ...]:
    """Return two indexes for each queue: of a site, and of one author there."""
    return tuple(
        f"create index moderation_queue_v{{v}}_{queue}{suffix} on moderation_queue_v{{v}}"
        f" (site, {columns}{since})" + ("" if queue == "recent" else f" where {since} is not null")
        for queue, since in SINCE.items()
        for suffix, columns in (("", ""), ("_of_author", "author, "))
    )


QUEUE = Table(
    "moderation_queue",
    QueueRow,
    key=("id",),
    types={
        "id": "uuid",
        "site": "text",
        "author": "text",
        "posted": "bigint",
        "held_since": "bigint",
        "flagged_since": "bigint",
        "flags": "integer",
        "pending_since": "bigint",
        "has_pending": "boolean",
        "removed_since": "bigint",
        "rejected_since": "bigint",
        "rule": "text",
    },
    indexes=(
        *_queue_indexes(),
        (
            "create index moderation_queue_v{v}_rejected_of_author on moderation_queue_v{v}"
            " (site, author) where rejected_since is not null"
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
    key=("about", "position"),
    types={
        "about": "uuid",
        "position": "bigint",
        "site": "text",
        "discussion": "uuid",
        "at": "timestamptz",
        "action": "text",
        "by": "text",
        "words": "bytea",
        "words_event": "uuid",
        "person": "text",
    },
    indexes=(
        (
            "create index moderation_acts_v{v}_of_discussion on moderation_acts_v{v}"
            " (discussion, position)"
        ),
        "create index moderation_acts_v{v}_of_site on moderation_acts_v{v} (site, position)",
    ),
)

TABLES: tuple[Table[Any], ...] = (SITES, QUEUE, FLAGS, ACTS)
SHAPE = 6
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
        PersonBanned,
        PersonDistrusted,
        PersonLabelled,
        PersonTrusted,
        PersonUnbanned,
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
    "ban": PersonBanned.topic,
    "unban": PersonUnbanned.topic,
    "trust": PersonTrusted.topic,
    "distrust": PersonDistrusted.topic,
    "label": PersonLabelled.topic,
}
"""The event type of each action, as publishers know it."""
_ACTIONS = {topic: action for action, topic in TOPICS.items()}

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` reads for this fact."""
    stream, event = fact.stream, fact.event
    match event:
        case DiscussionOpened():
            yield SITES, stream
        case CommentPosted():
            yield SITES, discussion_of(stream)
            yield QUEUE, stream
        case CommentFlagged():
            yield QUEUE, event.comment
            yield FLAGS, (event.comment, event.by)
        case (
            CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
            | CommentWordingHeld()
            | CommentWordingRejected()
            | CommentPinned()
            | CommentUnpinned()
        ):
            yield QUEUE, stream
        case CommentEdited() if event.ends_pending or event.rule is not None:
            yield QUEUE, stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches: all of them, or none and raise."""
    event = fact.event
    match event:
        case DiscussionOpened():
            rows.of(SITES)[fact.stream] = SiteRow(fact.stream, event.site)
        case CommentPosted():
            rows.of(QUEUE)[fact.stream] = QueueRow(
                id=fact.stream,
                site=rows.of(SITES)[discussion_of(fact.stream)].site,
                author=event.author,
                posted=fact.position,
                held_since=fact.position if event.status == "held" else None,
                rule=event.rule,
            )
        case CommentFlagged():
            _flagged(rows, fact, event)
        case (
            CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
        ):
            row = rows.of(QUEUE)[fact.stream]
            if not (isinstance(event, CommentRemoved) and event.now == "deleted"):
                _acted(rows, fact, row.site, event.by, event.personal)
            _ruled(row, fact.position, event)
        case CommentWordingHeld():
            row = rows.of(QUEUE)[fact.stream]
            row.has_pending, row.rule = True, event.rule
            if event.status == "published":
                row.held_since = row.pending_since = fact.position
        case CommentWordingRejected():
            row = rows.of(QUEUE)[fact.stream]
            _acted(rows, fact, row.site, event.by, event.personal)
            _end_pending(row)
        case CommentEdited() if event.ends_pending:
            _end_pending(rows.of(QUEUE)[fact.stream])
        case CommentEdited() if event.rule is not None:
            rows.of(QUEUE)[fact.stream].rule = event.rule
        case CommentPinned() | CommentUnpinned():
            _acted(rows, fact, rows.of(QUEUE)[fact.stream].site, event.by, event.personal)
        case PersonBanned():
            _acted(rows, fact, event.site, event.by, event.personal, event.person)
        case PersonUnbanned() | PersonLabelled():
            _acted(rows, fact, event.site, event.by, None, event.person)
        case PersonDistrusted() if event.comment is None:  # else it follows from a rejection
            _acted(rows, fact, event.site, event.by, None, event.person)
        case PersonTrusted() if event.is_published:  # else it follows from an approval
            _acted(rows, fact, event.site, event.by, None, event.person)


def _flagged(rows: Rows, fact: Fact, event: CommentFlagged) -> None:
    row = rows.of(QUEUE)[event.comment]
    row.flags += 1
    row.flagged_since = row.flagged_since or fact.position
    rows.of(FLAGS)[event.comment, event.by] = FlagRow(
        comment=event.comment,
        person=event.by,
        at=event.time,
        words=sealed(event.personal),
        words_event=fact.event_id,
        flag=fact.stream,
        position=fact.position,
    )


def _ruled(row: QueueRow, position: int, event: StatusEvent) -> None:
    """End the waiting of a comment: a moderator's ruling settles its flags.

    A restored comment may be held again, or have a pending wording.
    """
    if isinstance(event, CommentRemoved | CommentRestored):
        row.removed_since = position if event.now == "removed" else None
    else:
        row.has_pending = False
        row.rule = event.rule if isinstance(event, CommentHeld) else None
    row.rejected_since = position if event.now == "rejected" else None
    waits = event.now == "published" and row.has_pending
    row.pending_since = position if waits else None
    row.held_since = position if waits or event.now == "held" else None
    if not isinstance(event, CommentHeld) or event.settles_flags:
        row.flagged_since, row.flags = None, 0


def _end_pending(row: QueueRow) -> None:
    """Only a published comment has a wording that waits, so nothing of it waits then."""
    row.held_since, row.pending_since, row.has_pending, row.rule = None, None, False, None


def _acted(
    rows: Rows,
    fact: Fact,
    site: str,
    by: str | None,
    personal: object,
    person: str | None = None,
) -> None:
    rows.of(ACTS)[fact.stream, fact.position] = ActRow(
        about=fact.stream,
        position=fact.position,
        site=site,
        discussion=discussion_of(fact.stream),
        at=fact.event.time,
        action=_ACTIONS[published_topic(fact.event.topic)],
        by=by,
        words=sealed(personal),
        words_event=fact.event_id,
        person=person,
    )
