"""Commands of concurrent callers, handled together: one read, one append for all that wait."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence
from time import monotonic

import msgspec

from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.deciding.stream_cache import BatchSlot, StreamCache
from rostra.log import EventLog, LogBusy, LogUnavailable
from rostra.sealing import KeyRing
from rostra_adapters.aio.background import BackgroundTask
from rostra_adapters.aio.tasks import PendingTasks
from rostra_adapters.observability import tracing

BATCH_COMMANDS_MAX = 1_000
QUEUE_COMMANDS_MAX = 20_000
QUEUE_COMMANDS_MIN = 2 * BATCH_COMMANDS_MAX
"""So many may wait however long that takes: one batch is decided while one is appended."""
QUEUE_SECONDS_MAX = 2.0
"""Nobody more may wait where those who do will take longer than this, as far as can be told."""
BUSY_RETRY_SECONDS = 1.0


class _Waiting(msgspec.Struct):
    commands: Sequence[Commanded]
    answer: "asyncio.Future[list[Outcome]]"
    callers: tracing.Callers


class _Turn(BatchSlot):
    """A batch that is decided while the one before is being appended."""

    def __init__(
        self, known: StreamCache, before: "asyncio.Future[Collection[int] | None]"
    ) -> None:
        super().__init__(known)
        self._before = before
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Collection[int] | None] = loop.create_future()
        self.passed_on = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        return self._before.done()

    async def wait_for_previous(self) -> Collection[int] | None:
        return await asyncio.shield(self._before)

    def release(self) -> None:
        self.passed_on.set()


class Pace:
    """Estimated seconds a command, from the batches so far; a large batch counts more than a small
    one.
    """

    DECAY = 0.8
    """Weight of all earlier batches when another one is added."""

    def __init__(self) -> None:
        self._seconds = self._commands = 0.0
        self._handling = 0
        self._since = 0.0

    @property
    def seconds_each(self) -> float:
        """0 while nothing is known."""
        return self._seconds / self._commands if self._commands else 0.0

    def begin(self) -> None:
        """Some are about to be handled, beside others or alone."""
        if not self._handling:
            self._since = monotonic()
        self._handling += 1

    def end(self, commands: int) -> None:
        """Record that `commands` commands finished."""
        now = monotonic()
        self._seconds = self.DECAY * self._seconds + now - self._since
        self._commands = self.DECAY * self._commands + commands
        self._handling -= 1
        self._since = now


class Commander:
    """Handles what waits, in order of arrival. There is no timer: the batch that is being
    handled is the timer. While one is appended the next is decided, upon what that one will
    have made of the streams.
    """

    def __init__(self, log: EventLog, ring: KeyRing) -> None:
        self._log = log
        self._ring = ring
        self._waiting: deque[_Waiting] = deque()
        self._queued = 0
        self._arrived = asyncio.Event()
        self._task: BackgroundTask | None = None
        self._closed = False
        self._known = StreamCache()
        self._handling = PendingTasks()
        self._pace = Pace()
        self._before: asyncio.Future[Collection[int] | None] | None = None

    @property
    def queued_commands(self) -> int:
        """Commands that wait, or are being handled."""
        return self._queued

    def admit(self) -> None:
        """Raise LogBusy if the queue is full."""
        self._admit(1)

    def _admit(self, commands: int) -> None:
        seconds = self._queued * self._pace.seconds_each
        too_long = self._queued >= QUEUE_COMMANDS_MIN and seconds > QUEUE_SECONDS_MAX
        if too_long or self._queued + commands > QUEUE_COMMANDS_MAX:
            raise LogBusy(max(BUSY_RETRY_SECONDS, seconds))

    async def submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        """Handle commands in order; they are durable on return.

        Raises LogBusy if the queue is full, and LogUnavailable. Then the first commands of a long
        batch may have been recorded.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(commands), BATCH_COMMANDS_MAX):
            outcomes += await self._submit(commands[start : start + BATCH_COMMANDS_MAX])
        return outcomes

    async def _submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        if self._closed:
            raise LogUnavailable("closed")
        self._admit(len(commands))
        waiting = _Waiting(commands, asyncio.get_running_loop().create_future(), tracing.callers())
        self._waiting.append(waiting)
        self._queued += len(commands)
        self._arrived.set()
        if self._task is None:
            self._task = BackgroundTask(self._run, "commands")
        # A caller that goes away does not take back what others wait for with it.
        return await asyncio.shield(waiting.answer)

    async def close(self) -> None:
        """Answer what was submitted, then close."""
        self._closed = True
        self._arrived.set()
        if self._task is not None:
            await self._task.wait()
        await self._handling.wait()

    async def _run(self) -> AsyncGenerator[None, None]:
        if self._before is None:
            self._before = asyncio.get_running_loop().create_future()
            self._before.set_result(())
        while self._waiting or not self._closed:
            yield
            if batch := self._next_batch():
                turn = _Turn(self._known, self._before)
                self._before = turn.done
                _ = self._handling.start(self._handle(batch, turn), "rostra-handling")
                self._pace.begin()
                await turn.passed_on.wait()
            elif not self._closed:
                self._arrived.clear()
                await self._arrived.wait()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (
            not batch or size + len(self._waiting[0].commands) <= BATCH_COMMANDS_MAX
        ):
            batch.append(self._waiting.popleft())
            size += len(batch[-1].commands)
        return batch

    async def _handle(self, batch: Sequence[_Waiting], turn: _Turn) -> None:
        commands = [command for waiting in batch for command in waiting.commands]
        disturbed: Collection[int] | None = None
        tracing.set_callers(caller for waiting in batch for caller in waiting.callers)
        try:
            outcomes = iter(await handle(self._log, self._ring, commands, turn=turn))
            disturbed = turn.disturbed
        except Exception as error:  # noqa: BLE001  # it is the callers' to hear of
            self._known.clear()
            self._fail(batch, error)
            await (
                turn.wait_for_previous()
            )  # lest the next does not hear what the one before disturbed
        else:
            for waiting in batch:
                answer = [next(outcomes) for _ in waiting.commands]
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
        finally:
            turn.done.set_result(disturbed)
            turn.release()
        self._queued -= len(commands)
        self._pace.end(len(commands))

    def _fail(self, batch: Sequence[_Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
                waiting.answer.exception()  # a caller that has gone hears of nothing
