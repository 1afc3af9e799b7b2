"""An app that embeds Rostra carries out bans by itself, also those that were left half done."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import rostra_adapters
from rostra import ids
from rostra_adapters.aio.background import running_tasks
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs import bans
from support.moderated import BOB, Moderated, filled
from support.service import MASTER_KEY
from support.waiting import WAIT_SECONDS_MAX

FOLLOWERS = {"moderation", "votes"}
NOBODY: set[str] = set()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "memory":
            return "memory:"
        case "sqlite":
            return f"sqlite:{tmp_path / 'comments.db'}"
    found: str = request.getfixturevalue("database_url")
    return found


async def until_removed(app: App) -> None:
    """Wait until all comments of bob are removed."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            found = {key: status for key, status, _ in await Moderated(app).shown()}
            if {found[f"b{number}"] for number in range(5)} == {"removed"}:
                return
            await asyncio.sleep(0.02)


async def test_an_open_app_carries_out_bans(url: str) -> None:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        moderated = Moderated(app)
        await filled(moderated)
        await moderated.do(moderated.ban(comments="remove"))
        await until_removed(app)


async def test_a_ban_that_a_process_left_half_done_is_finished_by_the_next(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url == "memory:":
        pytest.skip("gone with its process")
    monkeypatch.setattr(bans, "BATCH_ACTS_MAX", 2)
    async with rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as app:
        moderated = Moderated(app)
        await filled(moderated)
        await moderated.do(moderated.ban(comments="remove"))
        submit, batches = app.submit, 0

        async def ending(commands: Any) -> Any:
            nonlocal batches
            batches += 1
            if batches == 2:
                raise asyncio.CancelledError
            return await submit(commands)

        monkeypatch.setattr(app, "submit", ending)
        with pytest.raises(asyncio.CancelledError):
            await moderated.follower.catch_up()
        found = [status for _, status, _ in await moderated.shown()]
        assert found.count("removed") == 2
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await until_removed(app)
        rows = (await app.log.read_streams([BOB]))[BOB]
        assert [row.topic for row in rows] == ["person.banned"]
        comments = [
            ids.comment_id(ids.discussion_id("gazette", "/trams"), f"b{n}") for n in range(5)
        ]
        streams = await app.log.read_streams(comments)
        assert {len(stream) for stream in streams.values()} == {2}  # each removed once


@pytest.mark.parametrize(
    ("options", "following"),
    [
        ({}, FOLLOWERS),
        ({"moderate": False}, NOBODY),
        ({"project": False}, NOBODY),
        ({"project": False, "moderate": True}, FOLLOWERS),
        ({"read_only": True}, NOBODY),
        ({"read_only": True, "moderate": True}, NOBODY),
    ],
)
async def test_who_moderates(
    database_url: str, options: dict[str, bool], following: set[str]
) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, moderate=False):
        pass
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, **options):  # type: ignore[arg-type]
        names = {task.name for task in running_tasks()}
    assert names & FOLLOWERS == following
    assert {task.name for task in running_tasks()} & FOLLOWERS == set()
