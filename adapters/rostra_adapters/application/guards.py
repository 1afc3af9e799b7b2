"""Checks of guards that both logs share."""

from collections.abc import Iterable
from uuid import UUID

from rostra.log import Group


def check(groups: Iterable[Group]) -> int:
    """Return the number of events. Raises ValueError for a group that would always be `Stale`."""
    events = 0
    for group in groups:
        if not group.events:
            raise ValueError("a group without events")
        ahead = dict(group.guards)
        for event in group.events:
            if ahead.get(event.stream) != event.version - 1:
                raise ValueError(f"an event that does not follow the guard on {event.stream}")
            ahead[event.stream] = event.version
        events += len(group.events)
    return events


class Lost:
    """The streams that refused groups of one caller would have written to.

    What that caller decided upon them later saw versions that are not there, or
    are someone else's by now: then the numbers fit, and the decision is stale
    all the same.
    """

    def __init__(self) -> None:
        self._streams: set[UUID] = set()

    def touches(self, group: Group) -> bool:
        """Return whether the group was decided upon one of the streams."""
        return not self._streams.isdisjoint(group.guards)

    def add(self, group: Group) -> None:
        """The group was refused."""
        self._streams.update(event.stream for event in group.events)
