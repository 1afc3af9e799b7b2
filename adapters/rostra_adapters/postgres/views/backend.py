"""The views of an app, wherever they are: the port, and PostgreSQL's side of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from rostra.log import EventLog
from rostra_adapters.aio.background import BackgroundTask, end_background, repeat
from rostra_adapters.application.own_views import OwnView, ViewSnapshot
from rostra_adapters.application.ports import (
    Difference,
    ForeignEvents,
    Progress,
    ProjectorStatus,
    Rebuilt,
    ViewStatus,
)
from rostra_adapters.errors import RebuildRefused, ViewsNotMade
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.polling import Polling
from rostra_adapters.postgres.rebuild import rebuilding, verify
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.lease import LEASE_SECONDS, read_projector
from rostra_adapters.postgres.views.lineage import OURS
from rostra_adapters.postgres.views.own import PostgresOwnViews
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import states
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_adapters.postgres.views.runner import ViewRunner
from rostra_adapters.postgres.views.status import count_foreign_events, read_status
from rostra_adapters.postgres.views.watch import Watch
from rostra_projections.query_port import Reads

OTHERS_REBUILD_SECONDS = 0.5
SEEN_SECONDS = 60.0
NEW_VIEW_EVENTS_MAX = 10_000
"""Events that a new view may catch up with by projecting, while reads wait."""

_REACHED = "select max(position) from public.rostra_views"


class PostgresBackend:
    """Views in the log's own database, or with `polling` on a standby of it.

    It takes two connections of the pool: one projects or waits to, and one listens. Pages are
    read by the pool `reading`, if it is another one.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        log: EventLog,
        url: str,
        reading: asyncpg.Pool | None = None,
        *,
        lease_seconds: float = LEASE_SECONDS,
        own: Sequence[OwnView] = (),
        polling: Polling | None = None,
        primary: asyncpg.Pool | None = None,
    ) -> None:
        """With a `primary`, `pool` leads to a standby of it. This process is recorded there."""
        self._pool = pool
        self._primary = primary
        self._polling = polling
        self._url = url
        reads = PostgresReads(reading or pool)
        self._watch = Watch(pool, reads, log, polling)
        self._runner = ViewRunner(pool, log, url, lease_seconds)
        self._own = PostgresOwnViews(pool, log, url, own, lease_seconds)
        self._lineages = [OURS, *self._own.lineages]
        self.reads: Reads = reads
        self.changes = self._watch.changes
        self._seeing: BackgroundTask | None = None
        self._is_made = False

    async def install(self) -> None:
        """Make the tables of this version of the code, and fill new ones from the log.

        Another version goes on reading and projecting its own tables meanwhile.
        """
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                await schema.install(connection)
                await self._own.install(connection)
            while empty := await self._empty():
                try:
                    await rebuilding.rebuild(self._url, empty)
                except RebuildRefused:
                    await asyncio.sleep(OTHERS_REBUILD_SECONDS)
        self._seeing = BackgroundTask(repeat(self._record_presence, SEEN_SECONDS), "lineage")
        self._watch.start()
        self._is_made = True

    async def join(self) -> None:
        """Use the existing views, and make none.

        As long as there are none of this version of the code, reads raise ViewsNotMade.
        """
        if self._polling is not None:
            self._polling.start()
        await self._look_for_views()
        if self._primary is not None:
            self._seeing = BackgroundTask(repeat(self._record_presence, SEEN_SECONDS), "lineage")

    async def _look_for_views(self) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                self._is_made = await schema.is_made(connection)
        if self._is_made:
            self._watch.start()

    async def _empty(self) -> list[str]:
        async with self._pool.acquire() as connection:
            view_states = await states(connection)
            reached = await connection.fetchval(_REACHED)
        return [s.name for s in view_states if s.position == 0 and reached > NEW_VIEW_EVENTS_MAX]

    async def _record_presence(self) -> None:
        with raise_unavailable_if_lost():
            async with (self._primary or self._pool).acquire() as connection:
                await schema.record_presence(connection)
                await self._own.record_presence(connection)

    def start(self) -> None:
        self._runner.start()
        self._own.start()

    async def close(self) -> None:
        await end_background(self._seeing)
        await self._runner.close()
        await self._own.close()
        await self._watch.close()
        if self._polling is not None:
            await self._polling.close()

    @property
    def position(self) -> int:
        return self._watch.position

    @property
    def foreign(self) -> int:
        return self._runner.foreign

    async def wait(self, position: int, wait_seconds: float) -> None:
        await self._watch.wait(position, wait_seconds)

    async def fresh(self, wait_seconds: float = 0.0) -> None:
        if not self._is_made:
            await self._look_for_views()
            self._check_made()
        await self._watch.fresh(wait_seconds)

    def _check_made(self) -> None:
        if not self._is_made:
            raise ViewsNotMade

    async def rebuild(self, views: Sequence[str], jobs: int, progress: Progress) -> list[Rebuilt]:
        with raise_unavailable_if_lost():
            return await rebuilding.rebuild(
                self._url, views, lineages=self._lineages, jobs=jobs, progress=progress
            )

    async def verify(self) -> AsyncIterator[Difference]:
        self._check_made()
        with raise_unavailable_if_lost():
            for lineage in self._lineages:
                async for difference in verify.verify(self._url, lineage):
                    yield difference

    def read_own(
        self, name: str, min_position: int, wait_seconds: float
    ) -> AbstractAsyncContextManager[ViewSnapshot]:
        return self._own.read(name, min_position, wait_seconds)

    async def projector(self) -> ProjectorStatus | None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                return await read_projector(connection)

    async def status(self, head: int) -> list[ViewStatus]:
        if not self._is_made:
            return []
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                return [
                    status
                    for lineage in self._lineages
                    for status in await read_status(connection, lineage, head)
                ]

    async def foreign_events(self) -> list[ForeignEvents]:
        with raise_unavailable_if_lost():
            async with connect_patiently(self._url) as connection:
                return await count_foreign_events(connection)
