"""Control of when a process looks for erasures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import patch

from rostra_adapters.postgres.keys.erasures import Erasures


@asynccontextmanager
async def no_look(erasures: Erasures) -> AsyncIterator[None]:
    """Keep a process from looking for erasures until the block ends; none is under way."""
    look, begun, go = erasures._look, asyncio.Event(), asyncio.Event()

    async def look_later() -> None:
        begun.set()
        await go.wait()
        await look()

    with patch.object(erasures, "_look", look_later):
        erasures._news.wake()
        await begun.wait()
        try:
            yield
        finally:
            go.set()
