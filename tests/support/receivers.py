"""Receivers of webhooks: servers that keep what they are sent, and answer as they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook as Verifier

LOOPBACK = ("127.0.0.0/8",)

Answering = Callable[[dict[str, Any]], Awaitable[web.Response | None]]


class Received:
    """A request as it came."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body
        self.event: dict[str, Any] = json.loads(body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def name(self) -> str:
        """The publisher's id of the event."""
        return str(self.event["id"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event["data"]
        return data

    def verify(self, secret: str) -> Any:
        """Verify it by the official library. Raises WebhookVerificationError."""
        return Verifier(secret).verify(self.body, self.headers)


class Receiver:
    """`accept` answers an event; None is 204. What it answered successfully is in `accepted`."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Received] = []
        self.accepted: list[Received] = []
        self.under_way = self.most_under_way = 0
        self.accept: Answering = _accept
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers, await request.read())
        self.seen.append(received)
        self.changed.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = await self.accept(received.event) or web.Response(status=204)
        finally:
            self.under_way -= 1
        if answer.status < 300:
            self.accepted.append(received)
        return answer

    @property
    def names(self) -> list[str]:
        """Ids of the accepted events, in order."""
        return [one.name for one in self.accepted]


async def _accept(_: dict[str, Any]) -> web.Response | None:
    return None


Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving_handler(handler: Handler) -> AsyncIterator[str]:
    """Serve a handler at every path, and yield the URL of a hook."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(application)
    await server.start_server()
    try:
        yield str(server.make_url("/hook"))
    finally:
        await server.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving_handler(receiver.handle) as receiver.url:
        yield receiver
