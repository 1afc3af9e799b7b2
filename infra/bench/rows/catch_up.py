"""The live projection catching up with a log that it has not read any of."""

import asyncpg

from bench.figures import Figure
from bench.processes import Job, job
from bench.rounds import Measure, several
from bench.setting import Setting
from rostra_projections.views import VIEWS

FAR, BY_PAGES = "catch_up", "catch_up_by_pages"
_VERSION = "select version from public.rostra_views where name = $1"
_BEGIN = "update public.rostra_views set position = 0, moves_from = 0"


async def measure(setting: Setting) -> list[Figure]:
    """Events a second on either side: the stock runner is given fewer of them."""
    scale = setting.scale
    async with setting.databases.copy(scale.load) as url:
        peaks: dict[str, list[float]] = {FAR: [], BY_PAGES: []}

        def ours(how: str) -> Measure:
            async def rate() -> float:
                await forget_views(url)
                done = await job(how, url)
                peaks[how].append(megabytes(done))
                return scale.load.events / float(done.answer["seconds"])

            return rate

        async def stock() -> float:
            done = await job("stock_projection", url, str(scale.stock_events))
            return scale.stock_events / float(done.answer["seconds"])

        far, by_pages, others = await several(scale.rounds, ours(FAR), ours(BY_PAGES), stock)
    note = f"the stock runner projects the first {scale.stock_events:,}"
    return [
        Figure(
            name=f"live projection, {scale.load.events:,} events to catch up",
            unit="events/s",
            ours=far,
            peer="stock ProjectionRunner",
            peers=others,
            rule="at least",
            bar=25.0,
            note=note,
        ),
        Figure(
            name="the same by pages, as when less is to be caught up",
            unit="events/s",
            ours=by_pages,
            peer="stock ProjectionRunner",
            peers=others,
            rule="at least",
            note=note,
        ),
        Figure(
            name="memory of the projecting process",
            unit="MB",
            ours=[max(both) for both in zip(*peaks.values(), strict=True)],
            rule="at most alone",
            bar=350.0,
        ),
    ]


async def forget_views(url: str) -> None:
    """Empty every view, as if the log had only now been given."""
    connection = await asyncpg.connect(url)
    try:
        for view in VIEWS.values():
            version = await connection.fetchval(_VERSION, view.name)
            for fragment in (each for table in view.tables for each in table.fragments):
                await connection.execute(f"truncate public.{fragment.name}_v{version}")
        await connection.execute("truncate public.comment_moves, public.comment_moves_gone")
        await connection.execute(_BEGIN)
    finally:
        await connection.close()


def megabytes(done: Job) -> float:
    """The most that one process held."""
    return done.peak_bytes / 2**20
