"""Databases of tests: copies of a template, dropped once they are no longer used."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import psycopg

from rostra_adapters.local_postgres.lease import Lease

USED_KEPT = 8


class Databases:
    """Databases of one worker on the run's server."""

    def __init__(self, server: Lease, operator: psycopg.Connection, worker: str) -> None:
        self._server = server
        self._operator = operator
        self._worker = worker
        self._numbers = count(1)
        self._used: deque[str] = deque()

    def copy(self, template: str, *, is_kept: bool = False) -> str:
        """Copy a database and return the copy's URL.

        The copy is dropped a few tests later, unless it is kept until the server ends.
        """
        # Not at once: a session takes a moment to end, and a drop waits 0.1 s for it.
        if len(self._used) > USED_KEPT:
            self._execute(f"drop database {self._used.popleft()} with (force)")
        name = f"test_{self._worker}_{next(self._numbers)}"
        # Five times as quick as the default, which writes the copy into the WAL as well.
        self._execute(f"create database {name} template {template} strategy file_copy")
        if not is_kept:
            self._used.append(name)
        return url_of(self._server, name)

    def filled(self, template: str, fill: Callable[[asyncpg.Connection], Awaitable[None]]) -> str:
        """Copy a database, let `fill` change the copy, and return its URL; it is kept."""
        url = self.copy(template, is_kept=True)
        fill_apart(url, fill)
        return url

    def _execute(self, statement: str) -> None:
        self._operator.execute(statement.encode())


@asynccontextmanager
async def stalled_views(url: str) -> AsyncIterator[None]:
    """Keep the views of a database from reading on while the block runs."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("select from rostra_views for update")
            yield
    finally:
        await connection.close()


def url_of(server: Lease, database: str) -> str:
    """Return the URL of another database of a server."""
    return server.url.replace("/rostra?", f"/{database}?")


def fill_apart(url: str, fill: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    """Run `fill` with a connection, in a thread: this one may run a test's event loop."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            await fill(connection)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result()
