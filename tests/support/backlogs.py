"""A call that fails once, then succeeds once, and then never returns."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import BackgroundTask, BackgroundWork, end_background
from support.waiting import WAIT_SECONDS_MAX


class Backlog:
    """Work that meets one error and then one success of many."""

    def __init__(self) -> None:
        self._calls = 0
        self._stuck = asyncio.Event()

    async def step(self) -> None:
        """Raise LogUnavailable the first time, return the second time, and then never."""
        self._calls += 1
        if self._calls == 1:
            raise LogUnavailable("away")
        if self._calls > 2:
            self._stuck.set()
            await asyncio.Event().wait()

    def slow_down(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Let each call of a method begin with a step."""
        usual: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def call(*given: Any, **named: Any) -> Any:
            await self.step()
            return await usual(*given, **named)

        monkeypatch.setattr(owner, name, call)

    async def error_of(self, work: BackgroundWork) -> str | None:
        """Return the error that work notes while its backlog is not empty."""
        task = BackgroundTask(work, "backlog")
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._stuck.wait()
            return task.error
        finally:
            await end_background(task)
