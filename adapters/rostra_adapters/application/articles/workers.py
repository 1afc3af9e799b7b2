"""Workers that read HTML and anchor passages."""

import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeVar

import msgspec

from rostra.anchoring.reanchor import Again, Place, anchor_again
from rostra.deciding.text_work import (
    Placed,
    PlaceQuote,
    Prepared,
    PrepareText,
    place_all,
    prepare,
)
from rostra.refusals import Refusal
from rostra_adapters.aio.worker_processes import (
    IDLE_SECONDS_MAX,
    JOB_SECONDS_MAX,
    WorkerFailed,
    WorkerPool,
    WorkersClosed,
    serve,
)

WORKERS_MAX = 2

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


TextJob = PrepareText | PlaceJob | AnchorJob


class RefusedWork(msgspec.Struct, tag=True):
    """A Refusal on its way."""

    name: str
    detail: str


def do(job: TextJob) -> Prepared | list[Placed] | list[Again]:
    """Do a job. Raises Refusal."""
    match job:
        case PrepareText():
            return prepare(job)
        case PlaceJob():
            return place_all(job.works, job.text)
        case AnchorJob():
            return anchor_again(job.text, job.places, job.previous)


class ArticleWorkers(WorkerPool):
    """Workers of articles."""

    def __init__(
        self, *, workers_max: int = WORKERS_MAX, job_seconds_max: float = JOB_SECONDS_MAX
    ) -> None:
        super().__init__(
            "rostra_adapters.application.articles.workers",
            workers_max=workers_max,
            job_seconds_max=job_seconds_max,
        )

    async def do(self, job: TextJob, answer: type[_A]) -> _A:
        """Return the job's result from a worker.

        Raises the Refusal that the job raises, or `article-too-hard` if the job takes too long or
        ends its worker.
        """
        try:
            said = await self.ask(msgspec.msgpack.encode(job))
        except WorkersClosed:
            raise Refusal("busy", "the service is stopping", retryable=True) from None
        except WorkerFailed:
            seconds = f"{self._job_seconds_max:g} s"
            detail = f"finding its passages takes more than {seconds}"
            raise Refusal("article-too-hard", detail) from None
        return _answered(said, answer)


def _answered(said: bytes, answer: type[_A]) -> _A:
    decoded: Any = msgspec.msgpack.decode(said, type=RefusedWork | answer)
    if isinstance(decoded, RefusedWork):
        raise Refusal(decoded.name, decoded.detail)
    found: _A = decoded
    return found


# -- in the worker


def _main(source: BinaryIO, target: BinaryIO) -> None:
    serve(_answer, source, target, IDLE_SECONDS_MAX)


_decoder = msgspec.msgpack.Decoder(TextJob)


def _answer(job: bytes) -> bytes:
    try:
        return msgspec.msgpack.encode(do(_decoder.decode(job)))
    except Refusal as refusal:
        return msgspec.msgpack.encode(RefusedWork(refusal.name, refusal.detail))


if __name__ == "__main__":
    _main(sys.stdin.buffer, sys.stdout.buffer)
