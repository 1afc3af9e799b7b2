"""The view `persons`: the current settings, label, ban and trust of each person of a site."""

from collections.abc import Iterator
from typing import Any, get_args
from uuid import UUID

import msgspec

from rostra.person import (
    PersonBanned,
    PersonConfigured,
    PersonDistrusted,
    PersonErased,
    PersonLabelled,
    PersonTrusted,
    PersonUnbanned,
)
from rostra.times import Time
from rostra_projections.tables import Fact, Key, Rows, Table, sealed

# -- rows


class PersonRow(msgspec.Struct):
    """Person of a site about whom there is an event."""

    id: UUID
    """The person's stream."""
    site: str
    person: str
    changed: int
    """Position of the last change to this row."""
    words: bytes | None = None
    """The settings as the log has them; None if there are none, or they were erased."""
    words_event: UUID | None = None
    label: str | None = None
    trusted: bool = False
    banned_at: Time | None = None
    """Time of the ban that no moderator has ended; None if there is none."""
    banned_until: Time | None = None
    """End of the ban's term; None for a ban without end, or no ban."""
    banned_by: str | None = None

    def is_banned(self, time: Time) -> bool:
        """Return whether a ban is in force at a time."""
        until = self.banned_until
        return self.banned_at is not None and (until is None or time < until)


PERSONS = Table(
    "persons",
    PersonRow,
    key=("id",),
    types={
        "id": "uuid",
        "site": "text",
        "person": "text",
        "changed": "bigint",
        "words": "bytea",
        "words_event": "uuid",
        "label": "text",
        "trusted": "boolean",
        "banned_at": "timestamptz",
        "banned_until": "timestamptz",
        "banned_by": "text",
    },
    indexes=(
        "create index persons_v{v}_labelled on persons_v{v} (site, id) where label is not null",
        "create index persons_v{v}_banned on persons_v{v} (site, id) where banned_at is not null",
    ),
)

TABLES: tuple[Table[Any], ...] = (PERSONS,)
SHAPE = 2
_PersonEvent = (
    PersonBanned
    | PersonConfigured
    | PersonDistrusted
    | PersonErased
    | PersonLabelled
    | PersonTrusted
    | PersonUnbanned
)
EVENTS: frozenset[type] = frozenset(get_args(_PersonEvent))

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` looks at for this fact."""
    if type(fact.event) in EVENTS:
        yield PERSONS, fact.stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the row of the person that the fact is about."""
    event = fact.event
    if not isinstance(event, _PersonEvent):
        return
    persons = rows.of(PERSONS)
    row = persons.get(fact.stream)
    if row is None:
        if isinstance(event, PersonErased):
            return
        row = persons[fact.stream] = PersonRow(fact.stream, event.site, event.person, 0)
    row.changed = fact.position
    match event:
        case PersonConfigured():
            row.words, row.words_event = sealed(event.personal), fact.event_id
        case PersonErased():
            row.words, row.words_event = None, None
        case PersonLabelled():
            row.label = event.label
        case PersonTrusted():
            row.trusted = True
        case PersonDistrusted():
            row.trusted = False
        case PersonBanned():
            row.banned_at, row.banned_until = event.time, event.until
            row.banned_by = event.by
        case PersonUnbanned():
            row.banned_at = row.banned_until = row.banned_by = None
