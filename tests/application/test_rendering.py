"""A comment's body as HTML."""

import asyncio
import json
import math
import re
import time
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import msgspec
import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra_adapters.aio.worker_processes import WorkerFailed
from rostra_adapters.application.queries.rendering import (
    ATTRIBUTES,
    LINK_REL,
    SCHEMES,
    TAGS,
    plain,
    render,
)
from rostra_adapters.application.queries.renderings import (
    RETRY_SECONDS_MAX,
    RETRY_SECONDS_MIN,
    Markdown,
    Renderings,
)
from support.effort import examples


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
    seen = _Seen()
    seen.feed(render('<code class="big">x</code> <p class="x">y</p>\n\n```x" class="y\nz\n```'))
    assert seen.attributes == {("code", "class")}


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
    seen = _Seen()
    seen.feed(render(body))
    assert seen.tags <= {"p", "a"}
    assert seen.attributes <= {("a", "href"), ("a", "rel")}
    assert all(link.startswith("https://a.example/") for link in seen.links)


# Examples of CommonMark that are shown in another way, by reason.
RAW_HTML_IS_TEXT = [
    *(21, 31, *range(148, 194), 203, 310, 311, 346, 477, 478, 479, 493, 496, 526, 538),
    *(*range(615, 620), 625, *range(627, 634), 645, 646),
]
RELATIVE_LINKS_ARE_TEXT = [
    *(22, 23, 32, 33, *range(194, 199), 200, 202, *range(204, 211), 212, *range(216, 221), 319),
    *(406, 421, 424, 435, 475, 476, 484, 485, 486, 488, 491, 494, 497, 498, *range(500, 510)),
    *(511, 512, 514, *range(516, 525), *range(529, 538), *range(539, 548), 551, 552),
    *(*range(555, 592), 593, 594, 595),
]
OTHER_SCHEMES_ARE_TEXT = [598, 600, 601, 603]
BARE_URLS_ARE_LINKS = [604, 610, 613]
SHOWN_OTHERWISE = {
    *(*RAW_HTML_IS_TEXT, *RELATIVE_LINKS_ARE_TEXT, *OTHER_SCHEMES_ARE_TEXT, *BARE_URLS_ARE_LINKS)
}


def test_examples_of_commonmark_are_shown_as_it_says_but_for_named_ones(test_data: Path) -> None:
    examples = json.loads((test_data / "robustness" / "commonmark.json").read_text())
    differing = {
        example["example"]
        for example in examples
        if _words(render(example["markdown"], breaks=False)) != _words(_cleaned(example["html"]))
    }
    assert len(examples) > 600
    assert differing == SHOWN_OTHERWISE


def test_no_word_of_a_commonmark_example_is_lost(test_data: Path) -> None:
    examples = json.loads((test_data / "robustness" / "commonmark.json").read_text())
    relative = set(RELATIVE_LINKS_ARE_TEXT) | set(RAW_HTML_IS_TEXT)
    for example in examples:
        if example["example"] in relative:
            written = set(re.findall(r"[a-z]{2,}", unescape(example["markdown"]).lower()))
            shown = unescape(render(example["markdown"])).lower()
            assert [word for word in written if word not in shown] == [], example["example"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("I use List<String> and Vec<u8>", "I use List&lt;String&gt; and Vec&lt;u8&gt;"),
        ("if a<b and c>d then", "if a&lt;b and c&gt;d then"),
        ("<sarcasm>", "&lt;sarcasm&gt;"),
        ("<!-- hi -->", "&lt;!-- hi --&gt;"),
        ("<div>\n*x*\n</div>", "&lt;div&gt;<br>\n<em>x</em><br>\n&lt;/div&gt;"),
        ("<b onclick=x>a</b>", "&lt;b onclick=x&gt;a&lt;/b&gt;"),
        ("<b>a</b> <KBD>c</kbd> <u>d</u>", "<b>a</b> <kbd>c</kbd> <u>d</u>"),
        ("<b>open", "&lt;b&gt;open"),
        ("<b><i>a</b></i>", "&lt;b&gt;<i>a&lt;/b&gt;</i>"),
        ("a<br>b<br/>c<br />d", "a<br>b<br>c<br>d"),
        ("[edit]: typo", "[edit]: typo"),
        ("[a](/relative) ![b](b.png)", "[a](/relative) ![b](b.png)"),
    ],
)
def test_raw_html_and_relative_links_are_text(body: str, shown: str) -> None:
    assert render(body) == f"<p>{shown}</p>\n"


def _link(url: str) -> str:
    return f'<a href="{url}" rel="{LINK_REL}">{url}</a>'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("see https://a.example/x?y=1.", f"<p>see {_link('https://a.example/x?y=1')}.</p>\n"),
        ("(http://a.example)", f"<p>({_link('http://a.example')})</p>\n"),
        ("*http://a.example*", f"<p><em>{_link('http://a.example')}</em></p>\n"),
        ("x javascript://a", "<p>x javascript://a</p>\n"),
        ("~~gone~~", "<p><s>gone</s></p>\n"),
        ("|a|\n|-|", "<table> <thead> <tr> <th>a</th> </tr> </thead> </table>\n"),
        ("a[^1]\n\n[^1]: *b*", "<p>a<sup>[1]</sup> </p>\n<p><sup>[1]</sup> <em>b</em></p>\n"),
        ("[^9]: unused", "<p><sup>[9]</sup> unused</p>\n"),
        ("a\n\n[n]: https://a.example 'b'", "<p>a</p>\n<p>[n]: https://a.example 'b'</p>\n"),
    ],
)
def test_extensions_of_commonmark(body: str, shown: str) -> None:
    assert re.sub(r">\s+<", "> <", render(body)) == re.sub(r">\s+<", "> <", shown)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("**强调。**后", "<strong>强调。</strong>后"),
        (
            "**このアスタリスクは強調記号です。**この文",
            "<strong>このアスタリスクは強調記号です。</strong>この文",
        ),
        ("太郎は**「こんにちは」**といった", "太郎は<strong>「こんにちは」</strong>といった"),
        ("**이 별표(괄호)**이 문장", "<strong>이 별표(괄호)</strong>이 문장"),
        ("前**“强调”**后", "前<strong>“强调”</strong>后"),
        ("前*(a)*后 ~~删。~~后", "前<em>(a)</em>后 <s>删。</s>后"),
        ("**[链接](https://a.example)**后", "<strong>链接</strong>后"),
        ("强_调_字", "强_调_字"),
        ("a**“b”**c", "a**“b”**c"),
        ("** 强调 **", "** 强调 **"),
    ],
)
def test_emphasis_beside_cjk_characters(body: str, shown: str) -> None:
    html = re.sub(r"</?a\b[^>]*>", "", render(body))
    assert html == f"<p>{shown}</p>\n"


def test_a_single_newline_is_no_break_where_a_discussion_says_so() -> None:
    assert render("one\ntwo", breaks=False) == "<p>one\ntwo</p>\n"


def test_words_nested_deeper_than_lists_go_are_shown_flat() -> None:
    body = "- " * 30 + "innermost\n\nafterwards"
    html = render(body)
    assert html.count("<ul>") == 10
    assert f"{'- ' * 20}innermost" in html
    assert html.endswith("</ul>\n<p>afterwards</p>\n")
    quotes = render("> " * 25 + "innermost\nlast")
    assert quotes.count("<blockquote>") == 20
    assert "innermost<br>\nlast" in quotes


@given(st.text(alphabet="ab<>/!-[]():^|*_~`\n #.1&;", max_size=80))
def test_a_body_with_words_is_never_shown_without(body: str) -> None:
    shown = unescape(re.sub("<[^>]*>", "", render(body)))
    assert shown.strip() or not re.search(r"[^\W_]", body)


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


LONGEST = 16 * 1024
PLAIN = (
    "Well, that is what the article says, isn't it?\n"
    "I do not think so. It is quite another matter.\n\n"
)
TIMES_PLAIN_MAX = 20
ATTEMPTS = 5
ROUNDS = 3
# Repeated up to the longest body. Each was among the worst of thousands that were tried.
HOSTILE = [
    *("![", "*[", "_[", "[", "[[", "[]", "![](", "[](", "](![", "[a](<b", '[a](b "', "[a](("),
    *("![]()", "[![](a)](b)", "[a]: b\n", "[a]\n", "[a][b]", "[a](b)", "[`", "[<b>"),
    *("*", "_", "*a", "*a **b _c __d ", "**", "***a", "*_", "a*_b", "*a*", "***<i>", "a**b c* "),
    *("`", "`` ` ", "`a`", "\n``", ">`", "``***"),
    *("> ", ">", "- ", "-\n", "\n-", "\n*", "1.\n", "1. a\n", "* a\n", "- > ", "- a\n\n"),
    *("\n\n_", "a\n\n", "a\n", "<\n", "\t", "a\n=\n", "# a\n", "***\n", "    a\n\n", "\\\n"),
    *("<!--", "<!-- -", "<?", "<!A ", "<![CDATA[", "<", "</", "<a ", '<a b="', "<a b c "),
    *("<b>", "<i><p>\n\n", "<b>&", "<p>", "</p>", "<b id=1>", "<svg><math><table><td>"),
    *("<table>", "<select><option>", "<b><i><s><u>\n\n", "<div>\n\n", "<a href=x>", "<pre>\n"),
    *("[^a", "[^[^", "[^1]: a\n", "[^1]: [^1]: ", "[^1][^1]", "http://a ", "x://", "https://a.b/"),
    *("|", " | |\n", "~~", "~~a", "~a~~", "<b><i>", "<b></b>", "<br>", "</b>", "a:", "http://["),
    *("&amp;", "&#x26;", "&", "<http://a.b>", "<a@b.c>", "\\*", "|a|b|\n|-|-|\n", "```\n"),
]
SHAPED = [
    "[^1]: a\n\n" + "[^a" * 5_000,
    "[^1]: a\n\n" + "[^1]" * 4_000,
    "|a|b|\n|-|-|\n" + "|x|y|\n" * 2_500,
    *("|" + "a|" * n + "\n|" + "-|" * n + "\n" + "x\n" * 8_000 for n in (1, 8, 30, 200, 1_000)),
    *("> |" + "a|" * n + "\n> |" + "-|" * n + "\n" + "> x y\n" * 4_000 for n in (4, 60)),
    "<b>" * 2_300 + "</b>" * 2_300,
    "a" * 16_000 + "http://",
    "http://" + "a" * 16_000,
    "<b><i><u><s>" * 500 + "</s></u></i></b>" * 500,
    "".join("`" * n + " " for n in range(1, 180)),
    "*" * 8_000 + "a" + "*" * 8_000,
    "<!--" * 4_000 + "--->",
    "<a" + " " * 16_000,
    "[" * 8_000 + "](a)" * 2_000,
    "![" * 4_000 + "](a)" * 2_000,
    "".join(f"<b id={n}>" for n in range(700)) + "\n\na" * 2_500,
    "".join(f"<b id={n}>" for n in range(700)) + "<p>" * 2_500,
    "".join(f"[a{n}]: b\n" for n in range(900)) + "[a1]" * 1_500,
    "".join("  " * n + "- a\n" for n in range(120)),
    "<a " + " ".join(f"x{n}=y" for n in range(2_000)) + ">",
]


def _seconds(body: str, enough: float = 0.0) -> float:
    """Return the processor time of rendering a body: the least of some rounds.

    The first round that takes at most `enough` seconds is the last.
    """
    least = math.inf
    for _ in range(ROUNDS):
        began = time.process_time()
        render(body)
        least = min(least, time.process_time() - began)
        if least <= enough:
            break
    return least


def _is_bounded(body: str) -> bool:
    """Return whether a body takes at most `TIMES_PLAIN_MAX` as long as a plain one.

    Both are measured again if it does not: other processes may have had the caches meanwhile.
    """
    limits = (TIMES_PLAIN_MAX * _seconds(_repeated(PLAIN, len(body))) for _ in range(ATTEMPTS))
    return any(_seconds(body, limit) <= limit for limit in limits)


def _repeated(text: str, characters: int) -> str:
    return (text * (characters // len(text) + 1))[:characters]


@pytest.mark.slow
@pytest.mark.parametrize("characters", [LONGEST // 4, LONGEST])
def test_no_body_takes_much_longer_than_a_plain_one(characters: int) -> None:
    bodies = [_repeated(text, characters) for text in HOSTILE]
    bodies += [text[:characters] for text in SHAPED]
    limit = TIMES_PLAIN_MAX * _seconds(_repeated(PLAIN, characters))
    slow = [body for body in bodies if _seconds(body, limit) > limit]
    assert [body[:20] for body in slow if not _is_bounded(body)] == []


@pytest.mark.parametrize("body", [_repeated(text, LONGEST) for text in HOSTILE] + SHAPED)
def test_html_is_not_many_times_as_long_as_its_body(body: str) -> None:
    assert len(render(body)) < 10 * len(body)


ATOMS = ["[", "](", ")", "![", "*", "_", "`", "<", ">", "\n", "a", " ", "- ", "> ", "&", "<b>"]


@given(
    st.lists(st.sampled_from(ATOMS), max_size=2).map("".join),
    st.lists(st.sampled_from(ATOMS), min_size=1, max_size=4).map("".join),
    st.lists(st.sampled_from(ATOMS), max_size=2).map("".join),
)
@settings(max_examples=examples(60), deadline=None)
def test_rendering_takes_bounded_steps(before: str, repeated: str, after: str) -> None:
    body = before + _repeated(repeated, LONGEST // 4) + after
    assert _is_bounded(body)


@pytest.mark.parametrize(
    "body",
    [
        "*" * 9_000 + " innermost & last",
        "[" * 9_000 + " innermost\n\n\nlast",
        "innermost " + "![" * 6_000,
    ],
)
def test_what_is_too_much_work_is_shown_as_it_was_written(body: str) -> None:
    html = render(body)
    assert html == plain(body)
    text = unescape(re.sub("</?p>|<br>", "", html))
    assert text.split() == body.split()


@given(st.text(alphabet="ab<&>\"'\n\t *[\u2028", max_size=60))
def test_plain_text_keeps_every_word(body: str) -> None:
    html = plain(body)
    assert unescape(re.sub("</?p>|<br>", "", html)).split() == body.split()
    assert _cleaned(html).count("<p>") == html.count("<p>")
    assert set(re.findall(r"<(/?\w+)", html)) <= {"p", "/p", "br"}


RICH = (
    "## Point\n\nI *really* think that **this** [source](https://a.example/b?c=d) and `code`"
    " matter.\n\n- first item with *stress*\n- second, see <https://a.example>\n- third\n\n"
    "> What you said, quoted\n> over two lines.\n\n"
)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (RICH, "<strong>"),
        ("- [Some title of a page](https://a.example/path/to/page)\n", "<li>"),
        ("See [this][1] and [that][2].\n\n[1]: https://a.example/1\n\n", "<a "),
        ("| Some title of a row | 12 | what it costs |\n" * 3 + "\n", "<p>"),
        (
            "|name|what it costs|\n|-|-|\n" + "| some name of it, at length | 12 in all |\n" * 40,
            "<td>",
        ),
        ("Look at https://a.example/path/to/page, it says more.\n", "<a "),
        ("A claim[^1] ~~or two~~.\n\n[^1]: Its source, at length.\n\n", "<sup>"),
        ("Press <kbd>Ctrl</kbd> and <kbd>C</kbd>.\n\n", "<kbd>"),
        (":-) it's #1 <3! @you & me -- so 5*3=15, *snake* case_name\n", "<em>"),
        ("```py\ndef f(x):\n    return x[0] * x[1]\n```\n\n", "<code "),
    ],
)
def test_the_longest_body_may_be_marked_up_densely(text: str, tag: str) -> None:
    body = _repeated(text, LONGEST - LONGEST % len(text))
    assert tag in render(body)


async def test_rendered_bodies_are_cached_within_a_bound_and_dropped_when_asked() -> None:
    renderings = Renderings(characters_max=100)

    def html(body: str) -> str:
        found = renderings.at_hand([Markdown(body)])
        assert found is not None
        return found[Markdown(body)]

    first = html("one")
    assert html("one") is first
    for number in range(50):
        html(f"number {number}")
    assert html("one") == first
    assert html("one") is not first
    cached = html("two")
    renderings.drop()
    assert html("two") is not cached


async def test_long_bodies_are_rendered_by_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [Markdown(f"*{n}* " + "words\n" * 500, breaks=n > 3) for n in range(30)]
    expected = {one: render(one.body, breaks=one.breaks) for one in bodies}
    longer = Markdown(bodies[0].body * 2, breaks=False)
    shown_longer = render(longer.body, breaks=False)
    used: list[str] = []
    monkeypatch.setattr("rostra_adapters.application.queries.renderings.render", used.append)
    renderings = Renderings()
    assert renderings.at_hand(bodies) is None
    assert await renderings.render(bodies) == expected
    assert renderings.at_hand(bodies) == expected
    assert await renderings.render_once(longer) == shown_longer
    assert not used
    await renderings.close()


async def test_bodies_rendered_during_an_erasure_are_not_cached() -> None:
    renderings = Renderings()
    body = Markdown("words " * 1_000)
    rendering = asyncio.create_task(renderings.render([body]))
    await asyncio.sleep(0)
    renderings.drop()
    assert (await rendering)[body] == render(body.body)
    assert renderings.at_hand([body]) is None
    await renderings.close()


async def test_without_workers_long_bodies_are_shown_as_they_were_written() -> None:
    renderings = Renderings()
    await renderings.close()
    body = Markdown("*words* " * 1_000)
    assert await renderings.render([body]) == {body: plain(body.body)}


class Workers:
    """Workers that fail while `failing` is true, and the jobs that they were given."""

    def __init__(self, renderings: Renderings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing = True
        self.jobs: list[list[str]] = []
        monkeypatch.setattr(renderings._workers, "ask", self._ask)

    async def _ask(self, job: bytes) -> bytes:
        bodies = msgspec.msgpack.decode(job, type=list[Markdown])
        self.jobs.append([one.body for one in bodies])
        await asyncio.sleep(0)
        if self.failing:
            raise WorkerFailed
        return msgspec.msgpack.encode([render(one.body, breaks=one.breaks) for one in bodies])


async def test_a_rendering_that_failed_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time_now = 0.0
    renderings = Renderings(clock=lambda: time_now)
    workers = Workers(renderings, monkeypatch)
    long, longer = Markdown("*It* " + "is long. " * 600), Markdown("*It* " + "is long. " * 900)
    assert "<em>" in render(long.body)
    shown = await renderings.render([long, longer])
    assert shown == {one: plain(one.body) for one in (long, longer)}
    assert await renderings.render([long]) == {long: plain(long.body)}
    assert workers.jobs == [[long.body, longer.body]]
    time_now += RETRY_SECONDS_MIN
    workers.failing = False
    first, second = await asyncio.gather(renderings.render([long]), renderings.render([long]))
    assert first == {long: render(long.body)}
    assert second == {long: plain(long.body)}
    assert workers.jobs[1:] == [[long.body]]
    assert renderings.at_hand([long]) == {long: render(long.body)}


async def test_a_body_whose_rendering_fails_again_waits_longer_and_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time_now = 0.0
    renderings = Renderings(clock=lambda: time_now)
    workers = Workers(renderings, monkeypatch)
    bodies = [Markdown("*It* " + "is long. " * 600), Markdown("*It* " + "is long. " * 900)]
    for tried in range(20):
        await renderings.render(bodies)
        assert len(workers.jobs) == 1 + 2 * tried
        wait = min(RETRY_SECONDS_MIN * 2**tried, RETRY_SECONDS_MAX)
        time_now += wait - 1
        assert await renderings.render(bodies) == {one: plain(one.body) for one in bodies}
        assert len(workers.jobs) == 1 + 2 * tried
        time_now += 1
    renderings.drop()
    assert len(renderings._fallbacks) == 0


def test_the_web_reader_shows_the_same_elements() -> None:
    script = files("rostra_adapters.web").joinpath("markup.js").read_text()
    allowed = re.search(r"ALLOWED = new Set\((.*?)\.split", script, re.DOTALL)
    assert allowed
    assert set(re.findall(r"[A-Z][A-Z0-9]*", allowed[1])) == {tag.upper() for tag in TAGS}
