"""The log up to a position, read a range of discussions at a time.

PostgreSQL sorts it by range where there are several, so that it is read once however long it
is. Four events in five are votes: those come joined, many in a row, apart from all else.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from rostra_adapters.postgres.prefetch import prefetch
from rostra_adapters.postgres.rebuild.ranges import Part
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_projections.comments.bulk_votes import BETWEEN, TOPIC

READ_EVENTS = 500
"""Events that are fetched at once. What PostgreSQL sends during a fold must fit the connection's
buffers."""
JOINED_EVENTS, JOINED_EVENTS_MAX = 1_000, 20_000
"""Votes among so many events are joined: of a range, and of all ranges."""
READ_JOINED = 1

# In memory, or else in few runs on disk.
_SORTING = "set local work_mem = '64MB'"
_BY_INDEX = "set local enable_seqscan = off"  # each time, though the log was never analysed
_NO_RANGE, _RANGE = "0", "width_bucket(originator_id, $4::uuid[])"
# Votes cast in streams of ours: see `rostra.ids.is_ours`.
_QUICK = f"""(topic = '{TOPIC}' and get_byte(uuid_send(originator_id), 6) >> 4 = 8
    and get_byte(uuid_send(originator_id), 8) >> 6 = 2)"""
_EVENTS = """
select {range} as range, notification_id, originator_id, topic, state, event_id
from public.stored_events
where notification_id <= $1 and originator_id >= $2 and originator_id <= $3
    and {which}
order by range, notification_id"""
# Position by position, so that hardly anything is to be sorted.
_JOINED = """
select joined.*
from generate_series(0, $1::bigint, {at_once}) as after
cross join lateral (
    select {range} as range, array_agg(notification_id), string_agg(state, '{between}'::bytea)
    from public.stored_events
    where notification_id > after and notification_id <= least(after + {at_once}, $1)
        and originator_id >= $2 and originator_id <= $3 and {quick}
    group by 1
) joined
{order}"""


class RangesRead:
    """Records of a cursor, the first column of which is their range."""

    def __init__(self, pages: AsyncGenerator[Sequence[Any], None]) -> None:
        self._pages = pages
        self._left: Sequence[Any] = ()

    async def of(self, number: int) -> AsyncIterator[list[Any]]:
        """Those of a range, without it, by pages. No range is asked for before a lesser one."""
        while page := self._left or await self._next():
            here = [record[1:] for record in page if record[0] == number]
            self._left = [record for record in page if record[0] > number]
            if here:
                yield here
            if self._left:
                return

    async def _next(self) -> Sequence[Any]:
        async for page in self._pages:
            return page
        return ()


@asynccontextmanager
async def besides_votes(url: str, part: Part) -> AsyncIterator[RangesRead]:
    """Events as `rostra_projections.views.LogEvent`, in order, without the votes."""
    query = _EVENTS.format(range=_range(part), which=f"not {_QUICK}")
    async with aclosing(_pages(url, query, part, READ_EVENTS, _SORTING)) as pages:
        yield RangesRead(pages)


@asynccontextmanager
async def joined_votes(url: str, part: Part) -> AsyncIterator[RangesRead]:
    """Yield the votes: positions, and states joined with `BETWEEN`."""
    at_once = min(JOINED_EVENTS * (len(part.borders) + 1), JOINED_EVENTS_MAX)
    between = f"\\x{BETWEEN.hex()}"
    query = _JOINED.format(
        range=_range(part),
        at_once=at_once,
        between=between,
        quick=_QUICK,
        order="order by range" if part.borders else "",  # else all of it would be sorted
    )
    async with aclosing(_pages(url, query, part, READ_JOINED, _BY_INDEX)) as pages:
        yield RangesRead(pages)


@asynccontextmanager
async def in_order(url: str, part: Part, ranges: Sequence[int]) -> AsyncIterator[RangesRead]:
    """All events of some of the ranges, in order."""
    which = f"{_range(part)} in ({', '.join(map(str, ranges))})"
    query = _EVENTS.format(range=_range(part), which=which)
    async with aclosing(_pages(url, query, part, READ_EVENTS, _SORTING)) as pages:
        yield RangesRead(pages)


def _range(part: Part) -> str:
    return _RANGE if part.borders else _NO_RANGE


async def _pages(
    url: str, query: str, part: Part, count: int, settings: str
) -> AsyncGenerator[Sequence[Any], None]:
    """Yield pages of a query, each fetched while the page before is folded.

    The query has a connection of its own. Events up to a position never change, so any snapshot
    will do.
    """
    async with connect_patiently(url) as connection, connection.transaction():
        await connection.execute(settings)
        borders = [part.borders] if part.borders else []
        cursor = await connection.cursor(query, part.until, part.first, part.last, *borders)
        async with aclosing(prefetch(cursor, count)) as pages:
            async for page in pages:
                yield page
