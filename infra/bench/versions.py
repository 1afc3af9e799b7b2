"""Versions of the code in processes of their own, measured by turns beside one server."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

INFRA = Path(__file__).parents[1]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process that runs the version in `folder`."""
    paths = [INFRA, *(folder / part for part in ("domain", "projections", "adapters"))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}


def report(load: str, unit: str, found: Sequence[Sequence[float]]) -> None:
    """Print the least cost of each version, and the median ratio of the first to the last."""
    least = "  ".join(f"{min(costs):8.1f}" for costs in found)
    ratios = [before / after for before, after in zip(found[0], found[-1], strict=True)]
    print(f"{load:30} {unit:14} {least}   ratio {median(ratios):.2f}", flush=True)


def main(
    serve: Callable[[str], Awaitable[None]],
    compare: Callable[[Sequence[Path], str], Awaitable[None]],
) -> None:
    """Run `--serve URL` in a version's process; else compare the folders that are arguments."""
    if sys.argv[1] == "--serve":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_awaited(serve(sys.argv[2])))
        return
    folders = [Path(name).resolve() for name in sys.argv[1:]]
    from rostra_adapters.local_postgres import lease

    with TemporaryDirectory() as data:
        Path(data).chmod(0o755)
        server = lease.start(Path(data) / "server", durable=False)
        try:
            asyncio.run(_awaited(compare(folders, server.url)))
        finally:
            server.release()


async def _awaited(work: Awaitable[None]) -> None:
    await work
