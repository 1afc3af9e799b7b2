"""Request log: a line of JSON for each request, and its trace (W3C `traceparent`).

Lines and measurements are written in batches a moment later. One write for each line would cost a
third of a cached page.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web

from rostra_adapters.http.middleware.metrics import Metrics
from rostra_adapters.http.request_state import STATE, TRACEPARENT, RequestState
from rostra_adapters.observability import tracing
from rostra_adapters.observability.printing import visible, visible_json, without_passwords

CLIENT_GONE = 499
"""Logged where nobody was there to take the answer."""
PATH_CHARACTERS_MAX = 500
WRITE_SECONDS = 0.1
WAITING_MAX = 1_000

WriteLog = Callable[[bytes], object]
"""Takes lines."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NOTHING = re.compile(r"0+")
_encode = msgspec.json.Encoder().encode
_bits = random.Random().getrandbits  # noqa: S311  # names of traces, no secrets


class RequestTrace(msgspec.Struct, frozen=True, gc=False):
    """Request as a part of a trace."""

    began: float
    """Seconds of the performance counter."""
    trace: str
    """`traceparent` of this part."""
    span: Any = None
    """Exported span, if traces are exported."""


class _Done(msgspec.Struct, frozen=True, gc=False):
    at: float
    method: str
    path: str
    route: str
    status: int
    seconds: float
    trace: str


class RequestLog:
    """Log and measurements of requests. Without `write` requests are measured alone."""

    def __init__(self, metrics: Metrics, write: WriteLog | None) -> None:
        self._metrics = metrics
        self._write = write
        self._waiting: list[_Done] = []
        self._timer: asyncio.TimerHandle | None = None
        metrics.before_looking(self.put_down)

    async def stop(self, _: object = None) -> None:
        """Write the lines that still wait."""
        self.put_down()

    def begin(self, request: web.BaseRequest, began: float) -> RequestTrace:
        """Begin the trace of a request."""
        if (exported := tracing.tracing()) is None:
            trace = RequestTrace(began, continue_trace(request.headers.get(TRACEPARENT)))
        else:
            span = exported.start_request(request.method, request.path, request.headers)
            trace = RequestTrace(began, tracing.traceparent(span), span)
        request[STATE] = RequestState(trace.trace)
        return trace

    def finish(self, request: web.BaseRequest, route: str, status: int, part: RequestTrace) -> None:
        """Log a request that was answered."""
        seconds, method = time.perf_counter() - part.began, request.method
        path, trace = request.raw_path, part.trace
        self._waiting.append(_Done(time.time(), method, path, route, status, seconds, trace))
        if part.span is not None and (exported := tracing.tracing()) is not None:
            exported.end_request(part.span, method, route, status)
        if len(self._waiting) >= WAITING_MAX:
            self.put_down()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.put_down)

    def put_down(self) -> None:
        """Measure the requests that were answered, and write their lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            self._metrics.observe_request(done.method, done.route, done.status, done.seconds)
        if self._write is not None and waiting:
            self._write(b"".join(_line(done) for done in waiting))


def continue_trace(given: str | None) -> str:
    """Return a new `traceparent` in the given trace, or in a new trace if none can be read."""
    found = None if given is None else _TRACEPARENT.fullmatch(given)
    if found is None or any(_NOTHING.fullmatch(part) for part in found.groups()[:2]):
        return f"00-{_bits(128) or 1:032x}-{_bits(64) or 1:016x}-00"
    return f"00-{found[1]}-{_bits(64) or 1:016x}-{found[3]}"


def _line(done: _Done) -> bytes:
    """Return the log line of a request, as JSON."""
    _, trace, span, _ = done.trace.split("-")
    path = done.path.partition("?")[0][:PATH_CHARACTERS_MAX]
    return b'{"time":"%b",%b,"status":%d,"seconds":%.6f,"trace_id":"%b","span_id":"%b"}\n' % (
        _time(done.at).encode(),
        _named(done.method, path, done.route),
        done.status,
        done.seconds,
        trace.encode(),
        span.encode(),
    )


@lru_cache(1_000)
def _named(method: str, path: str, route: str) -> bytes:
    """Return the members of a log line that name a request. Many lines have the same."""
    names = {
        "level": "info",
        "logger": "rostra.requests",
        "message": "request",
        "method": method,
        "path": path if path.isascii() else path.encode(errors="replace").decode(),
        "route": route,
    }
    return visible_json(_encode(names))[1:-1]


def _time(seconds: float) -> str:
    second = int(seconds)
    return f"{_second(second)}.{int(1e6 * (seconds - second)):06d}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    """Return a time without its fraction; many lines have the same."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class JsonLines(logging.Formatter):
    """Every line of the log as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_passwords(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = without_passwords(self.formatException(record.exc_info))
        return visible_json(_encoded(line)).decode()


def _encoded(line: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(line)
    except UnicodeEncodeError:  # half a surrogate, in a message of another library
        return msgspec.json.encode({name: visible(str(it)) for name, it in line.items()})
