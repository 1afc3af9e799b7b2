"""Background work that ends only when it is done or cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

RETRY_SECONDS = 0.5

_logger = logging.getLogger(__name__)


async def restart_on_error(work: Callable[[], Awaitable[None]], name: str) -> None:
    """Await `work` until it returns. After an unexpected error, which is logged, it begins
    again: others wait for what it does, and would wait for ever.
    """
    while True:
        try:
            await work()
        except Exception:
            _logger.exception("%s failed and begins again", name)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
