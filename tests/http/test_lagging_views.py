"""Acts that the log allows are not refused because the views lag behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from rostra import ids
from support.databases import stalled_views
from support.service import Answer, Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
HERE = f"/v1/discussions/{DISCUSSION}"


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with serving(database_url) as service:
        await service.catch_up()
        yield service


async def post(service: Service, path: str, body: Any, **headers: str) -> Answer:
    bearer = token("comment", site="gazette", person="bob")
    headers = {"Content-Type": "application/json", **headers}
    raw = json.dumps(body).encode()
    return await service.ask("POST", path, token=bearer, headers=headers, body=raw)


async def test_somebody_may_be_mentioned_at_once(
    service: Service, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, looked = type(service.app.views.reads), asyncio.Event()
    find = reads.participants

    async def participants(self: Any, discussion: UUID, persons: Sequence[str]) -> set[str]:
        found: set[str] = await find(self, discussion, persons)
        looked.set()
        return found

    monkeypatch.setattr(reads, "participants", participants)
    await service.given(opened())
    await service.catch_up()
    mention = {"body": "Well, @Ann?", "mentions": ["ann"]}
    async with stalled_views(database_url):
        await service.given(posted("a1"))
        mentioning = asyncio.create_task(post(service, f"{HERE}/comments", mention))
        await looked.wait()
    answer = await mentioning
    assert answer.status == 201, answer.body
    stranger = await post(service, f"{HERE}/comments", {"body": "@Zoe?", "mentions": ["zoe"]})
    assert (stranger.status, stranger.problem) == (422, "unknown-person")


async def test_a_mention_is_repeated_although_the_person_has_left(service: Service) -> None:
    await service.given(opened(), posted("a1"))
    await service.catch_up()
    mention = {"body": "Well, @Ann?", "mentions": ["ann"]}
    key = {"Idempotency-Key": "once"}
    first = await post(service, f"{HERE}/comments", mention, **key)
    assert first.status == 201, first.body
    await service.given(event("comment.removed", comment="a1", by="mod"))
    await service.catch_up()
    again = await post(service, f"{HERE}/comments", mention, **key)
    assert (again.status, again.json) == (201, first.json)
    anew = await post(service, f"{HERE}/comments", mention)
    assert (anew.status, anew.problem) == (422, "unknown-person")


async def test_a_new_discussion_is_subscribed_to_by_mail_at_once(
    service: Service, database_url: str
) -> None:
    asked = {"email": "ann@example.org", "to": "comments"}
    body = json.dumps(asked).encode()
    headers = {"Content-Type": "application/json"}
    path = f"{HERE}/subscriptions"
    assert (await service.ask("POST", path, headers=headers, body=body)).status == 404
    async with stalled_views(database_url):
        await service.given(opened())
        assert (await service.ask("POST", path, headers=headers, body=body)).status == 202


async def test_guests_are_taken_at_once(service: Service, database_url: str) -> None:
    guest = {"site": "gazette", "name": "Gus"}
    assert (await post(service, "/v1/guests", guest)).problem == "no-guests"
    async with stalled_views(database_url):
        await service.given(event("site.configured", settings={"guests": True}))
        assert (await post(service, "/v1/guests", guest)).status == 201


async def test_a_name_of_ones_own_is_answered_at_once(service: Service, database_url: str) -> None:
    async def rename() -> Answer:
        bearer = token("comment", site="gazette", person="bob")
        headers = {"Content-Type": "application/json"}
        body = b'{"name":"Bob Bell"}'
        return await service.ask("PATCH", "/v1/me", token=bearer, headers=headers, body=body)

    assert (await rename()).problem == "name-from-token"
    async with stalled_views(database_url):
        await service.given(event("site.configured", settings={"names": "person"}))
        assert (await rename()).json["name"] == "Bob Bell"
