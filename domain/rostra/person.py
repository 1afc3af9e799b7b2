"""A person of a site: what the site has concluded about them (trust)."""

import msgspec

from rostra.events import Act, Event
from rostra.refusals import id_collision

# -- events


class PersonTrusted(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A comment of theirs was approved: under the policy `first` the next need no approval."""

    topic = "person.trusted"
    site: str
    person: str
    by: str | None = None


PersonEvent = PersonTrusted

# -- state


class Person(msgspec.Struct, frozen=True):
    """`site` and `id` are None before the first event."""

    site: str | None = None
    id: str | None = None
    trusted: bool = False


INITIAL = Person()


def evolve(person: Person, event: PersonEvent) -> Person:
    """The person after the event."""
    return Person(event.site, event.person, trusted=True)


# -- decisions


def check(person: Person, site: str, person_id: str) -> None:
    """Raises id-collision where the stream is another person's."""
    if person.id is not None and (person.site, person.id) != (site, person_id):
        raise id_collision(person_id, person.id)


def trust(
    person: Person, act: Act, *, site: str, person_id: str, by: str | None
) -> list[PersonTrusted]:
    """Trust once given stays."""
    if person.trusted:
        return []
    return [PersonTrusted(time=act.time, site=site, person=person_id, by=by)]
