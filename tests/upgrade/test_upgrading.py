"""Databases and files of the last release open in this version and serve the same comments."""

import json
import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.errors import NewerDatabase
from rostra_adapters.postgres import schema
from support.service import Service, serving_app

RELEASE = Path(__file__).with_name("release")
SERVED: dict[str, Any] = json.loads((RELEASE / "comments.json").read_text())

SHAPE = """
select 'column', table_schema || '.' || table_name || '.' || column_name,
    concat_ws(' ', udt_name, is_nullable, column_default)
from information_schema.columns where table_schema in ('public', 'rostra_keys')
    and table_name !~ '_v[0-9]+$'
union all
select 'function', oid::regprocedure::text, pg_get_functiondef(oid)
from pg_proc where pronamespace = 'public'::regnamespace
union all
select 'index', schemaname || '.' || indexname, indexdef
from pg_indexes where schemaname in ('public', 'rostra_keys') and tablename !~ '_v[0-9]+$'
union all
select 'trigger', tgname, pg_get_triggerdef(oid) || tgenabled::text
from pg_trigger where not tgisinternal
union all
select 'domain', typname, format_type(typbasetype, typtypmod)
from pg_type where typtype = 'd' and typnamespace = 'public'::regnamespace
order by 1, 2, 3"""
VIEW_TABLES = ("rostra_views", "rostra_lineages", "rostra_parked", "comment_moves")


def of_release(url: str) -> str:
    """Fill an empty database as the release left it."""
    with psycopg.connect(url) as connection:
        connection.execute((RELEASE / "postgres.sql").read_bytes())
    return url


def file_of_release(file: Path) -> Path:
    """Make an SQLite file, and the file of its master key, as the release left them."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((RELEASE / "sqlite.sql").read_text())
        connection.execute("pragma journal_mode = wal")
    shutil.copy(RELEASE / "sqlite.master-key", f"{file}.master-key")
    Path(f"{file}.master-key").chmod(0o600)
    return file


async def shape(url: str) -> list[tuple[str, ...]]:
    """Return all that migrations make, in a fixed order; the views' tables are left out."""
    connection = await asyncpg.connect(url)
    rows = [tuple(map(str, row)) for row in await connection.fetch(SHAPE)]
    await connection.close()
    return [row for row in rows if not any(name in row[1] for name in VIEW_TABLES)]


async def migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    await schema.install(connection)
    await connection.close()


async def comments(service: Service, order: str) -> list[dict[str, Any]]:
    """Return the discussion's list, as it is served."""
    answer = await service.get(
        f"/v1/discussions/{SERVED['discussion']}/comments",
        order=order,
        limit=100,
        min_position=SERVED["head"],
    )
    assert answer.status == 200, answer
    listed: list[dict[str, Any]] = answer.json["comments"]
    return listed


async def assert_serves_the_same(app: App) -> None:
    async with serving_app(app) as service:
        for order, ids in SERVED["orders"].items():
            assert [comment["id"] for comment in await comments(service, order)] == ids, order
        now = {comment["id"]: comment for comment in await comments(service, "newest")}
    for before in SERVED["comments"]:
        for field, value in before.items():
            if field != "replies":
                assert now[before["id"]][field] == value, (before["id"], field)


async def test_a_database_of_the_last_release_serves_the_same_comments(
    empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    of_release(empty_database_url)
    caplog.set_level(logging.INFO, logger=schema.logger.name)

    master_key = bytes.fromhex((RELEASE / "master-key").read_text().strip())
    async with rostra_adapters.open(empty_database_url, master_key=master_key) as app:
        await assert_serves_the_same(app)
        assert await app.verify() == []

    logged = [record for record in caplog.records if record.name == schema.logger.name]
    (line,) = [record.getMessage() for record in logged]
    assert line.startswith(f"database upgraded from schema 6 to {schema.VERSION}: 7 revoked")


async def test_an_sqlite_file_of_the_last_release_serves_the_same_comments(tmp_path: Path) -> None:
    async with rostra_adapters.open(f"sqlite:{file_of_release(tmp_path / 'file')}") as app:
        await assert_serves_the_same(app)


@pytest.mark.parametrize("number", [migration.number for migration in schema.MIGRATIONS])
async def test_each_version_becomes_what_a_new_database_is(
    number: int, empty_database_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        _end_at(number, older)
        await migrate(empty_database_url)
    await migrate(empty_database_url)

    assert await shape(empty_database_url) == await shape(database_url)


async def test_append_functions_of_earlier_versions_are_dropped(
    empty_database_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        _end_at(24, older)
        await migrate(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    for name in ("rostra_append", "rostra_append_events"):
        await connection.execute(f"create function {name}(int) returns int return $1")
    await connection.close()
    assert await shape(empty_database_url) != await shape(database_url)
    await migrate(empty_database_url)

    assert await shape(empty_database_url) == await shape(database_url)


def _end_at(number: int, older: pytest.MonkeyPatch) -> None:
    """Let the schema end at an earlier version."""
    known = tuple(each for each in schema.MIGRATIONS if each.number <= number)
    older.setattr(schema, "MIGRATIONS", known)
    older.setattr(schema, "VERSION", number)


async def test_an_upgraded_database_is_like_a_new_one(
    empty_database_url: str, database_url: str
) -> None:
    await migrate(of_release(empty_database_url))

    assert await shape(empty_database_url) == await shape(database_url)


async def test_migrations_that_ran_are_recorded(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("select number, name from rostra_migrations order by 1")
    await connection.close()

    assert [tuple(row) for row in rows] == [each[:2] for each in schema.MIGRATIONS]


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update rostra_log set schema_version = $1", schema.VERSION + 1)

    for opened in (schema.install, schema.check):
        with pytest.raises(NewerDatabase, match=f"is {schema.VERSION + 1}, and this version"):
            await opened(connection)
    await connection.close()
