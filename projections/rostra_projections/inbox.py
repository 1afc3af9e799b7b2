"""The view `inbox`: comments that concern a person directly, and who subscribed to what.

A comment gets into inboxes when it is first published, a decision of the moderators when it is
recorded. An item stays in the view for ever; a read leaves out those whose comment is no longer
shown, and adds the comments that the person subscribed to.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal
from uuid import UUID

import msgspec

from rostra.comment import (
    CommentApproved,
    CommentHeld,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentWordingRejected,
    StatusEvent,
)
from rostra.discussion import DiscussionOpened
from rostra.flag import CommentFlagged
from rostra.ids import discussion_of
from rostra.passage import PassageMarked
from rostra.person import PersonErased
from rostra.subscription import SubscriptionEnded, SubscriptionStarted
from rostra.times import Time
from rostra_projections.sites import SiteRow, site_table
from rostra_projections.tables import Fact, Key, Rows, Table

NoticeReason = Literal["reply", "mention", "passage", "moderation"]
SUBSCRIPTIONS_READ_MAX = 1_000
"""Subscriptions of a person whose comments are in the inbox: the latest."""
FLAGGERS_MAX = 100
"""Persons who flagged a comment and learn of the decision."""

# -- rows


class InboxCommentRow(msgspec.Struct):
    """Comment, with what is needed to know whom it concerns."""

    id: UUID
    discussion: UUID
    author: str
    parent: UUID | None
    answered: str | None
    """Author of the comment that it answers, which need not be `parent` at the depth limit."""
    passage: UUID | None
    mentions: str
    """JSON array of persons."""
    posted: int
    """Position of its posting."""
    flaggers: str = "[]"
    """JSON array of persons whose flags no decision has settled."""
    published: int | None = None
    """Position at which it was first published."""
    published_at: Time | None = None
    """Time of the event that published it first."""


class InboxPassageRow(msgspec.Struct):
    """Person who marked a passage."""

    id: UUID
    by: str


class InboxRow(msgspec.Struct):
    """Comment that concerns a person, from the position of the event on that made it so."""

    comment: UUID
    person: str
    position: int
    site: str
    discussion: UUID
    at: Time
    reason: str


class SubscriptionRow(msgspec.Struct):
    """Subscription of a person to a discussion."""

    id: UUID
    discussion: UUID
    site: str
    person: str
    to: str | None
    """None once it ended."""
    since: int
    """Position of the event that started or ended it."""


class ErasureRow(msgspec.Struct):
    """Last erasure of a person."""

    id: UUID
    """The person's stream."""
    site: str
    person: str
    position: int


SITES = site_table("inbox_sites")

INBOX_COMMENTS = Table(
    "inbox_comments",
    InboxCommentRow,
    key=("id",),
    types={
        "id": "uuid",
        "discussion": "uuid",
        "author": "text",
        "parent": "uuid",
        "answered": "text",
        "passage": "uuid",
        "mentions": "text",
        "posted": "bigint",
        "flaggers": "text",
        "published": "bigint",
        "published_at": "timestamptz",
    },
    indexes=(
        (
            "create index inbox_comments_v{v}_published on inbox_comments_v{v}"
            " (discussion, published) where published is not null"
        ),
    ),
)

INBOX_PASSAGES = Table(
    "inbox_passages", InboxPassageRow, key=("id",), types={"id": "uuid", "by": "text"}
)

INBOX = Table(
    "inbox",
    InboxRow,
    key=("comment", "person", "position"),
    types={
        "comment": "uuid",
        "person": "text",
        "position": "bigint",
        "site": "text",
        "discussion": "uuid",
        "at": "timestamptz",
        "reason": "text",
    },
    indexes=("create index inbox_v{v}_of_person on inbox_v{v} (site, person, position)",),
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    SubscriptionRow,
    key=("id",),
    types={
        "id": "uuid",
        "discussion": "uuid",
        "site": "text",
        "person": "text",
        "to": "text",
        "since": "bigint",
    },
    indexes=(
        (
            'create index subscriptions_v{v}_to on subscriptions_v{v} (discussion, "to")'
            ' where "to" is not null'
        ),
        (
            "create index subscriptions_v{v}_of_person on subscriptions_v{v} (site, person, since)"
            ' where "to" is not null'
        ),
        (
            "create index subscriptions_v{v}_ended on subscriptions_v{v} (site, person, discussion)"
            ' where "to" is null'
        ),
    ),
)

ERASURES = Table(
    "inbox_erasures",
    ErasureRow,
    key=("id",),
    types={"id": "uuid", "site": "text", "person": "text", "position": "bigint"},
    indexes=("create index inbox_erasures_v{v}_of_person on inbox_erasures_v{v} (site, person)",),
)

TABLES: tuple[Table[Any], ...] = (
    SITES,
    INBOX_COMMENTS,
    INBOX_PASSAGES,
    INBOX,
    SUBSCRIPTIONS,
    ERASURES,
)
SHAPE = 4
EVENTS: frozenset[type] = frozenset(
    {
        CommentApproved,
        CommentFlagged,
        CommentHeld,
        CommentPosted,
        CommentRejected,
        CommentRemoved,
        CommentRestored,
        CommentWordingRejected,
        DiscussionOpened,
        PassageMarked,
        PersonErased,
        SubscriptionEnded,
        SubscriptionStarted,
    }
)

# -- fold

_persons = msgspec.json.Decoder(list[str])


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` looks at for this fact."""
    stream, event = fact.stream, fact.event
    match event:
        case DiscussionOpened():
            yield SITES, stream
        case PassageMarked() if event.by is not None:
            yield INBOX_PASSAGES, stream
        case CommentPosted() | CommentApproved() | CommentRestored():
            yield SITES, discussion_of(stream)
            yield INBOX_COMMENTS, stream
            if isinstance(event, CommentPosted) and (answered := event.answered) is not None:
                yield INBOX_COMMENTS, answered
            if event.passage is not None:
                yield INBOX_PASSAGES, event.passage
        case CommentRemoved() | CommentRejected() | CommentHeld() | CommentWordingRejected():
            yield SITES, discussion_of(stream)
            yield INBOX_COMMENTS, stream
        case CommentFlagged():
            yield INBOX_COMMENTS, event.comment
        case SubscriptionStarted() | SubscriptionEnded():
            yield SITES, discussion_of(stream)
            yield SUBSCRIPTIONS, stream
        case PersonErased():
            yield ERASURES, stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches."""
    stream, event = fact.stream, fact.event
    match event:
        case DiscussionOpened():
            rows.of(SITES)[stream] = SiteRow(stream, event.site)
        case PassageMarked() if event.by is not None:
            rows.of(INBOX_PASSAGES)[stream] = InboxPassageRow(stream, event.by)
        case CommentPosted():
            _posted(rows, fact, event)
        case (
            CommentRemoved()
            | CommentRestored()
            | CommentApproved()
            | CommentRejected()
            | CommentHeld()
        ):
            _decided(rows, fact, event)
        case CommentWordingRejected():
            _concern(rows, fact, by=event.by, settles_flags=False)
        case CommentFlagged():
            _flagged(rows, event)
        case SubscriptionStarted() | SubscriptionEnded():
            rows.of(SUBSCRIPTIONS)[stream] = SubscriptionRow(
                id=stream,
                discussion=discussion_of(stream),
                site=rows.of(SITES)[discussion_of(stream)].site,
                person=event.person,
                to=event.to if isinstance(event, SubscriptionStarted) else None,
                since=fact.position,
            )
        case PersonErased():
            erasure = ErasureRow(stream, event.site, event.person, fact.position)
            rows.of(ERASURES)[stream] = erasure


def _posted(rows: Rows, fact: Fact, event: CommentPosted) -> None:
    answered = rows.of(INBOX_COMMENTS).get(event.answered) if event.answered else None
    row = rows.of(INBOX_COMMENTS)[fact.stream] = InboxCommentRow(
        id=fact.stream,
        discussion=discussion_of(fact.stream),
        author=event.author,
        parent=event.path[-1] if event.path else None,
        answered=None if answered is None else answered.author,
        passage=event.passage,
        mentions=msgspec.json.encode(event.mentions).decode(),
        posted=fact.position,
    )
    if event.status == "published" and event.personal is not None:
        _publish(rows, fact, row, event.time)


def _decided(rows: Rows, fact: Fact, event: StatusEvent) -> None:
    """Publish a comment, and note the decision about it."""
    row = rows.of(INBOX_COMMENTS)[fact.stream]
    if event.now == "published" and row.published is None:
        _publish(rows, fact, row, event.time)
    settles_flags = not isinstance(event, CommentHeld) or event.settles_flags
    _concern(rows, fact, by=event.by, settles_flags=settles_flags)


def _concern(rows: Rows, fact: Fact, *, by: str | None, settles_flags: bool) -> None:
    """Note a decision about a comment for its author and those whose flags it settles.

    Acts of the author are no decisions.
    """
    row = rows.of(INBOX_COMMENTS)[fact.stream]
    if by == row.author:
        return
    concerned = [row.author]
    if settles_flags:
        concerned += _persons.decode(row.flaggers)
        row.flaggers = "[]"
    _put(rows, fact, concerned, "moderation", besides=by)


def _flagged(rows: Rows, event: CommentFlagged) -> None:
    row = rows.of(INBOX_COMMENTS)[event.comment]
    flaggers = _persons.decode(row.flaggers)
    if event.by not in flaggers and len(flaggers) < FLAGGERS_MAX:
        row.flaggers = msgspec.json.encode([*flaggers, event.by]).decode()


def _publish(rows: Rows, fact: Fact, row: InboxCommentRow, time: Time) -> None:
    """Put a comment into the inboxes of those whom it concerns, once each."""
    row.published, row.published_at = fact.position, time
    passage = rows.of(INBOX_PASSAGES).get(row.passage) if row.passage else None
    _put(rows, fact, [row.answered] if row.answered else [], "reply", besides=row.author)
    _put(rows, fact, _persons.decode(row.mentions), "mention", besides=row.author)
    marked_by = [passage.by] if passage is not None and row.parent is None else []
    _put(rows, fact, marked_by, "passage", besides=row.author)


def _put(
    rows: Rows, fact: Fact, persons: Iterable[str], reason: NoticeReason, *, besides: str | None
) -> None:
    discussion = discussion_of(fact.stream)
    site = rows.of(SITES)[discussion].site
    inbox = rows.of(INBOX)
    for person in persons:
        key = fact.stream, person, fact.position
        if person != besides and key not in inbox:
            inbox[key] = InboxRow(
                comment=fact.stream,
                person=person,
                position=fact.position,
                site=site,
                discussion=discussion,
                at=fact.event.time,
                reason=reason,
            )
