"""Compared form of texts, in which changes of typography and white space do not show.

- A run of white space is one space. Between a Chinese or Japanese letter and a Latin letter or a
  digit it is nothing.
- Soft hyphens, zero-width characters, marks of direction and variation selectors are nothing.
- Typographic quotes, apostrophes and dashes are `"`, `'` and `-`, as is a row of hyphens.
- Compatible letters (ligatures, full-width forms, superscripts, `…`) and decomposed ones have
  the form of Unicode's NFKC. A letter and at most 30 marks after it are normalised together.

All other characters are unchanged. `web/folding.js` computes the same form; shared vectors test
both.
"""

import re
import unicodedata
from bisect import bisect_right

from rostra.combining_marks import MARKS_IN_A_ROW_MAX

_INVISIBLE = (
    "\u00ad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef"
)
_IDEOGRAPHIC = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LATIN = "0-9A-Za-z\u00c0-\u024f\ufb00-\ufb06\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_BLANK = (
    rf"[\s{_INVISIBLE}]{{2,}}|[^\S ]|[{_INVISIBLE}]| (?=[{_IDEOGRAPHIC}])| (?<=[{_IDEOGRAPHIC}] )"
)
_QUOTES = "\u0060\u00b4\u02bc\u2018-\u201f\u2032\u2033\uff02\uff07"
_DOUBLE_QUOTES = frozenset("\u201c\u201d\u201e\u201f\u2033\uff02")
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_TYPOGRAPHY = rf"(?P<quote>[{_QUOTES}])|(?P<dash>[-{_DASHES}]{{2,}}|[{_DASHES}])"
# Characters that NFKC changes, and some between them that it does not.
_COMPATIBLE = (
    "\u00aa-\u00be\u0132-\u0149\u017f\u01c4-\u01cc\u01f1-\u01f3\u02b0-\u02b8\u02e0-\u02e4"
    "\u03d0-\u03d6\u03f0-\u03f9\u0587\u0675-\u0678\u0e33\u0eb3\u0edc-\u0edd\u0f0c"
    "\u0f77-\u0f79\u10fc\u1d2c-\u1d78\u1d9b-\u1dbf\u1e9a-\u1e9b\u2024-\u2057\u2070-\u20a8"
    "\u2100-\u2189\u222c-\u2230\u2460-\u24ea\u2a0c\u2a74-\u2a76\u2c7c-\u2c7d\u2d6f\u2e9f"
    "\u2ef3-\u2fd5\u3036-\u303a\u309f\u30ff\u3131-\u319f\u3200-\u33ff\ua69c-\ua69d\ua770"
    "\ua7f2-\ua7f9\uab5c-\uab69\ufb00-\ufb29\ufb4f-\ufbb1\ufbd3-\ufd3d\ufd50-\ufdc7"
    "\ufdf0-\ufdfc\ufe10-\ufe19\ufe30-\uffee\U00010781-\U000107ba\U0001d400-\U0001d7ff"
    "\U0001ee00-\U0001eebb\U0001f100-\U0001f14f\U0001f16a-\U0001f16c\U0001f190"
    "\U0001f200-\U0001f251\U0001fbf0-\U0001fbf9"
)
# Marks that compose with the letter before them.
_COMPOSING = (
    "\u0300-\u036f\u0653-\u0655\u093c\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0c56\u0cc2\u0cd5"
    "\u0cd6\u0d3e\u0d57\u0dca\u0dcf\u0ddf\u102e\u1ab0-\u1aff\u1b35\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
)
_HANGUL_PARTS = "\u1100-\u11ff"
_LETTERS = rf"\S(?:[{_HANGUL_PARTS}]+|[{_COMPOSING}]{{1,{MARKS_IN_A_ROW_MAX}}})"
_SINGLE = rf"{_TYPOGRAPHY}|(?P<letters>[{_COMPATIBLE}])"
_FOLDS = re.compile(rf"{_BLANK}|{_SINGLE}")
_FOLDS_DECOMPOSED = re.compile(rf"{_BLANK}|{_TYPOGRAPHY}|(?P<letters>{_LETTERS}|[{_COMPATIBLE}])")
_JOINT = re.compile(rf"[{_IDEOGRAPHIC}][{_LATIN}]|[{_LATIN}][{_IDEOGRAPHIC}]")
_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u2010": "-", "\u2212": "-"})


class Folded:
    """A text in its compared form (`text`), with a mapping between the offsets of the two."""

    __slots__ = ("_folded", "_keys", "_original", "text")

    def __init__(self, original: str) -> None:
        composed = unicodedata.is_normalized("NFC", original)
        pieces: list[str] = []
        # Starts of stretches of equal lengths. Omitted characters precede a letter that begins
        # there and follow a letter that ends there, hence the keys.
        self._folded, self._original, self._keys = [0], [0], [0]
        done = length = 0
        for found in (_FOLDS if composed else _FOLDS_DECOMPOSED).finditer(original):
            start, end = found.span()
            fold = _fold(found)
            pieces += (original[done:start], fold)
            length += start - done + len(fold)
            done = end
            if len(fold) != end - start:
                self._folded.append(length)
                self._original.append(end)
                self._keys.append(2 * length + (not fold))
        pieces.append(original[done:])
        self.text = "".join(pieces)

    def original_range(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the original, in code points, of a range of the compared form."""
        first = bisect_right(self._keys, 2 * start + 1) - 1
        last = max(first, bisect_right(self._keys, 2 * end) - 1)
        return self._original_offset(first, start), self._original_offset(last, end)

    def _original_offset(self, index: int, offset: int) -> int:
        """Return the offset in the original; within a letter that is several ones, its end."""
        original = self._original[index] + offset - self._folded[index]
        following = self._original[index + 1 : index + 2] or [original]
        return min(original, following[0])

    def folded_offset(self, offset: int) -> int:
        """Return the offset in the compared form of an offset of the original."""
        index = bisect_right(self._original, offset) - 1
        folded = self._folded[index] + offset - self._original[index]
        following = self._folded[index + 1 : index + 2] or [len(self.text)]
        return min(folded, following[0])


def _fold(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "dash":
        return "-"
    if kind == "quote":
        return '"' if found[0] in _DOUBLE_QUOTES else "'"
    if kind == "letters":
        folded = unicodedata.normalize("NFKC", found[0])
        # NFKC turns a mark without a letter into a blank and a mark.
        return found[0] if folded.startswith(" ") else folded.translate(_PLAIN)
    if not any(letter.isspace() for letter in found[0]):
        return ""
    start, end = found.span()
    return (
        ""
        if _JOINT.fullmatch(found.string[start - 1 : start] + found.string[end : end + 1])
        else " "
    )
