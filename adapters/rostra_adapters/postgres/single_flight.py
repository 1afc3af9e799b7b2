"""Coalescing of concurrent look-ups into one query."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Coalesces concurrent look-ups; each caller gets a result that was started after its call.

    Otherwise hundreds of callers, each with a query of their own, would wait for one another's
    connections.
    """

    def __init__(self, look: Callable[[], Awaitable[T]]) -> None:
        self._look = look
        self._current: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the result of a look-up started after this call. Raises its exceptions."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._current))
            self._next.add_done_callback(_ignore_error)
        return await asyncio.shield(self._next)

    async def _after(self, current: "asyncio.Task[T] | None") -> T:
        if current is not None:
            await asyncio.wait([current])
        self._current, self._next = self._next, None
        return await self._look()


def _ignore_error(task: "asyncio.Task[T]") -> None:
    """Retrieve the task's error, since no caller may be left to do so."""
    with suppress(asyncio.CancelledError):
        task.exception()
