"""Benchmark of readers on a standby: delay of a vote, and processor time of pages.

The delay is that from sending a vote to the primary to the reader's answer that shows it.

Primary, standby, services and client share the processors. So reads are counted by processor
second.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import get_args
from uuid import UUID

import asyncpg
import msgspec

from bench.figures import Figure
from bench.fill import fill
from bench.generate import Load
from bench.http_load import Connection, connect, drive, request
from bench.processes import SECRET, Served, rostra
from bench.replicas import Server, replicated
from bench.rows.publish import caught_up
from bench.setting import Scale, Setting
from bench.votes import Ballots, cloudevent, targets
from rostra import ids
from rostra.settings import Order
from rostra_adapters.http.auth.tokens import sign

CONNECTIONS = 32
EVENTS_MAX = 200_000
WRITES_A_SECOND = 40.0
"""Own votes that are waited for: few, as of persons."""
CACHED_A_SECOND = 4_000
AFRESH_A_SECOND = 400
ORDERS: tuple[Order, ...] = get_args(Order)
LIMITS = range(20, 60)
"""Numbers of comments on a page: each makes another page, which is not cached yet."""

_DISCUSSIONS = """
select id from public.comment_counts_v{v} where site is not null and top >= $1
order by top desc limit 200"""
_VERSION = "select version from public.rostra_views where name = 'comments'"
SPENT_SECONDS_MIN = 0.1
"""Ten ticks, in which the system counts processor time."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


async def measure(setting: Setting) -> list[Figure]:
    scale = setting.scale
    load = msgspec.structs.replace(scale.load, events=min(scale.load.events, EVENTS_MAX))
    pair = replicated(lambda url: _fill(url, load), durable=scale.durable, scratch=setting.scratch)
    async with pair as (primary, standby), rostra(primary.url) as writer:
        await caught_up(primary.url)
        async with _readers(primary, standby, 2) as readers:
            bench = Bench(scale, primary, standby, writer, readers)
            return [*await bench.visible(), *await bench.reads()]


async def _fill(url: str, load: Load) -> None:
    await fill(url, load)


@asynccontextmanager
async def _readers(primary: Server, standby: Server, count: int) -> AsyncIterator[list[Served]]:
    options = ("--read-only", "--read-database-url", standby.url, "--reader-rate", "off")
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(rostra(primary.url, *options)) for _ in range(count)]


class Bench:
    def __init__(
        self,
        scale: Scale,
        primary: Server,
        standby: Server,
        writer: Served,
        readers: Sequence[Served],
    ) -> None:
        self._scale = scale
        self._primary = primary
        self._standby = standby
        self._writer = writer
        self._readers = readers
        self._asked = 0

    # -- own writes

    async def visible(self) -> list[Figure]:
        """Measure from sending a vote to the primary until the reader answers a page with it."""
        ballots = Ballots(await targets(self._primary.url), "readers")
        found = [await self._delays(ballots) for _ in range(self._scale.rounds)]
        name = "own vote → page on a standby"
        return [
            Figure(name=f"{name}, median", unit="ms", ours=[median(one) for one in found]),
            Figure(
                name=f"{name}, p99", unit="ms", ours=[quantiles(one, n=100)[98] for one in found]
            ),
        ]

    async def _delays(self, ballots: Ballots) -> list[float]:
        """Return the milliseconds of each vote, one after another."""
        token = sign(SECRET, scope="publish", person="bench")
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents+json",
        }
        (writing,) = await connect(self._writer.host, self._writer.port, 1)
        reader = self._readers[0]
        (reading,) = await connect(reader.host, reader.port, 1)
        try:
            delays = []
            for ballot in ballots.take(max(3, int(WRITES_A_SECOND * self._scale.seconds))):
                vote = msgspec.json.encode(cloudevent(ballot))
                discussion = ids.discussion_of(ballot.target.comment)
                sent = time.perf_counter()
                body = await _answer(writing, request("POST", "/v1/events", vote, **headers), 201)
                position = msgspec.json.decode(body)["position"]
                page = f"/v1/discussions/{discussion}/comments?min_position={position}&wait=30"
                await _answer(reading, request("GET", page), 200)
                delays.append(1e3 * (time.perf_counter() - sent))
                await asyncio.sleep(0.01)  # else each vote would meet the look after the last one
            return delays
        finally:
            writing.close()
            reading.close()

    # -- reads

    async def reads(self) -> list[Figure]:
        """Count pages by processor second of the readers and the standby's PostgreSQL."""
        discussions = await self._discussions()
        figures = []
        for name, each_second, is_cached in (
            ("a cached page on a standby", CACHED_A_SECOND, True),
            ("a page on a standby, not read before", AFRESH_A_SECOND, False),
        ):
            one, two = list[float](), list[float]()
            for _ in range(self._scale.rounds):
                for readers, rates in ((self._readers[:1], one), (self._readers, two)):
                    count = max(CONNECTIONS, int(each_second * self._scale.seconds))
                    pages = self._pages(discussions, count, is_cached=is_cached)
                    rates.append(await self._rate(readers, pages, is_cached=is_cached))
            figures.append(
                Figure(
                    name=f"{name}, by processor second",
                    unit="pages/s",
                    ours=one,
                    peer="two readers together",
                    peers=two,
                    note="ours: one reader",
                )
            )
        return figures

    def _pages(self, discussions: Sequence[UUID], count: int, *, is_cached: bool) -> list[bytes]:
        if is_cached:
            return [request("GET", _path(discussions[0], "newest", 20))] * count
        every = list(product(LIMITS, ORDERS, discussions))
        first, self._asked = self._asked, self._asked + count
        chosen = [every[number % len(every)] for number in range(first, first + count)]
        return [request("GET", _path(each, order, limit)) for limit, order, each in chosen]

    async def _rate(
        self, readers: Sequence[Served], pages: Sequence[bytes], *, is_cached: bool
    ) -> float:
        if is_cached:
            for reader in readers:
                await _drive(reader, pages[:1])
        processes = [*(reader.peak.pid for reader in readers), self._standby.pid]
        before = sum(map(processor_seconds, processes))
        shares = [pages[number :: len(readers)] for number in range(len(readers))]
        spent, read = 0.0, 0
        while spent < SPENT_SECONDS_MIN:
            await asyncio.gather(*map(_drive, readers, shares))
            read += len(pages)
            spent = sum(map(processor_seconds, processes)) - before
        return read / spent

    async def _discussions(self) -> list[UUID]:
        connection = await asyncpg.connect(self._primary.url)
        try:
            version = await connection.fetchval(_VERSION)
            found = await connection.fetch(_DISCUSSIONS.format(v=version), self._scale.comments_min)
        finally:
            await connection.close()
        return [record[0] for record in found]


async def _answer(connection: Connection, data: bytes, expected: int) -> bytes:
    status, _, body = await connection.ask(data)
    if status != expected:
        raise RuntimeError(f"{status}: {body[:500]!r}")
    return body


async def _drive(reader: Served, pages: Sequence[bytes]) -> None:
    await drive(reader.host, reader.port, pages, connections=CONNECTIONS, expected=200)


def _path(discussion: UUID, order: Order, limit: int) -> str:
    return f"/v1/discussions/{discussion}/comments?order={order}&limit={limit}"


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, ended ones included."""
    seconds = sum(_times(pid)) / _TICKS_A_SECOND
    with suppress(OSError):  # it has ended
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            seconds += sum(map(processor_seconds, map(int, children.read_text().split())))
    return seconds


def _times(pid: int) -> list[int]:
    """Return the ticks in user and system mode, and those of ended children."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return []
    return [int(ticks) for ticks in after_name[11:15]]
