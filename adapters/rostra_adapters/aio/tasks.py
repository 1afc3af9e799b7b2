"""Tasks that others start, wait for and end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def end_tasks(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks that were started, and wait until all have ended, however they end."""
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


class PendingTasks:
    """Tasks that go on without the caller that started them; each is referred to until its end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __bool__(self) -> bool:
        """Return whether a task is pending."""
        return bool(self._tasks)

    async def wait(self) -> None:
        """Wait until all tasks that are pending now have ended, however they end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self) -> None:
        """Cancel all tasks that are pending now, and wait until they have ended."""
        await end_tasks(*self._tasks)
