"""Several Rostras in one database, each in a schema of its own."""

import asyncio
import json
import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

import rostra_adapters
from cli.test_command_line import Command, Running, conversation, ndjson
from postgres.test_refused_databases import Server, refused, rostra, server
from rostra_adapters.errors import InvalidDatabaseUrl
from rostra_adapters.postgres import locks, roles
from rostra_adapters.postgres.connect import connect
from rostra_adapters.postgres.database_url import with_schema
from rostra_adapters.postgres.namespace import Namespace
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.views import schema as view_schema
from rostra_projections.views import VIEWS
from support.service import MASTER_KEY, opened, posted

SCHEMAS = ("public", "rostra", "user")
OURS = "select count(*) from pg_class where relnamespace = to_regnamespace($1)"

__all__ = ["rostra", "server"]  # fixtures

pytestmark = [pytest.mark.process, pytest.mark.postgres]


def test_names_are_translated_and_those_of_the_default_stay() -> None:
    locked = f"select pg_advisory_xact_lock({locks.LOG_WRITER})"
    statement = f"{locked}, 'public', x from public.t, rostra_keys.k"
    assert Namespace().translate(statement) is statement
    names = Namespace("a")
    moved = names.translate(statement)
    assert moved.startswith(f"select pg_advisory_xact_lock({names.lock(locks.LOG_WRITER)})")
    assert str(locks.LOG_WRITER) not in moved
    assert moved.endswith("""), 'a', x from "a".t, "rostra_keys_a".k""")
    granted = names.translate("grant usage on schema public to public")
    assert granted == 'grant usage on schema "a" to public'


@pytest.mark.parametrize("name", ["Rostra", "pg_x", "a-b", "", "a" * 41, 'a"; drop'])
async def test_a_schema_that_cannot_be_named_is_refused(name: str) -> None:
    with pytest.raises(InvalidDatabaseUrl):
        with_schema("postgresql://h/d", name)


def test_every_table_is_named_with_its_schema() -> None:
    """A `search_path` may find another one: that of the role `rostra` begins with its schema."""
    views = [name for view in VIEWS.values() for name in view_schema.names_of(view)]
    tables = [name.partition(".")[2] for name in roles.TABLES]
    tables += [
        "rostra_views",
        "rostra_lineages",
        "rostra_parked",
        "comment_moves",
        "comment_moves_gone",
    ]
    verbs = "from|join|into|update|table|lock table"
    unqualified = re.compile(
        rf"(?<![\w.])(?:{'|'.join(views)})_v\{{"
        rf"|\b(?:{verbs}) (?:only )?(?:{'|'.join(tables)})\b"
    )
    folder = Path(rostra_adapters.__file__).parent / "postgres"
    for file in [*folder.rglob("*.py"), *folder.rglob("*.sql")]:
        assert not unqualified.findall(file.read_text()), file


@pytest.mark.slow
async def test_three_project_and_serve_beside_one_another(server: Server) -> None:
    url = server.of(server.database())
    apps = [
        rostra_adapters.open(with_schema(url, schema), master_key=bytes([n]) * 32)
        for n, schema in enumerate(SCHEMAS)
    ]
    async with apps[0] as first, apps[1] as second, apps[2] as third:
        for n, app in enumerate((first, second, third), 1):
            events = [opened(), *(posted(f"c{m}") for m in range(n))]
            assert {it.status for it in await app.publish(events)} == {"recorded"}
        for n, app in enumerate((first, second, third), 1):
            page = await app.comments("gazette", "/trams", min_position=await app.head())
            assert page is not None and page.total == n
            assert await app.head() == n + 1
        assert await second.log.log_id() != await first.log.log_id()
        rebuilt = await asyncio.gather(*(app.rebuild() for app in (first, second, third)))
        assert all(each.equal for views in rebuilt for each in views)
        for app in (first, second, third):
            assert await app.verify() == []
    connection = await connect(with_schema(url, "rostra"))
    assert await connection.fetchval(OURS, "rostra") > 20
    assert await connection.fetchval(OURS, "rostra_keys_rostra") > 3
    assert await connection.fetchval("select count(*) from public.stored_events") == 3
    await connection.close()


async def test_a_database_without_schema_public(server: Server) -> None:
    """All that is named is named with its schema."""
    name = server.database()
    server.execute("drop schema public cascade", database=name)
    url = with_schema(server.of(name), "rostra")
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await app.publish(conversation())
        await app.wait(await app.head(), 60)
        assert await app.verify() == []
    await rebuild(url, jobs=2)


async def test_a_stock_recorder_reads_and_appends_in_the_schema(server: Server) -> None:
    url = server.of(server.database())
    parts = conninfo_to_dict(url)
    async with rostra_adapters.open(with_schema(url, "rostra"), master_key=MASTER_KEY) as app:
        await app.publish([opened(), posted()])
        stock = PostgresApplicationRecorder(
            PostgresDatastore(
                dbname=str(parts["dbname"]), host=str(parts["host"]), port="5432",
                user="rostra", password="", schema="rostra",
            ),
            events_table_name="stored_events",
        )  # fmt: skip

        def write() -> int:
            told = StoredEvent(originator_id=uuid4(), originator_version=1, topic="t", state=b"{}")
            stock.create_table()
            stock.insert_events([told])
            return len(stock.select_notifications(start=1, limit=10))

        assert await asyncio.to_thread(write) == 3
        assert await app.head() == 3
        await app.wait(3, 60)
        stock.datastore.close()


@pytest.mark.slow
def test_the_commands_take_a_schema(server: Server, rostra: Command, tmp_path: Path) -> None:
    name = server.database()
    url = server.of(name)
    serving = f"serving_{name}"
    rostra.environment["ROSTRA_SCHEMA"] = "rostra"
    done = rostra("init", "--owner-url", url, "--serving-role", serving)
    assert done.returncode == 0, done.stderr
    server.execute("revoke all on schema public from public", database=name)
    rostra.environment["ROSTRA_DATABASE_URL"] = server.of(name, user=serving)
    service = Running(rostra.starting("serve"))
    try:
        rostra.environment["ROSTRA_URL"] = service.url
        assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
        for arguments in (
            ["rebuild", "--jobs", "2"], ["erase", "ann", "--site", "gazette"], ["verify"],
            ["backup", "saved"], ["export"], ["status", "--json"],
        ):  # fmt: skip
            done = rostra(*arguments)
            assert done.returncode == 0, (arguments, done.stderr)
        head = json.loads(done.stdout)["head"]
    finally:
        assert service.stop() == 0
    rostra.environment |= {"ROSTRA_SCHEMA": "copy", "ROSTRA_DATABASE_URL": url}
    done = rostra("restore", "saved")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as connection:
        found = connection.execute("select max(notification_id) from copy.stored_events")
        assert found.fetchone() == (head,)
        assert connection.execute("select to_regclass('public.stored_events')").fetchone() == (
            None,
        )
    rostra.environment["ROSTRA_SCHEMA"] = "Wrong"
    assert "lower-case" in refused(rostra, url, "status")


async def test_a_role_without_create_is_told_which_schema(server: Server) -> None:
    url = with_schema(server.of(server.database(), user="plain"), "rostra")
    with pytest.raises(rostra_adapters.RolesRefused, match="schema rostra"):
        async with rostra_adapters.open(url, master_key=MASTER_KEY):
            pass
