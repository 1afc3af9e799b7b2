"""Finding a passage's words again in another revision of its article, as pure functions."""

import warnings
from typing import Any

from rostra.anchoring.search import (
    Anchored,
    AnchorResult,
    LastPlace,
    Mark,
    Orphaned,
    Quote,
    anchor,
    anchor_all,
    describe,
    last_place,
)

__all__ = [
    "AnchorResult",
    "Anchored",
    "LastPlace",
    "Mark",
    "Orphaned",
    "Quote",
    "anchor",
    "anchor_all",
    "describe",
    "last_place",
]


_RENAMED = {"Outcome": "AnchorResult", "Standing": "LastPlace", "standing": "last_place"}


def __getattr__(name: str) -> Any:
    """Return a renamed function or class under its earlier name, until 0.3.0."""
    if (now := _RENAMED.get(name)) is not None:
        message = f"rostra.anchoring.{name} is now rostra.anchoring.{now}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return globals()[now]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
