"""Show which processes two cores work for while votes are published over HTTP.

    python infra/bench/cores.py [FOLDER] [--votes N] [--rounds N] [LOAD…]

A whole service of the checkout in FOLDER takes the votes, by default of this one. Times are
microseconds of processor time a vote: of the client, of the service, and of each backend of
PostgreSQL by its statements. `busy` is the share of the time that the service has a core.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.versions import INFRA, environment

EVENTS = 60_000
"""Events that the log has at the beginning; one in seven is a comment."""
CONNECTIONS = 64
BATCH_VOTES = 1_000
FEW_COMMENTS = 10
LOADS = ("peer", "single", "batches", "few", "lines", "persons")
LOOK_SECONDS = 0.05
_STATEMENTS = "select pid, query from pg_stat_activity where datname = current_database()"
_KINDS = {
    # part of a statement | what its backend does
    "rostra_append": "append",
    "part_0": "project",
    "stored_events": "read the log",
}
_SERVER = "select pg_backend_pid()"
_FOLLOWED = """
select count(*) = $1 and min(position) >= (select max(notification_id) from stored_events)
from rostra_followers"""
FOLLOWERS = 2
"""Followers of the log with a checkpoint: one counts votes, and one carries out bans."""
FOLLOWED_SECONDS_MAX = 120.0


def spent() -> Counter[int]:
    """Return the nanoseconds of processor time of each process."""
    found: Counter[int] = Counter()
    for task in Path("/proc").glob("[0-9]*/task/[0-9]*/schedstat"):
        with suppress(OSError):  # it has ended
            found[int(task.parts[2])] += int(task.read_text().split()[0])
    return found


def parent(pid: int) -> int:
    """Return the process that has started another, 0 if that has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def title(pid: int) -> str:
    """Return how a process calls itself, empty if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    return ""


class Watched:
    """Statements of backends, and announcements of pages, while a load runs."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._kinds: dict[int, Counter[str]] = {}
        self.pages: set[str] = set()
        self.is_over = False

    def note(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.pages.add(str(payload).split()[0])

    async def watch(self) -> None:
        while not self.is_over:
            for pid, query in await self._connection.fetch(_STATEMENTS):
                kind = next((said for part, said in _KINDS.items() if part in (query or "")), "")
                if kind:
                    self._kinds.setdefault(pid, Counter())[kind] += 1
            await asyncio.sleep(LOOK_SECONDS)

    def kind(self, pid: int) -> str:
        """Return what a process of PostgreSQL does."""
        if pid in self._kinds:
            return self._kinds[pid].most_common(1)[0][0]
        return title(pid).partition("postgres: ")[2].partition("bench")[0][:24] or "server"


async def compare(arguments: argparse.Namespace, server_url: str) -> None:
    """Publish each load, and print its costs."""
    from bench.databases import Databases
    from bench.generate import Load
    from bench.processes import peer, rostra
    from bench.votes import Ballots, targets
    from rostra_adapters.postgres.views.lineage import OURS

    databases = Databases(server_url)
    load = Load(events=EVENTS, discussions=200)
    async with databases.copy(load) as url, rostra(url) as ours, peer() as decoder:
        connection = await asyncpg.connect(url)
        ballots = Ballots(await targets(url), "cores")
        few = ballots.on_few(FEW_COMMENTS)
        await followed(connection)
        for name in arguments.loads or LOADS:
            to = decoder if name == "peer" else ours
            for _ in range(arguments.rounds):
                watched = Watched(connection)
                await connection.add_listener(OURS.channel, watched.note)
                taken = few if name == "few" else ballots
                await show(name, arguments.votes, to, taken, url, connection, watched)
                await connection.remove_listener(OURS.channel, watched.note)
        await connection.close()


async def followed(connection: asyncpg.Connection) -> None:
    """Wait until the service's followers have read the log, so that no load pays for that."""
    async with asyncio.timeout(FOLLOWED_SECONDS_MAX):
        while not await connection.fetchval(_FOLLOWED, FOLLOWERS):  # noqa: ASYNC110  # seldom
            await asyncio.sleep(LOOK_SECONDS)


async def show(
    name: str,
    votes: int,
    to: Any,
    ballots: Any,
    url: str,
    connection: asyncpg.Connection,
    watched: Watched,
) -> None:
    """Publish one load, and print a line."""
    from bench.http_load import drive
    from bench.rows.publish import caught_up

    requests, connections, expected = made(name, votes, ballots)
    backend = await connection.fetchval(_SERVER)
    server = parent(backend)
    service = to.peak.pid
    watching = asyncio.create_task(watched.watch())
    before, began = spent(), time.perf_counter()
    await drive(to.host, to.port, requests, connections=connections, expected=expected)
    seconds, between = time.perf_counter() - began, spent()
    await caught_up(url)
    after = spent()
    watched.is_over = True
    await watching
    costs: Counter[str] = Counter()
    for pid in after:
        if pid == os.getpid():
            costs["client"] += between[pid] - before[pid]
        elif pid == service:
            costs["service"] += after[pid] - before[pid]
        elif pid != backend and parent(pid) == server:
            costs[watched.kind(pid)] += after[pid] - before[pid]
    busy = (between[service] - before[service]) / 1e9 / seconds
    listed = "  ".join(
        f"{kind} {cost / 1e3 / votes:.1f}"
        for kind, cost in costs.most_common()
        if cost / 1e3 / votes >= 0.1
    )
    print(
        f"{name:8} {votes / seconds:8.0f}/s  busy {busy:.2f}  "
        f"all {sum(costs.values()) / 1e3 / votes:.0f}  {listed}  "
        f"{votes / max(len(watched.pages), 1):.0f} votes a page",
        flush=True,
    )


def made(name: str, votes: int, ballots: Any) -> tuple[Sequence[bytes], int, int]:
    """Return the requests of a load, its connections, and the status of answers."""
    import msgspec

    from bench.generate import SITE
    from bench.http_load import request
    from bench.processes import SECRET
    from bench.votes import cloudevent
    from rostra import ids
    from rostra_adapters.http.auth.tokens import sign

    token = sign(SECRET, scope="publish", person="bench")
    given = {"Authorization": f"Bearer {token}"}

    def post(path: str, body: bytes, kind: str, **headers: str) -> bytes:
        return request("POST", path, body, **{**given, "Content_Type": kind, **headers})

    if name in ("peer", "single"):
        path = "/decode" if name == "peer" else "/v1/events"
        bodies = [msgspec.json.encode(cloudevent(each)) for each in ballots.take(votes)]
        return [post(path, it, "application/cloudevents+json") for it in bodies], CONNECTIONS, 201
    if name == "persons":
        writers = [
            sign(SECRET, scope="comment", person=f"writer-{n}", name="A writer", site=SITE)
            for n in range(300)
        ]
        return (
            [
                post(
                    f"/v1/discussions/{ids.discussion_of(each.target.comment)}/comments",
                    b'{"body":"What I think, for the %dth time."}' % number,
                    "application/json",
                    Authorization=f"Bearer {writers[number % 300]}",
                    Idempotency_Key=each.name,
                )
                for number, each in enumerate(ballots.take(votes))
            ],
            CONNECTIONS,
            201,
        )
    if name == "lines":
        halves = [map(cloudevent, ballots.take(votes // 2)) for _ in range(2)]
        lines = [b"".join(msgspec.json.encode(it) + b"\n" for it in half) for half in halves]
        return [post("/v1/events", it, "application/x-ndjson") for it in lines], 2, 200
    batches = [
        msgspec.json.encode([cloudevent(each) for each in ballots.take(BATCH_VOTES)])
        for _ in range(votes // BATCH_VOTES)
    ]
    kind = "application/cloudevents-batch+json"
    return [post("/v1/events", it, kind) for it in batches], 2, 200


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=INFRA.parent)
    parser.add_argument("--votes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("loads", nargs="*", choices=[[], *LOADS], metavar="LOAD")
    arguments = parser.parse_args()
    paths = environment(arguments.folder.resolve())["PYTHONPATH"]
    sys.path[:0] = paths.split(os.pathsep)
    import uvloop

    from rostra_adapters.local_postgres import lease

    with TemporaryDirectory() as data:
        Path(data).chmod(0o755)
        server = lease.start(Path(data) / "server")
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(compare(arguments, server.url))
        finally:
            server.release()


if __name__ == "__main__":
    main()
