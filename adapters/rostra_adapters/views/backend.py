"""The views of an app, wherever they are: the port, and PostgreSQL's side of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import UUID

import asyncpg
import msgspec

from rostra.log import EventLog
from rostra_adapters.postgres.connect import unavailable_if_lost
from rostra_adapters.postgres.news import News
from rostra_adapters.views import rebuild, schema, verify
from rostra_adapters.views.projector import CHANNEL, states
from rostra_adapters.views.reads import PostgresReads
from rostra_adapters.views.rebuild import Progress, Rebuilt
from rostra_adapters.views.runner import Runner
from rostra_adapters.views.verify import Difference
from rostra_projections.reads import Reads

LOOK_SECONDS = 0.25
"""How soon a reader who waits looks for itself, where no news come."""
RETRY_AFTER_SECONDS = 1.0
CATCH_UP_SECONDS_MAX = 5.0

_PARKED = """
select p.view, p.discussion from public.rostra_parked p
join public.rostra_views v on v.name = p.view and v.version = p.version
order by p.position"""


class ViewBehind(Exception):
    """The views have not read as far as was asked for."""

    def __init__(self, position: int, wanted: int, retry_after_seconds: float) -> None:
        super().__init__(f"the views have read up to {position}, not {wanted}")
        self.position = position
        self.retry_after_seconds = retry_after_seconds


class ViewStatus(msgspec.Struct, frozen=True):
    """Where a view stands. `lag` is in events."""

    name: str
    version: int
    position: int
    lag: int
    parked: list[UUID]


class Backend(Protocol):
    """What keeps the views."""

    reads: Reads

    def start(self) -> None:
        """Begin to project."""

    async def close(self) -> None: ...

    @property
    def position(self) -> int:
        """How far the views had read when last heard of."""

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
        self._log = log
        self._news = News(pool, CHANNEL)
        self._runner = Runner(pool, log)
        self._position = 0
        self._fresh_since = -1
        self.reads: Reads = PostgresReads(pool)

    async def install(self) -> None:
        """Make the tables; rebuild what another version of the code has left."""
        with unavailable_if_lost():
            async with self._pool.acquire() as connection:
                await schema.install(connection)
                standing = await states(connection)
            if old := [state.name for state in standing if state.shape != state.view.shape]:
                await rebuild.rebuild(self._pool, old)

    def start(self) -> None:
        self._runner.start()

    async def close(self) -> None:
        await self._runner.close()
        await self._news.close()

    @property
    def position(self) -> int:
        return self._position

    async def wait(self, position: int, wait_seconds: float) -> None:
        if self._position >= position:
            return
        if position > await self._log.head():
            raise ViewBehind(await self._look(), position, RETRY_AFTER_SECONDS)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        while True:
            news = self._news.next()
            if await self._look() >= position:
                return
            left = until - loop.time()
            if left <= 0:
                raise ViewBehind(self._position, position, RETRY_AFTER_SECONDS)
            await _either(news, min(left, LOOK_SECONDS))

    async def _look(self) -> int:
        self._position = await self.reads.position()
        return self._position

    async def fresh(self) -> None:
        self._news.next()
        connections = self._news.connections
        if self._fresh_since != connections:
            self._position = 0  # what PostgreSQL had not flushed is projected again
            await self.wait(await self._log.head(), CATCH_UP_SECONDS_MAX)
            self._fresh_since = connections

    async def rebuild(self, views: Sequence[str], jobs: int, progress: Progress) -> list[Rebuilt]:
        with unavailable_if_lost():
            return await rebuild.rebuild(
                self._pool, views, jobs=jobs, url=self._url, progress=progress
            )

    async def verify(self) -> AsyncIterator[Difference]:
        with unavailable_if_lost():
            async for difference in verify.verify(self._pool):
                yield difference

    async def status(self, head: int) -> list[ViewStatus]:
        with unavailable_if_lost():
            async with self._pool.acquire() as connection:
                standing = await states(connection)
                parked = await connection.fetch(_PARKED)
        return [
            ViewStatus(
                state.name,
                state.version,
                state.position,
                max(head - state.position, 0),
                [row[1] for row in parked if row[0] == state.name],
            )
            for state in standing
        ]


async def _either(news: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except TimeoutError:
        return
