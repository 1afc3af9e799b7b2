"""A person's votes on the comments of a page."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from msgspec import UNSET

from rostra import ids
from rostra.deciding.stream_states import fold
from rostra.ids import CommentId, StreamId
from rostra.log import EventLog, Recorded
from rostra.vote import Value, Vote, VoteEvent
from rostra_adapters.application.stream_state_reader import events_of
from rostra_projections.responses.shapes import CommentShape


async def add_my_votes(
    log: EventLog, comments: Sequence[CommentShape], person: str, past: int | None = None
) -> None:
    """Set `my_vote` on comments and all replies below them: the vote as cast, 0 for none.

    With `past`, votes are those at this position. They are read from the votes' own streams, whose
    ids are computed. So no view needs to store who voted.
    """
    every = list(_all(comments))
    votes = {comment.id: ids.vote_id(CommentId(StreamId(comment.id)), person) for comment in every}
    rows = await log.read_streams(list(votes.values()))
    for comment in every:
        cast = rows.get(votes[comment.id], [])
        comment.my_vote = vote_value([row for row in cast if past is None or row.position <= past])


def _all(comments: Iterable[CommentShape]) -> Iterator[CommentShape]:
    for comment in comments:
        yield comment
        if comment.children is not UNSET:
            yield from _all(comment.children)


def vote_value(rows: Sequence[Recorded]) -> Value:
    """Return the value of a vote as cast, 0 for none."""
    events = [event for event in events_of(rows) if isinstance(event, VoteEvent)]
    vote = cast(Vote, fold(ids.Kind.VOTE, events))
    return vote.value
