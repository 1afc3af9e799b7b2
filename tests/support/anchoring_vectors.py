"""Makes vectors.json: what any other implementation of anchoring (a browser's) must give.

    python tests/support/anchoring_vectors.py > tests/domain/anchoring/vectors.json

Offsets are Unicode code points. The rules are those of `rostra.anchoring.search` (the score),
`rostra.anchoring.normalise` (how texts are compared) and `rostra.article_text` (the text of HTML);
docs/decisions/0006-anchor-quotes-by-matching-letters.md says why.
"""

import json
import random
import sys
from typing import Any

from rostra.anchoring.normalise import Folded
from rostra.anchoring.reanchor import state
from rostra.anchoring.search import (
    Anchored,
    LastPlace,
    Mark,
    Quote,
    anchor_all,
    describe,
    last_place,
)
from rostra.article_text import NORMALISATION, text_of_html

Vector = dict[str, Any]
SEED = 20
EDITED_ARTICLES = 40

FERRY = (
    "The ferry left the harbour at dawn, loaded with timber and mail. Nobody on the quay waved. "
    "By noon the wind had turned, and the captain ordered the sails reefed. The passengers, "
    "nine of them, gathered below and shared what bread there was. When night came they saw "
    "a light to the north, and steered towards it until the ice stopped them."
)
VERSES = "".join(
    f"They sang {what} every year, and so it goes, until {until}. "
    for what, until in (
        ("of rivers", "the sea"),
        *[("at the harvest", "the singers left the town")] * 4,
        ("to the planks", "the nails gave out"),
        ("of winter", "the ninth winter came"),
        ("at weddings", "nobody wed"),
        ("without an ending", "the bow"),
    )
)
SCRIPTS = (
    "👩‍👩‍👧 came, 🇱🇻 flags, 😀 and so on; then ✊🏽 and the end of it 🎉.",
    "Cafe\u0301 no\u0308el, then a\u0323\u0302 and x\u0302 and the end of it e\u0301.",
    "שלום עולם, هذا نص طويل قليلا and the end of it בסוף.",
    "这是一个没有空格的句子，用来测试选择器。它应该留在原地。结束。",
    "One.\n\nTwo words\nhere.\n\n  Three more\u00a0words \t stand here.\n",
)
TYPED = (
    'He said "it\'s done"... and then - after all -- the fine print, 12 ½ pages of it. '
    "The colour of the harbour wall was never quite right again, as 中文abc示例 had it, they said."
)
"""As `TYPESET`, before an editor changes the typography of all of it."""
TYPESET = (
    "He said \u201cit\u2019s done\u201d\u2026 and then \u2013 after all \u2014 the \ufb01ne print, "
    "\uff11\uff12 1\u20442 pages of it. The co\u200clour of\u200e the har\u00adbour wall\ufe0f was "
    "never quite right again, as 中文 abc 示例 had it, they said."
)
FOLDED = (
    *SCRIPTS,
    TYPED,
    TYPESET,
    "\u2018a\u2019 \u201eb\u201c \u00b4c` \uff02d\uff02 e\u2010f\u2011g\u2012h",
    "a\u2212b - --- \u2014\u2014",
    "\ufb03 \uff41\uff22 \u2460 \u33a1 \u00b2 \u1d43 \ud55c\u3131 \u00a8 x\u0308\ufe0f",
    "中文 abc, abc 中文; 中 文 日本 語 12 語 (中) 한국 abc",
    "\u202ax\u202c\u2066y\u2069 \u061cz\U000e0100 a \u200d b",
    "a \u00a0\n b",
    "soft\u00adhyphen, zero\u200bwidth, joined\u200dby",
    " \u00ad \u200b ",
    "가 각 e\u0301\u0301",
    "a" + "\u0301" * 31 + "\u0316\u0301 b\u0344" + "\u0344\u0316" * 40 + "c\u0327\u0301",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8" * 20 + "\u0316\u0301",
)
TYPED_WORDS = (
    "it's done",
    "- after all --",
    "fine",
    "12",
    "colour of",
    "harbour",
    "文abc示",
    "said",
)
HTML = (
    "<h1>Tea</h1><p>One <b>two</b>,<br>three.</p><ul><li>a<li>b</ul>",
    "<p>x</p>\n<p>y &amp; z\u00a0!</p><script>no()</script><style>b{}</style>",
    "<table><tr><td>1<td>2<tr><td>3</table>after",
    "<div>a<div>b</div>c</div>d<!-- no --><template>no</template>",
    "one\r\ntwo<p></p><p> </p>three",
    "<pre>\n  kept  \n</pre>e\u0301 👩‍👩‍👧",
)


def vectors() -> Vector:
    """All of them, as JSON has them."""
    chance = random.Random(SEED)
    return {
        "normalisation": NORMALISATION,
        "fold": [{"text": text, "folded": Folded(text).text} for text in FOLDED],
        "html": [{"html": html, "text": text_of_html(html)} for html in HTML],
        "describe": list(_descriptions(chance)),
        "anchor": [
            *_by_hand(),
            *(_edited(chance, number) for number in range(EDITED_ARTICLES)),
        ],
    }


def at_random(chance: random.Random, letters: str, count: int) -> Vector:
    """As many texts of these letters, each edited once, with three passages."""
    cases: list[Vector] = []
    described: list[Vector] = []
    texts = ["".join(chance.choices(letters, k=chance.randint(20, 160))) for _ in range(count)]
    for text in texts:
        marked = [_known(chance, text, *_stretch(chance, text)) for _ in range(3)]
        described.append(_described(text, *_stretch(chance, text)))
        at = chance.randrange(len(text))
        put = "".join(chance.choices(letters, k=chance.choice((0, 1, 2, 30))))
        revised = text[:at] + put + text[at + chance.choice((0, 1, 2, 20)) :]
        cases.append(_case(f"{letters!r} {text!r}", revised, marked))
    folded = [{"text": text, "folded": Folded(text).text} for text in texts]
    return {"fold": folded, "describe": described, "anchor": cases}


def of_lists(chance: random.Random, count: int) -> Vector:
    """Lists whose rows are nearly alike; of the rows marked some letters change, and some rows
    go.
    """
    cases: list[Vector] = []
    for number in range(count):
        rows = [f"Opening hours on day {at * 7919 % 97}: from nine to five. " for at in range(40)]
        text = "".join(rows)
        starts = [len("".join(rows[:at])) for at in chance.sample(range(40), 8)]
        marked = [
            _known(chance, text, start, start + chance.choice((12, 20, 35))) for start in starts
        ]
        for at in chance.sample(range(40), 15):
            rows[at] = chance.choice(("", rows[at].replace("hours", "time"), rows[at][3:], "Shut."))
        cases.append(_case(f"list {number}", "".join(rows), marked))
    return {"fold": [], "describe": [], "anchor": cases}


def _known(chance: random.Random, text: str, start: int, end: int) -> tuple[int | None, Mark]:
    known = chance.choice((last_place(text, start, end), LastPlace(start), None))
    return start, Mark(describe(text, start, end), known)


def _descriptions(chance: random.Random) -> list[Vector]:
    texts = (FERRY, VERSES, *SCRIPTS)
    return [_described(text, *_stretch(chance, text)) for text in texts for _ in range(4)]


def _described(text: str, start: int, end: int) -> Vector:
    return {"text": text, "start": start, "end": end} | _quoted(describe(text, start, end))


def _quoted(quote: Quote) -> Vector:
    return {"exact": quote.exact, "prefix": quote.prefix, "suffix": quote.suffix}


def _stretch(chance: random.Random, text: str) -> tuple[int, int]:
    start = chance.randrange(len(text) - 1)
    return start, min(len(text), start + chance.choice((1, 3, 8, 15, 30, 60)))


def _case(name: str, text: str, marked: list[tuple[int | None, Mark]]) -> Vector:
    """Passages, each with the place where it was marked, found again in a text."""
    passages: list[Vector] = []
    outcomes = anchor_all(text, [mark for _, mark in marked])
    for (start, mark), outcome in zip(marked, outcomes, strict=True):
        last = mark.last
        passages.append(
            _quoted(mark.quote)
            | {
                "start": start,
                "last": last
                and {"start": last.start, "prefix": last.prefix, "suffix": last.suffix},
                "expected": {
                    "state": state(outcome, start),
                    "start": outcome.start if isinstance(outcome, Anchored) else None,
                    "end": outcome.end if isinstance(outcome, Anchored) else None,
                    "score": outcome.score if isinstance(outcome, Anchored) else None,
                },
            }
        )
    return {"name": name, "text": text, "passages": passages}


def _marked(text: str, *words: str) -> list[tuple[int | None, Mark]]:
    """Passages with these words, three ways: with all that is known of where they stood, with
    their place alone, and with nothing but the quote.
    """
    marked: list[tuple[int | None, Mark]] = []
    for each in words:
        start = text.index(each)
        quote = describe(text, start, start + len(each))
        marked.append((start, Mark(quote, last_place(text, start, start + len(each)))))
        marked.append((start, Mark(quote, LastPlace(start))))
        marked.append((None, Mark(quote)))
    return marked


def _by_hand() -> list[Vector]:
    words = "the captain ordered the sails reefed"
    marked = _marked(FERRY, words, "timber", "ice", "The ferry left", "stopped them.", "nine")
    refrain = "and so it goes"
    places = [at for at in range(len(VERSES)) if VERSES.startswith(refrain, at)]
    nine: list[tuple[int | None, Mark]] = [
        (at, Mark(describe(VERSES, at, at + len(refrain)), LastPlace(at))) for at in places
    ]
    cases = [
        _case("the same text", FERRY, marked),
        _case("a paragraph in front", f"Preface.\n\n{FERRY}", marked),
        _case("one letter changed", FERRY.replace("sails", "sail"), marked),
        _case("words replaced", FERRY.replace(words, "all was well"), marked),
        _case("words deleted", FERRY.replace(f" {words}", "").replace("ice ", ""), marked),
        _case("like words elsewhere", FERRY.replace("ice", "sea") + " Rice is nice.", marked),
        _case("only the words", words, marked),
        _case("context gone", f"Elsewhere {words} again; timber; ice.", marked),
        _case("white space", FERRY.replace(" ", "\n\u00a0 "), marked),
        _case("soft hyphens", FERRY.replace("ai", "a\u00adi"), marked),
        _case("an empty text", "", marked),
        _case("typography", TYPESET, _marked(TYPED, *TYPED_WORDS)),
        _case("typography taken back", TYPED, _marked(TYPESET, "har\u00adbour", "pages")),
        _case("a short quote changed", FERRY.replace("timber", "timbre"), _marked(FERRY, "timber")),
        _case("a number changed", FERRY.replace("nine", "fine"), _marked(FERRY, "nine", "ice")),
        _case("another short word", FERRY.replace("timber", "salt"), _marked(FERRY, "timber")),
        _case(
            "twins by white space",
            "A\nB - Site\n\nB\n\nC",
            [(None, Mark(Quote("B", "\n\n", "\n\n")))],
        ),
        _case("nine times", VERSES, nine),
        _case("nine times, moved", f"A word in front. {VERSES}", nine),
        _case("nine times, three gone", VERSES.replace(f"{refrain}, ", "", 3), nine),
        _case("without context", FERRY, [(None, Mark(Quote("harbour"))), (0, Mark(Quote("a")))]),
        _case(
            "inside other words",
            FERRY.replace(" ice ", " nicest of all the floes ").replace(" noon ", " nine nooning "),
            _marked(FERRY, "ice", "noon", "nine"),
        ),
        _case(
            "overlapping",
            f"Oh. {FERRY}",
            [
                (start, Mark(describe(FERRY, start, end), last_place(FERRY, start, end)))
                for start, end in ((4, 40), (20, 60), (20, 30))
            ],
        ),
    ]
    for text in SCRIPTS:
        stretches = [(start, start + 8) for start in range(0, len(text) - 8, 5)]
        known = [
            (start, Mark(describe(text, start, end), LastPlace(start))) for start, end in stretches
        ]
        cases.append(_case("a script", f"😀e\u0301א {text}", [*known]))
    return cases


def _edited(chance: random.Random, number: int) -> Vector:
    """An article of numbered and of common words, a few of them edited."""
    words = [
        chance.choice(("the", "and", "of", f"{chance.choice(('a', 'ä', '😀', 'א'))}{at}", f"w{at}"))
        for at in range(60)
    ]
    text = " ".join(words)
    marked = [_known(chance, text, *_stretch(chance, text)) for _ in range(6)]
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(len(words))
        words[at : at + chance.choice((0, 1, 4))] = chance.choice(([], ["new"], [words[at], "x"]))
    return _case(f"edited {number}", " ".join(words), marked)


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
