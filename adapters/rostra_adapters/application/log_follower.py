"""Reader of the end of the log, for those who follow it in this process."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from uuid import UUID

from rostra.log import EventLog, LogReplaced, LogUnavailable, Recorded
from rostra_adapters.aio.background import BackgroundTask

PageHandler = Callable[[int, Sequence[Recorded]], Awaitable[None]]
"""Called with rows and the position before them."""


class LogFollower:
    """Background task that passes on each event recorded after its start.

    It goes on from its position after an error. It begins at the log's end again where another log
    has taken the place of the first, or an event could not be handled twice.
    """

    def __init__(
        self,
        log: EventLog,
        name: str,
        *,
        rows_max: int,
        begin: Callable[[int], None],
        handle: PageHandler,
        lose: Callable[[], None],
    ) -> None:
        """`begin` is called with each first position, `lose` when no events follow the last."""
        self._log = log
        self._rows_max = rows_max
        self._begin = begin
        self._handle = handle
        self._lose = lose
        self._log_id: UUID | None = None
        self._position: int | None = None
        self._failed_at: int | None = None
        self._task = BackgroundTask(self._run, name)

    def cancel(self) -> None:
        """Stop following."""
        self._task.cancel()

    async def _run(self) -> AsyncGenerator[None, None]:
        try:
            async for _ in self._follow():
                yield
        except LogReplaced:
            self._restart()
            raise
        except LogUnavailable:
            raise
        except Exception:
            if self._failed_at == self._position:
                self._restart()
            self._failed_at = self._position
            raise

    def _restart(self) -> None:
        self._position = None
        self._lose()

    async def _follow(self) -> AsyncGenerator[None, None]:
        history = await self._log.history()
        if self._position is None or self._log_id is None:
            self._position = await self._log.head()
            self._begin(self._position)
        elif not history.holds(self._log_id, self._position):
            raise LogReplaced("another log has replaced this one")
        self._log_id = history.id
        yield
        async for rows in self._log.follow(self._position, self._rows_max):
            await self._handle(self._position, rows)
            self._position = rows[-1].position
            yield
