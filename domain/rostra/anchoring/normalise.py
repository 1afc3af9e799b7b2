"""How texts are compared: blind to what an editor or a browser changes without changing words.

A run of white space, of whatever kind, is one space; soft hyphens and zero-width marks are
nothing; composed and decomposed letters are the same (NFC). Everything else is itself.
"""

import re
import unicodedata
from bisect import bisect_right

_INVISIBLE = "\u00ad\u200b\u2060\ufeff"
_BLANK = rf"[\s{_INVISIBLE}]{{2,}}|[^\S ]|[{_INVISIBLE}]"
# Marks that compose with the letter before them, and the parts of Hangul syllables.
_COMPOSING = (
    "\u0300-\u036f\u0653-\u0655\u093c\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0c56\u0cc2\u0cd5"
    "\u0cd6\u0d3e\u0d57\u0dca\u0dcf\u0ddf\u102e\u1100-\u11ff\u1ab0-\u1aff\u1b35\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
)
_FOLDS = re.compile(_BLANK)
_FOLDS_DECOMPOSED = re.compile(rf"{_BLANK}|(?P<letters>\S[{_COMPOSING}]+)")


class Folded:
    """A text in its compared form (`text`), and the way between the offsets of the two."""

    __slots__ = ("_folded", "_keys", "_original", "text")

    def __init__(self, original: str) -> None:
        composed = unicodedata.is_normalized("NFC", original)
        pieces: list[str] = []
        # Where stretches of equal lengths begin. What was left out altogether comes before a
        # letter that begins there and after one that ends there, hence the keys.
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
        """Where a stretch of the compared form stands in the original, in code points."""
        first = bisect_right(self._keys, 2 * start + 1) - 1
        last = max(first, bisect_right(self._keys, 2 * end) - 1)
        return (
            self._original[first] + start - self._folded[first],
            self._original[last] + end - self._folded[last],
        )

    def folded_offset(self, offset: int) -> int:
        """Where an offset of the original stands in the compared form."""
        index = bisect_right(self._original, offset) - 1
        folded = self._folded[index] + offset - self._original[index]
        following = self._folded[index + 1 : index + 2] or [len(self.text)]
        return min(folded, following[0])


def _fold(found: re.Match[str]) -> str:
    if found.lastgroup == "letters":
        return unicodedata.normalize("NFC", found[0])
    return " " if any(letter.isspace() for letter in found[0]) else ""
