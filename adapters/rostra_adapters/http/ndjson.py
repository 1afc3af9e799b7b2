"""Streams of `application/x-ndjson`: a result line for each line of the request.

Memory is constant for any length. Lines that arrive while a batch is handled form the next batch.
Reading stops while enough lines wait, so a busy log slows the client down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from tempfile import SpooledTemporaryFile

from aiohttp import web

from rostra_adapters.http import sse
from rostra_adapters.http.messages import BYTE_ORDER_MARK, READ_BYTES
from rostra_adapters.http.unpacking import unpacker_of

LINES_MAX = 1_000
"""Greatest number of lines of a batch, equal to BATCH_COMMANDS_MAX of the command queue."""
CHUNKS_WAITING_MAX = 16
IN_MEMORY_BYTES_MAX = 1024 * 1024
UNREAD_BYTES_MAX = 1024**3
STALL_SECONDS_MAX = 60.0

LineBytes = bytes | None
"""None is a line that was too long."""
PublishLines = Callable[[Sequence[LineBytes]], Awaitable[bytes]]
"""Publishes lines. Returns a result line for each once its event is durable."""


class Splitter:
    """Splitter of received bytes into lines. Blank lines are left out."""

    def __init__(self, line_bytes_max: int) -> None:
        self._most = line_bytes_max
        self._rest = bytearray()
        self._too_long = False
        self._is_first = True

    def feed(self, chunk: bytes) -> list[LineBytes]:
        """Return the lines that end in this chunk."""
        first, *others = chunk.split(b"\n")
        self._add(first)
        lines: list[LineBytes] = []
        for other in others:
            lines += self.end()
            self._add(other)
        return lines

    def end(self) -> list[LineBytes]:
        """Return the last line, if it has no line end yet."""
        line: LineBytes = None if self._too_long else bytes(self._rest)
        if self._is_first and line is not None:
            line = line.removeprefix(BYTE_ORDER_MARK)
        self._is_first = False
        self._rest.clear()
        self._too_long = False
        return [line] if line is None or line.strip() else []

    def _add(self, part: bytes) -> None:
        if self._too_long or len(self._rest) + len(part) > self._most:
            self._too_long = True  # and its bytes are passed over
            self._rest.clear()
        else:
            self._rest += part


class Unread:
    """Results that the client has not received yet, in a file if there are many.

    A client may send everything before it reads any result.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY_BYTES_MAX)  # noqa: SIM115  # see close
        self._put = self._got = 0
        self._ended = False
        self._changed = asyncio.Event()

    async def put(self, data: bytes) -> None:
        while self._put > UNREAD_BYTES_MAX:
            await self._next_change()
        self._file.seek(self._put)
        self._file.write(data)
        self._put += len(data)
        self._changed.set()

    def end(self) -> None:
        """Mark the end of the input."""
        self._ended = True
        self._changed.set()

    async def get(self) -> bytes:
        """Return the next bytes; empty at the end."""
        while self._got == self._put:
            if self._ended:
                return b""
            await self._next_change()
        self._file.seek(self._got)
        data = self._file.read(sse.SLICE_BYTES)
        self._got += len(data)
        if self._got == self._put:
            self._file.seek(0)
            self._file.truncate()
            self._got = self._put = 0
            self._changed.set()
        return data

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def close(self) -> None:
        self._file.close()


class LineStream:
    """Stream of one request. It reads, handles and answers lines at the same time, in order."""

    def __init__(self, request: web.Request, take: PublishLines, *, line_bytes_max: int) -> None:
        self._request = request
        self._take = take
        self._unpacker = unpacker_of(request)
        self._splitter = Splitter(line_bytes_max)
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_WAITING_MAX)
        self._unread = Unread()
        self._reading = asyncio.timeout(None)
        self._stopped = False
        self._all_read = False

    def stop(self) -> None:
        """Stop reading. Complete lines are handled and answered."""
        self._stopped = True
        with suppress(RuntimeError):  # it has not begun to read, or is done
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def run(self, response: web.StreamResponse) -> None:
        """Write the whole answer. Raises what `take` raises, in a group."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read())
                tasks.create_task(self._handle())
                tasks.create_task(self._send(response))
        finally:
            self._unread.close()

    async def _read(self) -> None:
        whole = False
        self._request.content.set_read_chunk_size(READ_BYTES)
        with suppress(TimeoutError):
            async with self._reading:
                while not self._stopped and (chunk := await self._request.content.readany()):
                    for piece in self._unpacker.unpack(chunk):
                        await self._chunks.put(piece)
                whole = not self._stopped
        if whole:
            self._unpacker.check_end()
        self._all_read = True
        if whole:
            await self._chunks.put(b"\n")  # the last line may have no end
        await self._chunks.put(b"")

    async def _handle(self) -> None:
        lines: list[LineBytes] = []
        is_whole = False
        while lines or not is_whole:
            while not is_whole and (not lines or self._may_add_to(lines)):
                chunk = await self._chunks.get()
                is_whole = not chunk
                lines += self._splitter.feed(chunk)
            if lines:
                await self._unread.put(await self._take(lines[:LINES_MAX]))
                del lines[:LINES_MAX]
        self._unread.end()

    def _may_add_to(self, lines: Sequence[LineBytes]) -> bool:
        """Return whether a chunk waits, and a batch of these lines has room for more."""
        return len(lines) < LINES_MAX and not self._chunks.empty()

    async def _send(self, response: web.StreamResponse) -> None:
        while data := await self._unread.get():
            # A client that is still sending may not have begun to read.
            stall_seconds_max = STALL_SECONDS_MAX if self._all_read else None
            await sse.send(response, data, stall_seconds_max=stall_seconds_max)
