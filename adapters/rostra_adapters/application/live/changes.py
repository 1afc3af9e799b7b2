"""Changes that readers of a discussion see: noted from the log, described from the views."""

from typing import Literal
from uuid import UUID

import msgspec

from rostra import ids
from rostra.codec import AnyEvent
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
)
from rostra.passage import PassageUnmarked
from rostra.person import PersonErased
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_projections.responses.shapes import CommentShape

ChangeName = Literal["comment", "vote", "removed", "passage"]


class TotalsShape(msgspec.Struct, gc=False):
    """`vote`: the totals of a comment."""

    id: UUID
    up: int
    down: int
    score: int


class AppearedShape(CommentShape, kw_only=True):
    """`comment`: a comment that the change made visible."""

    appeared: int
    """Position at which the comment last became visible."""


class RemovedShape(msgspec.Struct, gc=False):
    """`removed`: a comment or a passage is not shown any more, or as a tombstone alone."""

    id: UUID
    status: str


class LiveEvent(msgspec.Struct, frozen=True, gc=False):
    """Change for readers. `position` is that of the last event in it."""

    position: int
    name: ChangeName
    json: bytes


class Cast(msgspec.Struct, gc=False):
    """Change of the totals by a vote."""

    position: int
    up: int
    down: int


class Changes(msgspec.Struct):
    """Changes by subject: the position of the last change, and the votes since.

    A comment in `shown` or `gone` is sent in its state at that time, whatever happened before.
    """

    shown: dict[UUID, int] = msgspec.field(default_factory=dict)
    gone: dict[UUID, int] = msgspec.field(default_factory=dict)
    appeared: dict[UUID, int] = msgspec.field(default_factory=dict)
    """Comments that the changes made visible, by the position at which they last became so."""
    votes: dict[UUID, list[Cast]] = msgspec.field(default_factory=dict)
    passages: dict[UUID, int] = msgspec.field(default_factory=dict)
    unlisted: set[UUID] = msgspec.field(default_factory=set)
    """Those of `passages` that may have been shown before and perhaps are no longer."""
    erased: dict[str, int] = msgspec.field(default_factory=dict)
    """Erased persons of the site, whose comments have no words."""

    def __bool__(self) -> bool:
        return bool(self.shown or self.gone or self.votes or self.passages or self.erased)

    @property
    def comments(self) -> int:
        """Number of comments that changed."""
        return len(self.shown.keys() | self.gone.keys() | self.votes.keys())

    def note(self, stream: UUID, event: AnyEvent, position: int) -> None:
        """Take in an event of the discussion."""
        match event:
            case CommentPosted():
                self._note_status(stream, "held", event.status, event.passage, position)
            case (
                CommentRemoved()
                | CommentRestored()
                | CommentApproved()
                | CommentRejected()
                | CommentHeld()
            ):
                self._note_status(stream, event.was, event.now, event.passage, position)
            case CommentEdited() | CommentPinned() | CommentUnpinned():
                self.shown[stream] = position
            case VoteCast() | VoteNullified() | VoteRestored():
                self._note_vote(event, position)
            case PersonErased():
                self.erased[event.person] = position
            case _ if ids.kind_of(stream) == ids.Kind.PASSAGE:
                self.passages[stream] = position
                if isinstance(event, PassageUnmarked):
                    self.unlisted.add(stream)

    def _note_status(
        self, comment: UUID, was: str, now: str, passage: UUID | None, position: int
    ) -> None:
        if "published" not in (was, now):
            return
        if now == "published" != was and (comment in self.appeared or comment not in self.gone):
            self.appeared[comment] = position
        (self.shown if now == "published" else self.gone)[comment] = position
        if passage is not None:  # whose counts it changes
            self.passages[passage] = position
            if now != "published":
                self.unlisted.add(passage)

    def _note_vote(self, event: VoteCast | VoteNullified | VoteRestored, position: int) -> None:
        up = (event.now > 0) - (event.was > 0)
        down = (event.now < 0) - (event.was < 0)
        if up or down:
            self.votes.setdefault(event.comment, []).append(Cast(position, up, down))


class Totals(msgspec.Struct, gc=False):
    """Vote totals of a shown comment, up to a position."""

    position: int
    up: int
    down: int

    def add(self, casts: list[Cast]) -> None:
        for cast in casts:
            if cast.position > self.position:
                self.up += cast.up
                self.down += cast.down
                self.position = cast.position
