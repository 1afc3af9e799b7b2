"""A service on a port of its own, and a client that speaks to it as publishers and readers do."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from itertools import count
from typing import Any

import jwt
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer
from aiohttp.web_runner import BaseRunner

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.http.connections import ConnectionRunner
from support.waiting import WAIT_SECONDS_MAX

SECRET = "a secret of the tests, which is long enough"
MASTER_KEY = bytes(range(32))
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
FUTURE = 4_102_444_800  # the year 2100

PLACE = {"site": "gazette", "resource": "/trams"}
ANN = {"id": "ann", "name": "Ann"}

_names = count(100_000)  # as many digits in each: equal times are ordered by name

Event = dict[str, Any]


def event(type_: str, *, name: str | None = None, time: str | None = None, **data: Any) -> Event:
    """A CloudEvent about our discussion unless `data` says otherwise; `site.configured` has
    no resource.
    """
    place = {"site": PLACE["site"]} if type_ == "site.configured" else PLACE
    made = {
        "specversion": "1.0",
        "id": name or f"e{next(_names)}",
        "source": "urn:cms",
        "type": type_,
        "data": {**place, **data},
    }
    return made if time is None else {**made, "time": time}


def opened(**data: Any) -> Event:
    return event("discussion.opened", **data)


def posted(key: str = "c1", **data: Any) -> Event:
    return event("comment.posted", **{"comment": key, "author": ANN, "body": "Yes.", **data})


def voted(value: int = 1, *, on: str = "c1", voter: str = "bob", **rest: Any) -> Event:
    return event("vote.cast", comment=on, voter=voter, value=value, **rest)


def token(scope: str = "publish admin", *, site: str = "*", person: str = "cms") -> str:
    return sign(SECRET, scope=scope, site=site, person=person)


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a token that is good, unless changed; None leaves one out."""
    good = {"sub": "cms", "scope": "publish", "site": "*", "aud": "rostra", "exp": FUTURE}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def forged(secret: str = SECRET, algorithm: str | None = "HS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm)


class Answer:
    """An answer that has been read whole."""

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.media_type = response.content_type
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str | None:
        """The problem's name, None where it is none."""
        if self.media_type != "application/problem+json":
            return None
        assert self.json["status"] == self.status
        return str(self.json["type"]).removeprefix("/problems/")


class Service:
    """The App behind, and requests to it over HTTP."""

    def __init__(
        self,
        app: App,
        session: ClientSession,
        url: str,
        written: Sequence[bytes] = (),
        application: web.Application | None = None,
        runner: BaseRunner | None = None,
    ) -> None:
        self.app = app
        self.application = application
        self.url = url
        self._session = session
        self._written = written
        self._runner = runner

    @property
    def connections(self) -> int:
        """Return the number of open connections."""
        assert self._runner is not None and self._runner.server is not None
        return len(self._runner.server.connections)

    async def stop(self, timeout: float | None) -> None:  # noqa: ASYNC109  # aiohttp's
        """Close every connection, each after at most `timeout` seconds for its request."""
        assert self._runner is not None and self._runner.server is not None
        await self._runner.server.shutdown(timeout)

    async def lines(self) -> list[dict[str, Any]]:
        """What the request log says, of all requests so far."""
        await self.ask("GET", "/metrics")
        return [json.loads(line) for line in b"".join(self._written).splitlines()]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        params: Any = None,
        redirects: bool = True,
    ) -> Answer:
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        request = self._session.request(
            method,
            self.url + path,
            headers=given,
            data=None if body is None else BytesIO(body),
            params=params,
            allow_redirects=redirects,
        )
        async with request as response:
            return Answer(response, await response.read())

    async def get(self, path: str, *, token: str | None = None, **params: Any) -> Answer:
        """Ask for what shows all that was recorded so far, unless `min_position` is given."""
        views = ("/v1/discussions", "/v1/comments", "/v1/counts", "/v1/sites")
        if path.startswith(views) and "min_position" not in params:
            params["min_position"] = await self.catch_up()
        return await self.ask("GET", path, token=token, params=params)

    async def catch_up(self) -> int:
        """Wait until the views have read all that was recorded so far. Return the log's head."""
        head = await self.app.head()
        await self.app.wait(head, WAIT_SECONDS_MAX)
        return head

    async def post(
        self, body: bytes, *, media_type: str = STRUCTURED, token: str | None = None
    ) -> Answer:
        """Post bytes to `/v1/events`, with a token for it unless one is given."""
        bearer = globals()["token"]() if token is None else token
        headers = {"Content-Type": media_type}
        return await self.ask("POST", "/v1/events", token=bearer, headers=headers, body=body)

    async def publish(self, one: Event, *, token: str | None = None) -> Answer:
        return await self.post(json.dumps(one).encode(), token=token)

    async def batch(self, events: Sequence[Any], *, token: str | None = None) -> list[Any]:
        """The results of a batch."""
        body = json.dumps(events).encode()
        answer = await self.post(body, media_type=BATCHED, token=token)
        assert answer.status == 200, answer.body
        results: list[Any] = answer.json["results"]
        assert len(results) == len(events)
        return results

    async def given(self, *events: Event) -> list[str]:
        """Publish events that are all recorded; the ids of what they are about."""
        results = await self.batch(events)
        assert [result["status"] for result in results] == ["recorded"] * len(events), results
        return [result["id"] for result in results]


class _Server(TestServer):
    async def _make_runner(self, **settings: Any) -> ConnectionRunner:
        return ConnectionRunner(self.app, **settings)


@asynccontextmanager
async def serving(
    url: str = "memory:", settings: HttpSettings | None = None
) -> AsyncIterator[Service]:
    """A service over a Rostra on `url`."""
    async with (
        rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as app,
        serving_app(app, settings) as service,
    ):
        yield service


@asynccontextmanager
async def serving_app(app: App, settings: HttpSettings | None = None) -> AsyncIterator[Service]:
    """A service over an App."""
    written: list[bytes] = []
    settings = settings or HttpSettings(secret=SECRET)
    application = make_app(app, settings, write=written.append)
    server = _Server(application)
    await server.start_server()
    try:
        async with ClientSession() as session:
            url = str(server.make_url("")).rstrip("/")
            yield Service(app, session, url, written, application, server.runner)
    finally:
        await server.close()
