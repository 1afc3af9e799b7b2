"""Bad input: each has its status and a clear problem, and nothing is written."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

import rostra.commands
from rostra_adapters.http.messages import media_type
from rostra_adapters.http.problems import KINDS
from support.service import (
    BATCHED,
    STRUCTURED,
    Answer,
    Service,
    event,
    forged,
    opened,
    posted,
    token,
    voted,
)

LONG_AGO = 1_000_000_000


async def refused(service: Service, answer: Answer, status: int, problem: str) -> Answer:
    """The answer is that problem, well-formed, and the log has nothing more than it had."""
    assert (answer.status, answer.problem) == (status, problem), answer.body
    assert answer.json["title"]
    assert not {"Traceback", "SELECT", "asyncpg"} & set(str(answer.json).split())
    assert (await service.ask("GET", answer.json["type"])).status == 200
    return answer


EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown type": (event("comment.sung"), "unknown-type"),
    "no type": ({**opened(), "type": None}, "invalid-event"),
    "another version": ({**opened(), "specversion": "0.3"}, "invalid-event"),
    "no id": ({**opened(), "id": None}, "invalid-event"),
    "an empty id": ({**opened(), "id": ""}, "invalid-event"),
    "an empty source": ({**opened(), "source": ""}, "invalid-event"),
    "no data": ({**opened(), "data": None}, "invalid-event"),
    "data of another kind": ({**opened(), "data": "x"}, "invalid-event"),
    "data twice": ({**opened(), "data_base64": "e30="}, "invalid-event"),
    "base64 of no JSON": ({**opened(), "data": None, "data_base64": "e30"}, "invalid-event"),
    "no resource": (event("discussion.opened", resource=None), "invalid-event"),
    "an empty site": (opened(site=""), "invalid-event"),
    "a missing field": (event("vote.cast", comment="c1", value=1), "invalid-event"),
    "no comment named": (event("comment.removed"), "invalid-event"),
    "a field of another type": (voted("1"), "invalid-event"),  # type: ignore[arg-type]
    "a vote of two": (voted(2), "invalid-event"),
    "an empty body": (posted("c2", body=""), "invalid-event"),
    "a blank body": (posted("c2", body=" \n\t"), "invalid-event"),
    "an oversized body": (posted("c2", body="x" * 16_385), "invalid-event"),
    "a body of too many bytes": (posted("c2", body="é" * 8_193), "invalid-event"),
    "NUL in a body": (posted("c2", body="a\0b"), "invalid-event"),
    "NUL in a title": (opened(title="\0"), "invalid-event"),
    "a control character in a key": (posted("c\n2"), "invalid-event"),
    "a control character in a resource": (opened(resource="/\x7f"), "invalid-event"),
    "a control character in a site": (opened(site="a\x85b"), "invalid-event"),
    "a control character in a person": (voted(voter="b\tob"), "invalid-event"),
    "a control character in an id": ({**opened(), "id": "\x01"}, "invalid-event"),
    "an e-mail address for a person": (voted(voter="bob@example.org"), "invalid-event"),
    "an overlong key": (posted("c" * 201), "invalid-event"),
    "an overlong resource": (opened(resource="/" * 2_001), "invalid-event"),
    "a time in the future": (voted(time="2100-01-01T00:00:00Z"), "time-ahead"),
    "a time without an offset": (voted(time="2026-01-01T00:00:00"), "invalid-event"),
    "a time that is none": (voted(time="2026-02-30T00:00:00Z"), "invalid-event"),
    "an unknown discussion": (posted("c2", resource="/buses"), "unknown-discussion"),
    "an unknown comment": (voted(on="c9"), "unknown-comment"),
    "an unknown parent": (posted("c2", parent="c9"), "unknown-parent"),
    "an unknown passage": (posted("c2", passage="p9"), "unknown-passage"),
    "an id of another discussion": (
        event("comment.removed", comment_id="00000000-0000-8000-8000-000000000000"),
        "unknown-comment",
    ),
    "key and id that disagree": (
        event("comment.removed", comment="c1", comment_id="00000000-0000-8000-8000-000000000000"),
        "ids-disagree",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
async def test_an_event_that_cannot_be_is_refused(service: Service, name: str) -> None:
    await service.given(opened(), posted())
    bad, problem = EVENTS[name]
    single = await refused(service, await service.publish(bad), 422, problem)
    if problem == "invalid-event":
        assert all(error["path"] and error["message"] for error in single.json["errors"])
        assert "regex" not in str(single.json)
    [result] = await service.batch([bad])
    assert result["status"] == "rejected"
    assert result["problem"]["type"] == f"/problems/{problem}"
    assert await service.app.head() == 2


async def test_a_parent_in_another_discussion_is_unknown(service: Service) -> None:
    [_, _, there] = await service.given(
        opened(), opened(resource="/buses"), posted(resource="/buses")
    )
    for named in ({"parent": "c1"}, {"parent_id": there}):
        answer = await service.publish(posted("c2", **named))
        await refused(service, answer, 422, "unknown-parent")
    assert await service.app.head() == 3


async def test_a_key_that_another_event_took_is_a_conflict(service: Service) -> None:
    await service.given(opened(), posted())
    same, other = await service.publish(posted()), await service.publish(posted(body="No."))
    await refused(service, same, 409, "comment-exists")
    await refused(service, other, 409, "different-content")
    assert await service.app.head() == 2


def _json(*, body: bytes) -> bytes:
    """A comment with these bytes for its body."""
    return json.dumps(posted("c2", body="HERE")).encode().replace(b"HERE", body)


def _beside(value: bytes) -> bytes:
    """An event with an attribute that we pass over."""
    return json.dumps(opened())[:-1].encode() + b',"extension":' + value + b"}"


NOT_JSON = {
    "nothing": b"",
    "half an object": b'{"id": "e1"',
    "two values": b"{} {}",
    "invalid UTF-8": _json(body=b"\xff"),
    "an encoded surrogate": _json(body=b"\xed\xa0\x80"),
    "half a surrogate pair": _json(body=rb"\ud83d"),
    "the other half": _json(body=rb"\ude00"),
    "invalid UTF-8 in what is passed over": _beside(b'"\xff"'),
    "half a surrogate pair in what is passed over": _beside(rb'"\ud83d"'),
    "NaN": _beside(b"NaN"),
    "Infinity": _beside(b"-Infinity"),
    "a raw control character": _json(body=b"\n"),
    "nested deeper than 100": _beside(b"[" * 100 + b"]" * 100),
    "nested very much deeper": b"[" * 100_000,
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "UTF-16": json.dumps(opened()).encode("utf-16"),
}


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("media_type", [STRUCTURED, BATCHED])
async def test_bytes_that_are_not_json_are_refused_as_a_whole(
    service: Service, name: str, media_type: str
) -> None:
    await service.given(opened())
    body = NOT_JSON[name]
    if media_type == BATCHED and name != "nothing":
        body = b"[%b,%b]" % (json.dumps(posted()).encode(), body)
    answer = await service.post(body, media_type=media_type)
    await refused(service, answer, 400, "not-json")
    assert await service.app.head() == 1


async def test_nested_a_hundred_deep_is_json(service: Service) -> None:
    answer = await service.post(_beside(b"[" * 99 + b"]" * 99))
    assert answer.status == 201


async def test_a_batch_that_is_no_array_is_refused_as_a_whole(service: Service) -> None:
    answer = await service.post(json.dumps(opened()).encode(), media_type=BATCHED)
    await refused(service, answer, 422, "not-an-array")


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/xml",
        "application/cloudevents+xml",
        "",
        "a/b/c",
        "application/json; charset*=utf-8''x; charset*1=y",
    ],
)
async def test_another_media_type_is_refused(service: Service, media_type: str) -> None:
    answer = await service.post(json.dumps(opened()).encode(), media_type=media_type)
    await refused(service, answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset*; charset*1", "*1(é*\udcff"])
def test_a_media_type_that_cannot_be_parsed_is_none_of_ours(content_type: str) -> None:
    assert media_type(content_type) == ("", False)


async def test_too_many_events_or_bytes_are_refused(service: Service) -> None:
    many = b"[" + b",".join([b"1"] * 10_001) + b"]"
    answer = await service.post(many, media_type=BATCHED)
    await refused(service, answer, 413, "too-large")
    large = b"[" + b" " * (32 * 1024 * 1024) + b"]"
    answer = await service.post(large, media_type=BATCHED)
    await refused(service, answer, 413, "too-large")


@pytest.mark.slow
async def test_ten_thousand_events_are_taken(service: Service) -> None:
    results = await service.batch([opened(), *(posted(f"c{n}") for n in range(9_999))])
    assert {result["status"] for result in results} == {"recorded"}


TOKENS = {
    "no token at all": "",
    "no JWT": "Bearer abc",
    "no bearer": f"Basic {token()}",
    "expired": f"Bearer {forged(exp=LONG_AGO)}",
    "without an end": f"Bearer {forged(exp=None)}",
    "for another audience": f"Bearer {forged(aud='others')}",
    "for no audience": f"Bearer {forged(aud=None)}",
    "of nobody": f"Bearer {forged(sub=None)}",
    "signed with another secret": f"Bearer {forged('x' * 40)}",
    "signed with another algorithm": f"Bearer {forged('x' * 70, 'HS512')}",
    "not signed": f"Bearer {forged('', None)}",
    "with a scope that is no text": f"Bearer {forged(scope=['publish'])}",
    "with a site that is no text": f"Bearer {forged(site=5)}",
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_token_that_is_not_good_is_refused(
    service: Service, name: str, method: str
) -> None:
    headers = {"Authorization": TOKENS[name]} if TOKENS[name] else {}
    headers["Content-Type"] = STRUCTURED
    answer = await service.ask(
        method, "/v1/events", headers=headers, body=json.dumps(opened()).encode()
    )
    await refused(service, answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert await service.app.head() == 0


@pytest.mark.parametrize(
    "bearer",
    [token("read"), token(""), token(site="herald"), forged(site=None)],
    ids=["of another scope", "of no scope", "of another site", "of no site"],
)
async def test_a_token_that_does_not_reach_so_far_is_refused(service: Service, bearer: str) -> None:
    answer = await service.publish(opened(), token=bearer)
    await refused(service, answer, 403, "forbidden")
    assert await service.app.head() == 0


async def test_tokens_of_other_makers_are_all_refused(service: Service, test_data: Any) -> None:
    tokens = json.loads((test_data / "robustness" / "jws.json").read_text())
    found = {str(text) for text in _texts(tokens) if str(text).count(".") >= 2}
    assert len(found) > 100
    for text in found:
        if not text.isprintable():
            continue
        answer = await service.publish(opened(), token=text.strip())
        assert answer.status == 401, text
    assert await service.app.head() == 0


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
    return []


QUERIES = {
    "/v1/discussions": [
        "",
        "site=",
        "site=a%00",
        "site=a&resource=%FF",
        "site=a&site=b",
        "site=a&limit=0",
        "sit=a",
    ],
    "/v1/discussions/{id}/comments": [
        "order=funniest",
        "limit=101",
        "limit=-1",
        "limit=1.5",
        "limit=%D9%A1",
        "replies=101",
        "passage=p1",
        "inline=yes",
        "flat=1",
        "cursor=",
        "cursor=abc",
        "min_position=x",
        "wait=nan",
        "wait=31",
        "order=%FF",
        "passage=%C3%28",
    ],
    "/v1/counts": ["site=a", "resource=a", "site=a&resource=", "site=a" + "&resource=b" * 101],
    "/v1/events": ["after=-1", "limit=5001", "limit=0", "type=x", "resource=a", "wait=x", "a=b"],
}


@pytest.mark.parametrize(
    ("path", "query"), [(path, query) for path, all_ in QUERIES.items() for query in all_]
)
async def test_a_parameter_that_does_not_fit_is_refused(
    service: Service, path: str, query: str
) -> None:
    [discussion] = await service.given(opened())
    bearer = token() if path == "/v1/events" else None
    answer = await service.ask("GET", f"{path.format(id=discussion)}?{query}", token=bearer)
    await refused(service, answer, 400, "bad-cursor" if "cursor=a" in query else "bad-query")


async def test_the_problem_of_every_refusal_is_known() -> None:
    """So that none shows up as something nameless."""
    sources = Path(rostra.commands.__file__).parent.glob("*.py")
    text = "\n".join(path.read_text() for path in sources)
    named = set(re.findall(r'Refusal\(\s*"([a-z-]+)"', text))
    named |= {f"unknown-{what}" for what in re.findall(r'unknown\("([a-z]+)"', text)}
    assert len(named) > 15
    assert named <= KINDS.keys()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("resource=%2Fa%FF", 400),
        ("resource=%2Fa%ef%bf%bd", 404),
        ("resource=%2Fa%EF%BF%BD%FF", 400),
        ("resource=%2Fa%C3", 400),
        ("resource=%2Fa%C3%A9", 404),
        ("resource=%2Fa%ED%A0%80", 400),
        ("resource=%2Fa%zz", 404),
    ],
)
async def test_only_a_query_in_utf_8_is_read(service: Service, query: str, status: int) -> None:
    url = URL(f"{service.url}/v1/discussions?site=gazette&{query}", encoded=True)
    async with ClientSession() as session, session.get(url) as answer:
        said = (await answer.json(content_type=None))["detail"]
    assert answer.status == status
    assert (said == "the query is not UTF-8") == (status == 400)
