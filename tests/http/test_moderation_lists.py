"""What moderators list, search and decide in bulk, and a site's log of their acts."""

import asyncio
import json
import time
from typing import Any

import asyncpg
import pytest

from rostra import ids
from rostra_adapters.aio.worker_processes import start_worker
from rostra_adapters.application.queries import moderation_search
from rostra_adapters.http import HttpSettings
from support.service import (
    PLACE,
    SECRET,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
)

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
MIA = token("moderate", site=SITE, person="mia")
MAX = token("moderate", site=SITE, person="max")
BOB = {"id": "bob", "name": "Bob"}


@pytest.fixture(params=["memory", "postgres"])
async def anywhere(request: pytest.FixtureRequest) -> Any:
    """Both kinds of views."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


def comment(key: str) -> str:
    return str(ids.comment_id(DISCUSSION, key))


async def read(service: Service, path: str, *, who: str | None = MIA, **params: Any) -> Answer:
    params = {"min_position": await service.app.head(), **params}
    return await service.ask("GET", path, token=who, params=params)


async def queue(service: Service, status: str, **params: Any) -> Any:
    answer = await read(service, "/v1/moderation", site=SITE, status=status, **params)
    assert answer.status == 200, answer.body
    return answer.json


async def keys(service: Service, status: str, **params: Any) -> list[str]:
    return [one["key"] for one in (await queue(service, status, **params))["comments"]]


async def post(service: Service, path: str, who: str | None = MIA, **body: Any) -> Answer:
    headers = {"Content-Type": "application/json"}
    return await service.ask(
        "POST", path, token=who, headers=headers, body=json.dumps(body).encode()
    )


async def act(
    service: Service, action: str, *acts: dict[str, Any], who: str | None = MIA, **more: Any
) -> Any:
    answer = await post(service, "/v1/moderation/acts", who, acts=acts, action=action, **more)
    assert answer.status == 200, answer.body
    return answer.json["results"]


def seen(one: dict[str, Any]) -> dict[str, Any]:
    """An act on a comment as a list has shown it."""
    return {"id": one["id"], "version": one["version"]}


# -- lists


async def test_each_queue_holds_its_comments_in_its_order(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        opened(),
        *(posted(f"h{n}", status="held") for n in range(3)),
        posted("p0"),
        posted("p1", author=BOB),
        event("comment.flagged", comment="p1", by="eve", reason="Rude."),
        posted("p2"),
        event("comment.edited", comment="p2", body="Other.", status="held"),
        posted("p3", author=BOB),
        *(event("comment.removed", comment=key, by="mia") for key in ("p3", "p0")),
        posted("d0"),
        event("comment.removed", comment="d0", by="ann"),
    )
    assert await keys(service, "held") == ["h0", "h1", "h2", "p2"]
    assert await keys(service, "flagged") == ["p1"]
    assert await keys(service, "pending") == ["p2"]
    assert await keys(service, "removed") == ["p0", "p3"]
    assert await keys(service, "recent") == ["d0", "p3", "p2", "p1", "p0", "h2", "h1", "h0"]
    assert await keys(service, "recent", person="bob") == ["p3", "p1"]
    assert await keys(service, "flagged", person="bob") == ["p1"]
    assert await keys(service, "removed", person="bob") == ["p3"]
    assert await keys(service, "held", person="bob") == []
    page = await queue(service, "removed")
    assert page["counts"] == {"held": 4, "flagged": 1, "pending": 1}
    assert page["comments"][0]["status"] == "removed"
    assert page["comments"][0]["body"] == "Yes."  # which moderators need to see
    assert page["comments"][0]["author"]["id"] == "ann"
    public = (await service.get(f"/v1/comments/{comment('p0')}")).json
    assert public["body"] is None
    [deleted, *_] = (await queue(service, "recent"))["comments"]
    assert (deleted["status"], deleted["body"]) == ("deleted", None)
    await service.given(event("comment.restored", comment="p3", by="mia"))
    assert await keys(service, "removed") == ["p0"]
    theirs = await read(service, "/v1/persons/bob/comments", site=SITE)
    assert [one["key"] for one in theirs.json["comments"]] == ["p3", "p1"]


async def test_a_held_comment_names_the_rule_that_holds_it(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        opened(), posted(), event("comment.held", comment="c1", by="mia", rule="links")
    )
    [held] = (await queue(service, "held"))["comments"]
    assert held["rule"] == "links"
    await act(service, "approve", seen(held))
    await service.given(event("comment.held", comment="c1", by="mia"))
    [held] = (await queue(service, "held"))["comments"]
    assert held["rule"] is None


@pytest.mark.parametrize("status", ["recent", "removed", "held"])
async def test_a_list_is_read_in_pages_while_it_moves(anywhere: Service, status: str) -> None:
    service = anywhere
    names = [f"c{number}" for number in range(7)]
    await service.given(opened(), *(posted(key, status="held") for key in names))
    if status == "removed":
        await service.given(*(event("comment.removed", comment=key, by="mia") for key in names))
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await queue(service, status, limit=2, **cursor)
        found += [one["key"] for one in page["comments"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        moved = {"held": "approve", "removed": "restore", "recent": "approve"}[status]
        await act(service, moved, {"id": comment(found[-1])})
        await service.given(posted(f"new{len(found)}", status="held"))
    old = [key for key in found if key in names]
    assert old == (names if status == "held" else names[::-1])
    other = await read(
        service, "/v1/moderation", site=SITE, status=status, person="ann", limit=2, **cursor
    )
    assert (other.status, other.problem) == (400, "bad-cursor")


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/moderation?site={SITE}&status=recent",
        f"/v1/moderation/search?site={SITE}&q=yes",
        f"/v1/persons/ann/comments?site={SITE}",
    ],
)
async def test_lists_are_for_moderators_of_the_site(service: Service, path: str) -> None:
    await service.given(opened(), posted())
    for who, status in [
        (None, 401),
        (token("comment", site=SITE, person="ann"), 403),
        (token("moderate", site="herald", person="mia"), 403),
        (MIA, 200),
    ]:
        assert (await service.ask("GET", path, token=who)).status == status


# -- acts in bulk


async def test_acts_in_bulk_are_events_each(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), *(posted(f"c{n}", status="held") for n in range(4)))
    waiting = (await queue(service, "held"))["comments"]
    before = await service.app.head()
    unknown = str(ids.comment_id(DISCUSSION, "c9"))
    results = await act(
        service, "approve", *map(seen, waiting), {"id": unknown}, {"id": str(DISCUSSION)}
    )
    assert [one["result"] for one in results] == ["recorded"] * 4 + ["rejected"] * 2
    assert [one["status"] for one in results[:4]] == ["published"] * 4
    assert [one["problem"]["type"] for one in results[4:]] == ["/problems/not-found"] * 2
    # An approval, with the trust that the first one gives to the author.
    assert await service.app.head() >= before + 4
    assert await queue(service, "held") == {
        "comments": [],
        "next": None,
        "counts": {"held": 0, "flagged": 0, "pending": 0},
    }
    [again] = await act(service, "remove", {"id": comment("c0")}, reason="Rude.")
    assert (again["status"], again["result"]) == ("removed", "recorded")
    [once_more] = await act(service, "remove", {"id": comment("c0")})
    assert (once_more["status"], once_more["result"]) == ("removed", "unchanged")


async def test_the_second_of_two_moderators_is_told(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), *(posted(f"c{n}", status="held") for n in range(3)))
    waiting = [seen(one) for one in (await queue(service, "held"))["comments"]]
    both = await asyncio.gather(
        act(service, "approve", *waiting),
        act(service, "reject", *waiting, who=MAX),
    )
    refused = {
        one["problem"]["type"] for one in (*both[0], *both[1]) if one["result"] == "rejected"
    }
    assert refused == {"/problems/precondition-failed"}
    for first, second in zip(*both, strict=True):
        assert sorted([first["result"], second["result"]]) == ["recorded", "rejected"]
    acts = (await read(service, f"/v1/sites/{SITE}/moderation-log")).json["acts"]
    assert sorted(one["comment"] for one in acts) == sorted(one["id"] for one in waiting)


async def test_a_wording_that_has_changed_is_not_decided_on(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted(status="held"))
    [held] = (await queue(service, "held"))["comments"]
    await service.given(event("comment.edited", comment="c1", body="Buy now!"))
    for named in (seen(held), {"id": held["id"], "wording": held["wording"]}):
        [refused] = await act(service, "approve", named)
        assert refused["problem"]["type"] == "/problems/precondition-failed"
        assert refused["problem"]["status"] == 412
    [held] = (await queue(service, "held"))["comments"]
    [done] = await act(service, "approve", {**seen(held), "wording": held["wording"]})
    assert done["status"] == "published"
    assert done["version"] > held["version"]


async def test_votes_and_flags_do_not_change_a_version(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted())
    [before] = (await queue(service, "recent"))["comments"]
    await service.given(
        event("vote.cast", comment="c1", voter="bob", value=1),
        event("comment.flagged", comment="c1", by="eve", reason="Rude."),
    )
    [after] = (await queue(service, "recent"))["comments"]
    assert after["version"] == before["version"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"acts": [], "action": "approve"},
        {"acts": [{"id": comment("c1")}] * 101, "action": "approve"},
        {"acts": [{"id": comment("c1")}], "action": "praise"},
        {"acts": [{"id": comment("c1"), "wording": {"source": "s", "id": "i"}}], "action": "pin"},
        {"acts": [{"id": "c1"}], "action": "pin"},
    ],
)
async def test_acts_that_do_not_fit_are_refused_as_a_whole(
    service: Service, body: dict[str, Any]
) -> None:
    answer = await post(service, "/v1/moderation/acts", **body)
    assert (answer.status, answer.problem) == (422, "invalid-body")


async def test_acts_are_for_moderators_of_each_site(service: Service) -> None:
    there = {"site": "herald", "resource": "/trams"}
    elsewhere = str(ids.comment_id(ids.discussion_id(**there), "c1"))
    await service.given(opened(), posted(), opened(**there), posted(**there))
    acts = [{"id": comment("c1")}, {"id": elsewhere}]
    body: dict[str, Any] = {"acts": acts, "action": "pin"}
    assert (await post(service, "/v1/moderation/acts", None, **body)).status == 401
    ann = token("comment", site=SITE, person="ann")
    assert (await post(service, "/v1/moderation/acts", ann, **body)).status == 403
    here, other = (await post(service, "/v1/moderation/acts", **body)).json["results"]
    assert here["result"] == "recorded"
    assert other["problem"]["type"] == "/problems/forbidden"


# -- the log of a site


async def test_the_log_of_a_site_has_the_acts_of_all_its_discussions(anywhere: Service) -> None:
    service = anywhere
    other, private = {"resource": "/bikes"}, {"resource": "/secret"}
    await service.given(
        opened(),
        posted(),
        opened(**other),
        posted(**other),
        opened(**private, settings={"private": True}),
        posted(**private),
        opened(site="herald"),
        posted(site="herald"),
    )
    for place in ({}, other, private, {"site": "herald"}):
        about = {"comment": "c1", "by": "mia", "reason": "Rude.", **place}
        await service.given(event("comment.removed", **about))
    path = f"/v1/sites/{SITE}/moderation-log"
    everything = (await read(service, path)).json
    assert [one["reason"] for one in everything["acts"]] == ["Rude."] * 3
    public = (await read(service, path, who=None)).json
    hidden = str(ids.comment_id(ids.discussion_id(SITE, "/secret"), "c1"))
    assert hidden in {one["comment"] for one in everything["acts"]}
    left = [one["comment"] for one in everything["acts"] if one["comment"] != hidden]
    assert [one["comment"] for one in public["acts"]] == left
    first = (await read(service, path, limit=2)).json
    rest = (await read(service, path, limit=2, cursor=first["next"])).json
    assert first["acts"] + rest["acts"] == everything["acts"]
    assert (await read(service, "/v1/sites/nowhere/moderation-log", who=None)).json == {
        "position": 0,
        "acts": [],
        "next": None,
    }


# -- search


async def found(service: Service, words: str) -> Any:
    answer = await read(service, "/v1/moderation/search", site=SITE, q=words)
    assert answer.status == 200, answer.body
    return answer.json


async def test_words_are_found_whatever_became_of_the_comment(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        opened(),
        posted("c1", body="Straßenbahnen sind laut."),
        posted("c2", body="Cheap WATCHES, buy now", status="held"),
        posted("c3", body="Watches and trams", author=BOB),
        event("comment.edited", comment="c3", body="Only trams", by="bob"),
        posted("c4", body="Watch this: ＣＨＥＡＰ"),
        event("comment.removed", comment="c4", by="mia"),
        posted("c5", body="Gone", author={"id": "zoe", "name": "Zoë"}),
        posted("c6", body="none"),
        opened(site="herald"),
        posted(site="herald", body="cheap"),
    )

    async def keys_of(words: str) -> list[str]:
        page = await found(service, words)
        assert (page["searched"], page["complete"]) == (6, True)
        return [one["key"] for one in page["comments"]]

    assert await keys_of("STRASSENBAHN") == ["c1"]
    assert await keys_of("cheap") == ["c4", "c2"]
    assert await keys_of("buy  watches") == ["c2"]
    assert await keys_of("zoë") == ["c5"]
    assert await keys_of("bob") == ["c3"]
    assert await keys_of("nothing like this") == []
    erased = {**event("person.erased"), "data": {"site": SITE, "person": "zoe"}}
    await service.given(erased)
    assert await keys_of("zoë") == []


async def test_one_search_runs_at_a_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await service.given(opened(), posted())
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(program: str) -> asyncio.subprocess.Process:
        begun.set()
        await go_on.wait()
        return await start_worker(program)

    monkeypatch.setattr(moderation_search, "start_worker", slow)
    first = asyncio.create_task(found(service, "yes"))
    await begun.wait()
    second = await read(service, "/v1/moderation/search", site=SITE, q="yes")
    assert (second.status, second.problem) == (429, "too-many-requests")
    assert "Retry-After" in second.headers
    go_on.set()
    assert len((await first)["comments"]) == 1
    assert len((await found(service, "yes"))["comments"]) == 1


async def test_a_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation_search, "PART_COMMENTS_MAX", 2)
    monkeypatch.setattr(moderation_search, "FOUND_MAX", 4)
    settings = HttpSettings(secret=SECRET, search_comments_max=5)
    async with serving(settings=settings) as service:
        await service.given(opened(), *(posted(f"c{n}", body=f"Word {n}") for n in range(8)))
        page = await found(service, "word 0")
        assert (page["searched"], page["comments"], page["complete"]) == (5, [], True)
        page = await found(service, "word")
        assert [one["key"] for one in page["comments"]] == ["c7", "c6", "c5", "c4"]
        assert not page["complete"]


@pytest.mark.slow
async def test_a_queue_of_many_costs_as_little_as_one_of_few(database_url: str) -> None:
    many, few = 50_000, 50
    settings = HttpSettings(secret=SECRET, person_rate=None)
    async with serving(database_url, settings) as service:
        for site, count in (("few", few), ("many", many)):
            await service.given(opened(site=site))
            for first in range(0, count, 5_000):
                last = min(first + 5_000, count)
                await service.given(
                    *(posted(f"c{n}", site=site, status="held") for n in range(first, last))
                )
        head = await service.app.head()
        await service.app.wait(head, 120)
        who = token("moderate", person="mia")

        async def seconds(site: str) -> float:
            began = time.process_time()
            for _ in range(20):
                answer = await service.ask("GET", f"/v1/moderation?site={site}", token=who)
                assert len(answer.json["comments"]) == 20
            return time.process_time() - began

        await seconds("few"), await seconds("many")
        costs = [(await seconds("few"), await seconds("many")) for _ in range(5)]
        assert min(b / a for a, b in costs) < 1.5, costs


async def _walked(service: Service, path: str, params: dict[str, Any]) -> list[str]:
    """Return the keys of the comments on all pages of a list."""
    found: list[str] = []
    given = {name: value for name, value in params.items() if value is not None}
    while True:
        page = (await read(service, path, **given)).json
        found += [one["key"] for one in page["comments"]]
        if page["next"] is None:
            return found
        given["cursor"] = page["next"]


async def test_a_comment_that_no_view_follows_ends_no_page_early(
    durable_service: Service, database_url: str
) -> None:
    """The view of comments parks a discussion that it cannot fold; the queue goes on."""
    service = durable_service
    held = [posted(f"c{number}", author=BOB, status="held") for number in range(7)]
    await service.given(opened(), *held, posted("shown"))
    await service.app.wait(await service.app.head(), 60)
    connection = await asyncpg.connect(database_url)
    await connection.execute("delete from comments_v1 where key = any($1)", ["c1", "c5", "shown"])
    await connection.close()
    for path, status in (("/v1/moderation", "held"), ("/v1/persons/bob/comments", None)):
        found = await _walked(service, path, {"site": SITE, "limit": 2, "status": status})
        assert sorted(found) == ["c0", "c2", "c3", "c4", "c6"]
    bearer = token("comment", site=SITE, person="eve")
    voted = await service.ask(
        "PUT",
        f"/v1/comments/{comment('shown')}/vote",
        token=bearer,
        headers={"Content-Type": "application/json"},
        body=b'{"value":1}',
    )
    assert (voted.status, voted.problem) == (503, "view-behind")
