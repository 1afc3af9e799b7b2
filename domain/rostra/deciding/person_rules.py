"""Rules for what a person does themselves, beyond those for publishers.

Each rule takes the act and its subject, and raises a Refusal. A held or rejected comment is
unknown to all but its author and the moderators.
"""

import msgspec

from rostra.commands import (
    ApproveComment,
    ConfigurePerson,
    EditComment,
    FlagComment,
    ModerateComment,
    OpenDiscussion,
    RejectComment,
    RemoveComment,
    RestoreComment,
)
from rostra.comment import HIDDEN_STATUSES, Comment, CommentPosted, posted_of
from rostra.discussion import Discussion
from rostra.events import CommandContext
from rostra.passage import Passage
from rostra.person import Person
from rostra.refusals import Refusal, unknown
from rostra.settings import Rules
from rostra.subscription import Subscription
from rostra.times import Time, later
from rostra.vote import Vote

_MICROSECOND = 1e-6

CommentCommand = EditComment | ModerateComment | FlagComment


def may_see(comment: Comment, act: CommandContext, named: object) -> CommentPosted:
    """Return the event that posted the comment.

    Raises unknown-comment if the person may not see it.
    """
    posted = posted_of(comment, named)
    if comment.status in HIDDEN_STATUSES and not act.moderates and act.person != posted.author:
        raise unknown("comment", named, retryable=False)
    return posted


def may_answer(parent: Comment, act: CommandContext, named: object) -> None:
    """Raise a Refusal if the parent is removed or held."""
    if parent.posted is None or (
        parent.status in HIDDEN_STATUSES and act.person != parent.posted.author
    ):
        raise unknown("parent", named, retryable=False)
    if parent.status != "published":
        raise Refusal("parent-not-published", f"what this answers is {parent.status}")


def may_change(
    comment: Comment, command: CommentCommand, act: CommandContext, rules: Rules
) -> None:
    """Check that authors edit in time or delete their own comments, and moderators moderate."""
    posted = may_see(comment, act, command.comment_id)
    match command:
        case EditComment():
            _must_be_theirs(posted, act)
            _must_not_be_removed(comment)
            _must_be_in_time(posted, act, rules)
        case FlagComment():
            _must_not_be_removed(comment)
        case RemoveComment() if not act.moderates:
            _must_be_theirs(posted, act)
        case _ if not act.moderates:
            raise Refusal("not-yours", "this is for moderators")
        case RestoreComment() if comment.removed == "deleted":
            raise Refusal("comment-deleted", "its author deleted this comment")
        case ApproveComment() if act.seen is None and command.wording is None:
            _must_be_the_only_wording(comment)
        case RejectComment() if act.seen is None and command.wording is None:
            _must_not_follow_a_rejection(comment)


def must_have_seen(version: int, act: CommandContext) -> None:
    """Raise precondition-failed if the comment has events that the person had not seen."""
    if act.seen not in (None, version):
        raise Refusal("precondition-failed", "the comment has changed since")


def _must_be_the_only_wording(comment: Comment) -> None:
    """Raise precondition-failed if the moderator may have seen an earlier wording.

    Another moderator may have decided on that wording meanwhile.
    """
    waits = comment.pending is not None or comment.moderated != "published"
    if waits and not comment.has_one_wording_to_judge:
        detail = "the comment has had another wording: name the `wording`, or send `If-Match`"
        raise Refusal("precondition-failed", detail)


def _must_not_follow_a_rejection(comment: Comment) -> None:
    """Raise precondition-failed if another moderator has just rejected a wording.

    The moderator may mean that wording, and not the whole comment.
    """
    published = comment.moderated == "published" and comment.pending is None
    if published and comment.wording_rejected_at > max(comment.edited, comment.moderated_at):
        detail = "a new wording was rejected: name the one that is shown, or send `If-Match`"
        raise Refusal("precondition-failed", detail)


def _must_be_theirs(posted: CommentPosted, act: CommandContext) -> None:
    if posted.author != act.person:
        raise Refusal("not-yours", "only its author may do this")


def _must_not_be_removed(comment: Comment) -> None:
    if comment.removed is not None:
        raise Refusal("comment-removed", f"the comment is {comment.removed}")


def _must_be_in_time(posted: CommentPosted, act: CommandContext, rules: Rules) -> None:
    if act.time > later(posted.time, rules.edit_seconds):
        raise Refusal("edit-too-late", f"a comment is edited within {rules.edit_seconds} s")


def may_open(discussion: Discussion, command: OpenDiscussion, rules: Rules) -> bool:
    """Return whether there is a discussion to open; one that is open already stays as it is."""
    if discussion.resource is not None:
        return False
    if not rules.open_on_first:
        raise not_opened_by_readers(command.site)
    return True


def not_opened_by_readers(site: str) -> Refusal:
    """Return the refusal of a person who opens a discussion."""
    return Refusal("not-opened-by-readers", f"the site {site!r} opens its discussions")


def may_mark(rules: Rules) -> None:
    """Raise not-marked-by-readers if the rules forbid persons to mark passages."""
    if rules.marking == "publisher":
        raise Refusal("not-marked-by-readers", "the publisher marks passages here")


def may_moderate_passage(act: CommandContext) -> None:
    """Raise not-yours if the person is no moderator."""
    if not act.moderates:
        raise Refusal("not-yours", "this is for moderators")


def after_passage(act: CommandContext, passage: Passage) -> CommandContext:
    """Return the act with a time no earlier than that of the passage's latest change."""
    return _not_before(act, max(passage.turned, passage.shown))


def after_comment(act: CommandContext, comment: Comment) -> CommandContext:
    """Return the act with a time that is not before earlier acts on the comment.

    A person's act then counts although a publisher's clock may be ahead of this one.
    """
    rejected = comment.wording_rejected_at
    earlier = (
        comment.latest_edit,
        comment.moderated_at,
        comment.removed_at,
        comment.pinned_at,
        later(rejected, _MICROSECOND) if rejected else rejected,
    )
    return _not_before(act, max(earlier))


def after_vote(act: CommandContext, vote: Vote) -> CommandContext:
    """Return the act with a time later than the current vote's: it replaces that vote."""
    current = vote.order[0]
    return _not_before(act, later(current, _MICROSECOND)) if current else act


def after_ruling(act: CommandContext, vote: Vote) -> CommandContext:
    """Return the act with a time no earlier than that of the vote's latest ruling."""
    return _not_before(act, vote.ruled)


def after_settings(act: CommandContext, person: Person) -> CommandContext:
    """Return the act with a time no earlier than that of the person's latest settings."""
    return _not_before(act, person.configured_at)


def after_ban(act: CommandContext, person: Person) -> CommandContext:
    """Return a moderator's act with a time no earlier than that of the latest ban or its end."""
    return act if act.person is None else _not_before(act, person.ban_decided_at)


def after_trust(act: CommandContext, person: Person) -> CommandContext:
    """Return a moderator's act with a time no earlier than that of the latest act on trust."""
    return act if act.person is None else _not_before(act, person.trust_decided_at)


def after_subscription(act: CommandContext, subscription: Subscription) -> CommandContext:
    """Return the act with a time no earlier than that of the subscription's latest change."""
    return _not_before(act, subscription.changed_at)


def may_name_themselves(command: ConfigurePerson, rules: Rules) -> None:
    """Raise name-from-token if the site takes names from tokens.

    A name that was set before may be taken back.
    """
    if isinstance(command.name, str) and rules.names == "token":
        raise Refusal("name-from-token", f"the site {command.site!r} takes names from tokens")


def _not_before(act: CommandContext, time: Time) -> CommandContext:
    return msgspec.structs.replace(act, time=max(act.time, time))
