"""Bound on combining marks in a row.

To put the marks of a letter into Unicode's order takes time quadratic in their number. No
language writes more than a few on one letter; Unicode's Stream-Safe Text Format (UAX 15) allows 30.
"""

import re
import unicodedata

MARKS_IN_A_ROW_MAX = 30
_ALSO_MARKS = "\uff9e\uff9f"
"""Letters that NFKC turns into marks."""
_CANDIDATES = re.compile(rf"[\W{_ALSO_MARKS}]{{{MARKS_IN_A_ROW_MAX + 1},}}")
"""Finds the few texts that may have too many: marks are no letters, digits or underscores."""


def cut_marks(text: str) -> str:
    """Drop each combining mark beyond `MARKS_IN_A_ROW_MAX` in a row."""
    return text if text.isascii() else _CANDIDATES.sub(_cut, text)


def compatible_form(text: str) -> str:
    """Return a text in Unicode's NFKC, without the marks that `cut_marks` drops."""
    return unicodedata.normalize("NFKC", cut_marks(text))


def has_too_many_marks(text: str) -> bool:
    """Return whether a text has more than `MARKS_IN_A_ROW_MAX` combining marks in a row."""
    return len(cut_marks(text)) < len(text)


def _cut(found: re.Match[str]) -> str:
    kept: list[str] = []
    count = 0
    for letter in found[0]:
        is_mark = letter in _ALSO_MARKS or unicodedata.category(letter).startswith("M")
        count = count + 1 if is_mark else 0
        if count <= MARKS_IN_A_ROW_MAX:
            kept.append(letter)
    return "".join(kept)
