"""Answers that go on for long: sent in slices, and ended where nobody takes them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from aiohttp import hdrs, web

from rostra.log import LogUnavailable
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.dispatch import DISPATCH
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.settings import HttpSettings

SLICE_BYTES = 64 * 1024
EVENTS = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
LAST_EVENT_ID_DIGITS_MAX = 18
_QUALITY_0 = re.compile(r"q=0(?:\.0*)?")


class TooSlow(Exception):
    """The client has not received the bytes in time."""


async def begin(
    request: web.Request, media_type: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Send the head of an answer, and return the answer."""
    response = web.StreamResponse(
        headers={
            "Content-Type": media_type,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # proxies pass on what there is at once
            **(headers or {}),
        }
    )
    request.app[DISPATCH].complete(request, response)
    await response.prepare(request)
    return response


async def send(
    response: web.StreamResponse, data: bytes, *, stall_seconds_max: float | None
) -> None:
    """Send bytes. Raises TooSlow if the client receives no slice in time; None waits for ever."""
    view = memoryview(data)
    for start in range(0, len(data), SLICE_BYTES):
        try:
            async with asyncio.timeout(stall_seconds_max):
                await response.write(view[start : start + SLICE_BYTES])
        except TimeoutError:
            raise TooSlow from None


def cut(request: web.Request) -> None:
    """End the connection so that the client sees that the answer is not whole."""
    if request.transport is not None:
        request.transport.abort()


def accepts_events(request: web.Request) -> bool:
    """Return whether server-sent events are asked for, and not refused by a quality of 0."""
    accepted = request.headers.get(hdrs.ACCEPT, "").lower()
    return any(_accepts_events(part) for part in accepted.split(","))


def _accepts_events(part: str) -> bool:
    media_type, *parameters = ["".join(each.split()) for each in part.split(";")]
    return media_type == EVENTS and not any(map(_QUALITY_0.fullmatch, parameters))


def event_bytes(position: int, data: bytes, name: str | None = None) -> bytes:
    """Return a server-sent event. `data` is JSON, which has no line breaks."""
    kind = b"" if name is None else b"event: %b\n" % name.encode()
    return b"id: %d\n%bdata: %b\n\n" % (position, kind, data)


def heartbeat_bytes(position: int) -> bytes:
    """Return a heartbeat with a stream's position, so that a client resumes there."""
    return b":\nid: %d\n\n" % position


def resume_position(request: web.Request, default: int) -> int:
    """Return the position in `Last-Event-ID`. Raises the problem `bad-query`."""
    text = request.headers.get(LAST_EVENT_ID)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= LAST_EVENT_ID_DIGITS_MAX):
        raise Problem("bad-query", f"`{LAST_EVENT_ID}` is none that came from here")
    return int(text)


class _End:
    """End of a stream. It interrupts a wait, but not a write."""

    def __init__(self) -> None:
        self.is_set = False
        self._waiting: asyncio.Timeout | None = None

    def set(self) -> None:
        if not self.is_set and self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())
        self.is_set = True

    async def or_until(self, waited_for: Awaitable[None]) -> None:
        """Wait until the end is set or another awaitable is done."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self.is_set else None) as waiting:
                self._waiting = waiting
                try:
                    await waited_for
                finally:
                    self._waiting = None


class Source(Protocol):
    """Source of server-sent events."""

    @property
    def ended(self) -> bool:
        """True if the source has no further events."""

    async def next(self, position: int) -> tuple[bytes, int]:
        """Return the encoded events after a position, and how far they go. Raises TooSlow."""

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        """Wait until there is more after a position, or the time is over."""


async def pump(
    request: web.Request,
    source: Source,
    position: int,
    settings: HttpSettings,
    log: UUID,
    log_id: Callable[[], Awaitable[UUID]],
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer with the events of a source.

    The answer ends when the source ends, the longest time of a stream is over, another log replaces
    this one, or the request's token ends. It also ends if the client leaves or does not receive.
    """

    async def other_log() -> bool:
        return await log_id() != log

    token, end = tokens.of(request), _End()
    response = await begin(request, EVENTS, headers)
    try:
        if request.method != hdrs.METH_HEAD:
            with request.app[tokens.VERIFIER].watching(token, end.set):
                await _pump(response, source, position, settings, other_log, end)
    except (ConnectionError, TooSlow, LogUnavailable):
        cut(request)
    return response


async def _pump(
    response: web.StreamResponse,
    source: Source,
    position: int,
    settings: HttpSettings,
    other_log: Callable[[], Awaitable[bool]],
    end: "_End",
) -> None:
    clock = asyncio.get_running_loop().time
    sent = clock()
    ends = sent + settings.stream_seconds_max
    while not (source.ended or end.is_set) and clock() < ends:
        data, upto = await source.next(position)
        if await other_log():
            return
        if not data and clock() >= sent + settings.heartbeat_seconds:
            data = heartbeat_bytes(upto)
        if data:
            await send(response, data, stall_seconds_max=settings.stall_seconds_max)
            sent = clock()
        if upto == position:
            await end.or_until(
                source.wait_for_more(position, sent + settings.heartbeat_seconds - clock())
            )
        position = upto
