"""Waiting until views have read a position."""

import asyncio
from typing import Protocol

from rostra.log import EventLog
from rostra_adapters.application.ports import RETRY_AFTER_SECONDS
from rostra_adapters.errors import ViewBehind


class HasPosition(Protocol):
    @property
    def position(self) -> int:
        """Position up to which the views have read, as far as this process knows."""


async def wait_for_views(
    views: HasPosition,
    moved: asyncio.Condition,
    log: EventLog,
    position: int,
    wait_seconds: float,
    *,
    may_lag: bool = False,
) -> None:
    """Wait until `views` have read `position`. `moved` is notified when they have read more.

    Raises ViewBehind after `wait_seconds`, and at once for a position beyond the log's head,
    unless that `may_lag` behind the head of another machine.
    """
    if views.position >= position:
        return
    if not may_lag and position > await log.head():
        raise ViewBehind(views.position, position, RETRY_AFTER_SECONDS)
    try:
        async with asyncio.timeout(wait_seconds), moved:
            await moved.wait_for(lambda: views.position >= position)
    except TimeoutError:
        raise ViewBehind(views.position, position, RETRY_AFTER_SECONDS) from None
