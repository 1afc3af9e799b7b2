"""Limits that a site sets on its persons' writes, and bans of guests' addresses."""

import json
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import pytest

from rostra import ids
from rostra.log import LogBusy
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.service import SECRET, Answer, Service, event, opened, posted, serving, token

SITE = "gazette"
DISCUSSION = ids.discussion_id(SITE, "/trams")
COMMENT = ids.comment_id(DISCUSSION, "c1")
JSON = {"Content-Type": "application/json"}
HERE = "192.0.2.1"
UNLIMITED = HttpSettings(
    secret=SECRET,
    guest_rate=Rate(burst=1_000, per_second=100),
    comments_per_person=None,
    votes_per_person=None,
    comments_per_address=None,
    votes_per_address=None,
)


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url, UNLIMITED) as made:
        yield made


async def configure(service: Service, **settings: Any) -> None:
    await service.given(event("site.configured", settings=settings))


async def comment(
    service: Service, who: str, address: str = HERE, *, given: str | None = None
) -> Answer:
    return await service.ask(
        "POST",
        f"/v1/discussions/{DISCUSSION}/comments",
        token=given or token("comment", site=SITE, person=who),
        headers=JSON | {"X-Forwarded-For": address},
        body=b'{"body": "Yes."}',
    )


async def vote(service: Service, who: str, key: str) -> Answer:
    about = ids.comment_id(DISCUSSION, key)
    return await service.ask(
        "PUT",
        f"/v1/comments/{about}/vote",
        token=token("comment", site=SITE, person=who),
        headers=JSON | {"X-Forwarded-For": HERE},
        body=b'{"value": 1}',
    )


async def test_a_slow_site_takes_a_comment_now_and_then(service: Service) -> None:
    await service.given(opened(), posted())
    await configure(service, slow_seconds=600)
    assert (await comment(service, "bob")).status == 201
    refused = await comment(service, "bob", "198.51.100.7")
    assert refused.status == 429
    assert 500 < int(refused.headers["Retry-After"]) <= 600
    assert (await comment(service, "cy")).status == 429  # of the same address
    assert (await comment(service, "cy", "203.0.113.9")).status == 201
    await configure(service, slow_seconds=0)
    assert (await comment(service, "bob")).status == 201  # at once


async def test_so_many_a_day(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2"), posted("c3"))
    await configure(service, per_day={"comments": 2, "votes": 2})
    assert [(await comment(service, "bob")).status for _ in range(3)] == [201, 201, 429]
    assert [(await vote(service, "bob", key)).status for key in ("c1", "c2", "c3")] == [
        200,
        200,
        429,
    ]
    refused = await vote(service, "bob", "c3")
    assert refused.json["detail"].endswith("is 2 votes a day")
    assert (await comment(service, "cy", "198.51.100.7")).status == 201


async def write(service: Service, path: str, key: str | None = None, **body: Any) -> Answer:
    """Post as bob, from one address."""
    headers = JSON | {"X-Forwarded-For": HERE}
    return await service.ask(
        "POST",
        f"/v1/discussions/{DISCUSSION}{path}",
        token=token("comment", site=SITE, person="bob"),
        headers=headers if key is None else headers | {"Idempotency-Key": key},
        body=json.dumps(body).encode(),
    )


async def test_a_repeat_is_answered_like_the_first_where_there_is_no_room(service: Service) -> None:
    await service.given(opened(), event("article.revised", revision="r1", text="Trams run late."))
    await configure(service, slow_seconds=600, per_day={"marks": 1})
    for path, body in [("/comments", {"body": "Yes."}), ("/passages", {"exact": "Trams"})]:
        first = await write(service, path, "k1", **body)
        assert first.status == 201
        repeat = await write(service, path, "k1", **body)
        assert (repeat.status, repeat.json) == (201, first.json)
        assert (await write(service, path, "k2", **body)).status == 429
        assert (await write(service, path, **body)).status == 429
    other = await write(service, "/comments", "k1", body="No.")
    assert (other.status, other.problem) == (409, "different-content")


async def test_a_refused_comment_takes_no_room_of_the_site(service: Service) -> None:
    await service.given(opened())
    rules = [{"when": {"words": ["spam"]}, "then": "reject"}]
    await configure(service, slow_seconds=600, per_day={"comments": 1}, rules=rules)
    refused = await write(service, "/comments", body="Spam.")
    assert refused.problem == "rejected-by-rule"
    unknown = str(ids.comment_id(DISCUSSION, "none"))
    assert (await write(service, "/comments", body="Yes.", parent=unknown)).status == 422
    assert (await write(service, "/comments", body="Yes.")).status == 201
    assert (await write(service, "/comments", body="Yes.")).status == 429


async def test_a_comment_for_which_the_service_is_too_busy_takes_no_room_of_the_site(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.given(opened())
    await configure(service, slow_seconds=600)

    async def busy(_: object) -> NoReturn:
        raise LogBusy(1.0)

    with monkeypatch.context() as patched:
        patched.setattr(service.app, "submit", busy)
        assert (await write(service, "/comments", body="Yes.")).status == 503
    assert (await write(service, "/comments", body="Yes.")).status == 201


async def test_a_refused_comment_takes_room_of_the_service() -> None:
    settings = HttpSettings(secret=SECRET, comments_per_person=Rate(burst=2, per_second=0.001))
    async with serving(settings=settings) as service:
        await service.given(opened())
        unknown = str(ids.comment_id(DISCUSSION, "none"))
        answers = [await write(service, "/comments", body="Yes.", parent=unknown) for _ in range(3)]
    assert [answer.status for answer in answers] == [422, 422, 429]


async def test_other_sites_have_room_of_their_own(service: Service) -> None:
    await service.given(opened(), posted())
    await configure(service, slow_seconds=600)
    assert (await comment(service, "bob")).status == 201
    there = ids.discussion_id("herald", "/trams")
    await service.given(
        opened(site="herald"),
        event("site.configured", site="herald", settings={"slow_seconds": 600}),
    )
    answer = await service.ask(
        "POST",
        f"/v1/discussions/{there}/comments",
        token=token("comment", site="herald", person="bob"),
        headers=JSON | {"X-Forwarded-For": HERE},
        body=b'{"body": "Yes."}',
    )
    assert answer.status == 201


async def guest(service: Service, address: str = HERE) -> dict[str, Any]:
    body = json.dumps({"site": SITE, "name": "Zoë"}).encode()
    headers = JSON | {"X-Forwarded-For": address}
    entered = await service.ask("POST", "/v1/guests", headers=headers, body=body)
    found: dict[str, Any] = entered.json
    return found


def about(kind: str, person: str) -> dict[str, Any]:
    """Return an event about a person, by a moderator."""
    return {**event(kind), "data": {"site": SITE, "person": person, "by": "mia"}}


async def test_a_guest_is_banned_by_address(service: Service) -> None:
    await service.given(event("site.configured", settings={"guests": True}), opened(), posted())
    follower = ModerationFollower(service.app)
    bad = await guest(service)
    assert (await comment(service, "", given=bad["token"])).status == 201
    await service.given(about("person.banned", bad["sub"]))
    await follower.catch_up()
    again = await guest(service)
    refused = await comment(service, "", given=again["token"])
    assert (refused.status, refused.json["type"]) == (422, "/problems/person-banned")
    assert refused.json["until"] > "2026"
    elsewhere = await comment(service, "", "198.51.100.7", given=again["token"])
    assert elsewhere.status == 201
    assert (await comment(service, "bob")).status == 201  # no guest
    await service.given(about("person.unbanned", bad["sub"]))
    await follower.catch_up()
    assert (await comment(service, "", given=again["token"])).status == 201


async def test_a_guest_at_a_banned_address_deletes_and_changes_settings(service: Service) -> None:
    await service.given(event("site.configured", settings={"guests": True}), opened(), posted())
    follower = ModerationFollower(service.app)
    bad, other = await guest(service), await guest(service)
    assert (await comment(service, "", given=bad["token"])).status == 201
    own = await comment(service, "", given=other["token"])
    await service.given(about("person.banned", bad["sub"]))
    await follower.catch_up()

    async def ask(method: str, path: str, **body: Any) -> Answer:
        headers, given = JSON | {"X-Forwarded-For": HERE}, json.dumps(body).encode()
        return await service.ask(method, path, token=other["token"], headers=headers, body=given)

    subscription = f"/v1/discussions/{DISCUSSION}/subscription"
    assert (await ask("PUT", subscription, to="comments")).status == 200
    assert (await ask("DELETE", subscription)).status == 200
    assert (await ask("PATCH", "/v1/me", notify={"replies": "off"})).status == 200
    forbidden: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"/v1/discussions/{DISCUSSION}/comments", {"body": "Yes."}),
        ("POST", f"/v1/discussions/{DISCUSSION}/passages", {"exact": "Trams"}),
        ("PATCH", f"/v1/comments/{own.json['id']}", {"body": "No."}),
        ("PUT", f"/v1/comments/{COMMENT}/vote", {"value": 1}),
        ("POST", f"/v1/comments/{COMMENT}/flag", {"reason": "Rude."}),
    ]
    for method, path, body in forbidden:
        refused = await ask(method, path, **body)
        assert (refused.status, refused.problem) == (422, "person-banned"), path
    assert (await ask("DELETE", f"/v1/comments/{own.json['id']}")).json["status"] == "deleted"


async def test_settings_hold_at_once_in_every_process(database_url: str) -> None:
    async with serving(database_url, UNLIMITED) as here, serving(database_url, UNLIMITED) as there:
        await here.given(opened(), posted())
        assert (await comment(there, "bob")).status == 201
        await configure(here, slow_seconds=600)
        assert (await comment(there, "bob")).status == 201
        assert (await comment(there, "bob")).status == 429
        await configure(here, slow_seconds=0, rules=[{"when": {"words": ["yes"]}, "then": "hold"}])
        answer = await comment(there, "dan", "203.0.113.77")
        assert answer.json["status"] == "held"
        await configure(here, rules=[])
        answer = await comment(there, "dan", "203.0.113.77")
        assert answer.json["status"] == "published"
