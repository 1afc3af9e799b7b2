"""`rostra replay` prints a discussion as it grew."""

import asyncio
import json

from click.testing import CliRunner

import rostra_adapters
from rostra_adapters.cli import main
from support.service import MASTER_KEY, Event, event, opened, posted, voted


def run(database_url: str, *arguments: str) -> tuple[int, list[str]]:
    environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    done = CliRunner().invoke(main, ["replay", "--site", "gazette", *arguments], env=environment)
    return done.exit_code, done.stdout.splitlines()


async def published(database_url: str, *events: Event) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}


def test_a_line_an_event_by_any_of_its_names(database_url: str) -> None:
    events = [
        opened(title="Trams"),
        opened(resource="/other"),
        posted(body="One\n\x1b[31mtwo."),
        voted(1),
        posted("c2", parent="c1"),
        event("comment.removed", comment="c2", by="mia", reason="Spam."),
        event("discussion.moved", to="/new"),
    ]
    asyncio.run(published(database_url, *events))
    code, lines = run(database_url, "--resource", "/trams")
    assert code == 0
    words = [line.split(maxsplit=3) for line in lines]
    assert [(int(at), int(comments)) for at, _, comments, _ in words] == [
        (1, 0), (3, 1), (4, 1), (5, 2), (6, 1), (7, 1),
    ]  # fmt: skip
    assert [said for *_, said in words] == [
        "discussion.opened “Trams”",
        "comment.posted c1 by Ann “One \\u001b[31mtwo.”",
        "vote.cast c1 +1 by bob",
        "comment.posted c2 by Ann “Yes.”",
        "comment.removed c2 by mia “Spam.”",
        "discussion.moved /new",
    ]
    code, told = run(database_url, "--resource", "/new", "--json")
    assert code == 0
    assert [json.loads(line)["type"] for line in told] == [said.split()[0] for *_, said in words]


def test_an_unknown_one_is_refused(database_url: str) -> None:
    asyncio.run(published(database_url, opened()))
    assert run(database_url, "--resource", "/nowhere") == (1, [])
