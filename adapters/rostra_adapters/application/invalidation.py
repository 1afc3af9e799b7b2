"""Changes of the views as one process learns them, and caches that depend on them.

The projector announces which discussions a page of the log was about. A cached answer is right as
long as no change was announced of any discussion that it was made of; a site's settings and its
persons count as a discussion of their own.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from rostra import codec
from rostra.comment import CommentPosted
from rostra.discussion import DiscussionOpened
from rostra.ids import prefix_of, site_id
from rostra.log import Recorded
from rostra_adapters.application import read_position
from rostra_adapters.lru_cache import LruCache

DISCUSSIONS_KNOWN_MAX = 200_000
PREFIXES_PER_NOTIFICATION = 490
"""PostgreSQL takes 8,000 bytes; a prefix, 60 bits in hex, takes 16 with its blank."""
ALL_CHANGED = "*"
"""Announces that anything may have changed."""
PART = f"{ALL_CHANGED} "
"""Beginning of a notification that others about the same page follow. A process of a version that
knows no parts reads it as `ALL_CHANGED`."""

_LOOKED_INTO = frozenset({CommentPosted.topic, DiscussionOpened.topic})

T = TypeVar("T")


def streams_of(page: Iterable[Recorded]) -> Iterator[UUID]:
    """Yield the streams whose answers a page of the log may change.

    A change of a discussion's settings changes its site, too. An answer that hides a private
    discussion depends on the site alone, so that events inside the discussion cannot be noticed
    from outside. A comment that is held when it is posted is in no cached answer: those are for
    readers without a token. So a flood of held comments drops nothing.
    """
    for row in page:
        event = None
        if row.topic in _LOOKED_INTO:
            with suppress(msgspec.DecodeError):
                event = codec.decode(row.topic, row.state)
        if not (isinstance(event, CommentPosted) and event.status == "held"):
            yield row.stream
        if isinstance(event, DiscussionOpened) and event.settings is not None:
            yield site_id(event.site)


def news(position: int, streams: Iterable[UUID]) -> list[str]:
    """Return notifications of a projector's new position and of the changed discussions.

    Their number depends on the payload limit. They must be sent in order.
    """
    prefixes = sorted({prefix_of(stream) for stream in streams})
    parts = [
        prefixes[start : start + PREFIXES_PER_NOTIFICATION]
        for start in range(0, max(len(prefixes), 1), PREFIXES_PER_NOTIFICATION)
    ]
    texts = [" ".join([str(position), *(f"{one:x}" for one in part)]) for part in parts]
    return [*(PART + text for text in texts[:-1]), texts[-1]]


class ChangeFeed:
    """Last change of each discussion."""

    def __init__(self) -> None:
        self.last_position = 0
        """Position up to which every change is known; 0 if that is not known."""
        self.losses = 0
        """Number of times that a change may have been missed."""
        self.listening = False
        """False while changes are not announced. Then nothing may be cached."""
        self._last: OrderedDict[int, int] = OrderedDict()
        self._forgotten = 0
        self._listeners: list[Callable[[], None]] = []

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Register a listener for when cached answers can no longer be trusted."""
        self._listeners.append(listener)

    def receive(self, text: str) -> None:
        """Take in a notification of a projector."""
        if text == ALL_CHANGED:
            self.lose()
            return
        position, *listed = text.removeprefix(PART).split()
        prefixes = [int(prefix, 16) for prefix in listed]
        if text.startswith(PART):  # the page is complete with the last part
            self._change(int(position), prefixes)
        else:
            self.note_change(int(position), prefixes)

    def note_change(self, position: int, prefixes: Iterable[int]) -> None:
        """Record that the views have read up to `position` and which discussions changed."""
        self._change(position, prefixes)
        self.last_position = max(self.last_position, position)

    def _change(self, position: int, prefixes: Iterable[int]) -> None:
        for prefix in prefixes:
            self._last[prefix] = max(position, self._last.pop(prefix, 0))
        while len(self._last) > DISCUSSIONS_KNOWN_MAX:
            self._forgotten = max(self._forgotten, self._last.popitem(last=False)[1])

    def listen(self) -> None:
        """Begin to trust: from now on every change is announced."""
        self.lose()
        self.listening = True

    def lose(self, *, listening: bool = True) -> None:
        """Drop all known changes after some may have been missed."""
        self.listening = self.listening and listening
        self.losses += 1
        self.last_position = self._forgotten = 0
        self._last.clear()
        for listener in self._listeners:
            listener()

    def last(self, prefix: int) -> int:
        """Return the position of a discussion's last change, or a later position."""
        return self._last.get(prefix, self._forgotten)


class ReadMark(msgspec.Struct, frozen=True):
    """Stamp taken before a cached read: the position that the views had reached, and the losses.

    It is no person's read mark (see the glossary).
    """

    position: int
    losses: int


class _Entry(msgspec.Struct, Generic[T]):
    value: T
    begun: ReadMark
    prefixes: tuple[int, ...]
    weight: int


class InvalidatedCache(Generic[T]):
    """Cache of answers from the views, each valid until one of its discussions may have changed.

    The least recently used answers are dropped first.
    """

    def __init__(self, changes: ChangeFeed, weight_max: int) -> None:
        self._changes = changes
        self._entries: LruCache[Hashable, _Entry[T]] = LruCache(
            weight_max, lambda _, kept: kept.weight
        )
        changes.on_loss(self._entries.clear)

    @property
    def weight(self) -> int:
        return self._entries.weight

    def find(self, key: Hashable, min_position: int = 0) -> T | None:
        """Return the cached value if it is known to be valid at `min_position`."""
        kept = self._entries.find(key)
        if kept is None:
            return None
        if not self._holds(kept):
            self._entries.drop(key)
            return None
        position = max(kept.begun.position, self._changes.last_position)
        if min_position > position:
            return None  # a change may have been made and not announced yet
        read_position.note(position)
        return kept.value

    def begin(self, position: int) -> ReadMark:
        """Return the stamp to take before a cached read. The views have reached `position`."""
        return ReadMark(max(position, self._changes.last_position), self._changes.losses)

    def put(
        self, key: Hashable, value: T, prefixes: Iterable[int], begun: ReadMark, weight: int = 1
    ) -> None:
        """Cache an answer made of these discussions, unless one of them has changed since."""
        kept = _Entry(value, begun, tuple(prefixes), weight)
        if weight <= self._entries.weight_max and self._holds(kept):
            self._entries.put(key, kept)

    def _holds(self, kept: _Entry[T]) -> bool:
        changes = self._changes
        if not changes.listening or kept.begun.losses != changes.losses:
            return False
        for prefix in kept.prefixes:  # noqa: SIM110  # `all` costs a call for each
            if changes.last(prefix) > kept.begun.position:
                return False
        return True
