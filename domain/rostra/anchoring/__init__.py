"""Finding a passage's words again in another revision of its article, as pure functions."""

from rostra.anchoring.search import (
    Anchored,
    Mark,
    Orphaned,
    Outcome,
    Quote,
    Standing,
    anchor,
    anchor_all,
    describe,
    standing,
)

__all__ = [
    "Anchored",
    "Mark",
    "Orphaned",
    "Outcome",
    "Quote",
    "Standing",
    "anchor",
    "anchor_all",
    "describe",
    "standing",
]
