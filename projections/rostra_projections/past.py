"""One discussion's views as they stood at a position: folded from its own streams alone.

Most events of a long discussion are votes, and of a vote only its effect shows. So votes are
summed up, and a comment is ranked once, when all are in.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from rostra.ids import is_ours
from rostra.log import Recorded
from rostra.times import Time
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_projections import views
from rostra_projections.comment_rows import COMMENTS, COUNTS
from rostra_projections.listing import Cursor, Listing
from rostra_projections.memory import MemoryViews
from rostra_projections.moves import Before, moves_since, places_of
from rostra_projections.reads import Page
from rostra_projections.shapes import Viewer

VOTES = frozenset({VoteCast.topic, VoteNullified.topic, VoteRestored.topic})


class _Effect(msgspec.Struct, gc=False):
    """What of a vote's event shows."""

    comment: str
    time: Time
    was: Literal[-1, 0, 1]
    now: Literal[-1, 0, 1]


class _Votes(msgspec.Struct):
    """On one comment, not yet counted there; `changed` is the position of the last."""

    up: int = 0
    down: int = 0
    changed: int = 0


_effect = msgspec.json.Decoder(_Effect)


class PastViews(MemoryViews):
    """Rows of one discussion. `take` its events in order, then `stand` at a position."""

    def __init__(self, discussion: UUID) -> None:
        super().__init__()
        self._here = discussion
        self._votes: dict[str, _Votes] = {}
        self._past: int | None = None
        self._before: Before = {}

    def take(self, page: Sequence[Recorded]) -> None:
        """Fold the next events. Nothing is read before `stand`."""
        for row in page:
            if row.topic not in VOTES or not self._takes_vote(row):
                self._take(row)

    def _takes_vote(self, row: Recorded) -> bool:
        """Whether a vote was summed up; what is odd about it is the fold's to say."""
        try:
            effect = _effect.decode(row.state)
            views.check(effect.time, row.state)
            on = self._votes.get(effect.comment) or self._first_vote(effect.comment)
        except (msgspec.DecodeError, ValueError):
            return False
        if on is None or self.parked or not is_ours(row.stream):
            return False
        on.up += (effect.now == 1) - (effect.was == 1)
        on.down += (effect.now == -1) - (effect.was == -1)
        on.changed = row.position
        return True

    def _first_vote(self, comment: str) -> _Votes | None:
        if UUID(comment) not in self.rows.of(COMMENTS):
            return None
        return self._votes.setdefault(comment, _Votes())

    def _take(self, row: Recorded) -> None:
        for fact in views.read((row,)):
            for view in self._views:
                self._fold(view, fact)

    def stand(self, position: int, *, past: bool = True) -> None:
        """All events up to `position` are in. `past`: lists go on as of there."""
        comments = self.rows.of(COMMENTS)
        for name, votes in self._votes.items():
            row = comments[UUID(name)]
            row.up, row.down = row.up + votes.up, row.down + votes.down
            row.score = row.up - row.down
            row.changed = max(row.changed, votes.changed)
            counts = self.rows.of(COUNTS)[self._here]
            counts.changed = max(counts.changed, votes.changed)
        self._votes.clear()
        for view in self._views:
            view.settle(self.rows, {COMMENTS.name: comments})
            view.mend(self.rows)
        self._in_discussion[self._here] = list(comments)
        self.read_up_to = position
        self._past = position if past else None

    def begin_moves(self, position: int) -> None:
        """All events up to `position` are in. From here on it is kept what moves, so that a
        list that was begun here can be read on."""
        self.stand(position)
        self._moves_from = position
        self._before = places_of(self.rows, self.rows.of(COMMENTS))

    def end_moves(self, position: int, *, history: int) -> None:
        """All events up to `position` are in; moved is what stands elsewhere than it did.
        `history` is what the list's cursors say."""
        self.stand(position, past=False)
        self._history = history
        self._moves[self._here] = list(moves_since(self.rows, self._before, position))

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        found = await super().page(listing, viewer, begin=begin, limit=limit, replies=replies)
        found.past = self._past
        return found
