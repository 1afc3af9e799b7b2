"""Checks of guards that both logs share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from rostra.log import NewEvents, expected_versions

_T = TypeVar("_T")


def check(events: NewEvents) -> None:
    """Raise ValueError for a group that would always be refused."""
    start = 0
    streams, versions = events.streams, events.versions
    for end, guards in zip(events.ends, events.guards, strict=True):
        if end == start + 1:
            if guards.get(streams[start]) != versions[start] - 1:
                raise ValueError("an event that does not follow the guard on its stream")
        else:
            _check_group(guards, streams[start:end], versions[start:end])
        start = end


def _check_group(
    guards: Mapping[int, int], streams: Sequence[int], versions: Sequence[int]
) -> None:
    if not streams:
        raise ValueError("a group without events")
    ahead = dict(guards)
    for stream, version in zip(streams, versions, strict=True):
        if ahead.get(stream) != version - 1:
            raise ValueError("an event that does not follow the guard on its stream")
        ahead[stream] = version


def groups(events: NewEvents) -> Iterator[tuple[Mapping[int, int], Sequence[int]]]:
    """Yield the guards of each group, and the streams that its events are for."""
    start = 0
    for end, guards in zip(events.ends, events.guards, strict=True):
        yield guards, events.streams[start:end]
        start = end


class Lost:
    """Streams of a caller's refused groups.

    Later decisions of that caller on these streams saw versions that were not recorded, or that
    another caller recorded. Then the numbers fit, but the decision is stale.
    """

    def __init__(self) -> None:
        self._streams: set[int] = set()

    def touches(self, guards: Mapping[int, int]) -> bool:
        """Return whether a group was decided upon one of the streams."""
        return not self._streams.isdisjoint(guards)

    def add(self, streams: Iterable[int]) -> None:
        """Record that a group which writes to these streams was refused."""
        self._streams.update(streams)


def select_groups(events: NewEvents, which: Sequence[int]) -> NewEvents:
    """Return the groups of these numbers, in order."""
    starts = [0, *events.ends]
    rows = [row for group in which for row in range(starts[group], starts[group + 1])]
    ends: list[int] = []
    for group in which:
        ends.append((ends[-1] if ends else 0) + starts[group + 1] - starts[group])

    def of(column: Sequence[_T]) -> list[_T]:
        return [column[row] for row in rows]

    part = NewEvents(
        streams=of(events.streams),
        versions=of(events.versions),
        topics=of(events.topics),
        states=of(events.states),
        event_ids=of(events.event_ids),
        metadata=of(events.metadata),
        ends=ends,
        guards=[events.guards[group] for group in which],
        expected=None,
        log=events.log,
    )
    return msgspec.structs.replace(part, expected=expected_versions([part]))
