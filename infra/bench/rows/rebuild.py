"""`rostra rebuild` by one job and by two, against bare SQL that fills the same tables."""

from bench.figures import Figure
from bench.peers import bare_rebuild
from bench.processes import Failed, job
from bench.rounds import several
from bench.rows.catch_up import megabytes
from bench.setting import Setting


async def measure(setting: Setting) -> list[Figure]:
    """On the kept load itself: a rebuild leaves it as it was."""
    events = setting.scale.load.events
    url = await setting.databases.loaded(setting.scale.load)
    peaks: list[float] = []

    async def by(jobs: int) -> float:
        done = await job("rebuild", url, str(jobs))
        if not done.answer["equal"]:
            raise Failed("the rebuilt views are not equal to those before")
        peaks.append(megabytes(done))
        return events / float(done.answer["seconds"])

    async def bare() -> float:
        return events / await bare_rebuild.rebuild(url)

    one, two, sql = await several(setting.scale.rounds, lambda: by(1), lambda: by(2), bare)
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
        for named, found, bar in (("1 job", one, 1.0), ("2 jobs", two, 1.5))
    ]
    memory = Figure(
        name="memory of a rebuilding process",
        unit="MB",
        ours=peaks,
        rule="at most alone",
        bar=350.0,
    )
    return [*figures, memory]
