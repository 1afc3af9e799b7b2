"""`rostra notify` mails what is due, shows what waits, and refuses settings that do not fit."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from click.testing import CliRunner, Result

import rostra_adapters
from rostra import ids
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.cli import main
from support.ports import free_port
from support.service import MASTER_KEY, Event, event, opened, posted
from support.waiting import WAIT_SECONDS_MAX

ADDRESS = "ann@example.org"
SENDING = ["--mail-from", "News <news@example.org>", "--base-url", "https://news.example/c/"]


class Kept(Message):
    """Keeps the mails that it accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[bytes] = []

    def handle_message(self, message: object) -> None:
        self.mails.append(bytes(message))  # type: ignore[call-overload]


@pytest.fixture
def server() -> Iterator[tuple[Kept, str]]:
    kept, port = Kept(), free_port()
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield kept, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def notify(database_url: str, *arguments: str) -> Result:
    environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    return CliRunner().invoke(main, ["notify", *arguments], env=environment)


async def publish(database_url: str, *events: Event) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}
        await app.wait(await app.head(), 60)
    await confirm(database_url, "ann", ADDRESS)


async def confirm(database_url: str, person: str, address: str) -> None:
    stream = ids.person_id("gazette", person)
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        hashed = address_hash(stream, address, await app.outbox.link_key())
        await app.outbox.confirm(stream, hashed)


def test_mails_are_sent_once_and_told_of(database_url: str, server: tuple[Kept, str]) -> None:
    kept, url = server
    configured = event("person.configured")
    configured["data"] = {"site": "gazette", "person": "ann", "email": ADDRESS}
    sending = ["--mail-url", url, *SENDING, "--once"]
    asyncio.run(publish(database_url, opened(), configured, posted("c1")))
    assert notify(database_url, *sending).exit_code == 0
    bob = {"id": "bob", "name": "Bob"}
    asyncio.run(publish(database_url, posted("c2", author=bob, parent="c1", body="Well.")))
    printed = notify(database_url, *SENDING, "--dry-run")
    assert printed.exit_code == 0, printed.output
    assert f"To: {ADDRESS}\nSubject: Bob answered your comment\n" in printed.stdout
    assert "> Well." in printed.stdout
    assert kept.mails == []
    assert "waiting   1" in notify(database_url, "--status").stdout
    for _ in range(2):
        sent = notify(database_url, *sending)
        assert sent.exit_code == 0, sent.output
    (mail,) = [message_from_bytes(one, policy=policy.default) for one in kept.mails]
    assert mail["To"] == ADDRESS
    assert "https://news.example/c/mail/" in str(mail["List-Unsubscribe"])
    status = notify(database_url, "--status").stdout
    assert "waiting   0" in status
    assert "sent      1" in status


def test_a_dry_run_is_no_first_start(database_url: str, server: tuple[Kept, str]) -> None:
    kept, url = server
    configured = event("person.configured")
    configured["data"] = {"site": "gazette", "person": "ann", "email": ADDRESS}
    bob = {"id": "bob", "name": "Bob"}
    asyncio.run(publish(database_url, opened(), configured, posted("c1")))
    printed = notify(database_url, *SENDING, "--dry-run")
    assert (printed.exit_code, printed.stdout.count("\n")) == (0, 1)
    assert "before the first start without --dry-run" in printed.stdout
    for number in (2, 3):
        reply = posted(f"c{number}", author=bob, parent="c1", body=f"Answer {number}.")
        asyncio.run(publish(database_url, reply))
        assert notify(database_url, "--mail-url", url, *SENDING, "--once").exit_code == 0
    assert ["Answer 3." in mail.decode() for mail in kept.mails] == [True]


def test_a_dry_run_names_addresses_that_cannot_be_written(database_url: str) -> None:
    asyncio.run(publish(database_url, opened()))
    sending = ["--mail-url", "smtp://localhost:1", *SENDING, "--once"]
    assert notify(database_url, *sending).exit_code == 0
    events = []
    for person, address in (("zoe", "secret@[secret"), ("ann", ADDRESS)):
        asyncio.run(confirm(database_url, person, address))
        configured = event("person.configured")
        configured["data"] = {"site": "gazette", "person": person, "email": address}
        events += [configured, event("subscription.started", person=person, to="comments")]
    bob = {"id": "bob", "name": "Bob"}
    asyncio.run(publish(database_url, *events, posted("c1", author=bob)))
    printed = notify(database_url, *SENDING, "--dry-run")
    assert printed.exit_code == 0, printed.output
    assert printed.stdout.count("Subject: Bob commented") == 1
    assert f"To: {ADDRESS}" in printed.stdout
    assert "a mail cannot be sent: the address cannot be written in a mail" in printed.stdout
    assert "secret" not in printed.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_stopped(
    database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    kept = {name: value for name, value in os.environ.items() if "ROSTRA" not in name}
    command = [sys.executable, "-m", "rostra_adapters.cli", "notify", *SENDING]
    server = f"smtp://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*command, "--mail-url", server, "--data", str(tmp_path)],
        env=kept | {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "Rostra mails readers what concerns them\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=WAIT_SECONDS_MAX)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert all(json.loads(line) for line in errors.splitlines())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--mail-from and --base-url must be given"),
        (["--mail-url", "smtp://mail", "--mail-from", "a@b.example"], "--base-url must be given"),
        (["--mail-url", "http://u:hush@mail", *SENDING], "smtp[s]://user:password@host:port"),
        (["--mail-url", "smtp://mail", *SENDING[2:], "--mail-from", "News"], "no e-mail address"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    database_url: str, arguments: list[str], told: str
) -> None:
    refused = notify(database_url, *arguments)
    assert refused.exit_code == 2
    assert told in refused.output
    assert "hush" not in refused.output
