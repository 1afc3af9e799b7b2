"""Processes of a run: a Rostra that serves, peers that serve, and jobs that end by themselves."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, NamedTuple

import msgspec

from bench.fill import MASTER_KEY
from bench.memory import Peak

INFRA = Path(__file__).parents[1]
WITHOUT_LIMITS = ("--comments-per-person", "off", "--bytes-per-person", "off")
"""Options without limits a person, because few writers take the place of many."""
SECRET = "a secret of the benches, which is long enough"  # noqa: S105  # of a server that ends
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
ROSTRA = ("-c", "from rostra_adapters.cli import main; main()")


class Failed(RuntimeError):
    """A process did not do what it was started for."""


class Served(msgspec.Struct, frozen=True):
    """Address of a serving process, and its peak memory."""

    host: str
    port: int
    peak: Peak


def environment() -> dict[str, str]:
    """Ours, so that a child finds the same modules and keys."""
    paths = [path for path in sys.path if path and Path(path).is_dir()]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(INFRA), *paths]),
        "ROSTRA_SECRET": SECRET,
        "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
    }


class Started(NamedTuple):
    """A process and the file that it complains into: a pipe nobody reads would fill up
    with a line a request, and stop it.
    """

    process: asyncio.subprocess.Process
    complaints: IO[bytes]

    def complaint(self) -> str:
        """Return the text that the process wrote to its standard error."""
        self.complaints.seek(0)
        return self.complaints.read().decode()


@asynccontextmanager
async def started(*arguments: str, core: int | None = None) -> AsyncIterator[Started]:
    """A Python process, on one `core` if given, ended with SIGTERM unless it has ended by then."""
    with TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
        )
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        try:
            yield Started(process, complaints)
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), STOP_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def rostra(url: str, *options: str, core: int | None = None) -> AsyncIterator[Served]:
    """`rostra serve` on a database, with further options."""
    with TemporaryDirectory() as data:
        where = ("--database-url", url, "--data", data, "--port", "0")
        async with started(*ROSTRA, "serve", *where, *WITHOUT_LIMITS, *options, core=core) as one:
            yield await served(one)


@asynccontextmanager
async def projector(url: str, *, core: int | None = None) -> AsyncIterator[None]:
    """`rostra project` on a database, once it keeps the views."""
    with TemporaryDirectory() as data:
        where = ("--database-url", url, "--data", data)
        async with started(*ROSTRA, "project", *where, core=core) as one:
            assert one.process.stdout is not None
            if not await asyncio.wait_for(one.process.stdout.readline(), READY_SECONDS_MAX):
                raise Failed(one.complaint())
            yield


@asynccontextmanager
async def peer(*arguments: str) -> AsyncIterator[Served]:
    """One of the handlers of `bench.peers.handlers`."""
    async with started("-m", "bench.peers.handlers", *arguments) as one:
        yield await served(one)


async def served(started: Started) -> Served:
    """Once it says where it listens: `… http://HOST:PORT`."""
    process = started.process
    assert process.stdout is not None
    said = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS_MAX)
    address = said.decode().strip().rpartition("http://")[2]
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise Failed(started.complaint() or f"it said {said!r}")
    return Served(host, int(port), Peak(process.pid))


class Job(msgspec.Struct):
    """Answer of a job of `bench.jobs`, and the peak memory of its largest process."""

    answer: dict[str, Any]
    peak_bytes: int


async def job(*arguments: str) -> Job:
    """Run one to its end. Raises Failed."""
    async with started("-m", "bench.jobs", *arguments) as one:
        process = one.process
        peak = Peak(process.pid)
        watching = asyncio.create_task(peak.watch())
        output, _ = await process.communicate()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if process.returncode != 0:
            raise Failed(one.complaint())
        return Job(json.loads(output), peak.bytes)


async def run(arguments: Sequence[str]) -> None:
    """A Python process to its end. Raises Failed."""
    async with started(*arguments) as one:
        await one.process.communicate()
        if one.process.returncode != 0:
            raise Failed(one.complaint())
