"""`rostra drop-text` drops the text of a revision, for every process."""

import asyncio

from click.testing import CliRunner

import rostra_adapters
from rostra_adapters.cli import main
from support.service import MASTER_KEY, event, opened


def drop(database_url: str, revision: str) -> tuple[int, str]:
    environment = {"ROSTRA_DATABASE_URL": database_url, "ROSTRA_MASTER_KEY": MASTER_KEY.hex()}
    arguments = ["drop-text", revision, "--site", "gazette", "--resource", "/trams"]
    done = CliRunner().invoke(main, arguments, env=environment)
    return done.exit_code, done.output


def test_a_text_is_dropped_and_its_passages_stay(database_url: str) -> None:
    events = [
        opened(),
        event("article.revised", revision="r1", text="By noon the trams had stopped."),
        event("passage.marked", passage="p", exact="the trams"),
    ]

    async def published() -> None:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            assert {one.status for one in await app.publish(events)} == {"recorded"}

    async def standing() -> list[int | None]:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
            page = await app.passages("gazette", "/trams", min_position=await app.head())
            assert page is not None
            return [one.start for one in page.passages]

    asyncio.run(published())
    assert drop(database_url, "r1") == (0, "the text of r1 of /trams is dropped\n")
    code, said = drop(database_url, "r1")
    assert code == 1
    assert "no text of the revision 'r1'" in said
    assert asyncio.run(standing()) == [8]
