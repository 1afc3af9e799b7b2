"""Bulk counting of votes on comments whose rows are loaded.

Four events in five are votes, and only a vote's effect shows in the rows. The result equals that of
`comments.fold`, without a fact and a UUID for each vote. Unusual votes are left to the fold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal
from uuid import UUID

import msgspec

from rostra import codec
from rostra.ids import is_ours
from rostra.log import Recorded, VoteRow
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_projections.comments.rows import CommentRow
from rostra_projections.tables import Key
from rostra_projections.views import check

TOPIC = VoteCast.topic
IDS_CACHED_MAX = 16_384


class _Vote(msgspec.Struct, gc=False):
    """A `VoteCast` with its comment as text."""

    time: str
    source: str
    id: str
    comment: str
    voter: str
    value: Literal[-1, 0, 1]
    was: Literal[-1, 0, 1]
    now: Literal[-1, 0, 1]


class _VoteAlone(_Vote, gc=False, forbid_unknown_fields=True):
    """A `_Vote` without other fields, so that no text in it can look like `BETWEEN`."""


BETWEEN = b"],\n["
"""Bytes that join the states of many votes. No vote holds them: its texts have no line breaks, and
no bracket closes outside of its texts, because nothing in it is nested."""

_decode = msgspec.json.Decoder(_Vote).decode
_decode_joined = msgspec.json.Decoder(list[tuple[_VoteAlone]]).decode


class _Ruled(msgspec.Struct, gc=False):
    comment: str
    was: int
    now: int


def _ruled(topic: str, state: bytes) -> _Ruled | None:
    """Return a moderator's decision on a vote; None for a foreign event. Raises ValueError."""
    if topic not in codec.DECODERS:
        return None
    event = codec.decode(topic, state)
    if not isinstance(event, VoteNullified | VoteRestored):
        raise ValueError(f"{topic} of a vote")
    check(event.time, state)
    return _Ruled(str(event.comment), event.was, event.now)


def _read_joined(states: bytes) -> Iterator[_Vote]:
    """Votes cast whose states are joined with `BETWEEN`. Raises ValueError."""
    return chain.from_iterable(_decode_joined(b"[[%b]]" % states))


def can_read_joined(count: int, states: bytes) -> bool:
    """Return whether joined states are exactly `count` votes."""
    try:
        return sum(1 for _ in _read_joined(states)) == count
    except codec.UNREADABLE:
        return False


class QuickVotes:
    """Vote counts of one fold in which no comment changes its discussion."""

    def __init__(self, comments: dict[Key, CommentRow]) -> None:
        self._comments = comments
        self._by_name: dict[str, CommentRow] = {}

    def count_vote(self, position: int, state: bytes) -> bool:
        """Count a vote, after all events before it are folded.

        Return False, and count nothing, if the fold must decide.
        """
        try:
            vote = _decode(state)
            row = self._by_name.get(vote.comment) or self._row(vote.comment)
        except codec.UNREADABLE:
            return False
        if row is None:
            return False
        row.changed = position
        if (now := vote.now) != (was := vote.was):
            row.up += (now == 1) - (was == 1)
            row.down += (now == -1) - (was == -1)
        return True

    def count_late_votes(self, votes: Iterable[VoteRow]) -> bool:
        """Count votes after all other events, in any order.

        Return False if a vote cannot be read, or is on no comment that was there before it. Then
        the comments are useless, and the fold must have all events in order.
        """
        return self._count(
            (position, _decode(state) if topic == TOPIC else _ruled(topic, state))
            for position, topic, state in votes
        )

    def count_joined_votes(self, positions: Sequence[int], states: bytes) -> bool:
        """Count votes whose states are joined with `BETWEEN`, as `count_late_votes` does."""
        try:
            votes = _read_joined(states)
        except codec.UNREADABLE:
            return False
        return self._count(zip(positions, votes, strict=True))

    def _count(self, votes: Iterable[tuple[int, _Vote | _Ruled | None]]) -> bool:
        by_name = self._by_name
        try:
            for position, vote in votes:
                if vote is None:
                    continue
                row = by_name.get(vote.comment) or self._row(vote.comment)
                if row is None or position < row.position:
                    return False
                if position > row.changed:
                    row.changed = position
                if (now := vote.now) != (was := vote.was):
                    row.up += (now == 1) - (was == 1)
                    row.down += (now == -1) - (was == -1)
        except codec.UNREADABLE:
            return False
        return True

    def _row(self, name: str) -> CommentRow | None:
        row = self._comments.get(_comment_id(name))
        if row is not None:
            self._by_name[name] = row
        return row


class VoteSum(msgspec.Struct, gc=False):
    """Effect of votes on one comment."""

    first: int
    last: int
    """Positions of the first and of the last of the votes."""
    up: int = 0
    down: int = 0


class VoteSums:
    """Votes cast in a page of the log, summed by comment.

    They are counted after all other events of the page, which shows only for unusual votes.
    """

    def __init__(self) -> None:
        self._sums: dict[str, VoteSum] = {}
        self.votes = 0
        self.is_odd = False
        """True if a vote cannot be read. Then the fold reads all votes of the page in order."""

    def add_rows(self, rows: Iterable[Recorded]) -> list[Recorded]:
        """Sum the votes among the next rows of the page; return the rows that are none."""
        others, sums = [], self._sums
        for row in rows:
            if row.topic != TOPIC or not is_ours(row.stream):
                others.append(row)
                continue
            self.votes += 1
            position = row.position
            try:
                vote = _decode(row.state)
            except codec.UNREADABLE:
                self.is_odd = True
                continue
            it = sums.get(vote.comment)
            if it is None:
                it = sums[vote.comment] = VoteSum(position, position)
            it.last = position
            if (now := vote.now) != (was := vote.was):
                it.up += (now == 1) - (was == 1)
                it.down += (now == -1) - (was == -1)
        return others

    def by_comment(self) -> dict[UUID, VoteSum]:
        """Return the sums by comment."""
        found: dict[UUID, VoteSum] = {}
        for name, it in self._sums.items():
            try:
                comment = _comment_id(name)
            except ValueError:
                self.is_odd = True
                continue
            found[comment] = it
        self.is_odd = self.is_odd or len(found) < len(self._sums)  # named in two ways
        return found


def add_sums(sums: Mapping[UUID, VoteSum], comments: Mapping[Key, CommentRow]) -> bool:
    """Add sums of votes to the rows of their comments.

    Return False if a comment is missing, or was posted after a vote on it. Then the rows are
    useless.
    """
    for comment, it in sums.items():
        row = comments.get(comment)
        if row is None or it.first < row.position:
            return False
        row.up += it.up
        row.down += it.down
        row.changed = max(row.changed, it.last)
    return True


@lru_cache(IDS_CACHED_MAX)
def _comment_id(name: str) -> UUID:
    """Read an id as `VoteCast` reads it. Raises ValueError."""
    return msgspec.convert(name, UUID)
