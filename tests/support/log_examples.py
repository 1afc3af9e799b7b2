"""Groups to append, and conditions to wait for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID, uuid4

from rostra.ids import EventId, StreamId
from rostra.log import EventLog, Recorded
from support.appending import Group, NewEvent
from support.waiting import WAIT_SECONDS_MAX


def event(stream: UUID, version: int, *, topic: str = "told", state: bytes = b"{}") -> NewEvent:
    return NewEvent(StreamId(stream), version, topic, state)


def group(
    *events: NewEvent, upon: Mapping[UUID, int] | None = None, metadata: bytes = b"{}"
) -> Group:
    """The events, guarded by the versions they follow and those of `upon`."""
    guards = dict(upon or {})
    for new in events:
        guards.setdefault(new.stream, new.version - 1)
    return Group(events=events, guards=guards, event_id=EventId(uuid4()), metadata=metadata)


def one(stream: UUID, version: int = 1, *, upon: Mapping[UUID, int] | None = None) -> Group:
    return group(event(stream, version), upon=upon)


async def followed(log: EventLog, position: int, count: int) -> list[Recorded]:
    """The next `count` events that a follower sees."""
    seen: list[Recorded] = []
    pages: AsyncIterator[list[Recorded]] = log.follow(position, 100)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(seen) < count:
            seen += await anext(pages)
    await pages.aclose()  # type: ignore[attr-defined]  # the port promises no more than an iterator
    return seen


def positions(rows: Sequence[Recorded]) -> list[int]:
    return [row.position for row in rows]
