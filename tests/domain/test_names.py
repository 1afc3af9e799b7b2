"""Names and bodies: what persons may give, how a publisher's are cleaned, which look alike."""

import contextlib
import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confusable_homoglyphs.confusables import confusables_data
from hypothesis import example
from hypothesis import given as given_any
from hypothesis import strategies as st

from rostra import names
from rostra.commands import AnyCommand
from rostra.limits import NAME_CHARACTERS_MAX, RESERVED_NAMES_MAX
from rostra.names import PLACEHOLDER, cleaned_name, given_name, has_visible, is_reserved, skeleton
from rostra.vote import VoteCast
from support.examples import act, command, comment, opened, post, posted, vote_on
from support.examples import at as minute
from support.harness import given

ZWNJ, ZWJ = "\u200c", "\u200d"
PERSIAN = f"می{ZWNJ}خواهم"
SINHALA = f"ශ්{ZWJ}රී"
BURMESE = "ကြွေး"

TAKEN = {
    "Ann": "Ann",
    "  Ann   Lee ": "Ann Lee",
    "Ann\u00a0\u3000Lee": "Ann Lee",
    "Jose\u0301": "José",
    "Tiế\u0323n": unicodedata.normalize("NFC", "Tiế\u0323n"),
    PERSIAN: PERSIAN,
    SINHALA: SINHALA,
    BURMESE: BURMESE,
    "Sun \u2600\ufe0f": "Sun \u2600\ufe0f",
    "Ἄννα": "Ἄννα",
    "李雷": "李雷",
    "\U0001f600": "\U0001f600",
}
REFUSED = [
    "", " ", "\u3000", "\u200b", "\u2800", "\u3164", "\u115f", "\u0301", "\ufeff",
    "Ann\nLee", "Ann\u2028Lee", "\x1b[31mAnn", "An\x00n", "Ann\x7f", "Ann\x85",
    "\u202eAnn", "Ann\u2066", "Ann\u061c", "A\u200bnn", "A\u00adnn", "An\u2060n", "An\U000e0041n",
    f"An{ZWJ}n", f"An{ZWNJ}n", f"\U0001f469{ZWJ}\U0001f4bb", "An\ufe0fn", "An\u034fn",
    "A" + "\u0301\u0316\u0317\u0318" + "nn", "A" + "\u0489" * 4, "x" * (NAME_CHARACTERS_MAX + 1),
    "\U0001d15e" * 60,
]  # fmt: skip


@pytest.mark.parametrize(("name", "kept"), TAKEN.items())
def test_a_persons_name_is_composed_and_its_blanks_joined(name: str, kept: str) -> None:
    assert given_name(name) == kept
    assert cleaned_name(name) == kept


@pytest.mark.parametrize("name", REFUSED)
def test_a_persons_name_that_shows_what_it_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="`name`"):
        given_name(name)
    assert given_name(cleaned_name(name)) == cleaned_name(name)


def test_what_is_left_of_a_published_name_is_kept() -> None:
    assert cleaned_name("\u202eAnn\u202c\tLee\x1b[31m") == "Ann Lee[31m"
    assert cleaned_name(f"An{ZWJ}n {PERSIAN}") == f"Ann {PERSIAN}"
    assert cleaned_name("Z" + "\u0316\u0317\u0318\u0319\u031c" * 20) == "Z\u0316\u0317\u0318"
    for blank in ("\u200b\u200d", "\u2800", "\u0301\u0302", "\x00"):
        assert cleaned_name(blank) == PLACEHOLDER


LETTERS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "ab  \t\n" + ZWJ + ZWNJ + "\u094d\u0915\u0301\u0316\u0489\ufe0f\u2600\u202e"
        ),
    ),
    max_size=NAME_CHARACTERS_MAX,
)


@given_any(LETTERS)
@example("a\u034f\u0301\u0301\u0301\u0301")
@example(f"क्{ZWJ}{ZWJ}{ZWNJ}")
def test_a_cleaned_name_is_one_that_a_person_might_have_given(name: str) -> None:
    cleaned = cleaned_name(name)
    assert given_name(cleaned) == cleaned == cleaned_name(cleaned)
    with contextlib.suppress(ValueError):
        assert given_name(name) == cleaned
    assert has_visible(name) or cleaned == PLACEHOLDER


def naughty(folder: Path) -> list[str]:
    return [
        str(one) for one in json.loads((folder / "robustness/naughty-strings.json").read_text())
    ]


def test_naughty_strings_are_cleaned_or_refused_and_never_harmful(test_data: Path) -> None:
    written = naughty(test_data)
    assert len(written) > 400
    refused = 0
    for one in written:
        cleaned = cleaned_name(one[:NAME_CHARACTERS_MAX] or "x")
        assert given_name(cleaned) == cleaned
        try:
            kept = given_name(one)
        except ValueError:
            refused += 1
        else:
            assert kept == cleaned
            assert kept.isprintable() or {ZWJ, ZWNJ} & set(kept) or has_visible(kept)
        skeleton(one)
    assert 20 < refused < len(written) / 2


# -- in events


def test_a_published_name_is_cleaned_before_it_is_recorded() -> None:
    author = {"id": "ann", "name": " \u202eAnn\u200b\n"}
    told = command("comment.posted", comment="c1", author=author, body="Yes.")
    given(opened()).when(told, act(10)).then(posted(author="ann"))


@pytest.mark.parametrize("author", [{"id": "ann"}, {"id": "ann", "name": ""}])
def test_a_published_event_without_a_name_is_refused_as_ever(author: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        command("comment.posted", comment="c1", author=author, body="Yes.")


BLANK = [
    "\u200b", "\u200d\u200c", " \n\u00a0", "\u2800\u2800", "\u3164", "\u115f\u1160", "\uffa0",
    "\u0301", "\u0301 \u0489", "\ufe0f", "\ufeff", "\U000e0041\U000e007f", "\u202e\u202c", "\x1b",
    "\ufffe", "\u0903",
]  # fmt: skip


@pytest.mark.parametrize("body", BLANK)
def test_a_body_without_a_visible_character_is_blank(body: str) -> None:
    assert not has_visible(body)
    with pytest.raises(msgspec.ValidationError, match=r"blank|regex"):
        post(body=body)
    with pytest.raises(msgspec.ValidationError, match=r"blank|regex"):
        command("comment.edited", comment="c1", body=body)


@pytest.mark.parametrize("body", ["x", "\u200bx", "é", "\U0001f600", "।", "\ue000", "\u0378", "क्"])
def test_a_body_that_shows_anything_is_taken(body: str) -> None:
    assert has_visible(body)
    command("comment.edited", comment="c1", body=body)


def test_a_long_body_of_nothing_costs_no_more_than_its_length() -> None:
    def cost(characters: int) -> float:
        begun = time.process_time()
        for _ in range(20):
            assert not has_visible("\u0301" * characters)
        return time.process_time() - begun

    cost(100)
    assert cost(8_000) < 40 * max(cost(1_000), 1e-4)


# -- look-alikes

ALIKE = [
    ("Editor", "Edi\u0307tor"), ("Editor", "EDİTOR"), ("Editor", "E\u0332ditor"),
    ("Editor", "\u0415\u0332ditor"), ("Editor", "ᴇᴅɪᴛᴏʀ"), ("Editor", "🅴🅳🅸🆃🅾🆁"),
    ("Editor", "🅔🅓🅘🅣🅞🅡"), ("Editor", "🇪🇩🇮🇹🇴🇷"),
    ("Editor", "Editor"), ("Editor", "editor"), ("Editor", "EDITOR"), ("Editor", "Еdіtоr"),
    ("Editor", "EDlTOR"), ("Editor", "Ｅｄｉｔｏｒ"), ("Editor", "𝐄𝐝𝐢𝐭𝐨𝐫"), ("Modern", "Modem"),
    ("Café", "Cafe\u0301"), ("Straße", "STRASSE"), ("Αννα", "Avva"), ("editor", "ЕDІТОR"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "like"), ALIKE)
def test_a_name_that_looks_like_a_reserved_one_is_known(name: str, like: str) -> None:
    assert is_reserved(like, ("Someone", name))
    assert is_reserved(name, (like,))


@pytest.mark.parametrize("other", ["Edit", "Editors", "Edith", "Ann", "Redtior", "Édítor"])
def test_another_name_is_not_taken_for_a_reserved_one(other: str) -> None:
    assert not is_reserved(other, ("Editor",))
    assert not is_reserved(other, ())


def test_the_letters_that_unicode_calls_alike_share_a_skeleton() -> None:
    def plain(text: str) -> str:
        return text.replace("\u200e", "")

    pairs = [
        (plain(letter), plain(other["c"]))
        for letter, others in confusables_data.items()
        for other in others
    ]
    # A few composed letters are no letters any more once they are normalised.
    apart = {frozenset(pair) for pair in pairs if skeleton(pair[0]) != skeleton(pair[1])}
    assert len(pairs) > 10_000
    assert len(apart) < 10


def test_the_longest_names_cost_little_to_compare() -> None:
    longest = max(names._prototypes().values(), key=len)
    letter = next(one for one, prototype in names._prototypes().items() if prototype == longest)
    assert len(skeleton(letter * NAME_CHARACTERS_MAX)) <= 40 * NAME_CHARACTERS_MAX
    reserved = tuple(f"Editor {number}" for number in range(RESERVED_NAMES_MAX))
    is_reserved("x", reserved)

    def cost(name: str) -> float:
        begun = time.process_time()
        for _ in range(50):
            assert not is_reserved(name, reserved)
        return time.process_time() - begun

    assert cost(letter * NAME_CHARACTERS_MAX) < 60 * max(cost("x" * NAME_CHARACTERS_MAX), 1e-3)


# -- ids of our own

OURS = ["guest:0a1b", "rostra:review"]
THEIRS: list[Any] = [
    lambda who: post(author=who),
    lambda who: command("vote.cast", comment="c1", voter=who, value=1),
    lambda who: command("comment.removed", comment="c1", by=who),
    lambda who: command("comment.edited", comment="c1", by=who, body="No."),
    lambda who: command("comment.flagged", comment="c1", by=who, reason="spam"),
    lambda who: command("discussion.closed", by=who),
    lambda who: command("vote.nullified", comment="c1", voter="bob", by=who, reason="spam"),
    lambda who: command("passage.unmarked", passage="p1", by=who),
]


@pytest.mark.parametrize("who", OURS)
@pytest.mark.parametrize("told", THEIRS)
def test_a_publisher_cannot_speak_for_an_id_of_ours(told: Any, who: str) -> None:
    asked: AnyCommand = told(who)
    given(opened(), posted(author="eve")).when(asked, act()).then_refused("id-reserved")


def test_the_feed_of_a_rostra_tells_what_guests_did_there() -> None:
    told = act(10, source="rostra:persons")
    guest = post(author="guest:0a1b")
    given(opened()).when(guest, told).then(posted(author="guest:0a1b"))


def test_a_publisher_may_decide_about_a_guests_vote() -> None:
    cast = VoteCast(
        time=minute(20), source="rostra:persons", id="v", comment=comment("c1"),
        voter="guest:0a1b", value=1, was=0, now=1,
    )  # fmt: skip
    nullified = command(
        "vote.nullified", comment="c1", voter="guest:0a1b", by="mia", reason="Twice."
    )
    at = vote_on(voter="guest:0a1b")
    decided = given(opened(), posted(), (at, cast)).when(nullified, act())
    assert [event.topic for _, event in decided.decided] == ["vote.nullified"]
