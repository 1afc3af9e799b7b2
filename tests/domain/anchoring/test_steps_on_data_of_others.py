"""The steps on the cases of Apache Annotator and approx-string-match."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from justhtml import JustHTML

from rostra.anchoring.matching import Match
from rostra.anchoring.search import Quote, describe
from rostra.article_text import code_point_offset, text_of_html, utf16_offset
from support.matches import approximate_matches, exact_matches

Case = dict[str, Any]


@pytest.fixture
def folder(test_data: Path) -> Path:
    return test_data / "anchoring"


def test_every_exact_quote_is_found_between_exactly_its_context(folder: Path) -> None:
    for name, case in read(folder / "quote-match.json").items():
        document = Document(case["html"])
        selector = case["selector"]
        context = selector.get("prefix", ""), selector.get("suffix", "")
        found = exact_matches(document.text, selector["exact"], *context)
        expected = [document.span(span) for span in case["expected"]]
        assert [(match.start, match.end) for match in found] == expected, name


def test_positions_are_code_points_of_the_text(folder: Path) -> None:
    for name, case in read(folder / "position-match.json").items():
        document = Document(case["html"])
        start, end = case["selector"]["start"], case["selector"]["end"]
        assert [document.span(span) for span in case["expected"]] == [(start, end)], name
        # A block's line break, where there is one, comes after all of them.
        assert text_of_html(case["html"])[start:end] == document.text[start:end], name


def test_a_description_has_the_context_that_is_needed_and_more(folder: Path) -> None:
    for cases in read(folder / "quote-describe.json").values():
        for name, case in cases.items():
            document = Document(case["html"])
            start, end = document.span(case["range"])
            quote, needed = describe(document.text, start, end), case["expected"]
            assert quote.exact == needed["exact"], name
            assert quote.prefix.endswith(needed["prefix"]), name
            assert quote.suffix.startswith(needed["suffix"]), name
            matches = exact_matches(document.text, quote.exact, quote.prefix, quote.suffix)
            assert list(matches) == [Match(start, end)], name


def test_context_ends_with_a_word_unless_the_word_is_too_long(folder: Path) -> None:
    groups = read(folder / "quote-describe.json")
    whole_words = [
        groups["testCasesWithoutOptions"][name]
        for name in ("no context", "use prefix to complete word", "use suffix to complete word")
    ]
    for case in (*whole_words, *groups["testCasesWithMaxWordLength"].values()):
        document = Document(case["html"])
        quote = describe(
            document.text,
            *document.span(case["range"]),
            context_characters=0,
            word_characters_max=case["options"].get("maxWordLength", 50),
        )
        expected = case["expected"]
        assert quote == Quote(expected["exact"], expected["prefix"], expected["suffix"])


def test_all_matches_with_the_fewest_errors_are_found(folder: Path) -> None:
    for group in read(folder / "approximate-match.json").values():
        for text, pattern, expected in group:
            wanted = {(match["start"], match["end"], match["errors"]) for match in expected}
            found = set(approximate_matches(in_units(text), in_units(pattern), len(pattern)))
            # Of `fcebook` in `facebook` the file has two of three: `cebook` is one error away too.
            assert wanted <= found == by_hand(in_units(text), in_units(pattern)), (text, pattern)


def test_those_matches_are_the_same_in_code_points(folder: Path) -> None:
    for group in read(folder / "approximate-match.json").values():
        for text, pattern, expected in group:
            wanted = {
                (code_point_offset(text, match["start"]), code_point_offset(text, match["end"]))
                for match in expected
            }
            found = set(approximate_matches(text, pattern, len(pattern)))
            assert found == by_hand(text, pattern), (text, pattern)
            assert wanted <= {(match.start, match.end) for match in found}, (text, pattern)
            for match in expected:
                assert utf16_offset(text, code_point_offset(text, match["end"])) == match["end"]


def by_hand(text: str, pattern: str) -> set[Match]:
    """By the table of all edit distances."""
    matches = []
    for start in range(len(text) + 1):
        row = list(range(len(pattern) + 1))
        for end in range(start, len(text) + 1):
            matches.append(Match(start, end, row[-1]))
            above, row[0] = row[0], row[0] + 1
            for at, letter in enumerate(pattern, start=1):
                changed = above + (letter != text[end : end + 1])
                above, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, changed)
    fewest = min(match.errors for match in matches)
    return {match for match in matches if match.errors == fewest}


# -- reading the cases


class Document:
    """The text nodes of a document, one after the other: its plain `textContent`."""

    def __init__(self, html: str) -> None:
        self._begins: dict[tuple[str, int], int] = {}
        self._texts: list[str] = []
        self._visit(JustHTML(html, sanitize=False).root)
        self.text = "".join(self._texts)

    def span(self, span: Case) -> tuple[int, int]:
        """The code points of a range of the DOM, whose offsets are UTF-16."""
        return (
            self._offset(span["startContainerXPath"], span["startOffset"]),
            self._offset(span["endContainerXPath"], span["endOffset"]),
        )

    def _offset(self, path: str, units: int) -> int:
        found = re.fullmatch(r"//(\w+)/text\(\)(?:\[(\d+)\])?", path)
        assert found is not None
        begin = self._begins[found[1], int(found[2] or 1)]
        return begin + code_point_offset(self.text[begin:], units)

    def _visit(self, node: Any) -> None:
        count = 0
        for child in node.children or []:
            if child.name == "#text":
                count += 1
                self._begins[node.name, count] = sum(map(len, self._texts))
                self._texts.append(child.data)
            else:
                self._visit(child)


CASES = {
    "quote-match.json": 25,
    "position-match.json": 7,
    "quote-describe.json": 22,
    "approximate-match.json": 13,
}


def read(path: Path) -> dict[str, Any]:
    """All of the cases, in their groups."""
    cases: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    counted = [1 if "html" in case else len(case) for case in cases.values()]
    assert sum(counted) == CASES[path.name]
    return cases


def in_units(text: str) -> str:
    """A text whose letters are the UTF-16 code units of another."""
    data = text.encode("utf-16-le")
    return "".join(chr(data[at] + 256 * data[at + 1]) for at in range(0, len(data), 2))
