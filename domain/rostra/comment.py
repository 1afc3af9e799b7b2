"""A comment or a reply: its place in the tree, its wording, and whether it is shown.

Three independent facts, each decided by the event with the latest time: the moderators' decision,
the removal, and the pin.
"""

from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from rostra.commands import (
    ApproveComment,
    DecideOnWording,
    EditComment,
    HoldComment,
    ModerateComment,
    PostComment,
    RejectComment,
)
from rostra.content_rules import Verdict
from rostra.discussion import Discussion, must_be_open
from rostra.events import (
    FLAGS,
    PERSONS,
    CommandContext,
    Event,
    Personal,
    WordingRef,
    Words,
    because,
)
from rostra.limits import COMMENT_EDITS_MAX
from rostra.passage import Passage, must_accept_comments
from rostra.person import Person
from rostra.refusals import Refusal, id_collision, unknown
from rostra.settings import Rules
from rostra.times import LONG_AGO, Time

# -- events

Moderated = Literal["published", "held", "rejected"]
Status = Literal["published", "held", "rejected", "removed", "deleted"]
HIDDEN_STATUSES: tuple[Status, ...] = ("held", "rejected")
"""Statuses of comments that only their author and moderators see."""


class CommentPosted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """New comment."""

    topic = "comment.posted"
    author: str
    status: Moderated
    key: str | None = None
    parent: UUID | None = None
    asked: UUID | None = None
    """Parent that the publisher named, if the depth limit led to another one."""
    depth: int = 0
    path: tuple[UUID, ...] = ()
    """Ids of its ancestors, the top-level comment first, `parent` last."""
    passage: UUID | None = None
    personal: Personal | None = None
    """The author's name, e-mail and body, sealed with the author's key. None if these words were
    erased before the event was published here."""
    mentions: tuple[str, ...] = ()
    """Ids of persons whom the body mentions."""
    rule: str | None = None
    """Name of the rule that held the comment. None if the site's `moderation` held it, or an older
    publisher."""

    @property
    def answered(self) -> UUID | None:
        """Comment that it answers, which is not `parent` at the depth limit."""
        return self.asked or self.parent


class CommentEdited(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """New wording of a comment.

    `personal` holds the new body, sealed with the author's key also if a moderator edits it.
    """

    topic = "comment.edited"
    author: str
    by: str | None = None
    personal: Personal | None = None
    status: Literal["published", "held"] = "published"
    """Held: the comment itself waits or was rejected, so nobody is shown these words yet."""
    ends_pending: bool = False
    """True if this wording replaces a pending one."""
    rule: str | None = None
    """Name of the rule that fits the new words of a held comment, and holds it from now on."""


class CommentWordingHeld(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A new wording of a published comment, which waits for the moderators.

    The approved wording stays shown. Publishers know this as a `comment.edited` that is held.
    """

    topic = "comment.wording_held"
    author: str
    source: str
    """The publisher's source of this event. An approval names the wording by `source` and `id`."""
    id: str
    status: Status = "published"
    """Status of the comment, which may be removed."""
    by: str | None = None
    personal: Personal | None = None
    rule: str | None = None
    """Name of the rule that held the wording, as in CommentPosted."""


class CommentWordingRejected(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Rejection of a pending wording; the approved wording stays shown.

    Publishers know this as a `comment.rejected` that names a wording.
    """

    topic = "comment.wording_rejected"
    author: str
    wording: WordingRef
    by: str | None = None
    personal: Personal | None = None


class _StatusChanged(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Change of a comment's status from `was` to `now`."""

    was: Status
    now: Status
    author: str
    by: str | None = None
    path: tuple[UUID, ...] = ()
    passage: UUID | None = None
    personal: Personal | None = None


class CommentRemoved(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Removal of a comment by others (`removed`) or by its author (`deleted`)."""

    topic = "comment.removed"


class CommentRestored(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Return of a removed comment to the status that the moderators gave it."""

    topic = "comment.restored"


class CommentApproved(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Approval of a comment, and of its pending wording if there is one."""

    topic = "comment.approved"
    wording: WordingRef | None = None


class CommentRejected(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Rejection of a comment, with its pending wording if there is one."""

    topic = "comment.rejected"
    wording: WordingRef | None = None


class CommentHeld(_StatusChanged, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Return of a comment to the moderators' queue, with its pending wording if there is one."""

    topic = "comment.held"
    rule: str | None = None

    @property
    def settles_flags(self) -> bool:
        """Return whether this event settles open flags. A hold that flags caused does not."""
        return self.by != FLAGS


class CommentPinned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Pin of a comment to the top of its discussion."""

    topic = "comment.pinned"
    by: str | None = None
    personal: Personal | None = None


class CommentUnpinned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Removal of a comment's pin."""

    topic = "comment.unpinned"
    by: str | None = None
    personal: Personal | None = None


REVIEW = "review"
"""Name of the rule by which words wait for the service of the site's setting `review`."""
StatusEvent = CommentRemoved | CommentRestored | CommentApproved | CommentRejected | CommentHeld
WordingEvent = CommentEdited | CommentWordingHeld
RejectionEvent = CommentRejected | CommentWordingRejected
_E = TypeVar("_E", CommentRemoved, CommentRestored, CommentApproved, CommentRejected, CommentHeld)
CommentEvent = (
    CommentPosted
    | CommentEdited
    | CommentWordingHeld
    | CommentWordingRejected
    | StatusEvent
    | CommentPinned
    | CommentUnpinned
)

# -- state


class PendingWording(msgspec.Struct, frozen=True):
    """A wording of a published comment that waits for the moderators."""

    named: WordingRef
    words: Personal | None
    version: int
    """Version of the event that holds the words."""
    time: Time
    rule: str | None = None


class Comment(msgspec.Struct, frozen=True):
    """State of a comment. `posted` is None before the first event.

    Each time is that of the act that is in force.
    """

    posted: CommentPosted | None = None
    words: Personal | None = None
    """The wording that is shown once the comment is published and not removed."""
    words_version: int = 0
    pending: PendingWording | None = None
    """A pending wording, only of a comment that the moderators have published."""
    judged_version: int = 0
    """Version of the event with the first words that moderators had to decide on; 0: none yet."""
    wording_rejected_at: Time = LONG_AGO
    edited: Time = LONG_AGO
    edits: int = 0
    """Edits by the author, as far as publishers say; pending wordings count, too."""
    moderated: Moderated = "published"
    moderated_at: Time = LONG_AGO
    has_waited: bool = False
    """True if the comment was held when it was posted, or if any wording of it was held."""
    was_approved: bool = False
    """True if moderators have approved the comment or a later wording of it."""
    rule: str | None = None
    """Name of the rule that holds the comment; None if it is not held, or by no named rule."""
    removed: Literal["removed", "deleted"] | None = None
    removed_at: Time = LONG_AGO
    pinned: bool = False
    pinned_at: Time = LONG_AGO
    version: int = 0

    @property
    def status(self) -> Status:
        return self.removed or self.moderated

    @property
    def latest_edit(self) -> Time:
        return self.edited if self.pending is None else self.pending.time

    @property
    def latest_version(self) -> int:
        return self.words_version if self.pending is None else self.pending.version

    @property
    def awaits_first_approval(self) -> bool:
        """Return whether its author's words had to wait, and no moderator has approved any."""
        return self.has_waited and not self.was_approved

    @property
    def has_one_wording_to_judge(self) -> bool:
        """Return whether moderators never had to decide on an earlier wording than the latest."""
        return self.judged_version in (0, self.latest_version)


INITIAL = Comment()


def evolve(comment: Comment, event: CommentEvent) -> Comment:
    """Return the comment after the event."""
    version = comment.version + 1
    change: dict[str, object]
    match event:
        case CommentPosted():
            change = {"posted": event, "words": event.personal, "words_version": version,
                      "moderated": event.status, "has_waited": event.status == "held",
                      "rule": event.rule,
                      "judged_version": version if event.status == "held" else 0}  # fmt: skip
        case CommentEdited():
            change = {"words": event.personal, "words_version": version, "edited": event.time,
                      "edits": comment.edits + _is_own(event)}  # fmt: skip
            if event.ends_pending:
                change["pending"] = None
            if event.rule is not None:
                change["rule"] = event.rule
        case CommentWordingHeld():
            named = WordingRef(event.source, event.id)
            pending = PendingWording(named, event.personal, version, event.time, event.rule)
            change = {"pending": pending, "has_waited": True,
                      "edits": comment.edits + _is_own(event),
                      "judged_version": comment.judged_version or version}  # fmt: skip
        case CommentWordingRejected():
            change = {"pending": None, "wording_rejected_at": event.time} | _judged(comment)
        case CommentRemoved():
            removed = "deleted" if event.now == "deleted" else "removed"
            change = {"removed": removed, "removed_at": event.time}
        case CommentRestored():
            change = {"removed": None, "removed_at": event.time}
        case CommentApproved():
            change = {"moderated": "published"} | _latest_words(comment) | _judged(comment)
            change |= {"moderated_at": max(event.time, comment.moderated_at),
                       "was_approved": True, "rule": None}  # fmt: skip
        case CommentRejected() | CommentHeld():
            change = {"moderated_at": event.time} | _latest_words(comment) | _judged(comment)
            if isinstance(event, CommentHeld):
                change |= {"moderated": "held", "rule": event.rule}
            else:
                change |= {"moderated": "rejected", "rule": None}
        case CommentPinned():
            change = {"pinned": True, "pinned_at": event.time}
        case CommentUnpinned():
            change = {"pinned": False, "pinned_at": event.time}
    return msgspec.structs.replace(comment, version=version, **change)


def _is_own(event: WordingEvent) -> bool:
    """Return whether the author wrote the wording, or the event does not say who did."""
    return event.by in (None, event.author)


def _judged(comment: Comment) -> dict[str, object]:
    """Return the change that notes the words that moderators decide on."""
    return {"judged_version": comment.judged_version or comment.latest_version}


def _latest_words(comment: Comment) -> dict[str, object]:
    """Return the changes that make a wording that waits the comment's own."""
    pending = comment.pending
    if pending is None:
        return {}
    return {"words": pending.words, "words_version": pending.version, "edited": pending.time,
            "pending": None}  # fmt: skip


# -- decisions: posting


class Surroundings(msgspec.Struct, frozen=True):
    """Things that a comment is posted into.

    `parent_id` and `parent` are None at the top level, `passage_id` and `passage` None if the
    comment is on no passage.
    """

    discussion: Discussion
    rules: Rules
    author: Person
    parent_id: UUID | None = None
    parent: Comment | None = None
    passage_id: UUID | None = None
    passage: Passage | None = None


def post(
    command: PostComment,
    act: CommandContext,
    around: Surroundings,
    verdict: Verdict | None = None,
) -> list[CommentPosted]:
    """Post a comment.

    The publisher's `status` says whether it is held, else a rule that fits, else the policy. Raises
    rejected-by-rule.
    """
    must_be_open(around.discussion)
    parent, path, passage = _place(command, around)
    if around.passage is not None:
        must_accept_comments(around.passage)
    asked = around.parent_id if parent != around.parent_id else None
    status, rule = command.status, command.rule
    if status is None:
        status = _judged_status(verdict) or policy(around.rules, around.author)
        rule = None if verdict is None else verdict.name
        if status == "held" and verdict is None:
            rule = holding_rule(around.rules, around.author)
    return [
        CommentPosted(
            time=act.time,
            author=command.author.id,
            status=status,
            rule=rule,
            key=command.comment,
            parent=parent,
            asked=asked,
            depth=len(path),
            path=path,
            passage=passage,
            personal=words_of(command),
            mentions=command.mentions,
        )
    ]


def _judged_status(verdict: Verdict | None) -> Literal["held"] | None:
    """Return the status that a rule gives new words. Raises rejected-by-rule."""
    if verdict is None:
        return None
    if verdict.rule.then == "reject":
        said = verdict.rule.say or "a rule of the site does not allow this comment"
        raise Refusal("rejected-by-rule", said)
    return "held"


def words_of(command: PostComment) -> Words | None:
    """Return the author's own words in the command; None if they are erased."""
    if command.erased:
        return None
    return Words(name=command.author.name, email=command.author.email, body=command.body)


def policy(rules: Rules, author: Person) -> Literal["published", "held"]:
    """Return the status that the rules give an author's new words."""
    return "held" if rules.review.url else moderation(rules, author)


def moderation(rules: Rules, author: Person) -> Literal["published", "held"]:
    """Return the status that the setting `moderation` gives an author's new words."""
    match rules.moderation:
        case "none":
            return "published"
        case "first":
            return "published" if author.trusted else "held"
        case "all":
            return "held"


def holding_rule(rules: Rules, author: Person) -> str | None:
    """Return the name of the rule that holds an author's new words.

    A service reviews only words that would be published without it: no rule is passed by.
    """
    return None if moderation(rules, author) == "held" else REVIEW


def _place(
    command: PostComment, around: Surroundings
) -> tuple[UUID | None, tuple[UUID, ...], UUID | None]:
    """Return parent, path and passage of a new comment.

    A reply below the deepest level becomes a sibling of the comment that it answers. It belongs to
    the passage of its thread.
    """
    if around.parent is None or around.parent_id is None:
        return None, (), around.passage_id
    posted = around.parent.posted
    if posted is None:
        raise unknown("parent", repr(str(command.parent or command.parent_id)))
    if around.passage_id not in (None, posted.passage):
        raise Refusal("other-passage", "a reply belongs to the passage of its parent")
    path = (*posted.path, around.parent_id)[: around.rules.depth]
    return (path[-1] if path else None), path, posted.passage


def refuse_repeat(command: PostComment, current: CommentPosted, words: Words | None) -> Refusal:
    """Return the refusal of a key that another event has used.

    `words` are those of the first wording, None if they are erased.
    """
    if current.key != command.comment:
        return id_collision(str(command.comment), str(current.key))
    named = f"the comment {command.comment!r}"
    if current.author != command.author.id or not has_same_parent(command, current):
        return Refusal("different-content", f"{named} has another author or parent")
    if words is None or words.body != command.body:
        return Refusal("different-content", f"{named} has another body")
    return Refusal("comment-exists", f"{named} was posted by another event")


def has_same_parent(command: PostComment, current: CommentPosted) -> bool:
    """Compare the parent with the one that was asked for, or that the depth led to."""
    asked = command.parent_comment
    return asked in (current.asked, current.parent) if asked else not current.parent


def has_same_passage(command: PostComment, current: CommentPosted) -> bool:
    """Compare the passage; a reply need not name that of its thread."""
    if command.commented_passage is None:
        is_reply = current.parent is not None or current.asked is not None
        return current.passage is None or is_reply
    return command.commented_passage == current.passage


# -- decisions: wording


def is_judged(comment: Comment, command: EditComment) -> bool:
    """Return whether the site's rules are for the new wording: its author's own words."""
    posted = posted_of(comment, command.comment or command.comment_id)
    return command.status is None and command.by in (None, posted.author) and not command.erased


def must_wait(
    comment: Comment,
    command: EditComment,
    rules: Rules,
    author: Person,
    verdict: Verdict | None = None,
) -> bool:
    """Return whether a new wording waits while the approved one is shown.

    The publisher's `status` decides if it is given, else a rule that fits or the policy, for the
    author's own words. The words of a held or rejected comment are replaced at once. Raises
    rejected-by-rule.
    """
    posted = posted_of(comment, command.comment or command.comment_id)
    judged = _judged_status(verdict)
    if comment.moderated != "published":
        return False
    if command.status is not None:
        return command.status == "held"
    if judged is not None:
        return True
    return command.by in (None, posted.author) and policy(rules, author) == "held"


def edit(
    comment: Comment,
    command: EditComment,
    act: CommandContext,
    words: Words | None,
    waiting: Words | None = None,
    *,
    waits: bool = False,
    rule: str | None = None,
) -> list[WordingEvent]:
    """Give a comment a new wording, which waits for the moderators if `waits`, held by `rule`.

    The latest time wins. The same wording again changes nothing. `words` are the current wording's
    and `waiting` the pending wording's; None if there is none or it is erased. Raises
    too-many-edits.
    """
    posted = posted_of(comment, command.comment or command.comment_id)
    pending = comment.pending
    ends_pending = pending is not None and pending.time <= act.time and not waits
    if pending is not None and waits:
        older, same = act.time < pending.time, _says(waiting, command)
    else:
        older, same = act.time < comment.edited, _says(words, command) and not ends_pending
    if older or same:
        return []
    if command.by in (None, posted.author) and comment.edits >= COMMENT_EDITS_MAX:
        detail = f"its author has edited the comment {COMMENT_EDITS_MAX} times"
        raise Refusal("too-many-edits", detail)
    personal = None if command.erased else Words(body=command.body)
    if waits:
        return [CommentWordingHeld(time=act.time, author=posted.author, by=command.by,
                                   personal=personal, source=act.source, id=act.id,
                                   status=comment.status, rule=rule)]  # fmt: skip
    status: Literal["published", "held"]
    status = "published" if comment.moderated == "published" else "held"
    return [CommentEdited(time=act.time, author=posted.author, by=command.by, personal=personal,
                          status=status, ends_pending=ends_pending,
                          rule=rule if status == "held" else None)]  # fmt: skip


def _says(words: Words | None, command: EditComment) -> bool:
    return words is not None and words.body == command.body


def posted_of(comment: Comment, named: object) -> CommentPosted:
    """Return the event that posted the comment. Raises unknown-comment."""
    if comment.posted is None:
        raise unknown("comment", named)
    return comment.posted


# -- decisions: moderation


def _change(
    kind: type[_E], comment: Comment, command: ModerateComment, act: CommandContext, now: Status
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


def remove(comment: Comment, command: ModerateComment, act: CommandContext) -> list[CommentRemoved]:
    """Remove a comment, or delete it if its author removes it. The latest time wins.

    A person may delete their comment after a moderator removed it. No moderator can restore it
    then.
    """
    posted = posted_of(comment, command.comment or command.comment_id)
    now: Status = "deleted" if command.by == posted.author else "removed"
    deletes_removed = (comment.removed, now, act.source) == ("removed", "deleted", PERSONS)
    again = comment.removed is not None and not deletes_removed
    if again or act.time < comment.removed_at:
        return []
    return _change(CommentRemoved, comment, command, act, now)


def restore(
    comment: Comment, command: ModerateComment, act: CommandContext
) -> list[CommentRestored]:
    """Restore a removed comment with the status that the moderators gave it.

    The latest time wins.
    """
    posted_of(comment, command.comment or command.comment_id)
    if comment.removed is None or act.time < comment.removed_at:
        return []
    return _change(CommentRestored, comment, command, act, comment.moderated)


def approve(
    comment: Comment, command: ApproveComment, act: CommandContext
) -> list[CommentApproved]:
    """Publish a comment, or its pending wording.

    A removed comment is published once it is restored. The latest time wins. A wording newer than
    the act is approved only if the act names it. A person who moderates may approve a published
    comment, which settles its flags.
    """
    posted_of(comment, command.comment or command.comment_id)
    wording = command.wording
    if comment.pending is not None:
        if _is_later(comment.pending, command, act):
            return []
        wording = comment.pending.named
    else:
        again = comment.moderated == "published" and act.source != PERSONS
        if again or act.time < comment.moderated_at:
            return []
    (event,) = _change(CommentApproved, comment, command, act, comment.removed or "published")
    return [msgspec.structs.replace(event, wording=wording)]


def reject(comment: Comment, command: RejectComment, act: CommandContext) -> list[RejectionEvent]:
    """Reject the pending wording, or else the comment, which may be published.

    The latest time wins. A wording newer than the act is rejected only if the act names it. A
    repeated rejection with the same time does not reject the comment after its wording.
    """
    posted = posted_of(comment, command.comment or command.comment_id)
    pending = comment.pending
    if pending is not None and not _is_later(pending, command, act):
        return [
            CommentWordingRejected(
                time=act.time,
                author=posted.author,
                wording=pending.named,
                by=command.by,
                personal=because(command.reason),
            )
        ]
    if comment.moderated == "rejected" or act.time < comment.moderated_at:
        return []
    if act.time <= comment.wording_rejected_at:
        return []
    (event,) = _change(CommentRejected, comment, command, act, comment.removed or "rejected")
    return [msgspec.structs.replace(event, wording=command.wording)]


def _is_later(pending: PendingWording, command: DecideOnWording, act: CommandContext) -> bool:
    return command.wording is None and act.time < pending.time


def hold(comment: Comment, command: HoldComment, act: CommandContext) -> list[CommentHeld]:
    """Put a comment back in the moderators' queue. The latest time wins."""
    posted_of(comment, command.comment or command.comment_id)
    if comment.moderated == "held" or act.time < comment.moderated_at:
        return []
    (event,) = _change(CommentHeld, comment, command, act, comment.removed or "held")
    return [msgspec.structs.replace(event, rule=command.rule)]


def pin(comment: Comment, command: ModerateComment, act: CommandContext) -> list[CommentPinned]:
    """Pin a top-level comment to the beginning of its discussion. The latest time wins."""
    posted = posted_of(comment, command.comment or command.comment_id)
    if posted.parent is not None:
        raise Refusal("not-at-the-top", "only a top-level comment can be pinned")
    if comment.pinned or act.time < comment.pinned_at:
        return []
    return [CommentPinned(time=act.time, by=command.by, personal=because(command.reason))]


def unpin(comment: Comment, command: ModerateComment, act: CommandContext) -> list[CommentUnpinned]:
    """Unpin a comment. The latest time wins."""
    posted_of(comment, command.comment or command.comment_id)
    if not comment.pinned or act.time < comment.pinned_at:
        return []
    return [CommentUnpinned(time=act.time, by=command.by, personal=because(command.reason))]
