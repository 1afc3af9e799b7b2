"""Background tasks: supervised work that begins again after any error.

Every task that outlives the call that started it is a `BackgroundTask`. The registry of those that
run informs `/readyz` and `/metrics` of failures.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from random import uniform

from rostra.log import LogUnavailable
from rostra_adapters.errors import RostraError

RETRY_SECONDS_MIN = 0.2
RETRY_SECONDS_MAX = 5.0
CANCEL_AGAIN_SECONDS = 5.0
"""Time after which work that goes on despite a cancellation is cancelled again."""
ERRORS_LOGGED_MAX = 10
"""Different errors that are logged before a success."""
FAILING_SECONDS_MAX = 5.0
"""A task that fails for longer makes the process not ready."""

BackgroundWork = Callable[[], AsyncGenerator[None, None]]
"""Work of a task. It yields whenever it has done its purpose once, and before it waits."""

_logger = logging.getLogger(__name__)
_running: "set[BackgroundTask]" = set()
_restarts: Counter[str] = Counter()


def repeat(call: Callable[[], Awaitable[object]], seconds: float) -> BackgroundWork:
    """Return work that makes a call again and again, with waits of `seconds`."""

    async def run() -> AsyncGenerator[None, None]:
        while True:
            await call()
            yield
            await asyncio.sleep(seconds)

    return run


def repeat_steps(steps: BackgroundWork, seconds: float) -> BackgroundWork:
    """Return work that runs a series of steps again and again, with waits of `seconds`.

    Each step is a success: an error before a long series does not last until the end of it.
    """

    async def run() -> AsyncGenerator[None, None]:
        while True:
            async with aclosing(steps()) as each:
                async for _ in each:
                    yield
            yield
            await asyncio.sleep(seconds)

    return run


class BackgroundTask:
    """Task that runs `work` until that returns or the task is ended.

    After an error it waits, longer after each one that follows without a success, and begins
    again. It logs an error once, and the success that follows.
    """

    def __init__(self, work: BackgroundWork, name: str, *, is_vital: bool = True) -> None:
        self.name = name
        self.is_vital = is_vital
        """True if the process is not ready while the task fails."""
        self.error: str | None = None
        """Error of the last attempt; None after a success."""
        self._work = work
        self._failures = 0
        self._failing_since = 0.0
        self._logged: set[str] = set()
        self._interruption: BaseException | None = None
        self._is_ending = False
        self._task = asyncio.create_task(self._run(), name=f"rostra-{name}")
        self._task.add_done_callback(lambda _: _running.discard(self))
        _running.add(self)

    @property
    def failing_seconds(self) -> float:
        """Seconds since the first error after the last success; 0 without an error."""
        return 0.0 if self.error is None else self._now() - self._failing_since

    def cancel(self) -> None:
        """End the task without waiting for it. Cancel again if the work loses a cancellation."""
        self._is_ending = True
        if self._task.cancel():
            self._task.get_loop().call_later(CANCEL_AGAIN_SECONDS, self.cancel)

    async def end(self) -> None:
        """Cancel the task until it has ended."""
        self.cancel()
        await self.wait()

    async def wait(self) -> None:
        """Wait until the work has returned or the task has been cancelled."""
        await asyncio.gather(self._task, return_exceptions=True)

    def interrupt(self, error: BaseException) -> None:
        """Let the work fail with an error wherever it waits, and begin again."""
        self._interruption = error
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self._back_off()
                async with aclosing(self._work()) as successes:
                    async for _ in successes:
                        self._succeed()
                        if self._is_ending:  # the work may have lost the cancellation
                            raise asyncio.CancelledError
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # `_fail` logs it
                self._fail(self._cause(error))
            else:
                return

    async def _back_off(self) -> None:
        if self._failures:
            longest = min(RETRY_SECONDS_MIN * 2.0 ** min(self._failures, 10), RETRY_SECONDS_MAX)
            await asyncio.sleep(uniform(longest / 2, longest))  # noqa: S311  # not a secret

    def _cause(self, error: BaseException) -> BaseException:
        """Return the error of the work. Raises CancelledError if the task is to end.

        A CancelledError of the work comes from a task that it waited for.
        """
        if self._interruption is not None:
            error, self._interruption = self._interruption, None
            self._task.uncancel()
        is_cancelled = isinstance(error, asyncio.CancelledError) and self._task.cancelling()
        if self._is_ending or is_cancelled:
            raise asyncio.CancelledError
        while self._task.cancelling():  # a task group that failed leaves its request behind
            self._task.uncancel()
        return error

    def _succeed(self) -> None:
        if self.error is not None:
            _logger.info("%s works again after %.1f s", self.name, self.failing_seconds)
        self.error = None
        self._failures = 0
        self._logged.clear()

    def _fail(self, error: BaseException) -> None:
        said = f"{type(error).__name__}: {error}"
        if said not in self._logged and len(self._logged) < ERRORS_LOGGED_MAX:
            self._logged.add(said)
            trace = None if isinstance(error, LogUnavailable | RostraError) else error
            _logger.warning("%s failed and begins again: %s", self.name, said, exc_info=trace)
        if self.error is None:
            self._failing_since = self._now()
        self.error = said
        self._failures += 1
        _restarts[self.name] += 1

    def _now(self) -> float:
        return self._task.get_loop().time()


def running_tasks() -> list[BackgroundTask]:
    """Return the background tasks of this process."""
    return sorted(_running, key=lambda task: task.name)


def failing_tasks() -> list[BackgroundTask]:
    """Return the vital tasks that fail for longer than FAILING_SECONDS_MAX."""
    failing = (task for task in running_tasks() if task.failing_seconds > FAILING_SECONDS_MAX)
    return [task for task in failing if task.is_vital]


def restarts() -> dict[str, int]:
    """Return how often each task has begun again, by name, those that never did included."""
    return {task.name: 0 for task in running_tasks()} | dict(_restarts)


async def end_background(*tasks: BackgroundTask | None) -> None:
    """End tasks that were started."""
    await asyncio.gather(*(task.end() for task in tasks if task is not None))
