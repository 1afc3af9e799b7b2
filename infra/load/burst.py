"""Send ten times the events that a service can record, for half a minute, and then none.

    python infra/load/burst.py            # starts a service of its own, in a passing data folder

First the limit is measured: batches of votes on connections that each wait for their answer. Then
batches are sent by the clock at ten times that rate. Each must be answered at once, with results or
with 503 and `Retry-After`. Afterwards every event that was answered as recorded must be in the log
and in the views, once. A single vote must be visible as soon as before.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.http_load import Connection, connect, request
from bench.memory import Peak
from rostra_adapters.http.auth.tokens import sign

SITE, RESOURCE, COMMENTS = "burst", "/burst", 500
SECRET = "a secret of this script, which is long enough"  # noqa: S105  # of a server that ends
BATCH_EVENTS = 50
STEADY_CONNECTIONS = 16
STEADY_SECONDS = 8.0
QUIET_SECONDS_MAX = 120.0
FRESH_VOTES = 50

VOTE = (
    '{{"specversion":"1.0","source":"urn:burst","id":"v{n}","type":"vote.cast","data":{{'
    '"site":"burst","resource":"/burst","comment":"c{c}","voter":"p{n}","value":1}}}}'
)


class Service:
    """Client of the service under load, which counts its answers."""

    def __init__(self, host: str, port: int, pid: int) -> None:
        self.host, self.port = host, port
        self.peak = Peak(pid)
        self.answers: Counter[int] = Counter()
        self.recorded: set[str] = set()
        self.seconds: list[float] = []
        self.without_retry_after = 0
        self._numbers = count()
        token = sign(SECRET, scope="publish", person="burst")
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents-batch+json",
        }

    def votes(self, many: int) -> bytes:
        numbers = [next(self._numbers) for _ in range(many)]
        events = ",".join(VOTE.format(n=n, c=n % COMMENTS) for n in numbers)
        return self.post(f"[{events}]".encode())

    def post(self, body: bytes) -> bytes:
        return request("POST", "/v1/events", body, **self._headers)

    async def ask(self, connection: Connection, data: bytes) -> int:
        """Send one batch, keep its answer, and return its last position."""
        began = time.perf_counter()
        status, head, body = await connection.ask(data)
        self.seconds.append(time.perf_counter() - began)
        self.answers[status] += 1
        if status == 503:
            self.without_retry_after += b"retry-after" not in head.lower()
            return 0
        if status != 200:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        results: list[dict[str, Any]] = msgspec.json.decode(body)["results"]
        strange = [result for result in results if result["status"] != "recorded"]
        if strange and any(not r["problem"]["retryable"] for r in strange):
            raise RuntimeError(str(strange[0]))
        self.recorded.update(r["event"] for r in results if r["status"] == "recorded")
        return max((r["position"] for r in results if r["status"] == "recorded"), default=0)

    async def get(self, path: str) -> tuple[int, Any]:
        (connection,) = await connect(self.host, self.port, 1)
        try:
            status, _, body = await connection.ask(request("GET", path))
        finally:
            connection.close()
        return status, msgspec.json.decode(body)


async def steady(service: Service) -> float:
    """Events a second that it takes, each connection waiting for its answer."""
    connections = await connect(service.host, service.port, STEADY_CONNECTIONS)
    until = time.perf_counter() + STEADY_SECONDS
    before = len(service.recorded)

    async def work(connection: Connection) -> None:
        while time.perf_counter() < until:
            await service.ask(connection, service.votes(BATCH_EVENTS))

    began = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    rate = (len(service.recorded) - before) / (time.perf_counter() - began)
    for connection in connections:
        connection.close()
    return rate


async def burst(service: Service, rate: float, seconds: float, connections: int) -> float:
    """Send batches at a rate. Return the events sent a second.

    A batch that finds no connection free waits for one.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in await connect(service.host, service.port, connections):
        free.put_nowait(connection)
    began = time.perf_counter()
    sent = 0
    async with asyncio.TaskGroup() as group:
        for moment in _moments(began, BATCH_EVENTS / rate, seconds):
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            group.create_task(_on_a_free_one(service, free, await free.get()))
            sent += BATCH_EVENTS
    took = time.perf_counter() - began
    while not free.empty():
        free.get_nowait().close()
    return sent / took


def _moments(began: float, apart: float, seconds: float) -> Iterator[float]:
    moment = began
    while time.perf_counter() < began + seconds:
        yield moment
        moment += apart


async def _on_a_free_one(
    service: Service, free: "asyncio.Queue[Connection]", connection: Connection
) -> None:
    await service.ask(connection, service.votes(BATCH_EVENTS))
    free.put_nowait(connection)


async def visible_ms(service: Service) -> float:
    """Return the median milliseconds from sending a single vote until it can be read."""
    (connection,) = await connect(service.host, service.port, 1)
    found = []
    for _ in range(FRESH_VOTES):
        began = time.perf_counter()
        position = await service.ask(connection, service.votes(1))
        where = f"/v1/counts?site={SITE}&resource={RESOURCE}&min_position={position}"
        status, _ = await service.get(where)
        assert status == 200
        found.append(1e3 * (time.perf_counter() - began))
    connection.close()
    return median(found)


async def quiet(service: Service) -> float:
    """Seconds until the views have read all that was recorded."""
    began = time.perf_counter()
    (connection,) = await connect(service.host, service.port, 1)
    position = 0
    while not position:
        position = await service.ask(connection, service.votes(1))
    connection.close()
    where = f"/v1/counts?site={SITE}&resource={RESOURCE}&wait=30&min_position={position}"
    async with asyncio.timeout(QUIET_SECONDS_MAX):
        while (await service.get(where))[0] != 200:
            pass
    return time.perf_counter() - began


async def votes_shown(service: Service) -> int:
    """Return the number of votes that readers see."""
    _, found = await service.get(f"/v1/discussions?site={SITE}&resource={RESOURCE}")
    first = f"/v1/discussions/{found['id']}/comments?order=oldest&limit=100"
    path, total = first, 0
    while path:
        _, page = await service.get(path)
        total += sum(comment["up"] for comment in page["comments"])
        path = page["next"] and f"{first}&cursor={page['next']}"
    return total


async def prepare(service: Service) -> None:
    about = {"site": SITE, "resource": RESOURCE}
    data = [("discussion.opened", about)] + [
        (
            "comment.posted",
            {**about, "comment": f"c{n}", "author": {"id": "ann", "name": "Ann"}, "body": "Well."},
        )
        for n in range(COMMENTS)
    ]
    events = [
        {"specversion": "1.0", "source": "urn:burst", "id": f"e{n}", "type": kind, "data": one}
        for n, (kind, one) in enumerate(data)
    ]
    (connection,) = await connect(service.host, service.port, 1)
    await service.ask(connection, service.post(msgspec.json.encode(events)))
    connection.close()


async def measure(service: Service, seconds: float, times: float, connections: int) -> bool:
    await prepare(service)
    comments = len(service.recorded)
    limit = await steady(service)
    await quiet(service)
    before = await visible_ms(service)
    print(f"limit: {limit:,.0f} events/s; a single vote is visible after {before:.1f} ms")
    service.answers.clear()
    service.seconds.clear()
    sent = await burst(service, times * limit, seconds, connections)
    answers, slowest = dict(service.answers), max(service.seconds)
    refused = answers.get(503, 0) / sum(answers.values())
    print(
        f"burst: {sent:,.0f} events/s sent ({sent / limit:.1f} times the limit), answers {answers} "
        f"({refused:.0%} refused), the slowest after {slowest:.2f} s, "
        f"503 without Retry-After: {service.without_retry_after}"
    )
    settled = await quiet(service)
    after = await visible_ms(service)
    again = await steady(service)
    await quiet(service)
    service.peak.look()
    shown = await votes_shown(service)
    held = len(service.recorded) - comments
    print(f"quiet: all is in the views after {settled:.1f} s, a single vote after {after:.1f} ms")
    print(f"again {again:,.0f} events/s; memory at most {service.peak.bytes / 2**20:.0f} MiB")
    print(f"{held:,} votes were answered as recorded, {shown:,} are shown")
    return shown == held and not service.without_retry_after and 503 in answers


@asynccontextmanager
async def served() -> AsyncIterator[Service]:
    """`rostra serve` in a data folder that goes with it."""
    with TemporaryDirectory(prefix="rostra-burst-") as data:
        os.chmod(data, 0o755)  # noqa: PTH101, S103  # as root PostgreSQL runs as another user
        program = str(Path(sys.executable).with_name("rostra"))
        process = await asyncio.create_subprocess_exec(
            program,
            *("serve", "--port", "0", "--data", data),
            env=os.environ | {"ROSTRA_SECRET": SECRET},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            said = (await process.stdout.readline()).decode().strip()
            host, _, port = said.rpartition("http://")[2].rpartition(":")
            yield Service(host, int(port), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def run(seconds: float, times: float, connections: int) -> bool:
    async with served() as service:
        return await measure(service, seconds, times, connections)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--times", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=1_000)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(run(given.seconds, given.times, given.connections)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
