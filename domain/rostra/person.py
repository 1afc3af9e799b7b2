"""A person of a site: their settings, label and trust, and whether they are erased."""

from uuid import UUID

import msgspec

from rostra.commands import (
    BannedComments,
    BannedVotes,
    BanPerson,
    ConfigurePerson,
    DistrustPerson,
    ErasePerson,
    LabelPerson,
    ReturnPerson,
    TrustPerson,
    UnbanPerson,
)
from rostra.events import CommandContext, Event, Personal, Words, because
from rostra.limits import PERSON_CHANGES_MAX
from rostra.refusals import Refusal, id_collision
from rostra.settings import NotifySettings, SiteSettings
from rostra.times import LONG_AGO, Time

# -- events


class PersonTrusted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A comment of theirs was approved: under the policy `first` the next need no approval."""

    topic = "person.trusted"
    site: str
    person: str
    by: str | None = None
    is_published: bool = False
    """True where a moderator gave the trust itself; False for a conclusion of Rostra's."""
    comment: UUID | None = None
    """Comment whose approval gave the trust. None in events of earlier versions, too."""


class PersonErased(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Destruction of the key of a person's words."""

    topic = "person.erased"
    site: str
    person: str


class PersonReturned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """They may write again, with a new key."""

    topic = "person.returned"
    site: str
    person: str


class PersonConfigured(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All settings of a person after a change, sealed with their key.

    `personal` is None if the settings were erased before the event was published here.
    """

    topic = "person.configured"
    site: str
    person: str
    personal: Personal | None = None


class PersonLabelled(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A label was given, or taken away (None)."""

    topic = "person.labelled"
    site: str
    person: str
    by: str
    label: str | None = None


class PersonBanned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Ban on comments, votes, flags and marks, or a change of that ban's terms.

    What it removes and nullifies are events of their own. `personal` holds the reason.
    """

    topic = "person.banned"
    site: str
    person: str
    by: str
    until: Time | None = None
    """End of the ban, None for no end."""
    comments: BannedComments = "keep"
    votes: BannedVotes = "keep"
    personal: Personal | None = None


class PersonUnbanned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """End of a ban; with `restore` what it removed and nullified comes back."""

    topic = "person.unbanned"
    site: str
    person: str
    by: str
    restore: bool = False


class PersonDistrusted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Under the policy `first` their next comment needs an approval again."""

    topic = "person.distrusted"
    site: str
    person: str
    by: str | None = None
    comment: UUID | None = None
    """Comment whose approval had given the trust, and which is held or rejected now. None where a
    moderator took the trust back itself."""


PersonEvent = (
    PersonTrusted
    | PersonErased
    | PersonReturned
    | PersonConfigured
    | PersonLabelled
    | PersonBanned
    | PersonUnbanned
    | PersonDistrusted
)

# -- state


class Person(msgspec.Struct, frozen=True):
    """State of a person."""

    site: str | None = None
    """None before the first event."""
    id: str | None = None
    """None before the first event."""
    trusted: bool = False
    trusted_by_comment: UUID | None = None
    """Comment whose approval gave the trust that the person has."""
    distrusted_by_comment: UUID | None = None
    """Comment with which the trust that its approval gave was lost."""
    is_erased: bool = False
    erasures: int = 0
    """Number of erasures, which distinguishes the person's keys."""
    words: Personal | None = None
    """The latest settings."""
    words_version: int = 0
    """Version of the event that holds the latest settings."""
    configured_at: Time = LONG_AGO
    configurations: int = 0
    label: str | None = None
    labelled_at: Time = LONG_AGO
    ban: PersonBanned | None = None
    """The ban in force unless its term has ended; None where there is none."""
    ban_decided_at: Time = LONG_AGO
    """Time of the latest ban or its end."""
    trust_decided_at: Time = LONG_AGO
    """Time of the latest act by which trust was given or taken back."""
    version: int = 0

    def ban_at(self, time: Time) -> PersonBanned | None:
        """Return the ban that is in force at a time, None if there is none."""
        ban = self.ban
        return ban if ban is not None and (ban.until is None or time < ban.until) else None


INITIAL = Person()


def evolve(person: Person, event: PersonEvent) -> Person:
    """Return the person after the event."""
    version = person.version + 1
    change: dict[str, object]
    match event:
        case PersonTrusted():
            change = {"trusted": True, "trusted_by_comment": event.comment,
                      "distrusted_by_comment": None}  # fmt: skip
            if event.is_published:
                change["trust_decided_at"] = event.time
        case PersonDistrusted():
            change = {"trusted": False, "trusted_by_comment": None,
                      "distrusted_by_comment": event.comment}  # fmt: skip
            if event.comment is None:
                change["trust_decided_at"] = event.time
        case PersonBanned():
            change = {"ban": event, "ban_decided_at": event.time}
        case PersonUnbanned():
            change = {"ban": None, "ban_decided_at": event.time}
        case PersonErased():
            change = {"is_erased": True, "erasures": person.erasures + 1, "words": None}
        case PersonReturned():
            change = {"is_erased": False}
        case PersonConfigured():
            change = {"words": event.personal, "words_version": version,
                      "configured_at": event.time,
                      "configurations": person.configurations + 1}  # fmt: skip
        case PersonLabelled():
            change = {"label": event.label, "labelled_at": event.time}
    return msgspec.structs.replace(
        person, site=event.site, id=event.person, version=version, **change
    )


# -- decisions


def check(person: Person, site: str, person_id: str) -> None:
    """Raise id-collision if the stream belongs to another person."""
    if person.id is not None and (person.site, person.id) != (site, person_id):
        raise id_collision(person_id, person.id)


def trust(
    person: Person,
    act: CommandContext,
    *,
    site: str,
    person_id: str,
    by: str | None,
    comment: UUID,
) -> list[PersonTrusted]:
    """Trust the author of an approved comment."""
    if person.trusted:
        return []
    return [PersonTrusted(time=act.time, site=site, person=person_id, by=by, comment=comment)]


def lose_trust(
    person: Person,
    act: CommandContext,
    *,
    site: str,
    person_id: str,
    by: str | None,
    comment: UUID,
) -> list[PersonDistrusted]:
    """Take back the trust that the approval of a comment gave, once that is held or rejected.

    Another approval of the comment gives it again.
    """
    if person.trusted_by_comment != comment:
        return []
    return [PersonDistrusted(time=act.time, site=site, person=person_id, by=by, comment=comment)]


def give_trust(person: Person, command: TrustPerson, act: CommandContext) -> list[PersonTrusted]:
    """Trust a person, whether or not a comment of theirs was approved. The latest time wins."""
    if person.trusted or act.time < person.trust_decided_at:
        return []
    trusted = PersonTrusted(
        time=act.time, site=command.site, person=command.who, by=command.by, is_published=True
    )
    return [trusted]


def distrust(
    person: Person, command: DistrustPerson, act: CommandContext
) -> list[PersonDistrusted]:
    """Take a person's trust back. The latest time wins."""
    if not person.trusted or act.time < person.trust_decided_at:
        return []
    return [PersonDistrusted(time=act.time, site=command.site, person=command.who, by=command.by)]


def ban(person: Person, command: BanPerson, act: CommandContext) -> list[PersonBanned]:
    """Ban a person, or change the terms of their ban. The latest time wins."""
    current = person.ban_at(act.time)
    until = None if command.until is None else Time(command.until)
    terms = (until, command.comments, command.votes)
    is_same = current is not None and terms == (current.until, current.comments, current.votes)
    if is_same or act.time < person.ban_decided_at:
        return []
    return [
        PersonBanned(
            time=act.time,
            site=command.site,
            person=command.who,
            by=command.by,
            until=until,
            comments=command.comments,
            votes=command.votes,
            personal=because(command.reason),
        )
    ]


def unban(person: Person, command: UnbanPerson, act: CommandContext) -> list[PersonUnbanned]:
    """End a person's ban, also one whose term has ended. The latest time wins."""
    if person.ban is None or act.time < person.ban_decided_at:
        return []
    return [
        PersonUnbanned(
            time=act.time,
            site=command.site,
            person=command.who,
            by=command.by,
            restore=command.restore,
        )
    ]


def must_not_be_banned(person: Person, time: Time) -> None:
    """Raise person-banned if the person is banned at that time."""
    current = person.ban_at(time)
    if current is not None:
        end = "" if current.until is None else f" until {current.until}"
        detail = f"the person {current.person!r} is banned{end}"
        raise Refusal("person-banned", detail, until=current.until)


def must_not_be_erased(person: Person, person_id: str) -> None:
    """Raise person-erased if the person is erased."""
    if person.is_erased:
        raise erased_person(person_id)


def erased_person(person_id: str) -> Refusal:
    """Return the refusal of a command that names an erased person."""
    return Refusal("person-erased", f"the person {person_id!r} was erased")


def erase(person: Person, command: ErasePerson, act: CommandContext) -> list[PersonErased]:
    """Erase a person, also an unknown one, of whom there may be words.

    Erasing an erased person changes nothing.
    """
    if person.is_erased:
        return []
    return [PersonErased(time=act.time, site=command.site, person=command.who)]


def return_(person: Person, command: ReturnPerson, act: CommandContext) -> list[PersonReturned]:
    """Let an erased person write again. Their earlier words stay erased."""
    if not person.is_erased:
        return []
    return [PersonReturned(time=act.time, site=command.site, person=command.who)]


def configure(
    person: Person, command: ConfigurePerson, act: CommandContext, words: Words | None
) -> list[PersonConfigured]:
    """Replace the settings that the command names; `words` are the current ones.

    An older act than the latest changes nothing. Raises too-many-changes, but never where a person
    only turns mails off.
    """
    current = Words() if words is None else words
    changed = msgspec.structs.replace(current, **_merged(current, command))
    if act.time < person.configured_at or changed == current:
        return []
    if person.configurations >= PERSON_CHANGES_MAX and not _only_turns_off(command):
        detail = f"the settings have changed {PERSON_CHANGES_MAX} times"
        raise Refusal("too-many-changes", detail)
    return [
        PersonConfigured(time=act.time, site=command.site, person=command.who, personal=changed)
    ]


def _only_turns_off(command: ConfigurePerson) -> bool:
    """Return whether a command changes nothing but cadences, and these to `off`."""
    named = command.named
    if named.keys() != {"notify"}:
        return False
    asked = msgspec.structs.asdict(named["notify"])
    return {cadence for cadence in asked.values() if cadence is not None} == {"off"}


def _merged(current: Words, command: ConfigurePerson) -> dict[str, object]:
    """Return the settings after the command. Cadences that `notify` does not name are unchanged."""
    named = command.named
    if "notify" in named:
        before = msgspec.structs.asdict(current.notify or NotifySettings())
        asked = msgspec.structs.asdict(named["notify"])
        given = {reason: cadence for reason, cadence in asked.items() if cadence is not None}
        named["notify"] = NotifySettings(**{**before, **given})
    return named


def label(
    person: Person, command: LabelPerson, act: CommandContext, settings: SiteSettings
) -> list[PersonLabelled]:
    """Label a person with one of the site's labels, or take their label away.

    An older act than the latest changes nothing. Raises unknown-label.
    """
    if command.label is not None and command.label not in (settings.labels or ()):
        detail = f"{command.label!r} is not in the site's setting `labels`"
        raise Refusal("unknown-label", detail, retryable=True)
    if act.time < person.labelled_at or person.label == command.label:
        return []
    return [
        PersonLabelled(
            time=act.time, site=command.site, person=command.who, label=command.label, by=command.by
        )
    ]
