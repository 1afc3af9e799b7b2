"""Response shapes of the contract.

Times are text (RFC 3339, UTC, six digits of fraction).
"""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from rostra.names import is_guest
from rostra.settings import Order
from rostra.times import Time
from rostra_projections.moderation import Action, PersonAction

ShownStatus = Literal["published", "held", "rejected", "removed", "deleted", "erased"]


class AuthorShape(msgspec.Struct, gc=False):
    """Author of a comment."""

    id: str
    name: str | None
    """None where the person was erased."""
    guest: Literal[True] | UnsetType = UNSET
    """Given for guests alone: they chose the name themselves."""
    label: str | UnsetType = UNSET
    """One of the site's labels, given if the person has one."""


def author_shape(person: str, name: str | None, label: str | None = None) -> AuthorShape:
    """Return the author with the mark of a guest and the label, where they have them."""
    guest: Literal[True] | UnsetType = True if is_guest(person) else UNSET
    return AuthorShape(person, name, guest, UNSET if label is None else label)


class WordingShape(msgspec.Struct, gc=False):
    """The event that gave a wording, as its publisher names it: `wording` of a decision."""

    source: str
    id: str


class PendingShape(msgspec.Struct, kw_only=True, gc=False):
    """Pending wording, for the moderators and its author only.

    `body` and `html` are None if its author was erased.
    """

    body: str | None
    html: str | None
    at: Time
    wording: WordingShape


class CommentShape(msgspec.Struct, kw_only=True):
    """A comment with the first of its replies. A tombstone has no body, html and author."""

    id: UUID
    key: str | None
    parent: UUID | None
    depth: int
    author: AuthorShape | None
    body: str | None
    html: str | None
    posted_at: Time
    edited_at: Time | None
    up: int
    down: int
    score: int
    replies: int
    descendants: int
    status: ShownStatus
    pinned: bool
    passage: UUID | None
    my_vote: Literal[-1, 0, 1] | UnsetType = UNSET
    new: bool | UnsetType = UNSET
    """With a person's token: whether it became visible after their read mark, by others."""
    pending: PendingShape | UnsetType = UNSET
    children: list["CommentShape"] | UnsetType = UNSET
    next_children: str | UnsetType | None = UNSET


class CommentsPage(msgspec.Struct, kw_only=True):
    """`total` counts what the whole list holds, `next` continues it."""

    position: int
    order: Order
    total: int
    comments: list[CommentShape]
    next: str | None


class DiscussionShape(msgspec.Struct, kw_only=True, gc=False):
    id: UUID
    site: str
    resource: str
    title: str | None
    url: str | None
    open: bool
    comments: int
    replies: int
    participants: int
    latest_at: Time | None
    position: int


class DiscussionsPage(msgspec.Struct, kw_only=True):
    position: int
    discussions: list[DiscussionShape]
    next: str | None


class ParticipantShape(msgspec.Struct, kw_only=True, gc=False):
    """Author of shown comments in a discussion."""

    id: str
    name: str


class ParticipantsPage(msgspec.Struct, kw_only=True):
    """Participants of a discussion, the latest to comment first."""

    position: int
    participants: list[ParticipantShape]


class PassageShape(msgspec.Struct, kw_only=True, gc=False):
    id: UUID
    key: str | None
    exact: str
    prefix: str | None
    suffix: str | None
    start: int | None
    end: int | None
    state: Literal["anchored", "moved", "orphaned"]
    question: str | None
    open: bool
    comments: int
    replies: int
    latest_at: Time | None
    new: int | UnsetType = UNSET
    """With a person's token: comments on it that became visible after their read mark."""


class PassagesPage(msgspec.Struct, kw_only=True):
    position: int
    passages: list[PassageShape]


class CountsPage(msgspec.Struct, kw_only=True):
    position: int
    counts: dict[str, int]


class PassageNews(msgspec.Struct, kw_only=True, gc=False):
    """New comments on a passage."""

    id: UUID
    comments: int


class NewsShape(msgspec.Struct, kw_only=True):
    """Changes of a discussion since a position, without the reader's own.

    No count is greater than 1,000.
    """

    position: int
    """Position up to which changes are counted."""
    comments: int
    """Comments that became visible, replies among them."""
    replies: int
    edited: int
    removed: int
    votes: int
    passages: list[PassageNews]
    """Passages with new comments."""
    replies_to_me: int
    first: UUID | None
    """The new comment that became visible first."""
    more: Literal[True] | UnsetType = UNSET
    """Given where there are more changes than were counted."""


class InboxItem(msgspec.Struct, kw_only=True, gc=False):
    """Comment that concerns a person. `position` is that of the event that made it so."""

    position: int
    at: Time
    reason: Literal["reply", "mention", "passage", "moderation", "subscription"]
    comment: UUID
    discussion: UUID
    read: bool


class InboxPage(msgspec.Struct, kw_only=True):
    """Items of an inbox, the latest first."""

    position: int
    """Position of the latest item of the page."""
    unread: int
    """Number of unread items, at most 1,000."""
    items: list[InboxItem]
    next: str | None


class FlagShape(msgspec.Struct, kw_only=True, gc=False):
    """`reason` is None where the person was erased."""

    by: str
    reason: str | None
    at: Time


class QueuedShape(CommentShape, kw_only=True):
    """Comment as moderators list it, with its latest flags.

    `wording` is the pending wording or else the comment's own. A decision names it.
    """

    discussion: UUID
    flags: list[FlagShape]
    wording: WordingShape | None
    rule: str | None = None
    """The rule that holds it."""
    version: int
    """Number of the comment's events. An act that names it is refused after the next event."""


class QueueCounts(msgspec.Struct, kw_only=True, gc=False):
    """Number of comments that wait, at most 1,000 each."""

    held: int
    flagged: int
    pending: int


class QueuePage(msgspec.Struct, kw_only=True):
    """Comments that wait: the longest waiting first. Removed and recent ones: the latest first."""

    comments: list[QueuedShape]
    next: str | None
    counts: QueueCounts


class FoundPage(msgspec.Struct, kw_only=True):
    """Comments that a search found, the latest first, at most 100."""

    comments: list[QueuedShape]
    searched: int
    """Number of comments that were searched."""
    complete: bool
    """True if the search ended in time and no match is left out. It reads a limited number."""


class ActShape(msgspec.Struct, kw_only=True, gc=False):
    """Moderation act."""

    position: int
    at: Time
    action: Literal[Action, PersonAction]
    comment: UUID | None
    """None for an act on a person."""
    person: str | UnsetType = UNSET
    """The person that an act is about. Only moderators see such acts."""
    by: str | None
    """None if a publisher named nobody, and where moderators are not named to the reader."""
    role: Literal["moderator", "service"]
    """`service`: a publisher that named nobody, or Rostra by a rule or a review."""
    reason: str | None


class BanShape(msgspec.Struct, kw_only=True, gc=False):
    """Ban that no moderator has ended and whose term has not ended."""

    at: Time
    until: Time | None
    """None for no end."""
    by: str | None


class BanJobShape(msgspec.Struct, kw_only=True):
    """Progress of what a ban removes and nullifies, or its end restores."""

    state: Literal["running", "done"]
    comments: int
    """Comments that were changed so far."""
    comments_total: int
    """Comments of the person that are looked at."""
    votes: int
    """Votes that were changed so far."""


class PersonShape(msgspec.Struct, kw_only=True):
    """Person of a site as moderators see them. Each count ends at 1,000."""

    id: str
    name: str | None
    label: str | None
    labels: tuple[str, ...]
    """Labels that the site offers."""
    banned: BanShape | None
    trusted: bool
    comments: int
    removed: int
    rejected: int
    held: int
    """Comments that wait, or a new wording of which waits."""
    flagged: int
    votes: int
    """Votes for and against on the site's newest comments, at most 5,000 of them."""
    job: BanJobShape | None
    """Job of the latest ban or its end, null if there was none."""
    first_at: Time | None
    """Time of the first recorded comment."""
    last_at: Time | None


class ActsPage(msgspec.Struct, kw_only=True):
    """The latest first."""

    position: int
    acts: list[ActShape]
    next: str | None


class HistoryEvent(msgspec.Struct, kw_only=True, gc=False):
    """`body` is None where the event has none, and where it is not for the reader."""

    position: int
    type: str
    at: Time
    by: str | None
    body: str | None


class HistoryPage(msgspec.Struct, kw_only=True):
    """The oldest first."""

    position: int
    events: list[HistoryEvent]


class Viewer(msgspec.Struct, frozen=True):
    """Reader: moderators see held and rejected comments, authors their own."""

    person: str | None = None
    moderator: bool = False
    sees_removed: bool = False
    """True if the words of removed comments are shown, as in the lists for moderators."""


ANYONE = Viewer()
