"""Acts that carry out a ban, or take back what it did.

Each has the ban as its `cause`. Their event ids are made of the ban's own, so that a job which
begins again repeats its events instead of making new ones.
"""

from uuid import UUID

from rostra import ids
from rostra.commands import AnyCommand, NullifyVote, RemoveComment, RestoreComment, RestoreVote
from rostra.comment import CommentRemoved
from rostra.deciding.stream_states import DecisionContext
from rostra.events import BANS, CommandContext
from rostra.ids import EventId, StreamId
from rostra.person import PersonUnbanned
from rostra.vote import VoteNullified


def act_name(cause: UUID, about: UUID) -> str:
    """Return the id, for its source, of an event that a ban or its end makes."""
    return f"{cause}/{about}"


def is_superseded(
    command: AnyCommand, act: CommandContext, context: DecisionContext, at: StreamId
) -> bool:
    """Return whether a later act has replaced the ban, or what the ban did."""
    if act.cause is None:
        return False
    match command:
        case RemoveComment():
            posted = context.comment(at).posted
            return posted is not None and _is_taken_back(
                command.person(posted.author), act, context
            )
        case NullifyVote() if not isinstance(command, RestoreVote):
            return _is_taken_back(command.person(command.voter), act, context)
        case RestoreComment():
            return not _is_made_by(CommentRemoved.topic, act, context, at)
        case RestoreVote():
            return not _is_made_by(VoteNullified.topic, act, context, at)
    return False


def _is_taken_back(who: StreamId, act: CommandContext, context: DecisionContext) -> bool:
    """Return whether a later end of the ban restores what the ban did."""
    is_after = False
    for seen in context.state_of(who).seen:
        if act.cause is not None and seen.event_id == act.cause.int:
            is_after = True
        elif is_after and seen.topic == PersonUnbanned.topic and seen.content is True:
            return True
    return False


def _is_made_by(topic: str, act: CommandContext, context: DecisionContext, at: StreamId) -> bool:
    """Return whether the latest event of a type was made by the ban."""
    assert act.cause is not None
    made: EventId = ids.event_id(BANS, act_name(act.cause, at))
    found = [seen.event_id for seen in context.state_of(at).seen if seen.topic == topic]
    return bool(found) and found[-1] == made.int
