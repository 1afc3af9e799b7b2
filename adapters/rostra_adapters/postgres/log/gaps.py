"""Gaps in the log: a missing position is an event being written, or one that never came.

The detector waits for the writers and does not guess. A writer holds a lock of the table from
before it draws a position until its rows are committed or rolled back. Once all holders of that
lock have ended, a position missing below the earlier head never comes. A share lock of the table
would prove the same. But it would wait behind every vacuum, and every writer would wait behind it.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import asyncpg

PROOF_SECONDS_MAX = 2.0
"""Longest wait for writers that may still fill a gap. After it the reader tries again."""
LOOK_SECONDS = 0.01
"""Seconds between looks at whether those writers have ended."""

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
    """Detector of gaps in the log that no writer can fill any more."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._settled = 0  # no gap below this position can be filled
        self._counted = 0
        self.count = 0

    def first_open(self, after: int, positions: Sequence[int]) -> int | None:
        """Return the index of the first position after a gap that may yet be filled."""
        if not positions or positions[-1] - after == len(positions):
            return None
        for index, position in enumerate(positions):
            if position != after + 1 and position > self._settled:
                return index
            after = position
        return None

    async def prove(self) -> bool:
        """Wait until all present writers have ended. Return False if one still writes.

        If true, gaps that a new read still finds below the present head are final.
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
        """Count the gaps that a page passes over, each once."""
        if not positions or positions[-1] <= self._counted:
            return
        after = max(after, self._counted)
        missing = positions[-1] - after - sum(position > after for position in positions)
        self._counted = positions[-1]
        if missing:
            self.count += missing
            _logger.warning("%d positions after %d are empty for ever", missing, after)
