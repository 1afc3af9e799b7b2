"""What a person may ask for: all that they wrote, voted and flagged, with its words."""

import json
from typing import Any

import pytest

import rostra_adapters
from erasure.test_nothing_is_found import ANN, BODY, EDITED, REASON, conversation, erased
from rostra_adapters.feed import Feed, Wanted
from rostra_adapters.key_ring import KeptKeyRing
from service import event, opened, posted


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
            ("vote.cast", "b1"),
        ]
        assert found[0]["data"]["author"] == ANN
        assert [one["data"].get("body") or one["data"].get("reason") for one in found] == [
            BODY,
            BODY,
            EDITED,
            BODY,
            REASON,
            None,
        ]
        assert {one["type"] for one in await exported(app, "bob")} == {
            "comment.posted",
            "vote.cast",
        }
        assert await exported(app, "ann", resource="/buses") == []
        assert await exported(app, "nobody") == []


async def test_of_who_was_erased_it_has_no_words() -> None:
    async with rostra_adapters.open("memory:") as app:
        await app.publish([*conversation(), erased()])
        found = await exported(app, "ann")
        assert len(found) == 6
        text = json.dumps(found)
        assert not [word for word in (BODY, EDITED, REASON, ANN["name"]) if word in text]


async def test_keys_of_others_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rostra_adapters.open("memory:") as app:
        await app.publish([*conversation(), event("discussion.closed", by="mia", reason="Late.")])
        app.ring.hear(None)
        loaded: set[object] = set()
        load = KeptKeyRing.load

        async def watched(ring: KeptKeyRing, owners: Any) -> None:
            loaded.update(owners)
            await load(ring, owners)

        monkeypatch.setattr(KeptKeyRing, "load", watched)
        await exported(app, "ann")
        assert len(loaded) == 1
