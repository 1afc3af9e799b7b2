"""Position of the views in PostgreSQL, as one process knows it."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg

from rostra.log import EventLog
from rostra_adapters.aio.background import BackgroundTask, end_background
from rostra_adapters.aio.wake_up import wait_at_most
from rostra_adapters.application.invalidation import ChangeFeed
from rostra_adapters.application.wait_for_views import wait_for_views
from rostra_adapters.postgres.notify import Notifications
from rostra_adapters.postgres.polling import Polling
from rostra_adapters.postgres.single_flight import SingleFlight
from rostra_adapters.postgres.views.lineage import OURS
from rostra_adapters.postgres.views.queries.reads import PostgresReads

POLL_SECONDS = 1.0
"""Seconds without a notification after which the position is looked up."""
POLL_UNNOTIFIED_SECONDS = 0.25
"""Those seconds while the connection for notifications is lost."""
CATCH_UP_SECONDS_MAX = 5.0


class Watch:
    """Looks up the position whenever it is notified, once for all waiting tasks.

    `changes` holds the announced changes. With `polling`, the views are on a standby.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        reads: PostgresReads,
        log: EventLog,
        polling: Polling | None = None,
    ) -> None:
        self._reads = reads
        self._log = log
        self._may_lag = polling is not None
        self._news: Notifications | Polling
        if polling is None:
            self.changes = ChangeFeed()
            self._news = Notifications(pool, OURS.channel, self._receive)
        else:
            self.changes, self._news = polling.changes, polling
        self._looked = asyncio.Condition()
        # One look after another: an older position never takes the place of a later one.
        self._looks = SingleFlight(self._look)
        self._task: BackgroundTask | None = None
        self._fresh_since = -1
        self.position = 0

    def start(self) -> None:
        """Start to look, if that has not begun."""
        if self._task is not None:
            return
        self._task = BackgroundTask(self._run, "watch")

    def _receive(self, news: str | None) -> None:
        if news is not None:
            self.changes.receive(news)
        elif self._news.connected:
            self.changes.listen()
        else:
            self.changes.lose(listening=False)

    async def close(self) -> None:
        await end_background(self._task)
        await self._news.close()

    async def _run(self) -> AsyncGenerator[None, None]:
        while True:
            news = self._news.next()
            await self._looks.get()
            yield
            seconds = POLL_SECONDS if self._news.connected else POLL_UNNOTIFIED_SECONDS
            await wait_at_most(news, seconds)

    async def _look(self) -> None:
        position = await self._reads.position()
        async with self._looked:
            self.position = position
            self._looked.notify_all()

    async def wait(self, position: int, wait_seconds: float) -> None:
        """Wait until the views have read `position`. Raises ViewBehind."""
        await wait_for_views(
            self, self._looked, self._log, position, wait_seconds, may_lag=self._may_lag
        )

    async def fresh(self, wait_seconds: float = 0.0) -> None:
        """Wait until the views have what was recorded before we (re)connected.

        What PostgreSQL had not flushed when it crashed is projected again. A standby receives only
        what was flushed, so there nothing is waited for. Waits for at least CATCH_UP_SECONDS_MAX.
        Raises ViewBehind.
        """
        connections = self._news.connections
        if self._news.connected and self._fresh_since == connections:
            return
        await self._looks.get()
        if not self._may_lag:
            wait_seconds = max(wait_seconds, CATCH_UP_SECONDS_MAX)
            await self.wait(await self._log.head(), wait_seconds)
        self._fresh_since = connections
