"""A vote: the value that one person gives one comment.

The current vote is the one with the greatest (time, source, id), whatever order they arrive in.
A nullified vote is still updated, with effect 0.
"""

from typing import Literal
from uuid import UUID

import msgspec

from rostra.commands import CastVote, NullifyVote, OnVote, RestoreVote
from rostra.comment import Comment, posted_of
from rostra.events import CommandContext, Event, Personal, because
from rostra.limits import VOTE_CHANGES_MAX
from rostra.refusals import Refusal, id_collision, unknown
from rostra.settings import Rules
from rostra.times import LONG_AGO, Time

# -- events

Value = Literal[-1, 0, 1]


class VoteCast(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Vote with its effect on the comment before (`was`) and after (`now`).

    A projection adds `now - was` and reads nothing else.
    """

    topic = "vote.cast"
    source: str
    id: str
    comment: UUID
    voter: str
    value: Value
    was: Value
    now: Value


class VoteNullified(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A moderator takes the vote's effect away."""

    topic = "vote.nullified"
    comment: UUID
    voter: str
    by: str
    was: Value
    now: Value
    personal: Personal | None = None


class VoteRestored(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A moderator gives the vote its effect back."""

    topic = "vote.restored"
    comment: UUID
    voter: str
    by: str
    was: Value
    now: Value
    personal: Personal | None = None


VoteEvent = VoteCast | VoteNullified | VoteRestored

# -- state


class Vote(msgspec.Struct, frozen=True, gc=False):
    """State of a vote."""

    comment: UUID | None = None
    """None before the first event."""
    voter: str | None = None
    """None before the first event."""
    order: tuple[Time, str, str] = (LONG_AGO, "", "")
    """Time, source and id of the current vote: the vote with the greatest ones is current."""
    value: Value = 0
    nullified: bool = False
    ruled: Time = LONG_AGO
    """Time of the latest nullifying or restoring."""
    casts: int = 0
    """Number of times that the vote was cast, changes and retractions included."""

    @property
    def effect(self) -> Value:
        return 0 if self.nullified else self.value


INITIAL = Vote()


def evolve(vote: Vote, event: VoteEvent) -> Vote:
    """Return the vote after the event."""
    replace = msgspec.structs.replace
    match event:
        case VoteCast():
            order = (event.time, event.source, event.id)
            return Vote(
                event.comment,
                event.voter,
                order,
                event.value,
                vote.nullified,
                vote.ruled,
                vote.casts + 1,
            )
        case VoteNullified():
            return replace(vote, nullified=True, ruled=event.time)
        case VoteRestored():
            return replace(vote, nullified=False, ruled=event.time)


# -- decisions


def cast(
    vote: Vote, command: CastVote, act: CommandContext, comment: Comment, rules: Rules
) -> list[VoteCast]:
    """Cast a vote.

    Returns nothing if the vote is older than the current one, or if a person sets the current
    value. A publisher's newer vote is recorded also with the same value, since its time decides
    about votes that arrive later. Raises too-many-changes.
    """
    _check(vote, command)
    _must_accept_vote(comment, command, rules)
    if act.person is not None and command.value == vote.value:
        return []
    if (act.time, act.source, act.id) <= vote.order:
        return []
    if vote.casts > VOTE_CHANGES_MAX:
        raise Refusal("too-many-changes", f"the vote has changed {VOTE_CHANGES_MAX} times")
    value: Value = command.value  # type: ignore[assignment]  # bounded by its decoder
    return [
        VoteCast(
            time=act.time,
            source=act.source,
            id=act.id,
            comment=command.target,
            voter=command.voter,
            value=value,
            was=vote.effect,
            now=0 if vote.nullified else value,
        )
    ]


def _check(vote: Vote, command: OnVote) -> None:
    if vote.voter is not None and (vote.comment, vote.voter) != (command.target, command.voter):
        raise id_collision(command.voter, vote.voter)


def _must_accept_vote(comment: Comment, command: CastVote, rules: Rules) -> None:
    posted = posted_of(comment, command.comment or command.comment_id)
    if comment.removed:
        raise Refusal("comment-removed", "a removed comment takes no votes")
    if posted.author == command.voter and not rules.self_votes:
        raise Refusal("self-vote", f"{command.voter!r} wrote this comment")
    if rules.voting == "off" and command.value:
        raise Refusal("voting-off", "this discussion takes no votes")
    if rules.voting == "up" and command.value < 0:
        raise Refusal("voting-up-only", "this discussion takes no votes against")


def nullify(vote: Vote, command: NullifyVote, act: CommandContext) -> list[VoteNullified]:
    """Nullify a vote. The latest time wins. A nullified vote does not change."""
    _must_be_cast(vote, command)
    if vote.nullified or act.time < vote.ruled:
        return []
    return [
        VoteNullified(
            time=act.time,
            comment=command.target,
            voter=command.voter,
            by=command.by,
            was=vote.effect,
            now=0,
            personal=because(command.reason),
        )
    ]


def restore(vote: Vote, command: RestoreVote, act: CommandContext) -> list[VoteRestored]:
    """Restore a vote. The latest time wins. A vote that is not nullified does not change."""
    _must_be_cast(vote, command)
    if not vote.nullified or act.time < vote.ruled:
        return []
    return [
        VoteRestored(
            time=act.time,
            comment=command.target,
            voter=command.voter,
            by=command.by,
            was=0,
            now=vote.value,
            personal=because(command.reason),
        )
    ]


def _must_be_cast(vote: Vote, command: OnVote) -> None:
    _check(vote, command)
    if vote.voter is None:
        raise unknown("vote", f"of {command.voter!r} on this comment")
