"""What it takes to show a discussion as it stood, and that others are served meanwhile.

Only with ROSTRA_TEST_LARGE set: on a machine that is busy it would tell of the machine.
"""

import asyncio
import os
import time

import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from support.service import MASTER_KEY, Event, event, opened, posted

SIZES = {1_000: 0.02, 100_000: 1.0}
"""Seconds of processor time allowed, by events."""
COMMENTS_EACH = 10
"""Events a comment: a comment and votes on it."""
BATCH_EVENTS = 5_000
ROUNDS = 5
TICK_SECONDS = 0.002


def happenings(events: int) -> list[Event]:
    made = [opened()]
    for number in range((events - 1) // COMMENTS_EACH):
        key = f"c{number}"
        made.append(posted(key, **({"parent": f"c{number // 7 * 7}"} if number % 7 else {})))
        made += [
            event("vote.cast", comment=key, voter=f"v{vote}", value=(-1) ** (vote * number))
            for vote in range(COMMENTS_EACH - 1)
        ]
    return made


async def answered(app: App, as_of: int) -> float:
    """Seconds of this process until the page is there."""
    began = time.process_time()
    page = await app.comments("gazette", "/trams", order="most_voted", as_of=as_of)
    assert page is not None
    assert page.comments
    return time.process_time() - began


@pytest.mark.skipif("ROSTRA_TEST_LARGE" not in os.environ, reason="a measurement")
@pytest.mark.parametrize("events", SIZES)
async def test_a_page_of_the_past_is_quick(database_url: str, events: int) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        made = happenings(events)
        for start in range(0, len(made), BATCH_EVENTS):
            outcomes = await app.publish(made[start : start + BATCH_EVENTS])
            assert {one.status for one in outcomes} == {"recorded"}
        head = await app.head()
        await app.wait(head, 60)
        seconds = [await answered(app, head) for _ in range(ROUNDS)]
        stalls: list[float] = []
        ticking = asyncio.create_task(_ticks(stalls))
        began = time.perf_counter()
        await answered(app, head - 1)
        wall = time.perf_counter() - began
        ticking.cancel()
        figures = (
            f"{events} events: {min(seconds):.4f} s, wall {wall:.3f} s, "
            f"longest stall {max(stalls, default=0):.3f} s"
        )
        assert min(seconds) < SIZES[events], figures


async def _ticks(stalls: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        stalls.append(time.perf_counter() - before - TICK_SECONDS)
