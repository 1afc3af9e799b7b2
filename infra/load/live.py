"""Thousands of live readers of one discussion while it is busy.

    rostra serve &
    ROSTRA_TOKEN=$(rostra token --scope publish) python infra/load/live.py --readers 2000

One reader folds what it is told and is compared with the page that is read at the end; every
other must have been sent the very same bytes. One more takes nothing, and must be dropped.
"""

import argparse
import asyncio
import json
import os
import random
import time
import zlib
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

SITE = "load"
FOREVER = ClientTimeout(total=None, sock_read=120)
SETTLE_SECONDS = 3.0
BATCHES_A_SECOND = 10


class Reader:
    """How much it was sent, as a length and a checksum."""

    def __init__(self) -> None:
        self.length = self.checksum = self.chunks = 0
        self.ready = asyncio.Event()

    async def read(self, session: ClientSession, url: str) -> None:
        async with session.get(url, timeout=FOREVER) as response:
            assert response.status == 200, await response.text()
            self.ready.set()
            async for chunk in response.content.iter_any():
                self.take(chunk)

    def take(self, chunk: bytes) -> None:
        self.length += len(chunk)
        self.checksum = zlib.crc32(chunk, self.checksum)
        self.chunks += 1


class Witness(Reader):
    """Folds what it is told, and measures how old it is."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: dict[str, tuple[int, int]] = {}
        self.seconds: list[float] = []
        self.published: dict[int, float] = {}
        self._rest = b""

    def take(self, chunk: bytes) -> None:
        super().take(chunk)
        *events, self._rest = (self._rest + chunk).split(b"\n\n")
        for event in events:
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
            if b"data" in fields:
                data = json.loads(fields[b"data"])
                self.totals[data["id"]] = (data["up"], data["down"])
                if at := self.published.get(int(fields[b"id"])):
                    self.seconds.append(time.monotonic() - at)


def event(number: int, kind: str, resource: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{resource}-{number}",
        "source": "urn:load",
        "type": kind,
        "data": {"site": SITE, "resource": resource, **data},
    }


def some(number: int, resource: str) -> dict[str, Any]:
    """One in ten is a comment, the others vote on one of them."""
    if number % 10 == 0:
        author = {"id": f"a{number % 97}", "name": "A"}
        key = f"c{number}"
        return event(number, "comment.posted", resource, comment=key, author=author, body="Well.")
    newest = number - number % 10
    comment = f"c{max(0, newest - 10 * random.randrange(1, 50))}" if newest else "c0"
    value = random.choice((1, 1, -1))
    voter = f"v{number}"
    return event(number, "vote.cast", resource, comment=comment, voter=voter, value=value)


async def publish(
    session: ClientSession, url: str, events: list[dict[str, Any]], witness: Witness
) -> None:
    headers = {
        "Authorization": f"Bearer {os.environ['ROSTRA_TOKEN']}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    began = time.monotonic()
    body = json.dumps(events).encode()
    async with session.post(f"{url}/v1/events", data=body, headers=headers) as answer:
        results = (await answer.json())["results"]
    for result in results:
        assert result["status"] in ("recorded", "unchanged"), result
        witness.published[result["position"]] = began


def resident_mib(pid: int | None) -> float:
    if pid is None:
        return 0.0
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def stalled(url: str, path: str) -> asyncio.StreamWriter:
    """A reader who takes nothing."""
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: load\r\n\r\n".encode())
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


async def run(url: str, readers: int, rate: int, seconds: int, pid: int | None) -> bool:
    resource = f"/load/{time.time_ns()}"
    witness = Witness()
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        await publish(session, url, [event(-1, "discussion.opened", resource)], witness)
        params = {"site": SITE, "resource": resource, "min_position": str(max(witness.published))}
        async with session.get(f"{url}/v1/discussions", params=params) as answer:
            discussion = (await answer.json())["id"]
        path = f"/v1/discussions/{discussion}/live"
        before = resident_mib(pid)
        everyone = [witness, *(Reader() for _ in range(readers - 1))]
        tasks = [asyncio.create_task(one.read(session, url + path)) for one in everyone]
        await asyncio.gather(*(one.ready.wait() for one in everyone))
        silent = await stalled(url, path)
        print(f"{readers} readers; the service holds {before:.0f} → {resident_mib(pid):.0f} MiB")
        began = time.monotonic()
        number = 0
        for tick in range(seconds * BATCHES_A_SECOND):
            events = [some(number + n, resource) for n in range(rate // BATCHES_A_SECOND)]
            number += len(events)
            await publish(session, url, events, witness)
            await asyncio.sleep(began + (tick + 1) / BATCHES_A_SECOND - time.monotonic())
        took = time.monotonic() - began
        peak = resident_mib(pid)
        await asyncio.sleep(SETTLE_SECONDS)
        pages = await shown(session, url, discussion)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        silent.transport.abort()
    same = sum((one.length, one.checksum) == (witness.length, witness.checksum) for one in everyone)
    ages = sorted(witness.seconds)
    print(
        f"{number} events in {took:.1f} s ({number / took:.0f}/s); the service holds {peak:.0f} MiB"
    )
    print(f"each reader got {witness.length / 1024:.0f} KiB in {witness.chunks} pieces")
    print(
        f"from publishing to the reader: median {ages[len(ages) // 2] * 1000:.0f} ms, "
        f"99 % {ages[len(ages) * 99 // 100] * 1000:.0f} ms"
    )
    print(f"{same} of {readers} readers were sent the same bytes")
    print(f"the view and what was told agree: {witness.totals == pages}")
    return same == readers and witness.totals == pages


async def shown(session: ClientSession, url: str, discussion: str) -> dict[str, tuple[int, int]]:
    """The totals of every comment, as they are read."""
    found: dict[str, tuple[int, int]] = {}
    params = {"limit": "100", "order": "oldest", "flat": "true"}
    while True:
        where = f"{url}/v1/discussions/{discussion}/comments"
        async with session.get(where, params=params) as answer:
            page = await answer.json()
        found |= {one["id"]: (one["up"], one["down"]) for one in page["comments"]}
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--readers", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--pid", type=int, help="of the service, to see its memory")
    given = parser.parse_args()
    return 0 if asyncio.run(run(**vars(given))) else 1


if __name__ == "__main__":
    raise SystemExit(main())
