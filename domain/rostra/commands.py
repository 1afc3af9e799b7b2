"""Commands of publishers: the `data` of each event type of the contract.

Every command names its discussion by site and resource, and things inside it by the publisher's
own keys; `comment_id` and its like may be given instead.
"""

from typing import Annotated, Any, ClassVar, Literal, assert_never
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rostra import fields, ids
from rostra.events import PERSONS, CommandContext, WordingRef
from rostra.fields import Key, PersonId, Reason
from rostra.limits import MENTIONS_MAX
from rostra.names import cleaned_name
from rostra.once import once
from rostra.refusals import Refusal, unknown
from rostra.resource_urls import canonical_resource
from rostra.settings import AskedNotifySettings, AskedSettings, AskedSiteSettings, Label
from rostra.times import parse_time

BannedComments = Literal["keep", "remove"]
"""Fate of the comments that a person posted before they were banned."""
BannedVotes = Literal["keep", "nullify"]
"""Fate of the votes that a person cast before they were banned."""


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """`topic` is the CloudEvents type. Each id is computed once (`dict` makes room for it)."""

    topic: ClassVar[str]
    may_use_reserved_places: ClassVar[bool] = False
    """The last places of a stream are for moderation, bans and erasure."""
    site: fields.SiteName

    @once
    def site_id(self) -> ids.SiteId:
        return ids.site_id(self.site)

    def person(self, person: str) -> ids.PersonStreamId:
        """Return the id of the stream of a person of this site."""
        return ids.person_id(self.site, person)


class ConfigureSite(Command, frozen=True, kw_only=True):
    topic = "site.configured"
    settings: AskedSiteSettings


class _AboutPerson(Command, frozen=True, kw_only=True):
    who: PersonId = msgspec.field(name="person")

    @once
    def target(self) -> ids.PersonStreamId:
        return self.person(self.who)


class ErasePerson(_AboutPerson, frozen=True, kw_only=True):
    topic = "person.erased"
    may_use_reserved_places = True


class ReturnPerson(_AboutPerson, frozen=True, kw_only=True):
    topic = "person.returned"


class ConfigurePerson(_AboutPerson, frozen=True, kw_only=True):
    """Settings of a person. Those that are absent stay; null takes one back."""

    topic = "person.configured"
    name: fields.Name | UnsetType | None = UNSET
    email: fields.Email | UnsetType | None = UNSET
    language: fields.Language | UnsetType | None = UNSET
    time_zone: fields.TimeZone | UnsetType | None = UNSET
    hour: fields.Hour | UnsetType | None = UNSET
    notify: AskedNotifySettings | UnsetType = UNSET
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        if self.erased and self.named:
            raise ValueError("no setting can be given where `erased` is true")
        if isinstance(self.name, str):  # a publisher's names are cleaned, never refused
            msgspec.structs.force_setattr(self, "name", cleaned_name(self.name))

    @property
    def named(self) -> dict[str, Any]:
        """Settings that are given, null ones included."""
        names = ("name", "email", "language", "time_zone", "hour", "notify")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not UNSET}


class LabelPerson(_AboutPerson, frozen=True, kw_only=True):
    """Label a person, or take the label away (null)."""

    topic = "person.labelled"
    may_use_reserved_places = True
    label: Label | None
    by: PersonId


class BanPerson(_AboutPerson, frozen=True, kw_only=True):
    """Ban a person. Earlier comments and votes stay unless they are to be removed and nullified."""

    topic = "person.banned"
    may_use_reserved_places = True
    by: PersonId
    reason: Reason | None = None
    until: fields.Until | None = None
    comments: BannedComments = "keep"
    votes: BannedVotes = "keep"
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        _given_or_erased(erased=self.erased, reason=self.reason)
        if isinstance(self.until, str):
            try:
                msgspec.structs.force_setattr(self, "until", parse_time(self.until))
            except ValueError as error:
                raise ValueError(f"`until` must be a time: {error}") from None


class UnbanPerson(_AboutPerson, frozen=True, kw_only=True):
    """End a ban, and take back what it removed and nullified if `restore` is true."""

    topic = "person.unbanned"
    may_use_reserved_places = True
    by: PersonId
    restore: bool = False


class DistrustPerson(_AboutPerson, frozen=True, kw_only=True):
    topic = "person.distrusted"
    may_use_reserved_places = True
    by: PersonId


class TrustPerson(_AboutPerson, frozen=True, kw_only=True):
    topic = "person.trusted"
    may_use_reserved_places = True
    by: PersonId


class InDiscussion(Command, frozen=True, kw_only=True):
    resource: fields.Resource
    discussion_id: UUID | None = None

    @once
    def discussion(self) -> ids.DiscussionId:
        computed = ids.discussion_id(self.site, self.resource)
        _agree("discussion_id", self.discussion_id, computed)
        return computed

    def resolve_comment(self, key: str | None, given: UUID | None, field: str) -> ids.CommentId:
        """Return the id of the comment with the publisher's key or with the given id."""
        if key is not None:
            computed = ids.comment_id(self.discussion, key)
            _agree(f"{field}_id", given, computed)
            return computed
        return ids.CommentId(self._inside(given, ids.Kind.COMMENT, field))

    def resolve_passage(self, key: str | None, given: UUID | None) -> ids.PassageId:
        """Return the id of the passage with the publisher's key or with the given id."""
        if key is not None:
            computed = ids.passage_id(self.discussion, key)
            _agree("passage_id", given, computed)
            return computed
        return ids.PassageId(self._inside(given, ids.Kind.PASSAGE, "passage"))

    def _inside(self, given: UUID | None, kind: ids.Kind, field: str) -> ids.StreamId:
        if given is None:
            raise Refusal(f"unknown-{field}", f"no {field} is named")
        if ids.discussion_of(given) != self.discussion or ids.kind_of(given) != kind:
            raise unknown(field, f"{given} in this discussion", retryable=False)
        return ids.StreamId(given)


def _agree(field: str, given: UUID | None, computed: UUID) -> None:
    if given is not None and given != computed:
        raise Refusal("ids-disagree", f"`{field}` is {given}, but the names make {computed}")


def _given_or_erased(*, erased: bool, needed: str | None = None, **words: str | None) -> None:
    """Check that needed words are given, and none if `erased` is true. Raises ValueError."""
    if erased and any(text is not None for text in words.values()):
        raise ValueError(f"`{'`, `'.join(words)}` cannot be given where `erased` is true")
    if not erased and needed is not None and words[needed] is None:
        raise ValueError(f"Object missing required field `{needed}`")
    if isinstance(body := words.get("body"), str):
        fields.check_body(body)


class OpenDiscussion(InDiscussion, frozen=True, kw_only=True):
    topic = "discussion.opened"
    title: fields.Title | None = None
    url: fields.Url | None = None
    settings: AskedSettings | None = None

    @property
    def canonical_discussion(self) -> ids.DiscussionId:
        """Id of the discussion of the resource's canonical form."""
        return ids.discussion_id(self.site, canonical_resource(self.resource))


class CloseDiscussion(InDiscussion, frozen=True, kw_only=True):
    topic = "discussion.closed"
    may_use_reserved_places = True
    by: PersonId | None = None
    reason: Reason | None = None
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        _given_or_erased(erased=self.erased, reason=self.reason)


class ReopenDiscussion(CloseDiscussion, frozen=True, kw_only=True):
    topic = "discussion.reopened"


class MoveDiscussion(CloseDiscussion, frozen=True, kw_only=True):
    topic = "discussion.moved"
    may_use_reserved_places = False
    to: fields.Resource

    @property
    def claimed(self) -> ids.DiscussionId:
        """The stream that the new name would make."""
        return ids.discussion_id(self.site, self.to)


Mentions = Annotated[
    tuple[PersonId, ...],
    Meta(max_length=MENTIONS_MAX, description="Ids of persons whom the body mentions."),
]


class Author(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: PersonId
    name: fields.Name | None = None
    email: fields.Email | None = None

    def __post_init__(self) -> None:
        if isinstance(self.name, str):  # a publisher's names are cleaned, never refused
            msgspec.structs.force_setattr(self, "name", cleaned_name(self.name))


class PostComment(InDiscussion, frozen=True, kw_only=True):
    topic = "comment.posted"
    author: Author
    body: fields.Body | None = None
    erased: fields.Erased = False
    comment: Key | None = None
    comment_id: UUID | None = None
    parent: Key | None = None
    parent_id: UUID | None = None
    passage: Key | None = None
    passage_id: UUID | None = None
    status: Literal["published", "held"] | None = None
    # The name of the rule that held it, given in the feed.
    rule: Key | None = None
    mentions: Mentions = ()

    def __post_init__(self) -> None:
        _given_or_erased(erased=self.erased, needed="body", body=self.body)
        author = self.author
        if isinstance(author, Author):  # made in Python it may be anything until it is checked
            _given_or_erased(erased=self.erased, name=author.name, email=author.email)
            if not self.erased and author.name is None:
                raise ValueError("Object missing required field `author.name`")

    def target(self, source: str, event: str) -> ids.CommentId:
        """Return the comment's id, computed from its key or else from the event.

        A person's comment has the id that was computed from the idempotency key.
        """
        if self.comment is not None:
            return self.resolve_comment(self.comment, self.comment_id, "comment")
        if source == PERSONS:
            return ids.CommentId(self._inside(self.comment_id, ids.Kind.COMMENT, "comment"))
        computed = ids.comment_id_of_event(self.discussion, source, event)
        _agree("comment_id", self.comment_id, computed)
        return computed

    @once
    def parent_comment(self) -> ids.CommentId | None:
        """Id of the parent, None for a top-level comment."""
        if self.parent is None and self.parent_id is None:
            return None
        return self.resolve_comment(self.parent, self.parent_id, "parent")

    @once
    def commented_passage(self) -> ids.PassageId | None:
        """Id of the passage that the comment belongs to, None if it belongs to none."""
        if self.passage is None and self.passage_id is None:
            return None
        return self.resolve_passage(self.passage, self.passage_id)


SubscriptionTo = Literal["comments", "replies"]
"""Every new comment of the discussion, or replies to the person's own comments there."""


class OnComment(InDiscussion, frozen=True, kw_only=True):
    comment: Key | None = None
    comment_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.comment is None and self.comment_id is None:
            raise ValueError("Object missing required field `comment`")

    @once
    def target(self) -> ids.CommentId:
        return self.resolve_comment(self.comment, self.comment_id, "comment")


class EditComment(OnComment, frozen=True, kw_only=True):
    topic = "comment.edited"
    body: fields.Body | None = None
    by: PersonId | None = None
    # None: the policy decides whether the wording waits for the moderators.
    status: Literal["published", "held"] | None = None
    # The name of the rule that held the wording, given in the feed.
    rule: Key | None = None
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        OnComment.__post_init__(self)
        _given_or_erased(erased=self.erased, needed="body", body=self.body)


class ModerateComment(OnComment, frozen=True, kw_only=True):
    may_use_reserved_places = True
    by: PersonId | None = None
    reason: Reason | None = None
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        OnComment.__post_init__(self)
        _given_or_erased(erased=self.erased, reason=self.reason)


class HoldComment(ModerateComment, frozen=True, kw_only=True):
    topic = "comment.held"
    # The name of the rule that held the comment.
    rule: Key | None = None


class RemoveComment(ModerateComment, frozen=True, kw_only=True):
    topic = "comment.removed"


class RestoreComment(ModerateComment, frozen=True, kw_only=True):
    topic = "comment.restored"


class DecideOnWording(ModerateComment, frozen=True, kw_only=True):
    # The wording that is decided on. None: the latest one.
    wording: WordingRef | None = None


class ApproveComment(DecideOnWording, frozen=True, kw_only=True):
    topic = "comment.approved"


class RejectComment(DecideOnWording, frozen=True, kw_only=True):
    topic = "comment.rejected"


class PinComment(ModerateComment, frozen=True, kw_only=True):
    topic = "comment.pinned"


class UnpinComment(ModerateComment, frozen=True, kw_only=True):
    topic = "comment.unpinned"


class FlagComment(OnComment, frozen=True, kw_only=True):
    topic = "comment.flagged"
    by: PersonId
    reason: Reason | None = None
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        OnComment.__post_init__(self)
        _given_or_erased(erased=self.erased, needed="reason", reason=self.reason)


class OnVote(OnComment, frozen=True, kw_only=True):
    voter: PersonId

    @once
    def vote(self) -> ids.VoteId:
        return ids.vote_id(self.target, self.voter)


class CastVote(OnVote, frozen=True, kw_only=True):
    topic = "vote.cast"
    value: Annotated[int, Meta(ge=-1, le=1)]


class NullifyVote(OnVote, frozen=True, kw_only=True):
    topic = "vote.nullified"
    may_use_reserved_places = True
    by: PersonId
    reason: Reason | None = None
    erased: fields.Erased = False

    def __post_init__(self) -> None:
        OnComment.__post_init__(self)
        _given_or_erased(erased=self.erased, needed="reason", reason=self.reason)


class RestoreVote(NullifyVote, frozen=True, kw_only=True):
    topic = "vote.restored"


class OnSubscription(InDiscussion, frozen=True, kw_only=True):
    who: PersonId = msgspec.field(name="person")

    @once
    def target(self) -> ids.SubscriptionId:
        return ids.subscription_id(self.discussion, self.who)


class StartSubscription(OnSubscription, frozen=True, kw_only=True):
    topic = "subscription.started"
    to: SubscriptionTo


class EndSubscription(OnSubscription, frozen=True, kw_only=True):
    topic = "subscription.ended"
    to: SubscriptionTo | None = None


class MarkPassage(InDiscussion, frozen=True, kw_only=True):
    """Mark a passage.

    A person's passage has no key. Its `exact` is searched for in the article.
    """

    topic = "passage.marked"
    passage: Key | None = None
    passage_id: UUID | None = None
    by: PersonId | None = None
    """The person who marked it, given in the feed."""
    revision: Key | None = None
    """The article's revision that has a person's words, given in the feed."""
    exact: fields.Quote
    prefix: fields.Context | None = None
    suffix: fields.Context | None = None
    start: fields.Offset | None = None
    end: fields.Offset | None = None
    question: fields.Question | None = None

    def __post_init__(self) -> None:
        if self.passage is None and self.passage_id is None:
            raise ValueError("Object missing required field `passage`")
        start, end = self.start, self.end
        if isinstance(start, int) and isinstance(end, int) and end < start:
            raise ValueError("`end` lies before `start`")
        if isinstance(self.exact, str):
            fields.check_quote(self.exact)

    @once
    def target(self) -> ids.PassageId:
        return self.resolve_passage(self.passage, self.passage_id)


class OnPassage(InDiscussion, frozen=True, kw_only=True):
    may_use_reserved_places = True
    passage: Key | None = None
    passage_id: UUID | None = None
    by: PersonId | None = None

    def __post_init__(self) -> None:
        if self.passage is None and self.passage_id is None:
            raise ValueError("Object missing required field `passage`")

    @once
    def target(self) -> ids.PassageId:
        return self.resolve_passage(self.passage, self.passage_id)


class ClosePassage(OnPassage, frozen=True, kw_only=True):
    topic = "passage.closed"


class ReopenPassage(OnPassage, frozen=True, kw_only=True):
    topic = "passage.reopened"


class UnmarkPassage(OnPassage, frozen=True, kw_only=True):
    topic = "passage.unmarked"


class ReviseArticle(InDiscussion, frozen=True, kw_only=True):
    """Revise an article. `revision` is the publisher's name of the revision.

    `dropped` is true in the feed of a log that dropped the text. Such an event changes nothing.
    """

    topic = "article.revised"
    revision: Key
    text: fields.Article | None = None
    html: fields.Article | None = None
    dropped: bool = False

    def __post_init__(self) -> None:
        if self.dropped:
            return
        given = [(f, v) for f, v in (("text", self.text), ("html", self.html)) if v is not None]
        if not given:
            raise ValueError("Object missing required field `text` (or `html`)")
        if len(given) > 1:
            raise ValueError("`text` and `html` are given both")
        field, text = given[0]
        if isinstance(text, str):
            fields.check_article(field, text)

    @once
    def article(self) -> ids.ArticleId:
        return ids.article_id(self.discussion)


ModerationCommand = (
    HoldComment
    | RemoveComment
    | RestoreComment
    | ApproveComment
    | RejectComment
    | PinComment
    | UnpinComment
)
PassageCommand = ClosePassage | ReopenPassage | UnmarkPassage

DiscussionCommand = (
    OpenDiscussion
    | CloseDiscussion
    | ReopenDiscussion
    | MoveDiscussion
    | PostComment
    | EditComment
    | HoldComment
    | RemoveComment
    | RestoreComment
    | ApproveComment
    | RejectComment
    | PinComment
    | UnpinComment
    | FlagComment
    | CastVote
    | NullifyVote
    | RestoreVote
    | StartSubscription
    | EndSubscription
    | MarkPassage
    | ClosePassage
    | ReopenPassage
    | UnmarkPassage
    | ReviseArticle
)
"""Every command that names a discussion."""

PersonCommand = (
    ErasePerson
    | ReturnPerson
    | ConfigurePerson
    | LabelPerson
    | BanPerson
    | UnbanPerson
    | DistrustPerson
    | TrustPerson
)

AnyCommand = ConfigureSite | PersonCommand | DiscussionCommand
"""Every command; a match on it ends in `assert_never`."""

COMMANDS: dict[str, type[AnyCommand]] = {
    command.topic: command
    for command in (
        ConfigureSite,
        OpenDiscussion,
        CloseDiscussion,
        ReopenDiscussion,
        MoveDiscussion,
        PostComment,
        EditComment,
        HoldComment,
        RemoveComment,
        RestoreComment,
        ApproveComment,
        RejectComment,
        PinComment,
        UnpinComment,
        FlagComment,
        CastVote,
        NullifyVote,
        RestoreVote,
        StartSubscription,
        EndSubscription,
        MarkPassage,
        ClosePassage,
        ReopenPassage,
        UnmarkPassage,
        ErasePerson,
        ReturnPerson,
        ConfigurePerson,
        LabelPerson,
        BanPerson,
        UnbanPerson,
        DistrustPerson,
        TrustPerson,
        ReviseArticle,
    )
}


FEED_TOPICS = frozenset(COMMANDS) - {StartSubscription.topic, EndSubscription.topic}
"""Event types of the feed. Subscriptions may be published, but are private."""


class Commanded(msgspec.Struct, frozen=True, dict=True):
    """A command, and the act of publishing it (`dict` makes room for what is computed once)."""

    command: AnyCommand
    act: CommandContext
    is_checked: bool = False
    """True where a decoder has made both; else `rostra.deciding.checking` looks at them first."""

    @once
    def event_id(self) -> ids.EventId:
        return ids.event_id(self.act.source, self.act.id)


def acting_person(command: AnyCommand) -> str | None:
    """Return the person who acts by a command's own account, None where it names nobody."""
    match command:
        case CastVote():  # four in five
            return command.voter
        case PostComment():
            return command.author.id
        case ConfigurePerson() | StartSubscription() | EndSubscription():
            return command.who
        case ConfigureSite() | ErasePerson() | ReturnPerson() | OpenDiscussion() | ReviseArticle():
            return None
        case (
            CloseDiscussion()
            | EditComment()
            | ModerateComment()
            | FlagComment()
            | NullifyVote()
            | LabelPerson()
            | BanPerson()
            | UnbanPerson()
            | DistrustPerson()
            | TrustPerson()
            | MarkPassage()
            | OnPassage()
        ):
            return command.by
        case _:
            assert_never(command)
