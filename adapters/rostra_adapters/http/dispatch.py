"""One table of all routes, and the one way that every request takes through it.

The table is looked up before aiohttp's router, and no middleware of aiohttp's runs: bounds of the
head, trace, limits, cached page, handler, problem, headers and log line follow each other here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeGuard

import msgspec
from aiohttp import HttpVersion11, hdrs, web

from rostra.log import LogUnavailable
from rostra_adapters.application.app import App
from rostra_adapters.http.auth.origins import origins_of
from rostra_adapters.http.heads import problem_of_head
from rostra_adapters.http.messages import Whole, close_unread, stays_open, whole
from rostra_adapters.http.middleware.limits import UNLIMITED_PATHS, Limits
from rostra_adapters.http.middleware.metrics import NO_ROUTE
from rostra_adapters.http.middleware.page_cache import POSITION, CachedPage, PageCache
from rostra_adapters.http.middleware.problems_and_cors import (
    ANY_ORIGIN,
    answer_of,
    cors,
    preflight,
)
from rostra_adapters.http.middleware.request_log import CLIENT_GONE, RequestLog
from rostra_adapters.http.middleware.security_headers import secure
from rostra_adapters.http.problems import Problem, response, retry_after
from rostra_adapters.http.request_state import STATE, TRACEPARENT
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.webhook_handshake import webhook_handshake

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
READING_METHODS = (hdrs.METH_GET, hdrs.METH_HEAD)
READING_PATHS = ("/v1/counts", "/v1/preview")
"""Paths whose other methods write nothing either."""
OTHER_SERVER_SECONDS_MAX = 2.0
"""Time for a service that only reads to find another server in place of a lost one."""
OTHER_SERVER_LOOK_SECONDS = 0.05


class Route(msgspec.Struct, frozen=True, gc=False):
    """A method of a path."""

    path: str
    """Pattern of the path, for metrics and the log."""
    handler: Handler
    is_limited: bool = True
    is_write: bool = False


class RouteMatch(dict[str, str]):
    """Parameters of a request's path, with the attributes that aiohttp reads from a match."""

    __slots__ = ("_apps", "current_app")

    def __init__(self, parameters: Mapping[str, str], application: web.Application) -> None:
        super().__init__(parameters)
        self.current_app = application
        self._apps = ()


class _Node:
    """A segment of paths: the routes that end there, and the segments that follow."""

    __slots__ = ("following", "name", "parameter", "routes")

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.routes: dict[str, Route] = {}
        self.following: dict[str, _Node] = {}
        self.parameter: _Node | None = None

    def under(self, segment: str) -> "_Node":
        """Return the node of a segment of a pattern, made if there is none."""
        if not segment.startswith("{"):
            return self.following.setdefault(segment, _Node())
        if self.parameter is None:
            self.parameter = _Node(segment[1:-1])
        return self.parameter


NOTHING_HERE: Mapping[str, Route] = {}


class RouteTable:
    """Routes by method and path. A literal segment goes before a parameter."""

    def __init__(self) -> None:
        self._literal: dict[str, dict[str, Route]] = {}
        self._root = _Node()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route; `{name}` in its path matches one segment."""
        is_write = method not in READING_METHODS and path not in READING_PATHS
        route = Route(path, handler, path not in UNLIMITED_PATHS, is_write)
        node = self._root
        for segment in path.split("/")[1:]:
            node = node.under(segment)
        node.routes[method] = route
        if "{" not in path:
            self._literal[path] = node.routes

    def find(self, request: web.BaseRequest) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        """Return the routes of a request's path by method, and the path's parameters."""
        found = self._literal.get(request.raw_path.partition("?")[0])
        if found is not None:
            return found, {}
        node, parameters = self._root, {}
        for segment in request.rel_url.path_safe.split("/")[1:]:
            following = node.following.get(segment)
            if following is None:
                following = node.parameter
                if following is None or not segment:
                    return NOTHING_HERE, {}
                parameters[following.name] = _unescaped(segment)
            node = following
        return node.routes, parameters


def _unescaped(segment: str) -> str:
    """Decode the two characters that yarl leaves encoded in a safe path."""
    if "%" not in segment:
        return segment
    return segment.replace("%2F", "/").replace("%25", "%")


class Dispatch:
    """Handler of all requests: it finds the route, calls it, and answers errors."""

    def __init__(
        self,
        app: App,
        settings: HttpSettings,
        limits: Limits,
        pages: PageCache,
        requests: RequestLog,
    ) -> None:
        self._app = app
        self._settings = settings
        self._limits = limits
        self._pages = pages
        self._requests = requests
        self._table = RouteTable()
        self._application: web.Application

    def add_routes_of(self, application: web.Application) -> None:
        """Take over the routes of an application."""
        self._application = application
        for route in application.router.routes():
            assert route.resource is not None
            self._table.add(route.method, route.resource.canonical, route.handler)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG002
        """Answer a request that aiohttp has routed: its own runners know no other way."""
        return await self.answer(request)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        began = time.perf_counter()
        problem = problem_of_head(request, self._settings)
        if problem is not None:
            return answer_problem(request, problem, self._requests)
        routes, parameters = self._table.find(request)
        route = routes.get(request.method)
        assert isinstance(request, web.Request)
        request._match_info = RouteMatch(parameters, self._application)  # type: ignore[assignment]
        trace, status = self._requests.begin(request, began), CLIENT_GONE
        answer: web.StreamResponse
        try:
            try:
                if request.method == hdrs.METH_OPTIONS:
                    answer = await self._options(request, routes)
                else:
                    if route is None or route.is_limited:
                        self._limits.admit(request)
                    if route is None:
                        raise _nothing(routes)
                    if route.is_write and self._settings.read_only:
                        raise self._read_only()
                    shown = self._pages.find_for(request)
                    if shown is not None:
                        answer = self._shown(request, shown)
                    else:
                        if hdrs.EXPECT in request.headers:
                            await _go_on(request)
                        if self._settings.read_only:
                            answer = await _read(request, route.handler)
                        else:
                            answer = await route.handler(request)
            except Exception as error:  # noqa: BLE001  # each becomes a problem
                answer = answer_of(request, error)
            status = answer.status
            return self._finished(request, answer)
        finally:
            path = NO_ROUTE if route is None else route.path
            self._requests.finish(request, path, status, trace)

    def _read_only(self) -> Problem:
        writer = self._settings.writer_url
        detail = "write to another service" if writer is None else f"write to {writer}"
        after = retry_after(self._settings.retry_after_seconds)
        return Problem("read-only", f"this service only reads; {detail}", headers=after)

    async def _options(self, request: web.Request, routes: Mapping[str, Route]) -> web.Response:
        """Answer a CORS preflight; else name the methods of the path.

        A preflight beyond the limit of its address allows any origin without a look-up. The request
        that follows is refused by its own answer.
        """
        is_preflight = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if not is_preflight:
            self._limits.admit(request)
        if not is_preflight or self._limits.may_look_up(request):
            origins = await origins_of(self._app, request.path)
            if origins is not None:
                request[STATE].origins = origins
        if is_preflight:
            return preflight(request)
        if (permission := webhook_handshake(request)) is not None:
            return permission
        problem = _nothing(routes)
        return web.Response(status=204, headers=problem.headers) if routes else response(problem)

    def complete(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Add the headers that every answer has, before its head is sent."""
        self._complete(request, answer)
        answer.headers.update(request[STATE].headers())

    def _complete(self, request: web.Request, answer: web.StreamResponse) -> None:
        headers = answer.headers
        cors(request, headers, request[STATE].origins)
        secure(headers)
        close_unread(request, answer)

    def _finished(self, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        """Return an answer that can be sent, in one piece where that is possible."""
        if type(answer) is Whole or answer.prepared:  # a stream
            return answer
        self._complete(request, answer)
        if _is_plain(answer) and stays_open(request):
            return whole(answer)
        answer.headers.update(request[STATE].headers())
        return answer

    def _shown(self, request: web.Request, shown: CachedPage) -> web.StreamResponse:
        """Answer with a cached page; where that is possible, most of its head is cached, too."""
        position = self._pages.position(shown)
        if "*" not in shown.origins or not stays_open(request):
            return self._pages.answer(request, shown, position)
        status, head, body = shown.parts(request)
        return Whole(status, b"%b%b: %d\r\n" % (head, POSITION.encode(), position), body)


DISPATCH = web.AppKey("dispatch", Dispatch)


def _nothing(routes: Mapping[str, Route]) -> Problem:
    """Return the problem of a path without routes, or without one for the method."""
    if not routes:
        return Problem("not-found", "there is nothing at this path")
    allowed = ", ".join(sorted({*routes, hdrs.METH_OPTIONS}))
    return Problem("method-not-allowed", headers={hdrs.ALLOW: allowed})


def answer_problem(
    request: web.BaseRequest, problem: Problem, requests: RequestLog
) -> web.Response:
    """Answer a request that is not routed, and log it."""
    answer = response(problem)
    answer.headers.update(ANY_ORIGIN)
    trace = requests.begin(request, time.perf_counter())
    answer.headers[TRACEPARENT] = trace.trace
    close_unread(request, answer)
    requests.finish(request, NO_ROUTE, answer.status, trace)
    return answer


async def _read(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Call a handler again while the standby that it reads is replaced by another one."""
    until = time.monotonic() + OTHER_SERVER_SECONDS_MAX
    while True:
        try:
            return await handler(request)
        except LogUnavailable:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(OTHER_SERVER_LOOK_SECONDS)


async def _go_on(request: web.Request) -> None:
    """Send 100 Continue to a client that expects it before its body."""
    if request.version == HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer has not begun


def _is_plain(answer: web.StreamResponse) -> TypeGuard[web.Response]:
    """Return whether the answer is sent as it is: not packed, and no last one."""
    return (
        isinstance(answer, web.Response)
        and answer.keep_alive is None
        and not answer.compression
        and not answer.chunked
        and hdrs.CONNECTION not in answer.headers
    )
