"""A client that costs little: HTTP/1.1 by hand, on connections that are kept.

What a full client library costs would be most of what is measured here.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import cast

CONNECT_SECONDS_MAX = 10.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
CHUNKED = -2

Seen = Callable[[int, float, bytes], None]
"""Called with a request's number, when it was sent, and the answer's body."""


class Unexpected(RuntimeError):
    """An answer of another status than the one that is measured."""


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request; `_` in the name of a header is written as `-`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """Asks one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._came = bytearray()
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._came += data
        if self._length == -1:
            self._length = self._whole_length()
        if self._is_whole() and self._answer is not None:
            whole, self._came, self._length = bytes(self._came), bytearray(), -1
            head, _, body = whole.partition(_END_OF_HEAD)
            self._answer.set_result((int(head[9:12]), head, body))

    def _is_whole(self) -> bool:
        if self._length == CHUNKED:
            return self._came.endswith(_LAST_CHUNK)
        return 0 <= self._length <= len(self._came)

    def _whole_length(self) -> int:
        """Return the length of the current answer, -1 if not yet known, or `CHUNKED`."""
        end = self._came.find(_END_OF_HEAD)
        if end < 0:
            return -1
        if _CHUNKED.search(self._came, 0, end):
            return CHUNKED
        found = _LENGTH.search(self._came, 0, end)
        return end + len(_END_OF_HEAD) + (int(found[1]) if found else 0)

    async def ask(self, data: bytes) -> tuple[int, bytes, bytes]:
        """Send a request. Return status, head and body of its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(host: str, port: int, count: int) -> list[Connection]:
    """Open `count` connections."""
    loop = asyncio.get_running_loop()
    making = [loop.create_connection(Connection, host, port) for _ in range(count)]
    made = await asyncio.wait_for(asyncio.gather(*making), CONNECT_SECONDS_MAX)
    return [connection for _, connection in made]


async def ask(host: str, port: int, data: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """One request: status, headers (names in lower case) and body."""
    (connection,) = await connect(host, port, 1)
    try:
        status, head, body = await connection.ask(data)
    finally:
        connection.close()
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = (line.partition(":") for line in lines)
    return status, {name.lower(): value.strip() for name, _, value in headers}, body


async def drive(
    host: str,
    port: int,
    requests: Iterable[bytes],
    *,
    connections: int,
    expected: int,
    seen: Seen = lambda *_: None,
    each_second: float | None = None,
) -> float:
    """Ask all, each connection its next as soon as it has an answer, or so many a second;
    returns the seconds it took. Raises Unexpected.
    """
    made = await connect(host, port, connections)
    numbered = enumerate(requests)
    began = time.perf_counter()

    async def work(connection: Connection) -> None:
        for number, data in numbered:
            if each_second is not None:
                await _until(began + number / each_second)
            sent = time.perf_counter()
            status, _, body = await connection.ask(data)
            if status != expected:
                raise Unexpected(f"{status}: {body[:500]!r}")
            seen(number, sent, body)

    try:
        async with asyncio.TaskGroup() as group:
            for connection in made:
                group.create_task(work(connection))
        return time.perf_counter() - began
    finally:
        for connection in made:
            connection.close()


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def drive_closing(
    host: str, port: int, requests: Iterable[bytes], *, connections: int, expected: int
) -> float:
    """The same of a server that closes each connection after its answer."""
    waiting = iter(requests)
    began = time.perf_counter()

    async def work() -> None:
        for data in waiting:
            status, _, body = await ask(host, port, data)
            if status != expected:
                raise Unexpected(f"{status}: {body[:500]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())
    return time.perf_counter() - began
