"""What a person may ask for: all that they wrote, voted and flagged, with its words."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

import rostra_adapters
from erasure.test_nothing_is_found import (
    ANN,
    BOB,
    BODY,
    EDITED,
    REASON,
    WAITING,
    conversation,
    erased,
)
from rostra import ids
from rostra_adapters.application.feed.events import Feed, Wanted
from rostra_adapters.keys.ring import StoredKeyRing
from support.service import Service, event, opened, posted, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
JSON = {"Content-Type": "application/json"}
OPEN_TO_ALL = {"open_on_first": True}


async def exported(app: rostra_adapters.App, person: str, **wanted: Any) -> list[dict[str, Any]]:
    asked = Wanted(site="gazette", person=person, **wanted)
    pages = [page async for page in Feed(app.log, app.ring, app.articles).pages(wanted=asked)]
    return [json.loads(told.json) for page in pages for told in page.events]


async def test_it_is_theirs_and_nobody_elses() -> None:
    async with rostra_adapters.open("memory:") as app:
        herald = [opened(site="herald"), posted("x", site="herald", author=ANN)]
        await app.publish([*conversation(), *herald])
        found = await exported(app, "ann")
        assert [(one["type"], one["data"].get("comment")) for one in found] == [
            ("comment.posted", "a1"),
            ("comment.posted", "a2"),
            ("comment.edited", "a1"),
            ("comment.posted", "a3"),
            ("comment.flagged", "b1"),
            ("comment.edited", "a1"),
            ("vote.cast", "b1"),
            ("comment.removed", "b1"),
        ]
        assert found[0]["data"]["author"] == ANN
        assert [one["data"].get("body") or one["data"].get("reason") for one in found] == [
            BODY,
            BODY,
            EDITED,
            BODY,
            REASON,
            WAITING,
            None,
            REASON,
        ]
        assert {one["type"] for one in await exported(app, "bob")} == {
            "comment.posted",
            "vote.cast",
        }
        assert await exported(app, "ann", resource="/buses") == []
        assert await exported(app, "nobody") == []


async def test_what_they_do_themselves_is_in_it_and_each_is_a_cloud_event(
    service: Service, test_data: Path
) -> None:
    """A discussion does not say who opened it."""
    event_fits = Draft7Validator(json.loads((test_data / "cloudevents/schema.json").read_text()))
    await service.given(
        opened(),
        posted("b1", author=BOB),
        event("site.configured", settings=OPEN_TO_ALL),
        event("article.revised", revision="r1", text="This is a stretch of the text."),
    )
    comment = ids.comment_id(DISCUSSION, "b1")
    done = [
        ("POST", f"/v1/discussions/{DISCUSSION}/comments", {"body": BODY}),
        ("POST", f"/v1/discussions/{DISCUSSION}/passages", {"exact": "a stretch of the text"}),
        ("PUT", f"/v1/comments/{comment}/vote", {"value": 1}),
        ("POST", f"/v1/comments/{comment}/flag", {"reason": REASON}),
        ("PUT", "/v1/discussions", {"site": "gazette", "resource": "/buses", "title": "Buses"}),
    ]
    for person in ("ann", "eve"):
        for method, path, body in done:
            answer = await service.ask(
                method, path, body=json.dumps(body).encode(), headers=JSON,
                token=token("comment", site="gazette", person=person),
            )  # fmt: skip
            assert answer.status in (200, 201), answer.body
    found = await exported(service.app, "ann")
    assert [one["type"] for one in found] == [
        "comment.posted",
        "passage.marked",
        "vote.cast",
        "comment.flagged",
        "discussion.opened",
    ]
    for one in found:
        event_fits.validate(one)
    assert len({one["id"] for one in found + await exported(service.app, "eve")}) == 5 + 3


async def test_of_who_was_erased_it_has_no_words() -> None:
    async with rostra_adapters.open("memory:") as app:
        await app.publish([*conversation(), erased()])
        found = await exported(app, "ann")
        assert len(found) == 8
        text = json.dumps(found)
        assert not [word for word in (BODY, EDITED, WAITING, REASON, ANN["name"]) if word in text]


async def test_keys_of_others_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rostra_adapters.open("memory:") as app:
        await app.publish([*conversation(), event("discussion.closed", by="mia", reason="Late.")])
        app.ring.receive(None)
        loaded: set[object] = set()
        load = StoredKeyRing.load

        async def watched(ring: StoredKeyRing, owners: Any) -> None:
            loaded.update(owners)
            await load(ring, owners)

        monkeypatch.setattr(StoredKeyRing, "load", watched)
        await exported(app, "ann")
        assert len(loaded) == 1
