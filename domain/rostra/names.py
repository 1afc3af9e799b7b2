"""Names and ids that persons are known by, and which characters readers see.

Names that persons give are checked (`given_name`); names in published events are cleaned
(`cleaned_name`), because a publisher cannot ask the author for another one.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

from rostra.limits import NAME_CHARACTERS_MAX

GUEST = "guest:"
"""Prefix of every guest's id."""
OUR_IDS = (GUEST, "rostra:")
"""Prefixes of ids that only Rostra gives out."""
PLACEHOLDER = "?"
"""Shown in place of a published name of which nothing is left."""
MARKS_MAX = 3
"""Stacked marks in a row. Vietnamese and polytonic Greek need three; spacing marks (Mc), of which
Burmese has more, take room of their own and do not count."""

# Default_Ignorable_Code_Point of Unicode, and what is blank besides: interlinear annotation marks,
# the empty braille cell, the null notehead.
_INVISIBLE_CLASS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_CLASS}]")
_MAYBE_VISIBLE = re.compile(rf"[^\s{_INVISIBLE_CLASS}]")
_QUICKLY_VISIBLE = re.compile("[!-~]")
_JOINERS = "\u200c\u200d"
_EMOJI_SELECTORS = "\ufe0e\ufe0f"
_BREAKS = ("Cc", "Zl", "Zp", "Cs")
_ALPHABETS = ("LATIN", "GREEK", "CYRILLIC")
_STYLED_CAPITAL = re.compile(
    "(?:LATIN LETTER SMALL CAPITAL|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER"
    "|REGIONAL INDICATOR SYMBOL LETTER) ([A-Z])"
)
LETTERS_KEPT_MAX = 4_096
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Mn", "Mc", "Me", "Zs", "Zl", "Zp"))


def is_guest(person: str) -> bool:
    """Return whether an id is a guest's."""
    return person.startswith(GUEST)


def has_visible(text: str) -> bool:
    """Return whether a reader sees anything of a text.

    White space, control and format characters, fillers, and marks without a letter are not seen.
    """
    if _QUICKLY_VISIBLE.search(text):
        return True
    return any(
        unicodedata.category(found[0]) not in _UNSEEN and not _is_no_character(ord(found[0]))
        for found in _MAYBE_VISIBLE.finditer(text)
    )


def _is_no_character(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def given_name(name: str) -> str:
    """Return a person's name as it is kept: NFC, blanks joined.

    Raises ValueError, whose text says what does not fit.
    """
    composed = unicodedata.normalize("NFC", name)
    if any(unicodedata.category(letter) in _BREAKS for letter in composed):
        raise ValueError("`name` must not hold control characters or line breaks")
    joined = " ".join(composed.split())
    if any(not _may_stay(joined, at) for at in _unseen_places(joined)):
        raise ValueError("`name` must not hold invisible characters")
    if not has_visible(joined):
        raise ValueError("`name` must not be blank")
    if _marks_cut(joined) != joined:
        raise ValueError(f"`name` must not hold more than {MARKS_MAX} combining marks in a row")
    if len(joined) > NAME_CHARACTERS_MAX:
        raise ValueError(f"`name` is longer than {NAME_CHARACTERS_MAX} characters in NFC")
    return joined


def cleaned_name(name: str) -> str:
    """Return a published name without what `given_name` would refuse.

    Cleaning twice changes nothing. A name of which nothing is left becomes `PLACEHOLDER`.
    """
    if _is_clean(name):
        return name
    while True:
        cleaned = _cleaned_once(name)
        if cleaned == name:
            break
        name = cleaned
    return name if has_visible(name) else PLACEHOLDER


def _is_clean(name: str) -> bool:
    """Return True if a name is certainly clean. False means that the full check must decide."""
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        return False
    if "  " in name or name.strip() != name:
        return False
    return name.isascii() or (
        _INVISIBLE.search(name) is None
        and unicodedata.is_normalized("NFC", name)
        and _marks_cut(name) == name
        and has_visible(name)
    )


def _cleaned_once(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    spaced = " ".join(composed.split())
    seen = "".join(letter for letter in spaced if unicodedata.category(letter) not in _BREAKS)
    unseen = {at for at in _unseen_places(seen) if not _may_stay(seen, at)}
    shown = "".join(letter for at, letter in enumerate(seen) if at not in unseen)
    return _marks_cut(shown)[:NAME_CHARACTERS_MAX]


def _unseen_places(name: str) -> Iterator[int]:
    """Yield the offsets of invisible and of format characters."""
    for at, letter in enumerate(name):
        if _INVISIBLE.match(letter) or unicodedata.category(letter) == "Cf":
            yield at


def _may_stay(name: str, at: int) -> bool:
    """Return whether an invisible character changes how its neighbours are written.

    A joiner does by the rules of RFC 5892, appendix A; an emoji selector does after a symbol.
    """
    if name[at] in _EMOJI_SELECTORS:
        return at > 0 and unicodedata.category(name[at - 1]) in ("So", "Sm")
    if name[at] not in _JOINERS:
        return False
    from idna.core import valid_contextj  # its tables are large, and joiners are rare

    try:
        return valid_contextj(name, at)
    except ValueError:  # beside a character that Unicode does not know yet
        return False


def _marks_cut(name: str) -> str:
    """Drop each stacked mark (Mn, Me) beyond `MARKS_MAX` on one letter, itself taken apart."""
    kept, run = [], 0
    apart = unicodedata.normalize("NFD", name)
    for letter in apart:
        run = run + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if run <= MARKS_MAX:
            kept.append(letter)
    return name if len(kept) == len(apart) else unicodedata.normalize("NFC", "".join(kept))


def without_invisible(text: str) -> str:
    """Return a text without characters that nobody sees."""
    if text.isascii():
        return text
    return "".join(
        letter
        for letter in _INVISIBLE.sub("", text)
        if unicodedata.category(letter) not in ("Cf", "Cs")
    )


# -- names that look alike


def latin_look_alikes(word: str) -> str:
    """Return a word in which letters that look like Latin ones are Latin.

    A word without any Latin letter stays as it is: it is a word of another script.
    """
    if word.isascii() or not any("a" <= letter <= "z" for letter in word):
        return word
    prototypes = _prototypes()
    return "".join(
        like if len(like := prototypes.get(letter, letter)) == 1 and like.isascii() else letter
        for letter in word
    ).casefold()


def is_reserved(name: str, reserved: tuple[str, ...]) -> bool:
    """Return whether a name looks like a reserved one, in upper case, lower case or as given."""
    return bool(reserved) and not _reserved_forms(reserved).isdisjoint(_forms(name))


@lru_cache(64)
def _reserved_forms(reserved: tuple[str, ...]) -> frozenset[str]:
    return frozenset(form for name in reserved for form in _forms(name))


def _forms(name: str) -> set[str]:
    """Return the skeletons of a name in each case: `EDlTOR` looks like `EDITOR`, that is `Editor`.

    Letters of full width and the like are compared as plain ones too: Unicode's table lacks some.
    """
    return {
        skeleton(" ".join(form.split()))
        for one in (name, unicodedata.normalize("NFKC", name))
        for cased in (one, one.casefold(), one.upper())
        for form in (cased, plain_letters(cased))
    }


def plain_letters(text: str) -> str:
    """Replace styled capitals by plain ones, and drop marks that no letter is written with.

    A mark that stays apart in NFC hardly shows on a letter: the dot of an `i` is there already.
    """
    if text.isascii():
        return text
    plain: list[str] = []
    is_on_letter = False
    for letter in unicodedata.normalize("NFC", text):
        if letter.isascii():
            is_on_letter = letter.isalpha()
        elif unicodedata.category(letter) in ("Mn", "Me"):
            if is_on_letter:
                continue
        else:
            is_on_letter, styled = _alphabetic(letter)
            if styled is not None:
                plain.append(styled)
                is_on_letter = True
                continue
        plain.append(letter)
    return "".join(plain)


@lru_cache(LETTERS_KEPT_MAX)
def _alphabetic(letter: str) -> tuple[bool, str | None]:
    """Return whether a letter is one of an alphabet, and the capital that it is a style of."""
    name = unicodedata.name(letter, "")
    styled = _STYLED_CAPITAL.fullmatch(name)
    return name.startswith(_ALPHABETS), None if styled is None else styled[1]


def skeleton(text: str) -> str:
    """Return the form that texts share which look alike (UTS 39, section 4).

    Composed letters are mapped too, before they are taken apart: Unicode's table has some.
    """
    prototypes = _prototypes()
    seen = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    for _ in range(2):
        mapped = "".join(prototypes.get(letter, letter) for letter in seen)
        seen = unicodedata.normalize("NFD", mapped)
    return seen


@lru_cache(1)
def _prototypes() -> dict[str, str]:
    """Return the prototype of each letter that has one.

    The library keeps Unicode's `confusables.txt` as pairs without a direction. Each letter there
    has one prototype, which has none itself, so the prototype is the one with the most partners,
    or that of several letters.
    """
    from confusable_homoglyphs.confusables import confusables_data  # 1 MB of JSON

    partners: dict[str, set[str]] = {}
    for letter, others in confusables_data.items():
        partners.setdefault(_unmarked(letter), set()).update(_unmarked(one["c"]) for one in others)
    direct = {}
    for letter, others in partners.items():
        if len(letter) != 1 or len(others) != 1:
            continue  # a prototype
        (other,) = others
        if (len(partners.get(other, ())), len(other), other) > (1, 1, letter):
            direct[letter] = other
    return {letter: _mapped_out(prototype, direct) for letter, prototype in direct.items()}


def _mapped_out(text: str, direct: Mapping[str, str]) -> str:
    """Replace letters by their prototypes until nothing changes.

    A prototype may have a prototype itself.
    """
    text = unicodedata.normalize("NFD", text)
    while (mapped := "".join(direct.get(letter, letter) for letter in text)) != text:
        text = mapped
    return text


def _unmarked(text: str) -> str:
    """Drop the marks by which the file shows right-to-left letters."""
    return text.replace("\u200e", "")
