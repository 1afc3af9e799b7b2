"""Repeats requests that once stopped the service, against one on loopback, and prints a table.

    python infra/load/abuse.py                       # starts a service of its own
    python infra/load/abuse.py --url http://127.0.0.1:8080 --pid 1234 --secret S
    python infra/load/abuse.py --short               # a little of each

Of each request: its cost in plain requests (`GET /v1/rules`, processor time of the process), the
memory that is kept a moment after it, and how long others waited meanwhile, against a quiet run.
What needs a conversation is left out without the service's secret, with which one is written to
the site `abuse`. Counts and times are bounded, so it ends by itself. Exit code 1: a refused
request cost more than 20 plain ones, memory was kept, or connections outlived their time.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import uvloop

from rostra import ids
from rostra_adapters.http.auth.tokens import sign

SITE = "abuse"
SECRET = "a secret of this script, which is long enough"  # noqa: S105  # of a server that ends
RATIO_MAX = 20
KEPT_MIB_MAX = 16
ANSWER_SECONDS_MAX = 30.0
ATTACKERS = 4
WARM_TIMES = 3
OTHERS_PAUSE_SECONDS = 0.01
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Sizes(msgspec.Struct, frozen=True):
    """Numbers of requests and connections of a run."""

    plain: int = 2_000
    seconds: float = 2.0  # of each request, at most
    times: int = 100
    idle: int = 250
    settle_seconds: float = 30.0
    threads: int = 30  # of a hundred comments each
    comments: int = 12_000
    bombs: int = 50


SHORT = Sizes(
    plain=300, seconds=0.1, times=10, idle=30, settle_seconds=0.1, threads=3, comments=300, bombs=5
)


class Attack(msgspec.Struct, frozen=True):
    """A request, and the number of the group that it belongs to."""

    group: int
    name: str
    data: bytes


class Row(msgspec.Struct):
    """A line of the table."""

    group: int
    name: str
    status: int
    cost: float
    kept_mib: float
    wait: float


def request(method: str, path: str, *headers: str, body: bytes | None = None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if body is not None:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


PLAIN = request("GET", f"/v1/rules?site={SITE}&resource=/plain")


class Target:
    """A service, and the process that it is."""

    def __init__(self, host: str, port: int, pid: int | None, secret: str | None) -> None:
        self.host, self.port = host, port
        self.secret = secret
        self._pid = pid

    def processor_seconds(self) -> float:
        """Return the processor time of the process and its helpers so far.

        Without a process it is the clock's time.
        """
        if self._pid is None:
            return time.monotonic()
        return sum(map(_processor_seconds, _family(self._pid)))

    def memory_mib(self) -> float:
        """Return the resident memory of the process."""
        if self._pid is None:
            return 0.0
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * PAGE_BYTES / 2**20

    @property
    def knows_process(self) -> bool:
        """Return whether costs are processor time."""
        return self._pid is not None


def _family(pid: int) -> list[int]:
    """Return a process and those that it started, but no database."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += [
                    child for child in map(int, children.read_text().split()) if _is_ours(child)
                ]
    return found


def _is_ours(pid: int) -> bool:
    with suppress(OSError):
        return "postgres" not in Path(f"/proc/{pid}/comm").read_text()
    return False


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process, by the scheduler's clock."""
    total = 0
    for one in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            total += int(one.read_text().split()[0])
    return total / 1e9


class Client:
    """One connection at a time, opened again whenever it was closed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, data: bytes) -> int:
        """Return the status of the answer, 0 where there is none."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await self._ask(data)
        self.close()
        return 0

    async def _ask(self, data: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._target.host, self._target.port)
        reader, writer = self._streams
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        if found is not None:
            await reader.readexactly(int(found[1]))
        if found is None or b"\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


# -- the requests


def _filled(item: str, length: int) -> str:
    return item * (length // len(item))


def heads() -> Iterator[Attack]:
    """Yield what is said before a body."""
    rules = f"/v1/rules?site={SITE}&resource=/plain"
    yield Attack(1, "4,096 slashes", request("GET", "/" * 4_096))
    yield Attack(1, "120,000 slashes", request("GET", "/" * 120_000))
    yield Attack(1, "a request line of 1 MB, no end", b"GET /" + b"a" * 1_000_000)
    for length in (250, 8_000, 64_000):
        header = "Content-Type: application/json" + ";" * length
        yield Attack(1, f"Content-Type, {length:,} semicolons", request("GET", rules, header))
    big = b"".join(b"A%d: %b\r\n" % (n, b"b" * 1_000_000) for n in range(3))
    yield Attack(1, "headers of 1 MB, no end", b"GET / HTTP/1.1\r\nHost: x\r\n" + big)
    yield Attack(1, "120 headers of 500 B", request("GET", "/x", *_headers(120, 500)))
    for name in ("If-None-Match", "Cookie", "Accept", "Range", "Forwarded", "X-Forwarded-For"):
        header = f"{name}: " + _filled('"",', 8_000)
        yield Attack(1, f"{name} of 8 KiB", request("GET", "/x", header))
    bearer = "Authorization: Bearer " + "." * 16_000
    yield Attack(1, "Authorization of dots", request("GET", rules, bearer))
    yield Attack(1, "16,000 parameters", request("GET", rules + "&a" * 16_000))
    yield Attack(1, "200 times `site`", request("GET", rules + f"&site={SITE}" * 200))
    counts = f"/v1/counts?site={SITE}" + "&resource=%41%41" * 240
    yield Attack(1, "240 resources", request("GET", counts))


def _headers(many: int, length: int) -> list[str]:
    return [f"A{number}: {'b' * length}" for number in range(many)]


def bodies() -> Iterator[Attack]:
    """Yield bodies of those who need no token."""
    fields = "{" + ",".join(f'"{n}":1' for n in range(7_000)) + "}"
    many = "{" + ",".join(f'"{n}":1' for n in range(90_000)) + "}"
    deep = "[" * 30_000 + "]" * 30_000
    for name, text in {
        "7,000 unknown fields": fields,
        "90,000 unknown fields": many,
        "a field 7,000 times": "{" + _filled('"site":"a",', 64_000) + '"site":1}',
        "30,000 arrays in arrays": deep,
        "20,000 arrays": "[" + _filled("[],", 60_000) + "1]",
        "a number of 64,000 digits": '{"site":' + "1" * 64_000 + "}",
    }.items():
        yield Attack(1, name, request("POST", "/v1/guests", body=text.encode()))
    packed = zlib.compress(b" " * 10_000_000)
    bomb = request("POST", "/v1/guests", "Content-Encoding: deflate", body=packed)
    yield Attack(1, "10 MB of blanks, packed", bomb)
    in_chunks = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    chunked = request("POST", "/v1/guests", *in_chunks)
    yield Attack(1, "60,000 chunks of a byte", chunked + b"1\r\na\r\n" * 60_000 + b"0\r\n\r\n")
    long = request("POST", "/v1/events", body=b"a" * 1_000_000)
    yield Attack(1, "a body of 1 MB without a token", long)


MARKDOWN = {
    "![ 8,192 times": "![" * 8_192,
    "*[ 8,000 times": "*[" * 8_000,
    "_[ 8,000 times": "_[" * 8_000,
    "[ 16,000 times": "[" * 16_000,
    "> 16,000 times": ">" * 16_000,
    "` of growing length": "".join("`" * n + " " for n in range(1, 170)),
}


def reads(sizes: Sizes, secret: str) -> Iterator[Attack]:
    """Yield previews and reads of the conversation."""
    person = sign(secret, scope="comment", person="ann", site=SITE)
    bearer = f"Authorization: Bearer {person}"
    for name, text in MARKDOWN.items():
        body = msgspec.json.encode({"body": text})
        yield Attack(3, f"preview of {name}", request("POST", "/v1/preview", bearer, body=body))
    hard, deep, long = (ids.discussion_id(SITE, name) for name in ("/hard", "/deep", "/long"))
    pages = {
        "a page of such comments": (3, f"/v1/discussions/{hard}/page"),
        "a feed of such comments": (3, f"/v1/discussions/{hard}/feed.atom"),
        "the widest page": (4, f"/v1/discussions/{deep}/comments?limit=100&replies=100"),
        "live after=1": (5, f"/v1/discussions/{long}/live?after=1"),
    }
    for name, (group, path) in pages.items():
        yield Attack(group, name, request("GET", path))
    for back in range(4):
        path = f"/v1/discussions/{long}/comments?as_of={sizes.comments // 2 - back}"
        yield Attack(5, f"as_of, {back + 1}", request("GET", path))


def conversation(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """Yield the events that such reads need."""
    numbers = iter(range(10**9))

    def event(kind: str, **data: Any) -> dict[str, Any]:
        name = f"e{next(numbers)}"
        made = {"specversion": "1.0", "source": "urn:abuse", "id": name, "type": kind}
        return {**made, "data": {"site": SITE, **data}}

    def comment(resource: str, key: str, body: str, **more: str) -> dict[str, Any]:
        author = {"id": f"p{key}", "name": "Ann"}
        return event(
            "comment.posted", resource=resource, comment=key, author=author, body=body, **more
        )

    yield event("site.configured", settings={"guests": True})
    for resource in ("/plain", "/hard", "/deep", "/long"):
        yield event("discussion.opened", resource=resource)
    for number in range(sizes.bombs):
        yield comment("/hard", f"h{number}", list(MARKDOWN.values())[number % len(MARKDOWN)])
    for thread in range(sizes.threads):
        yield comment("/deep", f"d{thread}", "Well.")
        for number in range(100):
            below = f"d{thread}" if number < 10 else f"d{thread}-{number % 10}"
            yield comment("/deep", f"d{thread}-{number}", "Well.", parent=below)
    for number in range(sizes.comments):
        yield comment("/long", f"l{number}", "Well.")


# -- measuring


async def publish(target: Target, sizes: Sizes, secret: str) -> None:
    """Write the conversation."""
    token = sign(secret, scope="publish", person="abuse")
    events = list(conversation(sizes))
    client = Client(target)
    for start in range(0, len(events), 1_000):
        body = msgspec.json.encode(events[start : start + 1_000])
        head = [f"Authorization: Bearer {token}", f"Content-Length: {len(body)}"]
        head.append("Content-Type: application/cloudevents-batch+json")
        status = 503
        while status == 503:  # the service is busy
            status = await client.ask(request("POST", "/v1/events", *head) + body)
        if status != 200:
            raise SystemExit(f"publishing was answered {status}")
    wait = f"/v1/discussions?site={SITE}&resource=/long&wait=30&min_position={len(events)}"
    await client.ask(request("GET", wait))
    client.close()


async def cost(target: Target, data: bytes, times: int, seconds: float) -> tuple[float, int]:
    """Return the processor time of a request, and the status of its answer."""
    client = Client(target)
    status = await client.ask(data)
    began, until, done = target.processor_seconds(), time.monotonic() + seconds, 0
    while done < times and time.monotonic() < until:
        await client.ask(data)
        done += 1
    client.close()
    return (target.processor_seconds() - began) / max(done, 1), status


async def others_wait(target: Target, seconds: float, attack: bytes | None) -> float:
    """Return how long nine of ten plain requests wait at most, beside attackers or in quiet."""
    until = time.monotonic() + seconds
    waits: list[float] = []

    async def other() -> None:
        client = Client(target)
        while time.monotonic() < until or len(waits) < 10:
            began = time.perf_counter()
            await client.ask(PLAIN)
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(OTHERS_PAUSE_SECONDS)
        client.close()

    async def attacker(data: bytes) -> None:
        client = Client(target)
        while time.monotonic() < until:
            await client.ask(data)
        client.close()

    attackers = [] if attack is None else [attacker(attack) for _ in range(ATTACKERS)]
    await asyncio.gather(other(), *attackers)
    return quantiles(waits, n=10)[-1]


async def rows(target: Target, attacks: Sequence[Attack], sizes: Sizes) -> AsyncIterator[Row]:
    """Measure one request after the other."""
    plain, status = await cost(target, PLAIN, sizes.plain, 10.0)
    if status != 200:
        raise SystemExit(f"a plain request was answered {status}")
    quiet = await others_wait(target, sizes.seconds, None)
    print(f"a plain request takes {1e6 * plain:.0f} us; nine of ten wait {1e3 * quiet:.1f} ms\n")
    for attack in attacks:
        before = target.memory_mib()
        spent, status = await cost(target, attack.data, sizes.times, sizes.seconds)
        wait = await others_wait(target, sizes.seconds, attack.data)
        await asyncio.sleep(min(sizes.settle_seconds, 1.0))
        kept = target.memory_mib() - before
        yield Row(attack.group, attack.name, status, spent / plain, kept, wait / quiet)


async def outliving(target: Target, sizes: Sizes, patience_seconds: float) -> list[Row]:
    """Hold connections open in several ways, and count those that outlive their time."""
    ways = {
        "idle connections": b"",
        "headers without an end": b"GET / HTTP/1.1\r\nHost: x\r\nA: b",
        "bodies without an end": request("POST", "/v1/guests", body=b"").replace(
            b"Content-Length: 0", b"Content-Length: 1000"
        ),
    }
    before, began = target.memory_mib(), target.processor_seconds()
    held = {
        name: await asyncio.gather(*(_opened(target, data) for _ in range(sizes.idle // len(ways))))
        for name, data in ways.items()
    }
    wait = await others_wait(target, 1.0, None)
    await asyncio.sleep(patience_seconds)
    spent, kept = target.processor_seconds() - began, target.memory_mib() - before
    found = []
    for name, opened in held.items():
        left = sum([not await _ended(one[0]) for one in opened if one is not None])
        for one in opened:
            if one is not None:
                one[1].transport.abort()
        title = f"{len(opened)} {name}: left {left}"
        found.append(Row(2, title, 0 if left else 408, spent / sizes.idle, kept, wait))
    return found


async def _opened(
    target: Target, data: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        reader, writer = await asyncio.open_connection(target.host, target.port)
    except OSError:
        return None
    writer.write(data)
    return reader, writer


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await reader.read()
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def shown(row: Row) -> str:
    """Return a line of the table."""
    name = row.name[:48]
    return (
        f"{row.group}  {name:48} {row.status:>4} {row.cost:>9.1f} {row.kept_mib:>9.1f} "
        f"{row.wait:>7.1f}"
    )


async def measure(target: Target, sizes: Sizes, patience_seconds: float) -> bool:
    """Print the table. Return whether everything is within its bounds."""
    attacks = [*heads(), *bodies()]
    if target.secret is not None:
        await publish(target, sizes, target.secret)
        attacks += reads(sizes, target.secret)
    kind = "processor time" if target.knows_process else "time (no --pid)"
    # What is cached once is no leak, nor is what the allocator keeps of the first crowd.
    for attack in attacks:
        await cost(target, attack.data, WARM_TIMES, sizes.seconds)
        await others_wait(target, sizes.seconds, attack.data)
    await outliving(target, sizes, 0.0)
    fine, before = True, target.memory_mib()
    print(f"cost in plain requests, by {kind}; memory kept in MiB; wait as a ratio to quiet")
    print(f"\n{'':3}{'request':48} {'':4} {'cost':>9} {'kept':>9} {'wait':>7}")
    async for row in rows(target, attacks, sizes):
        print(shown(row), flush=True)
        refused = row.status >= 400 and row.status not in (429, 503)
        fine = fine and (not refused or row.cost <= RATIO_MAX)
    quiet = await others_wait(target, sizes.seconds, None)
    plain, _ = await cost(target, PLAIN, sizes.plain, 5.0)
    for row in await outliving(target, sizes, patience_seconds):
        row.cost, row.wait = row.cost / plain, row.wait / quiet
        print(shown(row), flush=True)
        fine = fine and row.status == 408
    await asyncio.sleep(sizes.settle_seconds)
    kept = target.memory_mib() - before
    print(f"\nkept of all {sizes.settle_seconds:g} s later: {kept:.1f} MiB")
    return fine and kept <= KEPT_MIB_MAX


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[Target]:
    """Run `rostra serve` in a data folder that goes with it."""
    with TemporaryDirectory(prefix="rostra-abuse-") as data:
        os.chmod(data, 0o755)  # noqa: PTH101, S103  # as root PostgreSQL runs as another user
        program = (sys.executable, "-m", "rostra_adapters.cli")
        process = await asyncio.create_subprocess_exec(
            *(*program, "serve", "--port", "0", "--data", data, "--person-rate", "off", *options),
            env=os.environ | {"ROSTRA_SECRET": SECRET},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            said = (await process.stdout.readline()).decode().strip()
            host, _, port = said.rpartition("http://")[2].rpartition(":")
            yield Target(host, int(port), process.pid, SECRET)
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


SHORT_LIMITS = (
    *("--head-seconds-max", "0.5", "--body-seconds-max", "0.5"),
    *("--idle-seconds-max", "1", "--connections-per-address-max", "200"),
)


async def run(given: argparse.Namespace) -> bool:
    """Measure the service that is named, or one of our own."""
    sizes = SHORT if given.short else Sizes()
    if given.url is None:
        async with served(*(SHORT_LIMITS if given.short else ())) as target:
            return await measure(target, sizes, 7.0 if given.short else 80.0)
    host, _, port = given.url.removeprefix("http://").rstrip("/").rpartition(":")
    if host.strip("[]") not in LOOPBACK:
        raise SystemExit("only a service on loopback is asked such things")
    target = Target(host.strip("[]"), int(port), given.pid, given.secret)
    return await measure(target, sizes, given.patience)


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="a service on loopback; by default one of its own")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--secret", help="its secret, for the conversation that is read")
    parser.add_argument("--short", action="store_true", help="a little of each")
    parser.add_argument("--patience", type=float, default=80.0, help="seconds for connections")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(run(given)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
