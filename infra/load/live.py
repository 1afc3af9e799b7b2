"""Thousands of live readers of one discussion while it is busy.

    rostra serve &
    ROSTRA_TOKEN=$(rostra token --scope publish) python infra/load/live.py --readers 2000

One reader folds the events that it receives, and is compared with the page that is read at the
end. Every other reader must receive the same bytes. One more reader takes nothing. The service must
drop it, count it as gone, and go on with the others. The exit code is 1 if any of that fails, or if
the service takes too much memory.
"""

import argparse
import asyncio
import json
import os
import random
import re
import socket
import time
import zlib
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

SITE = "load"
FOREVER = ClientTimeout(total=None, sock_read=120)
SETTLE_SECONDS = 3.0
STALLED_BYTES = 2_048
BATCHES_A_SECOND = 10


class Reader:
    """Reader of a live stream; notes length and checksum of the received bytes."""

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
    """Folds the events that it receives, and measures their age."""

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


class Stalled:
    """A reader who takes nothing, and for whom the system keeps little."""

    def __init__(self, url: str, path: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BYTES)
        self._socket.connect((host, int(port)))
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: load\r\n\r\n".encode())

    def rest(self) -> tuple[int, bool]:
        """Return the number of bytes that wait, and whether the connection ended."""
        self._socket.settimeout(SETTLE_SECONDS)
        length = 0
        try:
            while chunk := self._socket.recv(65_536):
                length += len(chunk)
        except ConnectionResetError:
            return length, True
        except TimeoutError:
            return length, False
        finally:
            self._socket.close()
        return length, True


async def reading(session: ClientSession, url: str) -> int:
    """Return the number of live readers by the service's metrics."""
    async with session.get(f"{url}/metrics") as answer:
        found = re.search(r'rostra_readers\{kind="live"\} ([0-9.]+)', await answer.text())
    assert found is not None
    return int(float(found[1]))


async def run(
    url: str, readers: int, rate: int, seconds: int, pid: int | None, mib_max: int
) -> bool:
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
        silent = Stalled(url, path)
        while await reading(session, url) <= readers:  # noqa: ASYNC110  # the service's to say
            await asyncio.sleep(0.1)
        print(f"{readers} readers; the service holds {before:.0f} → {resident_mib(pid):.0f} MiB")
        began = time.monotonic()
        number, dropped_after = 0, None
        for tick in range(seconds * BATCHES_A_SECOND):
            events = [some(number + n, resource) for n in range(rate // BATCHES_A_SECOND)]
            number += len(events)
            await publish(session, url, events, witness)
            looking = dropped_after is None and tick % BATCHES_A_SECOND == 0
            if looking and await reading(session, url) == readers:
                dropped_after = time.monotonic() - began
            await asyncio.sleep(began + (tick + 1) / BATCHES_A_SECOND - time.monotonic())
        took = time.monotonic() - began
        peak = resident_mib(pid)
        await asyncio.sleep(SETTLE_SECONDS)
        pages = await shown(session, url, discussion)
        left = await reading(session, url)
        taken, ended = await asyncio.to_thread(silent.rest)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
    print(f"the view and the live updates agree: {witness.totals == pages}")
    gone = "never" if dropped_after is None else f"after {dropped_after:.0f} s"
    print(
        f"who took nothing was dropped {gone}, {taken / 1024:.0f} KiB on the way, "
        f"the connection {'ended' if ended else 'still open'}; {left} of the others read on"
    )
    dropped = dropped_after is not None and ended and taken < witness.length and left == readers
    return same == readers and witness.totals == pages and dropped and peak <= mib_max


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
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pid", type=int, help="of the service, to see its memory")
    parser.add_argument("--mib-max", type=int, default=500, help="that the service may take")
    given = parser.parse_args()
    return 0 if asyncio.run(run(**vars(given))) else 1


if __name__ == "__main__":
    raise SystemExit(main())
