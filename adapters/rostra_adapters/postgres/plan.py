"""From groups of events to the arguments of `rostra_append`, and back to its answers."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from rostra.log import Appended, Group, Stale

APPEND = """
select first, refused
from public.rostra_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

Arguments = tuple[Sequence[object] | None, ...]
_NOT_DESCRIBED = (None,) * 6


class Plan(msgspec.Struct, frozen=True):
    """One call. `certain`: unless a stream has moved on, every group holds."""

    arguments: Arguments
    certain: bool


def optimistic(callers: Sequence[Sequence[Group]]) -> Plan:
    """All groups or none: what each stream's version must be for all of them to hold.

    By induction over the groups: the first guard on a stream fixes where it must
    stand before the call, each later one is compared with what the groups before
    it make of that. So all hold if, and only if, every stream stands there. A stream
    that begins with an event of theirs need not be looked at: unless it is empty, the
    primary key refuses the whole call.
    """
    expected: dict[UUID, int] = {}
    ahead: dict[UUID, int] = {}
    certain = True
    for groups in callers:
        for group in groups:
            begun = {event.stream for event in group.events if event.version == 1}
            for stream, version in group.guards.items():
                now = ahead.get(stream)
                if now is None:
                    ahead[stream] = version
                    if stream not in begun:
                        expected[stream] = version
                elif now != version:
                    certain = False
            for event in group.events:
                ahead[event.stream] = event.version
    arguments = (list(expected), list(expected.values()), *_events(callers), *_NOT_DESCRIBED)
    return Plan(arguments=arguments, certain=certain)


def in_order(callers: Sequence[Sequence[Group]]) -> Plan:
    """Every group described, so that those which hold are recorded."""
    numbers: dict[UUID, int] = {}
    of_caller: list[object] = []
    guard_ends: list[object] = []
    guard_streams: list[object] = []
    guard_versions: list[object] = []
    event_ends: list[object] = []
    event_streams: list[object] = []
    for caller, groups in enumerate(callers, start=1):
        for group in groups:
            for stream, version in group.guards.items():
                guard_streams.append(numbers.setdefault(stream, len(numbers) + 1))
                guard_versions.append(version)
            event_streams.extend(numbers[event.stream] for event in group.events)
            of_caller.append(caller)
            guard_ends.append(len(guard_streams))
            event_ends.append(len(event_streams))
    described = (of_caller, guard_ends, guard_streams, guard_versions, event_ends, event_streams)
    return Plan(arguments=(list(numbers), None, *_events(callers), *described), certain=True)


def _events(callers: Sequence[Sequence[Group]]) -> Arguments:
    streams: list[object] = []
    versions: list[object] = []
    topics: list[object] = []
    states: list[object] = []
    event_ids: list[object] = []
    metadatas: list[object] = []
    for groups in callers:
        for group in groups:
            metadata = group.metadata.decode()
            for event in group.events:
                streams.append(event.stream)
                versions.append(event.version)
                topics.append(event.topic)
                states.append(event.state)
                event_ids.append(group.event_id)
                metadatas.append(metadata)
    return streams, versions, topics, states, event_ids, metadatas


def outcomes(
    groups: Iterable[Group], first: int, refused: Sequence[bool] | None
) -> list[Appended | Stale]:
    """An answer for each group, from what `rostra_append` answered for its events."""
    answers: list[Appended | Stale] = []
    event = 0
    for group in groups:
        if refused is not None and refused[event]:
            answers.append(Stale())
        else:
            answers.append(Appended(first=first, last=first + len(group.events) - 1))
            first += len(group.events)
        event += len(group.events)
    return answers
