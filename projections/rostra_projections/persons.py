"""The view `persons`: the current settings and label of each person of a site."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from rostra.person import PersonConfigured, PersonErased, PersonLabelled
from rostra_projections.tables import Fact, Key, Rows, Table, sealed

# -- rows


class PersonRow(msgspec.Struct):
    """Person of a site. Somebody without settings and label has no row."""

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
    },
    indexes=(
        ("create index persons_v{v}_labelled on persons_v{v} (site, id) where label is not null"),
    ),
)

TABLES: tuple[Table[Any], ...] = (PERSONS,)
SHAPE = 1
EVENTS: frozenset[type] = frozenset({PersonConfigured, PersonErased, PersonLabelled})

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` looks at for this fact."""
    if type(fact.event) in EVENTS:
        yield PERSONS, fact.stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the row of the person that the fact is about."""
    event = fact.event
    if not isinstance(event, PersonConfigured | PersonErased | PersonLabelled):
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
