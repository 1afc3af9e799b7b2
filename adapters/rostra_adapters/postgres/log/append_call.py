"""From groups of events to the arguments of `rostra_append`, and back to its answers."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from rostra.log import Appended, Group, Stale
from rostra_adapters.postgres import binary_arrays as arrays

APPEND = """
select first, refused
from public.rostra_append(
    $1::public.rostra_uuids, $2::public.rostra_bigints,
    $3::public.rostra_uuids, $4::public.rostra_bigints, $5::public.rostra_texts,
    $6::public.rostra_byteas, $7::public.rostra_uuids, $8::public.rostra_jsonbs,
    $9, $10, $11, $12, $13, $14
)
"""
"""On a connection that takes `arrays`."""

Arguments = tuple[bytes | Sequence[int] | None, ...]
_NOT_DESCRIBED = (None,) * 6


class AppendPlan(msgspec.Struct, frozen=True):
    """One call. `certain`: unless a stream has moved on, every group holds."""

    arguments: Arguments
    certain: bool


def optimistic(callers: Sequence[Sequence[Group]]) -> AppendPlan:
    """All groups or none: what each stream's version must be for all of them to hold.

    By induction over the groups: the first guard on a stream fixes where it must
    stand before the call, each later one is compared with what the groups before
    it make of that. So all hold if, and only if, every stream stands there. A stream
    that begins with an event of theirs need not be looked at: unless it is empty, the
    primary key refuses the whole call.
    """
    expected: dict[int, int] = {}  # by the UUIDs' numbers, which are quicker to find
    ahead: dict[int, int] = {}
    certain = True
    for groups in callers:
        for group in groups:
            for guarded, version in group.guards.items():
                stream = guarded.int
                now = ahead.get(stream)
                if now is None:
                    expected[stream] = ahead[stream] = version
                elif now != version:
                    certain = False
            for event in group.events:
                stream = event.stream.int
                ahead[stream] = event.version
                if event.version == 1:
                    expected.pop(stream, None)
    guards = (arrays.uuids(expected), arrays.bigints(expected.values()))
    return AppendPlan(arguments=(*guards, *_events(callers), *_NOT_DESCRIBED), certain=certain)


def in_order(callers: Sequence[Sequence[Group]]) -> AppendPlan:
    """Every group described, so that those which hold are recorded."""
    numbers: dict[UUID, int] = {}
    of_caller: list[int] = []
    guard_ends: list[int] = []
    guard_streams: list[int] = []
    guard_versions: list[int] = []
    event_ends: list[int] = []
    event_streams: list[int] = []
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
    arguments = (
        arrays.uuids([stream.int for stream in numbers]),
        None,
        *_events(callers),
        *described,
    )
    return AppendPlan(arguments=arguments, certain=True)


def _events(callers: Sequence[Sequence[Group]]) -> Arguments:
    groups = [group for groups in callers for group in groups]
    events = [event for group in groups for event in group.events]
    owners = [group for group in groups for _ in group.events]
    return (
        arrays.uuids([event.stream.int for event in events]),
        arrays.bigints([event.version for event in events]),
        arrays.texts([event.topic for event in events]),
        arrays.byteas([event.state for event in events]),
        arrays.uuids([group.event_id.int for group in owners]),
        arrays.jsonbs([group.metadata for group in owners]),
    )


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
            last = first + len(group.events) - 1
            answers.append(Appended(first, last))
            first += len(group.events)
        event += len(group.events)
    return answers
