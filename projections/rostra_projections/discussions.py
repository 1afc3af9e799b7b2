"""The view `discussions`: what a discussion is called, and whether it is open."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from rostra import discussion
from rostra.discussion import (
    DiscussionClosed,
    DiscussionMoved,
    DiscussionOpened,
    DiscussionReopened,
)
from rostra.settings import Settings
from rostra.times import Time
from rostra_projections.tables import Fact, Key, Rows, Table

# -- rows


class DiscussionRow(msgspec.Struct):
    """Row of a discussion.

    `resource` is its present name, `settings` the JSON of its own settings. `changed` is the
    position of the last change to this row.
    """

    id: UUID
    site: str
    resource: str
    title: str | None
    url: str | None
    open: bool
    settings: str
    opened_at: Time
    changed: int


DISCUSSIONS = Table(
    "discussions",
    DiscussionRow,
    key=("id",),
    types={
        "id": "uuid",
        "site": "text",
        "resource": "text",
        "title": "text",
        "url": "text",
        "open": "boolean",
        "settings": "text",
        "opened_at": "timestamptz",
        "changed": "bigint",
    },
)

TABLES: tuple[Table[Any], ...] = (DISCUSSIONS,)
SHAPE = 1
EVENTS: frozenset[type] = frozenset(
    {
        DiscussionClosed,
        DiscussionMoved,
        DiscussionOpened,
        DiscussionReopened,
    }
)

# -- fold

_settings = msgspec.json.Decoder(Settings)


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` reads for this fact."""
    match fact.event:
        case DiscussionOpened() | DiscussionClosed() | DiscussionReopened() | DiscussionMoved():
            yield DISCUSSIONS, fact.stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches."""
    stream, event, position = fact.stream, fact.event, fact.position
    match event:
        case DiscussionOpened():
            _opened(rows.of(DISCUSSIONS), stream, event, position)
        case DiscussionClosed() | DiscussionReopened():
            row = rows.of(DISCUSSIONS)[stream]
            row.open = isinstance(event, DiscussionReopened)
            row.changed = position
        case DiscussionMoved():
            row = rows.of(DISCUSSIONS)[stream]
            row.resource, row.changed = event.called, position


def _opened(
    rows: dict[Key, DiscussionRow], stream: UUID, event: DiscussionOpened, position: int
) -> None:
    current = rows.get(stream)
    state = discussion.evolve(_state(current), event)
    rows[stream] = DiscussionRow(
        id=stream,
        site=event.site,
        resource=current.resource if current else event.resource,
        title=state.title,
        url=state.url,
        open=state.open,
        settings=msgspec.json.encode(state.settings).decode(),
        opened_at=current.opened_at if current else event.time,
        changed=position,
    )


def _state(row: DiscussionRow | None) -> discussion.Discussion:
    if row is None:
        return discussion.INITIAL
    return discussion.Discussion(
        site=row.site,
        resource=row.resource,
        title=row.title,
        url=row.url,
        settings=settings_of(row),
        open=row.open,
    )


def settings_of(row: DiscussionRow) -> Settings:
    """Return the settings that the discussion itself sets."""
    return _settings.decode(row.settings)
