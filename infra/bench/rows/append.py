"""Appending through the Python API, guards on: one event a time behind many callers, one
caller alone, and groups of a hundred.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from bench.figures import Figure
from bench.peers import bare_insert, stock_recorder
from bench.rounds import Measure, alternate, several
from bench.setting import Setting
from bench.votes import Ballot, Ballots, group, targets
from rostra.log import NewEvents
from rostra_adapters.postgres import PostgresLog

GROUP_EVENTS = 100
GROUP_CALLERS = 8
LOG_CALLERS = (32, 256)
GUESSED = {1: 2_000, 32: 15_000, 256: 25_000}
"""Events a second, to have about the right number at hand."""
STOCK_GUESSED = 1_000
GROUPED_GUESSED = 30_000

_WAL = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_FSYNCS = """
select sum(fsyncs) from pg_stat_io where object = 'wal' and backend_type = 'client backend'"""
STATISTICS_SECONDS_MAX = 5.0


async def measure(setting: Setting) -> list[Figure]:
    """Measure appending.

    Rostra appends to the loaded log, the bare insert to another copy of it without triggers. The
    stock recorder has an empty database to itself.
    """
    load = setting.scale.load
    async with (
        setting.databases.copy(load) as url,
        setting.databases.copy(load) as bare_url,
        setting.databases.empty() as stock_url,
    ):
        await bare_insert.strip(bare_url)
        ballots = Ballots(await targets(url), "append")
        bench = Bench(setting, url, bare_url, stock_url, ballots)
        return [
            *await bench.single(),
            await bench.one_caller(),
            await bench.groups(),
            await bench.each_fsync(),
            await bench.wal(),
        ]


class Bench:
    def __init__(
        self, setting: Setting, url: str, bare_url: str, stock_url: str, ballots: Ballots
    ) -> None:
        self._rounds = setting.scale.rounds
        self._seconds = setting.scale.seconds
        self._url = url
        self._bare_url = bare_url
        self._stock_url = stock_url
        self._ballots = ballots

    async def single(self) -> list[Figure]:
        """Measure single events by 32 and 256 callers, both beside the stock recorder."""

        def ours(callers: int) -> Measure:
            return lambda: self._rate(self._groups(self._many(callers), 1), callers)

        few, many, stock = await several(
            self._rounds, *(ours(callers) for callers in LOG_CALLERS), self._stock_rate
        )
        return [
            Figure(
                name=f"append, one event each, {callers} callers",
                unit="events/s",
                ours=found,
                peer="stock recorder, 32 threads",
                peers=stock,
                rule="at least",
                bar=bar,
            )
            for callers, found, bar in zip(LOG_CALLERS, (few, many), (15.0, 30.0), strict=True)
        ]

    async def one_caller(self) -> Figure:
        mine, bare = await alternate(
            self._rounds,
            lambda: self._rate(self._groups(self._many(1), 1), 1),
            lambda: self._bare_rate(self._many(1), 1, 1),
        )
        return Figure(
            name="append, one event each, 1 caller",
            unit="events/s",
            ours=mine,
            peer="bare insert",
            peers=bare,
            rule="at least",
            bar=0.6,
        )

    async def groups(self) -> Figure:
        events = max(GROUP_EVENTS * GROUP_CALLERS, int(GROUPED_GUESSED * self._seconds))
        mine, bare = await alternate(
            self._rounds,
            lambda: self._rate(self._groups(events, GROUP_EVENTS), GROUP_CALLERS),
            lambda: self._bare_rate(events, GROUP_EVENTS, GROUP_CALLERS),
        )
        return Figure(
            name=f"append, groups of {GROUP_EVENTS}, {GROUP_CALLERS} callers",
            unit="events/s",
            ours=mine,
            peer="bare insert",
            peers=bare,
            rule="at least",
            bar=0.45,
        )

    async def each_fsync(self) -> Figure:
        """Measure events per fsync as PostgreSQL counts them; without fsync, per commit."""
        callers = LOG_CALLERS[0]
        durable = await self._ask("select (current_setting('fsync') = 'on')::int")
        found = []
        for _ in range(self._rounds):
            groups = self._groups(self._many(callers), 1)
            before = await self._ask(_FSYNCS)
            async with await PostgresLog.open(self._url) as log:
                await append_rate(log, groups, callers)
                calls = log.commits
            found.append(len(groups) / (await self._fsyncs_since(before) if durable else calls))
        return Figure(
            name=f"append, events each fsync, {callers} callers",
            unit="events",
            ours=found,
            peer="callers",
            peers=[float(callers)] * len(found),
            rule="at least",
            bar=0.8,
        )

    async def wal(self) -> Figure:
        """Measure WAL bytes an event with 256 callers, whole pages after a checkpoint included."""
        callers = LOG_CALLERS[1]
        groups = self._groups(self._many(callers), 1)
        before = await self._ask(_WAL)
        await self._rate(groups, callers)
        written = await self._ask(_WAL) - before
        return Figure(name="append, WAL each event", unit="bytes", ours=[written / len(groups)])

    # -- one round of each

    def _many(self, callers: int) -> int:
        return max(callers, int(GUESSED[callers] * self._seconds))

    def _groups(self, events: int, each: int) -> list[NewEvents]:
        return [group(self._ballots.take(each)) for _ in range(events // each)]

    async def _rate(self, groups: Sequence[NewEvents], callers: int) -> float:
        """Events a second."""
        async with await PostgresLog.open(self._url) as log:
            await log.append(groups[0])
            return await append_rate(log, groups[1:], callers)

    async def _bare_rate(self, events: int, each: int, callers: int) -> float:
        batches = [bare_insert.columns(self._ballots.take(each)) for _ in range(events // each)]
        waiting = iter(batches)
        async with _connections(self._bare_url, callers) as connections:

            async def work(connection: asyncpg.Connection) -> None:
                for columns in waiting:
                    await connection.fetch(bare_insert.INSERT, *columns)

            began = time.perf_counter()
            await asyncio.gather(*map(work, connections))
            return len(batches) * each / (time.perf_counter() - began)

    async def _stock_rate(self) -> float:
        events = max(stock_recorder.THREADS, int(STOCK_GUESSED * self._seconds))
        ballots = self._ballots.take(events)
        return await asyncio.to_thread(_stock_rate, self._stock_url, ballots)

    async def _fsyncs_since(self, before: float) -> float:
        """Return the fsyncs since a count. Sessions report theirs a moment after they end."""
        async with asyncio.timeout(STATISTICS_SECONDS_MAX):
            while (after := await self._ask(_FSYNCS)) <= before:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.05)
        return after - before

    async def _ask(self, query: str) -> float:
        connection = await asyncpg.connect(self._url)
        try:
            return float(await connection.fetchval(query))
        finally:
            await connection.close()


async def append_rate(log: PostgresLog, groups: Sequence[NewEvents], callers: int) -> float:
    """Events a second, each caller appending its next group once the last is in the log."""
    waiting = iter(groups)

    async def work() -> None:
        for one in waiting:
            (position,) = await log.append(one)
            assert position is not None

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(callers)))
    return sum(len(one.streams) for one in groups) / (time.perf_counter() - began)


def _stock_rate(url: str, ballots: Sequence[Ballot]) -> float:
    with stock_recorder.recorder(url) as recorder:
        return stock_recorder.rate(recorder, ballots)


@asynccontextmanager
async def _connections(url: str, count: int) -> AsyncIterator[list[asyncpg.Connection]]:
    made = [await asyncpg.connect(url) for _ in range(count)]
    try:
        yield made
    finally:
        for connection in made:
            await connection.close()
