"""Position of an answer, and the time until which it may be cached.

The position is the lowest one that any of its reads saw.

Each statement sees the views at some position, and a cached value is valid up to another one. Both
are recorded here, so that an answer never claims to be newer than its oldest part. An answer with a
provisional part may be cached for a while only.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ReadPosition:
    """Notes that were taken while one answer was made."""

    def __init__(self) -> None:
        self.lowest: int | None = None
        """The lowest position; None before the first."""
        self.expires = math.inf
        """End of caching on the clock `time.monotonic`; infinite without a provisional part."""

    def note(self, position: int) -> None:
        if self.lowest is None or position < self.lowest:
            self.lowest = position


_answer: ContextVar[ReadPosition | None] = ContextVar("answer", default=None)


@contextmanager
def record_read_position() -> Iterator[ReadPosition]:
    """Record the positions of reads in this block, and in tasks that it starts."""
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


def limit_caching(expires: float) -> None:
    """Record that the answer, if one is being made, may be cached only until a time."""
    if (made := _answer.get()) is not None:
        made.expires = min(made.expires, expires)
