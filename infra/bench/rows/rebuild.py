"""`rostra rebuild` by one job and by two, against bare SQL that fills the same tables."""

import time

from bench.figures import Figure
from bench.peers import bare_rebuild, compared
from bench.processes import ROSTRA, Failed, job, run
from bench.rounds import alternate, several
from bench.rows.catch_up import megabytes
from bench.setting import Setting


async def measure(setting: Setting) -> list[Figure]:
    """Measure on the stored load itself: a rebuild does not change it."""
    events = setting.scale.load.events
    url = await setting.databases.loaded(setting.scale.load)
    peaks: list[float] = []

    async def by(jobs: int) -> float:
        done = await job("rebuild", url, str(jobs))
        if not done.answer["equal"]:
            raise Failed("the rebuilt views are not equal to those before")
        peaks.append(megabytes(done))
        return events / float(done.answer["seconds"])

    async def whole() -> float:
        """The command with its imports, which matter where the log is short."""
        began = time.perf_counter()
        await run((*ROSTRA, "rebuild", *compared.NAMES, "--database-url", url))
        return events / (time.perf_counter() - began)

    async def bare() -> float:
        return events / await bare_rebuild.rebuild(url)

    rounds = setting.scale.rounds
    one, two, alone, sql = await several(rounds, lambda: by(1), lambda: by(2), whole, bare)
    figures = [
        Figure(
            name=f"rebuild, {events:,} events, {named}",
            unit="events/s",
            ours=found,
            peer="bare SQL",
            peers=sql,
            rule="at least",
            bar=bar,
        )
        for named, found, bar in (
            ("1 job", one, 1.0),
            ("2 jobs", two, 1.5),
            ("1 job, as a whole process", alone, None),
        )
    ]
    memory = Figure(
        name="memory of a rebuilding process",
        unit="MB",
        ours=peaks,
        rule="at most alone",
        bar=350.0,
    )
    return [*figures, await _only_comments(setting), memory]


async def _only_comments(setting: Setting) -> Figure:
    """A log of comments alone, an event of which costs the most."""
    load = setting.scale.only_comments
    url = await setting.databases.loaded(load)

    async def ours() -> float:
        done = await job("rebuild", url, "1")
        if not done.answer["equal"]:
            raise Failed("the rebuilt views are not equal to those before")
        return load.events / float(done.answer["seconds"])

    async def bare() -> float:
        return load.events / await bare_rebuild.rebuild(url)

    mine, others = await alternate(setting.scale.rounds, ours, bare)
    return Figure(
        name=f"rebuild, {load.events:,} events, all of them comments, 1 job",
        unit="events/s",
        ours=mine,
        peer="bare SQL",
        peers=others,
        rule="at least",
    )
