"""Repeats: the comparison of an event with an earlier one of the same source and id.

`rostra.deciding.stream_states.EventRef` holds the `content` of each event in a stream: the least
that the comparison needs.
"""

from rostra import codec, comment
from rostra.commands import (
    COMMANDS,
    BanPerson,
    CastVote,
    Command,
    DecideOnWording,
    EditComment,
    MarkPassage,
    MoveDiscussion,
    OpenDiscussion,
    PostComment,
    ReviseArticle,
    StartSubscription,
    UnbanPerson,
)
from rostra.deciding import marking
from rostra.deciding.stream_states import DecisionContext, EventRef
from rostra.events import Words
from rostra.ids import EventId, StreamId
from rostra.refusals import Refusal

PUBLISHED_TOPICS: dict[str, str] = {topic: topic for topic in COMMANDS} | codec.PUBLISHED_AS
"""The type under which an event was published, by its tag. Conclusions of Rostra have none."""


def find(
    at: StreamId, event_id: EventId, command: Command, context: DecisionContext
) -> EventRef | None:
    """Return the event of the stream that the command repeats, None for a new event.

    Raises different-content if an event of the same source and id has other content.
    """
    refusal = None
    for version, seen in enumerate(context.state_of(at).seen, 1):
        if seen.event_id == event_id.int and seen.topic in PUBLISHED_TOPICS:
            refusal = _other_content(command, at, version, seen, context)
            if refusal is None:
                return seen
    if refusal is not None:
        raise refusal
    return None


def _other_content(
    command: Command, at: StreamId, version: int, seen: EventRef, context: DecisionContext
) -> Refusal | None:
    """Compare a command with the event at `version` of its stream.

    Time, names, e-mail addresses, reasons and status are not compared. Erased words equal any
    words.
    """
    published = PUBLISHED_TOPICS[seen.topic]
    if published != command.topic:
        return _different(f"a {published}")
    match command:
        case CastVote() if seen.content != command.value:
            return _different(f"the vote {seen.content}")
        case PostComment():
            return _other_comment(command, at, context)
        case EditComment() if not _has_same_body(command, at, version, seen.content, context):
            return _different("another body")
        case DecideOnWording() if seen.content and command.wording not in (None, seen.content):
            return _different("a decision on another wording")
        case MarkPassage():
            return marking.other_mark(command, context, at)
        case MoveDiscussion() if seen.content != command.to:
            return _different(f"the move to {seen.content!r}")
        case OpenDiscussion() if seen.content is False:
            return _different("a discussion.moved")
        case BanPerson() if seen.content != (command.until, command.comments, command.votes):
            return _different("a ban on other terms")
        case UnbanPerson() if seen.content != command.restore:
            return _different("an unban with another `restore`")
        case StartSubscription() if seen.content != command.to:
            return _different(f"the subscription to {seen.content}")
        case ReviseArticle() if seen.content != command.revision:
            return _different(f"the revision {seen.content!r}")
    return None


def _other_comment(command: PostComment, at: StreamId, context: DecisionContext) -> Refusal | None:
    posted = context.comment(at).posted
    assert posted is not None
    if command.author.id != posted.author:
        return _different("the comment with another author")
    if not comment.has_same_parent(command, posted):
        return _different("the comment with another parent")
    if not comment.has_same_passage(command, posted):
        return _different("the comment on another passage")
    if not _has_same_body(command, at, 1, posted.personal, context):
        return _different("the comment with another body")
    return None


def _has_same_body(
    command: PostComment | EditComment,
    at: StreamId,
    version: int,
    personal: object,
    context: DecisionContext,
) -> bool:
    """Compare the body with the one in the event at `version`, whose words are `personal`."""
    posted = context.comment(at).posted
    if command.erased or posted is None or not isinstance(personal, Words | bytes):
        return True
    owner = command.person(posted.author)
    words = context.words(at, personal, version=version, owner=owner)
    return words is None or words.body == command.body


def _different(before: str) -> Refusal:
    detail = f"an event with this source and id published {before}; use a new id for a new event"
    return Refusal("different-content", detail)
