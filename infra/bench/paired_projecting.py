"""Compare what projecting a vote costs in versions of the code.

    python infra/bench/paired_projecting.py BEFORE [AFTER]

names folders that hold a checkout. Each version projects in a process of its own, from a database
of its own, into which the same votes are inserted by turns. Costs are microseconds of processor
time a vote: of the process, and of the PostgreSQL backend that it projects by.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))

# A version's process imports nothing of `bench` that imports Rostra.
from bench.rounds import several
from bench.versions import environment, main, report

ROUNDS = 7
LOADS = {
    # name | comments voted on, votes a page, pages a round
    "1,000 comments a page": (5_000, 1_000, 10),
    "10 comments": (10, 1_000, 10),
    "16 votes a page": (1_000, 16, 60),
    "16 votes a page, 10 comments": (10, 16, 60),
}
EVENTS = 60_000
"""Events that the log has at the beginning; one in seven is a comment."""
WAIT_SECONDS_MAX = 60.0

_PROJECTING = "select pid from pg_locks where locktype = 'advisory' and database = (\
select oid from pg_database where datname = current_database())"
_READ_UP_TO = "select min(position) from public.rostra_views"


async def serve(url: str) -> None:
    """Project what comes into a database until standard input ends."""
    import rostra_adapters

    # A version without the option does not moderate by itself.
    known = signature(rostra_adapters.open).parameters
    alone: Any = {"moderate": False} if "moderate" in known else {}
    async with rostra_adapters.open(url, master_key=bytes(range(32)), **alone):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Version:
    """A process that projects, and its database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._environment = environment(folder)
        self._url = url

    async def begin(self) -> None:
        from bench.votes import Ballots, targets

        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--serve",
            self._url,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        await self._process.stdout.readline()
        self._connection = await asyncpg.connect(self._url)
        while not (found := await self._connection.fetch(_PROJECTING)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # seldom
        ((self._backend,),) = found
        targeted = await targets(self._url)
        self._ballots = {
            name: Ballots(targeted[:comments], name) for name, (comments, _, _) in LOADS.items()
        }

    async def end(self) -> None:
        await self._connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def project(self, load: str) -> tuple[float, float]:
        """Microseconds a vote: of the process, and of PostgreSQL."""
        from bench.peers import bare_insert

        _, votes, pages = LOADS[load]
        columns = [bare_insert.columns(self._ballots[load].take(votes)) for _ in range(pages)]
        before = self._spent()
        for each in columns:
            await self._connection.fetch(bare_insert.INSERT, *each)
            await self._caught_up()
        spent = [now - then for now, then in zip(self._spent(), before, strict=True)]
        return spent[0] / 1e3 / votes / pages, spent[1] / 1e3 / votes / pages

    async def _caught_up(self) -> None:
        head = await self._connection.fetchval("select max(notification_id) from stored_events")
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while await self._connection.fetchval(_READ_UP_TO) < head:  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    def _spent(self) -> tuple[int, int]:
        """Nanoseconds of the main thread of both."""
        return _nanoseconds(self._process.pid), _nanoseconds(self._backend)


def _nanoseconds(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


async def compare(folders: Sequence[Path], url: str) -> None:
    """Let each version project by turns, and print the costs."""
    from bench.databases import Databases
    from bench.generate import Load

    databases = Databases(url)
    load = Load(events=EVENTS, discussions=200)
    async with databases.copy(load) as one, databases.copy(load) as other:
        versions = [Version(*each) for each in zip(folders, (one, other), strict=False)]
        for version in versions:
            await version.begin()
        for name in LOADS:
            found = await several(ROUNDS, *(partial(it.project, name) for it in versions))
            for part, unit in enumerate(("Python", "PostgreSQL")):
                report(name, unit, [[costs[part] for costs in each] for each in found])
        for version in versions:
            await version.end()


if __name__ == "__main__":
    main(serve, compare)
