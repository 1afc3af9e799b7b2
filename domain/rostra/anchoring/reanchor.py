"""What becomes of an article's passages in its next revision. Pure, as `rostra.anchoring.search`
is."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from rostra.anchoring.search import (
    Anchored,
    Mark,
    Orphaned,
    Outcome,
    Quote,
    Standing,
    anchor_all,
    standing,
)

State = Literal["anchored", "moved", "orphaned"]


class Place(msgspec.Struct, frozen=True):
    """A passage before the revision: where it stands in the text before, or, where it stands
    nowhere or that is not known, how it last stood."""

    quote: Quote
    start: int | None = None
    end: int | None = None
    last: Standing | None = None


class Again(msgspec.Struct, frozen=True):
    """What was found of it, and how it stood before: needed again where it is an orphan."""

    outcome: Outcome
    last: Standing | None


def anchor_again(text: str, places: Sequence[Place], previous: str | None = None) -> list[Again]:
    """Where each passage is in the text. `previous` is the text before, None where it is gone."""
    lasts = [_last(place, previous) for place in places]
    marks = [Mark(place.quote, last) for place, last in zip(places, lasts, strict=True)]
    return [Again(*each) for each in zip(anchor_all(text, marks), lasts, strict=True)]


def state(outcome: Outcome, marked_at: int | None) -> State:
    """`anchored`: its exact words where it was marked; `moved`: elsewhere, or words changed.
    A passage marked without a place is where it is first found."""
    match outcome:
        case Orphaned():
            return "orphaned"
        case Anchored(start=start, exact=True) if marked_at in (None, start):
            return "anchored"
        case Anchored():
            return "moved"


def _last(place: Place, previous: str | None) -> Standing | None:
    if place.start is None or place.end is None:
        return place.last
    if previous is None or place.end > len(previous):
        return Standing(place.start)
    return standing(previous, place.start, place.end)
