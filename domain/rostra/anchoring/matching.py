"""Search for a quote in a text: word for word, or with a few letters changed.

`rostra.anchoring.search` puts these steps together. Offsets are code points; ends are exclusive.

A search with errors would compare the quote with the whole text. `Grams` finds the few regions in
which it may succeed: of more pieces than errors, one at least occurs unchanged. For example, the
quote "a cup of tea in june" (20 letters) may have 2 errors. It is cut into 3 pieces of 6 letters:

    at 0 "a cup "    at 6 "of tea"    at 12 " in ju"

The text "We had the cup of tea in june." has two of them, at 15 and at 21. By each of them the
quote would begin at 9: 15 - 6 and 21 - 12. So only the region around 9 is searched. See decision
0006.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from heapq import merge
from itertools import accumulate, islice
from typing import NamedTuple

import edlib  # type: ignore[import-not-found]  # an extension module without stubs

GRAM_CHARACTERS = (6, 8)
"""Lengths of the pieces that patterns are cut into."""
HITS_MAX = 60_000
"""Greatest number of places of a pattern's pieces. A pattern with more places (`aaaa…`) is searched
for only around its last place."""
COMMON_REACH_CHARACTERS = 10_000
"""Reach of that search on either side, in code points, less the length of the pattern."""
COMMON_REACH_CHARACTERS_MIN = 2_000
"""Least reach of that search, for the longest patterns."""
BLOCK_CHARACTERS = 64
"""Letters of a pattern that edlib compares at once."""
REGION_WORK, CANDIDATE_WORK, HIT_WORK = 2_500, 100_000, 800
"""Cost of a region, a candidate and a place of a piece, in letters compared with a block."""
SIMILARITIES_KEPT = 4_096
"""Results of `similarity` that are cached: a text that repeats itself repeats its contexts."""
SYMBOLS_MAX = 254
"""edlib distinguishes 256 symbols. One is for unknown letters, one for gaps in the text."""
GAP = b"\xff"

_STEPS = re.compile(r"(\d+)([=XID])")


class Match(NamedTuple):
    start: int
    end: int
    errors: int = 0


Region = tuple[int, int]
"""A stretch of the text: its start and its end."""


class Regions(NamedTuple):
    """Regions of the text to search, and the number of places that they were derived from."""

    regions: list[Region]
    hits: int


class Found(NamedTuple):
    """Matches with the fewest errors.

    - `ends`: ascending ends of the matches; empty if there are too many errors.
    - `apart`: those of all ends that are half a pattern or more from one another.
    """

    errors: int
    ends: list[int]
    apart: list[int]


def occurrences(text: str, pattern: str, start: int = 0) -> Iterator[int]:
    """Yield each offset from `start` on where the pattern begins; matches may overlap."""
    found = text.find(pattern, max(start, 0))
    while found >= 0:
        yield found
        found = text.find(pattern, found + 1)


@lru_cache(SIMILARITIES_KEPT)
def similarity(expected: str, actual: str, least: float) -> float:
    """Return the share of expected letters that the actual text begins with, allowing for errors.

    The result is 0 if it would be below `least`.
    """
    if not expected or actual.startswith(expected):
        return 1.0
    errors_max = int(len(expected) * (1 - least))
    window = actual[: len(expected) + errors_max]
    if expected.isascii() and window.isascii():
        found = _align(expected.encode(), window.encode(), "SHW", errors_max)
    else:
        alphabet = Alphabet(expected)
        found = _align(alphabet.code(expected), alphabet.code(window), "SHW", errors_max)
    return 1 - found.errors / len(expected) if found.ends else 0.0


def distance(one: str, other: str) -> int:
    """Return the fewest letters to insert, delete or replace that make one text another.

    `one` has at most `SYMBOLS_MAX` different letters.
    """
    alphabet = Alphabet(one)
    found: int = edlib.align(alphabet.code(one), alphabet.code(other), mode="NW")["editDistance"]
    return found


def goes_on(outside: str, border: str) -> bool:
    """Return whether a word crosses the border although none crossed it beside `outside`.

    `border` is the letter before the border and the one after it.
    """
    return not outside.isalnum() and border.isalnum()


class Haystack:
    """A text, made ready once for many searches."""

    def __init__(self, text: str) -> None:
        self.text = text

    def nearest(self, pattern: str, near: int) -> Iterator[int]:
        """Yield each offset where the pattern begins, the nearest first.

        Offsets before `near` are searched in the mirrored text, because `str.find` takes linear
        time and `str.rfind` quadratic time on `aaaa…`.
        """
        if not self._letters.issuperset(pattern):
            return iter(())
        last = len(self.text) - len(pattern)
        ahead = occurrences(self.text, pattern, near)
        behind = occurrences(self._mirrored, pattern[::-1], last - near + 1)
        starts = (last - found for found in behind)
        return merge(ahead, starts, key=lambda start: abs(start - near))

    def fewest_errors(
        self,
        regions: Sequence[Region],
        pattern: str,
        errors_max: int,
        *,
        near: int = 0,
        ends_max: int | None = None,
    ) -> Found:
        """Find the matches in the regions that have the fewest errors.

        Returns all ends of matches, or the `ends_max` around the end of a match that begins at
        `near`.
        """
        alphabet = self._alphabet or Alphabet(pattern)
        gap = GAP * (errors_max + 1)  # no match can bridge so many
        parts = [self._code(alphabet, region) for region in regions]
        found = _align(alphabet.code(pattern), gap.join(parts), "HW", errors_max)
        begins = list(accumulate((len(part) + len(gap) for part in parts[:-1]), initial=0))

        def end(last: int) -> int:
            index = bisect_right(begins, last) - 1
            return regions[index][0] + last + 1 - begins[index]

        chosen = found.ends
        if ends_max is not None and len(chosen) > ends_max:
            middle = bisect_left(chosen, near + len(pattern), key=end)
            chosen = chosen[max(0, middle - ends_max // 2) :][:ends_max]
        apart = _apart(found.ends, len(pattern) // 2)
        return Found(found.errors, [end(last) for last in chosen], [end(last) for last in apart])

    def ending(self, pattern: str, end: int, errors: int) -> list[Match]:
        """Return the matches with `errors` errors that end at `end`.

        Their beginnings may differ.
        """
        alphabet = self._alphabet or Alphabet(pattern)
        before = (max(0, end - len(pattern) - errors), end)
        code = self._code(alphabet, before)
        found = _align(alphabet.code(pattern)[::-1], code[::-1], "SHW", errors)
        starts = [end - 1 - last for last in found.ends]
        if not alphabet.ambiguous:
            return [Match(start, end, found.errors) for start in starts]
        return [
            Match(start, end, alphabet.errors(pattern, self.text[start:end])) for start in starts
        ]

    @cached_property
    def _letters(self) -> frozenset[str]:
        return frozenset(self.text)

    @cached_property
    def _mirrored(self) -> str:
        return self.text[::-1]

    @cached_property
    def _alphabet(self) -> "Alphabet | None":
        """Alphabet of all patterns; None if edlib cannot distinguish all letters of the text."""
        letters = sorted(self._letters)
        return Alphabet(letters) if len(letters) <= SYMBOLS_MAX else None

    @cached_property
    def _coded(self) -> bytes:
        return b"" if self._alphabet is None else self._alphabet.code(self.text)

    def _code(self, alphabet: "Alphabet", region: Region) -> bytes:
        if alphabet is self._alphabet:
            return self._coded[region[0] : region[1]]
        return alphabet.code(self.text[region[0] : region[1]])


class Alphabet(dict[int, int]):
    """Map of letters to the symbols of edlib. Letters outside the patterns share one symbol.

    A pattern with more letters than symbols (in Chinese, say) is `ambiguous`: its rarest letters
    share a symbol, so that its matches must be checked once more.
    """

    def __init__(self, letters: Iterable[str]) -> None:
        ranked = Counter(letters).most_common()
        self.ambiguous = len(ranked) > SYMBOLS_MAX
        for rank, (letter, _) in enumerate(ranked, start=1):
            self[ord(letter)] = min(rank, SYMBOLS_MAX)

    def __missing__(self, letter: int) -> int:
        return 0

    def code(self, text: str) -> bytes:
        """Return the text as edlib's symbols, one byte a letter."""
        return text.translate(self).encode("latin-1")

    def errors(self, pattern: str, actual: str) -> int:
        """Return an upper bound of the errors of an alignment.

        It counts the errors by symbols, and the pairs of different letters with the same symbol.
        """
        found = edlib.align(self.code(pattern), self.code(actual), mode="NW", task="path")
        errors: int = found["editDistance"]
        at = there = 0
        for count, step in _STEPS.findall(found["cigar"]):
            length = int(count)
            if step == "=":
                pairs = zip(pattern[at : at + length], actual[there : there + length], strict=True)
                errors += sum(one != other for one, other in pairs)
            at += 0 if step == "D" else length  # letters of the text alone
            there += 0 if step == "I" else length  # letters of the pattern alone
        return errors


def _align(pattern: bytes, text: bytes, mode: str, errors_max: int) -> Found:
    """Align a pattern by edlib. `ends` of the result are the matches' last letters."""
    if not text:
        return Found(len(pattern), [], [])
    found = edlib.align(pattern, text, mode=mode, task="distance", k=errors_max)
    ends = [last for _, last in found["locations"] if last is not None]
    return Found(found["editDistance"], ends, ends)


def _apart(ends: Sequence[int], distance: int) -> list[int]:
    apart: list[int] = []
    index = 0
    while index < len(ends):
        apart.append(ends[index])
        index = bisect_left(ends, ends[index] + max(distance, 1), index)
    return apart


def blocks(pattern: str, regions: Iterable[Region]) -> int:
    """Return the cost of a search in regions, as letters compared with one block of the pattern."""
    each = 1 + len(pattern) // BLOCK_CHARACTERS
    return sum(REGION_WORK + (end - start) * each for start, end in regions)


def without(
    regions: Sequence[Region], ends: Sequence[int], letters: int, errors_max: int
) -> list[Region]:
    """Return the regions without the matches that end at `ends`.

    Other matches may begin beside them.
    """
    kept: list[Region] = []
    for start, end in regions:
        begin = start
        for found in ends[bisect_right(ends, start) : bisect_right(ends, end)]:
            kept.append((begin, found - letters + errors_max))
            begin = found - errors_max
        kept.append((begin, end))
    return [(start, end) for start, end in kept if end - start >= letters - errors_max]


class Grams:
    """Index of the places of the patterns' pieces, built in one pass for each size of piece."""

    def __init__(self, text: str, patterns: Iterable[tuple[str, int]]) -> None:
        """Each pattern with the errors it may have, at most one in 10 letters of 12 or more."""
        self._text = text
        wanted: defaultdict[int, set[str]] = defaultdict(set)
        for pattern, errors_max in patterns:
            size = _size(pattern, errors_max)
            wanted[size].update(piece for _, piece in _pieces(pattern, size))
        self._places: dict[str, list[int]] = {}
        for size, pieces in wanted.items():
            self._places |= _places(text, pieces, size)

    def regions(self, pattern: str, errors_max: int, near: int) -> Regions:
        """Return the regions outside which the pattern cannot occur with `errors_max` errors.

        Each error spoils at most one piece of the pattern. The other pieces occur unchanged, and
        their shift equals the shift of the match within `errors_max`. So half of the pieces that
        must be unchanged need no look-up; the commonest are left out. With more than `HITS_MAX`
        places only the surroundings of `near` are searched.
        """
        size = _size(pattern, errors_max)
        found = [(at, self._places.get(piece, [])) for at, piece in _pieces(pattern, size)]
        spared = (len(found) - errors_max) // 2
        found = sorted(found, key=lambda each: len(each[1]))[: len(found) - spared]
        hits = sum(len(places) for _, places in found)
        if hits > HITS_MAX:
            return Regions(_around(near, len(pattern), len(self._text)), 0)
        if errors_max == 1:
            found = _continued(self._text, pattern, found, size)
        shifts: list[int] = []
        for at, places in found:
            shifts += [place - at for place in places]
        shifts.sort()
        intact = len(found) - errors_max
        merged = _merged(
            [
                (last - errors_max, first + len(pattern) + 2 * errors_max)
                for first, last in zip(shifts, islice(shifts, intact - 1, None), strict=False)
                if last - first <= 2 * errors_max
            ],
            len(self._text),
        )
        return Regions(merged, hits)


def _size(pattern: str, errors_max: int) -> int:
    """Return the greatest length of pieces that gives more pieces than errors.

    Longer pieces occur by chance less often.
    """
    longest = len(pattern) // (errors_max + 1)
    return max(size for size in GRAM_CHARACTERS if size <= longest)


def _pieces(pattern: str, size: int) -> list[tuple[int, str]]:
    offsets = range(0, len(pattern) - size + 1, size)
    return [(offset, pattern[offset : offset + size]) for offset in offsets]


def _places(text: str, wanted: set[str], size: int) -> dict[str, list[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    starts = range(len(text) - size + 1)
    for place in [start for start in starts if text[start : start + size] in wanted]:
        places[text[place : place + size]].append(place)
    return places


def _continued(
    text: str, pattern: str, found: Iterable[tuple[int, list[int]]], size: int
) -> list[tuple[int, list[int]]]:
    """Return the places of two pieces that have half of the other piece beside them.

    For quotes of two pieces that may have one error. The error spoils one piece, and only in one of
    its halves: the other half is unchanged. So that half is beside the unchanged piece, or one
    letter away from its place. Other places of a piece are dropped.
    """
    half = size // 2
    near, far = pattern[half:size], pattern[:half]
    after, later = pattern[size : size + half], pattern[size + half : 2 * size]
    length, back, on, end = len(near), size - half, size + half, 2 * size + 1
    return [
        (
            at,
            [
                place
                for place in places
                if text[place - length : place] == near
                or far in text[max(place - size - 1, 0) : max(place - back + 1, 0)]
            ]
            if at
            else [
                place
                for place in places
                if text[place + size : place + on] == after
                or later in text[place + on - 1 : place + end]
            ],
        )
        for at, places in found
    ]


def _around(near: int, pattern_length: int, text_length: int) -> list[Region]:
    reach = max(COMMON_REACH_CHARACTERS - pattern_length, COMMON_REACH_CHARACTERS_MIN)
    return [(max(0, near - reach), min(text_length, near + pattern_length + reach))]


def _merged(spans: Iterable[Region], text_length: int) -> list[Region]:
    """Merge ordered spans that overlap, and clip them to the text."""
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for start, end in spans:
        if not ends or start > done:
            starts.append(start)
            ends.append(end)
        else:
            ends[-1] = end
        done = end
    inside = (
        (max(0, start), min(end, text_length)) for start, end in zip(starts, ends, strict=True)
    )
    return [region for region in inside if region[0] < region[1]]
