"""Notifications of new events: LISTEN on a connection of its own, made again when it is lost."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.aio.background import BackgroundTask, end_background
from rostra_adapters.aio.wake_up import WakeUp, wait_at_most
from rostra_adapters.postgres.connect import LOST, raise_unavailable_if_lost

POLL_SECONDS = 1.0
"""Seconds without a notification after which a follower looks itself."""
PING_SECONDS = 5.0
"""Time between queries that find out whether the connection still has a server."""
PING_SECONDS_MAX = 5.0
PING = "select 1 as rostra_listens"


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
        self._task: BackgroundTask | None = None
        self.connected = False
        self.connections = 0

    def next(self) -> asyncio.Event:
        """Set by the next news after this call."""
        if self._task is None:
            self._task = BackgroundTask(self._listen, f"listen-{self._channel}")
        return self._wake_up.next()

    def wake(self) -> None:
        """Wake all waiting tasks, for news that came by another way."""
        self._wake_up.send()

    async def close(self) -> None:
        await end_background(self._task)
        self._wake_up.send()

    async def _listen(self) -> AsyncGenerator[None, None]:
        """Listen until the connection is lost; then raise LogUnavailable."""
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                lost = asyncio.Event()
                connection.add_termination_listener(lambda *_: lost.set())
                await connection.add_listener(self._channel, self._on_notification)
                try:
                    self.connected = True
                    self.connections += 1
                    self._listener(None)
                    self._wake_up.send()  # earlier notifications were missed
                    while not lost.is_set():
                        await connection.execute(PING, timeout=PING_SECONDS_MAX)
                        yield
                        await wait_at_most(lost, PING_SECONDS)
                    raise LogUnavailable("the listening connection was lost")
                finally:
                    self.connected = False
                    self._listener(None)
                    await self._stop_listening(connection)

    async def _stop_listening(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        """Stop listening. A connection that does not answer, or is broken, is closed.

        Given back to the pool it would never be free again.
        """
        try:
            async with asyncio.timeout(PING_SECONDS_MAX):
                await connection.remove_listener(self._channel, self._on_notification)
            is_broken = connection.is_closed()  # then its listener is still there
        except LOST:
            is_broken = True
        if is_broken:
            with suppress(asyncpg.InterfaceError):  # the pool has noticed first
                connection.terminate()

    def _on_notification(self, _: object, __: int, ___: str, payload: object) -> None:
        self._listener(str(payload))
        self._wake_up.send()
