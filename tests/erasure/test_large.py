"""Erasing one of many persons touches that person's key, and nothing else.

With ROSTRA_TEST_LARGE set: 10,000 persons, 1,000,000 events. What it took is printed (`-s`).
"""

import os
import sys
import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

import rostra_adapters
from bench import generate
from bench.fill import MASTER_KEY, fill
from bench.generate import SITE, Load
from rostra import ids
from rostra.commands import ErasePerson
from rostra.deciding.handle import Commanded
from rostra.events import CommandContext
from rostra_adapters.application.app import App
from rostra_adapters.clock import now
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.views.backend import PostgresBackend
from rostra_projections.views import VIEWS

LARGE = "ROSTRA_TEST_LARGE" in os.environ
pytestmark = pytest.mark.timeout(1_800 if LARGE else 300)
LOAD = Load(events=1_000_000 if LARGE else 20_000, discussions=2_000 if LARGE else 50)
SECONDS_MAX = 2.0
OF_THE_CLOCK = ("public.rostra_projectors", "public.rostra_heartbeat")
"""Tables of heartbeats, which are written whatever is published."""

# A busy author, and where they wrote.
_BUSIEST = """
select author, count(*), min(discussion::text)::uuid from public.{comments}
where status = 'published' group by author order by count(*) desc limit 1"""
_COMMENTS = """
select 'comments_v' || version from public.rostra_views where name = 'comments'"""
_TABLES = """
select format('%I.%I', schemaname, tablename) from pg_tables
where schemaname in ('public', 'rostra_keys')"""


@pytest.fixture
async def connection(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncpg.Connection]:
    monkeypatch.setattr(generate, "AUTHORS", 10_000)
    await fill(empty_database_url, LOAD)
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def written(connection: asyncpg.Connection, since: int) -> dict[str, int]:
    """How many rows of each table were written since a transaction."""
    found = {}
    for (table,) in await connection.fetch(_TABLES):
        count = f"select count(*) from {table} where xmin::text::bigint >= $1"
        found[table] = await connection.fetchval(count, since)
    return {table: it for table, it in found.items() if it and table not in OF_THE_CLOCK}


@pytest.mark.slow
async def test_one_of_many_is_erased_at_once(
    connection: asyncpg.Connection, empty_database_url: str
) -> None:
    table = await connection.fetchval(_COMMENTS)
    row = await connection.fetchrow(_BUSIEST.format(comments=table))
    assert row is not None
    author, wrote, discussion = row
    keys = await connection.fetchval("select count(*) from rostra_keys.person_keys")
    url = empty_database_url
    async with (
        rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as app,
        rostra_adapters.open(url, master_key=MASTER_KEY, project=False) as other,
    ):
        assert "" not in await _bodies(other, discussion, author)
        since = await connection.fetchval("select txid_current()")
        command = Commanded(
            ErasePerson(site=SITE, who=author), CommandContext("test", "erase", now())
        )
        began, worked = time.perf_counter(), time.process_time()
        (outcome,) = await app.submit([command])
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        assert outcome.position is not None
        await app.wait(outcome.position, 60)
        viewed = time.perf_counter() - began
        touched = await written(connection, since)
        sys.stdout.write(
            f"\n{LOAD.events} events, {keys} persons: one of {wrote} comments erased in "
            f"{seconds:.3f} s, {cpu:.3f} s of our CPU, {viewed:.3f} s until views have read it; "
            f"rows written: {touched}\n"
        )
        assert cpu < SECONDS_MAX
        assert touched.pop("public.rostra_views") == len(VIEWS)
        assert touched.pop("rostra_keys.key_readers") == 2
        assert touched == {
            "public.inbox_erasures_v2": 1,
            "public.stored_events": 1,
            "rostra_keys.person_keys": 1,
            "rostra_keys.erased_keys": 1,
        }
        assert set(await _bodies(other, discussion, author)) == {""}
        assert await _bodies(app, discussion, None)


async def _bodies(app: App, discussion: UUID, author: str | None) -> list[str]:
    """The bodies on a page, of an author or of all who still have words."""
    request = await app.request(discussion)
    assert request is not None
    page = await app.queries.discussion(request)
    assert page is not None
    assert ids.discussion_id(page.site, page.resource) == discussion
    found: list[str] = []
    cursor: str | None = None
    while not found:
        listed = await app.comments(SITE, page.resource, flat=True, limit=100, cursor=cursor)
        assert listed is not None
        found = [
            it.body or ""
            for it in listed.comments
            if it.author is not None and (it.author.id == author if author else it.body)
        ]
        if (cursor := listed.next) is None:
            break
    return found


@pytest.mark.slow
async def test_projecting_and_rebuilding_open_no_word_and_need_no_master_key(
    connection: asyncpg.Connection, empty_database_url: str
) -> None:
    """Nor any key: the table of keys may be away."""
    await connection.execute("alter schema rostra_keys rename to away")
    await connection.execute("create schema rostra_keys")
    pool = await create_pool(empty_database_url)
    try:
        async with await PostgresLog.open(pool) as log:
            backend = PostgresBackend(pool, log, empty_database_url)
            await backend.install()
            await connection.execute(
                "update rostra_views set position = 0 where name <> 'comments'"
            )
            for name in VIEWS.keys() - {"comments"}:
                await _empty(connection, name)
            backend.start()
            try:
                await backend.wait(await log.head(), 120)
                assert all(view.equal for view in await backend.rebuild([], 1, lambda *_: None))
                assert not [each async for each in backend.verify()]
            finally:
                await backend.close()
    finally:
        await pool.close()
    await connection.execute("drop schema rostra_keys")
    await connection.execute("alter schema away rename to rostra_keys")


async def _empty(connection: asyncpg.Connection, view: str) -> None:
    version = await connection.fetchval("select version from rostra_views where name = $1", view)
    for table in VIEWS[view].tables:
        await connection.execute(f"truncate {table.name}_v{version}")
