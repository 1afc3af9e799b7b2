"""What is kept is answered before a request is routed, its head made of bytes that are kept too:
to route it and to put the head together would take as long again as all the rest.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from rostra_adapters.http.messages import is_known
from rostra_adapters.http.middleware.limits import Limits
from rostra_adapters.http.middleware.page_cache import POSITION, CachedPage, PageCache, wants_gzip
from rostra_adapters.http.middleware.request_log import TRACEPARENT, RequestLog

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
STATUS_LINES = {200: "HTTP/1.1 200 OK", 304: "HTTP/1.1 304 Not Modified"}


class Whole(web.StreamResponse):
    """An answer to HTTP/1.1 whose bytes are known, on a connection that stays open."""

    def __init__(self, status: int, data: bytes) -> None:
        super().__init__(status=status)
        self._keep_alive = True
        self._data = data
        self._writer: AbstractStreamWriter | None = None

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._writer = request.writer
        request.transport.write(self._data)
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002  # all is written
        """Whoever reads slowly is waited for."""
        if self._writer is not None:
            await self._writer.drain()


class KeptPages:
    """Readers of an open page without a token, within their limit. Everything else goes on."""

    def __init__(self, pages: PageCache, limits: Limits, requests: RequestLog) -> None:
        self._pages = pages
        self._limits = limits
        self._requests = requests
        self._date = ""
        self._date_second = 0

    def before(self, handle: Handle) -> Handle:
        """What a server does with a request, this first."""

        async def kept_or(request: web.BaseRequest) -> web.StreamResponse:
            if request.method == hdrs.METH_GET and hdrs.AUTHORIZATION not in request.headers:
                answer = self._kept(request)
                if answer is not None:
                    return answer
            return await handle(request)

        return kept_or

    def _kept(self, request: web.BaseRequest) -> Whole | None:
        began = time.perf_counter()
        shown = self._pages.find(request.raw_path)
        if shown is None or "*" not in shown.origins or not _stays_open(request):
            return None
        left = self._limits.of_reader(request)
        if left is not None and left.wait_seconds:
            return None  # and is refused further on
        self._pages.hits += 1
        part = self._requests.begin(request, began)
        limits = "" if left is None else _lines(left.headers())
        last = (
            f"{POSITION}: {self._pages.position(shown)}\r\n{TRACEPARENT}: {part.trace}\r\n"
            f"Date: {self._now()}\r\n{limits}\r\n"
        )
        status, first, body = _parts(request, shown)
        self._requests.done(request, shown.route, status, part)
        return Whole(status, first + last.encode() + body)

    def _now(self) -> str:
        second = int(time.time())
        if second != self._date_second:
            self._date, self._date_second = formatdate(second, usegmt=True), second
        return self._date


def _stays_open(request: web.BaseRequest) -> bool:
    return request.version == HttpVersion11 and request.keep_alive and request.content.is_eof()


def _parts(request: web.BaseRequest, shown: CachedPage) -> tuple[int, bytes, bytes]:
    """The status, the head as far as it is always the same, and the body."""
    if is_known(request, shown.etag):
        return 304, _head(shown, "304"), b""
    if shown.long and wants_gzip(request):
        return 200, _head(shown, "gzip"), shown.in_gzip()
    return 200, _head(shown, "200"), shown.body


def _head(shown: CachedPage, form: str) -> bytes:
    head = shown.heads.get(form)
    if head is None:
        headers = dict(shown.headers)
        if form == "304":
            del headers[hdrs.CONTENT_TYPE]
        elif form == "gzip":
            headers |= {
                hdrs.CONTENT_ENCODING: "gzip",
                hdrs.CONTENT_LENGTH: str(len(shown.in_gzip())),
            }
        else:
            headers[hdrs.CONTENT_LENGTH] = str(len(shown.body))
        status = STATUS_LINES[304 if form == "304" else 200]
        head = shown.heads[form] = f"{status}\r\n{_lines(headers)}".encode()
    return head


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
