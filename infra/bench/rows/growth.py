"""Ten times the log: what an event costs to rebuild and to append, and the memory it takes."""

from bench.figures import Figure
from bench.generate import Load
from bench.processes import Job, job, rostra
from bench.rounds import alternate
from bench.rows.append import GUESSED, append_rate
from bench.rows.catch_up import megabytes
from bench.rows.publish import caught_up
from bench.setting import Setting
from bench.votes import Ballots, group, targets
from rostra_adapters.postgres import PostgresLog

CALLERS = 32
WARM_EVENTS = 200_000
"""Appended before appending is measured: each page of an index is written whole into the WAL the
first time that it changes after a checkpoint, of which there is one in millions of events."""
ROUNDS_MAX = 3
"""Rounds of the large load: each takes ten times as long."""


async def measure(setting: Setting) -> list[Figure]:
    """Measure at both sizes. Events are appended to copies of the loads."""
    large, scale = setting.scale.large, setting.scale
    if large is None:
        return []
    sizes = [await setting.databases.loaded(load) for load in (large, scale.load)]
    rounds = min(scale.rounds, ROUNDS_MAX)
    jobs: list[Job] = []

    async def rebuilt(url: str, load: Load) -> float:
        done = await job("rebuild", url, "1")
        if load is large:
            jobs.append(done)
        return 1e6 * float(done.answer["seconds"]) / load.events

    many, few = await alternate(
        rounds, lambda: rebuilt(sizes[0], large), lambda: rebuilt(sizes[1], scale.load)
    )
    return [
        _figure(f"rebuild, cost of an event of {large.events:,}", many, scale.load, few),
        *await _appends(setting, large),
        _memory("memory of a rebuilding process", [megabytes(done) for done in jobs], large),
        *[
            _memory("memory of the server", [await _server(url)], load)
            for url, load in zip(sizes, (large, scale.load), strict=True)
        ],
    ]


async def _appends(setting: Setting, large: Load) -> list[Figure]:
    """Right after a checkpoint, and once the pages that change have been written whole."""
    scale = setting.scale
    count = max(CALLERS, int(GUESSED[CALLERS] * scale.seconds))
    warm = min(WARM_EVENTS, scale.load.events)
    async with setting.databases.copy(large) as url, setting.databases.copy(scale.load) as smaller:
        cold = await _appended(url, count), await _appended(smaller, count)
        for one in (url, smaller):
            await _appended(one, warm)
        appended, before = await alternate(
            min(scale.rounds, ROUNDS_MAX),
            lambda: _appended(url, count),
            lambda: _appended(smaller, count),
        )
    name = f"append, cost of an event after {large.events:,}"
    at_first = f"{name}, right after a checkpoint"
    return [
        _figure(name, appended, scale.load, before),
        _figure(at_first, [cold[0]], scale.load, [cold[1]], bar=None),
    ]


async def _appended(url: str, count: int) -> float:
    """Microseconds an event, by 32 callers."""
    async with await PostgresLog.open(url) as log:
        ballots = Ballots(await targets(url), f"growth-{await log.head()}")
        groups = [group(ballots.take(1)) for _ in range(count)]
        return 1e6 / await append_rate(log, groups, CALLERS)


async def _server(url: str) -> float:
    """Megabytes, of a service that has caught up with what was appended."""
    async with rostra(url) as served:
        await caught_up(url)
        return served.peak.look() / 2**20


def _figure(
    name: str, ours: list[float], load: Load, peers: list[float], bar: float | None = 1.2
) -> Figure:
    return Figure(
        name=name,
        unit="µs",
        ours=ours,
        peer=f"the same, {load.events:,}",
        peers=peers,
        rule="at most",
        bar=bar,
    )


def _memory(name: str, found: list[float], load: Load) -> Figure:
    return Figure(
        name=f"{name}, {load.events:,} events",
        unit="MB",
        ours=found,
        rule="at most alone",
        bar=350.0,
    )
