"""Spellings of one URL that are opened: one discussion, by all of its names."""

import asyncio
import json
from typing import Any

from rostra import ids
from rostra_adapters.application.feed.events import Feed
from support.service import Answer, Service, event, opened, posted, serving, token

PLAIN = "https://example.org/tea?id=1"
SPELLED = "HTTPS://Example.ORG:443/a/../tea?id=1&utm_source=mail#top"
OTHER = "https://example.org/t%65a?fbclid=x&id=1"
JSON = {"Content-Type": "application/json"}
DISCUSSION = str(ids.discussion_id("gazette", PLAIN))


async def shown(service: Service, resource: str) -> Any:
    return (await service.get("/v1/discussions", site="gazette", resource=resource)).json


async def put(service: Service, resource: str) -> Answer:
    body = json.dumps({"site": "gazette", "resource": resource}).encode()
    bearer = token("comment", site="gazette", person="ann")
    return await service.ask("PUT", "/v1/discussions", token=bearer, headers=JSON, body=body)


async def test_another_spelling_opens_the_discussion_that_is_there(service: Service) -> None:
    await service.given(opened(resource=PLAIN, title="Tea"), posted(resource=PLAIN))
    before = await shown(service, PLAIN)
    assert await service.given(opened(resource=SPELLED)) == [DISCUSSION]
    assert await shown(service, SPELLED) == await shown(service, PLAIN) == before
    await service.given(posted("c2", resource=SPELLED, parent="c1"))
    assert (await shown(service, PLAIN))["comments"] == 2
    for name in (PLAIN, SPELLED):
        page = await service.get("/v1/comments", site="gazette", resource=name)
        assert page.json["comments"][0]["descendants"] == 1
    body = json.dumps({"site": "gazette", "resources": [PLAIN, SPELLED]}).encode()
    counts = await service.ask("POST", "/v1/counts", headers=JSON, body=body)
    assert counts.json["counts"] == {PLAIN: 2, SPELLED: 2}


async def test_what_is_named_is_updated_and_nothing_else(service: Service) -> None:
    await service.given(opened(resource=PLAIN, title="Tea"))
    first = opened(resource=SPELLED, title="Tea and cake")
    answers = [await service.publish(first), await service.publish(first)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].json["position"] == answers[1].json["position"]
    assert {answer.json["id"] for answer in answers} == {DISCUSSION}
    found = await shown(service, SPELLED)
    assert (found["title"], found["resource"]) == ("Tea and cake", PLAIN)
    again = await service.publish(opened(resource=SPELLED))
    assert (again.json["status"], again.json["id"]) == ("unchanged", DISCUSSION)


async def test_a_repeat_is_a_duplicate_also_within_a_batch(service: Service) -> None:
    first = opened(resource=SPELLED)
    results = await service.batch([opened(resource=PLAIN), first, first])
    assert [one["status"] for one in results] == ["recorded", "recorded", "duplicate"]
    answer = await service.publish(first)
    assert (answer.json["status"], answer.json["position"]) == ("duplicate", 2)


async def test_what_exists_stays_as_it_is(service: Service) -> None:
    spelled, plain = await service.given(opened(resource=SPELLED), opened(resource=PLAIN))
    assert spelled != plain
    assert await service.given(opened(resource=SPELLED, title="T")) == [spelled]
    assert (await shown(service, SPELLED))["id"] == spelled
    assert await service.given(opened(resource="HTTPS://example.org/cake")) != [plain]


async def test_a_moved_discussion_has_its_spellings_too(service: Service) -> None:
    moved = {**opened(resource="/old"), "type": "discussion.moved", "id": "m1"}
    moved["data"] = {**moved["data"], "to": PLAIN}
    [own, _] = await service.given(opened(resource="/old"), moved)
    assert await service.given(opened(resource=SPELLED)) == [own]
    assert (await shown(service, SPELLED))["resource"] == PLAIN


async def test_a_reader_opens_a_spelling_where_the_site_lets_them(service: Service) -> None:
    await service.given(
        event("site.configured", settings={"open_on_first": True}), opened(resource=PLAIN)
    )
    answer = await put(service, SPELLED)
    assert (answer.status, answer.json["id"]) == (201, DISCUSSION)
    assert answer.headers["Location"] == f"/v1/discussions/{DISCUSSION}"
    again = await put(service, SPELLED)
    assert (again.status, again.json["id"]) == (200, DISCUSSION)
    assert (await shown(service, SPELLED))["id"] == DISCUSSION


async def test_a_spelling_of_a_private_discussion_tells_nothing(service: Service) -> None:
    await service.given(opened(resource=PLAIN, settings={"private": True}))
    answers = [await put(service, name) for name in (SPELLED, "https://Example.org/unknown")]
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].json == answers[1].json
    assert (await service.get("/v1/discussions", site="gazette", resource=SPELLED)).status == 404


async def test_the_feed_published_again_gives_the_same_names(service: Service) -> None:
    await service.given(
        opened(resource=PLAIN), opened(resource=SPELLED, title="Tea"), opened(resource=OTHER),
        posted(resource=OTHER),
    )  # fmt: skip
    whole = (await service.ask("GET", "/v1/events", token=token())).json
    async with serving() as copy:
        results = await copy.batch(whole)
        assert [one["status"] for one in results] == ["recorded"] * len(whole), results
        for name in (PLAIN, SPELLED, OTHER):
            assert await shown(copy, name) == await shown(service, name)
        again = [
            json.loads(one.json)
            async for page in Feed(copy.app.log, copy.app.ring, copy.app.articles).pages()
            for one in page.events
        ]
        assert [one["data"] for one in again] == [one["data"] for one in whole]


async def test_of_two_spellings_opened_at_once_one_discussion_is_made(database_url: str) -> None:
    async with serving(database_url) as one, serving(database_url) as other:
        await one.given(opened(resource=PLAIN))
        answers = await asyncio.gather(
            *(one.publish(opened(resource=SPELLED)) for _ in range(4)),
            *(other.publish(opened(resource=SPELLED)) for _ in range(4)),
        )
        assert {answer.json["id"] for answer in answers} == {DISCUSSION}
        assert [answer.status for answer in answers].count(201) == 1
        assert await one.app.verify() == []
