"""Erasures across processes: each process learns of destroyed keys, and confirms it.

Each process that may hold keys records, every few seconds, up to which erasure it has dropped keys.
NOTIFY wakes it at once; a process that has not looked for a while uses nothing that it holds until
it has looked. The table of erasures is complete: a process that was stopped drops only keys erased
meanwhile. One that cannot look drops all. So after `LOST_SECONDS` without a sign of life a process
shows nothing that it holds, and nobody waits for it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.aio.wake_up import wait_at_most
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connect import LOST, raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.notify import Notifications

LOOK_SECONDS = 3.0
TRUSTED_SECONDS = 12.0
"""For how long loaded keys are used after the last look."""
LOST_SECONDS = 20.0
"""Seconds without a sign of life after which a process is not waited for."""
WAIT_SECONDS = 0.05
WAIT_SECONDS_MAX = 30.0

_JOIN = """
insert into rostra_keys.key_readers (reader, forgotten, master)
select $1, coalesce(max(number), 0), $2 from rostra_keys.erased_keys
returning forgotten
"""
_NEW = "select number, owner from rostra_keys.erased_keys where number > $1 order by number"
_FORGOTTEN = """
insert into rostra_keys.key_readers (reader, forgotten, master) values ($1, $2, $3)
on conflict (reader) do update
set forgotten = excluded.forgotten, master = excluded.master, seen_at = clock_timestamp()
"""
_LEAVE = "delete from rostra_keys.key_readers where reader = $1"
_LEFT = """
delete from rostra_keys.key_readers
where seen_at < clock_timestamp() - $1::double precision * interval '1 second'
"""
_LAST = "select coalesce(max(number), 0) from rostra_keys.erased_keys"
_HOLDING = """
select count(*) from rostra_keys.key_readers
where forgotten < $1 and seen_at > clock_timestamp() - $2::double precision * interval '1 second'
"""
_OTHER_MASTERS = """
select count(*) from rostra_keys.key_readers
where master <> $1 and seen_at > clock_timestamp() - $2::double precision * interval '1 second'
"""
_OF_MASTER = """
select count(*) from rostra_keys.key_readers
where master = $1 and seen_at > clock_timestamp() - $2::double precision * interval '1 second'
"""

Listener = Callable[[Collection[UUID] | None], None]


class Erasures:
    """Part of one process: it looks, drops keys, and confirms."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        master: bytes,
        listener: Listener,
        listening: asyncpg.Pool | None = None,
    ) -> None:
        self._pool = pool
        self._master = master
        self._listener = listener
        self._news = Notifications(listening or pool, locks.ERASURES)
        self._reader = uuid4()
        self._forgotten = 0
        self._looked = 0.0
        self._task: BackgroundTask | None = None

    async def start(self) -> None:
        """Before any key is loaded. Raises LogUnavailable."""
        with raise_unavailable_if_lost():
            self._looked = time.monotonic()
            self._forgotten = await self._pool.fetchval(_JOIN, self._reader, self._master)
        self._task = BackgroundTask(self._run, "erasures")

    async def close(self) -> None:
        if self._task is not None:
            await self._task.end()
            with suppress(*LOST):
                await self._pool.execute(_LEAVE, self._reader)
        await self._news.close()

    @property
    def is_current(self) -> bool:
        """False where keys may have been destroyed since this process last looked."""
        return self._task is None or time.monotonic() - self._looked <= TRUSTED_SECONDS

    async def _run(self) -> AsyncGenerator[None, None]:
        while True:
            news = self._news.next()
            try:
                await self._look()
            except Exception as error:
                if not (isinstance(error, LogUnavailable) and self.is_current):
                    self._listener(None)
                raise
            yield
            await wait_at_most(news, LOOK_SECONDS)

    async def _look(self) -> None:
        began = time.monotonic()
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(_NEW, self._forgotten)
            if rows:
                self._listener({row[1] for row in rows})
            self._looked = began
            self._forgotten = rows[-1][0] if rows else self._forgotten
            await self._pool.execute(_FORGOTTEN, self._reader, self._forgotten, self._master)

    async def wait_for_destruction(self) -> None:
        """Wait until every process has dropped the keys destroyed by now. Raises LogUnavailable."""
        with raise_unavailable_if_lost():
            last = await self._pool.fetchval(_LAST)
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while await self._pool.fetchval(  # noqa: ASYNC110  # others' doing
                    _HOLDING, last, LOST_SECONDS
                ):
                    await asyncio.sleep(WAIT_SECONDS)
            await self._pool.execute(_LEFT, LOST_SECONDS)

    async def of_other_masters(self) -> int:
        """Return the number of processes that wrap keys with another master key.

        Raises LogUnavailable.
        """
        with raise_unavailable_if_lost():
            return int(await self._pool.fetchval(_OTHER_MASTERS, self._master, LOST_SECONDS))

    async def of_master(self, connection: Connection, master: bytes) -> int:
        """Return the number of processes whose current master key is this one."""
        return int(await connection.fetchval(_OF_MASTER, master, LOST_SECONDS))
