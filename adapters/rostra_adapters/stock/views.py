"""The views of an app that has no PostgreSQL: folded in memory from the whole log."""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from rostra.codec import TYPES
from rostra.ids import is_ours, prefix_of
from rostra.log import EventLog
from rostra.times import to_datetime
from rostra_adapters.aio.background import BackgroundTask, end_background
from rostra_adapters.application import read_position
from rostra_adapters.application.invalidation import ChangeFeed, streams_of
from rostra_adapters.application.own_views import OwnView, ViewSnapshot, no_such_view
from rostra_adapters.application.ports import (
    FOREIGN_TOPICS_MAX,
    Difference,
    Fields,
    ForeignEvents,
    Progress,
    ProjectorStatus,
    RebuildStatus,
    Rebuilt,
    ViewStatus,
    difference,
    parked_differences,
)
from rostra_adapters.application.wait_for_views import wait_for_views
from rostra_adapters.clock import now
from rostra_adapters.errors import ViewRefused
from rostra_projections.memory import MemoryViews
from rostra_projections.query_port import Reads
from rostra_projections.tables import Key, Table
from rostra_projections.views import VIEWS, Parked, View

PAGE_EVENTS = 1_000

R = TypeVar("R", bound=msgspec.Struct)


class MemoryBackend:
    """Follows the log; a rebuild folds it afresh."""

    def __init__(self, log: EventLog, own: Sequence[OwnView] = ()) -> None:
        self._log = log
        self._own = {each.view.name: each.view for each in own}
        self._registry = {**VIEWS, **self._own}
        self._views = MemoryViews(self._registry.values())
        self._rebuilds: dict[str, RebuildStatus] = {}
        self.reads = _noting(self._views)
        self._task: BackgroundTask | None = None
        self._since = to_datetime(now())
        self._moved = asyncio.Condition()
        self.changes = ChangeFeed()

    async def catch_up(self) -> None:
        """Fold the events that were recorded before this process started."""
        self._views = await self._folded(await self._log.head(), lambda *_: None)
        self._views.forget_moves()
        self.reads = _noting(self._views)

    def start(self) -> None:
        self.changes.listen()
        self._task = BackgroundTask(self._follow, "project")

    async def close(self) -> None:
        await end_background(self._task)

    async def _follow(self) -> AsyncGenerator[None, None]:
        """Fold new events until the log is closed."""
        yield
        async for page in self._log.follow(self.position, PAGE_EVENTS):
            async with self._moved:
                self._views.apply(page)
                changed = {prefix_of(stream) for stream in streams_of(page)}
                self.changes.note_change(page[-1].position, changed)
                self._moved.notify_all()
            yield

    @property
    def position(self) -> int:
        return self._views.read_up_to

    @property
    def foreign(self) -> int:
        return self._views.passed_over

    async def wait(self, position: int, wait_seconds: float) -> None:
        await wait_for_views(self, self._moved, self._log, position, wait_seconds)

    async def fresh(self, wait_seconds: float = 0.0) -> None:  # as the others
        """Return at once: earlier events were folded at the start."""

    async def rebuild(
        self,
        views: Sequence[str],
        jobs: int,  # noqa: ARG002  # one process has it all in memory
        progress: Progress,
    ) -> list[Rebuilt]:
        began = time.monotonic()
        async with self._moved:
            fresh = await self._folded(self.position, progress)
            done = [
                Rebuilt(
                    view.name,
                    fresh.read_up_to,
                    time.monotonic() - began,
                    sum(len(fresh.rows.of(table)) for table in view.tables),
                    not any(True for _ in _differences(view, fresh, self._views)),
                    parked=list(_parked(view.name, fresh).values()),
                )
                for view in map(self._registry.__getitem__, views or self._registry)
            ]
            self._views.replace(fresh)
            self.changes.lose()
        for each in done:
            result = "equal" if each.equal else "changed"
            self._rebuilds[each.view] = RebuildStatus(
                to_datetime(now()), each.seconds, each.events, result
            )
        return done

    async def _folded(self, until: int, progress: Progress) -> MemoryViews:
        """Return a new fold of the log up to a position."""
        fresh = MemoryViews(self._registry.values())
        while fresh.read_up_to < until:
            limit = min(PAGE_EVENTS, until - fresh.read_up_to)
            page = await self._log.read_after(fresh.read_up_to, limit)
            fresh.apply([row for row in page if row.position <= until])
            progress("all", fresh.read_up_to, until)
        return fresh

    async def verify(self) -> AsyncIterator[Difference]:
        async with self._moved:
            fresh = await self._folded(self.position, lambda *_: None)
            found: list[Difference] = []
            for name, view in self._registry.items():
                apart = _parked(name, fresh), _parked(name, self._views)
                found += parked_differences(name, *apart)
                found += _differences(view, fresh, self._views)
        for each in found:
            yield each

    async def projector(self) -> ProjectorStatus | None:
        """Return this process, which projects for itself."""
        return ProjectorStatus(socket.gethostname(), os.getpid(), self._since, 0.0, 0.0, 0.0)

    async def foreign_events(self) -> list[ForeignEvents]:
        counts, last, position = Counter[str](), dict[str, int](), 0
        while page := await self._log.read_after(position, PAGE_EVENTS):
            position = page[-1].position
            for row in page:
                if row.topic not in TYPES or not is_ours(row.stream):
                    counts[row.topic] += 1
                    last[row.topic] = row.position
        return [
            ForeignEvents(topic, events, last[topic])
            for topic, events in counts.most_common(FOREIGN_TOPICS_MAX)
        ]

    async def status(self, head: int) -> list[ViewStatus]:
        projector = await self.projector()
        return [
            ViewStatus(
                name,
                1,
                self.position,
                head - self.position,
                list(_parked(name, self._views).values()),
                name in self._own,
                projector=projector,
                last_rebuild=self._rebuilds.get(name),
            )
            for name in self._registry
        ]

    @asynccontextmanager
    async def read_own(
        self, name: str, min_position: int, wait_seconds: float
    ) -> AsyncIterator[ViewSnapshot]:
        if name not in self._own:
            raise no_such_view(name, self._own)
        await self.wait(min_position, wait_seconds)
        async with self._moved:  # nothing is folded meanwhile
            yield _MemorySnapshot(self._views)


class _MemorySnapshot:
    """`application.own_views.ViewSnapshot` in memory."""

    def __init__(self, views: MemoryViews) -> None:
        self._views = views

    @property
    def position(self) -> int:
        return self._views.read_up_to

    async def rows(self, table: Table[R], **equal: Any) -> AsyncIterator[R]:
        if unknown := equal.keys() - table.types.keys():
            raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
        for _, row in sorted(self._views.rows.of(table).items()):
            if all(getattr(row, column) == value for column, value in equal.items()):
                yield row

    async def fetch(self, sql: str, *args: Any) -> Sequence[Any]:  # noqa: ARG002
        raise ViewRefused("views in memory have no SQL: read `rows`, or open a postgresql:// URL")


class _Noting:
    """Reads of views in memory that note the position that each of them sees."""

    def __init__(self, views: MemoryViews) -> None:
        self._views = views

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        read = getattr(self._views, name)

        async def noted(*arguments: Any, **named: Any) -> Any:
            read_position.note(self._views.read_up_to)
            return await read(*arguments, **named)

        return noted


def _noting(views: MemoryViews) -> Reads:
    return cast(Reads, _Noting(views))


def _parked(view: str, views: MemoryViews) -> dict[UUID, Parked]:
    return {each.discussion: each for (name, _), each in views.parked.items() if name == view}


def _differences(view: View, expected: MemoryViews, found: MemoryViews) -> list[Difference]:
    return [each for table in view.tables for each in _of_table(view, table, expected, found)]


def _of_table(
    view: View, table: Table[Any], expected: MemoryViews, found: MemoryViews
) -> list[Difference]:
    wanted, kept = expected.rows.of(table), found.rows.of(table)
    return [
        difference(view.name, table.name, table.key, _fields(wanted, key), _fields(kept, key))
        for key in wanted.keys() | kept.keys()
        if wanted.get(key) != kept.get(key)
    ]


def _fields(rows: dict[Key, Any], key: Key) -> Fields | None:
    row = rows.get(key)
    return None if row is None else msgspec.structs.asdict(row)
