"""Installing: anew, again, at once, and over what the stock library made."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from rostra_adapters.errors import UnfitTable
from rostra_adapters.postgres import PostgresLog, install
from support.appending import Appended, append
from support.log_examples import one, positions
from support.stock_logs import stock_recorder, stored

COLUMNS = """
select column_name, data_type, is_nullable, column_default
from information_schema.columns
where table_schema = 'public' and table_name = 'stored_events'
order by ordinal_position
"""
INDEXES = "select indexdef from pg_indexes where tablename = 'stored_events' order by indexname"


async def _shape(url: str) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
    connection = await asyncpg.connect(url)
    shape = await connection.fetch(COLUMNS), await connection.fetch(INDEXES)
    await connection.close()
    return shape


async def _install(url: str) -> None:
    connection = await asyncpg.connect(url)
    await install(connection)
    await connection.close()


async def test_the_table_is_the_stock_one_and_two_columns(
    database_url: str, empty_database_url: str
) -> None:
    with stock_recorder(empty_database_url):
        stock_columns, stock_indexes = await _shape(empty_database_url)
    columns, indexes = await _shape(database_url)

    assert columns[: len(stock_columns)] == stock_columns
    assert [(row["column_name"], row["data_type"]) for row in columns[len(stock_columns) :]] == [
        ("event_id", "uuid"),
        ("metadata", "jsonb"),
    ]
    assert indexes == stock_indexes


async def test_a_log_that_a_stock_recorder_began_is_continued(empty_database_url: str) -> None:
    with stock_recorder(empty_database_url) as recorder:
        recorder.insert_events([stored(uuid4()), stored(uuid4())])
        await _install(empty_database_url)
        async with await PostgresLog.open(empty_database_url) as log:
            assert await append(log, [one(uuid4())]) == [Appended(3, 3)]
            recorder.insert_events([stored(uuid4())])
            assert positions(await log.read_after(0, 10)) == [1, 2, 3, 4]


async def test_processes_that_start_at_once_install_once(empty_database_url: str) -> None:
    await asyncio.gather(*(_install(empty_database_url) for _ in range(6)))

    async with (
        await PostgresLog.open(empty_database_url) as log,
        await PostgresLog.open(empty_database_url) as another,
    ):
        assert await log.log_id() == await another.log_id()
        assert await append(log, [one(uuid4())]) == [Appended(1, 1)]


async def test_installing_again_locks_nothing_and_keeps_the_id(
    postgres_log: PostgresLog, database: asyncpg.Connection, database_url: str
) -> None:
    id_before = await postgres_log.log_id()
    async with database.transaction():
        await database.execute("lock table stored_events in row exclusive mode")
        async with asyncio.timeout(60):
            await _install(database_url)

    async with await PostgresLog.open(database_url) as log:
        assert await log.log_id() == id_before


async def test_streams_that_are_not_uuids_are_refused(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create table stored_events (originator_id text)")
    with pytest.raises(UnfitTable):
        await install(connection)
    await connection.close()
