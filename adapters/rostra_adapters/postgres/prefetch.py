"""Pages of a cursor, the next one asked for while one is used."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
from asyncpg.cursor import Cursor

from rostra_adapters.aio.tasks import end_tasks


async def prefetch(cursor: Cursor, rows: int) -> AsyncGenerator[list[asyncpg.Record], None]:
    """Yield pages of at most `rows` rows until there are no more."""
    ahead = asyncio.create_task(cursor.fetch(rows))
    try:
        while page := await ahead:
            ahead = asyncio.create_task(cursor.fetch(rows))
            await asyncio.sleep(0)  # the request is sent before the page is used
            yield page
    finally:
        await end_tasks(ahead)
