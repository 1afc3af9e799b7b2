"""Bodies: taken in within a limit, and given out encoded."""

import asyncio
import re
from collections.abc import Mapping
from email.message import Message
from email.utils import formatdate
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from time import time
from typing import NamedTuple

import msgspec
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from rostra_adapters.http.heads import BoundedParser
from rostra_adapters.http.middleware.problems_and_cors import ANY_ORIGIN
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.request_state import STATE, TRACEPARENT, RequestState
from rostra_adapters.http.settings import SETTINGS
from rostra_adapters.http.unpacking import ENCODINGS, PLAIN, unpacker_of

JSON = "application/json"
HTML = "text/html; charset=utf-8"
OCTETS = "application/octet-stream"
UTF_8 = ("utf-8", "utf8")
ETAG_BYTES = 12
_GZIP_NAMES = ("gzip", "x-gzip")
_REFUSING_WEIGHT = re.compile(r"\s*q=0(?:\.0*)?\s*", re.IGNORECASE)
BODILESS = (204, 304)
"""Statuses whose answers have no body."""
LINES = "application/x-ndjson"
READ_BYTES = 64 * 1024
"""Bytes of a body that wait for a handler. Reading pauses at twice this number."""
CHUNKED_TIMES_MAX = 1.5
"""Bytes of a body in chunks as it comes, against those that it may have."""
PASSED_BYTES_MAX = 64 * 1024
"""Length of a body that is passed over, so that its connection serves another request."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


async def body_of(request: web.Request, bytes_max: int) -> bytes:
    """Return the whole body.

    Raises the problems `too-large` (before reading a body with a declared length),
    `request-timeout`, `bad-request` and `unsupported-media-type`.
    """
    state = request[STATE]
    if state.body is not None:
        return state.body
    body = await _read_body(request, bytes_max)
    if request.app[SETTINGS].read_only:
        state.body = body
    return body


async def _read_body(request: web.Request, bytes_max: int) -> bytes:
    encoding, length, content = check_encoding(request), request.content_length, request.content
    if length is not None and length > bytes_max:
        raise _too_large(bytes_max)
    if length is not None and encoding in PLAIN and content.is_eof():  # it came with the head
        return content.read_nowait().removeprefix(BYTE_ORDER_MARK)
    unpacker, taken, waited_seconds = unpacker_of(request), bytearray(), 0.0
    content.set_read_chunk_size(min(READ_BYTES, bytes_max // 4))
    while True:
        _check_chunks(request, bytes_max)
        chunk, seconds = await _next_piece(request, waited_seconds)
        waited_seconds += seconds
        if not chunk:
            unpacker.check_end()
            return bytes(taken).removeprefix(BYTE_ORDER_MARK)
        # Counted as unpacked, where it came packed, and as it came, where it holds nothing.
        if content.total_raw_bytes > bytes_max:
            raise _too_large(bytes_max)
        for piece in unpacker.unpack(chunk):
            taken += piece
            if len(taken) > bytes_max:
                raise _too_large(bytes_max)
            if len(piece) < len(taken):
                await asyncio.sleep(0)


async def _next_piece(request: web.Request, waited_seconds: float) -> tuple[bytes, float]:
    """Return the next piece of the body, and the seconds that the client has been waited for.

    Raises the problem `request-timeout`.
    """
    content = request.content
    if content.is_eof():
        return await content.readany(), 0.0
    settings, clock = request.app[SETTINGS], asyncio.get_running_loop().time
    began, came = clock(), content.total_raw_bytes
    allowed = settings.body_seconds_max + came / settings.body_bytes_per_second_min
    try:
        async with asyncio.timeout(max(allowed - waited_seconds, 0.0)):
            piece = await content.readany()
    except TimeoutError:
        if content.total_raw_bytes == came and not content.is_eof():
            limit = f"{settings.body_bytes_per_second_min} bytes a second"
            raise Problem(
                "request-timeout",
                f"after {settings.body_seconds_max:g} s a body comes with {limit} at least",
                headers={"Connection": "close"},
            ) from None
        piece = await content.readany()  # it came while nobody looked
    return piece, clock() - began


def _check_chunks(request: web.Request, bytes_max: int) -> None:
    """Raise the problem of a body whose chunks cost far more than their content."""
    parser: BoundedParser | None = getattr(request.protocol, "bounded", None)
    if parser is None:  # of an application on a runner of aiohttp's own
        return
    if parser.has_tiny_chunks:
        raise Problem("bad-request", "the chunks of the body are too small")
    if parser.body_bytes > CHUNKED_TIMES_MAX * bytes_max:
        raise _too_large(bytes_max)


def close_unread(request: web.BaseRequest, answer: web.StreamResponse) -> None:
    """Close the connection after the answer if the unread body is compressed, chunked or long.

    Reading it would cost more than a new connection. Called while the answer's head is made.
    """
    if request.content.is_eof() or answer.content_type == LINES:
        return
    length, encoding = request.content_length, request.headers.get(hdrs.CONTENT_ENCODING, "")
    if length is None or length > PASSED_BYTES_MAX or encoding not in PLAIN:
        answer.force_close()
        answer.headers[hdrs.CONNECTION] = "close"


def check_encoding(request: web.Request) -> str:
    """Return the encoding of a body; raise `unsupported-media-type` for one not unpacked here."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").lower()
    if encoding not in ENCODINGS:
        takes = {"Accept-Encoding": "gzip, deflate"}
        detail = "send `Content-Encoding: gzip`, `deflate` or none"
        raise Problem("unsupported-media-type", detail, headers=takes)
    return encoding


def _too_large(bytes_max: int) -> Problem:
    # The rest of the body is not read, so the connection cannot serve another request.
    limit = f"the limit is {bytes_max} bytes"
    return Problem("too-large", limit, headers={"Connection": "close"})


def answer(
    request: web.Request,
    body: bytes,
    *,
    compressed_bytes_min: int,
    status: int = 200,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return an answer, compressed if it is long and the client accepts that."""
    given = {"Content-Type": media_type, **(headers or {})}
    if (
        len(body) <= compressed_bytes_min
        and status not in BODILESS
        and not media_type.startswith("text/html")
        and "*" in request[STATE].origins
        and stays_open(request)
    ):
        head = _head(status, tuple(given.items()))
        return Whole(status, b"%bContent-Length: %d\r\n" % (head, len(body)), body)
    response = web.Response(status=status, body=body, headers=given)
    if len(body) > compressed_bytes_min:
        vary = [response.headers["Vary"]] if "Vary" in response.headers else []
        response.headers["Vary"] = ", ".join([*vary, "Accept-Encoding"])
        if wants_gzip(request):
            response.enable_compression(web.ContentCoding.gzip)
    return response


def wants_gzip(request: web.BaseRequest) -> bool:
    """Return whether the client takes gzip: it names it, with a quality above 0."""
    for each in request.headers.get(hdrs.ACCEPT_ENCODING, "").split(","):
        coding, _, weight = each.partition(";")
        if coding.strip().lower() in _GZIP_NAMES:
            return _REFUSING_WEIGHT.fullmatch(weight) is None
    return False


def answer_with(
    request: web.Request,
    shape: msgspec.Struct | None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a shape as JSON that no cache may store, compressed if it is long."""
    return answer(
        request,
        msgspec.json.encode(shape),
        status=status,
        headers={hdrs.CACHE_CONTROL: "no-store", **(headers or {})},
        compressed_bytes_min=request.app[SETTINGS].compressed_bytes_min,
    )


class MediaType(NamedTuple):
    """Parts of a `Content-Type`."""

    name: str
    """In lower case."""
    is_utf_8: bool
    """True also where it names no charset."""


@lru_cache(64)
def media_type(content_type: str) -> MediaType:
    """Parse a `Content-Type`. Few have more than one form, so they are cached."""
    message = Message()
    message["Content-Type"] = content_type or OCTETS
    try:
        charset = message.get_param("charset", "utf-8")
        return MediaType(message.get_content_type(), str(charset).lower() in UTF_8)
    except (TypeError, ValueError):  # of parameters in parts, and of bytes that are not UTF-8
        return MediaType("", is_utf_8=False)


class Whole(web.Response):
    """An answer to HTTP/1.1 whose bytes are known, on a connection that stays open."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        """Give the head without its end and without the headers that each answer has of its own."""
        web.StreamResponse.__init__(self, status=status)  # the rest is about headers not known
        self._keep_alive = True
        self._bytes = head, body
        self._writer: AbstractStreamWriter | None = None

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send the answer."""
        transport, (head, body) = request.transport, self._bytes
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        own = _date_line(int(time())) + _own_lines(request[STATE])
        transport.write(b"%b%b\r\n%b" % (head, own, body))
        self._writer = request.writer
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002  # all is written
        """Wait for a client that reads slowly."""
        if self._writer is not None:
            await self._writer.drain()


def stays_open(request: web.BaseRequest) -> bool:
    """Return whether the answer needs no header of its own for the connection."""
    return (
        request.version == HttpVersion11
        and request.keep_alive
        and request.content.is_eof()
        and request.method != hdrs.METH_HEAD
    )


def whole(answer: web.Response) -> Whole:
    """Return an answer in one piece."""
    headers, status, body = answer.headers, answer.status, answer.body or b""
    assert isinstance(body, bytes)
    if status not in BODILESS:
        headers[hdrs.CONTENT_LENGTH] = str(len(body))
    return Whole(status, status_line(status) + header_lines(headers), body)


@lru_cache(256)
def _head(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return the head, without its length, of an answer that any origin may read."""
    return status_line(status) + header_lines(dict(headers)) + _ANY_ORIGIN_LINES


def _own_lines(state: RequestState) -> bytes:
    """Return the headers that an answer has of its own."""
    if state.left is None:
        return f"{TRACEPARENT}: {state.trace}\r\n".encode()
    return header_lines(state.headers())


@lru_cache(1)
def _date_line(second: int) -> bytes:
    return f"{hdrs.DATE}: {formatdate(second, usegmt=True)}\r\n".encode()


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return _STATUS_LINES[status]


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as they are sent. Raises ValueError for one that would be several lines."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("a header holds a line break")
    return text.encode()


_ANY_ORIGIN_LINES = header_lines(ANY_ORIGIN)


def is_known(request: web.BaseRequest, etag: str) -> bool:
    """Return whether `If-None-Match` names this tag.

    Searching for the tag is enough, because no other tag can end in it. Parsing a long list would
    cost more than a page.
    """
    given = request.headers.get(hdrs.IF_NONE_MATCH, "")
    return etag in given or given.strip() == "*"


def response_with_etag(
    request: web.Request,
    body: bytes,
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a body that shows no view, compressed where it is long and that was asked for.

    Its ETag is its hash; 304 where the client has it.
    """
    etag = blake2b(body, digest_size=ETAG_BYTES).hexdigest()
    given = {hdrs.ETAG: f'"{etag}"', hdrs.CACHE_CONTROL: "no-cache", **(headers or {})}
    if is_known(request, f'"{etag}"'):
        return web.Response(status=304, headers=given)
    least = request.app[SETTINGS].compressed_bytes_min
    return answer(request, body, compressed_bytes_min=least, media_type=media_type, headers=given)
