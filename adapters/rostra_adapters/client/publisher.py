"""Client that publishes lines of CloudEvents to a running service in batches, in any order.

An event that names a discussion or comment which the service does not have yet is rejected as
retryable. Such events are deferred and published again, pass after pass, until a pass records
none of them.
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
"""Half of the 32 MiB that the service accepts in one request by default."""
DEFERRED_IN_MEMORY_BYTES_MAX = 8 * 1024 * 1024
"""Deferred events beyond this size are written to a temporary file."""
ATTEMPTS_MAX = 8
RETRY_SECONDS_FIRST = 0.25
"""Wait before the second attempt; it doubles with each further one."""
RETRY_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = 300.0
SAMPLES_MAX = 10

OK = 200
RETRYABLE_STATUSES = (429, 502, 503, 504)
ACCEPTED = ("recorded", "duplicate", "unchanged")


class PublishingRefused(Exception):
    """The service refused a batch as a whole, could not be reached, or is no Rostra.

    The message says why.
    """


class EventProblem(msgspec.Struct, gc=False):
    """Problem details (RFC 9457) of a rejected event or request."""

    type: str = ""
    title: str = ""
    detail: str = ""
    retryable: bool = False
    """Publishing the event again after others may succeed."""


class Result(msgspec.Struct, gc=False):
    """Result of publishing one event."""

    status: str
    """`recorded`, `duplicate`, `unchanged` or `rejected`."""
    event: str | None = None
    """Id of the event; None if it has no readable id."""
    problem: EventProblem | None = None
    """Given if and only if the event was rejected."""


class _Answer(msgspec.Struct):
    results: list[Result]


_answer = msgspec.json.Decoder(_Answer)
_problem = msgspec.json.Decoder(EventProblem)


class Summary(msgspec.Struct):
    """Counts of published events by their results."""

    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    """Events that the service accepted, by status."""
    problems: Counter[str] = msgspec.field(default_factory=Counter)
    """Rejected events, by the name of their problem (`unknown-parent`)."""
    samples: list[str] = msgspec.field(default_factory=list)
    """Descriptions of the first rejected events, at most `SAMPLES_MAX`."""

    @property
    def rejected(self) -> int:
        return self.problems.total()

    @property
    def answered(self) -> int:
        return self.statuses.total() + self.rejected

    def __str__(self) -> str:
        counts = [f"{self.statuses[status]} {status}" for status in ACCEPTED]
        names = ", ".join(f"{count} {name}" for name, count in self.problems.most_common())
        return ", ".join([*counts, f"{self.rejected} rejected"]) + (f" ({names})" if names else "")

    def count(self, result: Result) -> None:
        """Count the result of one event."""
        if result.problem is None:
            self.statuses[result.status] += 1
        else:
            name = result.problem.type.rpartition("/")[2]
            event = result.event or "an event without an id"
            self.reject(name, f"{event}: {name}: {result.problem.detail}")

    def reject(self, name: str, sample: str) -> None:
        """Count one rejected event under its problem's name; `sample` describes it."""
        self.problems[name] += 1
        if len(self.samples) < SAMPLES_MAX:
            self.samples.append(sample)

    def add(self, other: Self) -> None:
        """Add the counts of another summary to this one."""
        self.statuses += other.statuses
        self.problems += other.problems
        self.samples = (self.samples + other.samples)[:SAMPLES_MAX]


class _DeferredEvents:
    """Events to publish again in the next pass, in a temporary file if they are large."""

    def __init__(self) -> None:
        self.summary = Summary()
        """Why each event was rejected."""
        self._lines = SpooledTemporaryFile(DEFERRED_IN_MEMORY_BYTES_MAX)  # noqa: SIM115

    def add(self, line: bytes, result: Result) -> None:
        self.summary.count(result)
        self._lines.write(line + b"\n")

    def lines(self) -> Iterator[bytes]:
        """Yield every line, then delete them all."""
        self._lines.seek(0)
        for line in self._lines:
            yield line.rstrip(b"\n")
        self.close()

    def close(self) -> None:
        self._lines.close()


class Publisher:
    """Publisher of events to the service at `url`, at most `batch_events` a request.

    `progress` is called after each batch with the number of events that have a final result.
    """

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
        """Publish events, one JSON object a line, and return the counts of their results.

        Raises PublishingRefused where a batch is refused as a whole (a bad token, for example)
        or stays unanswered after `ATTEMPTS_MAX` attempts; earlier batches stay recorded.
        """
        summary = Summary()
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
            with ExitStack() as opened:
                deferred = opened.enter_context(closing(_DeferredEvents()))
                await self._pass(session, lines, summary, deferred)
                while deferred.summary.rejected:
                    accepted = summary.statuses.total()
                    earlier, deferred = deferred, opened.enter_context(closing(_DeferredEvents()))
                    await self._pass(session, earlier.lines(), summary, deferred)
                    if summary.statuses.total() == accepted:  # no other order can help
                        break
        summary.add(deferred.summary)
        return summary

    async def _pass(
        self,
        session: aiohttp.ClientSession,
        lines: Iterable[bytes],
        summary: Summary,
        deferred: _DeferredEvents,
    ) -> None:
        """Publish every line once; add events that were rejected as retryable to `deferred`."""
        for batch in self._batches(lines, summary):
            results = await self._post(session, b"[%b]" % b",".join(batch), len(batch))
            for line, result in zip(batch, results, strict=True):
                if result.problem is not None and result.problem.retryable:
                    deferred.add(line, result)
                else:
                    summary.count(result)
            self._progress(summary.answered)

    def _batches(self, lines: Iterable[bytes], summary: Summary) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            if (fault := _fault(line)) is not None:  # the service would refuse its whole batch
                summary.reject("not-json", f"{line[:60]!r}: {fault}")
                continue
            if batch and (len(batch) == self._batch_events or size + len(line) > BATCH_BYTES_MAX):
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += len(line) + 1
        if batch:
            yield batch

    async def _post(self, session: aiohttp.ClientSession, body: bytes, events: int) -> list[Result]:
        """Send one batch and return its results; retry while the service is busy or unreachable.

        Waits double from `RETRY_SECONDS_FIRST`; `Retry-After` may lengthen one, up to
        `RETRY_SECONDS_MAX`. Raises PublishingRefused.
        """
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
            except aiohttp.ClientError as error:
                detail = f"{type(error).__name__}: {error}"
                raise PublishingRefused(f"cannot publish to {self._url}: {detail}") from None
            else:
                if response.status == OK:
                    return self._results(answer, events)
                reason = _reason(response.status, answer)
                if response.status not in RETRYABLE_STATUSES:
                    raise PublishingRefused(reason)
                seconds = max(seconds, _retry_after(response))
            if attempt < ATTEMPTS_MAX - 1:
                await asyncio.sleep(min(seconds, RETRY_SECONDS_MAX))
        raise PublishingRefused(f"{reason} (gave up after {ATTEMPTS_MAX} attempts)")

    def _results(self, answer: bytes, events: int) -> list[Result]:
        """Decode an answer. Raises PublishingRefused if it is not a result for each event."""
        try:
            results = _answer.decode(answer).results
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            fault = str(error)
        else:
            if len(results) == events:
                return results
            fault = f"{len(results)} results for {events} events"
        raise PublishingRefused(
            f"{self._url} answered {OK}, but not as Rostra does ({fault}): check the address"
        )


def _fault(line: bytes) -> str | None:
    """Return why a line is not exactly one JSON value; None if it is one."""
    try:
        elements = strict_json.elements(b"[%b]" % line)
    except (strict_json.NotJson, strict_json.NotAnArray) as error:
        return str(error)
    return None if len(elements) == 1 else "more or less than one JSON value"


def _reason(status: int, answer: bytes) -> str:
    try:
        problem = _problem.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"the service answered {status}"
    return f"the service answered {status}: {problem.title}: {problem.detail}"


def _retry_after(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
