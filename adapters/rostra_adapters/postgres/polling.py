"""News of the log and the views by polling, where PostgreSQL does not notify: on a standby."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

import asyncpg
import msgspec

from rostra.ids import prefix_of
from rostra.log import LogUnavailable, Recorded
from rostra_adapters.aio.background import BackgroundTask, end_background
from rostra_adapters.aio.wake_up import WakeUp
from rostra_adapters.application.invalidation import ChangeFeed, streams_of
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.one_server import OneServer
from rostra_adapters.postgres.views.lineage import OURS
from rostra_projections.views import VIEWS

LOOK_SECONDS = 0.05
CHANGES_AT_ONCE_MAX = 10_000
"""Events between two looks beyond which all cached answers are dropped."""
COMMIT_SECONDS_MAX = 1.0
"""Seconds in which an event that has its clock is in the primary's WAL."""

# One statement, and so one snapshot. A rebuild changes `versions`.
_LOOK = """
select
    (select id from public.rostra_log) as log,
    (select coalesce(max(notification_id), 0) from public.stored_events) as head,
    coalesce(min(position), 0) as position,
    array_agg((version, history)::text order by name) as versions,
    case when pg_is_in_recovery()
        then (select extract(epoch from beat_at)::float8 from public.rostra_heartbeat)
        else 'infinity'
    end as beat
from public.rostra_views where lineage = $1 and name = any($2::text[])"""
_CHANGES = """
select notification_id, originator_id, originator_version, topic,
    case when topic = 'discussion.opened' then state else ''::bytea end, null::uuid, null::text
from public.stored_events where notification_id > $1 and notification_id <= $2"""


class _Seen(msgspec.Struct, frozen=True):
    """One look."""

    log: UUID
    head: int
    position: int
    versions: tuple[str, ...]


class Polling:
    """Looks at the log and the views that wake waiting tasks and fill `changes`.

    The changes come from the rows between two positions of the views, so they never run ahead of
    the data. One connection of the pool looks; when it is lost, anything may have changed.
    """

    def __init__(self, pool: asyncpg.Pool, server: OneServer, look_seconds: float) -> None:
        self._pool = pool
        self._server = server
        self._look_seconds = look_seconds
        self._wake_up = WakeUp()
        self._task: BackgroundTask | None = None
        self._seen: _Seen | None = None
        self._beat = 0.0
        self.changes = ChangeFeed()
        self.on_log: Callable[[UUID], None] = lambda _: None
        """Called with the log's id when it may have become another one."""
        self.connected = False
        self.connections = 0
        """Number of times that another history may have begun."""

    def start(self) -> None:
        """Begin to look."""
        self._task = BackgroundTask(self._run, "poll")

    def next(self) -> asyncio.Event:
        """Return the event that the next news set."""
        return self._wake_up.next()

    async def close(self) -> None:
        """Stop looking, and wake all who wait."""
        await end_background(self._task)
        self._wake_up.send()

    def complete_until(self) -> float:
        """Return the POSIX time, by the primary's clock, up to which all events are here."""
        return self._beat - COMMIT_SECONDS_MAX

    async def _run(self) -> AsyncGenerator[None, None]:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                generation = self._server.generation
                try:
                    while True:
                        await self._look(connection)
                        yield
                        await asyncio.sleep(self._look_seconds)
                        if self._server.generation != generation:
                            raise LogUnavailable("reads go to another server now")
                finally:
                    self.connected, self._seen = False, None
                    self.changes.lose(listening=False)

    async def _look(self, connection: Connection) -> None:
        record = await connection.fetchrow(_LOOK, OURS.name, list(VIEWS))
        assert record is not None
        before, self._seen = (
            self._seen,
            _Seen(record[0], record[1], record[2], tuple(record[3] or ())),
        )
        self._beat = record[4] or 0.0  # infinity where nothing lags
        if before is None or before.log != self._seen.log:
            self.connections += 1
            self.connected = True
            self.on_log(self._seen.log)
            self.changes.listen()
        elif _is_another_history(before, self._seen):
            self.changes.lose()
        elif self._seen.position > before.position:
            await self._note_changes(connection, before.position, self._seen.position)
        if before != self._seen:
            self._wake_up.send()

    async def _note_changes(self, connection: Connection, after: int, position: int) -> None:
        rows = await connection.fetch(_CHANGES, after, position)
        changed = set(streams_of([Recorded(*row) for row in rows]))
        self.changes.note_change(position, {prefix_of(stream) for stream in changed})


def _is_another_history(before: _Seen, now: _Seen) -> bool:
    return (
        before.versions != now.versions
        or now.position < before.position
        or now.position - before.position > CHANGES_AT_ONCE_MAX
    )
