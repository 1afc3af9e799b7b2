"""Rules for the project's English: first words, words that nobody else uses, long sentences."""

import re
from collections.abc import Iterator

FORBIDDEN_FIRST = {
    *("what", "who", "whoever", "whose", "whether", "of", "until", "where", "how", "again", "so"),
    *("nothing", "nobody", "as"),
}
DIALECT = re.compile(
    r"\b(stands?|standing|told|tells?|hear[ds]?|whoever|aside|of late|as many|at rest)\b",
    re.IGNORECASE,
)
WORDS_MAX = 25

_CODE = re.compile(r"`[^`]*`|<[^>]*>|\[[^\]]*\]\([^)]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n|\n\s*[-*] ")


def begins_wrongly(line: str) -> bool:
    """Return whether a line begins with a word that leaves its subject open."""
    return re.split(r"\W+", line, maxsplit=1)[0].lower() in FORBIDDEN_FIRST


def has_dialect(text: str) -> bool:
    """Return whether a text has a word that another reader would not know in this sense."""
    return DIALECT.search(_CODE.sub("", text)) is not None


def long_sentences(text: str) -> Iterator[str]:
    """Yield the sentences that are too long. A piece of code counts as one word."""
    for sentence in _SENTENCE_END.split(_CODE.sub("CODE", text)):
        if len(sentence.split()) > WORDS_MAX:
            yield sentence


def breaches(text: str) -> list[str]:
    """Return what is wrong with a text, in words."""
    found = []
    if begins_wrongly(text):
        found.append("first word")
    if (dialect := DIALECT.search(text)) is not None:
        found.append(dialect[0])
    found += [f"long: {sentence}" for sentence in long_sentences(text)]
    return found
