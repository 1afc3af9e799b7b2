"""Texts that repeat themselves, and quotes made to take long: what is done for them is bounded,
the same every time, and no passage is taken for another.
"""

import random

import pytest

from bench import anchoring as bench
from rostra.anchoring import search as anchoring
from rostra.anchoring.search import Anchored, LastPlace, Mark, Orphaned, Quote, anchor, anchor_all
from rostra.limits import QUOTE_CHARACTERS_MAX

CHARACTERS, PASSAGES = 1_000_000, 500
SECONDS_MAX = 60
"""Whoever takes longer hangs, on the slowest machine. Where the bound is reached it is some 10 on
a middling one; most take 1 or 2."""

LONG = QUOTE_CHARACTERS_MAX
UNLIKE = "b" * 32


def spread(exact: str) -> list[Mark]:
    places = range(0, CHARACTERS, CHARACTERS // PASSAGES)
    return [Mark(Quote(exact, UNLIKE, UNLIKE), LastPlace(at, UNLIKE, UNLIKE)) for at in places]


def of_letters(letters: str, seed: int, count: int) -> str:
    return "".join(random.Random(seed).choices(letters, k=count))


HOSTILE = {
    "a letter": ("a" * CHARACTERS, spread("a" * 60 + "b" * 7 + "a" * 60)),
    "a letter, long quotes": (
        "a" * CHARACTERS,
        spread("a" * (LONG // 2) + "b" * 500 + "a" * (LONG // 2 - 500)),
    ),
    "a letter, long exact quotes": ("a" * CHARACTERS, spread("a" * LONG)),
    "a period": (
        "ab" * (CHARACTERS // 2),
        spread("ab" * 2_500 + "c" * 500 + "ab" * 2_250),
    ),
    "lines": (
        ("a" * 999 + "b") * (CHARACTERS // 1_000),
        spread("a" * 500 + "c" + "a" * 498),
    ),
    "two letters": (
        of_letters("ab", 1, CHARACTERS),
        [
            Mark(Quote(of_letters("ab", seed, 100), UNLIKE, UNLIKE), LastPlace(seed * 2_000))
            for seed in range(PASSAGES)
        ],
    ),
    "rows": (
        "".join(f"Open on {at}: from nine in the morning to five. " for at in range(21_000)),
        [
            Mark(
                Quote(f"Open an {at}: from nine in the morning to six. ", UNLIKE, UNLIKE),
                LastPlace(at * 45),
            )
            for at in range(PASSAGES)
        ],
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_long(name: str) -> None:
    text, marks = HOSTILE[name]
    seconds, outcomes = bench.timed(text, marks)
    assert seconds < SECONDS_MAX
    assert len(outcomes) == PASSAGES


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_500_quotes_of_10_000_letters_with_an_error_in_eleven_are_all_found() -> None:
    text = bench.article(random.Random(4), CHARACTERS)
    spans = [(at * 1_900, at * 1_900 + LONG) for at in range(PASSAGES)]
    marks = [bench.marked(text, span) for span in spans]
    revised = "".join("Q" if at % 11 == 3 else letter for at, letter in enumerate(text))
    seconds, outcomes = bench.timed(revised, marks)
    assert seconds < SECONDS_MAX
    assert [(it.start, it.end) for it in outcomes if isinstance(it, Anchored)] == spans


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("letters", [12, 40, 1_500])
def test_passages_that_were_all_changed_are_found(letters: int) -> None:
    """As many errors as may be, in every one of them."""
    chance = random.Random(letters)
    text = bench.article(chance, CHARACTERS)
    room = CHARACTERS // PASSAGES
    spans = [(at * room + 100, at * room + 100 + letters) for at in range(PASSAGES)]
    marks = [bench.marked(text, span) for span in spans]
    revised = bench.edited(text, spans, chance, scattered)
    seconds, outcomes = bench.timed(revised, marks)
    found = [(it.start, it.end) if isinstance(it, Anchored) else None for it in outcomes]
    # In a text of so few words some stretches stand twice, with their context.
    assert sum(one == other for one, other in zip(found, spans, strict=True)) > 0.9 * PASSAGES
    assert seconds < SECONDS_MAX


def scattered(_chance: random.Random, words: str) -> str:
    return "".join("Q" if at % 11 == 5 else letter for at, letter in enumerate(words))


# -- the bound


def test_what_is_left_when_the_work_is_done_is_looked_for_word_for_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = bench.article(random.Random(2), 20_000)
    spans = bench.stretches(random.Random(3), text, 20)
    spans = [(start, start + 40) for start, _ in spans]
    marks = [bench.marked(text, span) for span in spans]
    revised = bench.edited(text, spans[:10], random.Random(4), scattered)
    assert all(isinstance(it, Anchored) for it in anchor_all(revised, marks))
    monkeypatch.setattr(anchoring, "WORK_MAX", 1)
    few = anchor_all(revised, marks)
    assert few == anchor_all(revised, marks)
    assert [isinstance(it, Anchored) for it in few] == [True, *[False] * 9, *[True] * 10]


# -- no passage is taken for another


def test_of_rows_nearly_alike_the_one_with_more_errors_but_its_own_place_is_found() -> None:
    rows = [f"{at}. Doors open from nine in the morning until five, bar {at}. " for at in range(30)]
    text = "".join(rows)
    start = len("".join(rows[:17])) + len("17. ")
    span = (start, start + len("Doors open from nine in the morning until five"))
    mark = bench.marked(text, span)
    changed = rows[17].replace("nine", "nyne").replace("five", "fyve").replace("Doors", "Door")
    others = [row.replace("nine", "none") for row in rows]
    revised = "".join([*others[:17], changed, *others[18:]])
    outcome = anchor(revised, mark.quote, mark.last)
    assert isinstance(outcome, Anchored)
    assert revised[outcome.start : outcome.end].startswith("Door open from nyne")


@pytest.mark.parametrize(
    ("text", "words", "put"),
    [
        ("It is the shorter one that comes first here.", "the", "something altogether"),
        ("They all went from left to right, slowly.", "to", "and something altogether"),
        ("In this case, an error is raised. The object is asked.", "is", ""),
    ],
)
def test_a_word_is_not_found_inside_another(text: str, words: str, put: str) -> None:
    start = text.index(f" {words} ") + 1
    mark = bench.marked(text, (start, start + len(words)))
    revised = text[:start] + put + text[start + len(words) :]
    outcome = anchor(revised, mark.quote, mark.last)
    assert outcome == Orphaned() or not inside_a_word(revised, outcome)


def inside_a_word(text: str, outcome: Anchored | Orphaned) -> bool:
    assert isinstance(outcome, Anchored)
    borders = (text[outcome.start - 1 : outcome.start + 1], text[outcome.end - 1 : outcome.end + 1])
    return any(border.isalnum() for border in borders)


def test_a_word_that_is_made_longer_keeps_its_passage() -> None:
    text = "The ferry left the harbour at dawn, loaded with timber and mail."
    for words, revised in (
        ("timber", text.replace("timber", "timbers")),
        ("harbour", text.replace("harbour", "harbourside")),
        ("timber", text.replace("timber", "softtimber")),
    ):
        start = text.index(words)
        mark = bench.marked(text, (start, start + len(words)))
        outcome = anchor(revised, mark.quote, mark.last)
        assert isinstance(outcome, Anchored)
        assert revised[outcome.start : outcome.end] == words


def test_words_deleted_from_an_article_are_orphans_though_others_like_them_stand_elsewhere() -> (
    None
):
    """The same words in another sentence, and another sentence with nearly the same words."""
    text = (
        "The council meets on Mondays. It decided to close the old bridge for the winter. "
        "Some walkers complained. In spring the old bridge was painted, and the ferries ran. "
        "It decided to open the new bridge for the summer. Nobody was surprised by that."
    )
    for words in (
        "close the old bridge for the winter",
        "It decided to close the old bridge for the winter.",
        "the old bridge for the winter",
        "walkers",
    ):
        start = text.index(words)
        mark = bench.marked(text, (start, start + len(words)))
        for put in ("", "something else"):
            revised = text[:start] + put + text[start + len(words) :]
            assert anchor(revised, mark.quote, mark.last) == Orphaned(), words
        back = anchor(text, mark.quote, mark.last)
        assert isinstance(back, Anchored)
        assert back.start == start
