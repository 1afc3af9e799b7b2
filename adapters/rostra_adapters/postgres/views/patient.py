"""Connections for what may take long: of their own, and without a limit to each statement."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rostra_adapters.postgres.connect import CONNECT_SECONDS_MAX, LOST, SETTINGS, check_url

CLOSE_SECONDS_MAX = 2.0


@asynccontextmanager
async def connect_patiently(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is gone at the end, and with it its transaction and its locks."""
    with check_url():
        connection = await asyncpg.connect(
            url, timeout=CONNECT_SECONDS_MAX, server_settings=SETTINGS
        )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=CLOSE_SECONDS_MAX)
        except LOST:
            connection.terminate()
