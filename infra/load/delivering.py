"""Measure what the notifier and webhooks cost those who publish.

    python infra/load/delivering.py postgresql://…     # an empty database

This process publishes comments and votes one by one, and projects them, by turns: beside
`rostra notify`, with webhooks and with many subscribers of one discussion; beside a process that
knows nothing of Rostra and keeps a core busy; and alone. Costs are microseconds of processor time a
comment and a vote: of this process and of its PostgreSQL backends. The figures are printed as JSON,
with the notices and deliveries that were made meanwhile.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import asyncpg
from aiohttp import web
from aiosmtpd.smtp import SMTP

sys.path.insert(0, str(Path(__file__).parents[1]))

import rostra_adapters
from bench.rounds import several
from load.subscribers import SITE, Event, comments, event, nanoseconds_of, publish
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.webhooks.registry import add_webhook

PUBLISHER = "delivering-publisher"
"""`application_name` of the sessions of this process."""
MASTER_KEY = bytes(range(32))
PROGRAM = Path(sys.executable).parent / "rostra"
ROUNDS = 10
SUBSCRIBED_A_TURN = 2
"""Comments a turn in the discussion with subscribers."""
COMMENTS_A_TURN = 150
VOTES_A_TURN = 500
MAILED = 100
"""Subscribers with a confirmed address."""
READY_SECONDS_MAX = 60.0
BUSY = "while True: sum(range(100_000))"


class Costs(NamedTuple):
    """Microseconds of processor time."""

    comment: float
    vote: float


async def receive() -> None:
    """Accept mails and deliveries until standard input ends. Print where."""
    loop = asyncio.get_running_loop()

    async def accept(_: web.Request) -> web.Response:
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(accept))  # type: ignore[arg-type]  # any web.BaseRequest
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = await loop.create_server(lambda: SMTP(_Sink(), loop=loop), "127.0.0.1", 0)
    print(runner.addresses[0][1], server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    await runner.cleanup()


class _Sink:
    async def handle_DATA(self, *_: object) -> str:  # noqa: N802  # aiosmtpd's name
        return "250 OK"


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[int, int]]:
    """Run the receivers in a process of their own. Yield the ports for deliveries and for mails."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--receive", "-", stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        hooks, smtp = (await process.stdout.readline()).split()
        yield int(hooks), int(smtp)
    finally:
        process.stdin.close()
        await process.wait()


class Neighbour:
    """A process that works while the block runs, and only in its turns."""

    def __init__(self, *command: object, **environment: str) -> None:
        self._command = [str(part) for part in command]
        self._environment = os.environ | environment
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Neighbour":
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdout=asyncio.subprocess.DEVNULL
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        await self._process.wait()

    def stop(self) -> None:
        """Stop until the next turn."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    async def beside(self, turn: Callable[[], Awaitable[Costs]]) -> Costs:
        """Take a turn while this process works."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        try:
            return await turn()
        finally:
            self.stop()


def notifier(url: str, smtp: int) -> Neighbour:
    """Return `rostra notify`, which mails to a port and sends to webhooks."""
    return Neighbour(
        PROGRAM,
        "notify",
        ROSTRA_DATABASE_URL=url,
        ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        ROSTRA_MAIL_URL=f"smtp://127.0.0.1:{smtp}",
        ROSTRA_MAIL_FROM="News <news@example.org>",
        ROSTRA_BASE_URL="https://news.example",
    )


class Publisher:
    """Publishes one by one, and measures the processor time of this process and its backends."""

    def __init__(self, app: App, connection: asyncpg.Connection) -> None:
        self._app = app
        self._connection = connection
        self._turns = 0

    async def turn(self) -> Costs:
        """Return the microseconds a comment and a vote, until the views have read them."""
        self._turns += 1
        name = f"turn{self._turns}"
        wrote = comments("/with", f"{name}s", SUBSCRIBED_A_TURN)
        wrote += comments("/without", name, COMMENTS_A_TURN)
        votes = [
            event(
                f"{name}v{number}",
                "vote.cast",
                "/without",
                comment=f"first-{number % 50}",
                voter=f"voter{number}-{self._turns % 7}",
                value=1,
            )
            for number in range(VOTES_A_TURN)
        ]
        return Costs(await self._cost(wrote), await self._cost(votes))

    async def _cost(self, events: list[Event]) -> float:
        before = await self._spent()
        for one in events:
            await self._app.publish([one])
        await self._app.wait(await self._app.head(), 60)
        return (await self._spent() - before) / 1e3 / len(events)

    async def _spent(self) -> float:
        """Return nanoseconds of processor time."""
        rows = await self._connection.fetch(
            "select pid from pg_stat_activity where application_name = $1", PUBLISHER
        )
        return time.process_time_ns() + sum(nanoseconds_of(row[0]) for row in rows)


async def prepare(app: App, subscribers: int, webhooks: int, hooks: int) -> None:
    """Open the discussions, subscribe to one of them, and add the webhooks."""
    await publish(app, [event(one, "discussion.opened", one) for one in ("/with", "/without")])
    await publish(app, comments("/without", "first", 50))
    key = await app.outbox.link_key()
    settings: list[Event] = []
    for number in range(min(MAILED, subscribers)):
        person, address = f"p{number}", f"p{number}@example.org"
        stream = ids.person_id(SITE, person)
        await app.outbox.confirm(stream, address_hash(stream, address, key))
        one = event(f"settings{number}", "person.configured", "", person=person, email=address)
        del one["data"]["resource"]
        settings.append(one)
    started = [
        event(f"s{number}", "subscription.started", "/with", person=f"p{number}", to="comments")
        for number in range(subscribers)
    ]
    await publish(app, settings + started)
    for number in range(webhooks):
        address = f"http://127.0.0.1:{hooks}/{number}"
        networks, types = ("127.0.0.0/8",), ("comment.posted",)
        await add_webhook(app, site=SITE, url=address, networks=networks, types=types)


async def compare(url: str, subscribers: int, webhooks: int) -> dict[str, float]:
    """Publish by turns beside a notifier that runs and one that is stopped."""
    connection = await asyncpg.connect(url)
    mark = "&" if "?" in url else "?"
    named = f"{url}{mark}application_name={PUBLISHER}"
    try:
        async with (
            receiving() as (hooks, smtp),
            rostra_adapters.open(named, master_key=MASTER_KEY) as app,
        ):
            await prepare(app, subscribers, webhooks, hooks)
            publisher = Publisher(app, connection)
            await publisher.turn()  # plans and caches are made
            busy = Neighbour(sys.executable, "-c", BUSY)
            async with notifier(url, smtp) as notifying, busy:
                await _ready(connection, webhooks)
                notifying.stop()
                busy.stop()
                with_notifier, with_busy, alone = await several(
                    ROUNDS,
                    partial(notifying.beside, publisher.turn),
                    partial(busy.beside, publisher.turn),
                    publisher.turn,
                )
        found = _figures("notifier", with_notifier, alone) | _figures("busy", with_busy, alone)
        return found | await _made(connection)
    finally:
        await connection.close()


async def _ready(connection: asyncpg.Connection, webhooks: int) -> None:
    """Wait until the notifier follows the log."""
    followers = 2 if webhooks else 1
    async with asyncio.timeout(READY_SECONDS_MAX):
        while await connection.fetchval("select count(*) from rostra_followers") < followers:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def _figures(name: str, beside: list[Costs], alone: list[Costs]) -> dict[str, float]:
    """Return medians of the costs beside a neighbour and alone, and of the ratios of pairs."""
    found: dict[str, float] = {}
    for unit in Costs._fields:
        with_ = [getattr(one, unit) for one in beside]
        without = [getattr(one, unit) for one in alone]
        found[f"us_a_{unit}_with_{name}"] = median(with_)
        found[f"us_a_{unit}_alone"] = median(without)
        pairs = zip(with_, without, strict=True)
        found[f"{unit}_ratio_{name}"] = median(one / other for one, other in pairs)
    return found


async def _made(connection: asyncpg.Connection) -> dict[str, float]:
    """Count notices, mails and deliveries."""
    statements = {
        "notices": "select count(*) from rostra_outbox",
        "mails": "select coalesce(sum(count), 0)::int from rostra_mail_totals where name = 'sent'",
        "deliveries": "select coalesce(sum(delivered), 0)::int from rostra_webhooks",
    }
    return {name: await connection.fetchval(count) for name, count in statements.items()}


def main() -> None:
    if sys.argv[1:2] == ["--receive"]:
        asyncio.run(receive())
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--webhooks", type=int, default=10)
    asked = parser.parse_args()
    found = asyncio.run(compare(asked.url, asked.subscribers, asked.webhooks))
    sizes = {"subscribers": asked.subscribers, "webhooks": asked.webhooks}
    print(json.dumps({**sizes, **found}, indent=2))


if __name__ == "__main__":
    main()
