"""The aiohttp handlers that ours are measured against, each as bare as may be.

python -m bench.peers.handlers [--bytes FILE] [--database-url URL]

POST /decode       decodes a JSON body, and answers
GET  /bytes        answers the bytes of FILE
GET  /unchanged    answers 304
GET  /page/ID      a page of comments: one query on a prepared statement, one encoding
"""

import argparse
import asyncio
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from aiohttp import web

from rostra_adapters.postgres.views.queries.comment_lists import page_statement

JSON = "application/json"
POOL_SIZE = 10
PAGE_COMMENTS = 20
PAGE_REPLIES = 3

_VERSION = "select version from public.rostra_views where name = 'comments'"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=Path)
    parser.add_argument("--database-url")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        body = b"{}" if options.bytes is None else options.bytes.read_bytes()
        runner.run(serve(body, options.database_url))


async def serve(body: bytes, url: str | None) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    application = web.Application(handler_args={"access_log": None})
    application.add_routes([web.post("/decode", decode), web.get("/unchanged", unchanged)])
    application.add_routes([web.get("/bytes", Bytes(body).get)])
    pool = None
    if url is not None:
        pool = await asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=_kept)
        pages = Pages(pool, await pool.fetchval(_VERSION))
        application.add_routes([web.get("/page/{id}", pages.get)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stop.wait()
    await runner.cleanup()
    if pool is not None:
        await pool.close()


async def _kept(_: object) -> None:
    """Give a connection back without a reset, as Rostra does: that saves a round trip."""


async def decode(request: web.Request) -> web.Response:
    event = msgspec.json.decode(await request.read())
    return web.Response(
        status=201, body=msgspec.json.encode({"event": event["id"]}), content_type=JSON
    )


async def unchanged(_: web.Request) -> web.Response:
    return web.Response(status=304, headers={"ETag": '"same"'})


class Bytes:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def get(self, _: web.Request) -> web.Response:
        return web.Response(body=self._body, content_type=JSON)


class Pages:
    """The rows of a page by our own statement, encoded as they come."""

    def __init__(self, pool: asyncpg.Pool, version: int) -> None:
        self._pool = pool
        self._version = version

    async def get(self, request: web.Request) -> web.Response:
        order: Any = request.query.get("order", "newest")
        template, names = page_statement("top", "discussion", order, "start", replies=True)
        discussion = UUID(request.match_info["id"])
        values: dict[str, object] = {
            "list": discussion,
            "group": discussion,
            "discussion": discussion,
            "limit": PAGE_COMMENTS + 1,
            "replies": PAGE_REPLIES,
            "moderator": False,
            "person": "",
        }
        statement = template.format(comments=self._version)
        records = await self._pool.fetch(statement, *(values[name] for name in names))
        body = msgspec.json.encode([dict(record) for record in records])
        return web.Response(body=body, content_type=JSON)


if __name__ == "__main__":
    main()
