"""Queue of commands of concurrent callers: one bound, and one read and append for all that wait."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from time import monotonic

import msgspec

from rostra.commands import MarkPassage, ReviseArticle
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.deciding.stream_cache import StreamCache
from rostra.deciding.text_work import Articles
from rostra.log import EventLog, LogBusy, LogUnavailable
from rostra.sealing import KeyRing
from rostra_adapters.aio.tasks import PendingTasks
from rostra_adapters.application.log_limits import BUSY_RETRY_SECONDS
from rostra_adapters.observability import tracing

BATCH_COMMANDS_MAX = 1_000
QUEUE_COMMANDS_MAX = 20_000
QUEUE_COMMANDS_MIN = 2 * BATCH_COMMANDS_MAX
"""Commands that may wait however long they take: one batch is decided while one is appended."""
AHEAD_COMMANDS_MIN = 64
"""Commands that are decided while the batch before them is being appended. Fewer wait until it is
durable, so that more can join them: each batch costs as much as several commands."""
QUEUE_SECONDS_MAX = 2.0
"""Estimated seconds to handle what waits, beyond which no more is admitted."""
PACE_DECAY = 0.8
"""Weight of all earlier batches in the estimate when another one is added."""
SLOW_AT_ONCE_MAX = 4
"""Submissions with such slow commands that are handled at once; further ones wait."""
_SLOW_TOPICS = frozenset({MarkPassage.topic, ReviseArticle.topic})
"""Types of commands that may take seconds: they search the texts of articles."""


class _Waiting(msgspec.Struct):
    commands: Sequence[Commanded]
    answer: "asyncio.Future[list[Outcome]]"
    callers: tracing.Callers


class _Slot:
    """Place of a batch that is decided while the one before is being appended."""

    def __init__(self, queue: "CommandQueue", cache: StreamCache, before: "_Slot | None") -> None:
        self.cache = cache
        self.changed_streams: set[int] = set()
        self._queue = queue
        self._before = None if before is None else before.done
        self.is_released = False
        self.done: asyncio.Future[Collection[int] | None] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def is_ready(self) -> bool:
        return self._before is None or self._before.done()

    async def wait_for_previous(self) -> Collection[int] | None:
        if self._before is None:
            return ()
        if self._before.done():
            return self._before.result()
        return await asyncio.shield(self._before)

    def release(self) -> None:
        self.is_released = True
        self._queue.start_next()


class CommandQueue:
    """Handles commands in order of arrival.

    Batches are not timed: commands that arrive while a batch is handled form the next one. A large
    batch is decided while the one before is being appended, upon the streams that the one before
    will have changed. Commands that may take seconds are handled beside the batches, so that nobody
    waits for them; the log's guards settle conflicts.
    """

    def __init__(self, log: EventLog, ring: KeyRing, articles: Articles | None = None) -> None:
        self._log = log
        self._ring = ring
        self._articles = articles
        self._waiting: deque[_Waiting] = deque()
        self._waiting_commands = 0
        self._last: _Slot | None = None
        self._cache = StreamCache()
        self._free = asyncio.Semaphore(SLOW_AT_ONCE_MAX)
        self._tasks = PendingTasks()
        self._closed = False
        self.queued_commands = 0
        """Number of commands that wait or are being handled."""
        self._seconds = self._commands = 0.0
        self._batches = 0
        self._since = 0.0

    @property
    def seconds_each(self) -> float:
        """Estimated seconds a command; 0 while nothing is known. Large batches count more."""
        return self._seconds / self._commands if self._commands else 0.0

    def admit(self, commands: int = 1) -> None:
        """Raise LogBusy if the queue has no room."""
        queued = self.queued_commands
        if queued + commands <= QUEUE_COMMANDS_MIN:
            return
        seconds = queued * self.seconds_each
        too_long = queued >= QUEUE_COMMANDS_MIN and seconds > QUEUE_SECONDS_MAX
        if too_long or queued + commands > QUEUE_COMMANDS_MAX:
            raise LogBusy(max(BUSY_RETRY_SECONDS, seconds))

    async def submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        """Handle commands in order; they are durable on return.

        Raises LogBusy if the queue is full, and LogUnavailable. Then the first commands of a long
        batch may have been recorded.
        """
        is_slow = not _SLOW_TOPICS.isdisjoint({each.command.topic for each in commands})
        if not is_slow and len(commands) <= BATCH_COMMANDS_MAX:
            return await self._enqueue(commands)
        outcomes: list[Outcome] = []
        for part in _parts(commands):
            if not is_slow or _SLOW_TOPICS.isdisjoint({each.command.topic for each in part}):
                outcomes += await self._enqueue(part)
            else:
                self._take(len(part))
                # Commands are handled also if their caller is cancelled.
                outcomes += await asyncio.shield(
                    self._tasks.start(self._handle_slow(part), "rostra-slow-commands")
                )
        return outcomes

    async def close(self) -> None:
        """Answer submitted commands, then close."""
        self._closed = True
        while self._waiting or self._tasks:
            await self._tasks.wait()

    def start_next(self) -> None:
        """Start to decide what waits, if it is time."""
        if self._waiting and (self._last is None or self._may_follow(self._last)):
            self._last = _Slot(self, self._cache, self._last)
            _ = self._tasks.start(self._handle_next(self._last), "rostra-commands")

    def _may_follow(self, last: _Slot) -> bool:
        """Return whether the next batch may be decided after the last one, by now."""
        is_large = self._waiting_commands >= AHEAD_COMMANDS_MIN
        return last.is_released and (is_large or last.done.done())

    def _take(self, commands: int) -> None:
        """Count commands as queued. Raises LogBusy and LogUnavailable."""
        if self._closed:
            raise LogUnavailable("closed")
        self.admit(commands)
        self.queued_commands += commands

    def _enqueue(self, commands: Sequence[Commanded]) -> "asyncio.Future[list[Outcome]]":
        self._take(len(commands))
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(commands, answer, tracing.callers()))
        self._waiting_commands += len(commands)
        self.start_next()
        return answer

    async def _handle_next(self, slot: _Slot) -> None:
        """Handle what waits by now, up to a batch."""
        batch = [self._waiting.popleft()]
        size = len(batch[0].commands)
        while self._waiting and size + len(self._waiting[0].commands) <= BATCH_COMMANDS_MAX:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].commands)
        self._waiting_commands -= size
        commands = [command for waiting in batch for command in waiting.commands]
        changed: Collection[int] | None = None
        tracing.set_callers(caller for waiting in batch for caller in waiting.callers)
        self._begin()
        try:
            outcomes = await handle(self._log, self._ring, commands, self._articles, slot)
            changed = slot.changed_streams
        except Exception as error:  # noqa: BLE001  # the callers get it
            self._cache.clear()
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
                    waiting.answer.exception()  # a cancelled caller retrieves no error
            # Else the next batch would not learn the streams that this one changed.
            await slot.wait_for_previous()
        else:
            start = 0
            for waiting in batch:
                end = start + len(waiting.commands)
                if not waiting.answer.done():
                    waiting.answer.set_result(outcomes[start:end])
                start = end
        finally:
            slot.done.set_result(changed)
            slot.release()
        self._end(size)

    async def _handle_slow(self, commands: Sequence[Commanded]) -> list[Outcome]:
        try:
            async with self._free:
                return await handle(self._log, self._ring, commands, self._articles)
        finally:
            self.queued_commands -= len(commands)

    def _begin(self) -> None:
        if not self._batches:
            self._since = monotonic()
        self._batches += 1

    def _end(self, commands: int) -> None:
        now = monotonic()
        self._seconds = PACE_DECAY * self._seconds + now - self._since
        self._commands = PACE_DECAY * self._commands + commands
        self._batches -= 1
        self._since = now
        self.queued_commands -= commands


def _parts(commands: Sequence[Commanded]) -> Iterator[Sequence[Commanded]]:
    """Cut commands into batches. A revision is alone: what it means depends on all before it."""
    start = 0
    for index, each in enumerate(commands):
        if each.command.topic == ReviseArticle.topic:
            yield from _batches(commands[start:index])
            yield commands[index : index + 1]
            start = index + 1
    yield from _batches(commands[start:])


def _batches(commands: Sequence[Commanded]) -> Iterator[Sequence[Commanded]]:
    for start in range(0, len(commands), BATCH_COMMANDS_MAX):
        yield commands[start : start + BATCH_COMMANDS_MAX]
