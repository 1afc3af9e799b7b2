"""A reader answers every GET as the primary does: lists, the past, inboxes, pages, feeds."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from support.listening import Listener, listening
from support.reader_pair import Pair, on
from support.replication import Node
from support.service import Answer, Service, event, opened, posted, token, voted
from support.waiting import WAIT_SECONDS_MAX

pytestmark = [pytest.mark.process, pytest.mark.postgres]

SITE = "gazette"
DISCUSSION = ids.discussion_id(SITE, "/trams")
C1 = ids.comment_id(DISCUSSION, "c1")
BOB = token("comment", site=SITE, person="bob")
MODERATOR = token("moderate", site=SITE, person="mod")
FEED = token("feed")
HERE = f"/v1/discussions/{DISCUSSION}"
JSON = {"Content-Type": "application/json"}
STREAMS = {"/v1/discussions/{id}/live", "/v1/live"}
OF_THE_PROCESS = {
    "/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/status", "/problems",
    "/problems/{name}", "/moderate", "/moderate/moderate.js", "/moderate/{hash}/{name}",
    "/moderate/{hash}/languages/{name}", "/mail/{link}",
}  # fmt: skip
"""What does not depend on the log."""
PLACE = {"site": SITE, "resource": "/trams"}

READS: dict[str, list[tuple[str, dict[str, Any], str | None]]] = {
    "/v1/discussions": [("/v1/discussions", PLACE, None)],
    "/v1/sites/{site}/discussions": [(f"/v1/sites/{SITE}/discussions", {}, None)],
    "/v1/sites/{site}/comments": [
        (f"/v1/sites/{SITE}/comments", {}, None),
        (f"/v1/sites/{SITE}/comments", {}, BOB),
    ],
    "/v1/sites/{site}/moderation-log": [(f"/v1/sites/{SITE}/moderation-log", {}, MODERATOR)],
    "/v1/discussions/{id}": [(HERE, {}, None), (HERE, {"as_of": 3}, None)],
    "/v1/discussions/{id}/comments": [
        (f"{HERE}/comments", {"order": "best"}, None),
        (f"{HERE}/comments", {}, BOB),
        (f"{HERE}/comments", {"flat": "true"}, MODERATOR),
        (f"{HERE}/comments", {"as_of": 4}, None),
    ],
    "/v1/comments": [("/v1/comments", PLACE, None), ("/v1/comments", {**PLACE, "key": "c1"}, BOB)],
    "/v1/discussions/{id}/passages": [
        (f"{HERE}/passages", {}, None),
        (f"{HERE}/passages", {}, BOB),
        (f"{HERE}/passages", {"format": "annotation"}, None),
    ],
    "/v1/comments/{id}": [(f"/v1/comments/{C1}", {}, None), (f"/v1/comments/{C1}", {}, BOB)],
    "/v1/comments/{id}/replies": [(f"/v1/comments/{C1}/replies", {}, None)],
    "/v1/comments/{id}/history": [(f"/v1/comments/{C1}/history", {}, MODERATOR)],
    "/v1/counts": [("/v1/counts", PLACE, None)],
    "/v1/rules": [("/v1/rules", PLACE, None)],
    "/v1/discussions/{id}/page": [(f"{HERE}/page", {"lang": "en"}, None)],
    "/v1/discussions/{id}/feed.atom": [(f"{HERE}/feed.atom", {}, None)],
    "/v1/discussions/{id}/news": [
        (f"{HERE}/news", {"since": 2}, None),
        (f"{HERE}/news", {}, BOB),
    ],
    "/v1/discussions/{id}/participants": [(f"{HERE}/participants", {"prefix": "a"}, BOB)],
    "/v1/discussions/{id}/subscription": [(f"{HERE}/subscription", {}, BOB)],
    "/v1/discussions/{id}/moderation-log": [(f"{HERE}/moderation-log", {}, None)],
    "/v1/me": [("/v1/me", {}, BOB), ("/v1/me", {}, token("comment", site=SITE, person="new"))],
    "/v1/me/inbox": [("/v1/me/inbox", {}, BOB), ("/v1/me/inbox", {"unread": "true"}, BOB)],
    "/v1/moderation": [("/v1/moderation", {"site": SITE, "status": "held"}, MODERATOR)],
    "/v1/moderation/search": [("/v1/moderation/search", {"site": SITE, "q": "held"}, MODERATOR)],
    "/v1/persons/{person}": [("/v1/persons/ann", {"site": SITE}, MODERATOR)],
    "/v1/persons/{person}/comments": [("/v1/persons/ann/comments", {"site": SITE}, MODERATOR)],
    "/v1/events": [("/v1/events", {"after": 0}, FEED), ("/v1/events", {"after": 3}, FEED)],
}
"""Requests by the route that answers them: path, parameters, token."""
WITHOUT_POSITION = {"/v1/events"}


@pytest.fixture
async def both(followed: list[Node]) -> AsyncIterator[Pair]:
    async with on(followed) as made:
        yield made


async def given(both: Pair) -> int:
    """Publish something for every read to show. Return the head once the standby has it."""
    ann, bob = {"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}
    await both.writer.given(
        event("site.configured", settings={"orders": ["newest", "best", "most_voted"]}),
        opened(title="Trams", url="https://gazette.example/trams"),
        event("passage.marked", passage="p1", exact="a stretch"),
        posted("c1", author=bob),
        posted("c2", author=ann, parent="c1", mentions=["bob"]),
        posted("c3", author=ann, passage="p1"),
        posted("c4", author=ann, body="It is held.", status="held"),
        voted(on="c1", voter="ann"),
        event("comment.edited", comment="c3", body="No."),
        event("comment.flagged", comment="c2", by="bob", reason="rude"),
        event("comment.pinned", comment="c1", by="mod"),
    )
    for path, body in (("subscription", {"to": "replies"}), ("read", {"position": 4})):
        answer = await both.writer.ask(
            "PUT", f"{HERE}/{path}", token=BOB, headers=JSON, body=json.dumps(body).encode()
        )
        assert answer.status == 200, answer.body
    settings = json.dumps({"email": "bob@example.org", "language": "de"}).encode()
    answer = await both.writer.ask("PATCH", "/v1/me", token=BOB, headers=JSON, body=settings)
    assert answer.status == 200, answer.body
    return await both.replayed()


async def test_every_read_is_answered_as_on_the_primary(both: Pair) -> None:
    application = both.reader.application
    assert application is not None
    routes = {
        route.resource.canonical
        for route in application.router.routes()
        if route.resource is not None and route.method == "GET"
    }
    routes = {path for path in routes if not path.startswith(("/embed/", "/demo"))}
    assert routes == {*READS, *STREAMS, *OF_THE_PROCESS}
    head = await given(both)
    for route, requests in READS.items():
        for path, params, bearer in requests:
            asked = params | ({} if route in WITHOUT_POSITION else {"min_position": head})
            mine, other = [
                await one.ask("GET", path, token=bearer, params=asked)
                for one in (both.writer, both.reader)
            ]
            assert mine.status == 200, (path, mine.body)
            assert shown(other, both.reader) == shown(mine, both.writer), path
            if both.writer.url.encode() not in mine.body:
                assert other.headers.get("ETag") == mine.headers.get("ETag"), path


def shown(answer: Answer, service: Service) -> tuple[int, bytes]:
    return answer.status, answer.body.replace(service.url.encode(), b"")


async def test_a_position_that_the_standby_lacks_is_waited_for_everywhere(both: Pair) -> None:
    """By all reads that take one: by `min_position`, `since`, `after` and `Last-Event-ID`."""
    await given(both)
    waited: list[asyncio.Task[Answer]] = []
    async with both.paused():
        await both.writer.given(posted("late", parent="c1"))
        head = await both.writer.app.head()
        for route, requests in READS.items():
            if route in WITHOUT_POSITION:
                continue
            path, params, bearer = requests[0]
            least = params | {"min_position": head, "wait": 0}
            answer = await both.reader.ask("GET", path, token=bearer, params=least)
            assert (answer.status, answer.problem) == (503, "view-behind"), path
        for path, params, bearer in (
            (f"{HERE}/news", {"since": head}, None),
            ("/v1/events", {"after": head}, FEED),
            (HERE, {"min_position": head, "wait": 30}, None),
        ):
            asking = both.reader.ask("GET", path, token=bearer, params=params)
            waited.append(asyncio.create_task(asking))
        await asyncio.wait(waited, timeout=0.3)
        assert not any(task.done() for task in waited)
    for task in waited:
        assert (await task).status == 200


async def test_streams_of_many_clients_go_on_after_a_stall(both: Pair) -> None:
    """Each gets every comment once, in order."""
    await given(both)
    clients, late = 60, [f"late{number}" for number in range(20)]
    several = f"/v1/live?site={SITE}&discussion={DISCUSSION}"
    paths = [both.reader.url + path for path in (f"{HERE}/live", several)]
    stack = [listening(paths[number % 2]) for number in range(clients)]
    listeners = [await it.__aenter__() for it in stack]
    try:
        async with both.paused():
            for key in late:
                await both.writer.given(posted(key, parent="c1"), voted(on="c2", voter=key))
            assert (await both.reader.ask("GET", HERE)).status == 200
            assert (await both.reader.ask("GET", "/healthz")).status == 200
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            for heard in await asyncio.gather(*(_comments_of(it, late[-1]) for it in listeners)):
                assert [key for key in heard if key in late] == late
    finally:
        for it in stack:
            await it.__aexit__(None, None, None)


async def _comments_of(listener: Listener, last: str) -> list[str]:
    """Return the keys of the comments that a client is sent, up to the last one."""
    heard: list[str] = []
    while last not in heard:
        _, name, data = await listener.next()
        if name == "comment":
            heard.append(data["key"])
    return heard
