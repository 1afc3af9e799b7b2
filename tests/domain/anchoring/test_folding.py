"""The form in which texts are compared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.anchoring.normalise import Folded

LETTERS = st.sampled_from("aeé \n\t\u00a0\u00ad\u200b\u0301\u0323한\u1112\u1161\u11ab😀א")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("one  two\n\n three\u00a0four", "one two three four"),
        ("co\u00adop\u200berate", "cooperate"),
        ("a \u00ad b", "a b"),
        ("cafe\u0301 caf\u00e9", "caf\u00e9 caf\u00e9"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"),
        ("x\u0302", "x\u0302"),
        ("  a  ", " a "),
        ("“It’s” ‘so’ „x“ ´y` ″z′", "\"It's\" 'so' \"x\" 'y' \"z'"),
        ("a–b—c--d---e‐f − g", "a-b-c-d-e-f - g"),
        ("wait… ﬁne ｆｕｌｌ １２ x² ㎏", "wait... fine full 12 x2 kg"),
        ("a\u200cb\u200dc\u200ed\u200fe\ufe0ff\U000e0101", "abcdef"),
        ("中文 abc 中文 12 中", "中文abc中文12中"),
        ("中 文 한국 abc", "中 文 한국 abc"),
        ("¨ ¯", "¨ ¯"),
    ],
)
def test_texts_of_the_same_words_are_the_same(text: str, folded: str) -> None:
    assert Folded(text).text == folded


def test_a_stretch_is_found_in_the_original_again() -> None:
    text = "One  two\u00ad three\n\n  e\u0301te\u0301 five"
    folded = Folded(text)
    for words in ("One", "two", "three", "five"):
        start = folded.text.index(words)
        first, last = folded.original_range(start, start + len(words))
        assert text[first:last] == words
        assert folded.folded_offset(first) == start
    start = folded.text.index("\u00e9t\u00e9")
    first, last = folded.original_range(start, start + 3)
    assert text[first:last] == "e\u0301te\u0301"


@given(st.text(LETTERS, max_size=40))
def test_offsets_never_go_back_and_never_leave_the_text(text: str) -> None:
    folded = Folded(text)
    starts = [folded.original_range(at, at)[0] for at in range(len(folded.text) + 1)]
    assert starts == sorted(starts)
    assert all(0 <= start <= len(text) for start in starts)
    back = [folded.folded_offset(at) for at in range(len(text) + 1)]
    assert back == sorted(back)
    assert all(0 <= at <= len(folded.text) for at in back)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_composed_and_decomposed_latin_letters_are_the_same(text: str) -> None:
    latin = "".join(letter for letter in text if letter < "\u0250")
    composed, decomposed = (unicodedata.normalize(form, latin) for form in ("NFC", "NFD"))
    assert Folded(composed).text == Folded(decomposed).text
