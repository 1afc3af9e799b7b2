"""The cost of publishing a vote, as calls of functions: the same on every machine."""

import gc
import json
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from rostra.deciding.handle import Commanded
from rostra.log import NewEvents
from rostra.times import Time
from rostra.wire import cloudevents
from rostra_adapters.application.command_queue import CommandQueue
from support.memory import MemoryLog, MemoryRing
from support.service import ANN, event

NOW = Time("2026-01-01T00:00:00.000000Z")
VOTES = 500
COMMENTS = 50
CALLS_MAX = 46
"""Calls a vote, from the bytes of a batch to what became of it, without the log."""


class Uncounted(MemoryLog):
    """A log whose own calls are not counted."""

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        counting = sys.getprofile()
        sys.setprofile(None)
        try:
            return await super().append(events)
        finally:
            sys.setprofile(counting)


def commands(events: Sequence[dict[str, Any]]) -> list[Commanded]:
    found = cloudevents.plain_commands(json.dumps(events).encode(), NOW)
    assert found is not None
    return found


def votes(round_: int) -> list[dict[str, Any]]:
    return [
        event("vote.cast", comment=f"c{number % COMMENTS}", voter=f"{round_}-{number}", value=1)
        for number in range(VOTES)
    ]


async def test_a_vote_of_a_batch_takes_a_bounded_number_of_calls() -> None:
    queue = CommandQueue(Uncounted(), MemoryRing())
    posted = [
        event("comment.posted", comment=f"c{number}", author=ANN, body="Yes.")
        for number in range(COMMENTS)
    ]
    await queue.submit(commands([event("discussion.opened"), *posted]))
    await queue.submit(commands(votes(0)))
    body = json.dumps(votes(1)).encode()
    calls = 0

    def count(_frame: FrameType, kind: str, _about: object) -> None:
        nonlocal calls
        calls += kind in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # Otherwise what finalizes the garbage of other tests may be counted.
    sys.setprofile(count)
    try:
        outcomes = await queue.submit(cloudevents.plain_commands(body, NOW) or [])
    finally:
        sys.setprofile(before)
        gc.enable()
        await queue.close()
    assert [outcome.status for outcome in outcomes] == ["recorded"] * VOTES
    assert calls / VOTES <= CALLS_MAX
