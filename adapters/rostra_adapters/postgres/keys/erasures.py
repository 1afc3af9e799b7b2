"""Erasures across processes: each process drops destroyed keys, and confirms it.

1. Each process that may hold keys looks for erasures every `LOOK_SECONDS`; NOTIFY wakes it at once.
   It drops the destroyed keys, then reports the number of the last erasure that it has seen.
2. An erasure waits for the reports of all processes (`wait_for_destruction`). It leaves out a
   process whose last report is older than `trusted_seconds` and `GRACE_SECONDS` together.
3. A process that has not looked for `trusted_seconds` uses no key until it has looked. So a process
   that is left out shows no words. The table of erasures is complete: after a pause a process drops
   only the keys that were destroyed meanwhile.

A process on a standby looks there and reports to the primary:

4. Its report is as old as the newest heartbeat of the primary that the standby has. So a standby
   that no longer follows the primary makes the reports old.
5. A process that was left out, or that has just begun, may have missed erasures. It uses no key
   until its standby has all erasures that the primary had at the new report.
6. After a change to a standby that lags, it uses no key until that standby has every erasure whose
   key the process has dropped.

A lossy failover may lose erasures, whose numbers are then given again. It changes the log's id.
Then a process drops all keys. See decisions 0010 and 0043.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.aio.wake_up import wait_at_most
from rostra_adapters.keys.ring import Listener
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connect import LOST, raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.notify import Notifications

LOOK_SECONDS = 3.0
"""Seconds between looks for erasures, without a notification."""
TRUSTED_SECONDS = 12.0
"""Seconds after the last look for which loaded keys are used."""
STALE_SECONDS = 60.0
"""Those seconds on a standby: longer than a failover of the primary takes."""
GRACE_SECONDS = 8.0
"""Seconds after the end of that time for which an erasure still waits for a process."""
WAIT_SECONDS = 0.05
"""Seconds between looks while an erasure waits, or while this process lags."""
WAIT_GRACE_SECONDS = 10.0
"""Seconds beyond the longest time of waiting for a process after which an erasure gives up."""

# In one snapshot: a standby that has the heartbeat has all erasures from before it.
_NEW = """
select log.id, beat.beat_at, erased.number, erased.owner, last.number
from (select coalesce(max(number), 0) as number from rostra_keys.erased_keys) last
left join public.rostra_log log on true
left join public.rostra_heartbeat beat on true
left join rostra_keys.erased_keys erased on erased.number > $1
order by erased.number
"""
_FORGOTTEN = """
insert into rostra_keys.key_readers (reader, forgotten, master, trusted_seconds, seen_at)
values (
    $1,
    least($2, (select coalesce(max(number), 0) from rostra_keys.erased_keys)),
    $3,
    $4,
    coalesce($5, clock_timestamp())
)
on conflict (reader) do update
set forgotten = excluded.forgotten, master = excluded.master, seen_at = excluded.seen_at
returning extract(epoch from clock_timestamp() - seen_at)::float8,
    (select coalesce(max(number), 0) from rostra_keys.erased_keys),
    exists (
        select from public.rostra_log where id = $6::uuid
        union all select from public.rostra_log_epochs where log_id = $6::uuid
    )
"""
_LEAVE = "delete from rostra_keys.key_readers where reader = $1"
IS_AWAITED = "seen_at > clock_timestamp() - (trusted_seconds + $1::float8) * interval '1 second'"
"""Condition on a process that may still use keys, by GRACE_SECONDS."""
_LEFT = f"delete from rostra_keys.key_readers where not ({IS_AWAITED})"  # noqa: S608  # our own text
_LONGEST = "select coalesce(max(trusted_seconds), 0) from rostra_keys.key_readers"
_LAST = "select coalesce(max(number), 0) from rostra_keys.erased_keys"
_COUNT = f"select count(*) from rostra_keys.key_readers where {IS_AWAITED}"  # noqa: S608  # our own
_HOLDING = f"{_COUNT} and forgotten < $2"
_OTHER_MASTERS = f"{_COUNT} and master <> $2"
_OF_MASTER = f"{_COUNT} and master = $2"


class Erasures:
    """Part of one process: it looks, drops keys, and confirms."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        master: bytes,
        listener: Listener,
        listening: asyncpg.Pool | None = None,
        *,
        standby: asyncpg.Pool | None = None,
        trusted_seconds: float | None = None,
    ) -> None:
        """With a `standby`, keys come from there, and `pool` leads to its primary."""
        self._pool = pool
        self._source = standby or pool
        self._is_standby = standby is not None
        self._trusted_seconds = TRUSTED_SECONDS if trusted_seconds is None else trusted_seconds
        self._is_behind = False
        self._master = master
        self._listener = listener
        self._news = Notifications(listening or pool, locks.ERASURES)
        self._reader = uuid4()
        self._log: UUID | None = None
        self._forgotten = 0
        self._required = 0
        """Last erasure from before this process was waited for."""
        self._replayed = 0
        """Last erasure that the database of the last look has."""
        self._has_dropped = False
        self._looked = -math.inf
        self._task: BackgroundTask | None = None

    async def start(self) -> None:
        """Look once, then start the task that looks every few seconds. Raises LogUnavailable.

        Call it before any key is loaded.
        """
        await self._look()
        self._task = BackgroundTask(self._run, "erasures")

    async def close(self) -> None:
        if self._task is not None:
            await self._task.end()
            with suppress(*LOST):
                await self._pool.execute(_LEAVE, self._reader)
        await self._news.close()

    @property
    def is_current(self) -> bool:
        """Return whether keys may be used: no erasure can have been missed."""
        return self._task is None or (
            self._is_trusted
            and self._forgotten >= self._required
            and self._replayed >= self._forgotten
        )

    @property
    def forgotten(self) -> int:
        """Number of the last erasure whose keys this process has dropped."""
        return self._forgotten

    @property
    def behind_seconds(self) -> float:
        """Age of the newest known state of the primary, by the primary's clock and this one's."""
        return time.monotonic() - self._looked

    @property
    def _is_trusted(self) -> bool:
        return time.monotonic() - self._looked <= self._trusted_seconds

    def note_log(self, log: UUID) -> None:
        """Trust nothing until the next look where another log is read than at the last one."""
        if log != self._log:
            self._looked = -math.inf
            self._news.wake()

    async def _run(self) -> AsyncGenerator[None, None]:
        while True:
            news = self._news.next()
            try:
                await self._look()
            except Exception as error:
                if not (isinstance(error, LogUnavailable) and self.is_current):
                    self._listener(None)
                raise
            if not (self.is_current or self._has_dropped):
                self._listener(None)  # words that were read before stay in no cache
            self._has_dropped = not self.is_current
            yield
            is_late = self._is_behind or not self.is_current
            await wait_at_most(news, WAIT_SECONDS if is_late else LOOK_SECONDS)

    async def _look(self) -> None:
        began = time.monotonic()
        with raise_unavailable_if_lost():
            rows = await self._source.fetch(_NEW, self._forgotten)
            log, beat = rows[0][0], rows[0][1] if self._is_standby else None
            erased = [row for row in rows if row[2] is not None]
            self._replayed = rows[0][4]
            if log != self._log:
                self._forgotten = self._replayed
                self._listener(None)
                self._log, self._required, self._looked = log, 0, -math.inf
            elif erased:
                self._listener({row[3] for row in erased})
                self._forgotten = erased[-1][2]
            reported = self._reader, self._forgotten, self._master, self._trusted_seconds, beat, log
            record = await self._pool.fetchrow(_FORGOTTEN, *reported)
            assert record is not None
            age, last, is_known = record
            if self._is_standby:
                self._check_known(log, is_known=is_known)
                if not self._is_trusted:  # an erasure from before this report did not wait for it
                    self._required = await self._pool.fetchval(_LAST)
        self._looked = began - age
        self._is_behind = last > self._forgotten

    def _check_known(self, log: UUID | None, *, is_known: bool) -> None:
        """Raise LogUnavailable where the database that is read is no copy of the primary."""
        if not is_known:
            self._looked = -math.inf
            raise LogUnavailable(
                f"the database that is read has the log {log}, which its primary does not know: "
                "name a standby of --database-url by --read-database-url"
            )

    async def wait_for_destruction(self) -> None:
        """Wait until every process has dropped the keys destroyed by now. Raises LogUnavailable."""
        with raise_unavailable_if_lost():
            last = await self._pool.fetchval(_LAST)
            longest = await self._pool.fetchval(_LONGEST) + GRACE_SECONDS + WAIT_GRACE_SECONDS
            async with asyncio.timeout(longest):
                while await self._pool.fetchval(  # noqa: ASYNC110  # others' doing
                    _HOLDING, GRACE_SECONDS, last
                ):
                    await asyncio.sleep(WAIT_SECONDS)
            await self._pool.execute(_LEFT, GRACE_SECONDS)

    async def of_other_masters(self) -> int:
        """Return the number of processes that wrap keys with another master key.

        Raises LogUnavailable.
        """
        with raise_unavailable_if_lost():
            return int(await self._pool.fetchval(_OTHER_MASTERS, GRACE_SECONDS, self._master))

    async def of_master(self, connection: Connection, master: bytes) -> int:
        """Return the number of processes whose current master key is this one."""
        return int(await connection.fetchval(_OF_MASTER, GRACE_SECONDS, master))
