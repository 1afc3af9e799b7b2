"""`rostra serve`, killed at random beside a receiver in a bad mood: all arrives, and in order.

With ROSTRA_TEST_LARGE set it is killed 50 times instead of 5.
"""

import asyncio
import os
from itertools import groupby
from random import Random
from typing import Any, NamedTuple

import asyncpg
import pytest
from aiohttp import web

import rostra_adapters
from rostra_adapters.application.webhooks.registry import add_webhook
from support.receivers import LOOPBACK, Received, serving_handler
from support.running import PROGRAM
from support.service import MASTER_KEY, Event, opened, posted
from support.waiting import wait_until

pytestmark = [pytest.mark.process, pytest.mark.slow]

KILLS = 50 if "ROSTRA_TEST_LARGE" in os.environ else 5
MOODS = ["accept", "accept", "accept", "accept", "refuse", "drop", "lose"]
RESOURCES = [f"/{letter}" for letter in "abcdef"]
ROUNDS_MAX = 8
COMMENTS_A_ROUND = 20


class Accepted(NamedTuple):
    """An event that the receiver took, in one life of the service."""

    life: int
    resource: str
    name: str
    webhook_id: str


class MoodyReceiver:
    """It refuses events, drops connections, and loses answers at random."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.is_kind = False
        self.life = 0
        self.seen = 0
        self.accepted: list[Accepted] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.seen += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers, await request.read())
        mood = "accept" if self.is_kind else self._random.choice(MOODS)
        if mood == "refuse":
            return web.Response(status=503)
        if mood in ("accept", "lose"):
            resource = received.data["resource"]
            self.accepted.append(Accepted(self.life, resource, received.name, received.id))
        if mood in ("drop", "lose"):
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=204)


async def publish(database_url: str, events: list[Event]) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}


async def is_empty(connection: asyncpg.Connection) -> bool:
    """Return whether nothing waits. What waits for another attempt is due at once."""
    await connection.execute("update rostra_webhook_lanes set due_at = now() where due_at > now()")
    head = await connection.fetchval("select max(notification_id) from stored_events")
    filled = await connection.fetchval(
        "select position from rostra_followers where name = 'webhooks'"
    )
    waiting = await connection.fetchval("select count(*) from rostra_webhook_queue")
    return bool(filled == head and not waiting)


async def live(
    receiver: MoodyReceiver, connection: asyncpg.Connection, random: Random, environment: Any
) -> None:
    """Run the service until some events have come, or all, and kill it."""
    target = receiver.seen + random.randrange(1, 40)
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "serve",
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def is_over() -> bool:
        return await is_empty(connection) or (not receiver.is_kind and receiver.seen >= target)

    try:
        await wait_until(is_over)
        await asyncio.sleep(random.random() / 50)  # so that it dies anywhere in its work
    finally:
        process.kill()
        await process.wait()
    await connection.execute("update rostra_webhook_lanes set claimed_until = now()")


async def test_each_event_arrives_in_order(database_url: str, tmp_path: Any) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    random = Random(seed)
    receiver = MoodyReceiver(random)
    environment = {name: it for name, it in os.environ.items() if not name.startswith("ROSTRA_")}
    environment |= {
        "ROSTRA_DATABASE_URL": database_url,
        "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
        "ROSTRA_SECRET": "a secret that is long enough for this test",
        "ROSTRA_PORT": "0",
        "ROSTRA_DATA": str(tmp_path),
    }
    published: list[tuple[str, str]] = []
    async with serving_handler(receiver.handle) as url:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            await app.publish([opened(resource=resource) for resource in RESOURCES])
            await add_webhook(app, site="gazette", url=url, networks=LOOPBACK)
        connection = await asyncpg.connect(database_url)
        try:
            for life in range(KILLS + 1):
                receiver.life, receiver.is_kind = life, life == KILLS
                if life < ROUNDS_MAX:
                    names = [f"{life}-{number}" for number in range(COMMENTS_A_ROUND)]
                    placed = [(random.choice(RESOURCES), name) for name in names]
                    published += placed
                    comments = [posted(name, name=name, resource=at) for at, name in placed]
                    await publish(database_url, comments)
                await live(receiver, connection, random, environment)
        finally:
            await connection.close()
    _check(receiver.accepted, published, f"seed {seed}")


def _check(accepted: list[Accepted], published: list[tuple[str, str]], seed: str) -> None:
    for resource in RESOURCES:
        mine = [one.name for one in accepted if one.resource == resource]
        # Only the latest event may come again: before the next one goes out it is recorded.
        assert [name for name, _ in groupby(mine)] == [
            name for at, name in published if at == resource
        ], seed
    ids = {one.name: one.webhook_id for one in accepted}
    assert all(ids[one.name] == one.webhook_id for one in accepted), seed
    assert len(set(ids.values())) == len(ids) == len(published), seed
