"""Rules of a site about the words of comments."""

from itertools import count
from time import process_time
from typing import Any

import pytest

from rostra import codec, ids
from rostra.comment import CommentEdited, CommentPosted, CommentWordingHeld
from rostra.content_rules import Writer, compile_rules
from rostra.deciding.handle import Commanded, handle
from rostra.limits import BODY_BYTES_MAX, RULE_PATTERN_BYTES_MAX, RULE_WORDS_MAX, RULES_MAX
from rostra.settings import ContentRule, RuleConditions
from rostra_adapters.application.articles.shown_bodies import shown_body
from support.examples import SITE, at
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.published import OPEN, event, statuses

_numbers = count()
STRANGER = Writer(is_guest=False, is_trusted=False)


def configured(*rules: dict[str, Any]) -> Commanded:
    name = f"rules {next(_numbers)}"
    envelope = {"type": "site.configured", "source": "urn:cms", "id": name, "time": at(1)}
    return commanded({**envelope, "data": {"site": SITE, "settings": {"rules": list(rules)}}})


def held(**when: Any) -> dict[str, Any]:
    return {"when": when, "then": "hold"}


def saying(body: str, key: str = "c", *, author: str = "ann", **data: Any) -> Commanded:
    who = {"id": author, "name": "Ann"}
    name = f"post {key} {next(_numbers)}"
    return event("comment.posted", name, comment=key, author=who, body=body, **data)


class Given:
    """A discussion of a site with rules."""

    def __init__(self) -> None:
        self.log, self.ring, self.articles = MemoryLog(), MemoryRing(), MemoryArticles()

    async def do(self, *commands: Commanded) -> list[str]:
        return statuses(await handle(self.log, self.ring, commands, self.articles))

    async def last(self, key: str = "c") -> Any:
        stream = ids.comment_id(ids.discussion_id(SITE, "/trams"), key)
        row = (await self.log.read_streams([stream]))[stream][-1]
        return codec.decode(row.topic, row.state)


def fits(rule: dict[str, Any], body: str, writer: Writer = STRANGER) -> bool:
    """Return whether a rule fits a comment."""
    when = RuleConditions(**{**rule, "words": tuple(rule.get("words", ()))})
    rules = compile_rules((ContentRule(when=when, then="hold"),))
    return rules.verdict(shown_body(body, breaks=True), writer) is not None


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("casino", "Best CASINO here"),
        ("casino", "ｃａｓｉｎｏ"),
        ("casino", "cas\u200bino, cas\u00adino"),
        ("casino", "c**asi**no"),
        ("casino", "c<b>asi</b>no"),
        ("casino", "cаsinо"),
        ("casino", "𝓬𝓪𝓼𝓲𝓷𝓸"),
        ("straße", "STRASSE"),
        ("e\u0301cole", "École"),
        ("buy now", "Buy, now!"),
        ("賭博", "網上賭博網站"),
        ("คาสิโน", "เล่นคาสิโนออนไลน์"),
        ("कमल", "कमल!"),
        ("spam.example", "[here](https://spam.example/x)"),
        ("казино", "КАЗИНО."),
        ("casino", "c\u0336a\u0336s\u0336i\u0336n\u0336o\u0336"),
        ("casino", "C\u0332A\u0332S\u0332I\u0332N\u0332O\u0332"),
        ("casino", "casino\u20dd"),
        ("casino", "cas\u0315\u031ain\u0489o"),
        ("casino", "ᴄᴀsɪɴᴏ"),
        ("casino", "🅒🅐🅢🅘🅝🅞 and 🅲🅰🆂🅸🅽🅾"),
        ("casino", "CASİNO"),
        ("casino", "casıno"),
        ("casino", "ϲasino"),
        ("istanbul", "İSTANBUL"),
        ("kız", "KIZ"),
        ("سبام", "سـبـام"),
        ("سبام", "سَبَام"),
        ("שלום", "שָׁלוֹם"),
    ],
)
def test_a_word_is_found_as_readers_read_it(word: str, body: str) -> None:
    assert fits({"words": ["other", word]}, body)


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("ass", "a class of grass"),
        ("corn", "see example.com"),
        ("buy now", "now buy"),
        ("кот", "котик"),
        ("cop", "сор"),
        ("कमल", "कमला"),
        ("賭博", "賭 and 博"),
        ("schon", "schön"),
        ("schön", "schon"),
        ("año", "ano"),
        ("сорт", "copt"),
    ],
)
def test_a_word_is_not_found_in_others(word: str, body: str) -> None:
    assert not fits({"words": [word]}, body)


def test_links_are_counted_as_they_are_shown() -> None:
    assert fits({"links_min": 2}, "https://a.example and [b](https://b.example)")
    assert not fits({"links_min": 2}, "`https://a.example` and [b](https://b.example)")
    assert not fits({"links_min": 1}, "[b](javascript:x) and &lt;a href=x&gt; <a href='y'>z</a>")
    assert not fits({"links_min": 1}, "Yes.[^1]\n\n[^1]: A note.")


def test_every_condition_of_a_rule_has_to_hold() -> None:
    guest, trusted = (
        Writer(is_guest=True, is_trusted=False),
        Writer(is_guest=False, is_trusted=True),
    )
    rule = {"guest": True, "links_min": 1}
    link = "https://a.example"
    assert fits(rule, link, guest)
    assert not fits(rule, "no link", guest)
    assert not fits(rule, link, trusted)
    assert fits({"first": True}, "Hi", STRANGER)
    assert not fits({"first": True}, "Hi", trusted)
    assert fits({"guest": False}, "Hi", trusted)


def test_a_text_of_one_letter() -> None:
    assert fits({"letters_same_share": 0.8}, "AAAAaaaaaaaa!!! b")
    assert not fits({"letters_same_share": 0.8}, "aaaaaaaaa")
    assert not fits({"letters_same_share": 0.8}, "Bananas are an ample fruit")


async def test_a_comment_that_a_rule_holds_names_the_rule() -> None:
    given = Given()
    rules = configured(held(words=["casino"]), held(links_min=1))
    assert await given.do(rules, OPEN, saying("https://a.example")) == ["recorded"] * 3
    posted = await given.last()
    assert isinstance(posted, CommentPosted)
    assert (posted.status, posted.rule) == ("held", "2: links_min")


async def test_the_first_rule_that_fits_decides() -> None:
    given = Given()
    reject = {"when": {"links_min": 1}, "then": "reject", "say": "No links, please."}
    await given.do(configured(held(words=["fine"]), reject), OPEN)
    assert await given.do(saying("fine https://a.example", "a")) == ["recorded"]
    (outcome,) = await handle(
        given.log, given.ring, [saying("https://a.example", "b")], given.articles
    )
    assert outcome.refusal is not None
    assert (outcome.refusal.name, outcome.refusal.detail) == (
        "rejected-by-rule",
        "No links, please.",
    )


async def test_a_publishers_status_is_obeyed() -> None:
    given = Given()
    await given.do(configured({"when": {"links_min": 1}, "then": "reject"}), OPEN)
    assert await given.do(saying("https://a.example", status="published")) == ["recorded"]
    assert (await given.last()).status == "published"
    edit = event("comment.edited", "e", 40, comment="c", body="https://b.example")
    assert await given.do(edit) == ["rejected-by-rule"]
    obeyed = event(
        "comment.edited", "e2", 40, comment="c", body="https://b.example", status="published"
    )
    assert await given.do(obeyed) == ["recorded"]


async def test_a_wording_that_a_rule_holds_waits() -> None:
    given = Given()
    await given.do(configured(held(words=["casino"])), OPEN, saying("Hello"))
    edit = event("comment.edited", "e", 40, comment="c", body="Casino", by="ann")
    assert await given.do(edit) == ["recorded"]
    waiting = await given.last()
    assert isinstance(waiting, CommentWordingHeld)
    assert waiting.rule == "1: words"
    moderators = event("comment.edited", "e2", 41, comment="c", body="No casino", by="mia")
    assert await given.do(moderators) == ["recorded"]


async def test_a_feed_says_which_rule_held_a_comment() -> None:
    given = Given()
    await given.do(OPEN, saying("Yes.", status="held", rule="2: links_min"))
    assert (await given.last()).rule == "2: links_min"


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"pattern": "(a"},
        {"pattern": r"(a)\1"},
        {"pattern": "x" * (RULE_PATTERN_BYTES_MAX + 1)},
        {"pattern": r"[\p{L}]{1000}"},
        {"pattern": r"\pL{60}"},
        {"pattern": "(a|b)*" * 1_700},
        {"pattern": "(" * 5_000 + "a" + ")" * 5_000},
        {"pattern": "((((a{30}){30}){30}){30}){30}"},
        {"words": ["!!"]},
        {"words": ["a b c d e f g h i j k"]},
    ],
)
async def test_a_rule_that_cannot_be_followed_is_refused(rule: dict[str, Any]) -> None:
    given = Given()
    (outcome,) = await handle(given.log, given.ring, [configured(held(**rule))], given.articles)
    assert outcome.refusal is not None
    assert outcome.refusal.name == "invalid-rule"
    assert outcome.refusal.detail.startswith("rule 1: `")
    assert await given.log.head() == 0


async def test_the_rules_of_a_site_are_bounded() -> None:
    words = [f"word{number}" for number in range(RULE_WORDS_MAX)]
    given = Given()
    assert await given.do(configured(held(words=words), held(words=["more"]))) == ["invalid-rule"]
    with pytest.raises(Exception, match="rules"):
        configured(*[held(guest=True)] * (RULES_MAX + 1))
    with pytest.raises(Exception, match="wrods"):
        configured(held(wrods=["a"], guest=True))


async def test_equal_rules_change_nothing() -> None:
    given = Given()
    rules = held(words=["a"]), held(pattern="x+")
    outcomes = await given.do(configured(*rules), configured(*rules), configured(*rules[:1]))
    assert outcomes == ["recorded", "unchanged", "recorded"]


def seconds(rules: tuple[ContentRule, ...], body: str) -> float:
    """Processor time of a judgement, the compilation left out: the least of several."""
    shown, prepared = shown_body(body, breaks=True), compile_rules(rules)
    prepared.verdict(shown, STRANGER)
    taken = []
    for _ in range(5):
        begun = process_time()
        prepared.verdict(shown, STRANGER)
        taken.append(process_time() - begun)
    return min(taken)


TEXT = ("the words of a long comment, " * BODY_BYTES_MAX)[:BODY_BYTES_MAX]


def words_of(prefix: str) -> tuple[ContentRule, ...]:
    words = tuple(f"{prefix}{number}" for number in range(RULE_WORDS_MAX))
    return (ContentRule(when=RuleConditions(words=words), then="hold"),)


@pytest.mark.parametrize(
    ("rules", "body"),
    [
        (words_of("word"), TEXT),
        (words_of("the words of a long "), TEXT),
        (words_of("賭"), "賭" * (BODY_BYTES_MAX // 3)),
        *(
            (
                (ContentRule(when=RuleConditions(pattern=pattern), then="hold"),),
                "a" * BODY_BYTES_MAX,
            )
            for pattern in (r"(a*)*b", r"(a|aa)+b", r"(x+x+)+y", r"(.*a){12}b", r"(\pL?){40}\d")
        ),
    ],
    ids=lambda given: str(given)[:20],
)
def test_hostile_rules_take_little_longer_than_one_word(
    rules: tuple[ContentRule, ...], body: str
) -> None:
    one = (ContentRule(when=RuleConditions(words=("word",)), then="hold"),)
    assert seconds(rules, body) < 10 * max(seconds(one, TEXT), seconds(one, body))


async def test_new_words_of_a_held_comment_are_held_by_the_rule_that_fits_them() -> None:
    """Another decision, such as that of a review service, is no longer enough."""
    log = MemoryLog()
    review = {"url": "https://review.example/"}
    envelope = {"type": "site.configured", "source": "urn:cms", "id": "review", "time": at(1)}
    reviewed = commanded({**envelope, "data": {"site": SITE, "settings": {"review": review}}})
    first = [reviewed, configured(held(words=["spam"])), OPEN, saying("Nice.")]
    edit = event("comment.edited", "edit", comment="c", body="Spam!")
    outcomes = await handle(log, MemoryRing(), [*first, edit], articles=MemoryArticles())
    assert statuses(outcomes) == ["recorded"] * 5
    rows = [codec.decode(row.topic, row.state) for row in log.rows if "comment." in row.topic]
    posted, edited = rows
    assert isinstance(posted, CommentPosted) and posted.rule == "review"
    assert isinstance(edited, CommentEdited)
    assert (edited.status, edited.rule) == ("held", "1: words")
