"""The SQL and the settings of docs/how-to/own-postgresql.md, run as they stand."""

import re
from pathlib import Path

import psycopg
import pytest

from cli.test_command_line import Command, Running, conversation, get, ndjson
from postgres.test_refused_databases import Server, refused, rostra, server
from support.pages import PROJECT
from support.pgbouncer import pgbouncer
from support.waiting import block_until

__all__ = ["rostra", "server"]  # fixtures

PAGE = (PROJECT / "docs/how-to/own-postgresql.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATABASE = "rostra_forum"

pytestmark = [pytest.mark.process, pytest.mark.postgres]


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(PAGE) if found == language]


def statements(text: str) -> list[str]:
    return [one.strip() for one in text.split(";") if one.strip()]


def test_the_page_makes_a_database_that_serves_and_is_read(
    server: Server, rostra: Command, tmp_path: Path
) -> None:
    make, read = blocks("sql")
    (settings,) = blocks("ini")
    server.execute(*statements(make))
    urls = {
        role: server.of(DATABASE, user=role)
        for role in ("rostra_owner", "rostra_serving", "rostra_reading")
    }
    init = re.search(r"rostra init --owner-url \S+ --serving-role (\w+)", PAGE)
    assert init is not None and init[1] == "rostra_serving"
    done = rostra("init", "--owner-url", urls["rostra_owner"], "--serving-role", init[1])
    assert done.returncode == 0, done.stderr
    with pgbouncer(server.lease, settings) as pooler:
        rostra.environment |= {
            "ROSTRA_DATABASE_URL": pooler.replace("/rostra?", f"/{DATABASE}?"),
            "ROSTRA_DIRECT_DATABASE_URL": urls["rostra_serving"],
        }
        service = Running(rostra.starting("serve"))
        rostra.environment["ROSTRA_URL"] = service.url
        try:
            assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
            block_until(lambda: get(service.url + "/readyz")["lag"] == 0)
        finally:
            assert service.stop() == 0
    del rostra.environment["ROSTRA_DIRECT_DATABASE_URL"]
    server.execute(*statements(read), database=DATABASE)
    rostra.environment["ROSTRA_DATABASE_URL"] = urls["rostra_reading"]
    for command in ("status", "verify", "export"):
        done = rostra(command)
        assert done.returncode == 0, (command, done.stderr)


@pytest.mark.slow
def test_a_dump_without_keys_is_refused_until_they_are_given_up(
    server: Server, rostra: Command
) -> None:
    name = server.database()
    rostra.environment["ROSTRA_DATABASE_URL"] = server.of(name)
    service = Running(rostra.starting("serve"))
    rostra.environment["ROSTRA_URL"] = service.url
    try:
        assert rostra("publish", "-", stdin=ndjson(conversation())).returncode == 0
    finally:
        assert service.stop() == 0
    assert b"Yes." in rostra("export").stdout
    server.execute("drop schema rostra_keys cascade", database=name)  # as such a dump leaves it
    for command in ("serve", "status", "export"):
        said = refused(rostra, server.of(name), command)
        assert "no schema rostra_keys" in said and "create schema rostra_keys" in said
    server.execute("create schema rostra_keys", database=name)
    assert "no schema rostra_keys" in refused(rostra, server.of(name), "export")
    process = rostra.starting("serve")
    assert Running(process).stop() == 0
    exported = rostra("export")
    assert exported.returncode == 0, exported.stderr
    assert b"Yes." not in exported.stdout and b"comment.posted" in exported.stdout
    with psycopg.connect(server.of(name)) as connection:
        assert connection.execute("select count(*) from rostra_keys.person_keys").fetchone()
