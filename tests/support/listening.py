"""A reader of server-sent events."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector

from support.waiting import WAIT_SECONDS_MAX


class Listener:
    """Gives one event after another as (id, name, data); comments alone are passed over."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last_id: int | None = None
        self.heartbeats = 0

    async def next(self) -> tuple[int | None, str | None, Any]:
        """Raises EOFError at the end."""
        while True:
            fields = await self._fields()
            if "id" in fields:
                self.last_id = int(fields["id"])
            if "data" in fields:
                return self.last_id, fields.get("event"), json.loads(fields["data"])
            self.heartbeats += 1

    async def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while line := (await self.response.content.readline()).decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        raise EOFError


@asynccontextmanager
async def listening(
    url: str,
    *,
    token: str | None = None,
    last_event_id: int | None = None,
    params: Any = None,
    session: ClientSession | None = None,
) -> AsyncIterator[Listener]:
    """On a connection of its own."""
    headers = {"Accept": "text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if last_event_id is not None:
        headers["Last-Event-ID"] = str(last_event_id)
    own = session or ClientSession(connector=TCPConnector(limit=0))
    try:
        timeout = ClientTimeout(total=None, sock_read=WAIT_SECONDS_MAX)
        async with own.get(url, headers=headers, params=params, timeout=timeout) as response:
            assert response.status == 200, await response.read()
            yield Listener(response)
    finally:
        if session is None:
            await own.close()
