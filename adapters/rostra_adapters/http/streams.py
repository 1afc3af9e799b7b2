"""Answers that go on for long: sent in slices, and ended where nobody takes them."""

import asyncio
from collections.abc import Mapping

from aiohttp import hdrs, web

SLICE_BYTES = 64 * 1024
EVENTS = "text/event-stream"


class TooSlow(Exception):
    """The client has not taken what was sent to it."""


async def begin(
    request: web.Request, media_type: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """An answer whose head has been sent."""
    response = web.StreamResponse(
        headers={
            "Content-Type": media_type,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # proxies pass on what there is at once
            **(headers or {}),
        }
    )
    await response.prepare(request)
    return response


async def send(
    response: web.StreamResponse, data: bytes, *, stall_seconds_max: float | None
) -> None:
    """Raises TooSlow where the client takes no slice of it for so long; None waits on."""
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


def takes_events(request: web.Request) -> bool:
    """Whether server-sent events are asked for."""
    accepted = request.headers.get(hdrs.ACCEPT, "").lower()
    return any(part.split(";")[0].strip() == EVENTS for part in accepted.split(","))


def event_bytes(position: int, data: bytes, name: str | None = None) -> bytes:
    """A server-sent event. `data` is JSON, which has no line breaks."""
    kind = b"" if name is None else b"event: %b\n" % name.encode()
    return b"id: %d\n%bdata: %b\n\n" % (position, kind, data)


def heartbeat_bytes(position: int) -> bytes:
    """Nothing but how far the stream is, so that resuming passes over what was not sent."""
    return b":\nid: %d\n\n" % position
