"""Finding a passage's words again in another revision of its article. Pure and deterministic;
nothing is kept between calls, so any thread or process may run it.

Texts are compared in their folded form (`rostra.folding`). Candidates are the places that have
the quote word for word; where none of those will do, the places that have it with at most one
error in `CHARACTERS_PER_ERROR` letters, if it has `APPROXIMATE_CHARACTERS_MIN`.

A candidate's score is the share of letters that stand as they stood:

    score = (q*Q + p*P + s*S + n*N) / (Q + P + S + N)
    q      1 - errors / letters of the quote
    p, s   the same for prefix and suffix, read from the quote outward; 0 below one half
    n      1 - distance from where it last stood / letters of the text
    Q      letters of the quote, at most QUOTE_WEIGHT_MAX
    P, S   half the letters of the prefix and suffix, at most CONTEXT_WEIGHT_MAX each
    N      NEARNESS_WEIGHT, less than one letter of context weighs; 0 where no last place is known

The best candidate is the passage if it scores `SCORE_MIN`; of equals, the nearest. What follows:

- one whole side of context carries a word-for-word quote of any length;
- without its context a quote of QUOTE_WEIGHT_MAX letters or more carries itself, if it is word
  for word or has one error in a hundred letters at most; a shorter one is an orphan;
- context decides before nearness does.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from rostra.folding import Folded
from rostra.matching import Grams, Haystack, Match, Region, similarity

CHARACTERS_PER_ERROR = 10
APPROXIMATE_CHARACTERS_MIN = 12
SCORE_MIN = 0.495

QUOTE_WEIGHT_MAX = 32
CONTEXT_WEIGHT_MAX = 16
CONTEXT_WEIGHT = 0.5
NEARNESS_WEIGHT = 0.1
SCORE_DIGITS = 6

CONTEXT_CHARACTERS = 32
WORD_CHARACTERS_MAX = 50
CONTEXT_COMPARED_CHARACTERS_MAX = 96
CONTEXT_ORIGINAL_CHARACTERS_MAX = 450
"""What `describe` looks at: 32 letters may stand between much white space."""

CANDIDATES_MAX = 64
"""So many are scored, the nearest first; of common words also those with a like border."""
BORDER_CHARACTERS = 8
ROUNDS_MAX = 8


class Quote(msgspec.Struct, frozen=True):
    """A W3C `TextQuoteSelector`; a context that is not known is empty."""

    exact: str
    prefix: str = ""
    suffix: str = ""


class Standing(msgspec.Struct, frozen=True):
    """Where a passage last stood, in code points, and between which words.

    Its context there (`describe` on the text of that revision) keeps a passage through any
    number of small edits around it, when little is left of the context it was marked in.
    """

    start: int
    prefix: str = ""
    suffix: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A passage to be found. `last` is where it stood even if it is an orphan now."""

    quote: Quote
    last: Standing | None = None


class Anchored(msgspec.Struct, frozen=True):
    """Code points of the text, the end exclusive. `exact`: word for word as it was marked."""

    start: int
    end: int
    score: float
    exact: bool


class Orphaned(msgspec.Struct, frozen=True):
    """Nowhere in the text."""


Outcome = Anchored | Orphaned


def describe(
    text: str,
    start: int,
    end: int,
    *,
    context_characters: int = CONTEXT_CHARACTERS,
    word_characters_max: int = WORD_CHARACTERS_MAX,
) -> Quote:
    """The stretch's words, with context on both sides up to the next border of a word.

    White space in a row counts as one character. Where no word ends within
    `word_characters_max` (Chinese, a DNA sequence) the context ends within one.
    """
    reach = CONTEXT_ORIGINAL_CHARACTERS_MAX
    before, after = text[max(0, start - reach) : start], text[end : end + reach]
    far = _reach(before[::-1], context_characters, word_characters_max)
    near = _reach(after, context_characters, word_characters_max)
    return Quote(exact=text[start:end], prefix=before[len(before) - far :], suffix=after[:near])


def anchor(text: str, quote: Quote, last: Standing | None = None) -> Outcome:
    """Where the quote stands now, or that it does not."""
    return anchor_all(text, [Mark(quote, last)])[0]


def anchor_all(text: str, marks: Sequence[Mark]) -> list[Outcome]:
    """The same for all the passages of an article, which costs less than one by one."""
    article = _Article(text)
    searches = [_Search(article, mark) for mark in marks]
    best = [search.word_for_word() for search in searches]
    changed = [
        (index, search)
        for index, (search, found) in enumerate(zip(searches, best, strict=True))
        if search.errors_max and (found is None or found.score < SCORE_MIN)
    ]
    patterns = ((search.exact, search.errors_max) for _, search in changed)
    grams = Grams(article.folded.text, patterns)
    for index, search in changed:
        best[index] = search.with_errors(grams, best[index])
    return [search.outcome(found) for search, found in zip(searches, best, strict=True)]


def _reach(text: str, context_characters: int, word_characters_max: int) -> int:
    """How far the context goes into the text."""
    folded = Folded(text)
    _, end = folded.original_range(0, min(context_characters, len(folded.text)))
    word = text[end : end + word_characters_max]
    return end + next((index for index, letter in enumerate(word) if letter.isspace()), len(word))


class _Article:
    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = Folded(text)
        self.haystack = Haystack(self.folded.text)


class _Context(NamedTuple):
    """Folded, and no longer than is compared."""

    prefix: str
    suffix: str


_ANYWHERE = _Context("", "")


class _Scored(NamedTuple):
    """Greater is better: of equal scores the nearest, of those the first, then the longest."""

    score: float
    nearness: int
    before: int
    end: int

    @property
    def start(self) -> int:
        return -self.before


class _Search:
    """One passage in one article. All offsets are of the folded text."""

    def __init__(self, article: _Article, mark: Mark) -> None:
        self._article = article
        self._text = article.folded.text
        self._haystack = article.haystack
        self._mark = mark
        self.exact = Folded(mark.quote.exact).text
        self._contexts = _contexts(self.exact, mark)
        self._near = article.folded.folded_offset(mark.last.start) if mark.last else 0
        letters = len(self.exact)
        self.errors_max = (
            letters // CHARACTERS_PER_ERROR if letters >= APPROXIMATE_CHARACTERS_MIN else 0
        )

    def word_for_word(self) -> _Scored | None:
        """The best place with exactly these words."""
        if not self.exact:
            return None
        nearest = next(self._within(_ANYWHERE), None)
        if nearest is None:
            return None
        standing = [self._standing(context, nearest) for context in self._contexts]
        return self._best([match for match in standing if match] or self._places())

    def with_errors(self, grams: Grams, best: _Scored | None) -> _Scored | None:
        """The best place with a few letters changed, unless `best` is better.

        Takes the fewest errors first, and stops when more errors could not win.
        """
        regions = grams.regions(self.exact, self.errors_max, self._near)
        for _ in range(ROUNDS_MAX):
            errors, ends = self._haystack.fewest_errors(
                regions, self.exact, self.errors_max, near=self._near, ends_max=CANDIDATES_MAX
            )
            if not ends:
                break
            found = self._best(self._matches(ends, errors))
            best = max(filter(None, (best, found)), default=None)
            if best is not None and best.score >= self._score_max(errors + 1):
                break
            regions = _without(regions, ends)
        return best

    def outcome(self, best: _Scored | None) -> Outcome:
        if best is None or best.score < SCORE_MIN:
            return Orphaned()
        start, end = self._original(best)
        exact = self._text[best.start : best.end] == self.exact
        return Anchored(start, end, round(best.score, SCORE_DIGITS), exact)

    def _original(self, best: _Scored) -> tuple[int, int]:
        """What white space at the passage's own ends was folded into is no part of a move."""
        last, exact = self._mark.last, self._mark.quote.exact
        if last and best.start == self._near and self._article.text.startswith(exact, last.start):
            return last.start, last.start + len(exact)
        return self._article.folded.original_range(best.start, best.end)

    def _within(self, context: _Context, reach: int | None = None) -> Iterator[Match]:
        """The exact quote between its context, or the nearest `reach` letters of it."""
        prefix = context.prefix[-reach:] if reach else context.prefix
        suffix = context.suffix[:reach]
        pattern = prefix + self.exact + suffix
        for place in self._haystack.nearest(pattern, self._near - len(prefix)):
            start = place + len(prefix)
            yield Match(start, start + len(self.exact))

    def _standing(self, context: _Context, nearest: Match) -> Match | None:
        """The nearest place with all of the context: no other can score more by it."""
        prefixed = self._text.endswith(context.prefix, 0, nearest.start)
        if prefixed and self._text.startswith(context.suffix, nearest.end):
            return nearest
        return next(self._within(context), None)

    def _places(self) -> list[Match]:
        """The exact quote anywhere. Where it is common, its nearest neighbours are not all."""
        places = list(islice(self._within(_ANYWHERE), CANDIDATES_MAX))
        if len(places) == CANDIDATES_MAX:
            for context in self._contexts:
                for side in (_Context(context.prefix, ""), _Context("", context.suffix)):
                    places += islice(self._within(side, BORDER_CHARACTERS), CANDIDATES_MAX)
        return places

    def _matches(self, ends: Sequence[int], errors: int) -> list[Match]:
        return [
            match
            for end in ends
            for match in self._haystack.ending(self.exact, end, errors)
            if match.errors <= self.errors_max
        ]

    def _best(self, matches: Iterable[Match]) -> _Scored | None:
        return max((self._scored(match) for match in matches), default=None)

    def _scored(self, match: Match) -> _Scored:
        distance = abs(match.start - self._near) if self._mark.last else 0
        nearness = 1 - distance / max(len(self._text), 1)
        score = max(
            self._score(
                context,
                errors=match.errors,
                prefix=self._prefix_similarity(context.prefix, match.start),
                suffix=self._suffix_similarity(context.suffix, match.end),
                nearness=nearness,
            )
            for context in self._contexts
        )
        return _Scored(score, -distance, -match.start, match.end)

    def _score_max(self, errors: int) -> float:
        """What a match with so many errors can score."""
        return max(
            self._score(context, errors=errors, prefix=1, suffix=1, nearness=1)
            for context in self._contexts
        )

    def _score(
        self, context: _Context, *, errors: int, prefix: float, suffix: float, nearness: float
    ) -> float:
        """The formula at the head of this file."""
        quote = 1 - errors / len(self.exact)
        quote_weight = min(len(self.exact), QUOTE_WEIGHT_MAX)
        prefix_weight, suffix_weight = _weight(context.prefix), _weight(context.suffix)
        nearness_weight = NEARNESS_WEIGHT if self._mark.last else 0
        return (
            quote_weight * quote
            + prefix_weight * prefix
            + suffix_weight * suffix
            + nearness_weight * nearness
        ) / (quote_weight + prefix_weight + suffix_weight + nearness_weight)

    def _prefix_similarity(self, prefix: str, start: int) -> float:
        if self._text.endswith(prefix, 0, start):
            return 1.0
        return similarity(prefix[::-1], self._text[max(0, start - 2 * len(prefix)) : start][::-1])

    def _suffix_similarity(self, suffix: str, end: int) -> float:
        return similarity(suffix, self._text[end : end + 2 * len(suffix)])


def _weight(context: str) -> float:
    return min(CONTEXT_WEIGHT * len(context), CONTEXT_WEIGHT_MAX)


def _contexts(exact: str, mark: Mark) -> list[_Context]:
    """As marked, and as it last stood: of either what is known, at least an empty one."""
    known = [
        _context(exact, place.prefix, place.suffix)
        for place in (mark.quote, mark.last)
        if place is not None and (place.prefix or place.suffix)
    ]
    return list(dict.fromkeys(known)) or [_ANYWHERE]


def _context(exact: str, prefix: str, suffix: str) -> _Context:
    """Folded as if it were of one piece with the quote: there is one space at a border."""
    before, after = Folded(prefix).text, Folded(suffix).text
    if exact.startswith(" "):
        before = before.removesuffix(" ")
    if exact.endswith(" "):
        after = after.removeprefix(" ")
    characters = CONTEXT_COMPARED_CHARACTERS_MAX
    return _Context(before[-characters:], after[:characters])


def _without(regions: Sequence[Region], ends: Sequence[int]) -> list[Region]:
    """The regions where none of the ends lies; both are in order."""
    kept = []
    for start, end in regions:
        index = bisect_right(ends, start)
        if index == len(ends) or ends[index] > end:
            kept.append((start, end))
    return kept
