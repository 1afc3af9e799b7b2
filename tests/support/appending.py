"""Events to append and their answers as objects: easier to read in a test than columns."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from rostra.ids import EventId, StreamId
from rostra.log import EventLog, NewEvents, expected_versions


class NewEvent(msgspec.Struct, frozen=True):
    """An event about to be appended."""

    stream: StreamId
    version: int
    topic: str
    state: bytes


class Group(msgspec.Struct, frozen=True):
    """Events that are recorded all together or not at all, guarded by versions of streams."""

    events: tuple[NewEvent, ...]
    guards: Mapping[UUID, int]
    event_id: EventId
    metadata: bytes


class Appended(msgspec.Struct, frozen=True):
    """The group was recorded at the positions `first` to `last`."""

    first: int
    last: int


class Stale(msgspec.Struct, frozen=True):
    """The group was refused: a stream it was decided upon has moved on."""


def columns(groups: Sequence[Group]) -> NewEvents:
    """Return groups as the log takes them."""
    rows = [(group, event) for group in groups for event in group.events]
    ends: list[int] = []
    for group in groups:
        ends.append((ends[-1] if ends else 0) + len(group.events))
    new = NewEvents(
        streams=[event.stream.int for _, event in rows],
        versions=[event.version for _, event in rows],
        topics=[event.topic for _, event in rows],
        states=[event.state for _, event in rows],
        event_ids=[group.event_id.int for group, _ in rows],
        metadata=[group.metadata for group, _ in rows],
        ends=ends,
        guards=[{stream.int: n for stream, n in group.guards.items()} for group in groups],
        expected=None,
    )
    return msgspec.structs.replace(new, expected=expected_versions([new]))


async def append(log: EventLog, groups: Sequence[Group]) -> list[Appended | Stale]:
    """Append groups; one answer each."""
    firsts = await log.append(columns(groups))
    return [
        Stale() if first is None else Appended(first, first + len(group.events) - 1)
        for group, first in zip(groups, firsts, strict=True)
    ]
