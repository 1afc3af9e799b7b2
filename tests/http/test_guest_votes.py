"""Guests' votes: one an address, one a guest, or none, as the site says; guests no longer taken."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from rostra.times import Time
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.writes import address_hashes
from rostra_adapters.http_limits import Rate
from support.service import SECRET, Answer, Service, event, opened, posted, serving

SITE = "gazette"
COMMENT = ids.comment_id(ids.discussion_id(SITE, "/trams"), "c1")
VOTE = f"/v1/comments/{COMMENT}/vote"
MANY = HttpSettings(secret=SECRET, guest_rate=Rate(burst=1_000, per_second=100))
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Service]:
    async with serving("memory:" if request.param == "memory" else database_url, MANY) as made:
        yield made


async def open_to_guests(service: Service, **settings: Any) -> None:
    await service.given(
        event("site.configured", settings={"guests": True, **settings}), opened(), posted()
    )


async def guest(service: Service, address: str = "192.0.2.1") -> dict[str, str]:
    body = json.dumps({"site": SITE, "name": "Zoë"}).encode()
    headers = JSON | {"X-Forwarded-For": address}
    entered = await service.ask("POST", "/v1/guests", headers=headers, body=body)
    assert entered.status == 201, entered.body
    found: dict[str, str] = entered.json
    return found


async def vote(
    service: Service, who: dict[str, str], value: int = 1, address: str | None = "192.0.2.1"
) -> Answer:
    headers = JSON if address is None else JSON | {"X-Forwarded-For": address}
    body = json.dumps({"value": value}).encode()
    return await service.ask("PUT", VOTE, token=who["token"], headers=headers, body=body)


async def up(service: Service) -> int:
    shown: int = (await service.get(f"/v1/comments/{COMMENT}")).json["up"]
    return shown


async def test_five_names_are_one_vote_from_one_address(service: Service) -> None:
    await open_to_guests(service)
    answers = [await vote(service, await guest(service)) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, *[422] * 4]
    assert {answer.problem for answer in answers[1:]} == {"address-voted"}
    assert await up(service) == 1
    elsewhere = await vote(service, await guest(service), address="192.0.2.2")
    assert (elsewhere.status, await up(service)) == (200, 2)


async def test_five_names_on_this_machine_are_one_vote(service: Service) -> None:
    await open_to_guests(service)
    for _ in range(5):
        await vote(service, await guest(service), address=None)
    assert await up(service) == 1


async def test_a_guest_changes_their_own_vote(service: Service) -> None:
    await open_to_guests(service)
    zoe = await guest(service)
    for value in (1, -1, 0, 1):
        answer = await vote(service, zoe, value)
        assert (answer.status, answer.json["my_vote"]) == (200, value)
    moved = await vote(service, zoe, -1, address="192.0.2.9")
    assert moved.status == 200


async def test_of_votes_at_once_from_one_address_one_is_counted(service: Service) -> None:
    await open_to_guests(service)
    guests = [await guest(service) for _ in range(10)]
    answers = await asyncio.gather(*(vote(service, who) for who in guests))
    assert sorted(answer.status for answer in answers) == [200, *[422] * 9]
    assert await up(service) == 1


async def test_a_refused_vote_leaves_the_address_its_vote(service: Service) -> None:
    await open_to_guests(service, voting="up")
    refused = await vote(service, await guest(service), -1)
    assert (refused.status, refused.problem) == (422, "voting-up-only")
    assert (await vote(service, await guest(service))).status == 200


async def test_a_guest_without_a_vote_takes_none_of_the_addresss_by_taking_it_back(
    service: Service,
) -> None:
    await open_to_guests(service)
    zoe, other = await guest(service), await guest(service)
    assert (await vote(service, zoe, 0)).json["my_vote"] == 0
    assert (await vote(service, other)).status == 200
    assert (await vote(service, zoe, 0)).status == 200
    assert (await vote(service, zoe)).problem == "address-voted"
    assert (await vote(service, other, 0)).status == 200
    assert (await vote(service, other)).status == 200


def test_an_address_has_another_hash_each_day_and_is_known_for_thirty() -> None:
    def hashes(day: str, *secrets: str) -> list[bytes]:
        return address_hashes(secrets or ("one",), "192.0.2.1", Time(f"{day}T23:59:59.999999Z"))

    first = hashes("2026-11-01")[0]
    assert hashes("2026-11-02")[0] != first
    assert first in hashes("2026-11-02")
    assert first in hashes("2026-12-01")
    assert first not in hashes("2026-12-02")
    assert first in hashes("2026-11-05", "two", "one")  # the secret has been replaced
    assert hashes("2026-11-01", "two")[0] != first
    assert first not in address_hashes(["one"], "192.0.2.2", Time("2026-11-01T00:00:00.000000Z"))


@pytest.mark.parametrize(("setting", "statuses"), [("name", [200, 200]), ("off", [422, 422])])
async def test_a_site_takes_one_a_guest_or_none(
    service: Service, setting: str, statuses: list[int]
) -> None:
    await open_to_guests(service, guest_votes=setting)
    answers = [await vote(service, await guest(service)) for _ in range(2)]
    assert [answer.status for answer in answers] == statuses
    assert {answer.problem for answer in answers} <= {None, "guest-votes-off"}
    rules = await service.ask("GET", f"/v1/rules?site={SITE}&resource=/trams")
    assert rules.json["guest_votes"] == setting


async def test_an_erased_guest_leaves_no_address(service: Service) -> None:
    await open_to_guests(service)
    zoe = await guest(service)
    await vote(service, zoe)
    erased = event("person.erased", person=zoe["sub"])
    del erased["data"]["resource"]
    await service.given(erased)
    operational = service.app.operational
    reservation = await operational.reserve_vote(SITE, COMMENT, [b"x"], zoe["sub"])
    assert reservation.outcome == "made"


async def test_an_erasure_on_another_site_releases_no_vote(service: Service) -> None:
    await open_to_guests(service)
    zoe = await guest(service)
    await vote(service, zoe)
    erased = {**event("person.erased"), "data": {"site": "courier", "person": zoe["sub"]}}
    await service.given(erased)
    assert (await vote(service, await guest(service))).problem == "address-voted"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", VOTE, {"value": 1}),
        ("POST", f"/v1/discussions/{ids.discussion_of(COMMENT)}/comments", {"body": "Me again."}),
        ("POST", f"/v1/comments/{COMMENT}/flag", {"reason": "Rude."}),
        ("PUT", "/v1/discussions", {"site": SITE, "resource": "/trams"}),
    ],
)
async def test_a_site_that_takes_guests_no_longer_has_none(
    service: Service, method: str, path: str, body: dict[str, Any]
) -> None:
    await open_to_guests(service)
    who = await guest(service)
    await service.given(event("site.configured", settings={"guests": False}))
    head = await service.app.head()
    content = json.dumps(body).encode()
    refused = await service.ask(method, path, token=who["token"], headers=JSON, body=content)
    assert (refused.status, refused.problem) == (403, "no-guests")
    assert await service.app.head() == head
