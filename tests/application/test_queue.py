"""How many may wait to be handled: as many as will not wait for long."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from rostra.commands import Commanded, ReviseArticle
from rostra.log import LogBusy, NewEvents
from rostra_adapters.application import command_queue
from rostra_adapters.application.command_queue import QUEUE_COMMANDS_MIN, CommandQueue
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing


class Gate(MemoryLog):
    """Appends once it is opened; each takes as long as it says, by a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.now = 0.0
        self.seconds = 0.0
        self.appended: list[int] = []

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        self.appended.append(len(events.ends))
        await self.open.wait()
        self.now += self.seconds
        return await super().append(events)


@pytest.fixture
async def log(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(command_queue, "monotonic", lambda: gate.now)
    return gate


@pytest.fixture
async def handling(log: Gate) -> AsyncIterator[CommandQueue]:
    one = CommandQueue(log, MemoryRing())
    yield one
    log.open.set()
    await one.close()


def openings(many: int, resource: str) -> list[Commanded]:
    acts = [
        {
            "type": "discussion.opened",
            "source": "cms",
            "id": f"{resource}/{number}",
            "time": "2026-01-01T00:00:00.000000Z",
            "data": {"site": "news", "resource": f"{resource}/{number}"},
        }
        for number in range(many)
    ]
    return [commanded(act) for act in acts]


async def test_who_would_wait_for_long_is_told_when_to_come_again(
    log: Gate, handling: CommandQueue
) -> None:
    log.seconds = 50.0
    await handling.submit(openings(10, "/slow"))  # five seconds each
    log.open.clear()
    waiting = asyncio.create_task(handling.submit(openings(1_000, "/a")))
    also = asyncio.create_task(handling.submit(openings(QUEUE_COMMANDS_MIN - 1_000, "/b")))
    await asyncio.sleep(0)
    with pytest.raises(LogBusy) as busy:
        handling.admit()
    assert busy.value.retry_after_seconds > 1_000
    with pytest.raises(LogBusy):
        await handling.submit(openings(1, "/c"))
    log.open.set()
    for outcomes in await asyncio.gather(waiting, also):
        assert {outcome.status for outcome in outcomes} == {"recorded"}
    assert handling.queued_commands == 0
    handling.admit()


@pytest.mark.slow
async def test_where_all_is_quick_many_may_wait(log: Gate, handling: CommandQueue) -> None:
    log.seconds = 0.01
    await handling.submit(openings(1, "/alone"))
    await handling.submit(openings(1_000, "/together"))
    log.open.clear()
    waiting = [
        asyncio.create_task(handling.submit(openings(1_000, f"/{number}"))) for number in range(15)
    ]
    await asyncio.sleep(0)
    handling.admit()
    log.open.set()
    await asyncio.gather(*waiting)


async def test_the_pace_is_that_of_commands_and_forgets_idleness(
    log: Gate, handling: CommandQueue
) -> None:
    log.seconds = 1.0
    for number in range(100):
        log.now += 1_000.0  # nobody asks for anything
        await handling.submit(openings(10, f"/{number}"))
    assert handling.seconds_each == pytest.approx(0.1)


async def test_commands_that_come_during_an_append_form_one_batch(
    log: Gate, handling: CommandQueue
) -> None:
    log.open.clear()
    calls = []
    for number in range(10):
        calls.append(asyncio.create_task(handling.submit(openings(1, f"/{number}"))))
        for _ in range(10):
            await asyncio.sleep(0)
    assert log.appended == [1]
    log.open.set()
    await asyncio.gather(*calls)
    assert log.appended == [1, 9]


async def test_slow_commands_count_among_those_that_wait(
    log: Gate, handling: CommandQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_queue, "QUEUE_COMMANDS_MIN", 1)
    monkeypatch.setattr(command_queue, "QUEUE_COMMANDS_MAX", 2)
    log.open.clear()
    acts = [one.act for one in openings(2, "/r")]
    revisions = [
        Commanded(ReviseArticle(site="news", resource="/r", revision="1", dropped=True), act)
        for act in acts
    ]
    await handling.submit(revisions[:1])
    waiting = asyncio.create_task(handling.submit(openings(2, "/a")))
    await asyncio.sleep(0)
    with pytest.raises(LogBusy):
        await handling.submit(revisions[1:])
    log.open.set()
    await waiting
