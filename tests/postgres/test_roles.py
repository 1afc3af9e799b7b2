"""The role that serves reads and appends to the log, and cannot do anything else to it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from click.testing import CliRunner, Result

import rostra_adapters
from cli.test_command_line import Command, Running, conversation, ndjson
from rostra_adapters.cli import main
from rostra_adapters.errors import NotInstalled, RolesRefused, UnfitTable
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres import roles, schema
from support.cases import first_is_quick
from support.requirements import missing
from support.service import MASTER_KEY, SECRET, opened, posted

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
_numbers = count(1)

FORBIDDEN = (
    "update stored_events set state = ''",
    "delete from stored_events",
    "truncate stored_events",
    (
        "insert into stored_events (originator_id, originator_version, topic, state)"
        " values (gen_random_uuid(), 1, 'told', '')"
    ),
    "copy stored_events from program 'true'",
    "alter table stored_events disable trigger all",
    "alter table stored_events disable trigger rostra_no_change",
    "alter table stored_events add column more text",
    "alter table stored_events owner to current_user",
    "alter table stored_events rename to others",
    "drop trigger rostra_no_change on stored_events",
    "drop trigger rostra_one_writer on stored_events",
    "create trigger mine before insert on stored_events execute function rostra_immutable()",
    "create rule mine as on insert to stored_events do instead nothing",
    "alter table stored_events enable row level security",
    "drop table stored_events",
    (
        "create or replace function rostra_immutable() returns trigger language plpgsql"
        " as 'begin return null; end'"
    ),
    (
        "create or replace function rostra_one_writer() returns trigger language plpgsql"
        " as 'begin return null; end'"
    ),
    "drop function rostra_announce() cascade",
    "alter function rostra_append_on security invoker",
    "drop function rostra_append_on",
    "drop function rostra_open_epoch",
    "delete from rostra_log_epochs",
    "set session_replication_role = replica",
    "select setval('stored_events_notification_id_seq', 1000)",
    "select nextval('stored_events_notification_id_seq')",
    "update rostra_log set id = gen_random_uuid()",
    "update rostra_log set erasures_due = true",
    "drop schema rostra_keys cascade",
    "drop table rostra_keys.person_keys",
    "drop schema public cascade",
    "do $$ begin lock table public.stored_events in access exclusive mode; end $$",
    "do $$ begin lock table public.stored_events in exclusive mode; end $$",
    "set role {owner}",
)
TABLES = """
select format('%s.%s', n.nspname, c.relname), pg_get_userbyid(c.relowner)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'rostra_keys') and c.relkind in ('r', 'p')"""
FUNCTIONS = """
select p.proname, p.prosecdef, p.proconfig
from pg_proc p where p.pronamespace = 'public'::regnamespace"""


class Database:
    """A database whose owner is no superuser, as it is where others run the server."""

    def __init__(self, url: str) -> None:
        self.operator_url = url
        number = next(_numbers)
        self.owner, self.serving = (
            f"owner_{os.getpid()}_{number}",
            f"Serving {os.getpid()} {number}",
        )
        with psycopg.connect(url, autocommit=True) as operator:
            operator.execute(f"create role {self.owner} login createrole".encode())
            name = operator.execute("select current_database()").fetchone()
            assert name is not None
            operator.execute(f"alter database {name[0]} owner to {self.owner}".encode())

    @property
    def owner_url(self) -> str:
        return self.operator_url.replace("//rostra@", f"//{self.owner}@")

    @property
    def serving_url(self) -> str:
        return self.operator_url.replace("//rostra@", f"//{self.serving.replace(' ', '%20')}@")

    def init(self) -> Result:
        arguments = ["init", "--owner-url", self.owner_url, "--serving-role", self.serving]
        return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def _postgres_15(run_folder: Path) -> Iterator[Callable[[], local_postgres.Lease]]:
    leases: list[local_postgres.Lease] = []

    def lease() -> local_postgres.Lease:
        if not POSTGRES_15.is_dir():
            missing("postgresql-15", f"install postgresql-15 in {POSTGRES_15}")
        if not leases:
            with pytest.MonkeyPatch.context() as only_here:
                only_here.setenv("PG_BIN", str(POSTGRES_15))
                folder = run_folder / f"postgres-15-{os.getpid()}"
                leases.append(local_postgres.start(folder, durable=False))
        return leases[0]

    yield lease
    for made in leases:
        made.release()


@pytest.fixture(params=first_is_quick([18, 15]))
def database(
    request: pytest.FixtureRequest, _postgres_15: Callable[[], local_postgres.Lease]
) -> Database:
    if request.param == 18:
        return Database(request.getfixturevalue("empty_database_url"))
    url = _postgres_15().url
    name = f"roles_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute(f"create database {name}".encode())
    return Database(url.replace("/rostra?", f"/{name}?"))


@pytest.fixture
async def serving(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the serving role, beside a log with events and views."""
    made = await asyncio.to_thread(database.init)
    assert made.exit_code == 0, made.output
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        await app.publish([opened(), posted()])
        await app.wait(await app.head(), 60)
    connection = await asyncpg.connect(database.serving_url)
    yield connection
    await connection.close()


async def test_what_the_serving_role_must_not_do_is_refused(
    serving: asyncpg.Connection, database: Database
) -> None:
    allowed = []
    for statement in FORBIDDEN:
        try:
            await serving.execute(statement.format(owner=database.owner))
        except asyncpg.InsufficientPrivilegeError:
            continue
        allowed.append(statement)
    assert allowed == []
    assert await serving.fetchval("select count(*) from stored_events") == 2


DEFINERS = ("rostra_append_on", "rostra_open_epoch")
"""Functions that the serving role calls with the rights of the owner."""


async def test_a_function_of_the_serving_role_is_not_called_with_the_rights_of_the_owner(
    serving: asyncpg.Connection, database: Database
) -> None:
    """Neither from the path of the caller, nor from schema `public`, nor from its own tables."""
    await serving.execute(
        "create function public.pg_advisory_xact_lock(integer) returns void language plpgsql"
        " as 'begin raise exception ''called as %'', current_user; end';"
        "create function public.max(text) returns text language plpgsql"
        " as 'begin raise exception ''called as %'', current_user; end'"
    )
    for name, is_definer, settings in await serving.fetch(FUNCTIONS):
        assert not is_definer or name in DEFINERS
        if is_definer:
            assert "search_path=pg_catalog, pg_temp" in settings
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        (outcome,) = await app.publish([posted("c2")])
        assert outcome.status == "recorded"


async def test_nobody_else_may_append(serving: asyncpg.Connection, database: Database) -> None:
    owner = await asyncpg.connect(database.owner_url)
    stranger = f"stranger_{os.getpid()}_{next(_numbers)}"
    await owner.execute(f"create role {stranger} login")
    held = "select has_function_privilege($1, to_regprocedure($2)::oid, 'execute')"
    assert await owner.fetchval(held, stranger, roles.APPEND) is False
    assert await owner.fetchval(held, database.serving, roles.APPEND) is True
    await owner.close()


async def test_every_table_is_the_serving_roles_or_is_named(
    serving: asyncpg.Connection, database: Database
) -> None:
    owners = dict(map(tuple, await serving.fetch(TABLES)))
    of_the_log = {name for name, owner in owners.items() if owner == database.owner}
    assert of_the_log == roles.TABLES.keys()
    assert {owner for name, owner in owners.items() if name not in of_the_log} == {database.serving}
    for function in await serving.fetch(FUNCTIONS):
        assert function[0].startswith("rostra_")


async def test_the_owner_writes_as_a_stock_recorder_does(
    serving: asyncpg.Connection, database: Database
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    async with owner.transaction():
        await owner.execute("lock table stored_events in exclusive mode")
        await owner.execute(FORBIDDEN[3])
    for statement in FORBIDDEN[:3]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)
    await owner.close()
    assert await serving.fetchval("select max(notification_id) from stored_events") == 3


async def test_a_role_that_lacks_something_is_told_what(
    serving: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        f'revoke update, delete on rostra_keys.person_keys from "{database.serving}"'
    )
    with pytest.raises(RolesRefused, match=r"lacks UPDATE on rostra_keys\.person_keys, DELETE on"):
        async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY):
            pass
    await owner.execute(f'revoke all on public.rostra_log from "{database.serving}"')
    with pytest.raises(RolesRefused, match=r"SELECT on public\.rostra_log"):
        async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY):
            pass
    assert (await asyncio.to_thread(database.init)).exit_code == 0
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        assert await app.verify() == []
    newer = schema.Migration(schema.VERSION + 1, "nothing", ())
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, newer))
    monkeypatch.setattr(schema, "VERSION", newer.number)
    with pytest.raises(NotInstalled, match="rostra init --owner-url"):
        async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY):
            pass
    assert (await asyncio.to_thread(database.init)).exit_code == 0
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        assert await app.verify() == []
    await owner.close()


async def test_views_that_the_owner_made_are_made_again(database: Database) -> None:
    async with rostra_adapters.open(database.owner_url, master_key=MASTER_KEY) as app:
        await app.publish([opened(), posted()])
        await app.wait(await app.head(), 60)
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(f'create role "{database.serving}" login')
    for name, privileges in {**roles.TABLES, "schema rostra_keys": "usage"}.items():
        await owner.execute(f'grant {privileges} on {name} to "{database.serving}"')
    await owner.execute(f'grant create on schema public to "{database.serving}"')
    for name in roles.FUNCTIONS:
        await owner.execute(f'grant execute on function {name} to "{database.serving}"')
    await owner.close()
    with pytest.raises(RolesRefused, match="lacks ownership of rostra_views"):
        async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY):
            pass
    for told in ("are dropped", "may serve them"):
        made = await asyncio.to_thread(database.init)
        assert made.exit_code == 0
        assert told in made.output
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        page = await app.comments("gazette", "/trams", min_position=await app.head())
        assert page is not None and page.total == 1
        assert await app.verify() == []


NO_TIMELINE = (
    "revoke execute on function pg_walfile_name(pg_lsn) from public",
    *(
        "alter function pg_catalog.pg_walfile_name(pg_lsn) rename to walfile_name;"
        "create function pg_catalog.pg_walfile_name(pg_lsn) returns text"
        f" language plpgsql as 'begin raise {error}; end'"
        for error in ("feature_not_supported", "object_not_in_prerequisite_state")
    ),
)
"""Statements after which a database does not report the timeline of its server."""


@pytest.mark.parametrize("statement", NO_TIMELINE)
async def test_a_server_that_does_not_report_its_timeline_is_served(
    empty_database_url: str, statement: str
) -> None:
    database = Database(empty_database_url)
    operator = await asyncpg.connect(database.operator_url)
    await operator.execute(statement)
    made = await asyncio.to_thread(database.init)
    assert made.exit_code == 0, made.output
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        outcomes = await app.publish([opened(), posted()])
        assert [each.status for each in outcomes] == ["recorded"] * 2
    assert await operator.fetchval("select timeline from rostra_log") is None
    before = await operator.fetchval("select id from rostra_log")
    begun = await asyncio.to_thread(
        CliRunner().invoke, main, ["epoch", "--database-url", database.serving_url]
    )
    assert begun.exit_code == 0, begun.output
    assert await operator.fetchval("select id from rostra_log") != before
    async with rostra_adapters.open(database.serving_url, master_key=MASTER_KEY) as app:
        (outcome,) = await app.publish([posted("c2")])
        assert outcome.status == "recorded"
    await operator.close()


async def test_tables_of_other_programs_are_kept(database: Database) -> None:
    """Also where the owner has made views before."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("create table orders_v2 (id bigint); create table comments_v9 (id bigint)")
    await owner.execute("create table comments_v20260101120000 (id bigint)")
    kept = "select to_regclass(name)::text from unnest($1::text[]) name"
    names = ["orders_v2", "comments_v9", "comments_v20260101120000"]
    async with rostra_adapters.open(database.owner_url, master_key=MASTER_KEY) as app:
        await app.publish([opened()])
        await app.wait(await app.head(), 60)
        await app.rebuild()
    for has_views in (True, False):
        made = await asyncio.to_thread(database.init)
        assert made.exit_code == 0, made.output
        assert ("are dropped" in made.output) == has_views
        assert [record[0] for record in await owner.fetch(kept, names)] == names
    await owner.close()


async def test_views_take_no_table_of_another_program(database: Database) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("create table comments_v1 (id bigint); insert into comments_v1 values (7)")
    with pytest.raises(UnfitTable, match=r"public\.comments_v1 that Rostra has not made"):
        async with rostra_adapters.open(database.owner_url, master_key=MASTER_KEY):
            pass
    assert await owner.fetchval("select id from comments_v1") == 7
    await owner.execute("alter table comments_v1 rename to their_comments")
    async with rostra_adapters.open(database.owner_url, master_key=MASTER_KEY) as app:
        assert await app.verify() == []
    await owner.close()


def test_a_role_that_may_make_no_role_is_told(database: Database) -> None:
    with psycopg.connect(database.operator_url, autocommit=True) as operator:
        operator.execute(f"alter role {database.owner} nocreaterole".encode())
    made = database.init()
    assert made.exit_code == 2
    assert "create role" in made.output
    own = ["init", "--owner-url", database.owner_url, "--serving-role", database.owner]
    assert "another than the owner" in CliRunner().invoke(main, own).output


@pytest.mark.slow
def test_a_service_and_the_commands_work_as_the_serving_role(
    database: Database, tmp_path: Path
) -> None:
    assert database.init().exit_code == 0
    rostra = Command(
        tmp_path,
        ROSTRA_DATABASE_URL=database.serving_url,
        ROSTRA_SECRET=SECRET,
        ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        ROSTRA_PORT="0",
    )
    service = Running(rostra.starting("serve"))
    try:
        rostra.environment["ROSTRA_URL"] = service.url
        done = rostra("publish", "-", stdin=ndjson(conversation()))
        assert done.returncode == 0, done.stderr
        commands: list[list[str]] = [
            ["rebuild", "--jobs", "2"],
            ["erase", "ann", "--site", "gazette"],
            ["verify"],
            ["backup", "saved"],
            ["export"],
            ["status", "--json"],
        ]
        for arguments in commands:
            done = rostra(*arguments)
            assert done.returncode == 0, (arguments, done.stderr)
        assert {view["lag"] for view in json.loads(done.stdout)["views"]} == {0}
    finally:
        assert service.stop() == 0


def test_a_data_folder_is_made_and_served(tmp_path: Path, run_folder: Path) -> None:
    folder = run_folder / f"made-{os.getpid()}"
    rostra = Command(tmp_path, ROSTRA_DATA=str(folder))
    for _ in range(2):
        done = rostra("init")
        assert done.returncode == 0, done.stderr
        assert f"{folder} is ready".encode() in done.stdout
    names = {path.name for path in folder.iterdir()}
    assert names >= {"postgres", "secret", "master-key", "lock"}
    assert folder.stat().st_mode & 0o777 == 0o700
    done = rostra("status")
    assert done.returncode == 0, done.stderr
    assert b"head      0" in done.stdout
    wrong: Any = rostra("init", "--serving-role", "somebody")
    assert wrong.returncode == 2
