"""Views that are behind by most of a long log are rebuilt; else they catch up by pages."""

import asyncio
import sys
from collections.abc import Callable, Sequence

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.rebuild import rebuilding
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views import runner, schema
from support.model import Act
from support.views import tables
from support.views.story import Events, Story

MASTER = b"m" * 32
FAR = 20


@pytest.fixture(autouse=True)
def _soon_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FAR_EVENTS", FAR)


def _told(events: Events, first: int, count: int) -> list[Act]:
    """Two events a comment."""
    numbers = range(first, first + count)
    return [act for n in numbers for act in (events.posted(f"c{n}"), events.vote(f"c{n}", "v"))]


async def _recorded(url: str, acts: Sequence[Act]) -> None:
    """In the log, and not in the views."""
    async with rostra_adapters.open(url, master_key=MASTER, project=False) as app:
        assert {outcome.status for outcome in await app.publish(acts)} == {"recorded"}


async def _caught_up(app: App, url: str) -> set[int]:
    """The versions of the views, which hold what they should."""
    head = await app.head()
    await app.wait(head, 60)
    assert [difference async for difference in verify(url)] == []
    status = await app.status()
    assert {view.position for view in status.views} == {head}
    return {view.version for view in status.views}


async def test_far_behind_they_are_rebuilt_and_go_on_from_there(database_url: str) -> None:
    events = Events()
    await _recorded(database_url, [events.opened(), *_told(events, 0, FAR)])
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {2}
        await app.publish(_told(events, FAR, 3))
        assert await _caught_up(app, database_url) == {2}
        page = await app.comments("s", "a")
        assert page is not None and page.total == FAR + 3


@pytest.mark.slow
async def test_what_others_write_by_the_thousand_is_rebuilt_with_too(
    pool: asyncpg.Pool, database: asyncpg.Connection, database_url: str
) -> None:
    events = Events()
    rows = Story([events.opened(), *_told(events, 0, runner.PAGE_EVENTS)], judged=False).rows
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        await _caught_up(app, database_url)
        async with database.transaction():
            await tables.record(database, rows)
        assert await _caught_up(app, database_url) == {2}


async def test_a_list_that_was_begun_before_goes_on_afterwards(database_url: str) -> None:
    events = Events()
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        await app.publish([events.opened(), *_told(events, 0, 5)])
        await _caught_up(app, database_url)
        page = await app.comments("s", "a", limit=2)
    assert page is not None and page.next is not None
    await _recorded(database_url, _told(events, 5, FAR))
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {2}
        on = await app.comments("s", "a", limit=2, cursor=page.next)
        assert on is not None
        assert [comment.key for comment in on.comments] == ["c2", "c1"]


async def test_what_is_published_meanwhile_is_there_too(database_url: str) -> None:
    events = Events()
    await _recorded(database_url, [events.opened(), *_told(events, 0, FAR)])
    async with (
        rostra_adapters.open(database_url, master_key=MASTER) as app,
        rostra_adapters.open(database_url, master_key=MASTER) as other,
    ):
        for n in range(30):
            await other.publish(_told(events, FAR + n, 1))
            await asyncio.sleep(0.02)
        assert min(await _caught_up(app, database_url)) > 1


async def test_behind_by_less_than_half_of_the_log_they_are_not(database_url: str) -> None:
    events = Events()
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        for n in range(4):
            await app.publish([*([events.opened()] if not n else []), *_told(events, 8 * n, 8)])
            await _caught_up(app, database_url)
    await _recorded(database_url, _told(events, 100, FAR))
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {1}


async def test_a_log_with_a_hole_is_read_by_pages(
    pool: asyncpg.Pool, database: asyncpg.Connection, database_url: str
) -> None:
    """Someone may still be filling it: who rebuilds would pass over that for ever."""
    events = Events()
    rows = Story([events.opened(), *_told(events, 0, FAR)]).rows
    hole = next(row for row in rows if row.topic == "vote.cast")
    later = [row for row in rows if row.position > hole.position]
    await tables.record(database, [row for row in rows if row.position < hole.position])
    await tables.record(database, later)
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {1}


async def test_while_another_rebuilds_they_catch_up_by_pages(
    database: asyncpg.Connection, database_url: str
) -> None:
    events = Events()
    await _recorded(database_url, [events.opened(), *_told(events, 0, FAR)])
    await database.execute("select pg_advisory_lock($1)", locks.REBUILD)
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {1}


def _no_program(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys, "executable", "/nowhere/python")


def _program_that_fails(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys, "executable", "/bin/false")


def _index_that_fails(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schema, "indexes", lambda *_: ["create index on nothing (at_all)"])


@pytest.mark.parametrize("fail", [_no_program, _program_that_fails, _index_that_fails])
async def test_where_that_fails_they_catch_up_by_pages(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[pytest.MonkeyPatch], None],
) -> None:
    events = Events()
    await _recorded(database_url, [events.opened(), *_told(events, 0, FAR)])
    with monkeypatch.context() as patch:
        fail(patch)
        async with rostra_adapters.open(database_url, master_key=MASTER) as app:
            assert await _caught_up(app, database_url) == {1}
    said = [record.getMessage() for record in caplog.records]
    assert [each.endswith("rebuilding") for each in said].count(True) == 1
    assert said[-1] == "rebuilding failed: catching up by pages"


async def test_who_is_closed_meanwhile_leaves_the_views_as_they_were(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    fill = rebuilding._fill

    async def slow(*arguments: object) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        await fill(*arguments)  # type: ignore[arg-type]

    events = Events()
    await _recorded(database_url, [events.opened(), *_told(events, 0, FAR)])
    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "_fill", slow)
        async with rostra_adapters.open(database_url, master_key=MASTER):
            await begun.wait()
    async with rostra_adapters.open(database_url, master_key=MASTER, project=False) as app:
        assert {(view.version, view.position) for view in (await app.status()).views} == {(1, 0)}
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        assert await _caught_up(app, database_url) == {3}
