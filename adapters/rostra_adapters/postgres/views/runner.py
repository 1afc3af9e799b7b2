"""Projection of new events into the views: one process projects, others wait to take over."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from time import perf_counter

import asyncpg

from rostra.log import EventLog, Recorded
from rostra_adapters.aio.background import BackgroundTask, end_background, repeat
from rostra_adapters.aio.task_group import task_group
from rostra_adapters.errors import RebuildRefused
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild import rebuilding
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.lease import ProjectorLease
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.projector import Fenced, Projector, ViewState, at, states

logger = logging.getLogger(__name__)

PAGE_EVENTS = 1_000
PAGE_EVENTS_MAX = 32_000
"""Pages grow up to this while the log grows faster than it is read."""
PAUSE_SECONDS_EACH = 0.001
PAUSE_SECONDS_MAX = 0.03
"""Pause after a page for each of its events, at most; a page that took longer pauses as long as it
took. Events recorded meanwhile form the next page: under load pages grow, each event costs less,
and publishers have the rest of the processor."""
FAR_EVENTS = 100_000
"""Views more than this many events and half of the log behind are rebuilt in parallel. That takes a
fifth of the time (decision 0025)."""
FAR_JOBS = 2
"""Processes of such a rebuild: few, because the service goes on answering beside it."""
STANDBY_SECONDS = 0.5
"""Seconds between attempts to get the lease while another process projects."""
PRUNE_SECONDS = 60.0
"""Seconds between removals of old moves and of replaced tables."""
MOVES_KEPT = "1 hour"
"""Age at which moves are removed. Lists that were begun earlier are read from the log."""

PRUNE = """
with gone as (
    delete from public.comment_moves where moved_at < clock_timestamp() - $1::text::interval
    returning discussion, position
)
insert into public.comment_moves_gone as known (discussion, position)
select discussion, max(position) from gone group by discussion
on conflict (discussion) do update
set position = greatest(known.position, excluded.position)"""


class ViewRunner:
    """Projection of one process, as long as it holds the lease."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        log: EventLog,
        url: str,
        lease_seconds: float,
        lineage: Lineage = OURS,
    ) -> None:
        self._pool = pool
        self._lineage = lineage
        self._log = log
        self._url = url
        self._lease = ProjectorLease(pool, lease_seconds, lineage)
        self._may_rebuild = True
        self._tasks: list[BackgroundTask] = []
        self._projecting = False
        self._position = 0
        self.foreign = 0

    def start(self) -> None:
        own, is_vital = "", not self._lineage.is_own
        if self._lineage.is_own:
            own = f" {', '.join(self._lineage.views)}"
        self._tasks = [
            BackgroundTask(self._run, f"project{own}", is_vital=is_vital),
            BackgroundTask(
                repeat(self._beat, self._lease.beat_seconds), f"heartbeat{own}", is_vital=is_vital
            ),
        ]

    async def close(self) -> None:
        """End projection. The current page is written whole or not at all."""
        await end_background(*self._tasks)

    async def _run(self) -> AsyncGenerator[None, None]:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                try:
                    while not await self._lease.acquire(connection):
                        if stopped := await self._lease.end_holder(connection):
                            logger.warning("taking over from %s: no heartbeat", stopped)
                        yield
                        await asyncio.sleep(STANDBY_SECONDS)
                    self._projecting = True
                    async with aclosing(self._project(connection)) as pages:
                        async for _ in pages:
                            yield
                finally:
                    self._projecting = False
                    with suppress(asyncpg.InterfaceError):  # the pool has noticed first
                        connection.terminate()  # and with it the session's lock

    async def _beat(self) -> None:
        """Record a heartbeat while this process projects; stop projecting if the lease is lost."""
        if self._projecting and not await self._lease.beat(self._position):
            self._tasks[0].interrupt(Fenced("the lease was lost"))

    async def _project(self, connection: Connection) -> AsyncGenerator[None, None]:
        """Project pages for all views, after views that are behind have caught up."""
        pruning = asyncio.get_running_loop().time()
        if not await schema.is_made(connection, self._lineage):
            # We were stopped for so long that others took us for gone.
            await schema.install(connection, self._lineage)
        projector = await Projector.begin(connection)
        await self._rebuilt(await states(connection, self._lineage))
        while True:
            view_states = await states(connection, self._lineage)
            behind = [each for each in view_states if each.position < _last(view_states)]
            if behind:
                await self._catch_up(projector, behind, _last(view_states))
                continue
            self._position = position = _last(view_states)
            yield
            async for page in self._log.follow(position, PAGE_EVENTS):
                began = perf_counter()
                position = await self._project_page(projector, at(view_states, position), page)
                yield
                if len(page) == PAGE_EVENTS:
                    if not await self._rebuilt(at(view_states, position)):
                        await self._catch_up_together(projector, view_states, position)
                    break
                now = asyncio.get_running_loop().time()
                if now - pruning > PRUNE_SECONDS:
                    pruning = now
                    await self._prune(connection)
                await asyncio.sleep(_pause_seconds(len(page), perf_counter() - began))

    async def _prune(self, connection: Connection) -> None:
        """Delete what is no longer read: old moves, and tables that others have replaced."""
        if not self._lineage.is_own:
            await connection.execute(PRUNE, MOVES_KEPT)
            await schema.drop_unseen(connection)
        await rebuilding.drop_replaced(connection, self._lineage)

    async def _rebuilt(self, view_states: Sequence[ViewState]) -> bool:
        """Rebuild views that are far behind. Return whether that was done.

        If it fails, for example for want of room for both versions, they catch up by pages.
        """
        head = await self._log.head()
        far = [each for each in view_states if _is_far(head - each.position, head)]
        if not far or not self._may_rebuild:
            self._may_rebuild = self._may_rebuild or not far
            return False
        least = min(each.position for each in far)
        if not await rebuilding.is_whole(self._url, least, head):
            return False
        names = [each.name for each in far]
        logger.warning("%s: %d events behind, rebuilding", ", ".join(names), head - least)
        try:
            await rebuilding.rebuild(
                self._url, names, lineages=[self._lineage], jobs=FAR_JOBS, until=head
            )
        except RebuildRefused:
            return False
        except Exception:  # after any error, pages still work
            logger.exception("rebuilding failed: catching up by pages")
            self._may_rebuild = False
            return False
        return True

    async def _catch_up_together(
        self, projector: Projector, view_states: Sequence[ViewState], position: int
    ) -> None:
        """Project pages of growing size until one is not full. Large pages cost less an event."""
        limit = 2 * PAGE_EVENTS
        page = await self._log.read_after(position, limit, may_be_cached=True)
        async with task_group() as group:
            while page:
                full, limit = len(page) == limit, min(2 * limit, PAGE_EVENTS_MAX)
                coming = group.create_task(self._next_page(page, limit, full=full))
                position = await self._project_page(projector, at(view_states, position), page)
                page = await coming

    async def _project_page(
        self, projector: Projector, view_states: Sequence[ViewState], page: Sequence[Recorded]
    ) -> int:
        self._position = await projector.project(view_states, page, passed_over=self._count_foreign)
        return self._position

    def _count_foreign(self, events: int) -> None:
        self.foreign += events

    async def _next_page(
        self, page: Sequence[Recorded], limit: int, *, full: bool
    ) -> list[Recorded]:
        """Return the page after a full page; an empty one after any other."""
        return (
            await self._log.read_after(page[-1].position, limit, may_be_cached=True) if full else []
        )

    async def _catch_up(self, projector: Projector, behind: Sequence[ViewState], join: int) -> None:
        """Project one page into the furthest-behind views; stop at the next view's position."""
        first = min(each.position for each in behind)
        last_ones = [each for each in behind if each.position == first]
        others = [each.position for each in behind if each.position > first]
        page = await self._log.read_after(first, PAGE_EVENTS_MAX, may_be_cached=True)
        page = [row for row in page if row.position <= min([join, *others])]
        await projector.project(last_ones, page)


def _pause_seconds(events: int, took_seconds: float) -> float:
    """Return the pause after a page of so many events."""
    return min(PAUSE_SECONDS_MAX, max(PAUSE_SECONDS_EACH * events, took_seconds))


def _is_far(lag: int, head: int) -> bool:
    return lag > FAR_EVENTS and 2 * lag > head


def _last(view_states: Sequence[ViewState]) -> int:
    return max(each.position for each in view_states)
