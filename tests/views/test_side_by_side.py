"""Two versions of the code, with views of other shapes, on one log: each keeps its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import rostra_adapters
from cli.test_command_line import Command
from rostra_adapters.application.app import App
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.views import backend, schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_projections.views import VIEWS
from support.service import SECRET
from support.views.story import Events

MASTER = b"m" * 32
WAIT_SECONDS = 60
OTHER = """
import asyncio, json, sys
from rostra_projections.comments import fold as comments
comments.SHAPE += 1_000
import rostra_adapters
from rostra_adapters.postgres.views.lineage import OURS

async def main(url):
    async with rostra_adapters.open(url, master_key=b"m" * 32) as app:
        print(json.dumps([OURS.name, OURS.lock]), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line == "rebuild\\n":
                answer = [one.view for one in await app.rebuild()]
            elif line == "verify\\n":
                answer = [str(one) for one in await app.verify()]
            else:
                page = await app.comments("s", "a", min_position=int(line), limit=1)
                answer = page.total
            print(json.dumps(answer), flush=True)

asyncio.run(main(sys.argv[1]))
"""
STATE = """
select lineage, name, version, shape, history from rostra_views order by lineage, name"""
EVERYTHING = """
select c.oid, c.relname, pg_relation_filenode(c.oid), obj_description(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'rostra_keys') order by 1"""
HELD = """
select count(*) from pg_locks l join pg_database d on d.oid = l.database
where d.datname = current_database() and locktype = 'advisory' and granted
    and (classid::bigint << 32 | objid::bigint) = $1"""


class Other:
    """A process of another version of the code."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lineage, self.lease = "", 0

    async def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        return await self.heard()

    async def heard(self) -> Any:
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def other(url: str) -> AsyncIterator[Other]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER, url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    made = Other(process)
    try:
        made.lineage, made.lease = await made.heard()
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def ours(url: str) -> Any:
    return rostra_adapters.open(url, master_key=MASTER)


async def total(app: App, position: int) -> int:
    page = await app.comments("s", "a", min_position=position, limit=1)
    assert page is not None
    return page.total


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.slow
async def test_both_serve_and_project_and_neither_rebuilds_the_other(
    database_url: str, operator: asyncpg.Connection
) -> None:
    events = Events()
    async with ours(database_url) as app:
        await app.publish([events.opened(), *(events.posted(f"c{n}") for n in range(5))])
        assert await total(app, await app.head()) == 5
        before = await operator.fetch(STATE)
        async with other(database_url) as newer:
            for round_ in range(1, 4):
                (outcome,) = await app.publish([events.posted(f"d{round_}")])
                position = outcome.position or 0
                assert await newer.ask(str(position)) == 5 + round_
                assert await total(app, position) == 5 + round_
            held = [await operator.fetchval(HELD, it) for it in (OURS.lock, newer.lease)]
            assert held == [1, 1]
            assert await newer.ask("verify") == [] == [str(it) for it in await app.verify()]
            state = await operator.fetch(STATE)
            assert [row for row in state if row[0] == OURS.name] == before
            of_theirs = {row[1]: row[2] for row in state if row[0] == newer.lineage}
            assert of_theirs == dict.fromkeys(VIEWS, 2)
            assert {one.equal for one in await app.rebuild()} == {True}
            assert set(await newer.ask("rebuild")) == set(VIEWS)
            (outcome,) = await app.publish([events.posted("last")])
            assert await newer.ask(str(outcome.position)) == 9
            assert await total(app, outcome.position or 0) == 9
        async with ours(database_url) as again:
            assert await total(again, outcome.position or 0) == 9
            state = await operator.fetch(STATE)
            assert {row[2] for row in state if row[0] == newer.lineage} == {4}
            assert await again.verify() == []


@pytest.mark.slow
async def test_commands_that_look_make_and_change_nothing(
    database_url: str, operator: asyncpg.Connection, tmp_path: Path
) -> None:
    """With views of another version alone, with ours, and with neither."""
    command = Command(
        tmp_path,
        ROSTRA_DATABASE_URL=database_url,
        ROSTRA_MASTER_KEY=MASTER.hex(),
        ROSTRA_SECRET=SECRET,
    )
    looks = (["status"], ["status", "--json"], ["verify"], ["export"], ["token", "--scope", "read"])
    codes = []
    for views in ("none", "theirs", "both"):
        if views == "theirs":
            async with other(database_url) as newer:
                assert await newer.ask("verify") == []
        elif views == "both":
            async with ours(database_url) as app:
                await app.publish([Events().opened()])
                await app.wait(await app.head(), WAIT_SECONDS)
        before = await operator.fetch(EVERYTHING)
        state = await operator.fetch(STATE) if views != "none" else []
        done = [await asyncio.to_thread(command, *arguments) for arguments in looks]
        assert await operator.fetch(EVERYTHING) == before
        assert (await operator.fetch(STATE) if views != "none" else []) == state
        assert not any(b"Traceback" in one.stderr for one in done)
        codes.append([one.returncode for one in done])
        if views != "both":
            assert b"none of this version" in done[0].stdout
            assert b"no views of this version" in done[2].stderr
    assert codes == [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert not (tmp_path / "rostra-data").exists()


async def test_commands_that_look_make_no_log_and_no_data_folder(
    empty_database_url: str, tmp_path: Path
) -> None:
    command = Command(tmp_path, ROSTRA_MASTER_KEY=MASTER.hex(), ROSTRA_SECRET=SECRET)
    looks = (["status"], ["verify"], ["export"])
    for arguments in (*looks, ["backup", "there"], ["rebuild"], ["project"], ["rotate-master-key"]):
        done = await asyncio.to_thread(command, *arguments)
        assert (done.returncode, b"rostra init" in done.stderr) == (2, True), done.stderr
    for arguments in looks:
        done = await asyncio.to_thread(command, *arguments, "--database-url", empty_database_url)
        assert (done.returncode, b"no log of Rostra" in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetch(EVERYTHING) == []
    await connection.close()


async def test_views_of_before_lineages_are_kept(
    database_url: str, operator: asyncpg.Connection
) -> None:
    async with ours(database_url) as app:
        await app.publish([Events().opened()])
        await app.wait(await app.head(), WAIT_SECONDS)
    before = await operator.fetch(STATE)
    await operator.execute(
        "drop table rostra_lineages; alter table rostra_views drop constraint rostra_views_pkey;"
        "alter table rostra_views drop column lineage, drop column tables, add primary key (name)"
    )
    for _ in range(2):
        await schema.install(operator)
    assert await operator.fetch(STATE) == before
    assert await operator.fetchval("select tables from rostra_views where name = 'passages'") == (
        schema.names_of(VIEWS["passages"])
    )
    async with ours(database_url) as app:
        assert await app.verify() == []


@pytest.mark.slow
async def test_views_of_a_version_that_is_gone_are_dropped_after_a_while(
    database_url: str, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with other(database_url) as newer:
        assert await newer.ask("verify") == []
    await schema.install(operator)
    tables = "select count(*) from pg_tables where tablename ~ '_v1$'"
    theirs = await operator.fetchval(tables)
    await schema.drop_unseen(operator)
    assert await operator.fetchval(tables) == theirs > 0
    await operator.execute(
        "update rostra_lineages set seen_at = seen_at - $1::float8 * interval '1 second'"
        " where lineage = $2",
        schema.UNSEEN_SECONDS_MAX + 1,
        newer.lineage,
    )
    await rebuild(database_url)
    assert await operator.fetchval(tables) == theirs
    await schema.drop_unseen(operator)
    assert await operator.fetchval(tables) == 0
    assert {row[0] for row in await operator.fetch(STATE)} == {OURS.name}
    async with other(database_url) as newer:
        assert await newer.ask("verify") == []


async def test_a_process_is_seen_for_as_long_as_it_is_there(
    database_url: str, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "SEEN_SECONDS", 0.01)
    async with ours(database_url):
        await operator.execute("update rostra_lineages set seen_at = '2020-01-01'")
        async with asyncio.timeout(WAIT_SECONDS):
            while await operator.fetchval(  # noqa: ASYNC110  # another's doing
                "select min(seen_at) < '2021-01-01' from rostra_lineages"
            ):
                await asyncio.sleep(0.01)


async def test_a_process_that_was_taken_for_gone_makes_its_views_again(
    database_url: str, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped for longer than views are kept, and goes on."""
    events = Events()
    async with ours(database_url) as app:
        (outcome,) = await app.publish([events.opened()])
        await app.wait(outcome.position or 0, WAIT_SECONDS)
        await operator.execute("update rostra_lineages set seen_at = '2020-01-01'")
        await schema.drop_unseen(operator, Lineage("another", {}))
        assert await operator.fetch(STATE) == []
        (outcome,) = await app.publish([events.posted("c1")])
        await app.wait(outcome.position or 0, WAIT_SECONDS)
        assert await total(app, outcome.position or 0) == 1
        assert await app.verify() == []
