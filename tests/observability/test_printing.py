"""Passwords are left out of what is shown, and nothing that is shown steers a terminal."""

import json
import logging
import re
import sys
from unicodedata import category
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra_adapters.errors import InvalidDatabaseUrl
from rostra_adapters.http.middleware.request_log import JsonLines
from rostra_adapters.observability.printing import (
    url_without_password,
    visible,
    visible_json,
    without_passwords,
)
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.views.patient import connect_patiently

PASSWORDS = st.text(min_size=1).map(lambda text: f"Zq9{text}9qZ")
STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(PASSWORDS | PASSWORDS.map(quote_plus), st.sampled_from(["rostra", ""]))
def test_no_password_of_a_url_is_shown(password: str, user: str) -> None:
    shown = url_without_password(f"postgresql://{user}:{password}@db:5432/rostra")
    assert shown == f"postgresql://{user}:***@db:5432/rostra"


def test_what_is_not_a_password_is_shown() -> None:
    for url in (
        "postgresql://rostra@/rostra?host=/tmp/a-socket",
        "postgresql://db:5432/rostra",
        "sqlite:/data/rostra.db",
        "memory:",
    ):
        assert url_without_password(url) == url
        assert without_passwords(f"see {url} there") == f"see {url} there"
    assert url_without_password("postgresql://db/r?user=a&password=b&sslpassword=c&x=d") == (
        "postgresql://db/r?user=a&password=***&sslpassword=***&x=d"
    )
    assert without_passwords("a postgresql://u:p@ss@h/d b") == "a postgresql://u:***@h/d b"


@given(st.text(st.characters(), max_size=40))
def test_what_is_visible_steers_no_terminal_and_is_told_apart(text: str) -> None:
    shown = visible(text)
    assert not any(category(one) in STEERING for one in shown)
    encoded = json.dumps(text, ensure_ascii=False).encode(errors="replace")
    again = visible_json(encoded)
    assert json.loads(again) == json.loads(encoded)
    assert not any(category(one) in STEERING for one in again.decode())


def test_printable_text_stays_as_it_is() -> None:
    for text in ("Straßenbahn – “trams”", "電車\u3000線", "a\u00a0b", "👩"):
        assert visible(text) == text
    assert visible("a\x1b[2Jb\u202ec\ud800") == "a\\u001b[2Jb\\u202ec\\ud800"
    assert visible("one\n\ttwo\r", keep="\n\t") == "one\n\ttwo\\u000d"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://rostra:pass/word@db/rostra",
        "postgresql://rostra:[password@db/rostra",
        "postgresql://rostra:password@db:password/rostra",
    ],
)
async def test_an_error_about_a_url_quotes_nothing_of_it(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl, match=r"percent-encoded|the port") as pooled:
        _ = await create_pool(url)
    with pytest.raises(InvalidDatabaseUrl) as alone:
        async with connect_patiently(url):
            pass
    for raised in (pooled.value, alone.value):
        assert "pass" not in str(raised).replace("PASSWORD", "")
        assert raised.__suppress_context__ or raised.__context__ is None


def test_the_log_holds_no_passwords_and_no_escape_sequences() -> None:
    try:
        raise OSError("postgresql://rostra:a-secret@db/rostra \x9b31m")
    except OSError:
        record = logging.LogRecord(
            "a", logging.ERROR, "", 1, "at postgresql://u:a-secret@h/d \u202e %s", ("\ud800",),
            sys.exc_info(),
        )  # fmt: skip
    line = JsonLines().format(record)
    assert "a-secret" not in line
    assert re.search(r"\\u009b", line)
    assert line.isprintable()
    assert json.loads(line)["level"] == "error"
