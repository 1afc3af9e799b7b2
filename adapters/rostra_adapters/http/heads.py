"""Limits of a request's line, headers and chunks, held before anything is routed."""

import asyncio
import re
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import _ErrInfo

from rostra_adapters.http.problems import Problem
from rostra_adapters.http.settings import HttpSettings

HEADER_NAME_BYTES = 256
"""Added to the longest value of a header, since aiohttp counts the name as well."""
DISCARDED_BYTES_MAX = 128 * 1024
"""Bytes that are read after an answer, so that closing does not take the answer back."""
HEAD_END = b"\r\n\r\n"
TRICKLED_CHUNKS_MAX = 8
"""Chunks in a piece that costs more to receive than its chunks do."""
TINY_CHUNKS_MAX = 256
TINY_CHUNK_BYTES = 96
_SIZE_LINE = re.compile(rb"\r\n[0-9A-Fa-f]++(?:;[^\r\n]*+)?(?=\r\n)")

Messages = tuple[Sequence[Any], bool, bytes]
NO_MESSAGES: Messages = ((), False, b"")


class HeadersTooLarge(BadHttpMessage):
    """Headers that are longer than all of them together may be."""


class HeadersTooSlow(BadHttpMessage):
    """Headers that are not whole in time."""


class TooManyConnections(BadHttpMessage):
    """Connection beyond the limits. Every request on it is answered 503."""


def parser_limits(settings: HttpSettings) -> dict[str, int]:
    """Return the limits of aiohttp's parser, which ends a line or a header that is too long.

    The two numbers differ, since its error names nothing else.
    """
    field = max(settings.authorization_bytes_max, settings.header_bytes_max) + HEADER_NAME_BYTES
    return {
        "max_line_size": settings.request_line_bytes_max,
        "max_field_size": field + (field == settings.request_line_bytes_max),
        "max_headers": settings.headers_max,
    }


def problem_of_line(error: LineTooLong, settings: HttpSettings) -> Problem:
    """Return the problem for a line that aiohttp's parser found too long."""
    if error.args[1] == settings.request_line_bytes_max:
        return _long_line(settings)
    return Problem("headers-too-large", "a header is too long")


def problem_of_head(request: web.BaseRequest, settings: HttpSettings) -> Problem | None:
    """Return the problem of the first limit that a request's line or headers exceed.

    It is called before anything but the URL and the pairs of headers is parsed.
    """
    target = request.raw_path
    path, _, query = target.partition("?")
    if len(target) + len(request.method) > settings.request_line_bytes_max - len("  HTTP/1.1"):
        return _long_line(settings)
    most = settings.path_bytes_max
    if len(path) > most or (not path.isascii() and _bytes(path) > most):
        return Problem("uri-too-long", f"the path has more than {most} bytes")
    if path.count("/") > settings.path_segments_max:
        return Problem("not-found", "there is nothing at this path")
    if query.count("&") >= settings.query_parameters_max:
        detail = f"the query has more than {settings.query_parameters_max} parameters"
        return Problem("bad-query", detail)
    return _problem_of_headers(request, settings)


def _problem_of_headers(request: web.BaseRequest, settings: HttpSettings) -> Problem | None:
    total = len(b"".join(chain.from_iterable(request.raw_headers)))
    most = settings.header_bytes_max
    for name, value in request.raw_headers if total > most else ():
        if len(value) > most or len(name) > most:
            limit = settings.authorization_bytes_max if name.lower() == b"authorization" else most
            if max(len(name), len(value)) > limit:
                return Problem("headers-too-large", f"a header has more than {limit} bytes")
    if total > settings.headers_bytes_max:
        return Problem("headers-too-large", _all_headers(settings))
    expected = request.headers.get(hdrs.EXPECT)
    if expected is not None and expected.lower() != "100-continue":
        return Problem("expectation-failed")
    media_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if len(media_type) > settings.content_type_characters_max:
        limit = settings.content_type_characters_max
        detail = f"`Content-Type` has more than {limit} characters"
        return Problem("unsupported-media-type", detail)
    return None


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def _long_line(settings: HttpSettings) -> Problem:
    limit = settings.request_line_bytes_max
    return Problem("uri-too-long", f"the request line has more than {limit} bytes")


def _all_headers(settings: HttpSettings) -> str:
    return f"the headers have more than {settings.headers_bytes_max} bytes together"


def _nothing() -> None:
    """Do nothing."""


class DiscardedPayload:
    """Payload of an invalid message. Its further bytes are discarded.

    aiohttp reads it to its end or for its lingering time, then closes the connection.
    """

    def __init__(self, end_answer: Callable[[], None]) -> None:
        self._end_answer = end_answer
        self._ended = asyncio.Event()

    def is_eof(self) -> bool:
        """Return whether no further bytes are expected."""
        return self._ended.is_set()

    async def readany(self) -> bytes:
        """Complete the answer to the client, and wait for the connection's end."""
        self._end_answer()
        await self._ended.wait()
        return b""

    def end(self) -> None:
        """Wait no longer."""
        self._end_answer = _nothing
        self._ended.set()

    def set_exception(self, error: BaseException) -> None:
        """Ignore the error that aiohttp leaves for later readers: there are none."""


class BoundedParser:
    """Wrapper of aiohttp's parser that stops it once a message is invalid or too long.

    It receives the connection's bytes in place of the parser.
    """

    def __init__(self, parser: Any, settings: HttpSettings, end_answer: Callable[[], None]) -> None:
        self._parser = parser
        self._settings = settings
        self._end_answer = end_answer
        self._payload: StreamReader | None = None
        self._head_bytes = 0
        """Bytes of a request line and headers that are not whole yet."""
        self._has_line, self._last_bytes = False, b""
        """True if those bytes hold a line end; and the last of those bytes."""
        self._head_bytes_max = settings.request_line_bytes_max + settings.headers_bytes_max
        self._is_chunked = False
        self._chunked_bytes = self._chunks = 0
        self.has_tiny_chunks = False
        """True if the body has very many chunks of very few bytes.

        A body cannot be distinguished from its chunks here, so its lines that look like the size of
        a chunk count as well.
        """
        self.body_bytes = 0
        """Bytes of a body in chunks as they came, with what came along with its first ones."""
        self._refusal: HttpProcessingError | None = None
        self.discarded: DiscardedPayload | None = None
        """Bytes after a broken message, None while none is broken."""

    @property
    def reads_head(self) -> bool:
        """Return whether the next byte belongs to a request line or to headers."""
        return self.discarded is None and (self._payload is None or self._payload.is_eof())

    @property
    def has_begun_head(self) -> bool:
        """Return whether a request has begun and its headers are incomplete.

        A request that begins in the same piece in which another ends counts from the next piece on.
        The parser does not say where the first request ended.
        """
        return self._head_bytes > 0 and self.reads_head

    def feed_data(self, data: bytes) -> Messages:
        """Return the requests whose headers became whole, or the one that broke."""
        if self._parser is None:
            return NO_MESSAGES
        if self._refusal is not None:
            return self.fail(self._refusal)
        try:
            if self.reads_head:
                self._count_head(data)
            messages, upgraded, tail = self._parser.feed_data(data)
        except HttpProcessingError as error:
            return self.fail(error)
        if messages:
            message, self._payload = messages[-1]
            self._is_chunked = message.chunked
            self._head_bytes = self._chunked_bytes = self._chunks = self.body_bytes = 0
            self.has_tiny_chunks = False
            self._has_line, self._last_bytes = False, b""
        elif self._head_bytes:
            self._has_line = self._has_line or b"\n" in data
            self._last_bytes = (self._last_bytes + data[-len(HEAD_END) :])[-len(HEAD_END) :]
        if self._is_chunked:
            self._count_chunks(data)
        return messages, upgraded, tail

    def _count_chunks(self, data: bytes) -> None:
        self.body_bytes += len(data)
        # To count the line ends is much quicker than to find the sizes.
        if self.has_tiny_chunks or data.count(b"\r\n") <= TRICKLED_CHUNKS_MAX:
            return
        size = self._chunked_bytes + len(data)
        chunks_max = max(TINY_CHUNKS_MAX, size // TINY_CHUNK_BYTES)
        enough = max(chunks_max - self._chunks, TRICKLED_CHUNKS_MAX) + 1
        chunks = sum(1 for _ in islice(_SIZE_LINE.finditer(data), enough))
        if chunks > TRICKLED_CHUNKS_MAX:
            self._chunked_bytes, self._chunks = size, self._chunks + chunks
            self.has_tiny_chunks = self._chunks > chunks_max

    def _count_head(self, data: bytes) -> None:
        """Raise the error of a head that is too long, before the parser takes it in."""
        # A blank line may follow a body (RFC 9112, section 2.2).
        if not self._head_bytes and not data.strip(b"\r\n"):
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._head_bytes_max:
            ending = self._last_bytes + data
            if HEAD_END not in ending:
                if self._has_line or b"\n" in data:
                    raise HeadersTooLarge(_all_headers(self._settings))
                raise LineTooLong(b"", self._settings.request_line_bytes_max)

    def refuse(self, error: HttpProcessingError) -> None:
        """Answer the next message, or the next empty piece, with an error."""
        self._refusal = error

    def stop(self) -> None:
        """Stop parsing and drop the parser's state: the connection will be closed."""
        self._parser = None

    def release(self) -> None:
        """Let go of everything that leads back to the connection, which has ended."""
        self.stop()
        self._payload = self._refusal = None
        self._end_answer = _nothing
        if self.discarded is not None:
            self.discarded.end()
            self.discarded = None

    def end_payload(self) -> None:
        """Expect no further bytes of the last request."""
        if self.discarded is not None:
            self.discarded.end()
        elif self._payload is not None and not self._payload.is_eof():
            self._payload.feed_eof()

    def fail(self, error: HttpProcessingError) -> Messages:
        """Return a message that is answered with an error, and discard all further bytes.

        aiohttp queues it behind the request whose body broke off, and that request waits for the
        rest of its body.
        """
        self.stop()
        error.with_traceback(None)  # whose frames hold what came
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(web.RequestPayloadError("the body cannot be read"))
        self.discarded = DiscardedPayload(self._end_answer)
        info = _ErrInfo(status=error.code, exc=error, message=error.message)
        return ((info, self.discarded),), False, b""

    def pause_reading(self) -> None:
        """Stop after the current piece of a body."""
        if self._parser is not None:
            self._parser.pause_reading()

    def message_consumed(self) -> None:
        """Make room for another request."""
        if self._parser is not None:
            self._parser.message_consumed()

    def set_upgraded(self, upgraded: bool) -> None:  # noqa: FBT001  # aiohttp's signature
        """Go on after an upgrade that was declined."""
        if self._parser is not None:
            self._parser.set_upgraded(upgraded)
