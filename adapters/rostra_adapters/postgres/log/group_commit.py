"""Group commit: events that wait while a commit runs go into the next commit.

Under load the next commit is sent on a second connection while the previous one still runs. So
neither the process nor the database waits for the other. See decision 0021.
"""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain

import asyncpg

from rostra.log import LogBusy, LogReplaced, LogUnavailable, NewEvents
from rostra_adapters.aio.tasks import PendingTasks
from rostra_adapters.application.log_limits import (
    APPEND_ATTEMPTS_MAX,
    BUSY_RETRY_SECONDS,
    QUEUED_EVENTS_MAX,
)
from rostra_adapters.observability import tracing
from rostra_adapters.postgres import binary_arrays
from rostra_adapters.postgres.connect import LOST
from rostra_adapters.postgres.log.append_call import (
    APPEND,
    AppendPlan,
    in_order,
    optimistic,
    positions,
)

Positions = Sequence[int | None]

COMMIT_EVENTS_MAX = 4_000
"""Events of one commit at most, unless a single append has more."""
AHEAD_EVENTS_MIN = 64
"""Events that must wait for a second commit to be sent: fewer are not worth its fsync."""
CHANNELS = 2
"""Connections that commit: one more is sent while one runs."""
OTHER_LOG = "RS001"
OTHER_TIMELINE = "RS002"
"""Errors of `rostra_append_on`."""
OPEN_EPOCH = "select public.rostra_open_epoch($1, $2)"

# Errors after which nothing was recorded: another writer appended, or the stream already exists.
# The append is tried again.
_DISTURBED = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
)
# Errors by which the log refuses a value of an event: nothing of the call was recorded.
_UNFIT = (asyncpg.PostgresError, ValueError, TypeError, struct.error)


class _Waiting:
    __slots__ = ("answer", "callers", "events", "new")

    def __init__(self, new: NewEvents) -> None:
        self.new = new
        self.events = len(new.streams)
        self.callers = tracing.callers()
        self.answer: asyncio.Future[Positions] = asyncio.get_running_loop().create_future()


class GroupCommit:
    """Appends for all callers of this process, by at most `CHANNELS` commits at a time."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        on_epoch: Callable[[], None] = lambda: None,
        *,
        is_lossless: bool = False,
    ) -> None:
        """`on_epoch` is called when the log is found to go on in another epoch."""
        self._queue: deque[_Waiting] = deque()
        self._channels = [
            _Channel(pool, self._observed, on_epoch, is_lossless) for _ in range(CHANNELS)
        ]
        self._idle = list(self._channels)
        self._tasks = PendingTasks()
        self._is_starting = False
        """True while a task that was started has not yet looked at the queue."""
        self._under_way = 0
        """Commits that were sent."""
        self._closed = False
        self._is_stalled = False
        self.queued_events = 0
        self.observe: Callable[[int, float], None] = lambda *_: None
        """Called with the events and the seconds of each commit."""

    @property
    def commits(self) -> int:
        """Calls that appended, or tried to."""
        return sum(channel.calls for channel in self._channels)

    def _observed(self, events: int, seconds: float) -> None:
        self.observe(events, seconds)

    def admit(self, events: int) -> None:
        """Raise LogBusy if the queue has no room for so many events.

        Raises LogUnavailable while commits are not acknowledged.
        """
        if self._is_stalled:
            raise LogUnavailable("no standby confirms what the primary commits")
        if self._queue and self.queued_events + events > QUEUED_EVENTS_MAX:
            raise LogBusy(BUSY_RETRY_SECONDS)

    async def append(self, events: NewEvents) -> Positions:
        """Append groups. Their result depends on no other caller's groups."""
        if self._closed:
            raise LogUnavailable("the log is closed")
        if not events.ends:
            return []
        waiting = _Waiting(events)
        self._queue.append(waiting)
        self.queued_events += waiting.events
        self._start()
        return await waiting.answer

    def set_stalled(self, stalled: bool) -> None:  # noqa: FBT001  # it answers a question
        """While stalled, refuse appends. End the wait of those under way.

        The server goes on with them, and shows them once they are replicated.
        """
        if stalled and not self._is_stalled:
            for channel in self._channels:
                channel.end_call()
            _fail(self._queue, LogUnavailable("no standby confirms what the primary commits"))
        self._is_stalled = stalled

    async def close(self) -> None:
        """Stop; what is still queued is unavailable."""
        self._closed = True
        await self._tasks.end()
        _fail(self._queue, LogUnavailable("the log is closed"))
        self._queue.clear()
        for channel in self._channels:
            await channel.drop_connection()

    @property
    def _may_commit(self) -> bool:
        """Return whether another commit may be sent: none runs, or enough events wait."""
        return not self._under_way or self.queued_events >= AHEAD_EVENTS_MIN

    def _start(self) -> None:
        if self._may_commit and self._queue and self._idle and not self._is_starting:
            self._is_starting = True
            _ = self._tasks.start(self._run(self._idle.pop()), "rostra-commit")

    async def _run(self, channel: "_Channel") -> None:
        """Commit what waits, until nothing does."""
        self._is_starting = False
        while batch := self._next_groups():
            self._under_way += 1
            self._start()  # the rest may be enough for another commit
            try:
                await channel.serve(batch)
            except BaseException:
                _fail(batch, LogUnavailable("the log was closed, or appending failed"))
                raise
            finally:
                self._under_way -= 1
        self._idle.append(channel)

    def _next_groups(self) -> list[_Waiting]:
        """Return the waiting groups, up to a commit's size, without those whose callers left.

        If two commits' worth waits, it returns half: the other half is sent before the first ends.
        """
        if not self._may_commit:
            return []
        halved = not self._under_way and self.queued_events >= 2 * AHEAD_EVENTS_MIN
        room = min(COMMIT_EVENTS_MAX, self.queued_events // 2 if halved else self.queued_events)
        batch: list[_Waiting] = []
        events = 0
        while self._queue and (not batch or events + self._queue[0].events <= room):
            waiting = self._queue.popleft()
            self.queued_events -= waiting.events
            if not waiting.answer.done():
                batch.append(waiting)
                events += waiting.events
        return batch


class _Channel:
    """A connection that commits."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        observe: Callable[[int, float], None],
        on_epoch: Callable[[], None],
        is_lossless: bool,  # noqa: FBT001  # a setting of all channels
    ) -> None:
        self._pool = pool
        self._observe = observe
        self._on_epoch = on_epoch
        self._is_lossless = is_lossless
        self._connection: asyncpg.pool.PoolConnectionProxy | None = None
        self.calls = 0

    async def serve(self, batch: list[_Waiting]) -> None:
        """Commit the groups of callers, and answer each."""
        if len({waiting.new.log for waiting in batch}) > 1:  # a failover came between them
            for waiting in batch:
                await self.serve([waiting])
            return
        began, events = time.perf_counter(), sum(waiting.events for waiting in batch)
        callers = chain.from_iterable(waiting.callers for waiting in batch)
        try:
            with tracing.span("append", callers, events=events):
                answers = await self._commit([waiting.new for waiting in batch])
            self._observe(events, time.perf_counter() - began)
        except LogUnavailable as error:
            _fail(batch, error)
        except _UNFIT as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:  # so that what cannot be stored fails alone
                await self.serve([waiting])
        except Exception as error:  # noqa: BLE001 — not swallowed: the callers get it
            _fail(batch, error)
            await self.drop_connection()
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _commit(self, callers: list[NewEvents]) -> list[Positions]:
        append = self._append
        for _ in range(APPEND_ATTEMPTS_MAX):
            try:
                return await append(callers)
            except _DISTURBED:
                append = self._append_in_order
            except LOST as error:
                await self.drop_connection()
                raise LogUnavailable(str(error) or type(error).__name__) from error
            except asyncpg.PostgresError as error:
                await self._follow(error)
        raise LogUnavailable("another writer keeps interfering")

    async def _follow(self, error: asyncpg.PostgresError) -> None:
        """Follow the log into another epoch. Raises LogReplaced if it has another id, or `error`.

        After a promotion without loss the append can be tried again.
        """
        if error.sqlstate not in (OTHER_LOG, OTHER_TIMELINE) or self._connection is None:
            raise error
        self._on_epoch()
        if error.sqlstate == OTHER_TIMELINE:
            await self._connection.fetchval(OPEN_EPOCH, self._is_lossless, False)
        if not self._is_lossless or error.sqlstate == OTHER_LOG:
            raise LogReplaced("the log has begun another epoch: decide again") from error

    async def _append(self, callers: list[NewEvents]) -> list[Positions]:
        plan = optimistic(callers)
        row = await self._call(plan) if plan.certain else None
        if row is None or row["first"] is None:
            return await self._append_in_order(callers)
        return positions(callers, row["first"], None)

    async def _append_in_order(self, callers: list[NewEvents]) -> list[Positions]:
        row = await self._call(in_order(callers))
        return positions(callers, row["first"] or 0, row["refused"])

    async def _call(self, plan: AppendPlan) -> asyncpg.Record:
        if self._connection is None or _is_gone(self._connection):
            self._connection = await _connected(self._pool)
        row = await self._connection.fetchrow(APPEND, *plan.arguments)
        self.calls += 1
        assert row is not None  # the function answers with one row
        return row

    def end_call(self) -> None:
        """End the connection. A call that is under way on it fails."""
        if self._connection is not None:
            with suppress(asyncpg.InterfaceError):  # it is gone already
                self._connection.terminate()

    async def drop_connection(self) -> None:
        """Close the connection instead of reusing it: an append may still run on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(asyncpg.InterfaceError):  # it is gone already
                connection.terminate()
            await self._pool.release(connection)


async def _connected(pool: asyncpg.Pool) -> asyncpg.pool.PoolConnectionProxy:
    """Return a connection that can send `arrays`, None if there is none."""
    connection = await pool.acquire()
    try:
        await binary_arrays.exchange(connection)
    except BaseException:
        await pool.release(connection)
        raise
    return connection


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)


def _is_gone(connection: asyncpg.pool.PoolConnectionProxy) -> bool:
    """Return whether the connection was lost while it was idle."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has noticed first
        return True
