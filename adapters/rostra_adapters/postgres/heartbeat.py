"""Heartbeat of the primary: a row that every process there keeps fresh.

Its commit waits for the standbys that `synchronous_standby_names` asks for. So its age says both
how far a standby lags, and since when the primary can acknowledge no writes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import BackgroundTask, end_background, repeat
from rostra_adapters.application.ports import SILENT_SECONDS_MAX
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

BEAT_SECONDS = 1.0

# One process writes it; the others pass over its locked row, or find it fresh.
_BEAT = """
update public.rostra_heartbeat set beat_at = clock_timestamp()
where singleton in (
    select singleton from public.rostra_heartbeat
    where beat_at < clock_timestamp() - $1::float8 * interval '1 second'
    for update skip locked
)"""
_AGE = """
select extract(epoch from clock_timestamp() - beat_at)::float8 from public.rostra_heartbeat"""


class Heartbeat:
    """Task that keeps the heartbeat fresh.

    `report` is called after each beat, with whether writes are stalled: none is acknowledged.
    """

    def __init__(self, pool: asyncpg.Pool, report: Callable[[bool], None]) -> None:
        self._pool = pool
        self._report = report
        self._task: BackgroundTask | None = None

    async def __aenter__(self) -> Self:
        beating = repeat(self._beat_and_report, BEAT_SECONDS)
        self._task = BackgroundTask(beating, "primary-heartbeat")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_background(self._task)

    async def _beat_and_report(self) -> None:
        with raise_unavailable_if_lost():
            await self._beat()
            self._report(await heartbeat_age(self._pool) > SILENT_SECONDS_MAX)

    async def _beat(self) -> None:
        """Write the heartbeat. Raises LogUnavailable if its commit is not acknowledged in time.

        The statement is not cancelled: the server would end its wait for a standby, and show what
        is not replicated.
        """
        connection = await self._pool.acquire()
        beating = asyncio.ensure_future(connection.execute(_BEAT, BEAT_SECONDS * 0.9))
        try:
            await asyncio.wait([beating], timeout=SILENT_SECONDS_MAX)
            if not beating.done():
                self._report(True)
                raise LogUnavailable("no standby confirms what the primary commits")
            await beating
        finally:
            if not beating.done():
                with suppress(asyncpg.InterfaceError):  # the pool has noticed first
                    connection.terminate()
                await asyncio.gather(beating, return_exceptions=True)
            await self._pool.release(connection)


async def heartbeat_age(pool: asyncpg.Pool) -> float:
    """Return the seconds since the last heartbeat by the clock of the server that is read.

    Raises LogUnavailable.
    """
    with raise_unavailable_if_lost():
        age = await pool.fetchval(_AGE)
    return float("inf") if age is None else max(float(age), 0.0)
