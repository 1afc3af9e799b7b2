"""Read marks, and counts of what is new since."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.service import SECRET, Event, Service, event, opened, posted, serving, token, voted

DISCUSSION = ids.discussion_id("gazette", "/trams")
HERE = f"/v1/discussions/{DISCUSSION}"
ME = token("comment", site="gazette", person="me")
MODERATOR = token("moderate", site="gazette", person="mod")
COUNTS = ("comments", "replies", "edited", "removed", "votes", "replies_to_me")


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service over views in memory, and over those of PostgreSQL."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


def by(person: str) -> dict[str, str]:
    return {"id": person, "name": person.title()}


async def mark(service: Service, position: int, bearer: str = ME) -> Any:
    return await service.ask(
        "PUT",
        f"{HERE}/read",
        token=bearer,
        headers={"Content-Type": "application/json"},
        body=json.dumps({"position": position}).encode(),
    )


async def news(service: Service, bearer: str | None = ME, **params: Any) -> dict[str, Any]:
    answer = await service.get(f"{HERE}/news", token=bearer, **params)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def test_a_mark_never_goes_back(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2"))
    assert (await mark(service, 2)).json == {"position": 2}
    assert (await mark(service, 1)).json == {"position": 2}
    assert (await mark(service, 3)).json == {"position": 3}
    ahead = await mark(service, 4)
    assert (ahead.status, ahead.problem) == (410, "position-ahead")
    other = token("comment", site="gazette", person="other")
    assert (await mark(service, 1, other)).json == {"position": 1}


async def test_what_others_did_since_the_mark_is_counted(service: Service) -> None:
    await service.given(
        opened(),
        event("passage.marked", passage="p1", exact="words"),
        posted("mine", author=by("me")),
        posted("seen", author=by("ann")),
        posted("gone", author=by("ann")),
        posted("held", author=by("ann"), status="held"),
    )
    begun = await service.app.head()
    await mark(service, begun)
    assert [(await news(service))[name] for name in COUNTS] == [0] * 6
    given = await service.given(
        posted("reply", author=by("bob"), parent="mine"),
        posted("inline", author=by("bob"), passage="p1"),
        posted("own", author=by("me")),
        voted(1, on="mine", voter="bob"),
        voted(1, on="seen", voter="me"),
        event("comment.edited", comment="seen", body="No.", by="ann"),
        event("comment.removed", comment="gone"),
        event("comment.approved", comment="held"),
        posted("unseen", author=by("bob"), status="held"),
    )
    found = await news(service)
    assert found == {
        "position": await service.app.head(),
        "comments": 3,
        "replies": 1,
        "edited": 1,
        "removed": 1,
        "votes": 1,
        "passages": [{"id": str(ids.passage_id(DISCUSSION, "p1")), "comments": 1}],
        "replies_to_me": 1,
        "first": given[0],
    }
    assert await news(service, since=begun) == found
    page = (await service.get(f"{HERE}/comments", token=ME, flat="true")).json
    new = {comment["key"] for comment in page["comments"] if comment["new"]}
    assert new == {"reply", "inline", "held"}
    passages = (await service.get(f"{HERE}/passages", token=ME)).json["passages"]
    assert [passage["new"] for passage in passages] == [1]


async def test_a_reply_at_the_depth_limit_is_to_the_author_it_answers(service: Service) -> None:
    await service.given(
        event("site.configured", settings={"depth": 1}),
        opened(),
        posted("c1", author=by("ann")),
        posted("mine", author=by("me"), parent="c1"),
    )
    await service.app.wait(await service.app.head())
    begun = await service.app.head()
    await service.given(posted("reply", author=by("bob"), parent="mine"))
    assert (await news(service, since=begun))["replies_to_me"] == 1
    ann = token("comment", site="gazette", person="ann")
    assert (await news(service, ann, since=begun))["replies_to_me"] == 0


async def test_without_a_mark_nothing_is_new(service: Service) -> None:
    await service.given(opened(), posted("c1"))
    assert (await news(service))["comments"] == 0
    assert (await news(service, None))["comments"] == 0
    assert (await news(service, None, since=0))["comments"] == 1
    page = (await service.get(f"{HERE}/comments", token=ME)).json
    assert [comment["new"] for comment in page["comments"]] == [False]
    anonymous = (await service.get(f"{HERE}/comments")).json
    assert "new" not in anonymous["comments"][0]


async def test_a_position_of_the_future_is_refused(service: Service) -> None:
    await service.given(opened())
    answer = await service.get(f"{HERE}/news", since=2)
    assert (answer.status, answer.problem) == (410, "position-ahead")


async def test_counts_end_at_a_thousand() -> None:
    async with serving() as service:
        await service.given(opened(), posted("c1"))
        await service.given(*(posted(f"n{n}", author=by("ann")) for n in range(1_001)))
        found = await news(service, None, since=2)
        assert (found["comments"], found["more"]) == (1_000, True)


# -- beside an independent count


def act(random: Random, number: int, keys: list[str]) -> Event:
    """Return a random act of one of three persons, or of a moderator."""
    person = random.choice(["me", "ann", "bob"])
    kind = random.choice(["post", "reply", "vote", "edit", "remove", "restore", "hold", "approve"])
    if kind in ("post", "reply") or not keys:
        key = f"k{number}"
        parent = {"parent": random.choice(keys)} if kind == "reply" and keys else {}
        status = random.choice(["published", "published", "held"])
        keys.append(key)
        return posted(key, author=by(person), status=status, **parent)
    on = random.choice(keys)
    if kind == "vote":
        return voted(random.choice([-1, 0, 1]), on=on, voter=person)
    if kind == "edit":
        return event("comment.edited", comment=on, body=f"Wording {number}.", by="mod")
    tense = {"remove": "removed", "restore": "restored", "hold": "held", "approve": "approved"}
    return event(f"comment.{tense[kind]}", comment=on, by="mod")


async def shown(service: Service, position: int) -> dict[str, Any]:
    """Return the published comments as of a position, by key."""
    page = await service.get(
        f"{HERE}/comments", token=MODERATOR, flat="true", limit=100, as_of=position
    )
    assert page.status == 200, page.body
    comments = page.json["comments"]
    return {one["key"]: one for one in comments if one["status"] == "published"}


@pytest.mark.parametrize("seed", range(12))
async def test_counts_are_those_of_an_independent_model(seed: int) -> None:
    random = Random(seed)
    async with serving() as service:
        keys: list[str] = []
        await service.given(event("site.configured", settings={"self_votes": True}), opened())
        acts = [act(random, number, keys) for number in range(60)]
        results = await service.batch(acts)
        head = await service.app.head()
        recorded = {
            result["position"]: one
            for one, result in zip(acts, results, strict=True)
            if result["status"] == "recorded"
        }
        for since in random.sample(range(2, head + 1), 5):
            then, now = await shown(service, since), await shown(service, head)
            new = {k: v for k, v in now.items() if k not in then and v["author"]["id"] != "me"}
            gone = [k for k, v in then.items() if k not in now and v["author"]["id"] != "me"]
            found = await news(service, since=since)
            assert found["comments"] == len(new)
            assert found["replies"] == sum(one["parent"] is not None for one in new.values())
            assert found["removed"] == len(gone)
            by_id = {one["id"]: one for one in now.values()}
            to_me = [
                one
                for one in new.values()
                if one["parent"] in by_id and by_id[one["parent"]]["author"]["id"] == "me"
            ]
            assert found["replies_to_me"] >= len(to_me)
            assert found["votes"] == _votes(recorded, since)
            await _agrees_with_the_page(service, since, set(new))


def _votes(recorded: dict[int, Event], since: int) -> int:
    """Count the votes of others after a position that changed a total."""
    current: Counter[tuple[str, str]] = Counter()
    count = 0
    for position in sorted(recorded):
        one = recorded[position]
        if one["type"] != "vote.cast":
            continue
        data = one["data"]
        key = data["comment"], data["voter"]
        changed = current[key] != data["value"]
        current[key] = data["value"]
        count += changed and position > since and data["voter"] != "me"
    return count


async def _agrees_with_the_page(service: Service, since: int, new: set[str]) -> None:
    person = f"reader-{since}"
    bearer = token("comment", site="gazette", person=person)
    await mark(service, since, bearer)
    page = await service.get(f"{HERE}/comments", flat="true", limit=100, token=bearer)
    flagged = {
        one["key"] for one in page.json["comments"] if one["new"] and one["author"]["id"] != "me"
    }
    assert flagged == new


async def test_news_of_long_ago_cost_a_reader_what_they_cost() -> None:
    settings = HttpSettings(secret=SECRET, reader_rate=Rate(burst=5, per_second=0.001))
    async with serving(settings=settings) as service:
        await service.given(opened(), posted("c1"))
        await service.given(*(posted(f"n{n}", author=by("ann")) for n in range(1_000)))
        head = await service.app.head()
        found = []
        for since in (head, 2, 3):
            path, headers = f"{HERE}/news?since={since}", {"X-Forwarded-For": "192.0.2.7"}
            found.append((await service.ask("GET", path, headers=headers)).status)
        assert found == [200, 200, 429]
