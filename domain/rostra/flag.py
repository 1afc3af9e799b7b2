"""A flag: one person's word to the moderators about one comment."""

from uuid import UUID

import msgspec

from rostra.commands import FlagComment
from rostra.comment import Comment, posted_of
from rostra.events import CommandContext, Event, Personal, because
from rostra.refusals import id_collision

# -- events


class CommentFlagged(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Flag of a comment by the person `by`.

    `personal` holds the reason, sealed with that person's key.
    """

    topic = "comment.flagged"
    comment: UUID
    by: str
    personal: Personal | None = None


FlagEvent = CommentFlagged

# -- state


class Flag(msgspec.Struct, frozen=True):
    """State of a flag. Both fields are None before the first event."""

    comment: UUID | None = None
    by: str | None = None


INITIAL = Flag()


def evolve(flag: Flag, event: FlagEvent) -> Flag:
    """Return the flag after the event."""
    return Flag(event.comment, event.by)


# -- decisions


def flag_comment(
    flag: Flag, command: FlagComment, act: CommandContext, comment: Comment
) -> list[CommentFlagged]:
    """Flag a comment. A second flag of the same person changes nothing."""
    posted_of(comment, command.comment or command.comment_id)
    if flag.by is None:
        personal = because(command.reason)
        return [
            CommentFlagged(time=act.time, comment=command.target, by=command.by, personal=personal)
        ]
    if (flag.comment, flag.by) != (command.target, command.by):
        raise id_collision(command.by, flag.by)
    return []
