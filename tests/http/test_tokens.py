"""Tokens: what they say, how they are verified, and for how long that is remembered."""

import base64
import hmac
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.limits import DAY_SECONDS
from rostra_adapters.application.revocations import MemoryRevocations
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.key_sources import FixedKeys
from rostra_adapters.http.problems import Problem
from support.effort import examples
from support.service import (
    BATCHED,
    FUTURE,
    PLACE,
    SECRET,
    Service,
    claims,
    event,
    forged,
    opened,
    posted,
    serving,
    token,
)

PREVIOUS = "the secret before, which is long enough, too"
SITE = "gazette"


def _of_site(type_: str, name: str, **data: Any) -> dict[str, Any]:
    made = event(type_, name=name)
    return {**made, "data": {"site": SITE, **data}}


ADMIN_EVENTS = [
    _of_site("site.configured", "a1", settings={"guests": True}),
    _of_site("person.erased", "a2", person="ann"),
    _of_site("person.returned", "a3", person="ann"),
]


def verifier(*secrets: str, revocations: MemoryRevocations | None = None) -> tokens.Verifier:
    return tokens.Verifier(secrets or (SECRET,), FixedKeys(), revocations or MemoryRevocations())


@contextmanager
def unauthorized(match: str = ".") -> Iterator[None]:
    with pytest.raises(Problem, match=match) as refused:
        yield
    assert refused.value.name == "unauthorized"


# -- remembered


def test_a_token_that_was_verified_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = verifier()
    text = tokens.sign(SECRET, scope="publish", person="cms", days=1)
    first = verified.token(text)
    assert first == verified.token(text) == tokens.read(text, [SECRET])
    later = time.time() + DAY_SECONDS + 1
    monkeypatch.setattr(tokens, "time", lambda: later)
    with unauthorized("has expired"):
        verified.token(text)


def test_a_bad_token_is_never_kept() -> None:
    verified = verifier()
    text = tokens.sign("another secret altogether, as long", scope="publish", person="cms")
    for _ in range(2):
        with unauthorized():
            verified.token(text)
    assert not verified._cache


def test_tokens_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_KEPT_MAX", 3)
    verified = verifier()
    texts = [tokens.sign(SECRET, scope="publish", person=f"p{n}") for n in range(5)]
    for text in [*texts[:3], texts[0], *texts[3:]]:
        verified.token(text)
    assert list(verified._cache) == [texts[0], *texts[3:]]
    long = tokens.sign(SECRET, scope="publish " + "x" * tokens.VERIFIED_CHARACTERS_MAX, person="p")
    verified.token(long)
    assert long not in verified._cache


# -- what they say


def test_a_token_says_when_it_was_issued_and_holds_for_thirty_days() -> None:
    before = time.time()
    token = tokens.read(tokens.sign(SECRET, scope="read", person="ann"), [SECRET])
    assert token.issued is not None
    assert before - 1e-6 <= token.issued <= time.time()
    assert token.expires == pytest.approx(token.issued + 30 * 86_400, abs=1)


def test_the_previous_secret_is_taken_while_it_is_being_replaced() -> None:
    old = tokens.sign(PREVIOUS, scope="read", person="ann")
    with unauthorized():
        verifier().token(old)
    given = HttpSettings(secret=SECRET, previous_secret=PREVIOUS)
    both = verifier(*given.secrets)
    assert both.token(old).person == both.token(token("read", person="ann")).person == "ann"
    with pytest.raises(ValueError, match="shorter"):
        HttpSettings(secret=SECRET, previous_secret="short")


async def test_a_service_takes_both_secrets() -> None:
    replacing = HttpSettings(secret=SECRET, previous_secret=PREVIOUS)
    async with serving(settings=replacing) as service:
        for secret in (SECRET, PREVIOUS):
            text = tokens.sign(secret, scope="feed", person="cms")
            assert (await service.ask("GET", "/v1/events", token=text)).status == 200


# -- scopes


@pytest.mark.parametrize("one", ADMIN_EVENTS, ids=lambda one: one["type"])
async def test_sites_and_erasures_need_the_scope_admin(
    service: Service, one: dict[str, Any]
) -> None:
    refused = await service.publish(one, token=token("publish"))
    assert (refused.status, refused.problem) == (403, "forbidden")
    assert "admin" in refused.json["detail"]
    [batched] = await service.batch([one], token=token("publish feed moderate read"))
    assert (batched["status"], batched["problem"]["type"]) == ("rejected", "/problems/forbidden")
    line = await service.post(
        json.dumps(one).encode(), media_type="application/x-ndjson", token=token("publish")
    )
    assert json.loads(line.body)["problem"]["type"] == "/problems/forbidden"
    assert await service.app.head() == 0
    for scope in ("admin", "publish admin"):
        assert (await service.publish(one, token=token(scope))).status in (200, 201)


async def test_the_scope_admin_publishes_nothing_else(service: Service) -> None:
    refused = await service.publish(opened(), token=token("admin"))
    assert (refused.status, refused.problem) == (403, "forbidden")
    mixed = [ADMIN_EVENTS[0], opened(), posted()]
    results = await service.batch(mixed, token=token("publish"))
    assert [result["status"] for result in results] == ["rejected", "recorded", "recorded"]


async def test_an_admin_of_one_site_configures_no_other(service: Service) -> None:
    of_site = token("publish admin", site="herald")
    assert (await service.publish(ADMIN_EVENTS[0], token=of_site)).status == 403


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_the_feed_needs_its_scope(service: Service, accept: str) -> None:
    headers = {"Accept": accept}
    for scope in ("read", "admin", "moderate", "comment"):
        answer = await service.ask("GET", "/v1/events", token=token(scope), headers=headers)
        assert (answer.status, answer.problem) == (403, "forbidden")


async def test_publishers_read_the_feed_for_one_release_more_and_are_warned_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert (await service.ask("GET", "/v1/events", token=token("feed"))).status == 200
        assert not caplog.records
        for person in ("cms", "other"):
            text = token("publish", person=person)
            assert (await service.ask("GET", "/v1/events", token=text)).status == 200
    (record,) = caplog.records
    assert "`feed`" in record.getMessage()


@pytest.mark.parametrize("site", ["*", "**"])
async def test_no_site_is_called_like_every_site(service: Service, site: str) -> None:
    taken = site != "*"
    one = event("discussion.opened", site=site)
    assert (await service.publish(one)).status == (201 if taken else 422)
    asked = await service.ask("GET", "/v1/discussions", params={"site": site, "resource": "/trams"})
    assert asked.status == (200 if taken else 400)
    guest = json.dumps({"site": site, "name": "Ann"}).encode()
    headers = {"Content-Type": "application/json"}
    answer = await service.ask("POST", "/v1/guests", headers=headers, body=guest)
    assert answer.status == (403 if taken else 422)


# -- whatever else


def raw(payload: bytes, header: bytes = b'{"alg":"HS256","typ":"JWT"}') -> str:
    """A token whose signature is right, whatever it says."""

    def text(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    signed = text(header) + b"." + text(payload)
    return (signed + b"." + text(hmac.digest(SECRET.encode(), signed, "sha256"))).decode()


def with_claims(**changed: Any) -> bytes:
    return json.dumps(claims(**changed)).encode()


DEEP = b'{"sub":"cms","aud":"rostra","exp":4102444800,"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
ODD: Sequence[tuple[str, str]] = [
    ("half a surrogate", raw(with_claims().replace(b'"cms"', b'"\\ud800"'))),
    ("half a surrogate in the name", raw(with_claims(name="x").replace(b'"x"', b'"\\udc00"'))),
    ("no UTF-8", raw(with_claims().replace(b"cms", b"\xff"))),
    ("NaN", raw(with_claims(exp=float("nan")))),
    ("infinity", raw(with_claims(exp=float("inf")))),
    ("1e999", raw(with_claims().replace(str(FUTURE).encode(), b"1e999"))),
    ("a time of 400 digits", raw(with_claims(exp=10**400))),
    ("beyond the year 9999", raw(with_claims(exp=10**15))),
    ("a time before 1970", raw(with_claims(exp=-1))),
    ("a time as text", raw(with_claims(exp=str(FUTURE)))),
    ("a time as truth", raw(with_claims(exp=True))),
    ("issued in the future", raw(with_claims(iat=FUTURE))),
    ("not before the future", raw(with_claims(nbf=FUTURE))),
    ("issued as text", raw(with_claims(iat="now"))),
    ("a list of subjects", raw(with_claims(sub=["cms"]))),
    ("a number as subject", raw(with_claims(sub=1))),
    ("no subject", raw(with_claims(sub=""))),
    ("a nested site", raw(with_claims(site={"name": "*"}))),
    ("a list of scopes", raw(with_claims(scope=["publish"]))),
    ("an audience in an object", raw(with_claims(aud={"rostra": True}))),
    ("another audience", raw(with_claims(aud=["others"]))),
    ("no object", raw(b"[]")),
    ("no JSON", raw(b"sub=cms")),
    ("nothing", raw(b"")),
    ("nested too deep", raw(DEEP)),
    ("a header nested too deep", raw(with_claims(), b'{"alg":"HS256","x":' + b"[" * 5_000)),
    ("an algorithm in a list", raw(with_claims(), b'{"alg":["HS256"]}')),
    ("a key's name in a list", raw(with_claims(), b'{"alg":"HS256","kid":[]}')),
    ("a critical extension", raw(with_claims(), b'{"alg":"HS256","crit":["x"],"x":1}')),
    ("no signature", raw(with_claims()).rpartition(".")[0] + "."),
    ("many parts", ".".join(["e30"] * 4_000)),
]


@pytest.mark.parametrize("text", [text for _, text in ODD], ids=[name for name, _ in ODD])
async def test_odd_claims_are_no_token(service: Service, text: str) -> None:
    answer = await service.ask("GET", "/v1/events", token=text)
    assert (answer.status, answer.problem) == (401, "unauthorized")


def test_what_the_odd_ones_are_made_with_makes_good_ones() -> None:
    assert tokens.read(raw(with_claims()), [SECRET]).person == "cms"
    assert tokens.read(raw(with_claims(aud=["others", "rostra"])), [SECRET]).person == "cms"
    assert tokens.read(forged(iat=1.5), [SECRET]).issued == 1.5


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(["sub", "name", "scope", "site", "exp", "iat", "nbf", "aud", "iss", "x"])
_changes = st.dictionaries(_names, _json, max_size=4)
_headers = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), _json, max_size=3)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a text that may be sent as a token: signed rightly or not, with any claims."""
    changed = {**claims(), **draw(_changes)}
    header = {"alg": "HS256", **draw(_headers)}
    signed = raw(_dumped(changed), _dumped(header))
    cut = draw(st.integers(0, len(signed)))
    visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
    return draw(
        st.sampled_from([signed, signed[:cut], signed[:cut] + "A" + signed[cut:]])
        | visible
        | st.lists(visible, max_size=5).map(".".join)
    )


@settings(deadline=None, max_examples=examples(300))
@given(texts())
def test_no_text_is_anything_but_a_token_or_refused(text: str) -> None:
    try:
        found = verifier().token(text)
    except Problem as problem:
        refused = problem.name
    else:
        refused = ""
        assert found.person.encode()
        assert found.expires > time.time()
    assert refused in ("", "unauthorized")


async def test_no_text_breaks_a_request(service: Service) -> None:
    for text in ["", ".", "..", "…", "\udc80", "a.b.c", "x" * 7_000, *(text for _, text in ODD)]:
        for path in ("/v1/events", "/v1/rules?site=gazette&resource=/trams", "/v1/moderation"):
            header = {"Authorization": f"Bearer {text}".encode(errors="replace").decode()}
            answer = await service.ask("GET", path, headers=header)
            assert (answer.status, answer.problem) == (401, "unauthorized"), text


def test_a_token_without_algorithm_is_refused() -> None:
    with unauthorized():
        verifier().token(jwt.encode(claims(), "", "none"))


@pytest.mark.parametrize("claimed", [{}, {"guest": True}])
@pytest.mark.parametrize("person", ["rostra:review", "guest:0a1b"])
async def test_ids_of_our_own_are_in_no_token_but_those_that_we_make_for_guests(
    service: Service, person: str, claimed: dict[str, bool]
) -> None:
    """A host signs with the same secret, and its users may choose their ids."""
    await service.given(event("site.configured", settings={"guests": True}), opened(), posted())
    bearer = jwt.encode(claims(sub=person, scope="comment", site=SITE) | claimed, SECRET)
    is_ours = person.startswith("guest:") and bool(claimed)
    answer = await service.get("/v1/rules", token=bearer, **PLACE)
    assert answer.status == (200 if is_ours else 401)
    body = json.dumps({"site": SITE, "name": "Gus"}).encode()
    headers = {"Content-Type": "application/json"}
    guest = await service.ask("POST", "/v1/guests", headers=headers, body=body)
    answer = await service.get("/v1/rules", token=guest.json["token"], **PLACE)
    assert answer.status == 200


async def test_a_batch_is_judged_element_by_element(service: Service) -> None:
    body = json.dumps([opened(), opened(site="herald")]).encode()
    answer = await service.post(body, media_type=BATCHED, token=token("publish", site=SITE))
    assert [one["status"] for one in answer.json["results"]] == ["recorded", "rejected"]
