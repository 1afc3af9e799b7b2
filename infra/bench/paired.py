"""Publish the same votes to two versions of the code by turns, and compare their cost.

    python infra/bench/paired.py BEFORE [AFTER]

names two folders that hold a checkout. Each version serves from a process of its own, on a database
of its own, and does not project. Costs are processor time of the thread that serves, and calls of
Python and C functions that `sys.setprofile` counts there, a vote.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

# A version's process imports nothing of `bench` that imports Rostra.
from bench.rounds import several
from bench.versions import environment, main, report

ROUNDS = 5
DISCUSSIONS = 40
COMMENTS = 1_000
FEW_COMMENTS = 10
BATCH_VOTES = 1_000
SINGLE_VOTES = 512
CONNECTIONS = 32
BATCHES_AT_ONCE = 2
"""Batches that are sent at once: two are never refused as busy, however slow the machine is."""
SECRET = "a secret of the benches, which is long enough"  # noqa: S105  # of a server that ends
SITE = "news"
MODES = ("batches", "batches, few comments", "lines", "single")

_Event = dict[str, Any]


# -- the load


def setting() -> list[_Event]:
    """Return the discussions and comments that are voted on."""
    opened = [_event("discussion.opened", f"d{n}", resource=f"/{n}") for n in range(DISCUSSIONS)]
    return [*opened, *(_posted(number) for number in range(COMMENTS))]


def _posted(number: int) -> _Event:
    author = {"id": f"a{number}", "name": "A"}
    return _event(
        "comment.posted",
        f"c{number}",
        resource=f"/{number % DISCUSSIONS}",
        comment=f"c{number}",
        author=author,
        body="Words.",
    )


def votes(numbers: Iterator[int], many: int, comments: int) -> list[_Event]:
    """Return votes that nobody has cast yet."""
    return [
        _event(
            "vote.cast",
            f"v{number}",
            resource=f"/{number % comments % DISCUSSIONS}",
            comment=f"c{number % comments}",
            voter=f"voter-{number // comments}-{comments}",
            value=1 if number % 5 else -1,
        )
        for number in (next(numbers) for _ in range(many))
    ]


def _event(kind: str, name: str, **data: Any) -> _Event:
    return {
        "specversion": "1.0",
        "type": kind,
        "source": "https://cms.example/",
        "id": name,
        "time": "2026-01-01T00:00:00.000000Z",
        "data": {"site": SITE, **data},
    }


# -- one version


class Version:
    """A process that serves one version of the code."""

    def __init__(self, folder: Path, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", url],
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, mode: str, *, calls: bool) -> float:
        """Publish some votes; return microseconds, or calls, a vote."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([mode, calls]) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


async def serve(url: str) -> None:
    """Serve one version, and do what standard input asks for."""
    import rostra_adapters
    from rostra_adapters.http import HttpSettings, make_app
    from rostra_adapters.http.auth.tokens import sign
    from rostra_adapters.http.connections import ConnectionRunner

    async with rostra_adapters.open(url, master_key=bytes(range(32)), project=False) as app:
        application = make_app(app, HttpSettings(secret=SECRET), write=lambda _: None)
        runner = ConnectionRunner(application)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        from aiohttp import web

        await web.SockSite(runner, listening).start()
        token = sign(SECRET, scope="publish admin", site="*", person="cms")
        port = listening.getsockname()[1]
        await asyncio.to_thread(_obey, asyncio.get_running_loop(), port, token)
        await runner.cleanup()


def _obey(loop: asyncio.AbstractEventLoop, port: int, token: str) -> None:
    client = Client(port, token)
    client.exchange([client.batch(setting())])
    many, few, alone, lines = count(), count(), count(10_000_000), count(20_000_000)
    prepare: dict[str, Callable[[], list[bytes]]] = {
        "batches": lambda: [client.batch(votes(many, BATCH_VOTES, COMMENTS)) for _ in range(4)],
        "batches, few comments": lambda: [
            client.batch(votes(few, BATCH_VOTES, FEW_COMMENTS)) for _ in range(4)
        ],
        "lines": lambda: [client.lines(votes(lines, 4 * BATCH_VOTES, COMMENTS))],
        "single": lambda: [client.single(vote) for vote in votes(alone, SINGLE_VOTES, COMMENTS)],
    }
    sizes, before = {"single": SINGLE_VOTES}, ""
    for line in sys.stdin:
        mode, calls = json.loads(line)
        if mode != before:  # connections that were idle for long are closed
            client, before = Client(port, token), mode
        requests = prepare[mode]()
        counted = Counted(loop) if calls else Timed()
        at_once = CONNECTIONS if mode == "single" else BATCHES_AT_ONCE
        for start in range(0, len(requests), at_once):
            client.exchange(requests[start : start + at_once])
        print(counted.end() / sizes.get(mode, 4 * BATCH_VOTES), flush=True)


class Timed:
    """Processor time of the main thread, in microseconds."""

    def __init__(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        self._began = time.clock_gettime(self._clock)

    def end(self) -> float:
        return 1e6 * (time.clock_gettime(self._clock) - self._began)


class Counted:
    """Calls of functions in the main thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls = 0
        self._set(self._count)

    def _count(self, _frame: object, event: str, _about: object) -> None:
        self._calls += event in ("call", "c_call")

    def _set(self, function: Callable[..., None] | None) -> None:
        done = threading.Event()

        def change() -> None:
            sys.setprofile(function)
            done.set()

        self._loop.call_soon_threadsafe(change)
        done.wait()

    def end(self) -> float:
        self._set(None)
        return self._calls


class Client:
    """Client with several connections, whose requests run at once; answers come in order."""

    def __init__(self, port: int, token: str) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self._token = token

    def batch(self, events: Sequence[_Event]) -> bytes:
        return self._request("application/cloudevents-batch+json", json.dumps(events).encode())

    def single(self, event: _Event) -> bytes:
        return self._request("application/cloudevents+json", json.dumps(event).encode())

    def lines(self, events: Sequence[_Event]) -> bytes:
        body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        return self._request("application/x-ndjson", body)

    def _request(self, media_type: str, body: bytes) -> bytes:
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def exchange(self, requests: Sequence[bytes]) -> None:
        """Send each on a connection of its own; every event must be recorded."""
        for one, request in zip(self._sockets, requests, strict=False):
            one.sendall(request)
        for one, request in zip(self._sockets, requests, strict=False):
            answer = self._answer(one)
            if answer.count(b'"recorded"') != request.count(b'"specversion"'):
                raise RuntimeError(f"not all recorded: {answer[:2000]!r}")

    def _answer(self, one: socket.socket) -> bytes:
        taken = bytearray()
        while True:
            taken += (piece := one.recv(1 << 20))
            if not piece:
                raise RuntimeError(f"cut off: {bytes(taken[:500])!r}")
            head, ended, body = bytes(taken).partition(b"\r\n\r\n")
            if not ended:
                continue
            if b"chunked" in head.lower():
                if body.endswith(b"0\r\n\r\n"):
                    return _whole(body)
                continue
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(body) >= length:
                return body


def _whole(chunks: bytes) -> bytes:
    """Return what a body in chunks holds."""
    parts = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        chunks = rest[length + 2 :]
    return b"".join(parts)


async def compare(folders: Sequence[Path], url: str) -> None:
    """Publish to each version by turns, and print the costs."""
    from bench.databases import Databases

    databases = Databases(url)
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(databases.empty()) for _ in folders]
        versions = [
            stack.enter_context(closing(Version(*each))) for each in zip(folders, urls, strict=True)
        ]
        for mode in MODES:
            for unit, rounds in (("calls", 2), ("microseconds", ROUNDS)):
                measures = [
                    partial(asyncio.to_thread, version.ask, mode, calls=unit == "calls")
                    for version in versions
                ]
                report(mode, unit, await several(rounds, *measures))


if __name__ == "__main__":
    main(serve, compare)
