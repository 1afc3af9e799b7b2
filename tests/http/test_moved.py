"""A discussion that has moved keeps its ids and votes, and answers to all its names."""

import asyncio
import json
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.application.feed.events import Feed
from support.service import Event, Service, event, opened, posted, serving, token, voted

OLD, NEW = "/trams", "/2027/trams"
DISCUSSION = ids.discussion_id("gazette", OLD)


def moved(to: str = NEW, **data: Any) -> Event:
    return event("discussion.moved", to=to, **data)


async def shown(service: Service, resource: str) -> Any:
    return (await service.get("/v1/discussions", site="gazette", resource=resource)).json


async def refused(service: Service, *events: Event) -> list[str]:
    results = await service.batch(events)
    return [result["problem"]["type"].removeprefix("/problems/") for result in results]


async def test_its_ids_and_votes_stay_and_its_name_is_the_new_one(service: Service) -> None:
    await service.given(opened(title="Trams"), posted(), voted(1))
    before = await shown(service, OLD)
    [id_] = await service.given(moved())
    assert id_ == str(DISCUSSION)
    after = await shown(service, OLD)
    assert after == await shown(service, NEW) == {**before, "resource": NEW, "position": 4}
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/comments")).json
    assert [(one["key"], one["up"]) for one in page["comments"]] == [("c1", 1)]


async def test_what_is_published_by_either_name_is_the_same_discussion(service: Service) -> None:
    await service.given(opened(), posted(), moved())
    [answer, again, title, mark] = await service.given(
        posted("c2", parent="c1", resource=NEW),
        posted("c3", resource=OLD),
        opened(title="Anew", resource=NEW),
        event("passage.marked", passage="p1", exact="trams", resource=NEW),
    )
    assert answer == str(ids.comment_id(DISCUSSION, "c2"))
    assert again == str(ids.comment_id(DISCUSSION, "c3"))
    assert (title, mark) == (str(DISCUSSION), str(ids.passage_id(DISCUSSION, "p1")))
    found = await shown(service, NEW)
    assert (found["comments"], found["title"], found["resource"]) == (3, "Anew", NEW)
    counts = (await service.get("/v1/counts?site=gazette&resource=/trams&resource=" + NEW)).json
    assert counts["counts"] == {OLD: 3, NEW: 3}
    embedded = await service.app.comments("gazette", NEW)
    assert embedded is not None
    assert embedded.total == 2
    assert await service.app.passages("gazette", NEW) is not None


async def test_within_one_batch_a_name_holds_from_the_move_on(service: Service) -> None:
    results = await service.batch(
        [opened(), posted("c1", resource=NEW), moved(), posted("c2", resource=NEW)]
    )
    assert [result["status"] for result in results] == [
        "recorded", "rejected", "recorded", "recorded",
    ]  # fmt: skip
    assert results[1]["problem"]["type"] == "/problems/unknown-discussion"


async def test_a_name_that_is_taken_is_refused(service: Service) -> None:
    await service.given(
        opened(), opened(resource="/other"), opened(resource="/third"),
        moved("/elsewhere", resource="/third"),
    )  # fmt: skip
    for taken in ("/other", "/third", "/elsewhere"):
        answer = await service.publish(moved(taken))
        assert (answer.status, answer.problem) == (409, "name-taken")
    answer = await service.publish(moved(OLD))
    assert (answer.status, answer.problem) == (422, "moved-to-itself")
    assert (await service.publish(moved(resource="/nowhere"))).problem == "unknown-discussion"
    assert (await shown(service, OLD))["resource"] == OLD


async def test_moves_go_on_and_back_and_repeats_change_nothing(service: Service) -> None:
    first = moved("/b")
    await service.given(opened(), first, moved("/c", resource="/b"))
    assert (await shown(service, OLD))["resource"] == "/c"
    [again, same] = await service.batch([first, moved("/c")])
    assert (again["status"], again["position"], same["status"]) == ("duplicate", 2, "unchanged")
    await service.given(moved(OLD, resource="/c"))
    assert {(await shown(service, name))["resource"] for name in (OLD, "/b", "/c")} == {OLD}
    assert (await refused(service, moved("/d", resource="/never")))[0] == "unknown-discussion"


async def test_a_late_move_gives_a_name_and_is_not_shown(service: Service) -> None:
    await service.given(
        opened(time="2026-01-01T00:00:00Z"),
        {**moved("/new"), "time": "2026-03-01T00:00:00Z"},
        {**moved("/middle"), "time": "2026-02-01T00:00:00Z"},
    )
    assert (await shown(service, "/middle"))["resource"] == "/new"
    assert (await shown(service, "/middle"))["id"] == str(DISCUSSION)


async def test_of_two_who_claim_a_name_at_once_one_gets_it(database_url: str) -> None:
    async with serving(database_url) as one, serving(database_url) as other:
        places = [f"/{number}" for number in range(8)]
        await one.given(*(opened(resource=place) for place in places))
        answers = await asyncio.gather(
            *(
                (one, other)[number % 2].publish(moved("/wanted", resource=place))
                for number, place in enumerate(places)
            ),
            other.publish(opened(resource="/wanted")),
        )
        statuses = [answer.status for answer in answers]
        assert statuses.count(201) == 1  # who opens what has moved there finds it open
        assert set(statuses) <= {200, 201, 409}
        head = await one.app.head()
        found = [
            (await each.get("/v1/discussions", site="gazette", resource="/wanted")).json
            for each in (one, other)
        ]
        assert found[0]["id"] == found[1]["id"]
        assert head in (9, 10)
        assert await one.app.verify() == []
        assert {done.equal for done in await one.app.rebuild()} == {True}


async def test_the_feed_answers_to_both_names_and_published_again_is_the_same(
    service: Service,
) -> None:
    await service.given(
        opened(), posted(), moved(), posted("c2", resource=NEW), moved("/c", reason="Renamed."),
        posted("c3", resource="/c"), opened(resource="/other"), moved(OLD, resource=NEW),
    )  # fmt: skip
    bearer = token()
    whole, *parts = [
        (await service.ask("GET", f"/v1/events{query}", token=bearer)).json
        for query in ("", *(f"?site=gazette&resource={name}" for name in (OLD, NEW, "/c")))
    ]
    assert parts[0] == parts[1] == parts[2] != whole
    assert [one["type"] for one in parts[0]].count("discussion.moved") == 3
    assert "discussion.aliased" not in {one["type"] for one in whole}
    async with serving() as copy:
        results = await copy.batch(whole)
        assert [one["status"] for one in results] == ["recorded"] * len(whole), results
        for name in (OLD, NEW, "/c", "/other"):
            assert await shown(copy, name) == await shown(service, name)
        again = [
            json.loads(one.json)
            async for page in Feed(copy.app.log, copy.app.ring, copy.app.articles).pages()
            for one in page.events
        ]
        assert [one["data"] for one in again] == [one["data"] for one in whole]


async def test_as_of_before_the_move_it_has_its_old_name(service: Service) -> None:
    await service.given(opened(), moved())
    path = f"/v1/discussions?site=gazette&resource={NEW}&as_of="
    assert (await service.ask("GET", path + "1")).json["resource"] == OLD
    assert (await service.ask("GET", path + "2")).json["resource"] == NEW


@pytest.mark.parametrize("name", [OLD, NEW])
async def test_what_is_kept_of_an_unknown_name_goes_with_the_move(
    service: Service, name: str
) -> None:
    counts = f"/v1/counts?site=gazette&resource={NEW}"
    await service.given(opened(), posted())
    assert (await service.get(counts)).json["counts"] == {NEW: 0}
    await service.given(moved(), posted("c2", resource=name))
    assert (await service.get(counts)).json["counts"] == {NEW: 2}
