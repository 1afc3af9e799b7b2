"""A read of comments as a caller asks for it, and as it is resolved, once."""

from datetime import datetime
from uuid import UUID

import msgspec

from rostra.log import LogHistory
from rostra.settings import Order, Rules, Wordings
from rostra_projections.cursors import Cursor
from rostra_projections.listing import Listing, ListKind
from rostra_projections.responses.shapes import ANYONE, Viewer

AsOf = int | str | datetime
"""A position, or a time: RFC 3339 text, or with an offset."""


class CommentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a discussion's comments, or of the direct replies to one of them."""

    order: Order
    limit: int = 20
    """Comments of the page, without those below them."""
    replies: int = 3
    """Replies shown below each comment, and below each of those."""
    parent: UUID | None = None
    """The comment whose replies are asked for; None for the discussion's own list."""
    passage: UUID | None = None
    inline: bool = False
    """Only comments on passages."""
    flat: bool = False
    """Every comment in one order, with no replies below it."""

    def listing(self, discussion: UUID) -> Listing:
        """Return the list in a discussion that this is a page of."""
        kind: ListKind = "replies" if self.parent else "flat" if self.flat else "top"
        return Listing(kind, discussion, self.order, self.parent, self.passage, self.inline)


class SiteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A read of comments of one site."""

    site: str
    log: LogHistory
    """History of the log, for cursors."""
    viewer: Viewer = ANYONE

    @property
    def earlier_wordings(self) -> Wordings | None:
        """Return the readers of earlier wordings if past ones are read; else None."""
        return None


class DiscussionRequest(SiteRequest, frozen=True, kw_only=True):
    """A read of one discussion, with everything that is looked up before it."""

    discussion: UUID
    rules: Rules
    past: int | None = None
    """Position as of which the discussion is read; None for today's."""
    cursor: Cursor | None = None
    """Place at which a page begins; None for the first page."""

    @property
    def earlier_wordings(self) -> Wordings | None:
        is_restricted = self.past is not None and not self.viewer.moderator
        return self.rules.wordings if is_restricted else None
