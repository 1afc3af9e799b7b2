"""Connections: their limits, and the answers to invalid or interrupted requests.

Each such answer is a problem and a line of the request log.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import http_exceptions, web
from aiohttp.http_parser import RawRequestMessage
from yarl import URL

from rostra_adapters.http.application import REQUESTS
from rostra_adapters.http.dispatch import DISPATCH, answer_problem
from rostra_adapters.http.gate import GATE, REFUSED_MAX, Gate, limit_untaken
from rostra_adapters.http.heads import (
    DISCARDED_BYTES_MAX,
    BoundedParser,
    HeadersTooLarge,
    HeadersTooSlow,
    TooManyConnections,
    problem_of_line,
)
from rostra_adapters.http.middleware.request_log import RequestLog
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.settings import SETTINGS, HttpSettings

REFUSED_SECONDS = 1.0
"""Time for a refused connection to send a request; then it is answered without one."""

_logger = logging.getLogger(__name__)


class HttpConnection(web.RequestHandler):
    """Connection of aiohttp with limits on reading, and with problems for errors."""

    __slots__ = (
        "_bounded",
        "_discarded_bytes",
        "_gate",
        "_name",
        "_requests",
        "_settings",
        "_timer",
        "_wire",
    )

    def __init__(
        self,
        requests: RequestLog,
        settings: HttpSettings,
        gate: Gate,
        server: web.Server,
        **arguments: Any,
    ) -> None:
        super().__init__(server, **{**arguments, "auto_decompress": False})
        self._gate = gate
        self._name: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wire: asyncio.BaseTransport | None = None
        self._requests = requests
        self._settings = settings
        self._bounded = BoundedParser(self._parser, settings, self._end_answer)
        self._parser = self._bounded  # type: ignore[assignment]  # it has the methods that are used
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; refuse it where there is no place."""
        super().connection_made(transport)
        self._wire = transport
        limit_untaken(transport, self._settings.idle_seconds_max)
        peer = transport.get_extra_info("peername")
        self._name = self._gate.enter(peer[0] if isinstance(peer, tuple) else "")
        if self._name is not None:
            return
        if len(self._gate.refusing) >= REFUSED_MAX:
            self.force_close()
            return
        self._gate.refusing.add(self)
        self._bounded.refuse(TooManyConnections("there are too many connections"))
        self._timer = self._loop.call_later(REFUSED_SECONDS, self.data_received, b"")

    async def start(self) -> None:
        """Handle requests until the connection ends.

        The error that ends the wait for another request is dropped. Its traceback would refer to
        the whole connection and its last request, and only the garbage collector could free them.
        """
        with suppress(asyncio.CancelledError):
            await super().start()

    def data_received(self, data: bytes) -> None:
        """Read bytes of requests."""
        bounded = self._bounded
        if bounded.reads_head or not self._discards:
            self._discarded_bytes = 0
        else:
            self._discarded_bytes += len(data)
            if not self._keepalive:
                bounded.stop()
        super().data_received(data)
        if self._discarded_bytes > DISCARDED_BYTES_MAX:
            self._pause_transport_reading()
        if bounded.has_begun_head or self._timer is not None:
            self._watch_head()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  # aiohttp's signature
        """Read on after a pause; without one there is nothing to do at the end of each body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of what waits for the client."""
        self._stop_timer()
        self._gate.refusing.discard(self)
        if self._name is not None:
            self._gate.leave(self._name)
            self._name = None
        super().connection_lost(exc)
        self._bounded.release()
        self._wire = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's signature
        """Close the connection once its request is answered. Wait for no rest of its body."""
        if not self._request_in_progress:
            self._bounded.end_payload()
        await super().shutdown(timeout)

    def _watch_head(self) -> None:
        """Give the headers their time, from their first byte on."""
        if not self._bounded.has_begun_head:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._settings.head_seconds_max, self._end_head)

    def _end_head(self) -> None:
        self._timer = None
        if self._reading_paused or self._buffer_paused:  # by us
            self._watch_head()
            return
        limit = self._settings.head_seconds_max
        self._bounded.refuse(HeadersTooSlow(f"the headers were not whole after {limit:g} s"))
        self.data_received(b"")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _process_keepalive(self) -> None:
        """End an idle connection without a word, also one whose last answer nobody takes.

        Headers that began together with a declined upgrade have their time from here on: aiohttp
        parses them without `data_received`.
        """
        if self._bounded.has_begun_head:
            self._keepalive_handle = None
            self._watch_head()
            return
        super()._process_keepalive()
        if self._force_close and isinstance(self._wire, asyncio.Transport):
            self._wire.abort()

    @property
    def bounded(self) -> BoundedParser:
        """The parser of the requests."""
        return self._bounded

    @property
    def _discards(self) -> bool:
        """Return whether bytes that belong to no new request belong to one that was answered."""
        is_answered = self._current_request is None and not self._messages
        return is_answered or self._bounded.discarded is not None

    def _resume_transport_reading(self) -> None:
        if self._discarded_bytes <= DISCARDED_BYTES_MAX:
            super()._resume_transport_reading()

    def _end_answer(self) -> None:
        """Close the sending half, so that the client sees that there will be no other answer."""
        if self.transport is not None and self.transport.can_write_eof():
            with suppress(OSError):  # the client may have closed the connection
                self.transport.write_eof()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it repeats what was sent
    ) -> web.StreamResponse:
        """Return the last answer of the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and cannot become another")
        problem = _problem(status, exc, self._settings)
        if problem.name == "internal-error":
            _logger.error("a request broke", exc_info=exc)
        answer = answer_problem(request, problem, self._requests)
        answer.force_close()
        return answer


class Connections(web.Server):
    """Server of an application's runner whose connections are ours."""

    def __init__(self, server: web.Server, application: web.Application) -> None:
        vars(self).update(vars(server))
        self._requests, self._settings = application[REQUESTS], application[SETTINGS]
        self._gate = application[GATE]
        self.request_handler = application[DISPATCH].answer
        if base_path := _base_path(self._settings, application):
            self.request_factory = partial(_below, base_path, server.request_factory)

    def __call__(self) -> web.RequestHandler:
        return HttpConnection(
            self._requests, self._settings, self._gate, self, loop=self._loop, **self._kwargs
        )


def _base_path(settings: HttpSettings, application: web.Application) -> str:
    """Return the path of the base URL; nothing where paths of our own may begin like it."""
    base_path = "" if settings.base_url is None else URL(settings.base_url).raw_path.rstrip("/")
    resources = [route.resource for route in application.router.routes()]
    ours = {one.canonical.partition("/")[2].partition("/")[0] for one in resources if one}
    return "" if base_path.partition("/")[2].partition("/")[0] in ours else base_path


def _below(
    base_path: str, make: Callable[..., web.BaseRequest], message: RawRequestMessage, *rest: Any
) -> web.BaseRequest:
    """Make a request. A proxy may leave the path of the base URL in its path."""
    path = message.path
    if path.startswith(base_path) and path[len(base_path) : len(base_path) + 1] in ("", "/", "?"):
        left = path[len(base_path) :]
        path = left if left.startswith("/") else f"/{left}"
        message = message._replace(path=path, url=URL(path, encoded=True))
    return make(message, *rest)


class ConnectionRunner(web.AppRunner):
    """Runner that makes `Connection`s. The dispatch table receives every request directly."""

    async def _make_server(self) -> web.Server:
        return Connections(await super()._make_server(), self.app)


def _problem(status: int, exc: BaseException | None, settings: HttpSettings) -> Problem:
    match exc:
        case TooManyConnections():
            retry = retry_after(settings.retry_after_seconds)
            return Problem("too-many-connections", headers=retry)
        case HeadersTooSlow():
            return Problem("request-timeout", exc.message)
        case HeadersTooLarge():
            return Problem("headers-too-large", exc.message)
        case http_exceptions.LineTooLong():
            return problem_of_line(exc, settings)
        case http_exceptions.BadStatusLine() | http_exceptions.InvalidURLError():
            return Problem("bad-request", "the request line cannot be read")
        case http_exceptions.PayloadEncodingError():
            return Problem("bad-request", "the body cannot be read")
        case http_exceptions.HttpProcessingError():
            return Problem("bad-request", "the request cannot be read")
        case _ if status < web.HTTPInternalServerError.status_code:
            return Problem("bad-request")
    return Problem("internal-error")
