"""Cache of functions of names, bounded by the length of the names, too."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

CACHED_CHARACTERS_MAX = 2_000_000
"""Characters of all names and results in a cache. Each takes up to eight bytes (text and UTF-8)."""


def cache_by_name(entries_max: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Cache results by names, which readers choose and which may be long.

    A look-up of a cached name costs no more than with `lru_cache`. Characters are counted when a
    result is computed. Once they are too many, the cache is cleared.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        characters = 0

        @lru_cache(entries_max)
        @wraps(function)
        def compute(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal characters
            result = function(*args, **kwargs)
            characters += sum(len(name) for name in (*args, result) if isinstance(name, str))
            if characters > CACHED_CHARACTERS_MAX:
                compute.cache_clear()
                characters = 0
            return result

        return cast("Callable[P, T]", compute)

    return decorate
