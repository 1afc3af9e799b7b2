"""Wake-ups of any number of waiters."""

import asyncio
from contextlib import suppress


class WakeUp:
    """Signal that is sent again and again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return the event that the next `send` sets.

        A caller that takes it before looking misses nothing that is sent while it looks.
        """
        return self._event

    def send(self) -> None:
        """Wake all who wait."""
        event, self._event = self._event, asyncio.Event()
        event.set()


async def wait_at_most(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set or the time is over. Return whether it is set.

    `asyncio.wait_for` would not do: Python 3.11's loses a cancellation that comes with the event.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
