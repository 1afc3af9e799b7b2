"""Rounds: ours and the peer by turns, so that a slow minute of the machine hits both."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
Measure = Callable[[], Awaitable[float]]


async def alternate(rounds: int, ours: Measure, peer: Measure) -> tuple[list[float], list[float]]:
    """A number of each for every round; who begins changes from round to round."""
    mine: list[float] = []
    others: list[float] = []
    for number in range(rounds):
        if number % 2:
            others.append(await peer())
            mine.append(await ours())
        else:
            mine.append(await ours())
            others.append(await peer())
    return mine, others


async def several(rounds: int, *measures: Callable[[], Awaitable[T]]) -> list[list[T]]:
    """Measure any number of contenders by turns; the first one begins the first round."""
    found: list[list[T]] = [[] for _ in measures]
    for number in range(rounds):
        for turn in range(len(measures)):
            who = (turn + number) % len(measures)
            found[who].append(await measures[who]())
    return found
