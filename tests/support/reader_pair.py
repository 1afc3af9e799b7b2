"""A service on a primary, and a read-only one on its standby."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import rostra_adapters
from rostra.settings import Order
from rostra_adapters.http import HttpSettings
from rostra_projections.cursors import position_of_cursor
from support.replication import Node
from support.service import MASTER_KEY, PLACE, SECRET, Service, serving_app
from support.waiting import wait_until

WRITER = "https://writer.example/comments"
NOW = """
select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
"""Statement that returns a server's time."""
_schemas = count(1)


class Pair:
    """A service on the primary and a reader on its standby, with a schema of their own."""

    def __init__(
        self, writer: Service, reader: Service, primary: Node, standby: Node, schema: str
    ) -> None:
        self.schema = schema
        self.writer = writer
        self.reader = reader
        self.primary = primary
        self.standby = standby

    async def replayed(self) -> int:
        """Return the head, once the views on the standby have it."""
        head = await self.writer.app.head()
        await self.writer.app.wait(head, 60)
        await self.reader.app.wait(head, 60)
        return head

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """The standby has what was recorded, and does not follow while the block runs."""
        await self.replayed()
        async with self.paused_now():
            yield

    @asynccontextmanager
    async def paused_now(self) -> AsyncIterator[None]:
        """The standby does not follow while the block runs."""
        self.standby.execute("select pg_wal_replay_pause()")
        try:
            await wait_until(
                lambda: self.standby.value("select pg_get_wal_replay_pause_state()") == "paused"
            )
            yield
        finally:
            self.standby.execute("select pg_wal_replay_resume()")

    @asynccontextmanager
    async def lagging(self, seconds_max: float = 0.3) -> AsyncIterator[None]:
        """The standby stops and goes on again and again while the block runs."""
        lagging = asyncio.create_task(self._lag(seconds_max))
        try:
            yield
        finally:
            lagging.cancel()
            await asyncio.gather(lagging, return_exceptions=True)
            self.standby.execute("select pg_wal_replay_resume()")

    async def _lag(self, seconds_max: float) -> None:
        while True:
            for statement in ("select pg_wal_replay_pause()", "select pg_wal_replay_resume()"):
                await asyncio.to_thread(self.standby.execute, statement)
                await asyncio.sleep(random.uniform(0.0, seconds_max))


@asynccontextmanager
async def on(servers: list[Node], stale_seconds: float = 60.0) -> AsyncIterator[Pair]:
    """Serve from a primary and its standby, in a schema of their own."""
    primary, standby = servers
    async with writing(primary) as (writer, schema):
        await wait_until(lambda: standby is primary or standby.has_replayed(primary))
        urls = standby.url + schema, primary.url + schema
        async with reading(*urls, stale_seconds) as reader:
            yield Pair(writer, reader, primary, standby, schema.removeprefix("?schema="))


@asynccontextmanager
async def writing(primary: Node, url: str | None = None) -> AsyncIterator[tuple[Service, str]]:
    """Serve from a primary. Yield the service, and what its schema adds to a URL."""
    schema = f"?schema=readers_{next(_schemas)}"
    opening = rostra_adapters.open(url or primary.url + schema, master_key=MASTER_KEY)
    async with opening as app, serving_app(app, settings()) as writer:
        yield writer, schema


@asynccontextmanager
async def reading(
    url: str, primary_url: str, stale_seconds: float = 60.0, **options: Any
) -> AsyncIterator[Service]:
    """A read-only service on a database and its primary."""
    opening = rostra_adapters.open(
        url,
        master_key=MASTER_KEY,
        read_only=True,
        primary_url=primary_url,
        stale_seconds=stale_seconds,
        **options,
    )
    async with opening as app, serving_app(app, settings(is_reader=True)) as reader:
        yield reader


def settings(*, is_reader: bool = False) -> HttpSettings:
    """Return the settings of a service without limits."""
    return HttpSettings(
        secret=SECRET,
        person_rate=None,
        reader_rate=None,
        live_streams_per_address_max=1_000,
        read_only=is_reader,
        writer_url=WRITER if is_reader else None,
    )


def comments(**params: object) -> dict[str, object]:
    """Return the parameters of a list of comments."""
    return PLACE | params


async def walk(
    services: Sequence[Service], order: Order, limit: int, *, flat: bool = False
) -> list[str]:
    """Return the keys of a list, read page by page on each service by turns."""
    seen: list[str] = []
    cursor: dict[str, object] = {}
    least = pages = 0
    while True:
        service = services[pages % len(services)]
        paging = {"limit": limit, "order": order, "flat": str(flat).lower(), "replies": 0}
        params = comments(**paging, **cursor, wait=30)
        page = await service.ask("GET", "/v1/comments", params=params)
        if page.status == 503:  # the standby has not come so far
            continue
        assert page.status == 200, page.body
        assert int(page.headers["Rostra-Position"]) >= least
        seen += [one["key"] for one in page.json["comments"]]
        pages += 1
        if page.json["next"] is None:
            return seen
        cursor = {"cursor": page.json["next"]}
        least = position_of_cursor(page.json["next"])
