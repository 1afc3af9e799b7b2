"""The rows and tables of the view `comments`."""

from enum import IntEnum
from uuid import UUID

import msgspec

from rostra.times import Time
from rostra_projections.tables import Fragment, Table


class Shown(IntEnum):
    """Readers who see a comment in a list."""

    NOBODY = 0
    MODERATORS = 1
    """And its author: it is held or rejected."""
    EVERYONE = 2


class CommentRow(msgspec.Struct, gc=False):
    """Row of a comment."""

    id: UUID
    discussion: UUID
    key: str | None
    parent: UUID | None
    depth: int
    passage: UUID | None
    author: str
    status: str
    shown: int
    pinned: bool
    posted_at: Time
    edited_at: Time | None
    up: int
    down: int
    score: int
    best: float
    controversial: float
    hot: float
    replies: int
    descendants: int
    shown_replies: int
    """Direct replies that everyone sees in a list."""
    hidden_replies: int
    """Direct replies that only moderators and their author see in a list."""
    words: bytes | None
    """First wording, sealed as in the log. None if it was erased before it was published here."""
    words_event: UUID | None
    """Id of the event that holds `words`."""
    edited_words: bytes | None
    """Latest wording, sealed as in the log. None as for `words`, or without an edit."""
    edited_event: UUID | None
    """Id of the event that holds `edited_words`."""
    position: int
    """Position of the posting."""
    changed: int
    """Position of the last change."""
    mentions: str | None = None
    """JSON list of the ids of mentioned persons; None if there are none."""


class CountsRow(msgspec.Struct, gc=False):
    """Counts of a group: a discussion, its inline feedback, or a passage."""

    id: UUID
    site: str | None
    """Site of a discussion's group."""
    comments: int = 0
    replies: int = 0
    participants: int = 0
    top: int = 0
    """Length of the list of top-level comments."""
    flat: int = 0
    """Length of the list of all comments."""
    top_hidden: int = 0
    """Further top-level comments that moderators see."""
    flat_hidden: int = 0
    """Further comments that moderators see."""
    opened_at: Time | None = None
    latest_at: Time | None = None
    """Greatest time of a counted comment."""
    active_at: Time | None = None
    """Value of `latest_at`, or else the time when the discussion was opened."""
    changed: int = 0


class ParticipantRow(msgspec.Struct, gc=False):
    """Number of counted comments of a person in a discussion."""

    discussion: UUID
    person: str
    comments: int = 0
    latest: UUID | None = None
    """The comment that was counted last, which has the person's name."""
    position: int = 0
    """Position of the posting of that comment."""


class PendingRow(msgspec.Struct, gc=False):
    """A new wording of a published comment that waits for the moderators."""

    id: UUID
    position: int | None = None
    """Position of the event that holds the wording; None if no wording waits."""
    at: Time | None = None
    """Time of that event."""
    words: bytes | None = None
    """Sealed as in the log. None if the words were erased before the event was published here."""
    words_event: UUID | None = None
    source: str | None = None
    """The publisher's source of the event."""
    event: str | None = None
    """The publisher's id of the event."""


RANKED = ("score", "best", "controversial", "hot")
"""Columns that lists are ordered by."""


def _order_indexes() -> tuple[str, ...]:
    """Return two indexes for each order: of the top level, and of the replies.

    A comment is in one of the two, so a vote writes an entry for each order. A list of all
    comments of a discussion merges both.
    """
    where = {"top": ("pinned, ", "parent is null"), "below": ("", "parent is not null")}
    return tuple(
        f"create index comment_ranks_v{{v}}_{level}_{column} on comment_ranks_v{{v}}"
        f" (discussion, {pinned}{column}, posted_at, position) where {condition}"
        for level, (pinned, condition) in where.items()
        for column in RANKED
    )


RANKS = Fragment(
    "comment_ranks",
    own=("up", "down", "score", "best", "controversial", "hot", "changed"),
    copies=("discussion", "parent", "passage", "pinned", "posted_at", "position"),
    indexes=_order_indexes(),
)
"""Columns that votes change, in a narrow table: the wide row and its indexes stay as they are."""

COMMENTS = Table(
    "comments",
    CommentRow,
    key=("id",),
    types={
        "id": "uuid",
        "discussion": "uuid",
        "key": "text",
        "parent": "uuid",
        "depth": "smallint",
        "passage": "uuid",
        "author": "text",
        "status": "text",
        "shown": "smallint",
        "pinned": "boolean",
        "posted_at": "timestamptz",
        "edited_at": "timestamptz",
        "up": "integer",
        "down": "integer",
        "score": "integer",
        "best": "double precision",
        "controversial": "double precision",
        "hot": "double precision",
        "replies": "integer",
        "descendants": "integer",
        "shown_replies": "integer",
        "hidden_replies": "integer",
        "words": "bytea",
        "words_event": "uuid",
        "edited_words": "bytea",
        "edited_event": "uuid",
        "position": "bigint",
        "changed": "bigint",
        "mentions": "text",
    },
    indexes=(
        (
            "create index comments_v{v}_top_time on comments_v{v}"
            " (discussion, pinned, posted_at, position) where parent is null"
        ),
        "create index comments_v{v}_flat_time on comments_v{v} (discussion, posted_at, position)",
        (
            "create index comments_v{v}_replies on comments_v{v}"
            " (parent, posted_at, position) where parent is not null"
        ),
        (
            "create index comments_v{v}_passage on comments_v{v}"
            " (passage, posted_at, position) where passage is not null"
        ),
        (
            "create index comments_v{v}_inline on comments_v{v}"
            " (discussion, posted_at, position) where passage is not null"
        ),
        "create index comments_v{v}_hidden on comments_v{v} (discussion, author) where shown = 1",
    ),
    apart=(RANKS,),
)

COUNTS = Table(
    "comment_counts",
    CountsRow,
    key=("id",),
    types={
        "id": "uuid",
        "site": "text",
        "comments": "integer",
        "replies": "integer",
        "participants": "integer",
        "top": "integer",
        "flat": "integer",
        "top_hidden": "integer",
        "flat_hidden": "integer",
        "opened_at": "timestamptz",
        "latest_at": "timestamptz",
        "active_at": "timestamptz",
        "changed": "bigint",
    },
    indexes=(
        (
            "create index comment_counts_v{v}_active on comment_counts_v{v}"
            " (site, active_at, id) where site is not null"
        ),
    ),
)

PARTICIPANTS = Table(
    "participants",
    ParticipantRow,
    key=("discussion", "person"),
    types={
        "discussion": "uuid",
        "person": "text",
        "comments": "integer",
        "latest": "uuid",
        "position": "bigint",
    },
)

PENDING = Table(
    "pending_wordings",
    PendingRow,
    key=("id",),
    types={
        "id": "uuid",
        "position": "bigint",
        "at": "timestamptz",
        "words": "bytea",
        "words_event": "uuid",
        "source": "text",
        "event": "text",
    },
)

COUNTED = ("published", "erased")
