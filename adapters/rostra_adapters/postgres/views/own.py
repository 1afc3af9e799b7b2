"""Views of one's own in PostgreSQL: their tables, their projectors, and reads in one snapshot."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from rostra.log import EventLog
from rostra_adapters.application.own_views import OwnView, ViewSnapshot, no_such_view
from rostra_adapters.application.ports import RETRY_AFTER_SECONDS
from rostra_adapters.errors import ViewBehind, ViewsNotMade
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import row_store, schema
from rostra_adapters.postgres.views.lineage import Lineage, lineage_of_own
from rostra_adapters.postgres.views.projector import ViewState, states
from rostra_adapters.postgres.views.runner import ViewRunner
from rostra_adapters.postgres.views.snapshot import snapshot
from rostra_projections.tables import Table

LOOK_SECONDS = 0.05
READ_ROWS = 500
"""Rows that a read fetches at a time."""

R = TypeVar("R", bound=msgspec.Struct)


class PostgresSnapshot:
    """`application.own_views.ViewSnapshot` by one connection."""

    def __init__(self, connection: Connection, state: ViewState) -> None:
        self._connection = connection
        self._state = state

    @property
    def position(self) -> int:
        return self._state.position

    async def rows(self, table: Table[R], **equal: Any) -> AsyncIterator[R]:
        statement, arguments = row_store.rows_statement(table, self._state.version, equal)
        cursor = self._connection.cursor(statement, *arguments, prefetch=READ_ROWS)
        async for record in cursor:
            yield row_store.to_row(table, record)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Any]:
        names = {
            fragment.name: f"public.{schema.versioned_name(fragment, self._state.version)}"
            for table in self._state.view.tables
            for fragment in table.fragments
        }
        return await self._connection.fetch(sql.format(**names), *args)


class PostgresOwnViews:
    """Views of one's own, each with its own checkpoint, lease and projector.

    Each takes a connection of the pool while this process projects.
    """

    def __init__(
        self, pool: asyncpg.Pool, log: EventLog, url: str, own: Sequence[OwnView], lease: float
    ) -> None:
        self._pool = pool
        self.lineages = [lineage_of_own(each) for each in own]
        self._runners = [ViewRunner(pool, log, url, lease, it) for it in self.lineages]

    async def install(self, connection: Connection) -> None:
        """Make missing tables. A new or changed view is filled by its projector."""
        for lineage in self.lineages:
            await schema.install(connection, lineage)

    async def record_presence(self, connection: Connection) -> None:
        """Record that a process with these views is there."""
        for lineage in self.lineages:
            await schema.record_presence(connection, lineage)

    def start(self) -> None:
        """Begin to project."""
        for runner in self._runners:
            runner.start()

    async def close(self) -> None:
        """End projecting."""
        await asyncio.gather(*(runner.close() for runner in self._runners))

    @asynccontextmanager
    async def read(
        self, name: str, min_position: int, wait_seconds: float
    ) -> AsyncIterator[ViewSnapshot]:
        """Yield a snapshot once the view has read `min_position`.

        Raises ViewBehind, ViewRefused and ViewsNotMade.
        """
        lineage = self._named(name)
        in_the_callers_sql = asyncpg.UndefinedTableError
        with raise_unavailable_if_lost(but=(in_the_callers_sql,)):
            async with self._pool.acquire() as connection:
                await _wait(connection, lineage, min_position, wait_seconds)
                async with snapshot(connection, lineage) as view_states:
                    if not view_states:
                        raise ViewsNotMade
                    yield PostgresSnapshot(connection, view_states[0])

    def _named(self, name: str) -> Lineage:
        for lineage in self.lineages:
            if name in lineage.views:
                return lineage
        raise no_such_view(name, [each for it in self.lineages for each in it.views])


async def _wait(
    connection: Connection, lineage: Lineage, position: int, wait_seconds: float
) -> None:
    end = time.monotonic() + wait_seconds
    while True:
        view_states = await states(connection, lineage)
        reached = min((state.position for state in view_states), default=0)
        if reached >= position:
            return
        if time.monotonic() > end:
            raise ViewBehind(reached, position, RETRY_AFTER_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
