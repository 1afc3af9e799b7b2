"""TLS to PostgreSQL with a root of one's own: names and roots are checked."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from shutil import copy, rmtree
from tempfile import mkdtemp
from typing import NamedTuple

import psycopg
import pytest

import rostra_adapters
from cli.test_command_line import Command, conversation
from postgres.test_refused_databases import POSTGRES_15, refused, rostra
from rostra_adapters.local_postgres.programs import own
from support.cases import first_is_quick
from support.certificates import Root
from support.replication import Node
from support.requirements import missing
from support.service import MASTER_KEY

__all__ = ["rostra"]  # a fixture

pytestmark = [pytest.mark.process, pytest.mark.postgres]

HOST = "localhost"
SETTINGS = """
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
"""
HBA = "hostssl all all 127.0.0.1/32 trust\nlocal all all trust\n"


class Server(NamedTuple):
    """A server that takes connections over TLS alone."""

    node: Node
    root: Path
    other_root: Path

    def url(self, mode: str, root: Path | None = None, host: str = HOST) -> str:
        given = "" if root is None else f"&sslrootcert={root}"
        return f"postgresql://rostra@{host}:{self.node.port}/rostra?sslmode={mode}{given}"

    def value(self, statement: str, database: str = "rostra") -> object:
        """Run an operator's statement, and return its first value."""
        url = self.url("require").replace("/rostra?", f"/{database}?")
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            row = done.fetchone() if done.description else None
        return None if row is None else row[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """PostgreSQL 15 of the system: that of the wheel is built without TLS."""
    if not POSTGRES_15.is_dir():
        missing("postgresql-15", "install it, for tests of TLS")
    certificates = tmp_path_factory.mktemp("certificates")
    root, other = Root(certificates), Root(certificates, "other")
    signed = root.sign(HOST)
    home = Path(mkdtemp(prefix="rostra-tls-"))
    with pytest.MonkeyPatch.context() as only_here:
        only_here.setenv("PG_BIN", str(POSTGRES_15))
        node = Node(home, "server")
    account = node.programs.account
    own(home, account)
    try:
        node.initialise("--locale=C.UTF-8")
        for source, name in ((signed.certificate, "server.crt"), (signed.key, "server.key")):
            own(Path(copy(source, node.folder / name)), account)
        with (node.folder / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        (node.folder / "pg_hba.conf").write_text(HBA)
        node.start()
        server = Server(node, root.file, other.file)
        server.value("create database rostra", database="postgres")
        yield server
    finally:
        node.stop("immediate")
        rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
async def test_a_connection_is_encrypted_and_its_server_known(server: Server, mode: str) -> None:
    root = None if mode == "require" else server.root
    async with rostra_adapters.open(server.url(mode, root), master_key=MASTER_KEY) as app:
        await app.publish(conversation())
        await app.wait(await app.head(), 60)
        assert await app.verify() == []
    seen = "select bool_and(ssl) from pg_stat_ssl s join pg_stat_activity a using (pid)"
    async with rostra_adapters.open(server.url(mode, root), master_key=MASTER_KEY):
        by_rostra = f"{seen} where a.application_name = 'rostra'"
        assert await asyncio.to_thread(server.value, by_rostra) is True


@pytest.mark.parametrize("command", first_is_quick(["status", "serve"]))
def test_another_root_or_name_is_refused_in_one_line(
    server: Server, rostra: Command, command: str
) -> None:
    said = refused(rostra, server.url("verify-full", server.other_root), command)
    assert "unable to get local issuer certificate" in said and "sslrootcert" in said
    said = refused(rostra, server.url("verify-full", server.root, "127.0.0.1"), command)
    assert "127.0.0.1" in said and "certificate" in said
    said = refused(rostra, server.url("verify-full", Path("/nowhere/root.crt")), command)
    assert "/nowhere/root.crt" in said
    said = refused(rostra, server.url("disable"), command)
    assert "no encryption" in said and "pg_hba.conf" in said
