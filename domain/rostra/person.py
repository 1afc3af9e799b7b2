"""A person of a site: what it has concluded about them (trust), and whether they are erased."""

import msgspec

from rostra.commands import ErasePerson, ReturnPerson
from rostra.events import CommandContext, Event
from rostra.refusals import Refusal, id_collision

# -- events


class PersonTrusted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A comment of theirs was approved: under the policy `first` the next need no approval."""

    topic = "person.trusted"
    site: str
    person: str
    by: str | None = None


class PersonErased(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Their key was destroyed before: what they wrote and were called is gone."""

    topic = "person.erased"
    site: str
    person: str


class PersonReturned(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """They may write again, with a new key."""

    topic = "person.returned"
    site: str
    person: str


PersonEvent = PersonTrusted | PersonErased | PersonReturned

# -- state


class Person(msgspec.Struct, frozen=True):
    """`site` and `id` are None before the first event. `erasures`: how often they were
    erased, which tells their keys apart."""

    site: str | None = None
    id: str | None = None
    trusted: bool = False
    erased: bool = False
    erasures: int = 0


INITIAL = Person()


def evolve(person: Person, event: PersonEvent) -> Person:
    """The person after the event."""
    change: dict[str, object]
    match event:
        case PersonTrusted():
            change = {"trusted": True}
        case PersonErased():
            change = {"erased": True, "erasures": person.erasures + 1}
        case PersonReturned():
            change = {"erased": False}
    return msgspec.structs.replace(person, site=event.site, id=event.person, **change)


# -- decisions


def check(person: Person, site: str, person_id: str) -> None:
    """Raises id-collision where the stream is another person's."""
    if person.id is not None and (person.site, person.id) != (site, person_id):
        raise id_collision(person_id, person.id)


def trust(
    person: Person, act: CommandContext, *, site: str, person_id: str, by: str | None
) -> list[PersonTrusted]:
    """Trust once given stays."""
    if person.trusted:
        return []
    return [PersonTrusted(time=act.time, site=site, person=person_id, by=by)]


def must_not_be_erased(person: Person, person_id: str) -> None:
    """Raises person-erased."""
    if person.erased:
        raise erased(person_id)


def erased(person_id: str) -> Refusal:
    """Why nothing more is taken of a person."""
    return Refusal("person-erased", f"the person {person_id!r} was erased")


def erase(person: Person, command: ErasePerson, act: CommandContext) -> list[PersonErased]:
    """Also somebody who is unknown, of whom there may be words. Who is erased stays so."""
    if person.erased:
        return []
    return [PersonErased(time=act.time, site=command.site, person=command.who)]


def return_(person: Person, command: ReturnPerson, act: CommandContext) -> list[PersonReturned]:
    """Let an erased person write again. Their earlier words stay erased."""
    if not person.erased:
        return []
    return [PersonReturned(time=act.time, site=command.site, person=command.who)]
