"""`rostra notify`, killed at random beside a mail server in a bad mood: nothing is lost.

With ROSTRA_TEST_LARGE set it is killed 50 times instead of 5.
"""

import asyncio
import os
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, NamedTuple

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

import rostra_adapters
from rostra import ids
from rostra_adapters.application.notify.follower import OutboxFiller
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.cli.mailing import SENDERS
from support.mails import BASE, read_mail
from support.running import PROGRAM
from support.service import MASTER_KEY, Event, event, opened, posted
from support.waiting import wait_until

pytestmark = [pytest.mark.process, pytest.mark.slow]

KILLS = 50 if "ROSTRA_TEST_LARGE" in os.environ else 5
PERSONS = [f"p{number}" for number in range(30)]
REFUSED = {"p3", "p17"}
"""Persons whose mails the server refuses for good."""
MOODS = ["accept", "accept", "accept", "delay", "drop", "stall"]
COMMENT = re.compile(r"\?comment=([0-9a-f-]{36})")
TIMEOUT_SECONDS = 0.5
COMMENTS_MAX = KILLS // 2 + 2
"""As many as keep the notifier busy until it is killed for the last time."""
DISCUSSION = ids.discussion_id("gazette", "/trams")


class Accepted(NamedTuple):
    """A mail that the server answered with 250, in one life of the notifier."""

    life: int
    person: str
    message_id: str
    comments: frozenset[str]


class MoodyServer:
    """An SMTP server that delays, stalls and drops connections at random."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.is_kind = False
        self.life = 0
        self.accepted: list[Accepted] = []
        self.seen = 0
        """Mails that came, whatever was answered."""

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        self.seen += 1
        mail = read_mail(envelope)
        person = str(mail["To"]).split("@")[0]
        if person in REFUSED:
            return "550 no such user"
        mood = "accept" if self.is_kind else self._random.choice(MOODS)
        if mood == "delay":
            return "451 try later"
        if mood == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 OK"
        if mood == "stall":
            await asyncio.sleep(3 * TIMEOUT_SECONDS)
            return "451 try later"
        plain = mail.get_body(("plain",))
        assert plain is not None
        comments = frozenset(COMMENT.findall(plain.get_content()))
        self.accepted.append(Accepted(self.life, person, str(mail["Message-ID"]), comments))
        return "250 OK"


@asynccontextmanager
async def listening(server: MoodyServer) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: SMTP(server, loop=loop), "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


def by(person: str) -> dict[str, str]:
    return {"id": person, "name": person.title()}


async def publish(database_url: str, events: list[Event]) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}
        await app.wait(await app.head(), 60)


async def subscribed(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        key = await app.outbox.link_key()
        events = [opened()]
        for person in PERSONS:
            address = f"{person}@example.org"
            stream = ids.person_id("gazette", person)
            await app.outbox.confirm(stream, address_hash(stream, address, key))
            configured = event("person.configured")
            configured["data"] = {"site": "gazette", "person": person, "email": address}
            started = event("subscription.started", person=person, to="comments")
            events += [configured, started]
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}
        await OutboxFiller(app, app.outbox).catch_up()  # what comes from now on is mailed


class Outbox:
    """A look into the outbox of a database, for which time passes quickly."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def end_claims(self) -> None:
        """End the claims of a notifier that was killed."""
        await self._connection.execute("update rostra_outbox set claimed_until = null")

    async def is_empty(self) -> bool:
        """Return whether nothing waits. What waits for another attempt is due at once."""
        fetch = self._connection.fetchval
        await fetch(
            "update rostra_outbox set due_at = clock_timestamp()"
            " where state = 'waiting' and due_at > clock_timestamp()"
        )
        head = await fetch("select max(notification_id) from stored_events")
        filled = await fetch("select position from rostra_followers where name = 'notify'")
        waiting = await fetch("select count(*) from rostra_outbox where state = 'waiting'")
        return bool(filled == head and not waiting)


async def live(server: MoodyServer, outbox: Outbox, random: Random, environment: Any) -> None:
    """Run the notifier until some mails have come, or all, and kill it."""
    await outbox.end_claims()
    target = server.seen + random.randrange(1, 25)
    process = await asyncio.create_subprocess_exec(PROGRAM, "notify", env=environment)

    async def is_over() -> bool:
        return await outbox.is_empty() or (not server.is_kind and server.seen >= target)

    try:
        await wait_until(is_over)
        await asyncio.sleep(random.random() / 50)  # so that it dies anywhere in its work
    finally:
        process.kill()
        await process.wait()


async def test_everything_arrives_and_nothing_twice_but_for_the_kill(database_url: str) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    random = Random(seed)
    server = MoodyServer(random)
    await subscribed(database_url)
    connection = await asyncpg.connect(database_url)
    keys: list[str] = []
    environment = {name: it for name, it in os.environ.items() if not name.startswith("ROSTRA_")}
    environment |= {
        "ROSTRA_DATABASE_URL": database_url,
        "ROSTRA_MASTER_KEY": MASTER_KEY.hex(),
        "ROSTRA_MAIL_FROM": "News <news@example.org>",
        "ROSTRA_MAIL_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "ROSTRA_BASE_URL": BASE,
    }
    try:
        async with listening(server) as port:
            environment["ROSTRA_MAIL_URL"] = f"smtp://127.0.0.1:{port}"
            for life in range(KILLS + 1):
                server.life, server.is_kind = life, life == KILLS
                if life % 2 == 0 and len(keys) < COMMENTS_MAX:
                    keys.append(f"c{life}")
                    await publish(database_url, [posted(keys[-1], author=by("bob"))])
                await live(server, Outbox(connection), random, environment)
    finally:
        await connection.close()
    comments = {str(ids.comment_id(DISCUSSION, key)) for key in keys}
    _check(server.accepted, comments, f"seed {seed}")


def _check(accepted: list[Accepted], comments: set[str], seed: str) -> None:
    arrived: defaultdict[tuple[str, str], list[Accepted]] = defaultdict(list)
    for mail in accepted:
        for comment in mail.comments:
            arrived[mail.person, comment].append(mail)
    mailed = set(PERSONS) - REFUSED
    assert arrived.keys() == {(person, one) for person in mailed for one in comments}, seed
    unnoted: defaultdict[int, set[str]] = defaultdict(set)
    for mails in arrived.values():
        assert len({mail.message_id for mail in mails}) == 1, seed
        assert len({mail.life for mail in mails}) == len(mails), seed
        for mail in mails[:-1]:  # it was killed before it could note that this one was sent
            unnoted[mail.life].add(mail.message_id)
    assert all(len(mails) <= SENDERS for mails in unnoted.values()), seed
