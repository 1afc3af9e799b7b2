"""A log and a key ring of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from rostra.log import EventLog
from rostra_adapters.postgres import PostgresLog, create_pool
from rostra_adapters.stock.log import StockLog


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_url)
    yield pool
    await pool.close()


@pytest.fixture
async def postgres_log(pool: asyncpg.Pool) -> AsyncIterator[PostgresLog]:
    async with await PostgresLog.open(pool) as log:
        yield log


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of an operator, or of a foreign writer."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def sqlite_log(tmp_path: Path) -> AsyncIterator[StockLog]:
    datastore = SQLiteDatastore(str(tmp_path / "log.sqlite"))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    async with StockLog(recorder) as log:
        yield log
    datastore.close()


@pytest.fixture
async def memory_log() -> AsyncIterator[StockLog]:
    async with StockLog(POPOApplicationRecorder()) as log:
        yield log


@pytest.fixture(params=["postgres", "sqlite", "memory"])
def log(request: pytest.FixtureRequest) -> EventLog:
    """A log of each kind, empty."""
    log: EventLog = request.getfixturevalue(f"{request.param}_log")
    return log
