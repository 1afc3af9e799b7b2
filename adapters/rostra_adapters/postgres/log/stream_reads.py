"""Reads of streams: one query for all callers that wait for a connection."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from rostra.log import ALL_VERSIONS, LogUnavailable, Recorded
from rostra_adapters.aio.tasks import PendingTasks
from rostra_adapters.postgres.connect import raise_unavailable_if_lost

AT_ONCE_MAX = 2
"""Queries at a time; further callers wait, and share the next one."""
SHARED_STREAMS_MAX = 100
"""Streams of one caller. A caller with more has a query of its own, for which nobody waits."""
# `offset 0` keeps the planner from making one join of it, and that one a scan.
READ_STREAMS = """
select event.position, event.stream, event.version, event.topic, event.state,
    event.event_id, event.metadata
from unnest($1::uuid[], $2::bigint[]) as wanted (stream, after)
cross join lateral (
    select notification_id as position, originator_id as stream, originator_version as version,
        topic, state, event_id, metadata
    from public.stored_events
    where originator_id = wanted.stream and originator_version > wanted.after
    order by originator_version
    offset 0
) as event
"""

Streams = dict[UUID, list[Recorded]]


class _Waiting:
    __slots__ = ("after", "answer")

    def __init__(self, after: Mapping[UUID, int]) -> None:
        self.after = after
        """By stream, the version after which its events are wanted."""
        self.answer: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()


class StreamReads:
    """Reader of streams for all callers of this process.

    A query starts after the calls that it answers, so each caller finds what was there before.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: list[_Waiting] = []
        self._under_way = 0
        self._tasks = PendingTasks()
        self._closed = False

    async def read(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> Streams:
        """Return the events of each stream after a version. Raises LogUnavailable."""
        if self._closed:
            raise LogUnavailable("the log is closed")
        wanted = {stream: after.get(stream, 0) for stream in streams}
        if len(wanted) > SHARED_STREAMS_MAX:
            return await self._query(wanted)
        if self._under_way < AT_ONCE_MAX:
            self._under_way += 1
            try:
                return await self._query(wanted)
            finally:
                self._end_query()
        waiting = _Waiting(wanted)
        self._waiting.append(waiting)
        return await waiting.answer

    async def close(self) -> None:
        """End the shared queries; their callers get LogUnavailable."""
        self._closed = True
        await self._tasks.end()
        _fail(self._waiting, LogUnavailable("the log is closed"))

    def _end_query(self) -> None:
        """Start a query for all who wait, in place of one that has ended."""
        self._under_way -= 1
        if self._waiting and not self._closed:
            self._under_way += 1
            waiting, self._waiting = self._waiting, []
            _ = self._tasks.start(self._serve(waiting), "rostra-stream-reads")

    async def _serve(self, waiting: Sequence[_Waiting]) -> None:
        wanted: dict[UUID, int] = {}
        for each in waiting:
            for stream, after in each.after.items():
                wanted[stream] = min(after, wanted.get(stream, after))
        try:
            found = await self._query(wanted)
        except asyncio.CancelledError:
            _fail(waiting, LogUnavailable("the log is closed"))
            raise
        except Exception as error:  # noqa: BLE001  # not swallowed: the callers get it
            _fail(waiting, error)
        else:
            for each in waiting:
                if not each.answer.done():
                    each.answer.set_result(_part(found, each.after))
        finally:
            self._end_query()

    async def _query(self, after: Mapping[UUID, int]) -> Streams:
        found: Streams = {stream: [] for stream in after}
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(READ_STREAMS, list(after), list(after.values()))
        for row in rows:
            found[row[1]].append(Recorded(*row))
        return found


def _fail(waiting: Sequence[_Waiting], error: Exception) -> None:
    for each in waiting:
        if not each.answer.done():
            each.answer.set_exception(error)


def _part(found: Streams, after: Mapping[UUID, int]) -> Streams:
    """Return the events of one caller, from those of all."""
    return {
        stream: [row for row in found[stream] if row.version > version]
        for stream, version in after.items()
    }
