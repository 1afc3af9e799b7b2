"""Ports of the application to the store of the views."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import msgspec

from rostra_adapters.application.invalidation import ChangeFeed
from rostra_adapters.application.own_views import ViewSnapshot
from rostra_projections.query_port import Reads
from rostra_projections.views import Parked

Progress = Callable[[str, int, int], None]
"""Called with a view's name, the number of events folded, and the number to fold."""


class Rebuilt(msgspec.Struct, frozen=True):
    """The work of a rebuild, and what came of it."""

    view: str
    events: int
    seconds: float
    rows: int
    # True if the view that was replaced held the same rows.
    equal: bool
    # The tables and ranges of ids that differ, if both could be compared.
    changed: list[str] = []
    # The discussions in which an event cannot be folded.
    parked: list[Parked] = []


Fields = Mapping[str, Any]
"""Row, or one fragment of it, by column."""


class Difference(msgspec.Struct, frozen=True):
    """Row that differs from a fold of the log. None means that there is no such row."""

    view: str
    table: str
    key: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        expected = self.expected or "no row"
        return f"{self.view}: {self.table} {self.key}: {self.found or 'no row'}, not {expected}"


def _text(row: Fields | None, columns: Sequence[str] = ()) -> str | None:
    if row is None:
        return None
    return ", ".join(f"{name}={row[name]!r}" for name in columns or row)


def difference(
    view: str, table: str, key: Sequence[str], wanted: Fields | None, found: Fields | None
) -> Difference:
    """Describe how a row differs from the one that the log gives."""
    row = wanted or found or {}
    named = ", ".join(str(row[column]) for column in key)
    if wanted is None or found is None:
        return Difference(view, table, named, _text(wanted), _text(found))
    changed = [name for name, value in wanted.items() if found[name] != value]
    return Difference(view, table, named, _text(wanted, changed), _text(found, changed))


def parked_differences(
    view: str, fresh: Mapping[UUID, Parked], live: Mapping[UUID, Parked]
) -> Iterator[Difference]:
    """Name the events that a view cannot fold, and the discussions that it need not have left."""
    for each in fresh.values():
        found = f"{each.error} (discussion {each.discussion})"
        what = "an event that can be folded"
        yield Difference(view, "stored_events", str(each.position), what, found)
    for each in live.values():
        if each.discussion not in fresh:
            found = f"parked at position {each.position}: {each.error}"
            yield Difference(view, "rostra_parked", str(each.discussion), None, found)


class ProjectorStatus(msgspec.Struct, frozen=True):
    """Process that projects, or was the last to do so."""

    host: str
    pid: int
    since: datetime
    silent_seconds: float
    """Seconds since its last heartbeat."""
    lease_seconds: float
    """Seconds without a heartbeat after which another process takes over."""
    events_per_second: float
    """Rate between the last two heartbeats."""

    @property
    def is_lost(self) -> bool:
        """True if no process has taken over in time."""
        return self.silent_seconds > self.lease_seconds + TAKEOVER_SECONDS_MAX


class RebuildStatus(msgspec.Struct, frozen=True):
    """The last rebuild of a view."""

    ended_at: datetime
    seconds: float
    events: int
    result: str
    """`equal` or `changed`, compared with the rows that it replaced, or `failed: ` and why."""


class ViewStatus(msgspec.Struct, frozen=True):
    """Version and position of a view. `lag` is in events."""

    name: str
    version: int
    position: int
    lag: int
    # The discussions that it cannot follow, with the event that it cannot fold.
    parked: list[Parked]
    is_own: bool = False
    """True for a view of one's own, on which the service does not depend."""
    lag_seconds: float = 0.0
    """Age of the first event that it has not read."""
    projector: ProjectorStatus | None = None
    """Process that projects it; None if none ever did."""
    last_rebuild: RebuildStatus | None = None
    """None if it was never rebuilt, or before this version of Rostra."""


class ForeignEvents(msgspec.Struct, frozen=True):
    """Events of other programs in the log, which views pass over, by topic."""

    topic: str
    events: int
    last: int
    """Position of the last one."""


@runtime_checkable
class MeteredLog(Protocol):
    """Log that measures its appends, for metrics. A log need not."""

    @property
    def holes(self) -> int:
        """Number of gaps found since start: positions that will never hold an event."""

    @property
    def queued_events(self) -> int:
        """Number of events that wait to be appended."""

    def observe_appends(self, observe: Callable[[int, float], None]) -> None:
        """Call `observe` with the events and the seconds of each append."""


RETRY_AFTER_SECONDS = 1.0
FOREIGN_TOPICS_MAX = 20
SILENT_SECONDS_MAX = 7.0
"""Age of the primary's heartbeat beyond which it counts as unable to acknowledge writes."""
TAKEOVER_SECONDS_MAX = 2.0
"""Seconds in which another process takes over after the end of a lease."""


class ViewStore(Protocol):
    """Store of the views."""

    reads: Reads
    changes: ChangeFeed

    def start(self) -> None:
        """Begin to project."""

    async def close(self) -> None: ...

    @property
    def position(self) -> int:
        """Position of the views, as this process last learned it."""

    @property
    def foreign(self) -> int:
        """Number of foreign events that this process has passed over while projecting."""

    async def wait(self, position: int, wait_seconds: float) -> None:
        """Wait until the views have read `position`. Raises ViewBehind."""

    async def fresh(self, wait_seconds: float = 0.0) -> None:
        """Wait until the views have the events recorded before this process (re)connected.

        Waits for at least as long as a restart takes. Raises ViewBehind.
        """

    async def rebuild(
        self, views: Sequence[str], jobs: int, progress: Progress
    ) -> list[Rebuilt]: ...

    def verify(self) -> AsyncIterator[Difference]: ...

    def read_own(
        self, name: str, min_position: int, wait_seconds: float
    ) -> AbstractAsyncContextManager[ViewSnapshot]:
        """Open a snapshot of a view of one's own. Raises ViewBehind and ViewRefused."""

    async def status(self, head: int) -> list[ViewStatus]: ...

    async def projector(self) -> ProjectorStatus | None:
        """Return the process that projects; None if none ever did."""

    async def foreign_events(self) -> list[ForeignEvents]:
        """Count the foreign events of the whole log, the most frequent topics first.

        That reads the log once. At most FOREIGN_TOPICS_MAX topics are named.
        """
