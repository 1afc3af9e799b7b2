"""The views of an app, wherever they are: the port, and PostgreSQL's side of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import asyncpg
import msgspec

from rostra.log import EventLog
from rostra_adapters.postgres.connect import unavailable_if_lost
from rostra_adapters.views import rebuild, schema, verify
from rostra_adapters.views.changes import Changes
from rostra_adapters.views.folding import Progress
from rostra_adapters.views.projector import parked, states
from rostra_adapters.views.reads import PostgresReads
from rostra_adapters.views.rebuild import RebuildRefused, Rebuilt
from rostra_adapters.views.runner import Runner
from rostra_adapters.views.verify import Difference
from rostra_adapters.views.watch import ViewBehind, Watch
from rostra_projections.reads import Reads
from rostra_projections.views import Parked

__all__ = ["Backend", "PostgresBackend", "ViewBehind", "ViewStatus"]

OTHERS_REBUILD_SECONDS = 0.5
NEW_VIEW_EVENTS_MAX = 10_000
"""As many events a new view may catch up with by projecting, while reads wait."""


class ViewStatus(msgspec.Struct, frozen=True):
    """Where a view stands. `lag` is in events."""

    name: str
    version: int
    position: int
    lag: int
    # The discussions that it cannot follow, with the event that it cannot fold.
    parked: list[Parked]


class Backend(Protocol):
    """What keeps the views."""

    reads: Reads
    changes: Changes

    def start(self) -> None:
        """Begin to project."""

    async def close(self) -> None: ...

    @property
    def position(self) -> int:
        """How far the views had read when last heard of."""

    @property
    def foreign(self) -> int:
        """How many events of others this process has passed over as it kept the views."""

    async def wait(self, position: int, wait_seconds: float) -> None:
        """Until the views have read `position`. Raises ViewBehind."""

    async def fresh(self) -> None:
        """Until what was recorded before this process (re)connected is in the views."""

    async def rebuild(
        self, views: Sequence[str], jobs: int, progress: Progress
    ) -> list[Rebuilt]: ...

    def verify(self) -> AsyncIterator[Difference]: ...

    async def status(self, head: int) -> list[ViewStatus]: ...


class PostgresBackend:
    """Views in the log's own database. Of the pool, one connection projects or stands
    by, and one listens."""

    def __init__(self, pool: asyncpg.Pool, log: EventLog, url: str) -> None:
        self._pool = pool
        self._url = url
        reads = PostgresReads(pool)
        self._watch = Watch(pool, reads, log)
        self._runner = Runner(pool, log, url)
        self.reads: Reads = reads
        self.changes = self._watch.changes

    async def install(self) -> None:
        """Make the tables; rebuild what another version of the code has left, and fill what
        is new while the others have read a long log. Whoever runs the version of before goes
        on reading and publishing meanwhile."""
        with unavailable_if_lost():
            async with self._pool.acquire() as connection:
                await schema.install(connection)
            while old := await self._old():
                try:
                    await rebuild.rebuild(self._url, old)
                except RebuildRefused:
                    await asyncio.sleep(OTHERS_REBUILD_SECONDS)
        self._watch.start()

    async def _old(self) -> list[str]:
        async with self._pool.acquire() as connection:
            standing = await states(connection)
        head = max(state.position for state in standing)
        return [
            state.name
            for state in standing
            if state.shape != state.view.shape
            or (state.position == 0 and head > NEW_VIEW_EVENTS_MAX)
        ]

    def start(self) -> None:
        self._runner.start()

    async def close(self) -> None:
        await self._runner.close()
        await self._watch.close()

    @property
    def position(self) -> int:
        return self._watch.position

    @property
    def foreign(self) -> int:
        return self._runner.foreign

    async def wait(self, position: int, wait_seconds: float) -> None:
        await self._watch.wait(position, wait_seconds)

    async def fresh(self) -> None:
        await self._watch.fresh()

    async def rebuild(self, views: Sequence[str], jobs: int, progress: Progress) -> list[Rebuilt]:
        with unavailable_if_lost():
            return await rebuild.rebuild(self._url, views, jobs=jobs, progress=progress)

    async def verify(self) -> AsyncIterator[Difference]:
        with unavailable_if_lost():
            async for difference in verify.verify(self._url):
                yield difference

    async def status(self, head: int) -> list[ViewStatus]:
        with unavailable_if_lost():
            async with self._pool.acquire() as connection:
                standing = await states(connection)
                apart = {state.name: await parked(connection, state) for state in standing}
        return [
            ViewStatus(
                state.name,
                state.version,
                state.position,
                max(head - state.position, 0),
                apart[state.name],
            )
            for state in standing
        ]
