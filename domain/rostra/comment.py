"""A comment or a reply: its place in the tree, its wording, and whether it is shown.

Three registers, each ruled by the latest time: its standing with the
moderators, whether it was removed, and whether it is pinned.
"""

from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from rostra.commands import EditComment, ModerateComment, PostComment
from rostra.discussion import Discussion, must_be_open
from rostra.events import PERSONS, Act, Event, Personal, Words, because
from rostra.passage import Passage, must_take_comments
from rostra.person import Person
from rostra.refusals import Refusal, id_collision, unknown
from rostra.settings import Rules
from rostra.times import LONG_AGO, Time

# -- events

Moderated = Literal["published", "held", "rejected"]
Status = Literal["published", "held", "rejected", "removed", "deleted"]


class CommentPosted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`path` holds the ids of its ancestors, the top one first, `parent` last. `asked`
    is the parent that was asked for, where depth was clamped. `personal` holds the
    author's name, e-mail and the body, sealed with the author's key; None where they were
    erased before they came here."""

    topic = "comment.posted"
    author: str
    status: Moderated
    key: str | None = None
    parent: UUID | None = None
    asked: UUID | None = None
    depth: int = 0
    path: tuple[UUID, ...] = ()
    passage: UUID | None = None
    personal: Personal | None = None


class CommentEdited(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`personal` holds the new body, sealed with the author's key whoever edits it."""

    topic = "comment.edited"
    author: str
    by: str | None = None
    personal: Personal | None = None


class _StatusChanged(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`was` and `now` are what the comment's status was before and is after."""

    was: Status
    now: Status
    author: str
    by: str | None = None
    path: tuple[UUID, ...] = ()
    passage: UUID | None = None
    personal: Personal | None = None


class CommentRemoved(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """By others (`removed`) or by its author (`deleted`)."""

    topic = "comment.removed"


class CommentRestored(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Removed no more: as the moderators left it."""

    topic = "comment.restored"


class CommentApproved(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Held or rejected no more."""

    topic = "comment.approved"


class CommentRejected(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Refused by the moderators."""

    topic = "comment.rejected"


class CommentPinned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """It leads its discussion."""

    topic = "comment.pinned"
    by: str | None = None
    personal: Personal | None = None


class CommentUnpinned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """It leads no more."""

    topic = "comment.unpinned"
    by: str | None = None
    personal: Personal | None = None


StatusEvent = CommentRemoved | CommentRestored | CommentApproved | CommentRejected
_E = TypeVar("_E", CommentRemoved, CommentRestored, CommentApproved, CommentRejected)
CommentEvent = CommentPosted | CommentEdited | StatusEvent | CommentPinned | CommentUnpinned

# -- state


class Comment(msgspec.Struct, frozen=True):
    """`posted` is None before the first event. `words` are the latest; the times
    are those of the acts that stand."""

    posted: CommentPosted | None = None
    words: Personal | None = None
    words_version: int = 0
    edited: Time = LONG_AGO
    moderated: Moderated = "published"
    moderated_at: Time = LONG_AGO
    removed: Literal["removed", "deleted"] | None = None
    removed_at: Time = LONG_AGO
    pinned: bool = False
    pinned_at: Time = LONG_AGO
    version: int = 0

    @property
    def status(self) -> Status:
        return self.removed or self.moderated


INITIAL = Comment()


def evolve(comment: Comment, event: CommentEvent) -> Comment:
    """The comment after the event."""
    version = comment.version + 1
    change: dict[str, object]
    match event:
        case CommentPosted():
            change = {"posted": event, "words": event.personal, "words_version": version,
                      "moderated": event.status}  # fmt: skip
        case CommentEdited():
            change = {"words": event.personal, "words_version": version, "edited": event.time}
        case CommentRemoved():
            removed = "deleted" if event.now == "deleted" else "removed"
            change = {"removed": removed, "removed_at": event.time}
        case CommentRestored():
            change = {"removed": None, "removed_at": event.time}
        case CommentApproved():
            change = {"moderated": "published", "moderated_at": event.time}
        case CommentRejected():
            change = {"moderated": "rejected", "moderated_at": event.time}
        case CommentPinned():
            change = {"pinned": True, "pinned_at": event.time}
        case CommentUnpinned():
            change = {"pinned": False, "pinned_at": event.time}
    return msgspec.structs.replace(comment, version=version, **change)


# -- decisions: posting


class Surroundings(msgspec.Struct, frozen=True):
    """What a comment is posted into. `parent_id` and `parent` are None at the top,
    `passage_id` and `passage` None off the passages."""

    discussion: Discussion
    rules: Rules
    author: Person
    parent_id: UUID | None = None
    parent: Comment | None = None
    passage_id: UUID | None = None
    passage: Passage | None = None


def post(command: PostComment, act: Act, around: Surroundings) -> list[CommentPosted]:
    """A new comment, held or published as its publisher or else the policy says."""
    must_be_open(around.discussion)
    parent, path, passage = _place(command, around)
    if around.passage is not None:
        must_take_comments(around.passage)
    asked = around.parent_id if parent != around.parent_id else None
    return [
        CommentPosted(
            time=act.time,
            author=command.author.id,
            status=command.status or _policy(around),
            key=command.comment,
            parent=parent,
            asked=asked,
            depth=len(path),
            path=path,
            passage=passage,
            personal=words_of(command),
        )
    ]


def words_of(command: PostComment) -> Words | None:
    """What of the command is the author's own."""
    if command.erased:
        return None
    return Words(name=command.author.name, email=command.author.email, body=command.body)


def _policy(around: Surroundings) -> Moderated:
    match around.rules.moderation:
        case "none":
            return "published"
        case "first":
            return "published" if around.author.trusted else "held"
        case "all":
            return "held"


def _place(
    command: PostComment, around: Surroundings
) -> tuple[UUID | None, tuple[UUID, ...], UUID | None]:
    """Parent, path and passage: a reply below the deepest level becomes its sibling,
    and belongs to the passage of its thread."""
    if around.parent is None or around.parent_id is None:
        return None, (), around.passage_id
    posted = around.parent.posted
    if posted is None:
        raise unknown("parent", command.parent or command.parent_id)
    if around.passage_id not in (None, posted.passage):
        raise Refusal("other-passage", "a reply belongs to the passage of what it answers")
    path = (*posted.path, around.parent_id)[: around.rules.depth]
    return (path[-1] if path else None), path, posted.passage


def refuse_repeat(command: PostComment, standing: CommentPosted, words: Words | None) -> Refusal:
    """Why a key that another event took cannot be taken. `words` are the first
    wording, None where they are erased."""
    if standing.key != command.comment:
        return id_collision(str(command.comment), str(standing.key))
    named = f"the comment {command.comment!r}"
    if standing.author != command.author.id or not has_same_parent(command, standing):
        return Refusal("different-content", f"{named} has another author or parent")
    if words is None or words.body != command.body:
        return Refusal("different-content", f"{named} has another body")
    return Refusal("comment-exists", f"{named} was posted by another event")


def has_same_parent(command: PostComment, standing: CommentPosted) -> bool:
    """Compare the parent with the one that was asked for, or that the depth led to."""
    asked = command.answered
    return asked in (standing.asked, standing.parent) if asked else not standing.parent


def has_same_passage(command: PostComment, standing: CommentPosted) -> bool:
    """Compare the passage; a reply need not name that of its thread."""
    if command.marked is None:
        is_reply = standing.parent is not None or standing.asked is not None
        return standing.passage is None or is_reply
    return command.marked == standing.passage


# -- decisions: wording


def edit(
    comment: Comment, command: EditComment, act: Act, words: Words | None
) -> list[CommentEdited]:
    """The latest time wins; the same wording again changes nothing. `words` are
    those that stand, None where they are erased."""
    posted = posted_of(comment, command.comment or command.comment_id)
    if act.time < comment.edited or (words is not None and words.body == command.body):
        return []
    return [
        CommentEdited(
            time=act.time,
            author=posted.author,
            by=command.by,
            personal=None if command.erased else Words(body=command.body),
        )
    ]


def posted_of(comment: Comment, named: object) -> CommentPosted:
    """How it was posted. Raises unknown-comment."""
    if comment.posted is None:
        raise unknown("comment", named)
    return comment.posted


# -- decisions: moderation


def _change(
    kind: type[_E], comment: Comment, command: ModerateComment, act: Act, now: Status
) -> list[_E]:
    posted = posted_of(comment, command.comment or command.comment_id)
    return [
        kind(
            time=act.time,
            was=comment.status,
            now=now,
            author=posted.author,
            by=command.by,
            path=posted.path,
            passage=posted.passage,
            personal=because(command.reason),
        )
    ]


def remove(comment: Comment, command: ModerateComment, act: Act) -> list[CommentRemoved]:
    """By its author it is deleted, by anyone else removed. The latest time wins."""
    posted = posted_of(comment, command.comment or command.comment_id)
    if comment.removed is not None or act.time < comment.removed_at:
        return []
    now: Status = "deleted" if command.by == posted.author else "removed"
    return _change(CommentRemoved, comment, command, act, now)


def restore(comment: Comment, command: ModerateComment, act: Act) -> list[CommentRestored]:
    """Back to what the moderators left it at. The latest time wins."""
    posted_of(comment, command.comment or command.comment_id)
    if comment.removed is None or act.time < comment.removed_at:
        return []
    return _change(CommentRestored, comment, command, act, comment.moderated)


def approve(comment: Comment, command: ModerateComment, act: Act) -> list[CommentApproved]:
    """Published, unless it is removed: then once it is restored. The latest time wins. A
    moderator of ours approves what is published, too: that answers its flags."""
    posted_of(comment, command.comment or command.comment_id)
    again = comment.moderated == "published" and act.source != PERSONS
    if again or act.time < comment.moderated_at:
        return []
    return _change(CommentApproved, comment, command, act, comment.removed or "published")


def reject(comment: Comment, command: ModerateComment, act: Act) -> list[CommentRejected]:
    """Rejected, also after it was published. The latest time wins."""
    posted_of(comment, command.comment or command.comment_id)
    if comment.moderated == "rejected" or act.time < comment.moderated_at:
        return []
    return _change(CommentRejected, comment, command, act, comment.removed or "rejected")


def pin(comment: Comment, command: ModerateComment, act: Act) -> list[CommentPinned]:
    """A top-level comment leads its discussion. The latest time wins."""
    posted = posted_of(comment, command.comment or command.comment_id)
    if posted.parent is not None:
        raise Refusal("not-at-the-top", "only a top-level comment can be pinned")
    if comment.pinned or act.time < comment.pinned_at:
        return []
    return [CommentPinned(time=act.time, by=command.by, personal=because(command.reason))]


def unpin(comment: Comment, command: ModerateComment, act: Act) -> list[CommentUnpinned]:
    """It leads no more. The latest time wins."""
    posted_of(comment, command.comment or command.comment_id)
    if not comment.pinned or act.time < comment.pinned_at:
        return []
    return [CommentUnpinned(time=act.time, by=command.by, personal=because(command.reason))]
