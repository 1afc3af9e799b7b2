"""The service behind nginx, with connections that are kept on both sides."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import sleep
from typing import Any

from rostra import ids
from rostra_adapters.http import HttpSettings
from support.nginx import running_nginx
from support.ports import free_port
from support.service import PLACE, SECRET, Service, opened, posted, serving, token
from support.wire import Answer, Wire, request

RULES = request("GET", "/v1/rules?site=gazette&resource=/trams")
DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
SERVER = """
  upstream rostra {{ server {service}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://rostra; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
"""


@asynccontextmanager
async def behind(folder: Path, service: Service) -> AsyncIterator[str]:
    """Run nginx before a service; its URL."""
    port, address = free_port(), service.url.removeprefix("http://")
    async with running_nginx(folder, SERVER.format(service=address, port=port), port) as url:
        yield url


def short(**settings: Any) -> HttpSettings:
    """Return settings with limits of fractions of a second."""
    limits = {"head_seconds_max": 0.4, "body_seconds_max": 0.4, "idle_seconds_max": 0.4}
    return HttpSettings(
        secret=SECRET, proxies=("127.0.0.1",), **{**limits, "heartbeat_seconds": 0.2, **settings}
    )


async def test_kept_connections_idle_ones_and_many_at_once_are_answered(tmp_path: Path) -> None:
    settings = short(connections_per_address_max=2)
    async with serving(settings=settings) as service, behind(tmp_path, service) as url:

        def ask() -> list[int]:
            wires = [Wire(url) for _ in range(20)]
            statuses = []
            for pause in (0.0, 0.0, 0.6):  # longer than connections behind nginx are kept
                for wire in wires:
                    wire.send(RULES)
                statuses += [wire.answer().status for wire in wires]
                sleep(pause)
            statuses += [wire.ask(RULES).status for wire in wires]
            for wire in wires:
                wire.close()
            return statuses

        assert await asyncio.to_thread(ask) == [200] * 80


async def test_a_slow_body_and_lines_come_through(tmp_path: Path) -> None:
    body = json.dumps({"site": "gazette", "name": "Ann"}).encode().ljust(2_000)
    async with serving(settings=short()) as service, behind(tmp_path, service) as url:

        def ask() -> tuple[Answer, Answer]:
            wire = Wire(url)
            wire.send(
                request(
                    "POST", "/v1/guests", "Content-Type: application/json", body=b"", length=2_000
                )
            )
            for start in range(0, len(body), 100):
                wire.send(body[start : start + 100])
                sleep(0.05)
            slow = wire.answer()
            lines = b"".join(
                json.dumps(opened(resource=f"/{n}")).encode() + b"\n" for n in range(50)
            )
            by_lines = ("Content-Type: application/x-ndjson", f"Authorization: Bearer {token()}")
            published = wire.ask(request("POST", "/v1/events", *by_lines, body=lines))
            wire.close()
            return slow, published

        slow, published = await asyncio.to_thread(ask)
        assert (slow.status, slow.problem, published.status) == (403, "no-guests", 200)
        async with asyncio.timeout(60):
            while await service.app.head() < 50:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_streams_last_and_their_readers_are_told_apart(tmp_path: Path) -> None:
    settings = short(live_streams_per_address_max=1)
    async with serving(settings=settings) as service, behind(tmp_path, service) as url:
        await service.given(opened())
        path = f"/v1/discussions/{DISCUSSION}/live"

        def ask() -> tuple[bytes, int, int]:
            one, same, other = Wire(url), Wire(url), Wire(url, "127.0.0.2")
            one.send(request("GET", path))
            while one.came.count(b"id: ") < 5:
                assert one.read()
            statuses = same.ask(request("GET", path)).status, other.ask(request("GET", path)).status
            while b"event: comment" not in one.came:
                assert one.read()
            for wire in (one, same, other):
                wire.close()
            return one.came, *statuses

        asked = asyncio.create_task(asyncio.to_thread(ask))
        number = 0
        while not asked.done():
            await service.given(posted(f"c{number}"))
            number += 1
            await asyncio.wait({asked}, timeout=0.3)
        came, same, other = await asked
        assert b"text/event-stream" in came
        assert (same, other) == (429, 200)
