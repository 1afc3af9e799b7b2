"""Views in a database of the test's own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.views import schema
from support.views import tables


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """On new views, beside a log that a test may write to as it likes."""
    pool = await create_pool(database_url)
    async with pool.acquire() as connection:
        await schema.install(connection)
        await tables.forgetful(connection)
    yield pool
    await pool.close()


@pytest.fixture
async def database(pool: asyncpg.Pool, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """An operator's connection to the same."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
