"""Tokens that were verified once: for as long as they hold, and not for ever many."""

from time import time

import pytest

from rostra_adapters.http import tokens
from rostra_adapters.http.problems import Problem

SECRET = "a secret of the tests, long enough for it"


def test_a_token_that_was_verified_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = tokens.Verified()
    text = tokens.sign(SECRET, scope="publish", person="cms", days=1)
    first = verified.token(text, SECRET, ())
    assert first == verified.token(text, SECRET, ()) == tokens.read(text, SECRET)
    now = time()
    monkeypatch.setattr(tokens, "time", lambda: now + 86_401)
    monkeypatch.setattr(tokens, "_read", expired)
    with pytest.raises(Problem, match="has expired"):
        verified.token(text, SECRET, ())


def expired(*_: object) -> tuple[tokens.Token, int]:
    raise tokens._unauthorized("the token has expired")


def test_a_bad_token_is_never_kept() -> None:
    verified = tokens.Verified()
    text = tokens.sign("another secret altogether, as long", scope="publish", person="cms")
    for _ in range(2):
        with pytest.raises(Problem):
            verified.token(text, SECRET, ())
    assert not verified._kept


def test_tokens_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_KEPT_MAX", 3)
    verified = tokens.Verified()
    texts = [tokens.sign(SECRET, scope="publish", person=f"p{n}") for n in range(5)]
    for text in [*texts[:3], texts[0], *texts[3:]]:
        verified.token(text, SECRET, ())
    assert list(verified._kept) == [texts[0], *texts[3:]]
    long = tokens.sign(SECRET, scope="publish " + "x" * tokens.VERIFIED_CHARACTERS_MAX, person="p")
    verified.token(long, SECRET, ())
    assert long not in verified._kept
