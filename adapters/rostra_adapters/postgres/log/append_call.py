"""From columns of events to the arguments of `rostra_append_on`, and back to its answers."""

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar
from uuid import UUID

import msgspec

from rostra.log import NewEvents, expected_versions
from rostra_adapters.postgres import binary_arrays

APPEND = """
select first, refused
from public.rostra_append_on(
    $1, $2::public.rostra_uuids, $3::public.rostra_bigints,
    $4::public.rostra_uuids, $5::public.rostra_bigints, $6::public.rostra_texts,
    $7::public.rostra_byteas, $8::public.rostra_uuids, $9::public.rostra_texts,
    $10, $11, $12, $13, $14, $15
)
"""
"""On a connection that takes `arrays`."""

_T = TypeVar("_T")
Arguments = tuple[bytes | UUID | Sequence[int] | None, ...]
_NOT_DESCRIBED = (None,) * 6


class AppendPlan(msgspec.Struct, frozen=True):
    """One call. `certain`: unless a stream has moved on, every group holds."""

    arguments: Arguments
    certain: bool


def optimistic(callers: Sequence[NewEvents]) -> AppendPlan:
    """All groups or none: what each stream's version must be for all of them to hold.

    A stream that begins with an event of theirs need not be looked at: unless it is empty, the
    primary key refuses the whole call.
    """
    alone = len(callers) == 1
    expected = callers[0].expected if alone else expected_versions(callers)
    begun = {
        stream
        for events in callers
        for stream, version in zip(events.streams, events.versions, strict=True)
        if version == 1
    }
    looked_up = {
        stream: version for stream, version in (expected or {}).items() if stream not in begun
    }
    guards = (binary_arrays.uuids(looked_up), binary_arrays.bigints(looked_up.values()))
    arguments = (callers[0].log, *guards, *_events(callers), *_NOT_DESCRIBED)
    return AppendPlan(arguments=arguments, certain=expected is not None)


def in_order(callers: Sequence[NewEvents]) -> AppendPlan:
    """Every group described, so that those which hold are recorded."""
    numbers: dict[int, int] = {}
    of_caller: list[int] = []
    guard_ends: list[int] = []
    guard_streams: list[int] = []
    guard_versions: list[int] = []
    event_ends: list[int] = []
    event_streams: list[int] = []
    for caller, events in enumerate(callers, start=1):
        before = len(event_streams)
        for guards in events.guards:
            for stream, version in guards.items():
                guard_streams.append(numbers.setdefault(stream, len(numbers) + 1))
                guard_versions.append(version)
            guard_ends.append(len(guard_streams))
        event_streams += [numbers[stream] for stream in events.streams]
        event_ends += [before + end for end in events.ends]
        of_caller += [caller] * len(events.ends)
    described = (of_caller, guard_ends, guard_streams, guard_versions, event_ends, event_streams)
    arguments = (callers[0].log, binary_arrays.uuids(numbers), None, *_events(callers), *described)
    return AppendPlan(arguments=arguments, certain=True)


def _events(callers: Sequence[NewEvents]) -> Arguments:
    return (
        binary_arrays.uuids(_joined([events.streams for events in callers])),
        binary_arrays.bigints(_joined([events.versions for events in callers])),
        binary_arrays.texts([topic.encode() for events in callers for topic in events.topics]),
        binary_arrays.byteas(_joined([events.states for events in callers])),
        binary_arrays.uuids(_joined([events.event_ids for events in callers])),
        binary_arrays.texts([_open(one) for events in callers for one in events.metadata]),
    )


def _open(metadata: bytes) -> bytes:
    """Return a JSON object without its end: the clock of recording follows.

    Anything else is returned as it is, which is no JSON when the clock is joined.
    """
    if metadata == b"{}":
        return b"{"
    return metadata[:-1] + b"," if metadata[-1:] == b"}" else metadata


def _joined(columns: Sequence[Sequence[_T]]) -> Sequence[_T]:
    return columns[0] if len(columns) == 1 else list(chain.from_iterable(columns))


def positions(
    callers: Sequence[NewEvents], first: int, refused: Sequence[bool] | None
) -> list[Sequence[int | None]]:
    """Return the answer for each caller, from the answer of the SQL function for all."""
    answers: list[Sequence[int | None]] = []
    before = 0
    for events in callers:
        answer: list[int | None] = []
        start = 0
        for end in events.ends:
            if refused is not None and refused[before + start]:
                answer.append(None)
            else:
                answer.append(first)
                first += end - start
            start = end
        answers.append(answer)
        before += start
    return answers
