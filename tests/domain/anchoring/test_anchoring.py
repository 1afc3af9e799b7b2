"""Finding passages again, case by case."""

import json
import pickle
from pathlib import Path
from unicodedata import combining

import pytest

from rostra import anchoring
from rostra.anchoring.reanchor import Place, anchor_again, state
from rostra.anchoring.search import (
    SCORE_MIN,
    Anchored,
    LastPlace,
    Mark,
    Orphaned,
    Quote,
    anchor,
    anchor_all,
    describe,
    last_place,
)
from rostra.article_text import normalise, text_of_html
from rostra.limits import QUOTE_CHARACTERS_MAX

ARTICLE = (
    "The ferry left the harbour at dawn, loaded with timber and mail. Nobody on the quay waved. "
    "By noon the wind had turned, and the captain ordered the sails reefed. The passengers, "
    "nine of them, gathered below and shared what bread there was. When night came they saw "
    "a light to the north, and steered towards it until the ice stopped them."
)
WORDS = "the captain ordered the sails reefed"


def found(text: str, words: str, *, revised: str, last: bool = True) -> str | None:
    """The words that a passage marked in one text has in the next; None for an orphan."""
    start = text.index(words)
    outcome = anchor(
        revised,
        describe(text, start, start + len(words)),
        last_place(text, start, start + len(words)) if last else None,
    )
    return revised[outcome.start : outcome.end] if isinstance(outcome, Anchored) else None


# -- its words are there


def test_a_passage_that_nothing_happened_to_stays_with_the_full_score() -> None:
    start = ARTICLE.index(WORDS)
    quote, last = describe(ARTICLE, start, start + len(WORDS)), LastPlace(start)
    assert anchor(ARTICLE, quote, last) == Anchored(start, start + len(WORDS), 1.0, exact=True)


def test_a_passage_moves_with_its_words() -> None:
    revised = f"A new first paragraph. {ARTICLE}"
    start = revised.index(WORDS)
    outcome = anchor(revised, Quote(WORDS, "turned, and ", ". The"), LastPlace(0))
    assert isinstance(outcome, Anchored)
    assert (outcome.start, outcome.end, outcome.exact) == (start, start + len(WORDS), True)


def test_a_long_quote_needs_no_context() -> None:
    assert found(ARTICLE, WORDS, revised=f"Elsewhere {WORDS} again.") == WORDS


def test_a_short_quote_does_not_land_on_other_words_like_it() -> None:
    assert found(ARTICLE, "ice", revised=f"{ARTICLE.replace('ice', 'sea')} Rice is nice.") is None


def test_a_short_quote_keeps_its_place_while_one_side_of_it_stands() -> None:
    before, after = ARTICLE.split("timber")
    for revised in (f"Tins of timber{after}", f"{before}timber for Riga, in the rain."):
        assert found(ARTICLE, "timber", revised=revised) == "timber"


def test_a_quote_without_context_is_found_wherever_it_is() -> None:
    outcome = anchor(ARTICLE, Quote("harbour"))
    assert outcome == Anchored(19, 26, 1.0, exact=True)


# -- its words have changed


def test_a_word_or_two_may_change() -> None:
    changed = "the captain orders the sails reefed"
    assert found(ARTICLE, WORDS, revised=ARTICLE.replace(WORDS, changed)) == changed


def test_changed_words_are_not_called_exact() -> None:
    start = ARTICLE.index(WORDS)
    quote = describe(ARTICLE, start, start + len(WORDS))
    outcome = anchor(ARTICLE.replace("sails reefed", "sail reefed"), quote)
    assert isinstance(outcome, Anchored)
    assert not outcome.exact
    assert SCORE_MIN < outcome.score < 1


def test_more_than_one_error_in_ten_letters_is_an_orphan() -> None:
    changed = "the master told us to reef the sails"
    assert found(ARTICLE, WORDS, revised=ARTICLE.replace(WORDS, changed)) is None


def test_under_twelve_letters_nothing_may_change() -> None:
    for words, kept in (("left the ha", False), ("left the har", True)):
        revised = ARTICLE.replace("left the", "lift the")
        assert (found(ARTICLE, words, revised=revised) is not None) is kept


def test_words_like_it_elsewhere_are_not_it() -> None:
    hours = "Opening hours on {} are from nine in the morning to five in the afternoon. "
    text = (
        f"Come early. {hours.format('Monday')}Bring a form. {hours.format('Tuesday')}"
        f"Ring twice. {hours.format('Wednesday')}Good luck! {hours.format('Friday')}"
    )
    words = hours.format("Tuesday").strip()
    revised = text.replace(f"Bring a form. {words} Ring twice. ", "")
    assert found(text, words, revised=revised) is None


def test_what_stands_in_its_context_is_preferred_to_fewer_errors_elsewhere() -> None:
    edited = ARTICLE.replace("sails reefed", "sail refed")
    revised = f"{edited} So the captain ordered the sails reefe, they say."
    assert found(ARTICLE, WORDS, revised=revised) == "the captain ordered the sail refed"


def test_exact_words_far_from_their_context_do_not_beat_changed_ones_in_it() -> None:
    words = "shared what bread"
    revised = ARTICLE.replace(words, "shared what break") + " They never shared what bread costs."
    assert found(ARTICLE, words, revised=revised) == "shared what break"


def test_an_orphan_is_found_again_when_its_words_come_back() -> None:
    without = ARTICLE.replace(WORDS, "all was well")
    assert found(ARTICLE, WORDS, revised=without) is None
    assert found(ARTICLE, WORDS, revised=f"Preface. {ARTICLE}") == WORDS


# -- which of several


REFRAIN = "and so it goes"
VERSES = "".join(
    f"{line} {REFRAIN}, {rest} "
    for line, rest in (
        ("The first verse speaks of rivers and of rain,", "down to the delta and the sea."),
        ("They sang it at the harvest every year,", "until the singers left the town."),
        ("They sang it at the harvest every year,", "until the singers left the town."),
        ("They sang it at the harvest every year,", "until the singers left the town."),
        ("A fourth is whistled by the carpenters,", "over the planks and the nails."),
        ("Nobody recalls what the fifth was about,", "which does not trouble anyone."),
        ("The sixth is long, the longest of them all,", "with eleven lines on winter."),
        ("The seventh rhymes, the others never do,", "as every child will tell you."),
        ("The last one has no ending, people say,", "only a silence and a bow."),
    )
)
PLACES = [at for at in range(len(VERSES)) if VERSES.startswith(REFRAIN, at)]


@pytest.mark.parametrize("place", PLACES)
def test_a_quote_that_occurs_nine_times_is_told_apart(place: int) -> None:
    end = place + len(REFRAIN)
    quote = describe(VERSES, place, end)
    for revised, shift in (
        (VERSES, 0),
        (f"A word in front. {VERSES}", 17),
        (VERSES.replace("rivers", "river"), -1),
    ):
        outcome = anchor(revised, quote, LastPlace(place))
        assert isinstance(outcome, Anchored)
        assert (outcome.start, outcome.end) == (place + shift, end + shift)


def test_of_equal_ones_the_nearest_is_taken() -> None:
    quote = describe(VERSES, PLACES[2], PLACES[2] + len(REFRAIN))
    for last, nearest in ((0, 1), (PLACES[2] - 5, 2), (PLACES[3] + 9, 3), (len(VERSES), 3)):
        outcome = anchor(VERSES, quote, LastPlace(last))
        assert isinstance(outcome, Anchored)
        assert outcome.start == PLACES[nearest]


def test_without_a_last_place_the_first_of_equal_ones_is_taken() -> None:
    quote = describe(VERSES, PLACES[2], PLACES[2] + len(REFRAIN))
    outcome = anchor(VERSES, quote)
    assert isinstance(outcome, Anchored)
    assert outcome.start == PLACES[1]


def test_context_decides_before_nearness() -> None:
    quote = describe(VERSES, PLACES[4], PLACES[4] + len(REFRAIN))
    outcome = anchor(VERSES.replace("carpenters", "carpenter"), quote, LastPlace(PLACES[1]))
    assert isinstance(outcome, Anchored)
    assert outcome.start == PLACES[4] - 1


def test_a_common_word_is_told_apart_among_thousands() -> None:
    text = "".join(f"{number} the {number * 7919 % 10007} " for number in range(5_000))
    start = text.index(" the ", len(text) // 2) + 1
    revised = "Front matter. " * 900 + text.replace("2500", "2501")
    outcome = anchor(revised, describe(text, start, start + 3), LastPlace(start))
    assert isinstance(outcome, Anchored)
    assert revised[outcome.start - 5 : outcome.end + 9] == text[start - 5 : start + 12]


def test_passages_may_overlap() -> None:
    spans = [(4, 40), (20, 60), (20, 30)]
    marks = [Mark(describe(ARTICLE, *span), last_place(ARTICLE, *span)) for span in spans]
    outcomes = anchor_all(f"Oh. {ARTICLE}", marks)
    assert [(o.start - 4, o.end - 4) for o in outcomes if isinstance(o, Anchored)] == spans


# -- letters


SCRIPTS = {
    "emoji": "👩‍👩‍👧 came, 🇱🇻 flags, 😀 and so on; then ✊🏽 and the end of it 🎉.",
    "combining": "Cafe\u0301 no\u0308el, then a\u0323\u0302 and x\u0302 and the end of it e\u0301.",
    "right to left": "שלום עולם, هذا نص طويل قليلا and the end of it בסוף.",
    "chinese": "这是一个没有空格的句子，用来测试选择器。它应该留在原地。结束。",
    "thai": "นี่คือประโยคที่ไม่มีช่องว่าง and the end of it จบ",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_no_script_shifts_an_anchor(text: str) -> None:
    for start in range(0, len(text) - 8, 3):
        if combining(text[start]) or combining(text[start + 8]):
            continue  # half a letter
        quote = describe(text, start, start + 8)
        for revised, shift in ((text, 0), (f"😀e\u0301א {text}", 5), (f"{text}\n😀", 0)):
            outcome = anchor(revised, quote, LastPlace(start))
            assert isinstance(outcome, Anchored)
            assert (outcome.start, outcome.end) == (start + shift, start + 8 + shift)


def test_a_chinese_text_of_many_letters_is_found_with_errors() -> None:
    text = "".join(chr(0x4E00 + at * 37 % 9000) for at in range(3_000))
    changed = "".join("x" if at % 20 == 5 else letter for at, letter in enumerate(text))
    outcome = anchor(f"前言{changed}", describe(text, 500, 1_500), LastPlace(500))
    assert isinstance(outcome, Anchored)
    assert (outcome.start, outcome.end) == (502, 1_502)


def test_rare_letters_that_share_a_symbol_are_told_apart_in_the_end() -> None:
    text = "".join(chr(0x4E00 + at) for at in range(2_000))
    quote = Quote(text[:1_000])
    # The letters after the first 253 are others, but not in the quote's alphabet.
    assert anchor(text[:253] + text[253:1_000][::-1], quote) == Orphaned()


def test_line_ends_do_not_shift_an_anchor() -> None:
    unix = "One.\n\nTwo words\nhere.\n\nThree more words stand here.\n"
    start = unix.index("Three more")
    quote = describe(unix, start, start + 10)
    for revised in (unix.replace("\n", "\r\n"), unix.replace("\n", "\r")):
        outcome = anchor(normalise(revised), quote, LastPlace(start))
        assert outcome == Anchored(start, start + 10, 1.0, exact=True)


def test_white_space_is_no_word() -> None:
    text = text_of_html("<p>One two,</p><p>three four five.</p>")
    selected = Quote("two,\n\n  three\u00a0four", "One ", " five.")
    outcome = anchor(text, selected)
    assert isinstance(outcome, Anchored)
    assert outcome.exact
    assert text[outcome.start : outcome.end] == "two,\nthree four"


def test_a_composed_letter_is_the_decomposed_one() -> None:
    revised = ARTICLE.replace("ferry", "fe\u0301rry").replace("captain", "capta\u0303in")
    quote = Quote("the capt\u00e3in ordered", "turned, and ", " the sails")
    outcome = anchor(revised, quote)
    assert isinstance(outcome, Anchored)
    assert outcome.exact
    assert revised[outcome.start : outcome.end] == "the capta\u0303in ordered"


# -- descriptions


def test_a_description_has_about_32_characters_of_context_on_each_side() -> None:
    start = ARTICLE.index("noon")
    quote = describe(ARTICLE, start, start + 4)
    assert quote.prefix == "mail. Nobody on the quay waved. By "
    assert quote.suffix == " the wind had turned, and the captain"


def test_a_description_stops_where_the_text_does() -> None:
    assert describe("ab", 0, 2) == Quote("ab")
    assert describe("", 0, 0) == Quote("")


def test_white_space_does_not_use_up_the_context() -> None:
    text = "in the beginning it was   \n\n\n\t\t          \n            so and   \n      then"
    quote = describe(text, text.index("so"), text.index("so") + 2)
    assert quote.prefix.startswith("in the beginning")


# -- hostile


def test_nothing_is_found_in_nothing() -> None:
    assert anchor("", Quote("a")) == Orphaned()
    assert anchor("", Quote("a" * 100, "b", "c"), LastPlace(7, "b", "c")) == Orphaned()
    assert anchor("a", Quote("a" * 100)) == Orphaned()
    assert anchor_all(ARTICLE, []) == []


@pytest.mark.parametrize("exact", ["", "\u00ad", "\u200b\ufeff"])
def test_an_empty_quote_is_an_orphan(exact: str) -> None:
    assert anchor("any\u00ad text", Quote(exact, "any", " text")) == Orphaned()


def test_a_last_place_beyond_the_text_is_no_trouble() -> None:
    outcome = anchor(ARTICLE, Quote(WORDS), LastPlace(2**31))
    assert isinstance(outcome, Anchored)


@pytest.mark.parametrize("letter", ["\x00", "\ud800", "\x02", "\uffff", "\U0010ffff"])
def test_odd_letters_are_letters(letter: str) -> None:
    text = f"{letter}one {letter} two {letter * 3} three four five six{letter}"
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            assert found(text, text[start:end], revised=text) == text[start:end]
    words = f"two {letter * 3} three four"
    changed = words.replace("three", "threw")
    assert found(text, words, revised=text.replace("three", "threw")) == changed


def test_every_naughty_string_is_found_where_it_stands(test_data: Path) -> None:
    strings = json.loads((test_data / "robustness/naughty-strings.json").read_text("utf-8"))
    text, spans = "", []
    for string in filter(None, map(normalise, strings)):
        text += " | "
        spans.append((len(text), len(text) + len(string)))
        text += string
    marks = [Mark(describe(text, *span), LastPlace(span[0])) for span in spans]
    for mark, span, outcome in zip(marks, spans, anchor_all(text, marks), strict=True):
        if isinstance(outcome, Anchored):
            assert (outcome.start, outcome.end) == span
        else:
            assert not mark.quote.exact.strip("\u200b\u00ad\ufeff\u2060")


def test_repetition_takes_no_quadratic_time() -> None:
    text = "a" * 1_000_000
    quotes = [
        Quote("a" * QUOTE_CHARACTERS_MAX),
        Quote("a" * 5_000 + "b" + "a" * 4_999),
        Quote("a" * 49 + "b", "b" * 32, "b" * 32),
        Quote("a", "b" * 32, "b" * 32),
        Quote("ab" * 5_000),
    ]
    outcomes = anchor_all(text, [Mark(quote, LastPlace(700_000)) for quote in quotes])
    standing_still = [isinstance(outcome, Anchored) for outcome in outcomes]
    assert standing_still == [True, True, False, False, False]
    nearest = outcomes[0]
    assert isinstance(nearest, Anchored)
    assert nearest.start == 700_000


def test_marks_and_outcomes_travel_between_processes() -> None:
    marks = [Mark(Quote("a", "b", "c"), LastPlace(1, "b", "c"))]
    outcomes = [Anchored(1, 2, 0.5, exact=True), Orphaned()]
    assert pickle.loads(pickle.dumps((marks, outcomes))) == (marks, outcomes)


TYPED = 'She said "it\'s done"... then - at last -- the fine print, and 中文abc. The end of it all.'
TYPESET = "She said “it’s done”… then – at last — the ﬁne print, and 中文 abc. The end of it all."


def test_a_change_of_typography_alone_leaves_a_passage_anchored() -> None:
    start = TYPED.index("at last")
    end = TYPED.index("The end")
    place = Place(describe(TYPED, start, end), start, end)
    again = anchor_again(TYPESET, [place], TYPED)[0]
    assert isinstance(again.outcome, Anchored)
    assert (
        TYPESET[again.outcome.start : again.outcome.end]
        == "at last — the ﬁne print, and 中文 abc. "
    )
    assert again.outcome.start != start
    assert state(again.outcome, start, in_place=again.in_place) == "anchored"
    moved = anchor_again("Once. " + TYPESET, [place], TYPED)[0]
    assert state(moved.outcome, start, in_place=moved.in_place) == "moved"


def test_a_short_quote_that_changed_between_unchanged_context_has_moved() -> None:
    around = ("The boats were painted in the ", " of the old harbour wall, as they said.")
    text = f"It was so. {around[0]}colour{around[1]} And so on."
    start = text.index("colour")
    quote = describe(text, start, start + 6)
    for put, found in (("color", "color"), ("coluor", "coluor"), ("sound", None), ("", None)):
        revised = text.replace("colour", put)
        outcome = anchor(revised, quote)
        assert isinstance(outcome, Anchored) == (found is not None), put
        if isinstance(outcome, Anchored):
            assert revised[outcome.start : outcome.end] == found
            assert state(outcome, start) == "moved"
    elsewhere = text.replace("colour", "color").replace("painted", "built")
    assert anchor(elsewhere, quote) == Orphaned()


def test_white_space_of_the_context_tells_twins_apart() -> None:
    text = "A\nB - Site\n\nB\n\nC"
    outcome = anchor(text, Quote("B", "\n\n", "\n\n"))
    assert isinstance(outcome, Anchored)
    assert outcome.start == text.rindex("B")


@pytest.mark.parametrize(
    ("before", "now"),
    [("Outcome", "AnchorResult"), ("Standing", "LastPlace"), ("standing", "last_place")],
)
def test_a_renamed_name_is_there_for_one_release(before: str, now: str) -> None:
    with pytest.warns(DeprecationWarning, match=now):
        assert getattr(anchoring, before) is getattr(anchoring, now)
