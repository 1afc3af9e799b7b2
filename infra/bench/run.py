"""`make bench`: every figure measured beside its peer, as a table and as JSON.

python -m bench.run [ROW…] [--rounds N] [--events N] [--large N] [--data DIR]
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import msgspec
import uvloop

from bench import machine
from bench.databases import Databases
from bench.figures import Figure, table
from bench.generate import Load
from bench.setting import Scale, Setting
from rostra_adapters.local_postgres.lease import local_postgres

RESULTS = Path(__file__).parent / "results"
DATA = Path("bench-data")

ROWS: Mapping[str, str] = {
    # name | what it measures
    "append": "appending by the Python API",
    "publish": "publishing over HTTP, until it can be read",
    "catch_up": "the live projection catching up",
    "rebuild": "rebuilding all views",
    "pages": "pages of comments over HTTP",
    "readers": "own words and pages on a standby",
    "long_discussion": "a discussion of 200,000 comments",
    "flood": "readers and moderators while guests flood a discussion",
    "starting": "the command line and the service starting",
    "others": "beside UmaDB and Isso",
    "growth": "all that at ten times the size",
}


class Results(msgspec.Struct):
    """Results of a run, as written to `results/`."""

    began: str
    machine: dict[str, str]
    scale: Scale
    figures: list[Figure]


async def measure(setting: Setting, rows: Sequence[str] = tuple(ROWS)) -> list[Figure]:
    """The figures of the named rows."""
    figures: list[Figure] = []
    for name in rows:
        print(f"{name} …", flush=True)
        measured: Callable[[Setting], Awaitable[list[Figure]]]
        measured = import_module(f"bench.rows.{name}").measure
        found = await measured(setting)
        print(table(found) + "\n", flush=True)
        figures += found
    return figures


async def run(rows: Sequence[str], scale: Scale, data: Path) -> Results:
    """Run rows on a PostgreSQL of their own. Its folder keeps the loads for the next run."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    async with local_postgres(data) as lease:
        facts = await machine.facts(lease.url)
        setting = Setting(Databases(lease.url), scale, others=data / "others")
        figures = await measure(setting, rows)
    return Results(began, facts, scale, figures)


def keep(results: Results) -> Path:
    """Write them down, newest last by name."""
    RESULTS.mkdir(exist_ok=True)
    moment = results.began.replace(":", "").replace("+0000", "Z")
    path = RESULTS / f"{moment}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    listed = "\n".join(f"  {name:16} {said}" for name, said in ROWS.items())
    parser = argparse.ArgumentParser(
        description="Measure Rostra beside its peers. Rows:\n" + listed,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Scale()
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="ROW")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--events", type=int, default=usual.load.events)
    parser.add_argument("--large", type=int, default=10_000_000, help="0 leaves it out")
    parser.add_argument("--data", type=Path, default=DATA, help="keeps the loads")
    options = parser.parse_args(arguments)
    scale = msgspec.structs.replace(
        usual,
        rounds=options.rounds,
        seconds=options.seconds,
        load=Load(events=options.events),
        large=Load(events=options.large) if options.large else None,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(options.rows or list(ROWS), scale, options.data))
    print(table(results.figures))
    print("\n" + "\n".join(f"{name}: {value}" for name, value in results.machine.items()))
    print(f"\nkept in {keep(results)}")


if __name__ == "__main__":
    main()
