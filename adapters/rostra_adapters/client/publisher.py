"""Publishes lines of CloudEvents to a running service, in batches, whatever their order.

What was rejected for want of something that was not there yet is kept, and published again as
long as that gets any further.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Self

import aiohttp
import msgspec

from rostra.wire import strict_json

MEDIA_TYPE = "application/cloudevents-batch+json"
BATCH_BYTES_MAX = 16 * 1024 * 1024
KEPT_IN_MEMORY_BYTES_MAX = 8 * 1024 * 1024
ATTEMPTS_MAX = 8
RETRY_SECONDS_FIRST = 0.25
RETRY_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = 300.0
SAMPLES_MAX = 10

OK = 200
NOT_NOW = (429, 502, 503, 504)
TAKEN = ("recorded", "duplicate", "unchanged")


class PublishingRefused(Exception):
    """The service takes none of this, or is not to be reached; the message says why."""


class Told(msgspec.Struct, gc=False):
    """A problem as the service tells it."""

    type: str = ""
    title: str = ""
    detail: str = ""
    retryable: bool = False


class Result(msgspec.Struct, gc=False):
    """What became of one event."""

    status: str
    event: str | None = None
    problem: Told | None = None


class _Answer(msgspec.Struct):
    results: list[Result]


_answer = msgspec.json.Decoder(_Answer)
_told = msgspec.json.Decoder(Told)


class Summary(msgspec.Struct):
    """How many events had which result; `samples` says more of some that were rejected."""

    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    problems: Counter[str] = msgspec.field(default_factory=Counter)
    samples: list[str] = msgspec.field(default_factory=list)

    @property
    def rejected(self) -> int:
        return self.problems.total()

    @property
    def answered(self) -> int:
        return self.statuses.total() + self.rejected

    def __str__(self) -> str:
        counts = [f"{self.statuses[status]} {status}" for status in TAKEN]
        names = ", ".join(f"{count} {name}" for name, count in self.problems.most_common())
        return ", ".join([*counts, f"{self.rejected} rejected"]) + (f" ({names})" if names else "")

    def take(self, result: Result) -> None:
        """Count one."""
        if result.problem is None:
            self.statuses[result.status] += 1
        else:
            name = result.problem.type.rpartition("/")[2]
            self.reject(name, f"{result.event}: {name}: {result.problem.detail}")

    def reject(self, name: str, sample: str) -> None:
        """Count one that was rejected."""
        self.problems[name] += 1
        if len(self.samples) < SAMPLES_MAX:
            self.samples.append(sample)

    def add(self, other: Self) -> None:
        """Count all of another."""
        self.statuses += other.statuses
        self.problems += other.problems
        self.samples = (self.samples + other.samples)[:SAMPLES_MAX]


class _PutOff:
    """Events to publish again, in a file where they are many, and why each was rejected."""

    def __init__(self) -> None:
        self.why = Summary()
        self._lines = SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES_MAX)  # noqa: SIM115

    def keep(self, line: bytes, result: Result) -> None:
        self.why.take(result)
        self._lines.write(line + b"\n")

    def lines(self) -> Iterator[bytes]:
        """Every line once; then they are gone."""
        self._lines.seek(0)
        for line in self._lines:
            yield line.rstrip(b"\n")
        self.close()

    def close(self) -> None:
        self._lines.close()


class Publisher:
    """Publishes to the service at `url`. `progress` is told how many events have been taken
    or rejected for good."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        batch_events: int = 1_000,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/events"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE}
        self._batch_events = batch_events
        self._progress = progress

    async def publish(self, lines: Iterable[bytes]) -> Summary:
        """Publish events, one a line. Raises PublishingRefused."""
        summary = Summary()
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
            with ExitStack() as opened:
                put_off = opened.enter_context(closing(_PutOff()))
                await self._pass(session, lines, summary, put_off)
                while before := put_off.why.rejected:
                    earlier, put_off = put_off, opened.enter_context(closing(_PutOff()))
                    await self._pass(session, earlier.lines(), summary, put_off)
                    if put_off.why.rejected == before:
                        break
        summary.add(put_off.why)
        return summary

    async def _pass(
        self,
        session: aiohttp.ClientSession,
        lines: Iterable[bytes],
        summary: Summary,
        put_off: _PutOff,
    ) -> None:
        """Publish lines once. What another order could help is put off."""
        for batch in self._batches(lines, summary):
            results = await self._post(session, b"[%b]" % b",".join(batch))
            for line, result in zip(batch, results, strict=True):
                if result.problem is not None and result.problem.retryable:
                    put_off.keep(line, result)
                else:
                    summary.take(result)
            self._progress(summary.answered)

    def _batches(self, lines: Iterable[bytes], summary: Summary) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            if (fault := _fault(line)) is not None:  # it would take its whole batch with it
                summary.reject("not-json", f"{line[:60]!r}: {fault}")
                continue
            if batch and (len(batch) == self._batch_events or size + len(line) > BATCH_BYTES_MAX):
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += len(line) + 1
        if batch:
            yield batch

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> list[Result]:
        """One batch's results. Asks again where the service cannot now, or is not there."""
        reason = ""
        for attempt in range(ATTEMPTS_MAX):
            seconds = min(RETRY_SECONDS_FIRST * 2**attempt, RETRY_SECONDS_MAX)
            try:
                async with session.post(self._url, data=BytesIO(body)) as response:
                    answer = await response.read()
            except (
                aiohttp.ClientConnectionError,
                aiohttp.ClientPayloadError,
                TimeoutError,
            ) as error:
                reason = str(error) or type(error).__name__
            else:
                if response.status == OK:
                    return _answer.decode(answer).results
                reason = _reason(response.status, answer)
                if response.status not in NOT_NOW:
                    raise PublishingRefused(reason)
                seconds = max(seconds, _retry_after(response))
            if attempt < ATTEMPTS_MAX - 1:
                await asyncio.sleep(min(seconds, RETRY_SECONDS_MAX))
        raise PublishingRefused(reason)


def _fault(line: bytes) -> str | None:
    """Why a line cannot stand in a batch, None where it can."""
    try:
        elements = strict_json.elements(b"[%b]" % line)
    except (strict_json.NotJson, strict_json.NotAnArray) as error:
        return str(error)
    return None if len(elements) == 1 else "not one value"


def _reason(status: int, answer: bytes) -> str:
    try:
        told = _told.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"the service answers {status}"
    return f"the service answers {status}: {told.title}: {told.detail}"


def _retry_after(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
