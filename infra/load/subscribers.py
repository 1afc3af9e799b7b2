"""Measure what subscribers of a discussion cost those who publish comments in it.

    python infra/load/subscribers.py postgresql://…     # an empty database

Comments are published by turns in two discussions, one of which has many subscribers. Costs are
milliseconds of processor time a comment, of this process (which publishes and projects) and of its
PostgreSQL backends. Then the notices of one comment are added to the outbox, and the most memory
that this takes is measured. Last, comments of long ago are imported while the notifier follows,
for which nobody is mailed. The figures are printed as JSON.
"""

import argparse
import asyncio
import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.follower import OutboxFiller

SITE = "load"
ROUNDS = 15
COMMENTS_A_ROUND = 40
BATCH_EVENTS = 1_000
LONG_AGO = "2020-01-01T00:00:00Z"
Event = dict[str, Any]


def event(name: str, kind: str, resource: str, **data: Any) -> Event:
    place = {"site": SITE, "resource": resource}
    about = {"specversion": "1.0", "source": "urn:load", "id": name, "type": kind}
    return {**about, "data": {**place, **data}}


def comments(resource: str, name: str, count: int, **more: Any) -> list[Event]:
    made = []
    for number in range(count):
        key = f"{name}-{number}"
        author = {"id": f"author{number % 7}", "name": "Author"}
        one = event(key, "comment.posted", resource, comment=key, author=author, body="Yes.")
        made.append({**one, **more})
    return made


async def publish(app: App, events: list[Event]) -> None:
    for first in range(0, len(events), BATCH_EVENTS):
        outcomes = await app.publish(events[first : first + BATCH_EVENTS])
        assert {one.status for one in outcomes} == {"recorded"}
    await app.wait(await app.head(), 600)


class Processor:
    """Processor time of this process and of its PostgreSQL backends."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def seconds(self) -> float:
        rows = await self._connection.fetch(
            "select pid from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )
        return time.process_time() + sum(nanoseconds_of(row[0]) for row in rows) / 1e9


def nanoseconds_of(pid: int) -> int:
    """Return the processor time of a process's main thread; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except FileNotFoundError:
        return 0


async def compare(app: App, processor: Processor) -> dict[str, float]:
    """Publish by turns with and without subscribers; return the medians."""
    costs: dict[str, list[float]] = {"/with": [], "/without": []}
    for number in range(ROUNDS):
        for resource in sorted(costs, reverse=number % 2 == 1):
            events = comments(resource, f"{resource}{number}", COMMENTS_A_ROUND)
            before = await processor.seconds()
            await publish(app, events)
            spent = await processor.seconds() - before
            costs[resource].append(1_000 * spent / COMMENTS_A_ROUND)
    pairs = zip(costs["/with"], costs["/without"], strict=True)
    return {
        "ms_a_comment_with": median(costs["/with"]),
        "ms_a_comment_without": median(costs["/without"]),
        "median_ratio": median(one / other for one, other in pairs),
    }


async def fill(app: App, connection: asyncpg.Connection) -> dict[str, float]:
    """Add the notices of one comment; return how many, and the most memory in bytes."""
    filler = OutboxFiller(app, app.outbox)
    await filler.catch_up()
    await publish(app, comments("/with", "mailed", 1))
    tracemalloc.start()
    before = await connection.fetchval("select count(*) from rostra_outbox")
    await filler.catch_up()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    added = await connection.fetchval("select count(*) from rostra_outbox") - before
    return {"notices": added, "peak_bytes": peak}


def history(count: int) -> Iterator[list[Event]]:
    for first in range(0, count, BATCH_EVENTS):
        size = min(BATCH_EVENTS, count - first)
        yield comments("/with", f"old{first}", size, time=LONG_AGO)


async def imported(app: App, connection: asyncpg.Connection, count: int) -> dict[str, float]:
    """Import comments of long ago, and follow them.

    Return how many notices they give rise to, what following costs, and the memory of this process
    after a tenth of them and at its peak afterwards.
    """
    filler = OutboxFiller(app, app.outbox)
    before = await connection.fetchval("select count(*) from rostra_outbox")
    began, following, done, early = time.monotonic(), 0.0, 0, 0
    peak = 0
    for events in history(count):
        await publish(app, events)
        started = time.process_time()
        await filler.catch_up()
        following += time.process_time() - started
        done += len(events)
        if done * 10 <= count:
            early = _resident_bytes()
        peak = max(peak, _resident_bytes())
    added = await connection.fetchval("select count(*) from rostra_outbox") - before
    return {
        "imported": count,
        "seconds": round(time.monotonic() - began),
        "notices_of_imported": added,
        "us_each": 1e6 * following / count,
        "early_bytes": early,
        "peak_bytes_of_import": peak,
    }


def _resident_bytes() -> int:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def run(url: str, subscribers: int, imports: int) -> dict[str, float]:
    connection = await asyncpg.connect(url)
    try:
        async with rostra_adapters.open(url, master_key=bytes(range(32))) as app:
            opened = [event(one, "discussion.opened", one) for one in ("/with", "/without")]
            started = [
                event(
                    f"s{number}",
                    "subscription.started",
                    "/with",
                    person=f"p{number}",
                    to="comments",
                )
                for number in range(subscribers)
            ]
            filler = OutboxFiller(app, app.outbox)
            await filler.catch_up()
            await publish(app, opened + started)
            await publish(
                app,
                [
                    one
                    for name in ("/with", "/without")
                    for one in comments(name, f"first{name}", 50)
                ],
            )
            found = await compare(app, Processor(connection))
            await connection.execute(
                "delete from rostra_followers"
            )  # what was measured is not mailed
            found |= await fill(app, connection)
            return found | await imported(app, connection, imports)
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--imports", type=int, default=100_000)
    asked = parser.parse_args()
    found = asyncio.run(run(asked.url, asked.subscribers, asked.imports))
    print(json.dumps({"subscribers": asked.subscribers, **found}, indent=2))


if __name__ == "__main__":
    main()
