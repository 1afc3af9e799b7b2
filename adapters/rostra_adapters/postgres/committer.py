"""Group commit: whatever waits while a commit is under way goes into the next one."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, islice

import asyncpg

from rostra.log import Appended, Group, LogBusy, LogUnavailable, Stale
from rostra_adapters import tracing
from rostra_adapters.postgres.connect import LOST
from rostra_adapters.postgres.plan import APPEND, Plan, in_order, optimistic, outcomes

Outcomes = list[Appended | Stale]

QUEUED_EVENTS_MAX = 50_000
COMMIT_EVENTS_MAX = 4_000
ATTEMPTS_MAX = 5
BUSY_RETRY_SECONDS = 1.0

# Rolled back for certain, by a writer that goes its own way: the next look sees what it did.
_DISTURBED = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
)
# Nothing was recorded, since something in it cannot be.
_UNFIT = (asyncpg.PostgresError, ValueError, TypeError)


class _Waiting:
    __slots__ = ("callers", "events", "groups", "outcome")

    def __init__(self, groups: Sequence[Group], events: int) -> None:
        self.groups = groups
        self.events = events
        self.callers = tracing.callers()
        self.outcome: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()


class Committer:
    """One task with one connection that appends for all callers of this process."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._connection: asyncpg.pool.PoolConnectionProxy | None = None
        self._task = asyncio.create_task(self._run(), name="rostra-committer")
        self.queued_events = 0
        self.commits = 0
        self.observe: Callable[[int, float], None] = lambda *_: None
        """Told the events and the seconds of each commit."""

    def admit(self, events: int) -> None:
        """Raises LogBusy where so many events more would be too many to wait for."""
        if self._queue and self.queued_events + events > QUEUED_EVENTS_MAX:
            raise LogBusy(BUSY_RETRY_SECONDS)

    async def append(self, groups: Sequence[Group], events: int) -> Outcomes:
        """Nobody else's groups depend on what becomes of these, nor on their caller."""
        if self._task.done():
            raise LogUnavailable("the log is closed")
        if not groups:
            return []
        waiting = _Waiting(groups, events)
        self._queue.append(waiting)
        self.queued_events += events
        self._wake.set()
        return await waiting.outcome

    async def close(self) -> None:
        """Stop; what is still queued is unavailable."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._fail(list(self._queue), LogUnavailable("the log is closed"))
        self._queue.clear()
        await self._drop_connection()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._take():
                try:
                    await self._serve(batch)
                except asyncio.CancelledError:
                    self._fail(batch, LogUnavailable("the log was closed"))
                    raise

    def _take(self) -> list[_Waiting]:
        """What waits, up to a commit's size; who went away before is passed over."""
        batch: list[_Waiting] = []
        events = 0
        while self._queue and (not batch or events + self._queue[0].events <= COMMIT_EVENTS_MAX):
            waiting = self._queue.popleft()
            self.queued_events -= waiting.events
            if not waiting.outcome.cancelled():
                batch.append(waiting)
                events += waiting.events
        return batch

    async def _serve(self, batch: list[_Waiting]) -> None:
        began, events = time.perf_counter(), sum(waiting.events for waiting in batch)
        callers = chain.from_iterable(waiting.callers for waiting in batch)
        try:
            with tracing.span("append", callers, events=events):
                answers = await self._commit([waiting.groups for waiting in batch])
            self.observe(events, time.perf_counter() - began)
        except LogUnavailable as error:
            self._fail(batch, error)
        except _UNFIT as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
            for waiting in batch:  # so that what cannot be stored fails alone
                await self._serve([waiting])
        except Exception as error:  # noqa: BLE001 — not swallowed: the callers get it
            await self._drop_connection()
            self._fail(batch, error)
        else:
            each = iter(answers)
            for waiting in batch:
                answer = list(islice(each, len(waiting.groups)))
                if not waiting.outcome.done():
                    waiting.outcome.set_result(answer)

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.outcome.done():
                waiting.outcome.set_exception(error)

    async def _commit(self, callers: list[Sequence[Group]]) -> Outcomes:
        for _ in range(ATTEMPTS_MAX):
            try:
                return await self._append(callers)
            except _DISTURBED:
                continue
            except LOST as error:
                await self._drop_connection()
                raise LogUnavailable(str(error) or type(error).__name__) from error
        raise LogUnavailable("another writer keeps interfering")

    async def _append(self, callers: list[Sequence[Group]]) -> Outcomes:
        plan = optimistic(callers)
        row = await self._call(plan) if plan.certain else None
        if row is None or row["first"] is None:
            row = await self._call(in_order(callers))
        return outcomes(chain.from_iterable(callers), row["first"] or 0, row["refused"])

    async def _call(self, plan: Plan) -> asyncpg.Record:
        if self._connection is None or _is_gone(self._connection):
            self._connection = await self._pool.acquire()
        row = await self._connection.fetchrow(APPEND, *plan.arguments)
        self.commits += 1
        assert row is not None  # the function answers with one row
        return row

    async def _drop_connection(self) -> None:
        """Not given back to be used again: an append may still be running on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(asyncpg.InterfaceError):  # it is gone already
                connection.terminate()
            await self._pool.release(connection)


def _is_gone(connection: asyncpg.pool.PoolConnectionProxy) -> bool:
    """Whether it was lost while nothing was asked of it."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has noticed first
        return True
