"""Work for decisions about articles: searches that may take seconds, and texts outside the log.

A decision is pure and waits for nothing. It asks for the result of such work by
`rostra.deciding.stream_states.NeedsMore`, and is made again when the result is there.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Protocol
from uuid import UUID

import msgspec

from rostra.anchoring.reanchor import Again, Place
from rostra.anchoring.search import (
    Anchored,
    AnchorResult,
    LastPlace,
    Mark,
    Quote,
    anchor_all,
    describe,
)
from rostra.article_text import NORMALISATION, normalise, text_of_html
from rostra.content_rules import ShownBody
from rostra.refusals import Refusal

# -- work


class PrepareText(msgspec.Struct, frozen=True, tag=True):
    """The normalised text of a revision, given as plain text or as HTML."""

    text: str | None
    html: str | None


class PlaceQuote(msgspec.Struct, frozen=True, tag=True):
    """Search for a quote in a stored text. `start` and `end` are the publisher's."""

    discussion: UUID
    hash: str
    quote: Quote
    start: int | None
    end: int | None


class AnchorPlace(msgspec.Struct, frozen=True, tag=True):
    """Search for a passage in the text of a new revision.

    `previous` is the hash of the text before, None if there is none.
    """

    discussion: UUID
    text: str
    previous: str | None
    place: Place


class ShowBody(msgspec.Struct, frozen=True, tag=True):
    """A comment's body as readers see it."""

    body: str
    breaks: bool


Work = PrepareText | PlaceQuote | AnchorPlace | ShowBody

# -- results


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """`hash`: the SHA-256 of the text's UTF-8, in hex."""

    text: str
    hash: str
    normalisation: int


class Placed(msgspec.Struct, frozen=True, tag=True):
    """Place of a quote in a text, and the text's own words there and around it."""

    outcome: AnchorResult
    prefix: str = ""
    suffix: str = ""
    words: str = ""


class Gone(msgspec.Struct, frozen=True):
    """The text is not kept any more."""


WorkResult = Prepared | Placed | Gone | Again | ShownBody | Refusal
"""A Refusal says why it cannot be done."""


class Articles(Protocol):
    """Does the work, and keeps each text once. May raise LogUnavailable."""

    async def work(self, works: Collection[Work]) -> Mapping[Work, WorkResult]:
        """Return the result of each piece of work."""

    async def store(self, discussion: UUID, prepared: Prepared) -> None:
        """Store the text of a revision durably, before its event is appended."""


# -- how it is done: pure


def prepare(work: PrepareText) -> Prepared:
    """Prepare a text. Raises a Refusal if HTML is nested too deeply."""
    text = normalise(work.text or "") if work.html is None else text_of_html(work.html)
    return Prepared(text, sha256(text.encode()).hexdigest(), NORMALISATION)


def is_at_stated_place(work: PlaceQuote, text: str) -> bool:
    """Return whether the exact words are at the given place: then no search is needed."""
    start, end = work.start, work.end
    return start is not None and end is not None and text[start:end] == work.quote.exact


def place_all(works: Sequence[PlaceQuote], text: str) -> list[Placed]:
    """Find each quote in the text, preferably at its given place."""
    sought = [work for work in works if not is_at_stated_place(work, text)]
    marks = [
        Mark(work.quote, None if work.start is None else LastPlace(work.start)) for work in sought
    ]
    found = dict(zip(sought, anchor_all(text, marks), strict=True))
    return [_placed(work, found.get(work), text) for work in works]


def _placed(work: PlaceQuote, outcome: AnchorResult | None, text: str) -> Placed:
    if outcome is None:
        assert work.start is not None
        assert work.end is not None
        outcome = Anchored(work.start, work.end, 1.0, exact=True)
    if not isinstance(outcome, Anchored):
        return Placed(outcome)
    around = describe(text, outcome.start, outcome.end)
    return Placed(outcome, around.prefix, around.suffix, around.exact)
