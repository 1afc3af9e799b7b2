"""Migrations of Rostra's own tables in SQLite files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

import rostra_adapters
from rostra_adapters.errors import NewerDatabase
from rostra_adapters.stock import schema
from rostra_adapters.stock.log import StockLog
from upgrade.test_upgrading import SERVED, file_of_release

NEXT = schema.SqliteMigration(
    2, "a column", ("alter table rostra_article_texts add column language text",)
)


def shape(file: Path) -> set[tuple[str, str]]:
    """Return the tables of Rostra's own, and their columns."""
    with closing(sqlite3.connect(file)) as connection:
        return {
            (table, str(column))
            for (table,) in connection.execute(
                "select name from sqlite_master where type = 'table' and name like 'rostra%'"
            )
            for column in connection.execute(f"pragma table_info({table})")
        }


def recorded(file: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("select * from rostra_migrations order by 1").fetchall()


async def opened(file: Path, *, read_only: bool = False) -> int:
    """Open a file and return the head of its log."""
    async with rostra_adapters.open(f"sqlite:{file}", read_only=read_only) as app:
        return await app.head()


async def test_a_file_of_the_last_release_is_read_without_being_written(tmp_path: Path) -> None:
    file = file_of_release(tmp_path / "rostra.sqlite")
    before = shape(file)
    assert await opened(file, read_only=True) == SERVED["head"]
    assert shape(file) == before


async def test_a_new_file_records_its_migrations(tmp_path: Path) -> None:
    await opened(tmp_path / "new")
    assert recorded(tmp_path / "new") == [each[:2] for each in schema.MIGRATIONS]


async def test_each_version_becomes_what_a_new_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, with_log_alone = tmp_path / "before", tmp_path / "log"
    release = file_of_release(tmp_path / "release")
    await opened(before)
    datastore = SQLiteDatastore(str(with_log_alone))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    async with StockLog(recorder) as log:
        log_id = await log.log_id()
    datastore.close()

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT))
    await opened(tmp_path / "new")
    assert ("rostra_article_texts", "language") in {
        (table, column.split("'")[1]) for table, column in shape(tmp_path / "new")
    }
    for file in (before, with_log_alone, release):
        for _ in range(2):
            await opened(file)
            assert shape(file) == shape(tmp_path / "new"), file
            assert recorded(file) == [each[:2] for each in schema.MIGRATIONS]
    async with rostra_adapters.open(f"sqlite:{with_log_alone}") as app:
        assert await app.log.log_id() == log_id


async def test_a_file_of_a_newer_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT))
        await opened(tmp_path / "new")
    for read_only in (False, True):
        with pytest.raises(NewerDatabase, match="its schema is 2, and this version knows"):
            await opened(tmp_path / "new", read_only=read_only)


async def test_a_migration_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rostra.sqlite"
    await opened(file)
    before = shape(file)
    broken = schema.SqliteMigration(2, "broken", (*NEXT.statements, "no statement"))
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(rostra_adapters.SqliteFileError, match="syntax error"):
            await opened(file)
    assert shape(file) == before
    await opened(file)
