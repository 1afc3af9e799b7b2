"""Databases that cannot be used: one line says what is wrong and what to do, exit code 2."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

import asyncpg
import psycopg
import pytest

import rostra_adapters
from cli.test_command_line import Command
from rostra.log import LogUnavailable
from rostra_adapters.errors import DatabaseRefused, UnfitDatabase, UnfitTable
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres import locks
from support.cases import first_is_quick
from support.requirements import missing
from support.service import MASTER_KEY, SECRET, opened

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "a-password-of-the-tests"  # of a server of the tests
_numbers = count(1)

pytestmark = [pytest.mark.process, pytest.mark.postgres]


class Server:
    """A server that asks some roles for a password."""

    def __init__(self, lease: local_postgres.Lease) -> None:
        self.lease = lease
        self.url = lease.url
        self.folder = lease.cluster.folder
        hba = self.folder / "pg_hba.conf"
        hba.write_text(f"local all asked scram-sha-256\n{hba.read_text()}")
        self.execute(
            f"create role asked login password '{PASSWORD}'",
            "create role plain login",
            "select pg_reload_conf()",
        )

    def execute(self, *statements: str, database: str = "rostra") -> None:
        url = self.url.replace("/rostra?", f"/{database}?")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def database(self, options: str = "") -> str:
        name = f"refused_{next(_numbers)}"
        self.execute(f"create database {name} template template0 {options}")
        return name

    def of(self, database: str, *, user: str = "rostra") -> str:
        return self.url.replace("/rostra?", f"/{database}?").replace("//rostra@", f"//{user}@")


@pytest.fixture(scope="module", params=first_is_quick([18, 15]))
def server(request: pytest.FixtureRequest, run_folder: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as only_here:
        if request.param == 15:
            if not POSTGRES_15.is_dir():
                missing("postgresql-15", f"install postgresql-15 in {POSTGRES_15}")
            only_here.setenv("PG_BIN", str(POSTGRES_15))
        folder = run_folder / f"refusing-{request.param}-{uuid4().hex[:8]}"
        lease = local_postgres.start(folder, durable=False)
    try:
        yield Server(lease)
    finally:
        lease.release()


@pytest.fixture
def rostra(tmp_path: Path) -> Command:
    (tmp_path / "rostra-data").mkdir(mode=0o700)
    return Command(
        tmp_path, ROSTRA_SECRET=SECRET, ROSTRA_MASTER_KEY=MASTER_KEY.hex(), ROSTRA_PORT="0"
    )


def refused(rostra: Command, url: str, *arguments: str) -> str:
    """Run a command that must be refused; what it said, in one line."""
    rostra.environment["ROSTRA_DATABASE_URL"] = url
    done = rostra(*arguments)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 2, said
    assert "Traceback" not in said and PASSWORD not in said and "wrong-one" not in said
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, said
    return lines[0]


@pytest.mark.parametrize("command", first_is_quick(["status", "serve"]))
def test_wrong_passwords_names_and_roles(server: Server, rostra: Command, command: str) -> None:
    asked = server.url.replace("//rostra@", "//asked:wrong-one@")
    said = refused(rostra, asked, command)
    assert "password authentication failed" in said and "check the password" in said
    assert "does not exist" in refused(rostra, server.of("nowhere"), command)
    assert "does not exist" in refused(rostra, server.of("rostra", user="nobody"), command)
    nologin = server.of("rostra", user="nologin")
    server.execute("drop role if exists nologin", "create role nologin nologin")
    assert "not permitted to log in" in refused(rostra, nologin, command)
    assert "unrecognized configuration" in refused(rostra, f"{server.url}&sslmod=x", command)
    bad_port = f"postgresql://u:{PASSWORD}@localhost:99999/d"
    assert "from 1 to 65535" in refused(rostra, bad_port, command)
    assert "postgresql://" in refused(rostra, f"mysql://u:{PASSWORD}@localhost/d", command)


def test_a_database_that_takes_no_connections(server: Server, rostra: Command) -> None:
    name = server.database()
    server.execute(f"alter database {name} allow_connections false")
    assert "not currently accepting" in refused(rostra, server.of(name), "status")


def test_a_password_from_a_file_is_right(server: Server, rostra: Command, tmp_path: Path) -> None:
    name = server.database("owner asked")
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:*:asked:{PASSWORD}\n")
    passwords.chmod(0o600)
    rostra.environment["PGPASSFILE"] = str(passwords)
    rostra.environment["ROSTRA_DATABASE_URL"] = server.of(name, user="asked")
    assert rostra("rebuild").returncode == 0
    url = tmp_path / "url"
    url.write_text(server.of(name, user=f"asked:{PASSWORD}"))
    del rostra.environment["PGPASSFILE"], rostra.environment["ROSTRA_DATABASE_URL"]
    rostra.environment["ROSTRA_DATABASE_URL_FILE"] = str(url)
    done = rostra("status")
    assert done.returncode == 0, done.stderr
    assert PASSWORD.encode() not in done.stdout + done.stderr
    url.write_text(server.of(name, user="asked:wrong-one"))
    del rostra.environment["ROSTRA_DATABASE_URL_FILE"]
    assert "check the password" in refused(
        rostra, server.of(name, user="asked:wrong-one"), "status"
    )


async def test_a_rotated_password_is_read_again(server: Server, tmp_path: Path) -> None:
    """Services run on while the password changes in the server and in the file."""
    name = server.database("owner asked")
    file = tmp_path / "url"
    file.write_text(server.of(name, user=f"asked:{PASSWORD}"))
    end = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    async with rostra_adapters.open(f"file:{file}", master_key=MASTER_KEY) as app:
        try:
            server.execute("alter role asked password 'another-one'", end)
            file.write_text(server.of(name, user="asked:another-one"))
            async with asyncio.timeout(60):
                while True:
                    with suppress(LogUnavailable):  # by a connection that was ended
                        (outcome,) = await app.publish([opened()])
                        break
            assert outcome.status == "recorded"
        finally:
            server.execute(f"alter role asked password '{PASSWORD}'")


@pytest.mark.parametrize(
    "options",
    first_is_quick(["encoding 'SQL_ASCII' locale 'C'", "encoding 'LATIN1' locale 'C'"]),
)
def test_an_encoding_that_cannot_hold_every_text(
    server: Server, rostra: Command, options: str
) -> None:
    name = server.database(options)
    for command in (["serve"], ["init", "--owner-url", server.of(name)]):
        said = refused(rostra, server.of(name), *command)
        assert "is encoded in" in said and "encoding 'UTF8'" in said


@pytest.mark.parametrize(
    "table",
    first_is_quick(
        [
            "create table stored_events (id serial primary key, payload jsonb)",
            "create view stored_events as select 1 as originator_id",
            "create table stored_events (originator_id uuid, originator_version int, topic text)",
        ]
    ),
)
def test_a_table_of_something_else(server: Server, rostra: Command, table: str) -> None:
    name = server.database()
    server.execute(table, database=name)
    for command in (["serve"], ["init", "--owner-url", server.of(name)]):
        said = refused(rostra, server.of(name), *command)
        assert "public.stored_events of something else" in said and "another database" in said


def test_a_role_that_may_make_nothing(server: Server, rostra: Command) -> None:
    name = server.database()
    for command in (["serve"], ["init", "--owner-url", server.of(name, user="plain")]):
        said = refused(rostra, server.of(name, user="plain"), *command)
        assert "schema public" in said and ("rostra init" in said or "grant" in said)
    server.execute(f"revoke connect on database {name} from public")
    assert "permission denied" in refused(rostra, server.of(name, user="plain"), "serve")


def test_a_second_rebuild_and_a_view_named_twice(server: Server, rostra: Command) -> None:
    name = server.database()
    rostra.environment["ROSTRA_DATABASE_URL"] = server.of(name)
    assert rostra("rebuild").returncode == 0
    assert "named twice: comments" in refused(
        rostra, server.of(name), "rebuild", "comments", "comments"
    )
    with psycopg.connect(server.of(name)) as other:
        other.execute(f"select pg_advisory_lock({locks.REBUILD})".encode())
        said = refused(rostra, server.of(name), "rebuild")
    assert "another rebuild is under way" in said


async def test_an_embedder_gets_the_documented_errors(server: Server) -> None:
    async def open_it(url: str) -> None:
        async with rostra_adapters.open(url, master_key=MASTER_KEY):
            pass

    with pytest.raises(DatabaseRefused) as told:
        await open_it(server.of("nowhere"))
    assert isinstance(told.value.__cause__, asyncpg.InvalidCatalogNameError)
    with pytest.raises(UnfitDatabase):
        await open_it(server.of(server.database("encoding 'LATIN1' locale 'C'")))
    name = server.database()
    server.execute("create table stored_events (originator_id text)", database=name)
    with pytest.raises(UnfitTable):
        await open_it(server.of(name))
