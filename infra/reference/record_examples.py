"""Record an answer of every operation for `/docs`: python infra/reference/record_examples.py.

A service in memory is asked each of `REQUESTS` in order. A test asks again and compares what
comes, without times and random ids.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

import rostra_adapters
from rostra import ids
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.http.openapi import page

FILE = Path(page.__file__).with_name("examples.json")
SECRET = "an example's secret of enough bytes"  # noqa: S105  # nobody else uses it
TIME = "2026-01-05T09:00:00.000000Z"
SITE, RESOURCE = "news", "/tea"
PLACE = {"site": SITE, "resource": RESOURCE}
DISCUSSION = ids.discussion_id(SITE, RESOURCE)
C1, P1 = ids.comment_id(DISCUSSION, "c1"), ids.passage_id(DISCUSSION, "p1")
C2 = ids.comment_id(DISCUSSION, "c2")
QUERY = "site=news&resource=/tea"
JSON = "application/json"
STREAM_BYTES_MAX = 2_000


class Request(msgspec.Struct, frozen=True):
    """A request, with the scope of its token."""

    operation: str
    """Method and path, as OpenAPI names them."""
    path: str
    body: Any = None
    scope: str | None = None
    media_type: str = JSON

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0].upper()


def _event(number: int, name: str, **data: Any) -> dict[str, Any]:
    about = {"specversion": "1.0", "source": "https://news.example/cms", "id": str(number)}
    return {**about, "type": name, "time": TIME, "data": {**PLACE, **data}}


ANN, BO = {"id": "ann", "name": "Ann"}, {"id": "bo", "name": "Bo"}
BATCH = [
    _event(1, "discussion.opened", title="Is tea better than coffee?"),
    _event(2, "article.revised", revision="r1", text="A nice cup of tea takes four minutes."),
    _event(3, "passage.marked", passage="p1", exact="A nice cup of tea"),
    _event(4, "comment.posted", comment="c1", passage="p1", author=ANN, body="It *is*."),
    _event(5, "comment.posted", comment="c2", parent="c1", author=BO, body="Says who?"),
    _event(6, "vote.cast", comment="c1", voter="bo", value=1),
    _event(7, "comment.flagged", comment="c2", by="cy", reason="Off topic"),
    _event(8, "comment.pinned", comment="c1", by="mia"),
]
SETTINGS = {"guests": True, "open_on_first": True}
CONFIGURED = {
    **_event(9, "site.configured"),
    "data": {"site": SITE, "settings": SETTINGS},
}
SUBSCRIPTION = f"/v1/discussions/{DISCUSSION}/subscription"
NEW_PASSAGE = {"exact": "four minutes", "start": 24, "end": 36}

REQUESTS = (
    Request(
        "post /v1/events", "/v1/events", BATCH, "publish", "application/cloudevents-batch+json"
    ),
    Request("get /v1/events", "/v1/events?after=3&limit=1", scope="feed"),
    Request("get /v1/discussions", f"/v1/discussions?{QUERY}"),
    Request("get /v1/sites/{site}/discussions", "/v1/sites/news/discussions"),
    Request("get /v1/sites/{site}/comments", "/v1/sites/news/comments?limit=1"),
    Request("get /v1/discussions/{id}", f"/v1/discussions/{DISCUSSION}"),
    Request("get /v1/comments", f"/v1/comments?{QUERY}&order=most_voted"),
    Request("get /v1/discussions/{id}/comments", f"/v1/discussions/{DISCUSSION}/comments"),
    Request("get /v1/comments/{id}", f"/v1/comments/{C1}"),
    Request("get /v1/comments/{id}/replies", f"/v1/comments/{C1}/replies"),
    Request("get /v1/comments/{id}/history", f"/v1/comments/{C1}/history"),
    Request("get /v1/discussions/{id}/passages", f"/v1/discussions/{DISCUSSION}/passages"),
    Request("get /v1/rules", f"/v1/rules?{QUERY}"),
    Request("get /v1/counts", f"/v1/counts?{QUERY}"),
    Request("post /v1/counts", "/v1/counts", {"site": SITE, "resources": [RESOURCE, "/coffee"]}),
    Request(
        "post /v1/discussions/{id}/comments",
        f"/v1/discussions/{DISCUSSION}/comments",
        {"body": "With lemon.", "parent": str(C1)},
        "comment",
    ),
    Request("put /v1/comments/{id}/vote", f"/v1/comments/{C1}/vote", {"value": 1}, "comment"),
    Request(
        "post /v1/comments/{id}/flag", f"/v1/comments/{C1}/flag", {"reason": "Rude"}, "comment"
    ),
    Request(
        "post /v1/discussions/{id}/passages",
        f"/v1/discussions/{DISCUSSION}/passages",
        NEW_PASSAGE,
        "comment",
    ),
    Request("patch /v1/comments/{id}", "/v1/comments/{posted}", {"body": "No lemon."}, "comment"),
    Request("delete /v1/comments/{id}", "/v1/comments/{posted}", scope="comment"),
    Request("post /v1/preview", "/v1/preview", {"body": "Hello *there*"}, "comment"),
    Request("post /v1/guests", "/v1/guests", {"site": SITE, "name": "Gil"}),
    Request("put /v1/discussions", "/v1/discussions", {**PLACE, "resource": "/mate"}, "comment"),
    Request(
        "patch /v1/me", "/v1/me", {"language": "en", "notify": {"replies": "daily"}}, "comment"
    ),
    Request("get /v1/me", "/v1/me", scope="comment"),
    Request("put /v1/discussions/{id}/subscription", SUBSCRIPTION, {"to": "replies"}, "comment"),
    Request("get /v1/discussions/{id}/subscription", SUBSCRIPTION, scope="comment"),
    Request("delete /v1/discussions/{id}/subscription", SUBSCRIPTION, scope="comment"),
    Request(
        "put /v1/discussions/{id}/read",
        f"/v1/discussions/{DISCUSSION}/read",
        {"position": 4},
        "comment",
    ),
    Request("get /v1/discussions/{id}/news", f"/v1/discussions/{DISCUSSION}/news", scope="comment"),
    Request(
        "get /v1/discussions/{id}/participants",
        f"/v1/discussions/{DISCUSSION}/participants?prefix=a",
    ),
    Request(
        "post /v1/discussions/{id}/subscriptions",
        f"/v1/discussions/{DISCUSSION}/subscriptions",
        {"email": "gil@news.example", "to": "comments", "language": "en"},
    ),
    Request("get /v1/me/inbox", "/v1/me/inbox", scope="comment"),
    Request("post /v1/me/inbox/read", "/v1/me/inbox/read", {"up_to": 4}, "comment"),
    Request("get /v1/moderation", "/v1/moderation?site=news&status=flagged", scope="moderate"),
    Request("get /v1/moderation/search", "/v1/moderation/search?site=news&q=tea", scope="moderate"),
    Request(
        "post /v1/moderation/acts",
        "/v1/moderation/acts",
        {"acts": [{"id": str(C2), "version": 1}], "action": "remove", "reason": "Off topic"},
        "moderate",
    ),
    Request("get /v1/persons/{person}", "/v1/persons/bo?site=news", scope="moderate"),
    Request(
        "post /v1/persons/{person}/moderation",
        "/v1/persons/bo/moderation?site=news",
        {"action": "ban", "reason": "Spam", "until": "2036-01-05T09:00:00Z"},
        "moderate",
    ),
    Request(
        "get /v1/persons/{person}/comments", "/v1/persons/bo/comments?site=news", scope="moderate"
    ),
    Request(
        "post /v1/comments/{id}/moderation",
        f"/v1/comments/{C1}/moderation",
        {"action": "unpin", "reason": "Others have a say, too"},
        "moderate",
    ),
    Request(
        "get /v1/discussions/{id}/moderation-log", f"/v1/discussions/{DISCUSSION}/moderation-log"
    ),
    Request("get /v1/sites/{site}/moderation-log", "/v1/sites/news/moderation-log"),
    Request(
        "post /v1/passages/{id}/moderation",
        f"/v1/passages/{P1}/moderation",
        {"action": "close"},
        "moderate",
    ),
    Request("get /v1/discussions/{id}/live", f"/v1/discussions/{DISCUSSION}/live?after=5"),
    Request("get /v1/discussions/{id}/page", f"/v1/discussions/{DISCUSSION}/page"),
    Request("get /v1/discussions/{id}/feed.atom", f"/v1/discussions/{DISCUSSION}/feed.atom"),
    Request("get /healthz", "/healthz"),
    Request("get /readyz", "/readyz"),
    Request("get /metrics", "/metrics"),
    Request("get /status", "/status", scope="admin"),
)
PEOPLE = {"comment": "cy", "moderate": "mia"}


class Client:
    """A client of the recorded service, which keeps the id of the comment it posted."""

    def __init__(self, app: rostra_adapters.App, session: ClientSession, url: str) -> None:
        self._app, self._session, self._url = app, session, url
        self._posted = ""

    async def record(self, request: Request) -> dict[str, Any]:
        """Return a request and its answer, as the file holds them."""
        head = await self._app.head()
        await self._app.wait(head)
        path = request.path.replace("{posted}", self._posted)
        headers = {}
        if request.body is not None:
            headers["Content-Type"] = request.media_type
        if request.scope is not None:
            headers["Authorization"] = f"Bearer {_token(request.scope)}"
        asked = self._session.request(
            request.method,
            self._url + path,
            headers=headers,
            data=None if request.body is None else json.dumps(request.body),
        )
        async with asked as answer:
            recorded: dict[str, Any] = {"path": path, "body": request.body}
            recorded |= {"scope": request.scope, "status": answer.status}
            if request.body is not None:
                recorded["media_type"] = request.media_type
            if answer.content_type == "text/event-stream":
                recorded["text"] = await _first_event(answer.content.readline)
            elif "json" in answer.content_type:
                recorded["json"] = await answer.json(content_type=None)
                if request.operation == "post /v1/guests":
                    recorded["json"]["token"] = "eyJ…"  # noqa: S105  # no token
                if request.operation == "get /status":
                    recorded["json"] = _on_any_machine(recorded["json"])
            if request.operation == "post /v1/discussions/{id}/comments":
                self._posted = recorded["json"]["id"]
            return recorded


def _on_any_machine(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status of one view without the name of this machine."""
    views = status["views"][:1]
    for projector in (status["projector"], views[0]["projector"]):
        projector |= {"host": "rostra-1", "pid": 4711}
    return {**status, "views": views}


async def _first_event(readline: Callable[[], Awaitable[bytes]]) -> str:
    """Return the first event of a stream that has data."""
    text = ""
    while len(text) < STREAM_BYTES_MAX:
        line = (await readline()).decode()
        text += line
        if line == "\n":
            if "data:" in text:
                return text.strip()
            text = ""
    raise ValueError("no event in the beginning of the stream")


def _token(scope: str) -> str:
    person = PEOPLE.get(scope, "cms")
    return sign(SECRET, scope=scope, site=SITE, person=person, name=person.title())


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """Serve a Rostra in memory that has the settings of the examples."""
    async with rostra_adapters.open("memory:") as app:
        await app.publish([CONFIGURED])
        server = TestServer(make_app(app, HttpSettings(secret=SECRET)))
        async with server, ClientSession() as session:
            yield Client(app, session, str(server.make_url("")).rstrip("/"))


async def recorded() -> dict[str, Any]:
    """Return the request and the answer of each operation."""
    async with client() as asking:
        return {one.operation: await asking.record(one) for one in REQUESTS}


def main() -> None:
    FILE.write_text(json.dumps(asyncio.run(recorded()), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
