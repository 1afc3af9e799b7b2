"""Votes on comments whose rows are at hand: four events in five are votes, and of a vote only
its effect shows.

What `comments.fold` does with a vote, without a fact and a UUID for each. Whatever is odd about
one is left to the fold.
"""

from typing import Literal
from uuid import UUID

import msgspec

from rostra.vote import VoteCast
from rostra_projections.comment_rows import CommentRow
from rostra_projections.tables import Key

TOPIC = VoteCast.topic


class _Vote(msgspec.Struct, gc=False):
    """A `VoteCast` with its comment as text: what fits the one fits the other."""

    time: str
    source: str
    id: str
    comment: str
    voter: str
    value: Literal[-1, 0, 1]
    was: Literal[-1, 0, 1]
    now: Literal[-1, 0, 1]


_decode = msgspec.json.Decoder(_Vote).decode


class QuickVotes:
    """Of one fold, all of whose comments stay where they are."""

    def __init__(self, comments: dict[Key, CommentRow]) -> None:
        self._comments = comments
        self._by_name: dict[str, CommentRow] = {}

    def take(self, position: int, state: bytes) -> bool:
        """Count a vote of a stream of ours; False, and nothing counted, where it is the fold's
        to say."""
        try:
            vote = _decode(state)
            row = self._by_name.get(vote.comment) or self._row(vote.comment)
        except (msgspec.DecodeError, ValueError):
            return False
        if row is None:
            return False
        row.changed = position
        if (now := vote.now) != (was := vote.was):
            row.up += (now == 1) - (was == 1)
            row.down += (now == -1) - (was == -1)
        return True

    def _row(self, name: str) -> CommentRow | None:
        row = self._comments.get(UUID(name))
        if row is not None:
            self._by_name[name] = row
        return row
