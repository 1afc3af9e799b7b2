"""Readers without an account, and how a comment would be shown."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra_adapters.application.queries import labelled_names
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth.tokens import read
from rostra_adapters.http_limits import Rate
from support.service import SECRET, Answer, Event, Service, event, opened, posted, serving, token

SITE = "gazette"


async def guest(service: Service, name: str = "Zoë", **headers: str) -> Answer:
    body = json.dumps({"site": SITE, "name": name}).encode()
    given = {"Content-Type": "application/json", **headers}
    return await service.ask("POST", "/v1/guests", headers=given, body=body)


async def test_a_guest_writes_under_the_name_they_gave(service: Service) -> None:
    [_, discussion] = await service.given(
        event("site.configured", settings={"guests": True}), opened()
    )
    entered = await guest(service)
    assert entered.status == 201
    assert entered.headers["Cache-Control"] == "no-store"
    written = await service.ask(
        "POST",
        f"/v1/discussions/{discussion}/comments",
        token=entered.json["token"],
        headers={"Content-Type": "application/json"},
        body=b'{"body": "Hello."}',
    )
    assert written.status == 201
    found = await service.get(f"/v1/comments/{written.json['id']}")
    assert found.json["author"] == {"id": entered.json["sub"], "name": "Zoë", "guest": True}
    assert entered.json["sub"] != (await guest(service)).json["sub"]


async def test_a_site_that_takes_no_guests_says_so(service: Service) -> None:
    await service.given(opened())
    refused = await guest(service)
    assert (refused.status, refused.problem) == (403, "no-guests")


async def test_a_guest_needs_a_name_that_fits(service: Service) -> None:
    await service.given(event("site.configured", settings={"guests": True}))
    for name in ("", "n" * 101, "a\u0000b"):
        refused = await guest(service, name)
        assert (refused.status, refused.problem) == (422, "invalid-body"), name


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u2800", " ", "A\nB", "\x1b[1mA", "\u202eA", "A\u200bB", "A" + "\u0301" * 4],
)
async def test_a_guests_name_shows_what_it_is(service: Service, name: str) -> None:
    await service.given(event("site.configured", settings={"guests": True}))
    refused = await guest(service, name)
    assert (refused.status, refused.problem) == (422, "invalid-body")
    assert refused.json["errors"][0]["path"] == "name"


async def test_a_guests_name_is_composed_and_its_blanks_are_joined(service: Service) -> None:
    await service.given(event("site.configured", settings={"guests": True}))
    entered = await guest(service, " Zoe\u0308 \u3000 Lee ")
    assert read(entered.json["token"], [SECRET]).name == "Zoë Lee"


async def test_a_guest_is_not_called_like_a_reserved_name(service: Service) -> None:
    settings = {"guests": True, "reserved_names": ["Editor", "Zoë Lee"]}
    await service.given(event("site.configured", settings=settings))
    for name in ("Editor", " editor ", "Еdіtоr", "EDlTOR", "Zoe\u0308  LEE"):
        refused = await guest(service, name)
        assert (refused.status, refused.problem) == (422, "name-reserved"), name
    assert (await guest(service, "Edith")).status == 201
    await service.given(event("site.configured", settings={"reserved_names": []}))
    assert (await guest(service, "Editor")).status == 201


@pytest.mark.parametrize("names", [["a\nb"], [""], ["x" * 101], ["x"] * 1_001, "Editor"])
async def test_reserved_names_have_limits(service: Service, names: object) -> None:
    answer = await service.publish(event("site.configured", settings={"reserved_names": names}))
    assert (answer.status, answer.problem) == (422, "invalid-event")


async def test_one_address_makes_few_guests() -> None:
    settings = HttpSettings(secret=SECRET, guest_rate=Rate(burst=2, per_second=0.001))
    async with serving(settings=settings) as service:
        await service.given(event("site.configured", settings={"guests": True}))
        statuses = [
            (await guest(service, **{"X-Forwarded-For": address})).status
            for address in ("198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.8")
        ]
    assert statuses == [201, 201, 429, 201]


async def test_a_preview_is_what_would_be_served(service: Service) -> None:
    body = json.dumps({"body": "It *is* <script>alert(1)</script>"}).encode()
    given = {"Content-Type": "application/json"}
    path = "/v1/preview"
    assert (await service.ask("POST", path, headers=given, body=body)).status == 401
    shown = await service.ask(
        "POST", path, headers=given, body=body, token=token("comment", site=SITE, person="ann")
    )
    assert shown.json["html"].startswith("<p>It <em>is</em>")
    assert "<script" not in shown.json["html"]


async def test_a_persons_previews_have_a_limit_of_their_own() -> None:
    settings = HttpSettings(secret=SECRET, preview_rate=Rate(burst=2, per_second=0.001))
    async with serving(settings=settings) as service:
        given = {"Content-Type": "application/json"}

        async def status(person: str, body: str = "*Yes.*") -> int:
            bearer = token("comment", site=SITE, person=person)
            said = json.dumps({"body": body}).encode()
            asked = await service.ask("POST", "/v1/preview", headers=given, body=said, token=bearer)
            return asked.status

        statuses = [await status(who) for who in ("ann", "ann", "ann", "bob")]
        assert statuses == [200, 200, 429, 200]
        assert await status("bob", "[" * 16_000) == 200


# -- names of labelled persons


def about(kind: str, person: str, **data: object) -> Event:
    made = event(kind)
    return {**made, "data": {"site": SITE, "person": person, **data}}


@pytest.fixture(params=["memory", "postgres"])
async def staffed(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A site with guests, and a label for its staff."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        settings = {"guests": True, "labels": ["Staff"]}
        await service.given(event("site.configured", settings=settings), opened())
        yield service


async def test_no_guest_takes_the_name_of_a_labelled_person(staffed: Service) -> None:
    await staffed.given(
        about("person.configured", "mia", name="Mia Editor"),
        about("person.labelled", "mia", label="Staff", by="cms"),
        posted("c1", author={"id": "tom", "name": "Tom Reporter"}),
        about("person.labelled", "tom", label="Staff", by="cms"),
        about("person.configured", "ann", name="Ann Reader"),
    )
    await staffed.app.wait(await staffed.app.head())
    for name in ("Mia Editor", "MlA EDlTOR", "mia editor", "T\u043em Reporter"):
        refused = await guest(staffed, name)
        assert (refused.status, refused.problem) == (422, "name-reserved"), name
    assert (await guest(staffed, "Ann Reader")).status == 201


async def test_a_name_is_free_again_without_its_label_or_person(staffed: Service) -> None:
    await staffed.given(
        about("person.configured", "mia", name="Mia"),
        about("person.labelled", "mia", label="Staff", by="cms"),
        about("person.configured", "tom", name="Tom"),
        about("person.labelled", "tom", label="Staff", by="cms"),
    )
    await staffed.app.wait(await staffed.app.head())
    assert [(await guest(staffed, name)).status for name in ("Mia", "Tom")] == [422, 422]
    await staffed.given(
        about("person.labelled", "mia", label=None, by="cms"), about("person.erased", "tom")
    )
    await staffed.app.wait(await staffed.app.head())
    assert [(await guest(staffed, name)).status for name in ("Mia", "Tom")] == [201, 201]


async def test_the_name_of_a_labelled_persons_latest_comment_is_protected(
    staffed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled_names, "LOOK_SECONDS", 0)
    await staffed.given(
        posted("c1", author={"id": "ann", "name": "Ann"}),
        about("person.labelled", "ann", label="Staff", by="cms"),
    )
    await staffed.app.wait(await staffed.app.head())
    names = ("Ann", "Anna Chief")
    assert [(await guest(staffed, name)).status for name in names] == [422, 201]
    await staffed.given(posted("c2", author={"id": "ann", "name": "Anna Chief"}))
    await staffed.app.wait(await staffed.app.head())
    assert [(await guest(staffed, name)).status for name in names] == [201, 422]


async def test_guests_who_come_together_look_labelled_persons_up_once(
    staffed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [f"p{number}" for number in range(5)]
    for person in people:
        await staffed.given(
            posted(person, author={"id": person, "name": person.title()}),
            about("person.labelled", person, label="Staff", by="cms"),
        )
    await staffed.app.wait(await staffed.app.head())
    looked_up: list[str] = []
    queue = staffed.app.views.reads.queue

    async def counted(site: str, queued: Any, **given: Any) -> Any:
        looked_up.append(given["author"])
        return await queue(site, queued, **given)

    monkeypatch.setattr(staffed.app.views.reads, "queue", counted)
    for number in range(4):
        assert (await guest(staffed, f"Guest {number}")).status == 201
    assert sorted(looked_up) == people


async def renamed(service: Service, name: str, bearer: str) -> Answer:
    given, body = {"Content-Type": "application/json"}, json.dumps({"name": name}).encode()
    return await service.ask("PATCH", "/v1/me", token=bearer, headers=given, body=body)


async def test_no_guest_changes_their_name_to_a_protected_one(staffed: Service) -> None:
    settings = {"names": "person", "reserved_names": ["The Editors"]}
    await staffed.given(
        event("site.configured", settings=settings),
        about("person.configured", "mia", name="Mia Editor"),
        about("person.labelled", "mia", label="Staff", by="cms"),
    )
    await staffed.app.wait(await staffed.app.head())
    bearer = (await guest(staffed)).json["token"]
    for name in ("The Editors", "THE  EDlTORS", "Mia Editor", "MlA EDlTOR"):
        refused = await renamed(staffed, name, bearer)
        assert (refused.status, refused.problem) == (422, "name-reserved"), name
    assert (await renamed(staffed, "Zoe Lee", bearer)).json["name"] == "Zoe Lee"
    ann = token("comment", site=SITE, person="ann")
    assert (await renamed(staffed, "The Editors", ann)).json["name"] == "The Editors"
    await staffed.given(event("site.configured", settings={"names": "token"}))
    assert (await renamed(staffed, "The Editors", bearer)).problem == "name-from-token"
