"""The position of an answer: the lowest one that any of its reads saw.

Each statement sees the views at a position of its own, and what is cached is right up to another.
Both note it here, so that no answer is said to be newer than its oldest part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ReadPosition:
    """The lowest position noted while one answer was made; None before the first."""

    def __init__(self) -> None:
        self.lowest: int | None = None

    def note(self, position: int) -> None:
        if self.lowest is None or position < self.lowest:
            self.lowest = position


_answer: ContextVar[ReadPosition | None] = ContextVar("answer", default=None)


@contextmanager
def record_read_position() -> Iterator[ReadPosition]:
    """Record what is noted within, also in tasks that are started there."""
    made = ReadPosition()
    before = _answer.set(made)
    try:
        yield made
    finally:
        _answer.reset(before)


def note(position: int) -> None:
    """Record that a part of the answer, if one is being made, is right at a position."""
    if (made := _answer.get()) is not None:
        made.note(position)
