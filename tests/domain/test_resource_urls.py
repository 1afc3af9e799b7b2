"""Spellings of one URL: the vectors that the browser's module shares, and what always holds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.resource_urls import canonical_resource

VECTORS: list[tuple[str, str]] = json.loads(
    (Path(__file__).parent / "resource_urls.json").read_bytes()
)
PIECES = st.sampled_from(
    [
        *"/?#&=.%:@[]\\ aZ7~é🚀\ud800\u202e",
        *("..", "%2e", "%2F", "%c3%a9", "%ff", "%zz", "e\u0301", "日本", "xn--"),
        *("%3A", "%ee", "\u0301"),
        *("utm_source=x", "fbclid=1", ":443", ":80"),
    ]
)
URLS = st.builds(
    lambda scheme, rest: scheme + "".join(rest),
    st.sampled_from(["https://example.org", "HTTP://E.org/", "https://", "//", ""]),
    st.lists(PIECES, max_size=12),
)


@pytest.mark.parametrize(("given_", "named"), VECTORS)
def test_every_url_has_the_name_that_the_vectors_say(given_: str, named: str) -> None:
    assert canonical_resource(given_) == named
    assert canonical_resource(named) == named


def test_a_port_of_thousands_of_digits_leaves_the_text_as_it_is() -> None:
    url = "http://a.example:" + "1" * 5_000
    assert canonical_resource(url) == url


@given(URLS)
def test_the_normalised_form_is_its_own(url: str) -> None:
    assert canonical_resource(canonical_resource(url)) == canonical_resource(url)


@given(st.text())
def test_what_is_no_url_stays_as_it_is(text: str) -> None:
    assert canonical_resource(text) == text or text.lower().startswith("http")
