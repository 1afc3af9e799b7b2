"""`rostra subscriptions` lists what a person subscribes to."""

import asyncio
import json

from click.testing import CliRunner, Result

import rostra_adapters
from rostra import ids
from rostra_adapters.cli import main
from support.service import MASTER_KEY, Event, event, opened


def subscriptions(database_url: str, *arguments: str) -> Result:
    environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    listing = ["subscriptions", "--site", "gazette", *arguments]
    return CliRunner().invoke(main, listing, env=environment)


async def publish(database_url: str, *events: Event) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish(events)
        assert {one.status for one in outcomes} == {"recorded"}
        await app.wait(await app.head(), 30)


def started(resource: str, person: str = "ann", to: str = "comments") -> Event:
    return event("subscription.started", resource=resource, person=person, to=to)


def test_those_that_have_not_ended_are_listed(database_url: str) -> None:
    resources = ("/trams", "/buses", "/boats")
    events = [
        *(opened(resource=resource, title=f"On {resource}\n") for resource in resources),
        started("/buses"),
        started("/trams", to="replies"),
        started("/boats"),
        started("/boats", person="bob"),
        event("subscription.ended", resource="/boats", person="ann"),
    ]
    asyncio.run(publish(database_url, *events))
    listed = subscriptions(database_url, "--person", "ann")
    assert (listed.exit_code, listed.stdout) == (0, "comments  /buses\nreplies   /trams\n")
    lines = subscriptions(database_url, "--person", "ann", "--json").stdout.splitlines()
    assert json.loads(lines[1]) == {
        "discussion": str(ids.discussion_id("gazette", "/trams")),
        "resource": "/trams",
        "title": "On /trams\n",
        "to": "replies",
        "position": 5,
    }
    assert subscriptions(database_url, "--person", "eve").stdout == ""
    assert subscriptions(database_url).exit_code == 2
