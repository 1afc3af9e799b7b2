"""Worker processes for work that would block the event loop.

A worker is a module run as a program. It reads jobs from its standard input: four bytes of length,
then msgpack. It writes its answers in the same form. It ends with the input, or after a while
without a job. `multiprocessing` would import an embedder's main program once more.
"""

import asyncio
import contextlib
import os
import select
import sys
from collections.abc import Callable
from typing import BinaryIO

from rostra_adapters.observability.child_processes import python_environment

JOB_SECONDS_MAX = 60.0
IDLE_SECONDS_MAX = 60.0
ATTEMPTS_MAX = 2
LENGTH_BYTES = 4
PROCESSES_MAX = 4


_sharing = 1
"""Processes of the service on this machine, this one among them."""


class WorkerFailed(Exception):
    """A worker took too long, or ended, each time it was given a job."""


class WorkersClosed(Exception):
    """The service is stopping."""


def share_processors(processes: int) -> None:
    """Divide the workers that may run among so many processes of the service."""
    global _sharing  # noqa: PLW0603  # of the process, as are its workers
    _sharing = processes


def processes_at_once() -> int:
    """Return how many workers of one kind may run for this process, at least one.

    It is the process's share of all processors but one, within a limit.
    """
    return max(1, min(PROCESSES_MAX, (os.cpu_count() or 1) - 1) // _sharing)


async def start_worker(program: str) -> asyncio.subprocess.Process:
    """Start a module as a worker."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # an interrupt at the terminal is for us
        env=python_environment(),
    )


async def end_worker(process: asyncio.subprocess.Process) -> None:
    """Kill a worker, and wait until it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


async def exchange(process: asyncio.subprocess.Process, job: bytes) -> bytes:
    """Return a worker's answer to a job. Raises EOFError and OSError where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(frame(job))
    await process.stdin.drain()
    length = await process.stdout.readexactly(LENGTH_BYTES)
    return await process.stdout.readexactly(int.from_bytes(length))


def frame(message: bytes) -> bytes:
    """Return a message with its length ahead of it."""
    return len(message).to_bytes(LENGTH_BYTES) + message


def serve(
    do: Callable[[bytes], bytes],
    source: BinaryIO,
    target: BinaryIO,
    idle_seconds_max: float = IDLE_SECONDS_MAX,
) -> None:
    """Answer jobs, in the worker, until there are no more."""
    while select.select([source], [], [], idle_seconds_max)[0]:
        length = source.read(LENGTH_BYTES)
        if len(length) < LENGTH_BYTES:
            return
        target.write(frame(do(source.read(int.from_bytes(length)))))
        target.flush()


class WorkerPool:
    """At most so many processes of one program; none is started before there is a job."""

    def __init__(self, program: str, *, workers_max: int, job_seconds_max: float) -> None:
        self._program = program
        self._free = asyncio.Semaphore(workers_max)
        self._idle: list[asyncio.subprocess.Process] = []
        self._busy: set[asyncio.subprocess.Process] = set()
        self._job_seconds_max = job_seconds_max
        self._closed = False

    async def ask(self, job: bytes) -> bytes:
        """Return the answer to a job. Raises WorkerFailed and WorkersClosed."""
        async with self._free:
            for _ in range(ATTEMPTS_MAX):
                try:
                    async with asyncio.timeout(self._job_seconds_max):
                        return await self._ask(job)
                except TimeoutError:
                    break
                except (EOFError, OSError):  # it was killed, or has just ended by itself
                    continue
        raise WorkerFailed

    async def close(self) -> None:
        """End all workers. Jobs that they have are not answered."""
        self._closed = True
        for process in [*self._idle, *self._busy]:
            await end_worker(process)
        self._idle.clear()

    async def _ask(self, job: bytes) -> bytes:
        process = await self._worker()
        self._busy.add(process)
        try:
            answer = await exchange(process, job)
        except BaseException:
            await asyncio.shield(end_worker(process))
            raise
        finally:
            self._busy.discard(process)
        self._idle.append(process)
        return answer

    async def _worker(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise WorkersClosed
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
        return await start_worker(self._program)
