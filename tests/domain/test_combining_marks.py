"""Texts with many combining marks in a row cost little to normalise."""

import inspect
import sys
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.anchoring.normalise import Folded
from rostra.combining_marks import MARKS_IN_A_ROW_MAX, cut_marks, has_too_many_marks
from rostra.content_rules import normalise_words
from rostra.resource_urls import canonical_resource
from rostra_adapters.application.queries.word_search import fold_case

CHARACTERS = 8_000
HALF = CHARACTERS // 2
PLAIN = "é" * CHARACTERS
UNORDERED = "\u0344" * HALF + "\u0316" * HALF
"""Marks whose canonical order is the reverse."""
TEXTS = {
    "of one letter": "a" + UNORDERED,
    "of no letter": UNORDERED,
    "of many letters": ("a" + "\u0344" * 400 + "\u0316" * 400) * 10,
    "of half width": "a" + "\u0301" * HALF + "\uff9e" * HALF,
    "with invisible characters": "a" + "\u0344\u200b" * HALF + "\u0316\u200b" * HALF,
    "with omitted letters": "ب"
    + ("\u0344" * 30 + "\u0640") * 130
    + ("\u0316" * 30 + "\u0640") * 130,
}
TIMES_PLAIN_MAX = 8


def _name_resource(text: str) -> str:
    """Return the canonical form of a URL, without the cache."""
    named: str = inspect.unwrap(canonical_resource)(f"https://a.example/{text}")
    return named


def _seconds(normalise: Callable[[str], object], text: str) -> float:
    """Return the processor time of a normal form: the least of several."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        normalise(text)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("normalise", [Folded, normalise_words, fold_case, _name_resource])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_marks_cost_little_more_than_plain_text(
    normalise: Callable[[str], object], text: str
) -> None:
    plain = max(_seconds(normalise, PLAIN), 2e-3)
    assert _seconds(normalise, text) < TIMES_PLAIN_MAX * plain


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a" + "\u0301" * 31 + "b", "a" + "\u0301" * 30 + "b"),
        ("\u0301" * 31, "\u0301" * 30),
        ("a" + "\u0301" * 30 + "é" + "\u0316" * 30, "a" + "\u0301" * 30 + "é" + "\u0316" * 30),
        ("😀" * 40, "😀" * 40),
        ("-" * 40 + "\u0301" * 40, "-" * 40 + "\u0301" * 30),
    ],
)
def test_marks_beyond_thirty_in_a_row_are_dropped(text: str, cut: str) -> None:
    assert cut_marks(text) == cut
    assert has_too_many_marks(text) == (text != cut)


def test_every_character_that_is_put_in_order_counts_as_a_mark() -> None:
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    ordered = [it for it in letters if unicodedata.combining(unicodedata.normalize("NFKD", it)[0])]
    assert len(ordered) > 800
    for letter in ordered:
        assert cut_marks(letter * 31) == letter * MARKS_IN_A_ROW_MAX


@given(st.text(st.sampled_from("e\u0301\u0344\u0316\uff9e/&é"), max_size=20), st.integers(1, 40))
def test_a_url_with_many_marks_has_one_form(text: str, times: int) -> None:
    marks = "\u0344\u0316" * times
    named = canonical_resource(f"https://a.example/{text}{marks}?q={text * times}")
    assert canonical_resource(named) == named


def test_letters_of_hangul_are_composed_however_many_are_in_a_row() -> None:
    syllables = "한국각" * 40
    assert Folded(unicodedata.normalize("NFD", syllables)).text == syllables
