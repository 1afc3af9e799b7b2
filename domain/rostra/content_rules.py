"""Rules of a site about the words of new comments: hold them, or reject them.

Rules are read in order, and the first that fits decides. Words and patterns are compared with the
text that readers see. A site's rules are compiled once; every comparison takes linear time.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import re2

from rostra.combining_marks import compatible_form
from rostra.limits import (
    LETTERS_COMPARED_MIN,
    RULE_PATTERN_BYTES_MAX,
    RULE_PROGRAM_MAX,
    RULE_WORD_PARTS_MAX,
)
from rostra.names import latin_look_alikes, plain_letters, without_invisible
from rostra.settings import ContentRule, RuleConditions

COMPILED_SITES_MAX = 64

_PARTS = re2.compile(rb"[\p{L}\p{M}\p{N}]+")
_MARK = re2.compile(rb"\p{M}")
_PARTS_WITHOUT_MARKS = re.compile(r"[^\W_]+")
"""Finds letters and numbers many times as fast."""
_OMITTED = re.compile(
    "[\u0640\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"
)
"""Vowel signs and the stretching stroke: a word is the same without them."""
_WITHOUT_BORDERS = re2.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)
"""Scripts that are written without blanks between words."""


class ShownBody(msgspec.Struct, frozen=True, tag=True):
    """Parts of a comment's body as readers see them."""

    text: str
    """Visible text. The targets of links follow, each in a line of its own."""
    links: int
    """Number of links."""


class Writer(msgspec.Struct, frozen=True):
    """Facts about the author of a comment."""

    is_guest: bool
    is_trusted: bool


class Verdict(msgspec.Struct, frozen=True):
    """A rule that fits a comment, and its name."""

    rule: ContentRule
    name: str


class CompiledRules:
    """The rules of a site, prepared for many comments."""

    def __init__(self, rules: Sequence[ContentRule]) -> None:
        self._rules = [(rule, _Words(rule.when.words), _pattern(rule)) for rule in rules]

    @property
    def needs_text(self) -> bool:
        """Return whether a rule looks at the words of a comment."""
        return any(_reads_text(rule) for rule, _, __ in self._rules)

    def verdict(self, body: ShownBody, writer: Writer) -> Verdict | None:
        """Return the first rule that fits, None if none does."""
        text = _Text(body.text)
        for number, (rule, words, pattern) in enumerate(self._rules, start=1):
            when = rule.when
            if (
                when.guest in (None, writer.is_guest)
                and when.first in (None, not writer.is_trusted)
                and (when.links_min is None or body.links >= when.links_min)
                and (not when.words or words.are_in(text))
                and (pattern is None or pattern.search(text.bytes) is not None)
                and (
                    when.letters_same_share is None
                    or text.letters_same_share >= when.letters_same_share
                )
            ):
                return Verdict(rule, rule_name(number, rule))
        return None


def rule_name(number: int, rule: ContentRule) -> str:
    """Return the name of a rule in events: its number in the settings, and its conditions."""
    conditions = [
        field
        for field, value in msgspec.structs.asdict(rule.when).items()
        if value not in (None, ())
    ]
    return f"{number}: {', '.join(conditions)}"


@lru_cache(COMPILED_SITES_MAX)
def compile_rules(rules: tuple[ContentRule, ...]) -> CompiledRules:
    """Return the compiled rules of a site."""
    return CompiledRules(rules)


def _reads_text(rule: ContentRule) -> bool:
    when = rule.when
    return bool(when.words) or (when.pattern, when.links_min, when.letters_same_share) != (
        None,
        None,
        None,
    )


def check_rule(rule: ContentRule) -> None:
    """Raise ValueError, whose text says why, for a rule that cannot be followed."""
    if rule.when == RuleConditions():
        raise ValueError("`when` must name a condition")
    for word in rule.when.words:
        _check_word(word)
    if rule.when.pattern is not None:
        _check_pattern(rule.when.pattern)


# -- patterns


def _check_pattern(pattern: str) -> None:
    """Raise ValueError, whose text says why, for a pattern that is invalid or too large."""
    given = pattern.encode()
    if len(given) > RULE_PATTERN_BYTES_MAX:
        raise ValueError(f"`pattern` must have at most {RULE_PATTERN_BYTES_MAX} bytes of UTF-8")
    try:
        program = _compile(pattern)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "invalid"
        raise ValueError(f"`pattern` must be a regular expression of RE2: {reason}") from None
    if program.programsize > RULE_PROGRAM_MAX:
        size = f"{program.programsize} steps, and {RULE_PROGRAM_MAX} are the most"
        raise ValueError(f"`pattern` must be simpler: it compiles to {size}")


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def _pattern(rule: ContentRule) -> Any:
    return None if rule.when.pattern is None else _compile(rule.when.pattern)


# -- words


def normalise_words(text: str) -> str:
    """Return a text as words are compared: without case, invisible characters and letter forms.

    Marks are left out that no letter is written with, and those that Arabic and Hebrew may omit.
    """
    if text.isascii():
        return text.casefold()
    folded = compatible_form(without_invisible(compatible_form(text))).casefold()
    plain = plain_letters(folded).casefold()  # styled letters have become capitals
    return compatible_form(_OMITTED.sub("", plain))


def _latin_words(text: str) -> list[str]:
    """Return the words of a text with Latin letters in place of those that look like them.

    Empty where no word mixes them: the text has no other form then.
    """
    words = without_invisible(text).lower().split()
    latin = [latin_look_alikes(word) for word in words]
    return [] if latin == words else _parts(normalise_words(" ".join(latin)))


def _parts(text: str) -> list[str]:
    """Return the words of a text: runs of letters, marks and numbers."""
    if text.isascii() or _MARK.search(given := text.encode()) is None:
        return _PARTS_WITHOUT_MARKS.findall(text)
    return [part.decode() for part in _PARTS.findall(given)]


class _Text:
    """A comment's text, in the forms that rules compare."""

    def __init__(self, text: str) -> None:
        self.bytes = text.encode()
        self.plain = normalise_words(text)
        parts = _parts(self.plain)
        self.forms = [parts]
        if text.isascii():
            return
        for form in ([latin_look_alikes(part) for part in parts], _latin_words(text)):
            if form and form not in self.forms:
                self.forms.append(form)

    @property
    def letters_same_share(self) -> float:
        """Share of the most frequent letter; 0 for a text of few letters."""
        letters = [letter for letter in self.plain if letter.isalpha()]
        if len(letters) < LETTERS_COMPARED_MIN:
            return 0.0
        return Counter(letters).most_common(1)[0][1] / len(letters)


class _Words:
    """Words and phrases, found by their parts; in scripts without borders anywhere."""

    def __init__(self, words: Sequence[str]) -> None:
        self._phrases: set[tuple[str, ...]] = set()
        self._phrase_lengths: dict[str, set[int]] = {}
        self._anywhere: set[str] = set()
        self._anywhere_lengths: dict[str, set[int]] = {}
        for word in words:
            plain = normalise_words(word)
            parts = tuple(_parts(plain))
            if not parts:
                continue
            if _WITHOUT_BORDERS.search(plain) is not None:
                self._anywhere.add(plain)
                self._anywhere_lengths.setdefault(plain[0], set()).add(len(plain))
            else:
                for form in {parts, tuple(map(latin_look_alikes, parts))}:
                    self._phrases.add(form)
                    self._phrase_lengths.setdefault(form[0], set()).add(len(form))

    def are_in(self, text: _Text) -> bool:
        """Return whether a text has one of the words."""
        if any(self._has_phrase(parts) for parts in text.forms):
            return True
        return any(found in self._anywhere for found in self._candidates(text.plain))

    def _has_phrase(self, parts: Sequence[str]) -> bool:
        lengths, phrases = self._phrase_lengths, self._phrases
        return any(
            tuple(parts[at : at + length]) in phrases
            for at, part in enumerate(parts)
            if part in lengths
            for length in lengths[part]
        )

    def _candidates(self, text: str) -> Iterator[str]:
        lengths = self._anywhere_lengths
        if not lengths:
            return
        for at, letter in enumerate(text):
            for length in lengths.get(letter, ()):
                yield text[at : at + length]


def _check_word(word: str) -> None:
    """Raise ValueError for a word that no text can have, or a phrase that is too long."""
    parts = _parts(normalise_words(word))
    if not parts:
        raise ValueError("`words` must hold letters or digits each")
    if len(parts) > RULE_WORD_PARTS_MAX:
        raise ValueError(f"`words` must hold at most {RULE_WORD_PARTS_MAX} words in a phrase")
