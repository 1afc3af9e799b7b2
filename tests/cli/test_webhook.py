"""`rostra webhook` adds, lists, tries and ends webhooks; `rostra notify` sends to them."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

import rostra_adapters
from rostra_adapters.cli import main
from support.receivers import Receiver, receiving
from support.service import MASTER_KEY, Event, opened, posted

ALLOWED = ["--allow-private", "127.0.0.0/8"]
SENDING = [
    "--once",
    *("--mail-url", "smtp://127.0.0.1:9"),
    *("--mail-from", "News <news@example.org>"),
    *("--base-url", "https://news.example/c"),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver that runs in a thread of its own."""
    made: Future[Receiver] = Future()
    ended: list[Any] = []

    async def run() -> None:
        end = asyncio.Event()
        ended.append((asyncio.get_running_loop(), end))
        async with receiving() as receiver:
            made.set_result(receiver)
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    yield made.result(30)
    loop, end = ended[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()


class Operator:
    """Calls commands on a database."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        key = MASTER_KEY.hex()
        self.environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": key}

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=self.environment)

    def add(self, url: str, *arguments: str) -> tuple[str, str]:
        """Add a webhook. Return its id and its secret."""
        added = self("webhook", "add", "--site", "gazette", "--url", url, *ALLOWED, *arguments)
        assert added.exit_code == 0, added.output
        found = re.fullmatch(r"id +(\S+)\nsecret +(whsec_\S+)\n", added.stdout)
        assert found is not None, added.stdout
        return found[1], found[2]

    def listed(self) -> list[dict[str, Any]]:
        lines = self("webhook", "list", "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def publish(self, *events: Event) -> None:
        async def work() -> None:
            async with rostra_adapters.open(self.url, master_key=MASTER_KEY) as app:
                outcomes = await app.publish(events)
                assert {one.status for one in outcomes} == {"recorded"}
                await app.wait(await app.head(), 30)

        asyncio.run(work())


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


def test_the_life_of_a_webhook(operator: Operator, receiver: Receiver) -> None:
    named, secret = operator.add(receiver.url, "--type", "comment.posted", "--with-email")
    assert operator("webhook", "test", named).stdout == f"{receiver.url} answers 204\n"
    assert receiver.seen[0].verify(secret)["type"] == "webhook.test"
    operator.publish(opened(), posted("c1"))
    assert operator("notify", *SENDING).exit_code == 0
    assert receiver.seen[1].verify(secret)["type"] == "comment.posted"
    rotated = operator("webhook", "rotate", named).stdout
    second = rotated.removeprefix("secret  ").strip()
    assert second != secret
    operator("webhook", "test", named)
    for each in (secret, second):
        receiver.seen[2].verify(each)
    (listed,) = operator.listed()
    assert (listed["id"], listed["site"], listed["url"]) == (named, "gazette", receiver.url)
    assert (listed["types"], listed["with_email"]) == (["comment.posted"], True)
    assert (listed["state"], listed["delivered"], listed["waiting"]) == ("active", 1, 0)
    assert secret not in str(listed)
    shown = operator("webhook", "list", "--site", "gazette").stdout
    assert f"{named}  gazette  events  active  {receiver.url}" in shown
    assert "types comment.posted; 1 delivered, the latest at " in shown
    assert operator("webhook", "list", "--site", "herald").stdout == ""
    assert operator("webhook", "disable", named).exit_code == 0
    operator.publish(posted("c2"))
    assert operator("notify", *SENDING).exit_code == 0
    assert len(receiver.seen) == 3
    assert operator.listed()[0]["error"] == "disabled by an operator"
    assert operator("webhook", "disable", named).exit_code == 1
    assert operator("webhook", "remove", named).exit_code == 0
    assert operator.listed() == []


def test_a_failed_test_is_told(operator: Operator, receiver: Receiver) -> None:
    async def refuse(_: Any) -> web.Response:
        return web.Response(status=403)

    named, _ = operator.add(receiver.url)
    receiver.accept = refuse
    failed = operator("webhook", "test", named)
    assert failed.exit_code == 1
    assert "the receiver answers 403" in failed.output


def test_a_site_has_one_review_secret(operator: Operator) -> None:
    first = operator("webhook", "review-secret", "--site", "gazette").stdout
    second = operator("webhook", "review-secret", "--site", "gazette", *ALLOWED).stdout
    assert first.split()[1] == second.split()[1]
    assert first.split()[3] != second.split()[3]
    (listed,) = operator.listed()
    assert (listed["kind"], listed["allow_private"]) == ("review", ["127.0.0.0/8"])


@pytest.mark.parametrize("command", ["test", "rotate", "disable", "remove"])
def test_an_unknown_webhook_is_refused(operator: Operator, command: str) -> None:
    refused = operator("webhook", command, str(uuid4()))
    assert refused.exit_code == 1
    assert "there is no webhook" in refused.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--url", "http://127.0.0.1:80/"], "127.0.0.1 is not public"),
        (["--url", "http://[::1]/"], "::1 is not public"),
        (["--url", "http://169.254.169.254/", *ALLOWED], "169.254.169.254 is not public"),
        (["--url", "http://localhost/"], "is not public"),
        (["--url", "https://nowhere.invalid/"], "cannot be resolved"),
        (["--url", "ftp://example.org/"], "no http or https URL"),
        (["--url", "http://127.0.0.1/", *ALLOWED, "--type", "comment.read"], "unknown event type"),
        (["--url", "http://127.0.0.1/", "--allow-private", "10.0.0.1/8"], "--allow-private: "),
        (["--url", "http://127.0.0.1/", *ALLOWED, "--site", "a\nb"], "--site: "),
    ],
)
def test_options_that_do_not_fit_are_refused(
    operator: Operator, arguments: list[str], told: str
) -> None:
    refused = operator("webhook", "add", "--site", "gazette", *arguments)
    assert refused.exit_code == 2, refused.output
    assert told in refused.output
    assert operator.listed() == []
