"""Publishing over HTTP: votes on comments that are there, one at a time and a thousand at a
time, and how soon they can be read.
"""

import asyncio
import os
import time
from bisect import bisect_left
from statistics import median, quantiles
from typing import Any

import asyncpg
import msgspec

from bench.figures import Figure
from bench.generate import SITE
from bench.http_load import drive, request
from bench.peers import bare_insert
from bench.processes import SECRET, Served, peer, projector, rostra
from bench.rounds import alternate
from bench.setting import Setting
from bench.votes import Ballots, cloudevent, targets
from rostra import ids
from rostra_adapters.application.invalidation import ALL_CHANGED
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.postgres.views.lineage import OURS

CONNECTIONS = 64
BATCH_EVENTS = 1_000
BATCH_CONNECTIONS = 2
FEW_COMMENTS = 10
CORES = os.sched_getaffinity(0)
GUESSED = 5_000
PERSONS = 300
VISIBLE_SECONDS_MAX = 30.0
CAUGHT_UP_SECONDS_MAX = 300.0

_READ_UP_TO = "select min(position) from public.rostra_views"


async def measure(setting: Setting) -> list[Figure]:
    return [*await _alone(setting), *await _projected_apart(setting)]


async def _alone(setting: Setting) -> list[Figure]:
    """A whole service, which projects what it takes in."""
    load = setting.scale.load
    async with (
        setting.databases.copy(load) as url,
        setting.databases.copy(load) as bare_url,
        rostra(url) as ours,
        peer() as decoder,
    ):
        await bare_insert.strip(bare_url)
        bench = Bench(setting, ours, decoder, url, bare_url, Ballots(await targets(url), "http"))
        singles = await bench.singles()
        found = [
            singles,
            await bench.batches(),
            await bench.batches_on_few_comments(),
            await bench.lines(),
            await bench.persons(),
            *await bench.visible(median(singles.ours) / 2),
            *await bench.together(),
        ]
        megabytes = ours.peak.look() / 2**20
    memory = Figure(
        name="memory of the server, publishing",
        unit="MB",
        ours=[megabytes],
        rule="at most alone",
        bar=350.0,
    )
    return [*found, memory]


async def _projected_apart(setting: Setting) -> list[Figure]:
    """Measure a service that does not project, with `rostra project` on a core of its own."""
    load = setting.scale.load
    async with (
        setting.databases.copy(load) as url,
        setting.databases.copy(load) as bare_url,
        projector(url, core=max(CORES)),
        rostra(url, core=min(CORES)) as ours,
        peer() as decoder,
    ):
        await bare_insert.strip(bare_url)
        bench = Bench(setting, ours, decoder, url, bare_url, Ballots(await targets(url), "apart"))
        found = [await bench.singles(), await bench.batches(), *await bench.together()]
    for figure in found:
        figure.name += ", `rostra project` on another core"
    return found


class Bench:
    def __init__(
        self,
        setting: Setting,
        ours: Served,
        decoder: Served,
        url: str,
        bare_url: str,
        ballots: Ballots,
    ) -> None:
        self._scale = setting.scale
        self._ours = ours
        self._decoder = decoder
        self._url = url
        self._bare_url = bare_url
        self._ballots = ballots
        self._on_few = ballots.on_few(FEW_COMMENTS)
        token = sign(SECRET, scope="publish", person="bench")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def singles(self) -> Figure:
        mine, decoded = await alternate(
            self._scale.rounds,
            lambda: self._rate(self._ours, "/v1/events"),
            lambda: self._rate(self._decoder, "/decode"),
        )
        return Figure(
            name=f"POST /v1/events, one vote each, {CONNECTIONS} connections",
            unit="events/s",
            ours=mine,
            peer="aiohttp handler that decodes",
            peers=decoded,
            rule="at least",
            bar=0.36,
        )

    async def batches(self) -> Figure:
        """Each on 1,000 comments: near the worst case of projecting, which writes each row once."""
        return await self._batches(f"batches of {BATCH_EVENTS} over HTTP", self._ballots, 0.22)

    async def batches_on_few_comments(self) -> Figure:
        """Many voters on few comments, as is usual in life."""
        name = f"batches of {BATCH_EVENTS} over HTTP, votes on {FEW_COMMENTS} comments"
        return await self._batches(name, self._on_few, 0.33)

    async def _batches(self, name: str, ballots: Ballots, bar: float) -> Figure:
        mine, bare = await alternate(
            self._scale.rounds,
            lambda: self._batch_rate(ballots),
            lambda: self._bare_rate(ballots),
        )
        return Figure(
            name=name,
            unit="events/s",
            ours=mine,
            peer="bare insert",
            peers=bare,
            rule="at least",
            bar=bar,
        )

    async def together(self) -> list[Figure]:
        """Publishing and projecting at once: votes a second until they can be read, and how long
        the views take after the last answer.
        """
        rates, lags = [], []
        for _ in range(self._scale.rounds):
            events, seconds = await self._publish_batches(self._ballots)
            answered = time.perf_counter()
            await caught_up(self._url)
            lag = time.perf_counter() - answered
            rates.append(events / (seconds + lag))
            lags.append(1e3 * lag)
        name = f"batches of {BATCH_EVENTS} over HTTP"
        return [
            Figure(name=f"{name}, until they can be read", unit="events/s", ours=rates),
            Figure(name=f"{name}, lag of the views after the last answer", unit="ms", ours=lags),
        ]

    async def lines(self) -> Figure:
        mine, bare = await alternate(
            self._scale.rounds, self._line_rate, lambda: self._bare_rate(self._ballots)
        )
        return Figure(
            name="a stream of lines (NDJSON), the same votes",
            unit="events/s",
            ours=mine,
            peer="bare insert",
            peers=bare,
        )

    async def persons(self) -> Figure:
        """Each comment by a person's own token."""
        mine, decoded = await alternate(
            self._scale.rounds,
            self._person_rate,
            lambda: self._rate(self._decoder, "/decode"),
        )
        return Figure(
            name=f"POST …/comments, by persons, {CONNECTIONS} connections",
            unit="comments/s",
            ours=mine,
            peer="aiohttp handler that decodes",
            peers=decoded,
        )

    async def visible(self, each_second: float) -> list[Figure]:
        """Measure the milliseconds from sending a vote until the views have read it."""
        found = [await self._delays(each_second) for _ in range(self._scale.rounds)]
        return [
            Figure(
                name="publish → visible, p99, at half the limit",
                unit="ms",
                ours=[quantiles(delays, n=100)[98] for delays in found],
                rule="at most alone",
                bar=100.0,
                note=f"at {each_second:.0f} events/s",
            ),
            Figure(
                name="publish → visible, median",
                unit="ms",
                ours=[median(delays) for delays in found],
            ),
        ]

    # -- one round of each

    def _singles(self, events: int, path: str) -> list[bytes]:
        """The peer gets the same bytes."""
        ballots = self._ballots.take(events)
        kind = {"Content-Type": "application/cloudevents+json"}
        return [self._request(path, cloudevent(ballot), kind) for ballot in ballots]

    def _request(self, path: str, body: object, kind: dict[str, str]) -> bytes:
        return request("POST", path, msgspec.json.encode(body), **self._headers, **kind)

    async def _rate(self, to: Served, path: str) -> float:
        requests = self._singles(max(CONNECTIONS, int(GUESSED * self._scale.seconds)), path)
        seconds = await drive(to.host, to.port, requests, connections=CONNECTIONS, expected=201)
        await self._settle()
        return len(requests) / seconds

    async def _batch_rate(self, ballots: Ballots) -> float:
        events, seconds = await self._publish_batches(ballots)
        await self._settle()
        return events / seconds

    async def _publish_batches(self, ballots: Ballots) -> tuple[int, float]:
        """Publish; return how many votes, and the seconds until the last was answered."""
        count = max(BATCH_CONNECTIONS, int(GUESSED * self._scale.seconds) // BATCH_EVENTS)
        kind = {"Content-Type": "application/cloudevents-batch+json"}
        batches = [list(map(cloudevent, ballots.take(BATCH_EVENTS))) for _ in range(count)]
        requests = [self._request("/v1/events", batch, kind) for batch in batches]
        seconds = await drive(
            self._ours.host,
            self._ours.port,
            requests,
            connections=BATCH_CONNECTIONS,
            expected=200,
            seen=_all_recorded,
        )
        return count * BATCH_EVENTS, seconds

    async def _line_rate(self) -> float:
        """A stream on each of two connections."""
        count = max(1, int(GUESSED * self._scale.seconds) // BATCH_CONNECTIONS)
        kind = {"Content-Type": "application/x-ndjson"}
        streams = [
            b"".join(msgspec.json.encode(cloudevent(ballot)) + b"\n" for ballot in ballots)
            for ballots in (self._ballots.take(count) for _ in range(BATCH_CONNECTIONS))
        ]
        requests = [
            request("POST", "/v1/events", stream, **self._headers, **kind) for stream in streams
        ]
        seconds = await drive(
            self._ours.host,
            self._ours.port,
            requests,
            connections=BATCH_CONNECTIONS,
            expected=200,
            seen=lambda _number, _sent, body: _lines_recorded(body, count),
        )
        await self._settle()
        return count * BATCH_CONNECTIONS / seconds

    async def _person_rate(self) -> float:
        count = max(CONNECTIONS, int(GUESSED * self._scale.seconds / 2))
        ballots = self._ballots.take(count)
        tokens = [
            sign(SECRET, scope="comment", person=f"writer-{number}", name="A writer", site=SITE)
            for number in range(PERSONS)
        ]
        requests = [
            request(
                "POST",
                f"/v1/discussions/{ids.discussion_of(ballot.target.comment)}/comments",
                msgspec.json.encode({"body": f"What I think, for the {number}th time."}),
                Authorization=f"Bearer {tokens[number % PERSONS]}",
                Content_Type="application/json",
                Idempotency_Key=ballot.name,
            )
            for number, ballot in enumerate(ballots)
        ]
        seconds = await drive(
            self._ours.host, self._ours.port, requests, connections=CONNECTIONS, expected=201
        )
        await self._settle()
        return len(requests) / seconds

    async def _bare_rate(self, ballots: Ballots) -> float:
        count = max(1, int(GUESSED * 4 * self._scale.seconds) // BATCH_EVENTS)
        batches = [bare_insert.columns(ballots.take(BATCH_EVENTS)) for _ in range(count)]
        waiting = iter(batches)
        connections = [await asyncpg.connect(self._bare_url) for _ in range(BATCH_CONNECTIONS)]

        async def work(connection: asyncpg.Connection) -> None:
            for columns in waiting:
                await connection.fetch(bare_insert.INSERT, *columns)

        began = time.perf_counter()
        await asyncio.gather(*map(work, connections))
        seconds = time.perf_counter() - began
        for connection in connections:
            await connection.close()
        return count * BATCH_EVENTS / seconds

    async def _settle(self) -> None:
        """Wait until all is projected, so that it does not slow down the peer's turn."""
        await caught_up(self._url)

    async def _delays(self, each_second: float) -> list[float]:
        requests = self._singles(
            max(CONNECTIONS, int(each_second * self._scale.seconds)), "/v1/events"
        )
        sent: list[tuple[float, int]] = []

        def seen(_: int, moment: float, body: bytes) -> None:
            sent.append((moment, msgspec.json.decode(body)["position"]))

        async with _Visible(self._url) as visible:
            await drive(
                self._ours.host,
                self._ours.port,
                requests,
                connections=CONNECTIONS,
                expected=201,
                seen=seen,
                each_second=each_second,
            )
            await visible.wait(max(position for _, position in sent))
            return [1e3 * (visible.since(position) - moment) for moment, position in sent]


async def caught_up(url: str) -> None:
    """Once the views of a database that is served have read all of its log."""
    connection = await asyncpg.connect(url)
    try:
        head = await connection.fetchval("select max(notification_id) from stored_events")
        async with asyncio.timeout(CAUGHT_UP_SECONDS_MAX):
            while await connection.fetchval(_READ_UP_TO) < head:  # noqa: ASYNC110  # seldom
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


def _all_recorded(_number: int, _sent: float, body: bytes) -> None:
    results: list[Any] = msgspec.json.decode(body)["results"]
    if any(result["status"] != "recorded" for result in results):
        raise RuntimeError(f"not all recorded: {body[:500]!r}")


def _lines_recorded(body: bytes, count: int) -> None:
    if (recorded := body.count(b'"recorded"')) != count:
        raise RuntimeError(f"{recorded} of {count} recorded: {body[:500]!r}")


class _Visible:
    """When the views had read up to where, as they announce it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._positions: list[int] = []
        self._moments: list[float] = []

    async def __aenter__(self) -> "_Visible":
        self._connection = await asyncpg.connect(self._url)
        await self._connection.add_listener(OURS.channel, self._heard)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        """Note the position of a notification.

        A notification of too many changes names none; its events count with the next one.
        """
        position = str(payload).split()[0]
        if position != ALL_CHANGED:
            self._positions.append(int(position))
            self._moments.append(time.perf_counter())

    async def wait(self, position: int) -> None:
        async with asyncio.timeout(VISIBLE_SECONDS_MAX):
            while not self._positions or self._positions[-1] < position:  # noqa: ASYNC110  # seldom
                await asyncio.sleep(0.01)

    def since(self, position: int) -> float:
        return self._moments[bisect_left(self._positions, position)]
