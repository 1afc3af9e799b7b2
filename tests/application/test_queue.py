"""How many may wait to be handled: as many as will not wait for long."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from rostra.deciding.batch_decider import Commanded
from rostra.log import LogBusy, NewEvents
from rostra_adapters.application import batcher as commander
from rostra_adapters.application.batcher import QUEUE_COMMANDS_MIN, Commander, Pace
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

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        await self.open.wait()
        self.now += self.seconds
        return await super().append(events)


@pytest.fixture
async def log(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(commander, "monotonic", lambda: gate.now)
    return gate


@pytest.fixture
async def handling(log: Gate) -> AsyncIterator[Commander]:
    one = Commander(log, MemoryRing())
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
    log: Gate, handling: Commander
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
async def test_where_all_is_quick_many_may_wait(log: Gate, handling: Commander) -> None:
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


def test_the_pace_is_that_of_commands_and_forgets_idleness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(commander, "monotonic", lambda: now)
    pace = Pace()
    for _ in range(100):
        now += 1_000.0  # nobody asks for anything
        pace.begin()
        pace.begin()
        now += 1.0
        pace.end(10)
        now += 1.0
        pace.end(10)
    assert pace.seconds_each == pytest.approx(0.1)
