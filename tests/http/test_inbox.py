"""The inbox: comments that concern a person, and which of them they have read."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.application.queries import inbox as inboxes
from support.cases import first_is_quick
from support.flag_holds import hold_by_flags
from support.service import Event, Service, event, opened, posted, serving, token

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


@pytest.mark.parametrize("depth", first_is_quick([1, 0]))
async def test_a_reply_at_the_depth_limit_is_for_the_author_it_answers(
    service: Service, depth: int
) -> None:
    await service.given(
        event("site.configured", settings={"depth": depth}),
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine"),
        posted("c2", author=by("cy"), parent="c1"),
        posted("c3", author=by("dan"), parent="c1", status="held"),
    )
    assert await items(service) == [("reply", "c1")]
    assert await items(service, "bob") == [("reply", "c2")]
    await service.given(event("comment.approved", comment="c3", by="mod"))
    assert await items(service) == [("reply", "c1")]
    assert await items(service, "bob") == [("reply", "c3"), ("reply", "c2")]


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
    await service.given(erased("cy"))
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


async def test_every_decision_is_in_the_inbox_of_the_author(service: Service) -> None:
    await service.given(opened(), posted("c1", author=by("bob")))
    decisions: list[tuple[str, dict[str, Any]]] = [
        ("comment.held", {}),
        ("comment.rejected", {}),
        ("comment.approved", {}),
        ("comment.removed", {}),
        ("comment.restored", {}),
        ("comment.edited", {"body": "No.", "status": "held"}),
        ("comment.rejected", {}),
        ("comment.edited", {"body": "Yes and no.", "status": "held"}),
        ("comment.approved", {}),
        ("comment.removed", {}),
        ("comment.rejected", {}),
    ]
    decided: list[int] = []
    for number, (kind, data) in enumerate(decisions, 1):
        time = f"2026-01-01T00:00:{number:02}Z"
        act = event(kind, time=time, comment="c1", by="mod", **data)
        (result,) = await service.batch([act])
        assert result["status"] == "recorded"
        decided += [] if kind == "comment.edited" else [result["position"]]
    page = await inbox(service, "bob")
    assert [item["position"] for item in page["items"]] == decided[::-1]
    assert {item["reason"] for item in page["items"]} == {"moderation"}
    assert page["unread"] == 9


async def test_who_flagged_a_comment_learns_that_it_stays(service: Service) -> None:
    await service.given(
        opened(),
        posted("c1", author=by("bob")),
        event("comment.flagged", comment="c1", by="ann", reason="Rude"),
    )
    path = f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}/moderation"
    bearer = token("moderate", site="gazette", person="mod")
    await service.app.wait(await service.app.head())
    answer = await service.ask(
        "POST", path, token=bearer, headers=JSON, body=b'{"action":"approve"}'
    )
    assert answer.status == 200, answer.body
    assert await items(service, "ann") == [("moderation", "c1")]


async def test_who_flagged_a_comment_learns_of_its_decision_and_not_of_the_flags_hold(
    service: Service,
) -> None:
    await service.given(
        opened(),
        posted("c1", author=by("bob")),
        event("comment.flagged", comment="c1", by="ann", reason="Rude"),
        event("comment.edited", comment="c1", body="No.", status="held"),
        event("comment.rejected", comment="c1", by="mod"),  # the wording
    )
    assert await items(service, "bob") == [("moderation", "c1")]
    assert await items(service, "ann") == []
    await hold_by_flags(service, "c1")
    assert await items(service, "ann") == []
    await service.given(event("comment.rejected", comment="c1", by="mod"))
    assert await items(service, "ann") == [("moderation", "c1")]


async def test_a_reply_that_its_parent_flagged_is_a_reply(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine", status="held"),
        event("comment.flagged", comment="c1", by="ann", reason="Rude"),
        event("comment.approved", comment="c1", by="mod"),
    )
    assert await items(service) == [("reply", "c1")]


async def test_new_comments_are_in_the_inboxes_of_subscribers(service: Service) -> None:
    subscribed = event("subscription.started", person="ann", to="comments")
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob")),
        subscribed,
        posted("c2", author=by("bob")),
        posted("c3", author=by("ann")),
        posted("c4", author=by("bob"), parent="mine"),
        posted("c5", author=by("bob"), status="held"),
    )
    expected = [("reply", "c4"), ("subscription", "c2")]
    assert await items(service) == expected
    assert (await inbox(service))["unread"] == 2
    await service.given(event("comment.approved", comment="c5", by="mod"))
    assert await items(service) == [("subscription", "c5"), *expected]
    page = await inbox(service)
    assert (page["unread"], page["items"][0]["position"]) == (3, 9)
    assert (await read(service, {"up_to": 5})).json == {"unread": 2}
    await service.given(event("comment.removed", comment="c4", by="mod"))
    assert await items(service) == [("subscription", "c5"), ("subscription", "c2")]
    assert (await inbox(service))["unread"] == 1
    await service.given(event("subscription.ended", person="ann"))
    assert await items(service) == []
    assert (await inbox(service))["unread"] == 0


async def test_who_turned_a_discussion_off_gets_none_of_its_comments(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        posted("c1", author=by("bob"), parent="mine"),
        event("subscription.ended", person="ann"),
        posted("c2", author=by("bob"), parent="mine", mentions=["ann"]),
        event("comment.removed", comment="mine", by="mod"),
    )
    assert await items(service) == [("moderation", "mine"), ("reply", "c1")]
    await service.given(event("subscription.started", person="ann", to="replies"))
    assert await items(service) == [("moderation", "mine"), ("reply", "c2"), ("reply", "c1")]


async def test_removed_and_erased_comments_are_not_counted_as_unread(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("bob"), parent="mine"),
        posted("c2", author=by("cy"), parent="mine"),
        posted("c3", author=by("cy")),
        posted("c4", author=by("dan")),
    )
    assert (await inbox(service))["unread"] == 4
    await service.given(event("comment.removed", comment="c1", by="mod"), erased("cy"))
    assert await items(service) == [("subscription", "c4")]
    assert (await inbox(service))["unread"] == 1
    returned = event("person.returned")
    returned["data"] = {"site": "gazette", "person": "cy"}
    await service.given(returned, posted("c5", author=by("cy"), parent="mine"))
    assert await items(service) == [("reply", "c5"), ("subscription", "c4")]
    assert (await inbox(service))["unread"] == 2


async def test_who_was_erased_begins_anew(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("bob"), parent="mine"),
        posted("c2", author=by("bob")),
        erased("ann"),
    )
    assert (await inbox(service))["unread"] == 0
    assert await items(service) == []
    await service.given(posted("c3", author=by("bob")))
    assert await items(service) == []


async def test_an_inbox_goes_on_when_the_discussion_moves(service: Service) -> None:
    await service.given(
        opened(),
        posted("mine", author=by("ann")),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("bob")),
        event("discussion.moved", to="/trams-and-buses"),
        posted("c2", author=by("bob"), resource="/trams-and-buses"),
        posted("c3", author=by("bob"), parent="mine"),
    )
    assert await items(service) == [
        ("reply", "c3"),
        ("subscription", "c2"),
        ("subscription", "c1"),
    ]
    page = await inbox(service)
    assert {item["discussion"] for item in page["items"]} == {str(DISCUSSION)}


def erased(person: str) -> Event:
    made = event("person.erased")
    return {**made, "data": {"site": "gazette", "person": person}}


async def test_items_are_read_up_to_a_position_or_one_by_one(service: Service) -> None:
    await service.given(opened(), posted("mine", author=by("ann")))
    await service.given(*(posted(f"c{n}", author=by("bob"), parent="mine") for n in range(1, 6)))
    page = await inbox(service)
    assert page["unread"] == 5
    positions = [item["position"] for item in page["items"]]
    assert positions == [7, 6, 5, 4, 3]
    head = await service.catch_up()
    answer = await read(service, {"up_to": 4})
    assert (answer.json, answer.headers["Rostra-Position"]) == ({"unread": 3}, str(head))
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


async def test_a_page_looks_at_few_items_and_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "ITEMS_READ_MAX", 4)
    monkeypatch.setattr(inboxes, "CHUNK_ITEMS_MAX", 2)
    await service.given(opened(), posted("mine", author=by("ann")))
    await service.given(posted("c1", author=by("bob"), parent="mine"))
    await service.given(*(posted(f"s{n}", author=by("spam"), parent="mine") for n in range(9)))
    await service.given(erased("spam"))
    found: list[int] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        page = await inbox(service, limit=1, **cursor)
        pages += 1
        found += [item["position"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [3]
    assert 2 < pages < 6


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
