"""Notifications of new events: LISTEN on a connection of its own, made again when it is lost."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.aio.restart_on_error import restart_on_error
from rostra_adapters.aio.tasks import end_tasks
from rostra_adapters.aio.wake_up import WakeUp
from rostra_adapters.postgres.connect import LOST, raise_unavailable_if_lost

POLL_SECONDS = 1.0
"""How long a follower waits at most before it looks for itself."""
RECONNECT_SECONDS = 0.5


class Notifications:
    """Wakes all waiting tasks when something was recorded, or may have been.

    `listener` gets each payload first, and None whenever a notification may have been
    missed: when the connection was made (`connected`), and when it is lost.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        channel: str,
        listener: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._listener = listener
        self._wake_up = WakeUp()
        self._task: asyncio.Task[None] | None = None
        self.connected = False
        self.connections = 0

    def next(self) -> asyncio.Event:
        """Set by the next news after this call."""
        if self._task is None:
            self._task = asyncio.create_task(
                restart_on_error(self._run, "listening"), name="rostra-news"
            )
        return self._wake_up.next()

    async def close(self) -> None:
        await end_tasks(self._task)
        self._wake_up.send()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except LogUnavailable:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                lost = asyncio.Event()
                connection.add_termination_listener(lambda *_: lost.set())
                await connection.add_listener(self._channel, self._on_notification)
                try:
                    self.connected = True
                    self.connections += 1
                    self._listener(None)
                    self._wake_up.send()  # what was recorded before this was not heard
                    await lost.wait()
                finally:
                    self.connected = False
                    self._listener(None)
                    await self._remove(connection)

    async def _remove(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        with suppress(*LOST):  # it is gone already
            await connection.remove_listener(self._channel, self._on_notification)

    def _on_notification(self, _: object, __: int, ___: str, payload: object) -> None:
        self._listener(str(payload))
        self._wake_up.send()
