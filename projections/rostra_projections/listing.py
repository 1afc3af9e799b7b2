"""Lists of comments: which comments, in which order, and how a list goes on after a page.

A reader who follows `next` from the first page to the last sees every comment that was listed at
the first page exactly once. A cursor holds the position P of page one, and the last key of its page
as of P. A page merges two parts: comments that have not moved since P, by today's keys, and moved
comments by their keys at P. A `Move` records the keys that a comment had before a change.

For example, a list of the most voted has a (5 votes), b (4) and c (3) at P, one a page:

1. The first page is a. Its cursor holds P and the key (5, a).
2. c gets three votes and now has 6. The fold records a move of c: it had 3 at P.
3. The next page begins after (5, a). Among the unmoved comments that is b (4); c takes part with 3.
   So the page is b, and the one after it is c. By today's keys alone, c would never be shown.

See decisions 0018 (the position in a cursor) and 0027 (moves of each lineage).
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from rostra.settings import Order
from rostra.times import Time
from rostra_projections.comments.rows import CommentRow, Shown
from rostra_projections.responses.shapes import Viewer

ListKind = Literal["top", "flat", "replies"]
Bigint = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
OrderKey = Annotated[float, msgspec.Meta(ge=-(2**31) + 1, le=2**31 - 1)]

ORDERS: dict[Order, tuple[str | None, bool]] = {
    "newest": (None, True),
    "oldest": (None, False),
    "most_voted": ("score", True),
    "best": ("best", True),
    "controversial": ("controversial", True),
    "hot": ("hot", True),
}
"""Each order's own column, and whether it descends; all end in time and position."""


class Listing(msgspec.Struct, frozen=True):
    """List of comments.

    It has the top level of a discussion, all its comments (`flat`), or the direct replies to
    `parent`. It may be restricted to a passage, or to all passages (`inline`).
    """

    kind: ListKind
    discussion: UUID
    order: Order
    parent: UUID | None = None
    passage: UUID | None = None
    inline: bool = False


class LastKey(msgspec.Struct, frozen=True, array_like=True):
    """Last place of a list that was read: the order's own value, then time and position.

    Pinned comments come first, at the top level only.
    """

    pinned: bool
    value: OrderKey
    posted_at: Time
    position: Bigint


class Move(msgspec.Struct, frozen=True, gc=False):
    """Place of a comment in lists before it changed at `position`."""

    discussion: UUID
    position: int
    comment: UUID
    shown: int
    pinned: bool
    score: int
    best: float
    controversial: float
    hot: float


def place(row: CommentRow | Move, comment: CommentRow, listing: Listing) -> LastKey:
    """Return the place of a comment, or of an earlier move of it, in a list."""
    column, _ = ORDERS[listing.order]
    return LastKey(
        pinned=row.pinned and listing.kind == "top",
        value=float(getattr(row, column)) if column else 0.0,
        posted_at=comment.posted_at,
        position=comment.position,
    )


def reply_limits(
    rows: Iterable[CommentRow], viewer: Viewer, replies: int, room: int
) -> Iterator[int]:
    """Yield the highest number of replies of each row in a page.

    It is `replies` while the page has room for all replies of the row.
    """
    for row in rows:
        hidden = row.hidden_replies if viewer.moderator or viewer.person else 0
        wanted = min(replies, row.shown_replies + hidden)
        yield min(wanted, max(room, 0))
        room -= wanted


def sees(viewer: Viewer, *, shown: int, author: str) -> bool:
    """Return whether a comment is in the viewer's lists."""
    if shown == Shown.MODERATORS:
        return viewer.moderator or viewer.person == author
    return shown == Shown.EVERYONE
