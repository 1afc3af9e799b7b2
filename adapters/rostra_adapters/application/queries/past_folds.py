"""Steps of folding one discussion, and questions about it, as sent to worker processes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from rostra.log import Recorded, VoteRow
from rostra_projections.as_of_views import PastViews
from rostra_projections.cursors import Cursor
from rostra_projections.listing import Listing
from rostra_projections.responses.shapes import Viewer


class AddEvents(msgspec.Struct, tag=True):
    """Fold the next events."""

    rows: list[Recorded]


class AddVotes(msgspec.Struct, tag=True):
    """Count votes after everything else; False if their order matters."""

    votes: list[VoteRow]


class BeginMoves(msgspec.Struct, tag=True):
    """Keep what moves from a position on."""

    position: int


class EndMoves(msgspec.Struct, tag=True):
    """All events up to a position are in, and lists that were begun before are read on."""

    position: int
    history: int


class FinishViews(msgspec.Struct, tag=True):
    """All events up to a position are in."""

    position: int


Step = AddEvents | AddVotes | BeginMoves | EndMoves | FinishViews


def apply(views: PastViews, step: Step) -> bool:
    """Take a step of a fold; False where the fold is of no use."""
    match step:
        case AddEvents():
            views.add_events(step.rows)
        case AddVotes():
            return views.add_votes(step.votes)
        case BeginMoves():
            views.begin_moves(step.position)
        case EndMoves():
            views.end_moves(step.position, history=step.history)
        case FinishViews():
            views.finish(step.position)
    return True


class AskPage(msgspec.Struct, tag=True):
    listing: Listing
    viewer: Viewer
    begin: Cursor | None
    limit: int
    replies: int


class AskHiddenReplies(msgspec.Struct, tag=True):
    person: str
    comments: Sequence[UUID]


class AskComment(msgspec.Struct, tag=True):
    comment: UUID


class AskPending(msgspec.Struct, tag=True):
    comments: Sequence[UUID]


class AskDiscussion(msgspec.Struct, tag=True):
    discussion: UUID


class AskPassages(msgspec.Struct, tag=True):
    discussion: UUID


Question = AskPage | AskHiddenReplies | AskComment | AskPending | AskDiscussion | AskPassages


async def answer(views: PastViews, question: Question) -> Any:
    """Answer a question about folded views. Raises CursorRefused."""
    match question:
        case AskPage():
            return await views.page(
                question.listing,
                question.viewer,
                begin=question.begin,
                limit=question.limit,
                replies=question.replies,
            )
        case AskHiddenReplies():
            return await views.hidden_replies(question.person, question.comments)
        case AskComment():
            return await views.comment(question.comment)
        case AskPending():
            return await views.pending(question.comments)
        case AskDiscussion():
            return await views.discussion(question.discussion)
        case AskPassages():
            return await views.passages(question.discussion)
