"""The inbox: comments that concern a person, and which of them they have read."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from support.service import Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
HERE = f"/v1/discussions/{DISCUSSION}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service over views in memory, and over those of PostgreSQL."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


def by(person: str) -> dict[str, str]:
    return {"id": person, "name": person.title()}


def bearer(person: str) -> str:
    return token("comment", site="gazette", person=person)


async def inbox(service: Service, person: str = "ann", **params: Any) -> Any:
    params.setdefault("min_position", await service.app.head())
    answer = await service.get("/v1/me/inbox", token=bearer(person), **params)
    assert answer.status == 200, answer.body
    return answer.json


async def items(service: Service, person: str = "ann", **params: Any) -> list[tuple[str, str]]:
    """Return reasons and keys, the latest first."""
    keys = {
        str(ids.comment_id(DISCUSSION, key)): key for key in ("mine", "c1", "c2", "c3", "c4", "c5")
    }
    page = await inbox(service, person, **params)
    return [(item["reason"], keys[item["comment"]]) for item in page["items"]]


async def read(service: Service, body: Any, person: str = "ann") -> Any:
    return await service.ask(
        "POST",
        "/v1/me/inbox/read",
        token=bearer(person),
        headers=JSON,
        body=json.dumps(body).encode(),
    )


async def test_replies_and_mentions_get_into_the_inbox_once_each(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine", mentions=["ann", "cy"]),
        posted("c2", author=by("bob"), mentions=["ann", "bob"]),
        posted("c3", author=by("ann"), parent="mine", mentions=["ann"]),
        posted("c4", author=by("bob"), parent="c1"),
    )
    assert await items(service) == [("mention", "c2"), ("reply", "c1")]
    assert await items(service, "bob") == []
    assert await items(service, "cy") == [("mention", "c1")]


async def test_a_held_comment_gets_there_when_it_is_published(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine", status="held"),
        posted("c2", author=by("cy"), parent="mine"),
    )
    assert await items(service) == [("reply", "c2")]
    await service.given(event("comment.approved", comment="c1", by="mod"))
    assert await items(service) == [("reply", "c1"), ("reply", "c2")]
    assert await items(service, "bob") == [("moderation", "c1")]


async def test_a_removed_or_erased_comment_leaves_the_inbox(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine"),
        posted("c2", author=by("cy"), parent="mine"),
        posted("c3", author=by("dan"), parent="mine"),
        event("comment.removed", comment="c1", by="mod"),
    )
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "cy"}
    await service.given(erased)
    assert await items(service) == [("reply", "c3")]
    await service.given(event("comment.restored", comment="c1", by="mod"))
    assert await items(service) == [("reply", "c3"), ("reply", "c1")]


async def test_decisions_are_for_the_author_and_those_who_flagged(service: Service) -> None:
    await service.given(
        opened(),
        posted("c1", author=by("bob")),
        event("comment.flagged", comment="c1", by="ann", reason="Rude"),
        event("comment.removed", comment="c1", by="mod"),
        posted("c2", author=by("bob")),
        event("comment.removed", comment="c2", by="bob"),
    )
    assert await items(service, "bob") == [("moderation", "c1")]
    assert await items(service, "ann") == [("moderation", "c1")]
    assert await items(service, "mod") == []


async def test_items_are_read_up_to_a_position_or_one_by_one(service: Service) -> None:
    await service.given(opened(), posted("mine", author=by("ann")))
    await service.given(*(posted(f"c{n}", author=by("bob"), parent="mine") for n in range(1, 6)))
    page = await inbox(service)
    assert page["unread"] == 5
    positions = [item["position"] for item in page["items"]]
    assert positions == [7, 6, 5, 4, 3]
    assert (await read(service, {"up_to": 4})).json == {"unread": 3}
    assert (await read(service, {"positions": [6, 3]})).json == {"unread": 2}
    assert (await read(service, {"up_to": 3})).json == {"unread": 2}
    page = await inbox(service)
    assert [item["read"] for item in page["items"]] == [False, True, False, True, True]
    assert await items(service, unread="true") == [("reply", "c5"), ("reply", "c3")]
    assert (await read(service, {"up_to": 8})).status == 410
    assert (await read(service, {})).status == 422
    assert (await inbox(service, "bob"))["unread"] == 0


async def test_pages_of_an_inbox_hold_each_item_once(service: Service) -> None:
    await service.given(opened(), posted("mine", author=by("ann")))
    for number in range(1, 6):
        await service.given(posted(f"c{number}", author=by("bob"), parent="mine"))
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await inbox(service, limit=2, **cursor)
        found += [item["position"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [7, 6, 5, 4, 3]


async def test_a_person_mentions_only_who_takes_part(service: Service) -> None:
    await service.given(opened(), posted("mine", author=by("ann")))

    async def post(mentions: list[str]) -> Any:
        return await service.ask(
            "POST",
            f"{HERE}/comments",
            token=bearer("bob"),
            headers=JSON,
            body=json.dumps({"body": "Well, @Ann?", "mentions": mentions}).encode(),
        )

    await service.catch_up()
    refused = await post(["ann", "nobody"])
    assert (refused.status, refused.problem) == (422, "unknown-person")
    assert (await post(["ann"] * 21)).status == 422
    made = await post(["ann", "ann"])
    assert made.status == 201
    page = await inbox(service)
    assert [(one["reason"], one["comment"]) for one in page["items"]] == [
        ("mention", made.json["id"])
    ]


async def test_the_view_is_the_same_rebuilt(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(
            opened(),
            posted("mine", author=by("ann")),
            posted("c1", author=by("bob"), parent="mine", status="held"),
            event("comment.approved", comment="c1", by="mod"),
            event("comment.flagged", comment="c1", by="ann", reason="Rude"),
            event("subscription.started", person="ann", to="comments"),
            event("subscription.ended", person="ann"),
            event("subscription.started", person="bob", to="replies"),
        )
        await service.catch_up()
        assert await service.app.verify() == []
        rebuilt = await service.app.rebuild()
        assert {one.view: one.equal for one in rebuilt}["inbox"]
