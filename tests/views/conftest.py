"""Views in a database of the test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.views import schema
from support.databases import Databases
from support.views import tables

Filled = Callable[[Callable[[asyncpg.Connection], Awaitable[None]]], str]


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


@pytest.fixture(scope="module")
def filled(databases: Databases, _template: str) -> Filled:
    """Make a database with views that a function fills, and return its URL."""

    def make(fill: Callable[[asyncpg.Connection], Awaitable[None]]) -> str:
        async def install_and_fill(connection: asyncpg.Connection) -> None:
            await schema.install(connection)
            await tables.forgetful(connection)
            await fill(connection)

        return databases.filled(_template, install_and_fill)

    return make
