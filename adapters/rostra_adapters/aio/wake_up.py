"""Wake-ups of any number of waiters."""

import asyncio


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
