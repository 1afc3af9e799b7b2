"""From a command to the events it means: which streams it looks at, and who decides."""

from typing import TypeVar, assert_never, cast

import msgspec

from rostra import (
    comment,
    content_rules,
    discussion,
    flag,
    ids,
    passage,
    person,
    site,
    subscription,
    vote,
)
from rostra.commands import (
    AnyCommand,
    ApproveComment,
    BanPerson,
    CastVote,
    CloseDiscussion,
    ClosePassage,
    Command,
    ConfigurePerson,
    ConfigureSite,
    DecideOnWording,
    DiscussionCommand,
    DistrustPerson,
    EditComment,
    EndSubscription,
    ErasePerson,
    FlagComment,
    HoldComment,
    InDiscussion,
    LabelPerson,
    MarkPassage,
    ModerateComment,
    MoveDiscussion,
    NullifyVote,
    OnPassage,
    OnSubscription,
    OnVote,
    OpenDiscussion,
    PersonCommand,
    PinComment,
    PostComment,
    RejectComment,
    RemoveComment,
    ReopenDiscussion,
    ReopenPassage,
    RestoreComment,
    RestoreVote,
    ReturnPerson,
    ReviseArticle,
    StartSubscription,
    TrustPerson,
    UnbanPerson,
    UnmarkPassage,
    UnpinComment,
    acting_person,
)
from rostra.deciding import ban_acts, marking, person_rules
from rostra.deciding.stream_states import DecisionContext, Events, StreamState
from rostra.deciding.text_work import ShowBody
from rostra.events import FLAGS, CommandContext
from rostra.ids import StreamId
from rostra.names import OUR_IDS, is_guest
from rostra.refusals import Refusal, unknown
from rostra.resource_urls import canonical_resource
from rostra.settings import Rules, Settings, rules

_C = TypeVar("_C", bound=AnyCommand)

_AloneCommand = (
    CloseDiscussion
    | ReopenDiscussion
    | EditComment
    | RemoveComment
    | RestoreComment
    | PinComment
    | UnpinComment
    | FlagComment
    | NullifyVote
    | RestoreVote
    | StartSubscription
    | EndSubscription
    | ClosePassage
    | ReopenPassage
    | UnmarkPassage
)
_InsideCommand = (
    CastVote
    | PostComment
    | ApproveComment
    | HoldComment
    | RejectComment
    | MarkPassage
    | ReviseArticle
    | MoveDiscussion
    | _AloneCommand
)


def subject(command: AnyCommand, act: CommandContext) -> StreamId:
    """Return the stream that a command is about, in which a repeat of it is found."""
    match command:
        case CastVote():  # four in five; asked about first, here and below
            return command.vote
        case ConfigureSite():
            return command.site_id
        case (
            ErasePerson()
            | ReturnPerson()
            | ConfigurePerson()
            | LabelPerson()
            | BanPerson()
            | UnbanPerson()
            | DistrustPerson()
            | TrustPerson()
        ):
            return command.target
        case PostComment():
            return command.target(act.source, act.id)
        case OnVote():
            return command.vote
        case FlagComment():
            return ids.flag_id(command.target, command.by)
        case ModerateComment() | EditComment():
            return command.target
        case MarkPassage() | OnPassage() | OnSubscription():
            return command.target
        case ReviseArticle():
            return command.article
        case InDiscussion():
            return command.discussion
        case _:
            assert_never(command)


def streams(command: AnyCommand, act: CommandContext) -> list[StreamId]:
    """Return the streams that a decision will read, if the command itself names them."""
    named = [subject(command, act), command.site_id]
    if isinstance(command, CastVote) and act.person is None:
        voter = command.person(command.voter)
        return [*named, command.discussion, command.target, voter]
    if isinstance(command, InDiscussion):
        named.append(command.discussion)
    if isinstance(command, MoveDiscussion):
        named.append(command.claimed)
    if isinstance(command, OpenDiscussion):
        named.append(command.canonical_discussion)
    actors = {_by(command), act.person}
    named += [command.person(one) for one in actors if one is not None]
    match command:
        case PostComment():
            named.append(command.person(command.author.id))
            named += [
                one
                for one in (command.parent_comment, command.commented_passage)
                if one is not None
            ]
        case OnVote():
            named += [command.target, command.person(command.voter)]
        case FlagComment():
            named.append(command.target)
        case MarkPassage():
            named.append(ids.article_id(command.discussion))
    return named


def _by(command: AnyCommand) -> str | None:
    """Return the person named by the field `by`, None where the command has no such field."""
    return None if isinstance(command, (CastVote, PostComment)) else acting_person(command)


def resolve_target(
    command: AnyCommand, act: CommandContext, context: DecisionContext
) -> AnyCommand:
    """Return the command with the aggregate that it is really about."""
    return (
        marking.resolve_marked_passage(command, act, context)
        if isinstance(command, MarkPassage)
        else command
    )


def by_own_name(command: _C, context: DecisionContext) -> _C:
    """Replace the alias of a discussion by the resource that made its id."""
    if not isinstance(command, InDiscussion):
        return command
    named = context.discussion(ids.discussion_id(command.site, command.resource))
    own = discussion.own_name(named, command)
    is_own = own == command.resource
    return cast(_C, command if is_own else msgspec.structs.replace(command, resource=own))


def decide(
    command: AnyCommand, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    """Return the events of a command about `at`; none if it changes nothing.

    Raises Refusal, and NeedsMore if the decision needs a stream that was not read.
    """
    site.check(context.site(command.site_id), command.site)
    if not act.source.startswith(OUR_IDS):
        _must_not_act_as_ours(command)
    if isinstance(command, CastVote) and act.person is None:
        discussion.check(context.discussion(command.discussion), command)
        return _cast(command, act, context, at)
    by = _by(command)
    if by is not None:
        acting(command, by, context)
    if isinstance(command, ConfigureSite):
        return [(at, event) for event in site.configure(context.site(at), command, act)]
    if isinstance(command, PersonCommand):
        return [(command.target, event) for event in _person(command, act, context)]
    if not isinstance(command, InDiscussion):
        assert_never(command)
    if act.person is not None:
        acting(command, act.person, context)
    if isinstance(command, OpenDiscussion):
        return _open(command, act, context)
    discussion.check(context.discussion(command.discussion), command)
    if act.cause is not None:
        if ban_acts.is_superseded(command, act, context, at):
            return []
        act = _after_earlier_acts(command, act, context)
    return _inside(command, _as_person(command, act, context), context, at)


def _person(
    command: PersonCommand, act: CommandContext, context: DecisionContext
) -> list[person.PersonEvent]:
    """Decide a command that is about a person."""
    known = _known_person(command, command.who, context)
    settings = context.site(command.site_id).settings
    match command:
        case ErasePerson():
            return [*person.erase(known, command, act)]
        case ReturnPerson():
            return [*person.return_(known, command, act)]
        case LabelPerson():
            return [*person.label(known, command, act, settings)]
        case BanPerson():
            act = person_rules.after_ban(act, known)
            return [*person.ban(known, command, act)]
        case UnbanPerson():
            act = person_rules.after_ban(act, known)
            return [*person.unban(known, command, act)]
        case DistrustPerson():
            act = person_rules.after_trust(act, known)
            return [*person.distrust(known, command, act)]
        case TrustPerson():
            act = person_rules.after_trust(act, known)
            return [*person.give_trust(known, command, act)]
        case ConfigurePerson():
            if act.person is not None:
                person_rules.may_name_themselves(command, rules(settings, Settings()))
                act = person_rules.after_settings(act, known)
            version, owner = known.words_version, command.target
            words = context.words(command.target, known.words, version=version, owner=owner)
            return [*person.configure(known, command, act, words)]
        case _:
            assert_never(command)


def _must_not_act_as_ours(command: AnyCommand) -> None:
    """Refuse an event in which one of Rostra's own ids acts. Raises id-reserved.

    Only the feed of a Rostra has such events, with a source of Rostra's own. Other events may name
    these ids: a publisher erases a guest, or nullifies a guest's vote.
    """
    actor = acting_person(command)
    if actor is not None and actor.startswith(OUR_IDS):
        raise Refusal("id-reserved", f"{actor!r} is an id that only Rostra gives out")


def _open(command: OpenDiscussion, act: CommandContext, context: DecisionContext) -> Events:
    at = command.discussion
    current = context.discussion(at)
    if current.resource is None and command.canonical_discussion != at:
        plain = msgspec.structs.replace(command, resource=canonical_resource(command.resource))
        own = by_own_name(plain, context)
        if context.discussion(own.discussion).resource is not None:
            return _open_spelling(command, own, act, context)
    if act.person is not None and not person_rules.may_open(
        current, command, rules_of(command, context)
    ):
        return []
    return [(at, event) for event in discussion.open_(current, command, act)]


def _open_spelling(
    spelled: OpenDiscussion, own: OpenDiscussion, act: CommandContext, context: DecisionContext
) -> Events:
    """Open a discussion again under another spelling of its URL, which becomes its name, too."""
    current = context.discussion(own.discussion)
    if act.person is not None and not rules_of(own, context).open_on_first:
        raise person_rules.not_opened_by_readers(own.site)
    aliased = discussion.alias(current, spelled, act)
    opened = discussion.open_(current, own, act)
    return [(spelled.discussion, aliased), *((own.discussion, event) for event in opened)]


def _after_earlier_acts(
    command: DiscussionCommand, act: CommandContext, context: DecisionContext
) -> CommandContext:
    """Return a ban's act with a time that is not before earlier acts on its subject."""
    if isinstance(command, NullifyVote):
        return person_rules.after_ruling(act, context.vote(command.vote))
    if isinstance(command, ModerateComment):
        return person_rules.after_comment(act, context.comment(command.target))
    return act


def _as_person(
    command: DiscussionCommand, act: CommandContext, context: DecisionContext
) -> CommandContext:
    """Check that a person may do this themselves, and return the act with its time.

    An event of a publisher keeps its own time and needs no permission.
    """
    if act.person is None:
        return act
    match command:
        case PostComment() if command.parent_comment is not None:
            person_rules.may_answer(
                context.comment(command.parent_comment), act, command.parent_comment
            )
        case MarkPassage():
            discussion.must_be_open(context.discussion(command.discussion))
            person_rules.may_mark(rules_of(command, context))
        case OnPassage():
            person_rules.may_moderate_passage(act)
            return person_rules.after_passage(act, context.passage(command.target))
        case CastVote():
            person_rules.may_see(context.comment(command.target), act, command.target)
            return person_rules.after_vote(act, context.vote(command.vote))
        case EditComment() | ModerateComment() | FlagComment():
            about = context.comment(command.target)
            if isinstance(command, EditComment):
                discussion.must_be_open(context.discussion(command.discussion))
            person_rules.may_change(about, command, act, rules_of(command, context))
            person_rules.must_have_seen(context.state_of(command.target).version, act)
            return person_rules.after_comment(act, about)
        case OnSubscription():
            return person_rules.after_subscription(act, context.subscription(command.target))
        case PostComment() | OpenDiscussion() | CloseDiscussion() | NullifyVote() | ReviseArticle():
            pass
        case _:
            assert_never(command)
    return act


def _known_person(command: Command, person_id: str, context: DecisionContext) -> person.Person:
    known = context.person(command.person(person_id))
    person.check(known, command.site, person_id)
    return known


def _subscription(
    at: StreamId, command: OnSubscription, context: DecisionContext
) -> subscription.Subscription:
    return context.subscription(at).after(_known_person(command, command.who, context).erasures)


def acting(command: Command, person_id: str, context: DecisionContext) -> person.Person:
    """Return the person who acts, or who wrote the words. Raises person-erased."""
    known = _known_person(command, person_id, context)
    person.must_not_be_erased(known, person_id)
    if command.person(person_id) in context.keyless:  # they are being erased
        raise person.erased_person(person_id)
    return known


def writing(
    command: Command, act: CommandContext, person_id: str, context: DecisionContext
) -> person.Person:
    """Return the person who comments, votes, flags or marks.

    Raises person-erased and person-banned.
    """
    known = acting(command, person_id, context)
    person.must_not_be_banned(known, act.time)
    return known


def rules_of(command: InDiscussion, context: DecisionContext) -> Rules:
    """Return the rules of the command's discussion."""
    site_settings = context.site(command.site_id).settings
    return rules(site_settings, context.discussion(command.discussion).settings)


def _inside(
    command: _InsideCommand, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    """Decide a command inside a discussion that exists."""
    match command:
        case CastVote():
            return _cast(command, act, context, at)
        case PostComment():
            return _post(command, act, context, at)
        case ApproveComment():
            return _approve(command, act, context, at)
        case HoldComment() | RejectComment():
            return _unpublish(command, act, context, at)
        case MarkPassage():
            marker = act.person or command.by
            if marker is not None:
                writing(command, act, marker, context)
            return marking.mark(command, act, context, at)
        case ReviseArticle():
            return marking.revise(command, act, context)
        case MoveDiscussion():
            return _move(command, act, context, at)
    return [(at, event) for event in _alone(command, act, context, at)]


def _alone(
    command: _AloneCommand, act: CommandContext, context: DecisionContext, at: StreamId
) -> (
    list[discussion.DiscussionClosed]
    | list[discussion.DiscussionReopened]
    | list[comment.WordingEvent]
    | list[comment.CommentRemoved]
    | list[comment.CommentRestored]
    | list[comment.CommentPinned]
    | list[comment.CommentUnpinned]
    | list[flag.CommentFlagged]
    | list[vote.VoteNullified]
    | list[vote.VoteRestored]
    | list[subscription.SubscriptionStarted]
    | list[subscription.SubscriptionEnded]
    | list[passage.PassageClosed]
    | list[passage.PassageReopened]
    | list[passage.PassageUnmarked]
):
    """Decide on a command that writes only to the stream that it is about."""
    match command:
        case ReopenDiscussion():
            return discussion.reopen(context.discussion(at), command, act)
        case CloseDiscussion():
            return discussion.close(context.discussion(at), command, act)
        case EditComment():
            return _edit(command, act, context, at)
        case RemoveComment():
            return comment.remove(context.comment(at), command, act)
        case RestoreComment():
            return comment.restore(context.comment(at), command, act)
        case PinComment():
            return comment.pin(context.comment(at), command, act)
        case UnpinComment():
            return comment.unpin(context.comment(at), command, act)
        case FlagComment():
            writing(command, act, command.by, context)
            return flag.flag_comment(
                context.flag(at), command, act, context.comment(command.target)
            )
        case RestoreVote():
            return vote.restore(context.vote(at), command, act)
        case NullifyVote():
            return vote.nullify(context.vote(at), command, act)
        case StartSubscription():
            return subscription.start(_subscription(at, command, context), command, act)
        case EndSubscription():
            return subscription.end(_subscription(at, command, context), command, act)
        case ClosePassage():
            return passage.close(context.passage(at), command, act)
        case ReopenPassage():
            return passage.reopen(context.passage(at), command, act)
        case UnmarkPassage():
            return passage.unmark(context.passage(at), command, act)
        case _:
            assert_never(command)


def _cast(command: CastVote, act: CommandContext, context: DecisionContext, at: StreamId) -> Events:
    writing(command, act, command.voter, context)
    about = context.comment(command.target)
    cast = vote.cast(context.vote(at), command, act, about, rules_of(command, context))
    return [(at, event) for event in cast]


def _move(
    command: MoveDiscussion, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    """Return the move, and in the same group the claim of the new name."""
    moved, aliased = discussion.move(
        context.discussion(at), context.discussion(command.claimed), command, act
    )
    return [(at, event) for event in moved] + [(command.claimed, event) for event in aliased]


def _post(
    command: PostComment, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    current = context.comment(at).posted
    if current is not None:
        owner = command.person(current.author)
        first = context.words(at, current.personal, version=1, owner=owner)
        raise comment.refuse_repeat(command, current, first)
    parent, mark = command.parent_comment, command.commented_passage
    around = comment.Surroundings(
        discussion=context.discussion(command.discussion),
        rules=rules_of(command, context),
        author=writing(command, act, command.author.id, context),
        parent_id=parent,
        parent=context.comment(parent) if parent else None,
        passage_id=mark,
        passage=context.passage(mark) if mark else None,
    )
    verdict = None
    if command.status is None and command.body is not None:
        verdict = _verdict(command.author.id, command.body, around.rules, around.author, context)
    return [(at, event) for event in comment.post(command, act, around, verdict)]


def _verdict(
    author_id: str, body: str, site_rules: Rules, author: person.Person, context: DecisionContext
) -> content_rules.Verdict | None:
    """Return the rule of the site that fits new words, None if none does."""
    if not site_rules.rules:
        return None
    compiled = content_rules.compile_rules(site_rules.rules)
    shown = content_rules.ShownBody("", 0)
    if compiled.needs_text:
        (shown,) = context.results_of(ShowBody(body, site_rules.breaks))
    writer = content_rules.Writer(is_guest(author_id), author.trusted)
    return compiled.verdict(shown, writer)


def _edit(
    command: EditComment, act: CommandContext, context: DecisionContext, at: StreamId
) -> list[comment.WordingEvent]:
    current = context.comment(at)
    author = comment.posted_of(current, command.comment or command.comment_id).author
    owner = command.person(author)
    known = acting(command, author, context)
    if command.by in (None, author):
        person.must_not_be_banned(known, act.time)
    words = context.words(at, current.words, version=current.words_version, owner=owner)
    if words is None and not command.erased:  # its author may have returned since
        raise Refusal("comment-erased", "the words of this comment are gone")
    pending = current.pending
    waiting = None
    if pending is not None:
        waiting = context.words(at, pending.words, version=pending.version, owner=owner)
    holds, verdict = rules_of(command, context), None
    if command.body is not None and comment.is_judged(current, command):
        verdict = _verdict(author, command.body, holds, known, context)
    waits = comment.must_wait(current, command, holds, known, verdict)
    rule = command.rule if verdict is None else verdict.name
    if waits and command.status is None and verdict is None:
        rule = comment.holding_rule(holds, known)
    return comment.edit(current, command, act, words, waiting, waits=waits, rule=rule)


def _must_name_the_latest(command: DecideOnWording, current: StreamState) -> None:
    """Raise precondition-failed if a later wording replaced the named one."""
    if command.wording is None:
        return
    about: comment.Comment = current.state
    comment.posted_of(about, command.comment or command.comment_id)
    named = ids.event_id(command.wording.source, command.wording.id).int
    if current.seen[about.latest_version - 1].event_id == named:
        return
    if any(seen.event_id == named for seen in current.seen):
        raise Refusal(
            "precondition-failed", "another wording replaced this one; read the comment again"
        )
    raise unknown("wording", f"{command.wording.id!r} of {command.wording.source!r}")


def _approve(
    command: ApproveComment, act: CommandContext, context: DecisionContext, at: StreamId
) -> Events:
    """Return the approval, and in the same group the trust that it gives to the author.

    Trust comes from the first approval of words that had to wait. A later approval of the comment
    gives back only the trust that was lost with it.
    """
    current = context.comment(at)
    _must_name_the_latest(command, context.state_of(at))
    approved = comment.approve(current, command, act)
    is_first = current.awaits_first_approval or current.pending is not None
    if not approved or not (is_first or current.was_approved):
        return [(at, event) for event in approved]
    author = approved[0].author
    known = _known_person(command, author, context)
    at_person = command.person(author)
    if not is_first and known.distrusted_by_comment != at:
        return [(at, event) for event in approved]
    trusted = person.trust(
        known, act, site=command.site, person_id=author, by=command.by, comment=at
    )
    return [(at, event) for event in approved] + [(at_person, event) for event in trusted]


def _unpublish(
    command: HoldComment | RejectComment,
    act: CommandContext,
    context: DecisionContext,
    at: StreamId,
) -> Events:
    """Return the holding or rejection, and in the same group the loss of trust that it brings.

    A few persons who flag a comment bring none: only moderators take back what one of them gave.
    """
    current = context.comment(at)
    if isinstance(command, HoldComment):
        changed: list[comment.CommentHeld] | list[comment.RejectionEvent]
        changed = comment.hold(current, command, act)
    else:
        _must_name_the_latest(command, context.state_of(at))
        changed = comment.reject(current, command, act)
    events: Events = [(at, event) for event in changed]
    is_of_wording = any(isinstance(event, comment.CommentWordingRejected) for event in changed)
    if not current.was_approved or is_of_wording or act.source == FLAGS:
        return events
    for event in changed:
        known = _known_person(command, event.author, context)
        lost = person.lose_trust(
            known, act, site=command.site, person_id=event.author, by=command.by, comment=at
        )
        events += [(command.person(event.author), each) for each in lost]
    return events
