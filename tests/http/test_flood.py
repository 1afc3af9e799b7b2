"""A flood of advertising by guests, and the rules of the how-to page."""

import asyncio
import json
from typing import Any

import pytest

from bench.rows.flood import rules_of_the_page
from rostra import ids
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.effort import examples
from support.service import SECRET, Service, event, opened, posted, serving, token

SITE = "gazette"
DISCUSSION = ids.discussion_id(SITE, "/trams")
JSON = {"Content-Type": "application/json"}
GUESTS = 20
UNLIMITED = HttpSettings(
    secret=SECRET,
    guest_rate=Rate(burst=1_000, per_second=100),
    comments_per_address=None,
    bytes_per_address=None,
    comments_per_person=None,
    bytes_per_person=None,
    reader_rate=None,
)


async def enter(service: Service, address: str) -> dict[str, Any]:
    body = json.dumps({"site": SITE, "name": "Zoë"}).encode()
    headers = JSON | {"X-Forwarded-For": address}
    found: dict[str, Any] = (
        await service.ask("POST", "/v1/guests", headers=headers, body=body)
    ).json
    return found


async def advertise(service: Service, guest: dict[str, Any], address: str, times: int) -> None:
    for number in range(times):
        answer = await service.ask(
            "POST",
            f"/v1/discussions/{DISCUSSION}/comments",
            token=guest["token"],
            headers=JSON | {"X-Forwarded-For": address},
            body=json.dumps({"body": f"See https://spam.example/{number}"}).encode(),
        )
        assert (answer.status, answer.json["status"]) == (201, "held")


@pytest.mark.slow
async def test_nothing_of_a_flood_is_shown_and_bans_remove_it(database_url: str) -> None:
    times = examples(100)
    async with serving(database_url, UNLIMITED) as service:
        settings = {"guests": True, "rules": rules_of_the_page()}
        await service.given(event("site.configured", settings=settings), opened(), posted())
        addresses = [f"198.51.100.{number}" for number in range(GUESTS)]
        guests = [await enter(service, address) for address in addresses]
        await asyncio.gather(
            *(
                advertise(service, guest, address, times)
                for guest, address in zip(guests, addresses, strict=True)
            )
        )
        await service.app.wait(await service.app.head(), 60)
        shown = await service.get(f"/v1/discussions/{DISCUSSION}/comments?flat=true&limit=100")
        assert [one["key"] for one in shown.json["comments"]] == ["c1"]
        moderator = token("moderate", site=SITE)
        held = f"/v1/moderation?site={SITE}&status=held&limit=100"
        queue = await service.ask("GET", held, token=moderator)
        assert {one["rule"] for one in queue.json["comments"]} == {"2: links_min, guest"}
        cleared = 0
        while cleared < GUESTS * times // 2:  # by selecting all of a page
            assert queue.json["comments"], "the queue is empty"
            acts = [{"id": one["id"], "version": one["version"]} for one in queue.json["comments"]]
            answer = await service.ask(
                "POST",
                "/v1/moderation/acts",
                token=moderator,
                headers=JSON,
                body=json.dumps({"acts": acts, "action": "reject"}).encode(),
            )
            assert {one["result"] for one in answer.json["results"]} == {"recorded"}
            cleared += len(acts)
            least = answer.json["position"]
            queue = await service.ask("GET", f"{held}&min_position={least}", token=moderator)
        named = {"site": SITE, "by": "mia", "comments": "remove"}
        await service.given(
            *(
                {**event("person.banned"), "data": {**named, "person": guest["sub"]}}
                for guest in guests
            )
        )
        await ModerationFollower(service.app).catch_up()
        await service.app.wait(await service.app.head(), 60)
        queue = await service.ask("GET", f"/v1/moderation?site={SITE}&status=held", token=moderator)
        assert queue.json["comments"] == []
        again = await enter(service, addresses[0])
        refused = await service.ask(
            "POST",
            f"/v1/discussions/{DISCUSSION}/comments",
            token=again["token"],
            headers=JSON | {"X-Forwarded-For": addresses[0]},
            body=b'{"body": "Hello."}',
        )
        assert refused.json["type"] == "/problems/person-banned"
