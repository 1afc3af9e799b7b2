"""The plain text of an article."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.article_text import (
    OPEN_ELEMENTS_MAX,
    code_point_offset,
    normalise,
    text_of_html,
    utf16_offset,
)
from rostra.refusals import Refusal


def test_line_ends_are_one_character_whatever_they_were() -> None:
    assert normalise("one\r\ntwo\rthree\n\r\nfour") == "one\ntwo\nthree\n\nfour"


def test_letters_are_neither_composed_nor_decomposed() -> None:
    assert normalise("e\u0301 \u00e9 ﬁ") == "e\u0301 \u00e9 ﬁ"


def test_what_cannot_be_stored_is_replaced_one_for_one() -> None:
    assert normalise("\ufeffa\x00b\ud800c") == "a\ufffdb\ufffdc"


@given(st.text(st.characters() | st.sampled_from("\r\n\ufeff\x00\ud83d\ude00")))
def test_normalising_twice_changes_nothing_and_utf_8_takes_the_result(text: str) -> None:
    once = normalise(text)
    # The mark of a byte order goes from the beginning alone, and one may follow another.
    assert normalise(once) == once.removeprefix("\ufeff")
    once.encode()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One <b>big</b> word</p><p>Two</p>", "One big word\nTwo"),
        ("<p>One</p>\n<p>Two</p>\n", "One\nTwo\n"),
        ("<p>One</p>\n\n  <p>Two</p>", "One\n\n  Two"),
        ("<p>One</p> <p>Two</p>", "One\n Two"),
        ("<div><div><p>One</p></div></div><p>Two", "One\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("<p>One<br></p><p>Two</p>", "One\nTwo"),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a\nb\nc"),
        ("<h1>One</h1>Two<hr>Three", "One\nTwo\nThree"),
        ("a &amp; b&nbsp;&lt;i&gt; &#x1F600;", "a & b\u00a0<i> 😀"),
        ("a<!-- hidden -->b<script>c</script><style>d</style><template>e</template>f", "abf"),
        ("a<noscript>b</noscript><iframe>c</iframe>d", "ad"),
        ("<title>One</title><p>Two", "One\nTwo"),
        ("<math><mi>x</mi></math><svg><text>y</text></svg>", "xy"),
        ("<pre>\n  a\n  b</pre>", "  a\n  b"),
        ("a\r\nb", "a\nb"),
        ("<p>ב <b>א</b></p>", "ב א"),
        ("a\ud800b\x00c", "a\ufffdb\ufffdc"),
        ("", ""),
        ("<p></p><br>", "\n"),
        ("2 < 3 and <b>unclosed", "2 < 3 and unclosed"),
    ],
)
def test_the_text_of_html_is_what_a_browser_has(html: str, text: str) -> None:
    assert text_of_html(html) == text


def test_what_attackers_send_becomes_text_all_the_same(test_data: Path) -> None:
    cases = json.loads((test_data / "robustness/dompurify.json").read_text(encoding="utf-8"))
    for case in cases:
        text_of_html(case["payload"]).encode()


def test_deep_nesting_is_refused_before_it_takes_time() -> None:
    with pytest.raises(Refusal, match="html-too-deep"):
        text_of_html("<div>" * 200_000)
    assert text_of_html("<p>a<li>b" * OPEN_ELEMENTS_MAX).count("a") == OPEN_ELEMENTS_MAX
    assert text_of_html("<div><b>a</b></div>" * 3_000).count("a") == 3_000


@given(st.text(st.sampled_from("aé😀\U0010ffff\n")), st.integers(0, 20))
def test_offsets_of_browsers_become_code_points_and_back(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    assert code_point_offset(text, utf16_offset(text, offset)) == offset
    assert utf16_offset(text, offset) == len(text[:offset].encode("utf-16-le")) // 2


def test_the_middle_of_a_pair_is_before_its_letter() -> None:
    assert [code_point_offset("a😀b", units) for units in range(5)] == [0, 1, 1, 2, 3]
