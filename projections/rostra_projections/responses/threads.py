"""From rows to what a reader gets: trees of comments, tombstones, cursors."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from rostra.comment import HIDDEN_STATUSES
from rostra.log import LogHistory
from rostra.settings import Order
from rostra_projections.comments.rows import CommentRow, Shown
from rostra_projections.cursors import Cursor, encode_cursor
from rostra_projections.listing import LastKey, Listing
from rostra_projections.query_port import Page
from rostra_projections.responses.shapes import (
    CommentShape,
    CommentsPage,
    PendingShape,
    ShownStatus,
    Viewer,
    author_shape,
)

LEVELS_BELOW = 2
"""Replies and replies to those are shown below a row of a list."""


class OpenedWords(msgspec.Struct, frozen=True, gc=False):
    """A comment's words as they may be shown now. All None: erased, or damaged."""

    name: str | None = None
    body: str | None = None
    html: str | None = None
    erased: bool = False
    label: str | None = None


OpenWords = Callable[[CommentRow], OpenedWords]


def readable(row: CommentRow, viewer: Viewer) -> bool:
    """Return whether the viewer may see the words, not only a tombstone."""
    if row.status in HIDDEN_STATUSES:
        return viewer.moderator or viewer.person == row.author
    if row.status == "removed":
        return viewer.sees_removed
    return row.status != "deleted"


def visible(row: CommentRow, viewer: Viewer) -> bool:
    """Return whether the viewer may read the comment by its own address.

    This includes tombstones that lists show above a visible reply.
    """
    return row.status not in HIDDEN_STATUSES or row.shown == Shown.EVERYONE or readable(row, viewer)


def all_rows(page: Page) -> Iterable[CommentRow]:
    """Yield the rows of the page and those below them."""
    yield from page.rows
    for replies in page.below.values():
        yield from replies


class Thread:
    """Builder of the shapes of one page for one viewer.

    - `own_hidden`: numbers of the viewer's own replies that only they and moderators see.
    - `withdrawn`: present status of comments whose past words only moderators may read.
    - `pending`: pending wordings that the viewer may read.
    """

    def __init__(
        self,
        page: Page,
        viewer: Viewer,
        open_words: OpenWords,
        log: LogHistory,
        own_hidden: Mapping[UUID, int],
        withdrawn: Mapping[UUID, str],
        pending: Mapping[UUID, PendingShape],
    ) -> None:
        self._page = page
        self._viewer = viewer
        self._open_words = open_words
        self._log = str(log.id)
        self._own_hidden = own_hidden
        self._withdrawn = withdrawn
        self._pending = pending

    def comments_page(
        self, listing: Listing, begin: Cursor | None, *, limit: int, replies: int
    ) -> CommentsPage:
        """Return the page that `begin` asked for in the shape of the contract.

        The page's cursor names the same first page, and holds `limit` and `replies`.
        """
        levels = 0 if listing.kind == "flat" else LEVELS_BELOW
        page = self._page
        last = page.places[-1] if page.places else None
        if begin is None or begin.last is None:
            begin = self._cursor(listing, page.as_of, None)
        cursor = replace(begin, log=self._log, last=last, limit=limit, replies=replies)
        return CommentsPage(
            position=page.changed,
            order=listing.order,
            total=page.total,
            comments=[self.shape(row, levels, flat=not levels) for row in page.rows],
            next=encode_cursor(cursor) if page.more else None,
        )

    def only(self) -> CommentShape:
        """Return the page's one comment."""
        (row,) = self._page.rows
        return self.shape(row, 0)

    def shape(self, row: CommentRow, levels: int, *, flat: bool = False) -> CommentShape:
        """One comment, with `levels` levels of replies below it."""
        shape = self._alone(row)
        if not flat:
            below = self._page.below.get(row.id, []) if levels else []
            shape.children = [self.shape(reply, levels - 1) for reply in below]
            shape.next_children = self._next_children(row, below)
        return shape

    def _next_children(self, row: CommentRow, below: list[CommentRow]) -> str | None:
        hidden = self._own_hidden.get(row.id, 0)
        if self._viewer.moderator:
            hidden = row.hidden_replies
        if row.shown_replies + hidden <= len(below):
            return None
        order: Order = "oldest"
        listing = Listing("replies", row.discussion, order, parent=row.id)
        last = _place_of_reply(below[-1]) if below else None
        page = self._page
        as_of = page.as_of if below else 0  # from the beginning it is of no moment
        return encode_cursor(self._cursor(listing, as_of, last))

    def _cursor(self, listing: Listing, as_of: int, last: LastKey | None) -> Cursor:
        """Return a cursor of a list that this page begins."""
        page = self._page
        return Cursor(
            self._log, page.history, listing, as_of, last, page.past, lineage=page.lineage
        )

    def _alone(self, row: CommentRow) -> CommentShape:
        current = self._withdrawn.get(row.id)
        shown = current is None and readable(row, self._viewer)
        words = self._open_words(row) if shown else OpenedWords()
        # A comment waits for moderators also if its words are erased.
        status = "erased" if words.erased and row.status == "published" else current or row.status
        return CommentShape(
            id=row.id,
            key=row.key,
            parent=row.parent,
            depth=row.depth,
            author=author_shape(row.author, words.name, words.label) if shown else None,
            body=words.body,
            html=words.html,
            posted_at=row.posted_at,
            edited_at=row.edited_at,
            up=row.up,
            down=row.down,
            score=row.score,
            replies=row.replies,
            descendants=row.descendants,
            status=cast(ShownStatus, status),
            pinned=row.pinned,
            passage=row.passage,
            pending=self._pending.get(row.id, UNSET) if shown else UNSET,
        )


def _place_of_reply(row: CommentRow) -> LastKey:
    return LastKey(pinned=False, value=0.0, posted_at=row.posted_at, position=row.position)
