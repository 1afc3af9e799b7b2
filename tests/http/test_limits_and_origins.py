"""How often one may ask, and from which pages a browser may write."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.middleware.limits import Buckets
from rostra_adapters.http_limits import Rate
from support import wire
from support.service import (
    PLACE,
    SECRET,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
C1 = ids.comment_id(DISCUSSION, "c1")
READ = f"/v1/discussions/{DISCUSSION}"
SLOW = Rate(burst=3, per_second=0.001)
OURS, OTHERS = "https://gazette.example", "https://others.example"


def test_a_bucket_fills_at_its_rate_and_never_beyond_its_size() -> None:
    now = [0.0]
    buckets = Buckets("person", Rate(burst=2, per_second=0.5), lambda: now[0])
    assert [buckets.spend("ann").remaining for _ in range(2)] == [1, 0]
    refused = buckets.spend("ann")
    assert (refused.wait_seconds, refused.reset_seconds) == (2.0, 4)
    assert buckets.spend("bob").wait_seconds == 0
    now[0] = 2.0
    assert buckets.spend("ann").wait_seconds == 0
    now[0] = 1_000.0
    assert buckets.spend("ann").headers() == {
        "RateLimit-Policy": '"person";q=2;w=4',
        "RateLimit": '"person";r=1;t=2',
    }


@pytest.mark.parametrize("who", ["person", "reader"])
async def test_who_asks_too_often_is_told_when_to_come_back(who: str) -> None:
    settings = HttpSettings(secret=SECRET, person_rate=SLOW, reader_rate=SLOW)
    async with serving(settings=settings) as service:
        await service.given(opened())
        bearer = token("comment", site=SITE, person="ann") if who == "person" else None

        async def ask(address: str = "192.0.2.1") -> tuple[int, str | None, str | None]:
            headers = {"X-Forwarded-For": f"10.0.0.1, {address}"}
            answer = await service.ask("GET", READ, token=bearer, headers=headers)
            return answer.status, answer.problem, answer.headers.get("RateLimit")

        assert (await service.ask("GET", "/healthz")).status == 200
        for left in (2, 1, 0):
            status, _, told = await ask()
            assert (status, str(told).split(";t=")[0]) == (200, f'"{who}";r={left}')
        assert (await ask())[:2] == (429, "too-many-requests")
        other = await ask("192.0.2.2")
        assert other[0] == (429 if who == "person" else 200)


async def test_a_refusal_carries_the_headers_of_the_limit() -> None:
    settings = HttpSettings(secret=SECRET, person_rate=Rate(burst=1, per_second=0.1))
    async with serving(settings=settings) as service:
        ann = token("comment", site=SITE, person="ann")
        await service.ask("GET", READ, token=ann)
        answer = await service.ask("GET", READ, token=ann)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
        assert answer.headers["RateLimit-Policy"] == '"person";q=1;w=10'
        assert answer.headers["RateLimit"] == '"person";r=0;t=10'


async def test_publishers_are_not_limited_by_default() -> None:
    settings = HttpSettings(secret=SECRET, person_rate=SLOW, reader_rate=SLOW)
    async with serving(settings=settings) as service:
        await service.given(opened(), posted())
        for number in range(10):
            answer = await service.publish(voted(voter=f"v{number}"))
            assert answer.status == 201
            assert "RateLimit" not in answer.headers


# -- origins


@pytest.fixture
async def narrowed(service: Service) -> Service:
    await service.given(event("site.configured", settings={"origins": [OURS]}), opened(), posted())
    return service


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{READ}/comments"),
        ("PATCH", f"/v1/comments/{C1}"),
        ("PUT", f"/v1/comments/{C1}/vote"),
        ("DELETE", f"/v1/comments/{C1}"),
    ],
)
async def test_a_browser_is_told_beforehand_whether_it_may_write(
    narrowed: Service, method: str, path: str
) -> None:
    for origin, allowed in [(OURS, OURS), (OTHERS, None)]:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization, idempotency-key, if-match",
        }
        answer = await narrowed.ask("OPTIONS", path, headers=headers)
        assert answer.status == 204
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert "idempotency-key" in answer.headers["Access-Control-Allow-Headers"]


async def test_beforehand_nobody_is_told_that_something_private_is_there(service: Service) -> None:
    rules = {"origins": [OURS], "private": True}
    await service.given(event("site.configured", settings=rules), opened(), posted())
    headers = {"Origin": OTHERS, "Access-Control-Request-Method": "POST"}
    unknown = ids.discussion_id("herald", PLACE["resource"])
    heard = [
        await service.ask("OPTIONS", f"/v1/discussions/{discussion}/comments", headers=headers)
        for discussion in (DISCUSSION, unknown)
    ]
    own = ("Date", "traceparent")
    private, nothing = (
        (answer.status, [pair for pair in answer.headers.items() if pair[0] not in own])
        for answer in heard
    )
    assert private == nothing
    bob = token("comment read", site=SITE, person="bob")
    write = {"Origin": OTHERS, "Content-Type": "application/json"}
    body = json.dumps({"body": "Yes."}).encode()
    answer = await service.ask("POST", f"{READ}/comments", token=bob, headers=write, body=body)
    assert (answer.status, answer.problem) == (403, "origin-not-allowed")


async def test_preflights_beyond_the_limit_of_an_address_read_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(settings=HttpSettings(secret=SECRET, reader_rate=SLOW)) as service:
        await service.given(event("site.configured", settings={"origins": [OURS]}), opened())
        looks, find = [], service.app.lookup.current_access

        async def current_access(discussion: UUID) -> Any:
            looks.append(discussion)
            return await find(discussion)

        monkeypatch.setattr(service.app.lookup, "current_access", current_access)

        async def ask(address: str, **asked: str) -> Answer:
            headers = {"X-Forwarded-For": address, "Origin": OURS, **asked}
            return await service.ask("OPTIONS", READ, headers=headers)

        preflight = {"Access-Control-Request-Method": "GET"}
        answers = [await ask("192.0.2.1", **preflight) for _ in range(5)]
        assert [answer.status for answer in answers] == [204] * 5
        allowed = [answer.headers["Access-Control-Allow-Origin"] for answer in answers]
        assert allowed == [OURS] * 3 + ["*"] * 2  # the request itself is refused if it must be
        assert len(looks) == 3
        others = [(await ask("192.0.2.1")).status for _ in range(4)]
        assert others == [204] * 3 + [429]
        assert len(looks) == 6
        assert (await ask("192.0.2.2", **preflight)).headers["Access-Control-Allow-Origin"] == OURS


async def test_a_preflight_for_headers_that_are_not_ascii_names_the_usual_ones(
    service: Service,
) -> None:
    asked = ("Access-Control-Request-Method: GET", "Access-Control-Request-Headers: a\xff")

    def ask() -> wire.Answer:
        connection = wire.Wire(service.url)
        answer = connection.ask(wire.request("OPTIONS", READ, *asked))
        connection.close()
        return answer

    answer = await asyncio.to_thread(ask)
    assert answer.status == 204
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"


async def test_a_page_of_another_origin_writes_nothing(narrowed: Service) -> None:
    bob = token("comment", site=SITE, person="bob")
    body = json.dumps({"value": 1}).encode()
    for origin, status in [(OTHERS, 403), (OURS, 200), (None, 200)]:
        headers = {"Content-Type": "application/json"}
        headers |= {} if origin is None else {"Origin": origin}
        path = f"/v1/comments/{C1}/vote"
        answer = await narrowed.ask("PUT", path, token=bob, headers=headers, body=body)
        assert answer.status == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (
            OURS if origin == OURS else None
        )
    assert await narrowed.app.head() == 4  # the same vote again is no event


@pytest.mark.parametrize("below", ["", "/comments"])
async def test_the_services_own_pages_may_act_on_every_site(below: str) -> None:
    settings = HttpSettings(secret=SECRET, base_url=f"https://comments.example{below}")
    async with serving(settings=settings) as service:
        rules = {"origins": [OURS]}
        await service.given(event("site.configured", settings=rules), opened(), posted())
        mia = token("moderate", site=SITE, person="mia")
        body = json.dumps({"acts": [{"id": str(C1)}], "action": "pin"}).encode()

        async def status(origin: str, **others: str) -> Any:
            headers = {"Content-Type": "application/json", "Origin": origin, **others}
            path = "/v1/moderation/acts"
            answer = await service.ask("POST", path, token=mia, headers=headers, body=body)
            return answer.json["results"][0]["result"]

        assert await status("https://own.example", Host="own.example") == "recorded"
        for origin in ("http://own.example:81", "https://comments.example", service.url):
            host = origin.partition("://")[2]
            assert await status(origin, Host=host) == "unchanged"
        assert await status("https://comments.example") == "unchanged"
        for origin in (OTHERS, "http://comments.example", "https://comments.example:81", "null"):
            assert await status(origin) == "rejected", origin


async def test_any_page_may_write_where_the_site_names_none(service: Service) -> None:
    await service.given(opened())
    headers = {"Content-Type": "application/json", "Origin": OTHERS}
    bob = token("comment", site=SITE, person="bob")
    body = json.dumps({"body": "Yes."}).encode()
    answer = await service.ask("POST", f"{READ}/comments", token=bob, headers=headers, body=body)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (201, "*")
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_network_of_ipv6_is_one_reader() -> None:
    settings = HttpSettings(secret=SECRET, reader_rate=Rate(burst=1, per_second=0.001))
    async with serving(settings=settings) as service:
        statuses = [
            (await service.ask("GET", "/v1/counts", headers={"X-Forwarded-For": who})).status
            for who in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "not:an:address")
        ]
    assert statuses == [400, 429, 400, 400]
