"""Compare what projecting a vote costs in versions of the code.

    python infra/bench/paired_projecting.py BEFORE [AFTER]

names folders that hold a checkout. Each version projects in a process of its own, from a database
of its own, into which the same votes are inserted by turns. Costs are microseconds of processor
time a vote: of the process, and of the PostgreSQL backend that it projects by.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import asyncpg

ROUNDS = 7
LOADS = {
    # name | comments voted on, votes a page, pages a round
    "1,000 comments a page": (5_000, 1_000, 10),
    "10 comments": (10, 1_000, 10),
    "16 votes a page": (1_000, 16, 60),
    "16 votes a page, 10 comments": (10, 16, 60),
}
EVENTS = 60_000
"""Of the log beforehand; one in seven is a comment."""
WAIT_SECONDS_MAX = 60.0

_PROJECTING = "select pid from pg_locks where locktype = 'advisory' and database = (\
select oid from pg_database where datname = current_database())"
_READ_UP_TO = "select min(position) from public.rostra_views"
_SETTLE = "checkpoint"


async def serve(url: str) -> None:
    """Project what comes into a database until standard input ends."""
    import rostra_adapters

    async with rostra_adapters.open(url, master_key=bytes(range(32))):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Version:
    """A process that projects, and its database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._paths = [str(folder / part) for part in ("domain", "projections", "adapters")]
        self._url = url

    async def begin(self) -> None:
        from bench.votes import Ballots, targets

        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--serve",
            self._url,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(self._paths)},
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
    from bench.databases import Databases
    from bench.generate import Load

    databases = Databases(url)
    load = Load(events=EVENTS, discussions=200)
    async with databases.copy(load) as one, databases.copy(load) as other:
        versions = [Version(*each) for each in zip(folders, (one, other), strict=False)]
        for version in versions:
            await version.begin()
        for name in LOADS:
            found: list[list[tuple[float, float]]] = [[] for _ in versions]
            for round_ in range(ROUNDS):
                for turn in range(len(versions)):
                    which = (turn + round_) % len(versions)
                    found[which].append(await versions[which].project(name))
            for part, what in enumerate(("Python", "PostgreSQL")):
                each = [[round_[part] for round_ in some] for some in found]
                said = "  ".join(f"{min(some):8.1f}" for some in each)
                ratio = median(a / b for a, b in zip(each[0], each[-1], strict=True))
                print(f"{name:30} {what:12} {said}   ratio {ratio:.2f}", flush=True)
        for version in versions:
            await version.end()


def main() -> None:
    if sys.argv[1] == "--serve":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(sys.argv[2]))
        return
    folders = [Path(name).resolve() for name in sys.argv[1:]]
    from rostra_adapters.local_postgres import lease

    with TemporaryDirectory() as data:
        Path(data).chmod(0o755)
        server = lease.start(Path(data) / "server", durable=False)
        try:
            asyncio.run(compare(folders, server.url))
        finally:
            server.release()


if __name__ == "__main__":
    main()
