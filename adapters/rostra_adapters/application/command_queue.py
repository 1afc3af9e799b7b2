"""Two ways to a decision: what is quick waits for one another, what may take seconds for nobody.

A revision of an article may have hundreds of passages to find again. Nobody else's comment
waits for that: such commands are handled by themselves, and the guards of the log settle what
meets.
"""

import asyncio
from collections.abc import Iterator, Sequence

from rostra.commands import MarkPassage, ReviseArticle
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.deciding.text_work import Articles
from rostra.log import EventLog, LogBusy, LogUnavailable
from rostra.sealing import KeyRing
from rostra_adapters.aio.tasks import PendingTasks
from rostra_adapters.application.batcher import BATCH_COMMANDS_MAX, BUSY_RETRY_SECONDS, Commander

SLOW = (MarkPassage, ReviseArticle)
_SLOW_TOPICS = frozenset(kind.topic for kind in SLOW)
SLOW_AT_ONCE_MAX = 4
SLOW_COMMANDS_MAX = 20_000


class Lanes:
    """The commander, and beside it what has to do with the texts of articles."""

    def __init__(
        self, commander: Commander, log: EventLog, ring: KeyRing, articles: Articles
    ) -> None:
        self._commander = commander
        self._log = log
        self._ring = ring
        self._articles = articles
        self._free = asyncio.Semaphore(SLOW_AT_ONCE_MAX)
        self._tasks = PendingTasks()
        self._queued = 0
        self._closed = False

    @property
    def queued_commands(self) -> int:
        """Commands that wait, or are being handled."""
        return self._commander.queued_commands + self._queued

    def admit(self) -> None:
        """Raise LogBusy if the queue is full."""
        self._commander.admit()

    async def submit(self, commands: Sequence[Commanded]) -> list[Outcome]:
        """Handle commands in order; they are durable on return.

        Raises LogBusy if the queue is full, and LogUnavailable. Then the first commands of a long
        batch may have been recorded.
        """
        if _SLOW_TOPICS.isdisjoint({each.command.topic for each in commands}):
            return await self._commander.submit(commands)
        outcomes: list[Outcome] = []
        for part in _parts(commands):
            if any(isinstance(each.command, SLOW) for each in part):
                outcomes += await self._handle_alone(part)
            else:
                outcomes += await self._commander.submit(part)
        return outcomes

    async def close(self) -> None:
        """Answer what was submitted, then close."""
        self._closed = True
        await self._commander.close()
        await self._tasks.wait()

    async def _handle_alone(self, commands: Sequence[Commanded]) -> list[Outcome]:
        if self._closed:
            raise LogUnavailable("closed")
        if self._queued + len(commands) > SLOW_COMMANDS_MAX:
            raise LogBusy(BUSY_RETRY_SECONDS)
        task = self._tasks.start(self._handled(commands), "rostra-aside")
        # A caller that goes away does not take back what was submitted.
        return await asyncio.shield(task)

    async def _handled(self, commands: Sequence[Commanded]) -> list[Outcome]:
        self._queued += len(commands)
        try:
            async with self._free:
                return await handle(self._log, self._ring, commands, self._articles)
        finally:
            self._queued -= len(commands)


def _parts(commands: Sequence[Commanded]) -> Iterator[Sequence[Commanded]]:
    """A revision alone: what it means depends on all before it, and takes its time."""
    start = 0
    for index, each in enumerate(commands):
        if isinstance(each.command, ReviseArticle):
            yield from _batches(commands[start:index])
            yield commands[index : index + 1]
            start = index + 1
    yield from _batches(commands[start:])


def _batches(commands: Sequence[Commanded]) -> Iterator[Sequence[Commanded]]:
    for start in range(0, len(commands), BATCH_COMMANDS_MAX):
        yield commands[start : start + BATCH_COMMANDS_MAX]
