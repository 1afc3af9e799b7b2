"""What is answered where no handler is asked: to bytes that are no request of HTTP, and to one
that breaks outside of every handler. Problems too, and lines of the request log."""

import logging
import time
from typing import Any

from aiohttp import http_exceptions, web

from rostra_adapters.http.application import KEPT_PAGES, REQUESTS
from rostra_adapters.http.kept_pages import Handle
from rostra_adapters.http.metrics import NO_ROUTE
from rostra_adapters.http.middleware import ANY_ORIGIN, problem_of
from rostra_adapters.http.problems import Problem, response
from rostra_adapters.http.request_log import TRACEPARENT, RequestLog

_logger = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's, but for what it says when there is nothing to say it for."""

    __slots__ = ("_requests",)

    def __init__(self, requests: RequestLog, server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._requests = requests

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # aiohttp has what it cannot read wait for its turn, behind the request whose body it is
        # and which waits for the rest of that.
        broken = bool(self._messages) and getattr(self._messages[-1][0], "exc", None)
        if broken and (request := self._current_request) and not request.content.is_eof():
            request.content.set_exception(web.RequestPayloadError("the body cannot be read"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it repeats what was sent
    ) -> web.StreamResponse:
        """The last answer of the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and cannot become another")
        problem = _problem(status, exc)
        if problem.kind.status >= web.HTTPInternalServerError.status_code:
            _logger.error("a request broke", exc_info=exc)
        answer = _answered(request, problem, self._requests)
        answer.force_close()
        return answer


class Connections(web.Server):
    """They come about as connections of an application whose runner has made a server for it."""

    def __init__(self, server: web.Server, application: web.Application) -> None:
        vars(self).update(vars(server))
        self._requests = application[REQUESTS]
        handle = application[KEPT_PAGES].before(server.request_handler)
        self.request_handler = _or_problem(handle, self._requests)

    def __call__(self) -> web.RequestHandler:
        return Connection(self._requests, self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """What is kept is answered before a request is routed, and nothing but problems says no."""

    async def _make_server(self) -> web.Server:
        return Connections(await super()._make_server(), self.app)


def _or_problem(handle: Handle, requests: RequestLog) -> Handle:
    """What aiohttp refuses before it asks any handler: an expectation that is none of ours."""

    async def handled(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPException as error:
            return _answered(request, problem_of(error), requests)

    return handled


def _answered(request: web.BaseRequest, problem: Problem, requests: RequestLog) -> web.Response:
    answer = response(problem)
    answer.headers.update(ANY_ORIGIN)
    part = requests.begin(request, time.perf_counter())
    answer.headers[TRACEPARENT] = part.trace
    requests.done(request, NO_ROUTE, answer.status, part)
    return answer


def _problem(status: int, exc: BaseException | None) -> Problem:
    match exc:
        case http_exceptions.LineTooLong():
            return Problem("too-large", "the request line or a header is too long")
        case http_exceptions.BadStatusLine() | http_exceptions.InvalidURLError():
            return Problem("bad-request", "the request line cannot be read")
        case http_exceptions.PayloadEncodingError():
            return Problem("bad-request", "the body cannot be read")
        case http_exceptions.HttpProcessingError():
            return Problem("bad-request", "the request cannot be read")
        case _ if status < web.HTTPInternalServerError.status_code:
            return Problem("bad-request")
    return Problem("internal-error")
