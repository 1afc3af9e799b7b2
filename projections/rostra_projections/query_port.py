"""The port of reads: rows of the views, whatever keeps them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from rostra.times import Time
from rostra_projections.comments.rows import CommentRow, CountsRow, PendingRow
from rostra_projections.cursors import Cursor
from rostra_projections.discussions import DiscussionRow
from rostra_projections.inbox import InboxCommentRow, InboxRow, SubscriptionRow
from rostra_projections.listing import LastKey, Listing
from rostra_projections.moderation import ActRow, FlagRow, Queue, QueueRow
from rostra_projections.passages import PassageRow
from rostra_projections.persons import PersonRow
from rostra_projections.responses.shapes import Viewer


class InboxRead(msgspec.Struct):
    """Item of a person's inbox, and whether it is shown to them."""

    row: InboxRow
    is_shown: bool


class Page(msgspec.Struct):
    """Rows of a list, with their places in it, at most the requested number."""

    position: int
    """Position up to which the view has read."""
    history: int
    """Number of histories that the view has had, for cursors."""
    changed: int
    """Position of the last change to the discussion."""
    as_of: int
    """A position since which nothing has moved, for cursors of lists that begin here. It changes
    only with the discussion."""
    total: int
    rows: list[CommentRow]
    places: list[LastKey]
    more: bool
    """True if the list goes on."""
    below: dict[UUID, list[CommentRow]]
    """The first replies of each row, and of each of those, oldest first."""
    past: int | None = None
    """Position as of which the list is read; None for the current list."""
    lineage: str | None = None
    """Lineage of the view, for cursors."""


class DiscussionRead(msgspec.Struct):
    """A discussion and its counts."""

    row: DiscussionRow
    counts: CountsRow


class PassageRead(msgspec.Struct):
    """A passage and the counts of the feedback on it.

    `changed` is the position of the last change that readers may have seen: 0 for a passage that a
    person marked, while nobody has commented on it.
    """

    row: PassageRow
    comments: int
    replies: int
    latest_at: Time | None
    changed: int


class ParticipantRead(msgspec.Struct):
    """Author of counted comments in a discussion, with the words of the latest one."""

    discussion: UUID
    person: str
    comment: UUID
    words: bytes | None
    """None where the latest comment is not shown any more."""
    words_event: UUID | None


class SitePage(msgspec.Struct):
    """Counted comments of a site, the newest first."""

    changed: int
    """Position of the last change to any discussion that is listed."""
    total: int
    discussions: int
    """Number of the site's discussions that were looked through."""
    rows: list[CommentRow]


FLAGS_SHOWN_MAX = 20


class Queued(msgspec.Struct):
    """Comment in a queue of moderators since a position.

    It has its latest flags in order, at most FLAGS_SHOWN_MAX.
    """

    since: int
    row: CommentRow
    flags: list[FlagRow]
    rule: str | None
    """Rule that holds it."""
    read_up_to: int
    """Position up to which the views had read."""


class AuthorRecord(msgspec.Struct):
    """Comments of an author on a site, each number at most as high as was asked for."""

    comments: int
    removed: int
    rejected: int
    held: int
    flagged: int
    first_at: Time | None
    """Time of the comment that was recorded first."""
    last_at: Time | None


class SealedComment(msgspec.Struct, gc=False):
    """Words of a comment as the log has them, for a search."""

    posted: int
    """Position of the event that posted it."""
    id: UUID
    author: str
    words: bytes | None
    words_event: UUID | None
    edited_words: bytes | None
    edited_event: UUID | None


class DiscussionReads(Protocol):
    """Reads of one discussion, current or as of a position.

    Every answer says up to which position the views had read when it was taken.
    """

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        """Return a page of a list. Raises CursorRefused if `begin` is too old."""

    async def hidden_replies(self, person: str, comments: Sequence[UUID]) -> dict[UUID, int]:
        """Return the number of held or rejected direct replies by this person, by comment."""

    async def comment(self, comment: UUID) -> tuple[int, CommentRow] | None:
        """Return a comment of any status and the position read; None if it is unknown."""

    async def pending(self, comments: Sequence[UUID]) -> dict[UUID, PendingRow]:
        """Return the wordings that wait, of those comments that have one."""

    async def discussion(self, discussion: UUID) -> tuple[int, DiscussionRead] | None:
        """Return a discussion and the position read; None if it is unknown."""

    async def passages(self, discussion: UUID) -> tuple[int, list[PassageRead]]:
        """Return the position read, and a discussion's passages in the order of the text.

        Unmarked passages are included.
        """


class Reads(DiscussionReads, Protocol):
    """Reads of all there is."""

    async def position(self) -> int:
        """Return the position of the view that has read least."""

    async def comment_rows(self, comments: Sequence[UUID]) -> dict[UUID, CommentRow]:
        """Return those of the comments that are known."""

    async def persons(self, persons: Sequence[UUID]) -> dict[UUID, PersonRow]:
        """Return the rows of those persons who have settings or a label, by their streams."""

    async def persons_with_label(self, site: str, *, limit: int) -> list[PersonRow]:
        """Return the persons of a site who have a label, in order of their streams."""

    async def written_by(self, author: str, discussion: UUID, *, limit: int) -> list[UUID]:
        """Return the ids of an author's comments in a discussion, the latest first."""

    async def discussions(
        self, site: str, *, limit: int, after: tuple[Time, UUID] | None
    ) -> tuple[int, list[DiscussionRead]]:
        """Return a site's discussions, the latest active first."""

    async def site_comments(
        self, site: str, *, limit: int, after: tuple[Time, int] | None, with_private: bool
    ) -> SitePage:
        """Return a site's published and erased comments, the newest first.

        They come after a comment's time and position. Without `with_private`, comments of private
        discussions are left out.
        """

    async def counts(self, discussions: Sequence[UUID]) -> tuple[int, dict[UUID, int]]:
        """Return the last change to any of these discussions, and the counted comments of each.

        Unknown discussions are left out.
        """

    async def participants(self, discussion: UUID, persons: Sequence[str]) -> set[str]:
        """Return those of the persons who have a counted comment in a discussion."""

    async def participant_rows(
        self, discussions: Sequence[UUID], persons: Sequence[str]
    ) -> list[ParticipantRead]:
        """Return those of the persons who have a counted comment in one of the discussions."""

    async def latest_participants(self, discussion: UUID, *, limit: int) -> list[ParticipantRead]:
        """Return the authors of a discussion's counted comments, the latest first."""

    async def inbox(
        self, site: str, person: str, *, before: int, after: int, limit: int
    ) -> list[InboxRead]:
        """Return items of a person's inbox between two positions, the latest first.

        Comments that they subscribed to are among them. Also those items are counted and returned
        that are not shown: the comment is no longer published (decisions about it are shown), its
        author was erased, or the person turned the discussion off.
        """

    async def inbox_comments(self, comments: Sequence[UUID]) -> dict[UUID, InboxCommentRow]:
        """Return what the view `inbox` knows of comments."""

    async def inbox_about(
        self, comments: Sequence[UUID], positions: Sequence[int]
    ) -> list[InboxRow]:
        """Return the items of all inboxes about these comments, at these positions.

        Comments that somebody subscribed to are not among them.
        """

    async def subscribers(
        self, discussion: UUID, *, after: UUID, limit: int
    ) -> list[SubscriptionRow]:
        """Return subscriptions to every comment of a discussion, in order of id."""

    async def subscription_rows(self, ids: Sequence[UUID]) -> dict[UUID, SubscriptionRow]:
        """Return the subscriptions of these ids, ended ones among them."""

    async def subscriptions_of(
        self, site: str, person: str, *, limit: int
    ) -> list[SubscriptionRow]:
        """Return a person's subscriptions that have not ended, the earliest first."""

    async def erasures(self, persons: Sequence[UUID]) -> dict[UUID, int]:
        """Return the position of the last erasure of each person, by stream."""

    async def unread(
        self, site: str, person: str, *, after: int, read: Sequence[int], limit: int
    ) -> int:
        """Return the number of shown items of an inbox after a position.

        At most `limit` items about the person are looked at, and at most `limit` of subscriptions.
        Those at the positions `read` are not counted.
        """

    async def queue(
        self, site: str, queue: Queue, *, limit: int, after: int | None, author: str | None = None
    ) -> tuple[int, list[Queued]]:
        """Return comments of a site, or of one author there, from the place `after` on.

        The longest waiting come first; of removed and of all comments the latest.
        """

    async def queue_counts(self, site: str, *, most: int) -> dict[Queue, int]:
        """Return the number of comments in each queue that waits, at most `most` each."""

    async def author_record(self, site: str, author: str, *, most: int) -> AuthorRecord:
        """Return what became of an author's comments on a site, counted up to `most`."""

    async def queue_items(self, comments: Sequence[UUID]) -> list[Queued]:
        """Return comments in the order given, as of their posting; unknown ones are left out."""

    async def sealed_comments(
        self, site: str, *, limit: int, before: int | None
    ) -> list[SealedComment]:
        """Return comments of a site that were posted before a position, the latest first."""

    async def queue_row(self, comment: UUID) -> QueueRow | None:
        """Return what a comment waits for, or waited for."""

    async def flaggers(self, comment: UUID, *, most: int) -> list[str]:
        """Return persons who flagged a comment since the last ruling, at most `most`, no guests."""

    async def acts(
        self, discussion: UUID, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        """Return the moderation acts in a discussion before a position, the latest first."""

    async def site_acts(
        self, site: str, *, limit: int, before: int | None
    ) -> tuple[int, list[ActRow]]:
        """Return the moderation acts on a site before a position, the latest first."""
