"""Waiting for a condition. The limit only ends what would never come true."""

import asyncio
import time
from collections.abc import Awaitable, Callable

WAIT_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.01


async def wait_until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until a condition holds, without blocking the event loop."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < deadline, f"not true after {WAIT_SECONDS_MAX:.0f} s"
        await asyncio.sleep(LOOK_SECONDS)


def block_until(condition: Callable[[], bool], look_seconds: float = LOOK_SECONDS) -> None:
    """Wait in this thread until a condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not true after {WAIT_SECONDS_MAX:.0f} s"
        time.sleep(look_seconds)
