"""Description of a passage by which it can be found again: its words and those around them."""

import msgspec

from rostra.anchoring.normalise import Folded

CONTEXT_CHARACTERS = 32
WORD_CHARACTERS_MAX = 50
CONTEXT_ORIGINAL_CHARACTERS_MAX = 450
"""Characters that `describe` reads, since much white space may be between 32 letters."""


class Quote(msgspec.Struct, frozen=True):
    """A W3C `TextQuoteSelector`; a context that is not known is empty."""

    exact: str
    prefix: str = ""
    suffix: str = ""


def describe(
    text: str,
    start: int,
    end: int,
    *,
    context_characters: int = CONTEXT_CHARACTERS,
    word_characters_max: int = WORD_CHARACTERS_MAX,
) -> Quote:
    """Return the words of a stretch, with context on both sides up to the next border of a word.

    A run of white space counts as one character. If no word ends within `word_characters_max`
    (Chinese, a DNA sequence), the context ends inside a word.
    """
    reach = CONTEXT_ORIGINAL_CHARACTERS_MAX
    before, after = text[max(0, start - reach) : start], text[end : end + reach]
    far = _reach(before[::-1], context_characters, word_characters_max)
    near = _reach(after, context_characters, word_characters_max)
    return Quote(exact=text[start:end], prefix=before[len(before) - far :], suffix=after[:near])


def _reach(text: str, context_characters: int, word_characters_max: int) -> int:
    """Return the length of the context that begins the text."""
    folded = Folded(text)
    _, end = folded.original_range(0, min(context_characters, len(folded.text)))
    word = text[end : end + word_characters_max]
    return end + next((index for index, letter in enumerate(word) if letter.isspace()), len(word))
