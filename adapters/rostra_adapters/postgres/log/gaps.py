"""Positions are contiguous, so a gap is an alarm: an event on its way, or one that never came.

It is waited out for as long as whoever may fill it is writing, and no guess is
made: who writes holds a lock of the table from before it takes a number until
what it wrote is seen or gone. So once all who hold one are seen to have ended,
what is missing below the head of before never comes. (To take a share lock
of the table would prove the same, but stands in line behind every vacuum, and
every writer behind it.)
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import asyncpg

PROOF_SECONDS_MAX = 2.0
LOOK_SECONDS = 0.01

WRITERS = """
select array_agg(virtualtransaction)
from pg_locks
where locktype = 'relation'
    and database = (select oid from pg_database where datname = current_database())
    and relation = 'public.stored_events'::regclass
    and mode in (
        'RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
    )
    and granted
"""
STILL_THERE = "select exists (select from pg_locks where virtualtransaction = any($1::text[]))"

HEAD = "select max(notification_id) from public.stored_events"

_logger = logging.getLogger(__name__)


class GapDetector:
    """Which gaps are proved to be holes."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._settled = 0  # below here nothing can come any more
        self._counted = 0
        self.count = 0

    def first_open(self, after: int, positions: Sequence[int]) -> int | None:
        """The index of the first position with a gap before it that may yet be filled."""
        if not positions or positions[-1] - after == len(positions):
            return None
        for index, position in enumerate(positions):
            if position != after + 1 and position > self._settled:
                return index
            after = position
        return None

    async def prove(self) -> bool:
        """Wait out all writers. True: read again, gaps that are still there are holes,
        anywhere below the present head. False: someone was writing all this time.
        """
        deadline = time.monotonic() + PROOF_SECONDS_MAX
        head = await self._pool.fetchval(HEAD)
        writers = await self._pool.fetchval(WRITERS)
        while writers and await self._pool.fetchval(STILL_THERE, writers):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        self._settled = max(self._settled, head)
        return True

    def pass_over(self, after: int, positions: Sequence[int]) -> None:
        """Count the holes that are passed over for the first time."""
        if not positions or positions[-1] <= self._counted:
            return
        after = max(after, self._counted)
        missing = positions[-1] - after - sum(position > after for position in positions)
        self._counted = positions[-1]
        if missing:
            self.count += missing
            _logger.warning("%d positions after %d are empty for ever", missing, after)
