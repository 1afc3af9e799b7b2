"""Settings of a site, and the settings by which a discussion overrides them."""

import re
from functools import lru_cache
from typing import Annotated, Literal, TypeVar, get_args

import msgspec

from rostra.limits import (
    DEPTH_MAX,
    EDIT_SECONDS,
    FLAGS_TO_HOLD_MAX,
    LABEL_CHARACTERS_MAX,
    LABELS_MAX,
    NAME_CHARACTERS_MAX,
    ORIGINS_MAX,
    PER_DAY_MAX,
    RESERVED_NAMES_MAX,
    REVIEW_SECONDS,
    REVIEW_SECONDS_MAX,
    RULE_SAY_CHARACTERS_MAX,
    RULE_WORD_CHARACTERS_MAX,
    RULE_WORDS_MAX,
    RULES_MAX,
    SLOW_SECONDS_MAX,
    URL_CHARACTERS_MAX,
)

Moderation = Literal["none", "first", "all"]
Voting = Literal["both", "up", "off"]
GuestVotes = Literal["address", "name", "off"]
Wordings = Literal["moderators", "public"]
"""Readers of a comment's earlier wordings, besides its author."""
Marking = Literal["persons", "publisher"]
NameSource = Literal["token", "person"]
"""Source of a person's name: the token, or the person, who sets it once for all."""
Cadence = Literal["now", "hourly", "daily", "off"]
Order = Literal["newest", "oldest", "most_voted", "best", "controversial", "hot"]

Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Depth = Annotated[int, msgspec.Meta(ge=0, le=DEPTH_MAX)]
Origin = Annotated[
    str, msgspec.Meta(max_length=URL_CHARACTERS_MAX, pattern=r"\A[^\x00-\x20\x7f-\x9f]+\Z")
]
ReservedName = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=NAME_CHARACTERS_MAX, pattern=r"\A[^\x00-\x1f\x7f-\x9f]+\Z"
    ),
]
ReservedNames = Annotated[
    tuple[ReservedName, ...],
    msgspec.Meta(max_length=RESERVED_NAMES_MAX, description="No guest may take one, or its like."),
]
Label = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=LABEL_CHARACTERS_MAX, pattern=r"\A[^\x00-\x1f\x7f-\x9f]+\Z"
    ),
]
Labels = Annotated[
    tuple[Label, ...],
    msgspec.Meta(max_length=LABELS_MAX, description="Labels that a person may be given."),
]
_REVIEW_URL = re.compile(r"https?://[!$-.0-;=?A-~\[\]]+(/[!$-?A-~\[\]]*)?")
Origins = Annotated[tuple[Origin, ...], msgspec.Meta(max_length=ORIGINS_MAX)]
RuleEffect = Literal["hold", "reject"]
RuleWord = Annotated[
    str, msgspec.Meta(min_length=1, max_length=RULE_WORD_CHARACTERS_MAX, pattern=r"\A[^\x00]*\Z")
]
LinksMin = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
RuleMessage = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=RULE_SAY_CHARACTERS_MAX, pattern=r"\A[^\x00]*\Z"),
]
DayLimit = Annotated[int, msgspec.Meta(ge=1, le=PER_DAY_MAX)]


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Service that decides on new words before they are shown."""

    url: str = ""
    """Empty where no service reviews."""
    seconds: int = REVIEW_SECONDS
    """Longest wait for an answer."""


class AskedReview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Review that a request may name. An empty `url` ends it."""

    url: Annotated[str, msgspec.Meta(max_length=URL_CHARACTERS_MAX)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=REVIEW_SECONDS_MAX)] = REVIEW_SECONDS

    def __post_init__(self) -> None:
        url: object = self.url  # made in Python it may be anything until it is checked
        if isinstance(url, str) and url and not _REVIEW_URL.fullmatch(url):
            raise ValueError("`url` must be an http or https URL without user and fragment")


class RuleConditions(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True
):
    """Conditions of a rule; it fits a comment if each of those that are given holds."""

    words: tuple[str, ...] = ()
    """One of these words or phrases is in the text."""
    pattern: str | None = None
    """Regular expression of RE2 that is found in the text."""
    links_min: int | None = None
    """Least number of links."""
    guest: bool | None = None
    """True: the author is a guest. False: the author has an account."""
    first: bool | None = None
    """True: the author has no approved comment yet. False: the author has one."""
    letters_same_share: float | None = None
    """Least share of the most frequent letter among all letters."""


class ContentRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """Rule of a site about the words of new comments."""

    when: RuleConditions
    then: RuleEffect
    say: str | None = None
    """Message to the author of a rejected comment."""


class AskedConditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions of a rule that a request names."""

    words: Annotated[tuple[RuleWord, ...], msgspec.Meta(max_length=RULE_WORDS_MAX)] = ()
    pattern: Annotated[str, msgspec.Meta(min_length=1, pattern=r"\A[^\x00]*\Z")] | None = None
    links_min: LinksMin | None = None
    guest: bool | None = None
    first: bool | None = None
    letters_same_share: Share | None = None


class AskedRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rule that a request names."""

    when: AskedConditions
    then: RuleEffect
    say: RuleMessage | None = None

    def to_rule(self) -> ContentRule:
        """Return the rule in the form of events."""
        conditions = msgspec.structs.asdict(self.when)
        return ContentRule(when=RuleConditions(**conditions), then=self.then, say=self.say)


class DayLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Writes of a person, and of an address, within a day; None for no limit of the site's."""

    comments: int | None = None
    votes: int | None = None
    marks: int | None = None


class AskedDayLimits(DayLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits a day that a request may name."""

    comments: DayLimit | None = None
    votes: DayLimit | None = None
    marks: DayLimit | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """Settings of a discussion; None leaves one to the site.

    This is the form in events: a limit that is tightened later, or a setting that is added, makes
    no earlier event unreadable.
    """

    moderation: Moderation | None = None
    edit_seconds: int | None = None
    voting: Voting | None = None
    self_votes: bool | None = None
    private: bool | None = None
    open_on_first: bool | None = None
    wordings: Wordings | None = None
    marking: Marking | None = None
    breaks: bool | None = None
    """True if a single newline in a comment's body is a line break."""


class SiteSettings(Settings, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """Settings of a site; None leaves one to `Rules`."""

    origins: tuple[str, ...] | None = None
    guests: bool | None = None
    depth: int | None = None
    orders: tuple[Order, ...] | None = None
    reserved_names: tuple[str, ...] | None = None
    guest_votes: GuestVotes | None = None
    names: NameSource | None = None
    labels: tuple[str, ...] | None = None
    review: Review | None = None
    rules: tuple[ContentRule, ...] | None = None
    slow_seconds: int | None = None
    """Least number of seconds between two comments of a person, or of an address."""
    per_day: DayLimits | None = None
    flags_to_hold: int | None = None
    """Number of persons whose flags hold a published comment; 0 for none."""
    moderators_named: bool | None = None
    """True if the public log of moderation names moderators; else it names their role."""


class AskedSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a discussion that a request may name."""

    edit_seconds: Seconds | None = None


class AskedSiteSettings(SiteSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a site that a request may name."""

    edit_seconds: Seconds | None = None
    origins: Origins | None = None
    depth: Depth | None = None
    orders: Annotated[tuple[Order, ...], msgspec.Meta(min_length=1, max_length=6)] | None = None
    reserved_names: ReservedNames | None = None
    labels: Labels | None = None
    review: AskedReview | None = None  # type: ignore[assignment]  # replaced below
    rules: Annotated[tuple[AskedRule, ...], msgspec.Meta(max_length=RULES_MAX)] | None = None  # type: ignore[assignment]  # replaced below
    slow_seconds: Annotated[int, msgspec.Meta(ge=0, le=SLOW_SECONDS_MAX)] | None = None
    per_day: AskedDayLimits | None = None
    flags_to_hold: Annotated[int, msgspec.Meta(ge=0, le=FLAGS_TO_HOLD_MAX)] | None = None

    def __post_init__(self) -> None:
        """Replace what was asked for by the form of events."""
        if isinstance(self.review, AskedReview):
            plain = Review(url=self.review.url, seconds=self.review.seconds)
            msgspec.structs.force_setattr(self, "review", plain)
        if isinstance(self.per_day, AskedDayLimits):
            limits = DayLimits(**msgspec.structs.asdict(self.per_day))
            msgspec.structs.force_setattr(self, "per_day", limits)
        rules: object = self.rules
        if isinstance(rules, tuple):
            plain_rules = tuple(
                one.to_rule() if isinstance(one, AskedRule) else one for one in rules
            )
            msgspec.structs.force_setattr(self, "rules", plain_rules)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Settings in force in one discussion, with the contract's defaults."""

    moderation: Moderation = "none"
    edit_seconds: int = EDIT_SECONDS
    voting: Voting = "both"
    self_votes: bool = False
    private: bool = False
    open_on_first: bool = False
    wordings: Wordings = "moderators"
    marking: Marking = "persons"
    breaks: bool = True
    origins: tuple[str, ...] = ("*",)
    guests: bool = False
    depth: int = DEPTH_MAX
    orders: tuple[Order, ...] = get_args(Order)
    reserved_names: tuple[str, ...] = ()
    guest_votes: GuestVotes = "address"
    names: NameSource = "token"
    labels: tuple[str, ...] = ()
    review: Review = Review()
    rules: tuple[ContentRule, ...] = ()
    slow_seconds: int = 0
    per_day: DayLimits = DayLimits()
    flags_to_hold: int = 0
    moderators_named: bool = False


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Delay of mails to a person, by reason; None leaves one to the defaults of mails."""

    replies: Cadence | None = None
    mentions: Cadence | None = None
    subscriptions: Cadence | None = None
    moderation: Cadence | None = None


class AskedNotifySettings(NotifySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mail settings that a request may name."""


S = TypeVar("S", bound="Settings")


def given_settings(settings: Settings) -> dict[str, object]:
    """Return the settings that have a value."""
    fields = msgspec.structs.asdict(settings)
    return {name: value for name, value in fields.items() if value is not None}


def merge(current: S, change: Settings) -> S:
    """Return settings in which those that `change` names are replaced."""
    return msgspec.structs.replace(current, **given_settings(change))


@lru_cache(64)
def shared_rules(rules: tuple[ContentRule, ...]) -> tuple[ContentRule, ...]:
    """Return one object for equal rules, so that long ones are compared by identity."""
    return rules


@lru_cache(1_024)
def rules(site: SiteSettings, discussion: Settings) -> Rules:
    """Return the rules of a discussion: its settings, else the site's, else the defaults."""
    return msgspec.structs.replace(
        Rules(), **{**given_settings(site), **given_settings(discussion)}
    )
