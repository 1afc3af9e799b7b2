"""A mail server of the tests, and a service that mails to it."""

import asyncio
import email
import email.policy
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from rostra import ids
from rostra_adapters.application.notify.composing import MailOrigin
from rostra_adapters.application.notify.follower import OutboxFiller
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.notify.outbox import MemoryOutbox, Outbox
from rostra_adapters.application.notify.sender import MailSettings, Sender
from rostra_adapters.http import HttpSettings
from rostra_adapters.mail.smtp import SmtpTransport, server_of
from rostra_adapters.postgres.outbox import PostgresOutbox
from support.service import SECRET, Service, token

JSON = {"Content-Type": "application/json"}
MAILING = HttpSettings(secret=SECRET, mails=True)
BASE = "https://news.example/comments"


class Inbox:
    """An SMTP server that keeps what it accepts, and answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.contents: list[bytes] = []
        """The same mails as they came."""
        self.answers: list[str] = []
        """Answers to the next mails; 250 once they are used up.

        `drop` aborts the connection. `stall 250` answers 250 once `resumed` is set.
        """
        self.stalled = asyncio.Event()
        """Set when a mail has come whose answer stalls."""
        self.resumed = asyncio.Event()

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("stall "):
            self.stalled.set()
            await self.resumed.wait()
            answer = answer.removeprefix("stall ")
        if answer == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 OK"
        if answer.startswith("2"):
            self.mails.append(read_mail(envelope))
            assert isinstance(envelope.content, bytes)
            self.contents.append(envelope.content)
        return answer


def read_mail(envelope: Envelope) -> EmailMessage:
    """Return the mail of an envelope."""
    content = envelope.content
    assert isinstance(content, bytes)
    found = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(found, EmailMessage)
    return found


@asynccontextmanager
async def smtp_server() -> AsyncIterator[tuple[Inbox, str]]:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(inbox, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    try:
        yield inbox, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Notified:
    """A service, its notifier, and the mail server that it sends to."""

    def __init__(self, service: Service, inbox: Inbox, url: str) -> None:
        self.service = service
        self.inbox = inbox
        self.now = datetime.now(UTC)
        self.filler = OutboxFiller(service.app, service.app.outbox)
        settings = MailSettings(origin=MailOrigin("News <news@example.org>"), base_url=BASE)
        transport = SmtpTransport(server_of(url), timeout_seconds=10)
        self.sender = Sender(
            service.app, service.app.outbox, transport, settings, now=lambda: self.now
        )

    async def subscribe(self, person: str, **settings: Any) -> None:
        """Give a person an address that is confirmed, and settings."""
        address = f"{person}@example.org"
        stream, outbox = ids.person_id("gazette", person), self.service.app.outbox
        await outbox.confirm(stream, address_hash(stream, address, await outbox.link_key()))
        answer = await self.service.ask(
            "PATCH",
            "/v1/me",
            token=token("comment", site="gazette", person=person),
            headers=JSON,
            body=json.dumps({"email": address, **settings}).encode(),
        )
        assert answer.status == 200, answer.body

    async def mails(self) -> list[EmailMessage]:
        """Fill the outbox, send what is due, and return what came."""
        await self.filler.catch_up()
        while await self.sender.send_next():
            pass
        found, self.inbox.mails = self.inbox.mails, []
        return found


async def elapse(outbox: Outbox, time: timedelta) -> None:
    """Let time pass for all notices."""
    if isinstance(outbox, PostgresOutbox):
        columns = ("added_at", "due_at", "tried_since", "claimed_until")
        moved = ", ".join(f"{name} = {name} - $1::interval" for name in columns)
        await outbox._pool.execute(f"update rostra_outbox set {moved}", time)
        return
    assert isinstance(outbox, MemoryOutbox)
    for entry in outbox._entries.values():
        entry.added_at, entry.due_at = entry.added_at - time, entry.due_at - time
        if entry.tried_since is not None:
            entry.tried_since -= time


def by(person: str) -> dict[str, str]:
    return {"id": person, "name": person.title()}


def about(mails: list[EmailMessage]) -> list[tuple[str, str]]:
    return sorted((str(mail["To"]), str(mail["Subject"])) for mail in mails)


def link_in(mail: EmailMessage) -> str:
    """Return the path of the first link into the service."""
    plain = mail.get_body(("plain",))
    assert plain is not None
    found = re.search(rf"{BASE}(/mail/\S+)", plain.get_content())
    assert found is not None
    return found[1]
