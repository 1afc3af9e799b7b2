"""Search for a passage's words in another revision of its article.

The search is pure and deterministic. Nothing is stored between calls, so any thread or process may
run it.

Texts are compared in their compared form (`rostra.anchoring.normalise`). Candidates are first the
places with exactly the quote. If none of them will do, candidates may have one error in
`CHARACTERS_PER_ERROR` letters, for a quote of `APPROXIMATE_CHARACTERS_MIN` letters or more.

A candidate's score is the share of unchanged letters:

    score = (q*Q + p*P + s*S + n*N) / (Q + P + S + N)
    q      1 - errors / letters of the quote
    p, s   the same for prefix and suffix, read from the quote outward; 0 below CONTEXT_MIN,
           or CONTEXT_MIN_CHANGED if the quote itself has errors; and 0 if a word continues
           (`the` in `other`) that began or ended with the quote
    n      1 - distance from the last place / letters of the text
    Q      letters of the quote, at most QUOTE_WEIGHT_MAX
    P, S   half the letters of the prefix and suffix, at most CONTEXT_WEIGHT_MAX each
    N      NEARNESS_WEIGHT, less than the weight of one letter of context; 0 without a last place

The best candidate is the passage if its score is at least `SCORE_MIN`. Of equal candidates the
nearest is best. The consequences are:

- One whole side of context is enough for an exact quote of any length.
- Without context, a quote of `QUOTE_WEIGHT_MAX` letters or more is enough. It must be exact or
  have at most one error in a hundred letters. A shorter quote is an orphan.
- Context decides before nearness does.
- A quote of at most `SHORT_CHARACTERS_MAX` letters may not be found. Then it is the stretch
  between `CONTEXT_CHARACTERS` unchanged letters on both sides, if at most half its letters changed.
- Of equal scores, the candidate with the same context in the original form wins. This distinguishes
  twins that differ by white space.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from rostra.anchoring.context import CONTEXT_CHARACTERS, Quote, describe
from rostra.anchoring.matching import (
    CANDIDATE_WORK,
    HIT_WORK,
    Grams,
    Haystack,
    Match,
    blocks,
    distance,
    goes_on,
    similarity,
    without,
)
from rostra.anchoring.normalise import Folded

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

CHARACTERS_PER_ERROR = 10
"""Letters of a quote for each error that a candidate may have."""
APPROXIMATE_CHARACTERS_MIN = 12
"""Least letters of a quote that is searched for with errors."""
SCORE_MIN = 0.495
"""Least score of a candidate that is taken for the passage. See decision 0006."""

SHORT_CHARACTERS_MAX = 32
"""Greatest length of a quote that may be found by its contexts alone."""
SHORT_CHANGED_SHARE_MAX = 0.5
"""Greatest share of such a quote's letters that may have changed."""

CONTEXT_MIN = 0.5
"""Least similarity of a context that counts. Unrelated texts reach about 0.5."""
CONTEXT_MIN_CHANGED = 0.75
"""The least similarity if the quote has errors. Neighbouring entries of a list reach about 0.75."""

QUOTE_WEIGHT_MAX = 32
"""Weight of the longest quotes (Q in the formula above), in letters."""
CONTEXT_WEIGHT_MAX = 16
"""Weight of the longest context on one side (P, S), in letters."""
CONTEXT_WEIGHT = 0.5
"""Weight of one letter of context; a letter of the quote has weight 1."""
NEARNESS_WEIGHT = 0.1
"""Weight of the distance (N), less than that of one letter of context."""
SCORE_DIGITS = 6
"""Decimals of a score in events."""

CONTEXT_COMPARED_CHARACTERS_MAX = 96
"""Letters of a context that are compared."""

CANDIDATES_MAX = 64
"""Greatest number of scored candidates, the nearest first. A common quote has the same number again
for each side of its contexts."""
SIDE_CHARACTERS = 8
"""Letters of a side of the context that such a further candidate has beside it."""
ROUNDS_MAX = 8
"""Greatest number of error counts that are tried for one quote."""
WORK_MAX = 6_000_000_000
"""Greatest work of all searches with errors in one text, in letters compared with a block of a
quote. Remaining quotes are searched for without errors."""

_BORDER = "\x02" * CONTEXT_CHARACTERS
"""Added before and after the text, so that a passage there has a whole context, too."""


class LastPlace(msgspec.Struct, frozen=True):
    """Last place of a passage, in code points, and the words around it there.

    With these words a passage survives any number of small edits around it. It survives also if
    little is left of its first context.
    """

    start: int
    prefix: str | None = None
    suffix: str | None = None


class Mark(msgspec.Struct, frozen=True):
    """A passage to be found. `last` is where it stood even if it is an orphan now."""

    quote: Quote
    last: LastPlace | None = None


class Anchored(msgspec.Struct, frozen=True, tag=True):
    """Code points of the text, the end exclusive. `exact`: word for word as it was marked."""

    start: int
    end: int
    score: float
    exact: bool


class Orphaned(msgspec.Struct, frozen=True, tag=True):
    """Nowhere in the text."""


AnchorResult = Anchored | Orphaned


def last_place(text: str, start: int, end: int) -> LastPlace:
    """Describe the place of a passage in a revision, for anchoring it in the next one."""
    quote = describe(text, start, end)
    return LastPlace(start, quote.prefix, quote.suffix)


def anchor(text: str, quote: Quote, last: LastPlace | None = None) -> AnchorResult:
    """Find the quote in the text. Returns Orphaned if it is not there."""
    return anchor_all(text, [Mark(quote, last)])[0]


def anchor_all(text: str, marks: Sequence[Mark]) -> list[AnchorResult]:
    """Anchor all passages of an article, which costs less than one at a time."""
    article = _Article(text)
    searches = [_Search(article, mark) for mark in marks]
    best = [search.word_for_word() for search in searches]
    changed = [
        (index, search)
        for index, (search, found) in enumerate(zip(searches, best, strict=True))
        if search.errors_max and (found is None or found.score < SCORE_MIN)
    ]
    patterns = ((search.exact, search.errors_max) for _, search in changed)
    grams = Grams(article.text, patterns)
    work = 0
    for index, search in changed:
        best[index], done = search.with_errors(grams, best[index], WORK_MAX - work)
        work += done
    for index, search in enumerate(searches):
        found = best[index]
        if found is None or found.score < SCORE_MIN:
            best[index] = search.between_contexts(found)
    return [search.outcome(found) for search, found in zip(searches, best, strict=True)]


class _Article:
    """The text folded, between borders."""

    def __init__(self, original: str) -> None:
        self.original = original
        self._folded = Folded(original)
        self.text = f"{_BORDER}{self._folded.text}{_BORDER}"
        self.haystack = Haystack(self.text)

    def offset(self, original: int) -> int:
        return self._folded.folded_offset(original) + len(_BORDER)

    def original_range(self, start: int, end: int) -> tuple[int, int]:
        first, last = (
            min(max(offset - len(_BORDER), 0), len(self._folded.text)) for offset in (start, end)
        )
        return self._folded.original_range(first, last)


class _Context(NamedTuple):
    """Context in the compared form, cut to CONTEXT_COMPARED_CHARACTERS_MAX letters."""

    prefix: str
    suffix: str


_ANYWHERE = _Context("", "")


class _Scored(NamedTuple):
    """Candidate with its score; a greater one is better.

    Of equal scores, more `same_sides` win, then the nearest, the first and the longest candidate.
    """

    score: float
    same_sides: int
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
        self._text = article.text
        self._haystack = article.haystack
        self._mark = mark
        folded = Folded(mark.quote.exact)
        self.exact = folded.text
        self._within_quote = folded.original_range(0, len(folded.text))
        self._contexts = _contexts(self.exact, mark)
        self._near = self._last_offset(mark.last)
        letters = len(self.exact)
        self.errors_max = (
            letters // CHARACTERS_PER_ERROR if letters >= APPROXIMATE_CHARACTERS_MIN else 0
        )

    def _last_offset(self, last: LastPlace | None) -> int:
        if last is None:
            return 0
        offset = self._article.offset(last.start)
        # In the middle of a run of white space, all of which is the one space before it.
        inside = self.exact.startswith(" ") and not self._text.startswith(" ", offset)
        return offset - 1 if inside else offset

    def word_for_word(self) -> _Scored | None:
        """Return the best place with exactly these words."""
        if not self.exact:
            return None
        nearest = next(self._within(_ANYWHERE), None)
        if nearest is None:
            return None
        current = [self._last_place(context, nearest) for context in self._contexts]
        return self._best([match for match in current if match] or self._places())

    def with_errors(
        self, grams: Grams, best: _Scored | None, work_max: int
    ) -> tuple[_Scored | None, int]:
        """Return the best place with a few letters changed, and the cost of the search.

        If `best` is better, return `best`. The search begins with the fewest errors and stops when
        more errors cannot win.
        """
        if work_max <= 0:
            return best, 0
        regions, hits = grams.regions(self.exact, self.errors_max, self._near)
        work = hits * HIT_WORK
        for _ in range(ROUNDS_MAX):
            work += blocks(self.exact, regions) + CANDIDATE_WORK
            errors, ends, apart = self._haystack.fewest_errors(
                regions, self.exact, self.errors_max, near=self._near, ends_max=CANDIDATES_MAX
            )
            if not ends:
                break
            matches = self._matches(ends, errors)
            work += len(matches) * (blocks(self.exact, [(0, 2 * errors)]) + CANDIDATE_WORK)
            best = max(filter(None, (best, self._best(matches))), default=None)
            if (best is not None and best.score >= self._score_max(errors + 1)) or work >= work_max:
                break
            regions = without(regions, apart, len(self.exact), self.errors_max)
        return best, work

    def outcome(self, best: _Scored | None) -> AnchorResult:
        if best is None or best.score < SCORE_MIN:
            return Orphaned()
        start, end = self._original(best)
        exact = self._text[best.start : best.end] == self.exact
        return Anchored(start, end, round(best.score, SCORE_DIGITS), exact)

    def _original(self, best: _Scored) -> tuple[int, int]:
        """Return the range in the original, with what folding dropped at the passage's ends."""
        last, exact = self._mark.last, self._mark.quote.exact
        article = self._article.original
        if last and best.start == self._near and article.startswith(exact, last.start):
            return last.start, last.start + len(exact)
        start, end = self._article.original_range(best.start, best.end)
        first, after = self._within_quote
        whole = max(start - first, 0), end + len(exact) - after
        return whole if article[whole[0] : whole[1]] == exact else (start, end)

    def _within(self, context: _Context, reach: int | None = None) -> Iterator[Match]:
        """Yield the exact quote between its context, or between `reach` letters of it."""
        prefix = context.prefix[-reach:] if reach else context.prefix
        suffix = context.suffix[:reach]
        pattern = prefix + self.exact + suffix
        for place in self._haystack.nearest(pattern, self._near - len(prefix)):
            start = place + len(prefix)
            yield Match(start, start + len(self.exact))

    def between_contexts(self, best: _Scored | None) -> _Scored | None:
        """Return the best place between unchanged contexts of a short quote.

        If `best` is better, return `best`.
        """
        if not 0 < len(self.exact) <= SHORT_CHARACTERS_MAX:
            return best
        matches = [match for context in self._contexts for match in self._between(context)]
        return max(filter(None, (best, self._best(matches))), default=None)

    def _between(self, context: _Context) -> Iterator[Match]:
        """Yield the stretches between the nearest letters of both sides."""
        prefix = context.prefix[-CONTEXT_CHARACTERS:]
        suffix = context.suffix[:CONTEXT_CHARACTERS]
        if min(len(prefix.lstrip("\x02")), len(suffix.rstrip("\x02"))) < CONTEXT_CHARACTERS:
            return
        errors_max = int(len(self.exact) * SHORT_CHANGED_SHARE_MAX)
        places = self._haystack.nearest(prefix, self._near - len(prefix))
        for place in islice(places, CANDIDATES_MAX):
            start = place + len(prefix)
            reach = start + len(self.exact) + errors_max + len(suffix)
            end = self._text.find(suffix, start + 1, reach)
            if end < 0:
                continue
            errors = distance(self.exact, self._text[start:end])
            if errors <= errors_max:
                yield Match(start, end, errors)

    def _last_place(self, context: _Context, nearest: Match) -> Match | None:
        """Return the nearest place with all of the context.

        No other place has a better score by this context. If no last place is known, all places are
        equally near. Then a place with the same context in the original form is returned.
        """
        if self._mark.last is None:
            found = list(islice(self._within(context), CANDIDATES_MAX))
            return max(found, key=self._same_sides, default=None)
        prefixed = self._text.endswith(context.prefix, 0, nearest.start)
        if prefixed and self._text.startswith(context.suffix, nearest.end):
            return nearest
        return next(self._within(context), None)

    def _places(self) -> list[Match]:
        """Return the places of the exact quote; of a common quote, the nearest ones."""
        places = list(islice(self._within(_ANYWHERE), CANDIDATES_MAX))
        if len(places) == CANDIDATES_MAX:
            for context in self._contexts:
                for side in (_Context(context.prefix, ""), _Context("", context.suffix)):
                    places += islice(self._within(side, SIDE_CHARACTERS), CANDIDATES_MAX)
        return places

    def _matches(self, ends: Sequence[int], errors: int) -> list[Match]:
        """Return the matches with `errors` errors that end at these offsets, the nearest first."""
        matches: list[Match] = []
        for end in sorted(ends, key=lambda end: abs(end - len(self.exact) - self._near)):
            found = self._haystack.ending(self.exact, end, errors)
            matches += [match for match in found if match.errors <= self.errors_max]
            if len(matches) >= CANDIDATES_MAX:
                break
        return matches[:CANDIDATES_MAX]

    def _best(self, matches: Iterable[Match]) -> _Scored | None:
        return max((self._scored(match) for match in matches), default=None)

    def _scored(self, match: Match) -> _Scored:
        distance = abs(match.start - self._near) if self._mark.last else 0
        nearness = 1 - distance / len(self._text)
        least = CONTEXT_MIN_CHANGED if match.errors else CONTEXT_MIN
        score = max(
            self._score(
                context,
                errors=match.errors,
                prefix=self._prefix_similarity(context.prefix, match.start, least),
                suffix=self._suffix_similarity(context.suffix, match.end, least),
                nearness=nearness,
            )
            for context in self._contexts
        )
        return _Scored(score, self._same_sides(match), -distance, -match.start, match.end)

    def _same_sides(self, match: Match) -> int:
        """Count the sides whose context is the one of the mark, white space included."""
        start, end = self._article.original_range(match.start, match.end)
        before, after = self._mark.quote.prefix, self._mark.quote.suffix
        text = self._article.original
        return text.endswith(before, 0, start) + text.startswith(after, end)

    def _score_max(self, errors: int) -> float:
        """Return the greatest score that a match with `errors` errors can have."""
        return max(
            self._score(context, errors=errors, prefix=1, suffix=1, nearness=1)
            for context in self._contexts
        )

    def _score(
        self, context: _Context, *, errors: int, prefix: float, suffix: float, nearness: float
    ) -> float:
        """Return the score by the formula at the beginning of this file."""
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

    def _prefix_similarity(self, prefix: str, start: int, least: float) -> float:
        if self._text.endswith(prefix, 0, start):
            return 1.0
        if goes_on(prefix[-1:], self._text[start - 1 : start + 1]):
            return 0.0
        before = self._text[max(0, start - 2 * len(prefix)) : start]
        return similarity(prefix[::-1], before[::-1], least)

    def _suffix_similarity(self, suffix: str, end: int, least: float) -> float:
        if goes_on(suffix[:1], self._text[end - 1 : end + 1]):
            return 0.0
        return similarity(suffix, self._text[end : end + 2 * len(suffix)], least)


def _weight(context: str) -> float:
    return min(CONTEXT_WEIGHT * len(context), CONTEXT_WEIGHT_MAX)


def _contexts(exact: str, mark: Mark) -> list[_Context]:
    """Return the distinct contexts of the mark: the one it was marked in and the last one.

    Returns one empty context if neither is known.
    """
    known = [_context(exact, Folded(mark.quote.prefix).text, Folded(mark.quote.suffix).text)]
    if mark.last and mark.last.prefix is not None and mark.last.suffix is not None:
        # `describe` made it: where it is short the text began or ended.
        prefix, suffix = Folded(mark.last.prefix).text, Folded(mark.last.suffix).text
        known.append(
            _context(exact, _BORDER[len(prefix) :] + prefix, suffix + _BORDER[len(suffix) :])
        )
    return [context for context in dict.fromkeys(known) if context != _ANYWHERE] or [_ANYWHERE]


def _context(exact: str, prefix: str, suffix: str) -> _Context:
    """Return prefix and suffix without the space that the quote itself has at that border."""
    if exact.startswith(" "):
        prefix = prefix.removesuffix(" ")
    if exact.endswith(" "):
        suffix = suffix.removeprefix(" ")
    characters = CONTEXT_COMPARED_CHARACTERS_MAX
    return _Context(prefix[-characters:], suffix[:characters])
