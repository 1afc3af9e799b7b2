"""A line of JSON for each request, and the trace (W3C `traceparent`) that it belongs to."""

import logging
import os
import re
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from rostra.times import format_time
from rostra_adapters.http.metrics import Metrics, route_of
from rostra_adapters.http.middleware import Handler

CLIENT_GONE = 499
"""Logged where nobody was there to take the answer."""
PATH_CHARACTERS_MAX = 500
TRACEPARENT = "traceparent"
TRACE = web.RequestKey("trace", str)
"""The `traceparent` of our part in the request."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NOTHING = re.compile(r"0+")
_logger = logging.getLogger("rostra.requests")


class RequestLog:
    """The outermost middleware."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[TRACE] = continued(request.headers.get(TRACEPARENT))
        began, status = time.perf_counter(), CLIENT_GONE
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(request.method, route_of(request), status).observe(
                seconds
            )
            _logger.info("request", extra={"fields": _fields(request, status, seconds)})

    async def answer_trace(self, request: web.Request, answer: web.StreamResponse) -> None:
        """As the answer's head is made."""
        if TRACE in request:
            answer.headers[TRACEPARENT] = request[TRACE]


def continued(given: str | None) -> str:
    """A part of the trace that is given; of a new one where there is none that can be read."""
    found = _TRACEPARENT.fullmatch(given or "")
    if found is None or any(_NOTHING.fullmatch(part) for part in found.groups()[:2]):
        return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"
    return f"00-{found[1]}-{os.urandom(8).hex()}-{found[3]}"


def _fields(request: web.Request, status: int, seconds: float) -> dict[str, Any]:
    _, trace, span, _ = request[TRACE].split("-")
    return {
        "method": request.method,
        "path": request.path[:PATH_CHARACTERS_MAX].encode(errors="replace").decode(),
        "route": route_of(request),
        "status": status,
        "seconds": round(seconds, 6),
        "trace_id": trace,
        "span_id": span,
    }


class JsonLines(logging.Formatter):
    """Every line of the log as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": format_time(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode(errors="replace")
