"""Pure functions that find an article's passages again in its next revision."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from rostra.anchoring.normalise import Folded
from rostra.anchoring.search import (
    Anchored,
    AnchorResult,
    LastPlace,
    Mark,
    Orphaned,
    Quote,
    anchor_all,
    last_place,
)

State = Literal["anchored", "moved", "orphaned"]


class Place(msgspec.Struct, frozen=True):
    """Passage before the revision.

    `start` and `end` are its range in the text before. `last` is its last known place, for an
    orphan or a passage whose range is not known.
    """

    quote: Quote
    start: int | None = None
    end: int | None = None
    last: LastPlace | None = None


class Again(msgspec.Struct, frozen=True):
    """Result of looking for a passage in the next revision."""

    outcome: AnchorResult
    last: LastPlace | None
    """Place in the revision before: an orphan is looked for there again."""
    in_place: bool = False
    """True if only typography and white space changed before the passage."""


def anchor_again(text: str, places: Sequence[Place], previous: str | None = None) -> list[Again]:
    """Find each passage in the text. `previous` is the text before, None where it is gone."""
    lasts = [_last(place, previous) for place in places]
    marks = [Mark(place.quote, last) for place, last in zip(places, lasts, strict=True)]
    outcomes = anchor_all(text, marks)
    in_place = _in_place(text, previous, places, outcomes)
    return [Again(*each) for each in zip(outcomes, lasts, in_place, strict=True)]


def _in_place(
    text: str, previous: str | None, places: Sequence[Place], outcomes: Sequence[AnchorResult]
) -> list[bool]:
    """Return for each passage whether both texts have it at the same offset.

    Offsets are compared in the compared form of the texts.
    """
    if previous is None:
        return [False] * len(places)
    before, after = Folded(previous), Folded(text)
    return [
        isinstance(outcome, Anchored)
        and place.start is not None
        and before.folded_offset(place.start) == after.folded_offset(outcome.start)
        for place, outcome in zip(places, outcomes, strict=True)
    ]


def state(outcome: AnchorResult, marked_at: int | None, *, in_place: bool = False) -> State:
    """Return the state of a passage.

    - `anchored`: its words are where it was marked, but for white space and typography. A passage
      marked without a place is anchored where it is first found. `in_place` says that the passage
      was anchored and that the text before it did not change.
    - `moved`: the words are elsewhere, or changed.
    - `orphaned`: the words were not found.
    """
    match outcome:
        case Orphaned():
            return "orphaned"
        case Anchored(start=start, exact=True) if in_place or marked_at in (None, start):
            return "anchored"
        case Anchored():
            return "moved"


def _last(place: Place, previous: str | None) -> LastPlace | None:
    if place.start is None or place.end is None:
        return place.last
    if previous is None or place.end > len(previous):
        return LastPlace(place.start)
    return last_place(previous, place.start, place.end)
