"""Folds of the past whose rows a test may look at, made as a worker makes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

import msgspec

from rostra.log import EventLog
from rostra_adapters.application.queries import as_of as past_module
from rostra_adapters.application.queries.as_of import AsOfReader
from rostra_adapters.application.queries.past_workers import Begin, PastWorkers, Slot, _Worker
from rostra_projections.as_of_views import PastViews


class SlotHere(Slot):
    """A worker in this process: it is told and answers the same bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = _Worker()

    async def begin(self, name: str, discussion: UUID) -> None:
        await self._ask(Begin(name, discussion), bool)

    async def _ask(self, asked: object, kind: Any) -> Any:
        return msgspec.msgpack.decode(self.worker.answer(msgspec.msgpack.encode(asked)), type=kind)


def past_here(log: EventLog) -> tuple[AsOfReader, SlotHere]:
    """A Past whose one worker is in this process."""
    workers, slot = PastWorkers(1), SlotHere()
    workers._idle[0] = slot
    workers._slots = (slot,)
    return AsOfReader(log, workers), slot


@asynccontextmanager
async def folded(
    log: EventLog, discussion: UUID, position: int, *, elsewhere: bool = False
) -> AsyncIterator[PastViews]:
    """A discussion that was there at a position."""
    past, slot = past_here(log)
    with patch.object(past_module, "HERE_EVENTS_MAX", -1 if elsewhere else 10**9):
        async with past.views(discussion, position) as views:
            assert views is not None
            if elsewhere:
                yield slot.worker._views
            else:
                assert isinstance(views, PastViews)
                yield views
