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

DIALECT_OF_NAMES = {
    *("stand", "stands", "standing", "told", "tell", "tells", "hear", "heard"),
    *("take", "takes", "taken", "come", "comes", "came", "keep", "keeps", "kept"),
    *("aside", "rest", "together", "lasting", "whoever"),
}
_IRREGULAR = {
    *("begun", "bound", "broken", "built", "chosen", "done", "drawn", "forgotten", "found"),
    *("given", "gone", "held", "hidden", "kept", "known", "left", "lost", "made", "meant"),
    *("seen", "sent", "shown", "spent", "taken", "told", "understood", "withdrawn", "written"),
}
_NOUNS = {"bed", "embed", "feed", "seed", "speed"}
# A participle after one of these is what the function acts on, or part of a question.
_VERBS = {
    "is",
    "on",
    "are",
    "was",
    "has",
    "may",
    "can",
    "must",
    "drop",
    "raise",
    "read",
    "set",
    "to",
}

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


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)]


def has_dialect_name(name: str) -> bool:
    """Return whether a name has a word that another reader would not know in this sense."""
    return not DIALECT_OF_NAMES.isdisjoint(_words(name))


def is_participle(name: str) -> bool:
    """Return whether a function's name says what has been done, and not what it does."""
    *before, last = _words(name)
    if before and before[0] in _VERBS:
        return False
    return last in _IRREGULAR or (last.endswith("ed") and last not in _NOUNS)
