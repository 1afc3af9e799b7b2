"""Processes that do what would hold up everybody else: reading HTML and anchoring passages.

A worker is this file run as a program. It reads a job from its standard input (four bytes of
length, then msgpack), writes the answer likewise, and ends with the input, or when nothing has
been asked of it for a while. Not `multiprocessing`, which would import an embedder's main
program once more.
"""

import asyncio
import contextlib
import select
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeVar

import msgspec

from rostra.article_work import Placed, PlaceQuote, Prepared, PrepareText, place_all, prepare
from rostra.refusals import Refusal
from rostra.revising import Again, Place, anchor_again
from rostra_adapters.child_processes import python_environment

WORKERS_MAX = 2
JOB_SECONDS_MAX = 60.0
IDLE_SECONDS_MAX = 60.0
ATTEMPTS_MAX = 2
LENGTH_BYTES = 4

_A = TypeVar("_A")


class PlaceJob(msgspec.Struct, tag=True):
    """Find quotes in a text that is kept."""

    works: Sequence[PlaceQuote]
    text: str


class AnchorJob(msgspec.Struct, tag=True):
    """Find an article's passages in its next revision."""

    text: str
    previous: str | None
    places: Sequence[Place]


Job = PrepareText | PlaceJob | AnchorJob


class Refused(msgspec.Struct, tag=True):
    """A Refusal on its way."""

    name: str
    detail: str


def do(job: Job) -> Prepared | list[Placed] | list[Again]:
    """Raises Refusal."""
    match job:
        case PrepareText():
            return prepare(job)
        case PlaceJob():
            return place_all(job.works, job.text)
        case AnchorJob():
            return anchor_again(job.text, job.places, job.previous)


class Workers:
    """At most so many processes; none is started before there is something to do."""

    def __init__(
        self, *, workers_max: int = WORKERS_MAX, job_seconds_max: float = JOB_SECONDS_MAX
    ) -> None:
        self._free = asyncio.Semaphore(workers_max)
        self._idle: list[asyncio.subprocess.Process] = []
        self._busy: set[asyncio.subprocess.Process] = set()
        self._job_seconds_max = job_seconds_max
        self._closed = False

    async def do(self, job: Job, answer: type[_A]) -> _A:
        """The job's result. Raises the Refusal it comes to, or `article-too-hard` where it takes
        too long, or ends its worker."""
        frame = _framed(msgspec.msgpack.encode(job))
        async with self._free:
            for _ in range(ATTEMPTS_MAX):
                try:
                    async with asyncio.timeout(self._job_seconds_max):
                        said = await self._ask(frame)
                except TimeoutError:
                    break
                except (EOFError, OSError):  # it was killed, or has just gone to rest
                    continue
                return _answered(said, answer)
        seconds = f"{self._job_seconds_max:g} s"
        raise Refusal("article-too-hard", f"finding its passages takes more than {seconds}")

    async def close(self) -> None:
        """Ends them all; what they were asked is not answered."""
        self._closed = True
        for process in [*self._idle, *self._busy]:
            await _end(process)
        self._idle.clear()

    async def _ask(self, frame: bytes) -> bytes:
        process = await self._worker()
        self._busy.add(process)
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(frame)
            await process.stdin.drain()
            length = await process.stdout.readexactly(LENGTH_BYTES)
            answer = await process.stdout.readexactly(int.from_bytes(length))
        except BaseException:
            await asyncio.shield(_end(process))
            raise
        finally:
            self._busy.discard(process)
        self._idle.append(process)
        return answer

    async def _worker(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise Refusal("busy", "the service is stopping", retryable=True)
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # an interrupt at the terminal is for us
            env=python_environment(),
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def _framed(said: bytes) -> bytes:
    return len(said).to_bytes(LENGTH_BYTES) + said


def _answered(said: bytes, answer: type[_A]) -> _A:
    decoded: Any = msgspec.msgpack.decode(said, type=Refused | answer)
    if isinstance(decoded, Refused):
        raise Refusal(decoded.name, decoded.detail)
    found: _A = decoded
    return found


# -- in the worker


def _main(source: BinaryIO, target: BinaryIO) -> None:
    decoder = msgspec.msgpack.Decoder(Job)
    while select.select([source], [], [], IDLE_SECONDS_MAX)[0]:
        length = source.read(LENGTH_BYTES)
        if len(length) < LENGTH_BYTES:
            return
        job = source.read(int.from_bytes(length))
        target.write(_framed(msgspec.msgpack.encode(_said(decoder.decode(job)))))
        target.flush()


def _said(job: Job) -> Any:
    try:
        return do(job)
    except Refusal as refusal:
        return Refused(refusal.name, refusal.detail)


if __name__ == "__main__":
    _main(sys.stdin.buffer, sys.stdout.buffer)
