"""Bounded caches that drop the least recently used entry first."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def _one(_key: object, _value: object) -> int:
    return 1


class LruCache(Generic[K, V]):
    """Cache of values other than None, bounded by the sum of its entries' weights.

    `weigh` returns an entry's weight, always the same for the same entry; without it, entries are
    counted.
    """

    def __init__(self, weight_max: int, weigh: Callable[[K, V], int] = _one) -> None:
        self.weight_max = weight_max
        self.weight = 0
        self._weigh = weigh
        self._entries: OrderedDict[K, V] = OrderedDict()

    def find(self, key: K) -> V | None:
        """Return the value of a key and mark it as used; None where there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def peek(self, key: K) -> V | None:
        """Return the value of a key without marking it as used; None where there is none."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Cache a value in place of the key's former one, unless it is too heavy by itself."""
        self.drop(key)
        weight = self._weigh(key, value)
        if weight > self.weight_max:
            return
        self._entries[key] = value
        self.weight += weight
        while self.weight > self.weight_max:
            self.weight -= self._weigh(*self._entries.popitem(last=False))

    def drop(self, key: K) -> None:
        """Forget a key, where it is there."""
        value = self._entries.pop(key, None)
        if value is not None:
            self.weight -= self._weigh(key, value)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        """Yield the keys, least recently used first."""
        return iter(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries
