"""Connections for what may take long: of their own, and without a limit to each statement."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rostra_adapters.postgres.connect import LOST, connect

CLOSE_SECONDS_MAX = 2.0


@asynccontextmanager
async def connect_patiently(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection. At the end it is closed, with its transaction and its locks."""
    connection = await connect(url)
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=CLOSE_SECONDS_MAX)
        except LOST:
            connection.terminate()
