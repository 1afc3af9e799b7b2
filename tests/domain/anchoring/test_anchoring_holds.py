"""What holds of anchoring whatever the text and its edits: properties, and work."""

import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bench import anchoring as bench
from rostra.anchoring import search as anchoring
from rostra.anchoring.matching import Grams, distance
from rostra.anchoring.normalise import Folded
from rostra.anchoring.search import (
    APPROXIMATE_CHARACTERS_MIN,
    CHARACTERS_PER_ERROR,
    SCORE_MIN,
    SHORT_CHANGED_SHARE_MAX,
    Anchored,
    AnchorResult,
    LastPlace,
    Mark,
    Orphaned,
    Quote,
    anchor,
    anchor_all,
    describe,
    last_place,
)
from support.drafts import Draft, Span
from support.matches import approximate_matches

LETTERS = st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("😀אلé")
WORDS = st.text(LETTERS, min_size=1, max_size=9).map(lambda word: "".join(word.split()) or "o")
LIKE_TEXTS = st.text(st.sampled_from("ab \n😀"), max_size=60)


@st.composite
def articles(draw: st.DrawFn) -> tuple[str, Span]:
    """Words of which no two are the same, and a stretch of some of them."""
    words = draw(st.lists(WORDS, min_size=12, max_size=40))
    numbered = [f"{number}{word}{number}" for number, word in enumerate(words, start=10)]
    first = draw(st.integers(0, len(words) - 1))
    last = draw(st.integers(first, min(first + 8, len(words) - 1)))
    start = len(" ".join([*numbered[:first], ""]))
    return " ".join(numbered), (start, start + len(" ".join(numbered[first : last + 1])))


@given(articles(), st.data())
def test_an_edit_of_other_words_leaves_a_passage_its_words(
    article: tuple[str, Span], data: st.DataObject
) -> None:
    text, (start, end) = article
    outside = st.integers(0, start) | st.integers(end, len(text))
    begin = data.draw(outside)
    done = data.draw(st.integers(begin, start if begin <= start else len(text)))
    put = data.draw(st.sampled_from(["", " ", "\n\n"]) | WORDS)
    revised = text[:begin] + put + text[done:]
    shift = len(revised) - len(text) if begin <= start and done <= start else 0
    outcome = anchor(revised, describe(text, start, end), last_place(text, start, end))
    assert isinstance(outcome, Anchored)
    assert (outcome.start, outcome.end) == (start + shift, end + shift)
    assert outcome.exact


@given(articles(), WORDS)
@example((" ".join(f"{it}0000{it}" for it in range(10, 23)), (54, 62)), "0000")
def test_deleted_words_are_an_orphan_until_they_are_put_back(
    article: tuple[str, Span], other: str
) -> None:
    text, (start, end) = article
    assume(_are_unlike(text[start:end], other))
    quote, last = describe(text, start, end), last_place(text, start, end)
    for put in ("", other):
        assert anchor(text[:start] + put + text[end:], quote, last) == Orphaned()
    assert anchor(text, quote, last) == Anchored(start, end, 1.0, exact=True)
    moved = anchor(f"{other} {text}", quote, last)
    assert isinstance(moved, Anchored)
    assert moved.start == start + len(other) + 1


def _are_unlike(words: str, others: str) -> bool:
    """Return whether more than half of the letters differ: the others are no new wording."""
    quote = Folded(words).text
    return distance(quote, Folded(others).text) > len(quote) * SHORT_CHANGED_SHARE_MAX


@given(LIKE_TEXTS, LIKE_TEXTS, st.data())
def test_no_passage_is_ever_on_words_unlike_its_own(
    text: str, revised: str, data: st.DataObject
) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    quote = describe(text, start, end)
    outcome = anchor(revised, quote, last_place(text, start, end))
    if isinstance(outcome, Anchored):
        assert 0 <= outcome.start <= outcome.end <= len(revised)
        assert SCORE_MIN <= outcome.score <= 1
        here, there = (Folded(words).text for words in (quote.exact, revised[outcome.start :]))
        errors_max = len(here) // CHARACTERS_PER_ERROR
        if outcome.exact or len(here) < APPROXIMATE_CHARACTERS_MIN:
            assert there.startswith(here.strip()) or here in f" {there}"
        else:
            actual = Folded(revised[outcome.start : outcome.end]).text
            assert (
                min(match.errors for match in approximate_matches(actual, here, 99)) <= errors_max
            )


@given(LIKE_TEXTS, LIKE_TEXTS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_all_at_once_is_the_same_as_one_by_one(text: str, revised: str, ends: list[Span]) -> None:
    spans = [(min(span), max(span)) for span in ends]
    marks = [Mark(describe(text, *span), last_place(text, *span)) for span in spans]
    one_by_one = [anchor(revised, mark.quote, mark.last) for mark in marks]
    assert anchor_all(revised, marks) == one_by_one == anchor_all(revised, marks)


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_is_text_is_too_strange(
    text: str, exact: str, prefix: str, suffix: str
) -> None:
    anchor(text, Quote(exact, prefix, suffix), LastPlace(len(prefix), suffix, prefix))
    anchor(text + prefix + exact + suffix, Quote(exact, prefix, suffix))


@given(st.text(st.sampled_from("abc "), min_size=60, max_size=200), st.randoms(), st.data())
def test_no_match_is_outside_the_regions_that_are_searched(
    text: str, chance: random.Random, data: st.DataObject
) -> None:
    length = data.draw(st.integers(APPROXIMATE_CHARACTERS_MIN, 60))
    start = data.draw(st.integers(0, len(text) - length))
    pattern = text[start : start + length]
    for _ in range(data.draw(st.integers(0, length // CHARACTERS_PER_ERROR))):
        at = chance.randrange(length)
        pattern = pattern[:at] + chance.choice(["", "x", "xy"]) + pattern[at + 1 :]
    if len(pattern) < APPROXIMATE_CHARACTERS_MIN:
        return
    errors_max = len(pattern) // CHARACTERS_PER_ERROR
    regions, _ = Grams(text, [(pattern, errors_max)]).regions(pattern, errors_max, near=0)
    for match in approximate_matches(text, pattern, errors_max):
        assert any(begin <= match.start and match.end <= end for begin, end in regions)


# -- a thousand edits in a row


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_edits_in_a_row_lose_nothing(seed: int) -> None:
    chance = random.Random(seed)
    draft = Draft(chance, words=600, passages=12)
    text, spans = draft.text, draft.spans()
    quotes = [describe(text, *span) for span in spans]
    for _ in range(1_000):
        last = [last_place(text, *span) for span in spans]
        marks = [Mark(quote, before) for quote, before in zip(quotes, last, strict=True)]
        draft.edit()
        text, spans = draft.text, draft.spans()
        assert places(anchor_all(text, marks)) == spans
        cut = chance.randrange(len(spans))
        without = text[: spans[cut][0]] + text[spans[cut][1] :]
        assert [at for at, place in enumerate(places(anchor_all(without, marks))) if not place] == [
            cut
        ]
        assert places(anchor_all(text, marks)) == spans


def places(outcomes: list[AnchorResult]) -> list[Span | None]:
    return [
        (outcome.start, outcome.end) if isinstance(outcome, Anchored) else None
        for outcome in outcomes
    ]


# -- work; how long it takes is measured by infra/bench/anchoring.py


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("edit", [bench.misspelt, bench.deleted])
def test_a_million_characters_and_500_passages_take_a_sixth_of_the_work_that_may_be_done(
    edit: bench.Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    text = bench.article(chance, 1_000_000)
    spans = bench.stretches(chance, text, 500)
    marks = [bench.marked(text, span) for span in spans]
    revised = bench.edited(text, spans, chance, edit)
    outcomes = anchor_all(revised, marks)
    monkeypatch.setattr(anchoring, "WORK_MAX", anchoring.WORK_MAX // 6)
    assert anchor_all(revised, marks) == outcomes
