"""A comment's body as HTML."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nh3
import pytest

from rostra_adapters.rendering import (
    ATTRIBUTES,
    LINK_REL,
    SCHEMES,
    TAGS,
    Rendering,
    render,
    unsanitised,
)


def test_markdown_becomes_html() -> None:
    assert render("*Yes* & `no`") == "<p><em>Yes</em> &amp; <code>no</code></p>\n"


def test_links_are_followed_by_no_search_engine() -> None:
    assert (
        render("[a](https://a.example)")
        == f'<p><a href="https://a.example" rel="{LINK_REL}">a</a></p>\n'
    )


def test_an_image_is_a_link_to_it() -> None:
    shown = f'<p><a href="https://a.example/b.png" rel="{LINK_REL}">a map</a></p>\n'
    assert render("![a map](https://a.example/b.png)") == shown


def test_code_says_its_language_and_nothing_else_has_a_class() -> None:
    assert 'class="language-py"' in render("```py\nx\n```")
    assert "class" not in render('<code class="big">x</code> <p class="x">y</p>')


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<img src="https://a.example/pixel.png">',
        '<a href="javascript:alert(1)">x</a>',
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "<a href='\u2028javascript:alert(1)'>x</a>",
        '<p onclick="alert(1)" style="color:red">x</p>',
        "<iframe src=//a.example></iframe>",
    ],
)
def test_what_runs_or_loads_is_left_out(body: str) -> None:
    html = render(body)
    assert not re.search(r"<script|<img|<iframe|href=|onclick|style", html)


_EMPTY_QUOTE = "<blockquote></blockquote>"


def test_every_example_of_commonmark_is_rendered_as_it_says(test_data: Path) -> None:
    examples = json.loads((test_data / "robustness" / "commonmark.json").read_text())
    for example in examples:
        # The one blank that differs, and means nothing.
        html = unsanitised(example["markdown"]).replace(_EMPTY_QUOTE, "<blockquote>\n</blockquote>")
        assert html == example["html"], example["example"]


def test_every_example_of_commonmark_is_shown_as_it_says(test_data: Path) -> None:
    examples = json.loads((test_data / "robustness" / "commonmark.json").read_text())
    shown = [example for example in examples if "<img" not in example["html"]]
    assert len(shown) > 600
    for example in shown:
        assert _words(render(example["markdown"])) == _words(_cleaned(example["html"]))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("![*a* <b>](https://a.example/b)", ["https://a.example/b"]),
        ("![](https://a.example/b)", ["https://a.example/b"]),
        ("[![a](https://a.example/i)](https://a.example/l)", ["https://a.example/l"]),
        ("![a](javascript:alert(1))", []),
        ("![[a](https://a.example/in)](https://a.example/out)", ["https://a.example/out"]),
    ],
)
def test_an_image_makes_one_link_at_most(body: str, shown: list[str]) -> None:
    seen = _Seen()
    seen.feed(render(body))
    assert seen.links == shown
    assert seen.tags <= {"p", "a"}


def _cleaned(html: str) -> str:
    kept = {**ATTRIBUTES, "code": {"class"}}
    return nh3.clean(html, tags=TAGS, attributes=kept, url_schemes=SCHEMES, link_rel=LINK_REL)


def _words(html: str) -> str:
    """Without the blanks between blocks, which mean nothing."""
    return re.sub(r">\s+<", "><", html.strip())


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


ALLOWED = {(tag, name) for tag, names in ATTRIBUTES.items() for name in names} | {("a", "rel")}


def test_nothing_that_browsers_were_tricked_with_gets_through(test_data: Path) -> None:
    payloads = json.loads((test_data / "robustness" / "dompurify.json").read_text())
    strings = json.loads((test_data / "robustness" / "naughty-strings.json").read_text())
    for payload in [*(one["payload"] for one in payloads), *strings]:
        seen = _Seen()
        seen.feed(render(payload))
        assert seen.tags <= TAGS, payload
        assert seen.attributes <= ALLOWED, payload
        for link in seen.links:
            assert not re.match(r"(?i)\W*(javascript|data|vbscript):", link), payload


def test_what_was_rendered_is_kept_within_a_bound_and_forgotten_when_asked() -> None:
    rendering = Rendering(characters_max=100)
    first = rendering.html("one")
    assert rendering.html("one") is first
    for number in range(50):
        rendering.html(f"number {number}")
    assert rendering.html("one") == first
    assert rendering.html("one") is not first
    kept = rendering.html("two")
    rendering.forget()
    assert rendering.html("two") is not kept
