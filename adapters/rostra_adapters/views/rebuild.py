"""Rebuilding a view from the log, beside the live one: reads and writes go on throughout.

Folds what the live view has read into fresh tables, a range of discussions at a
time, catches up, and in one transaction that holds the checkpoint applies what
is left and puts the new version in the old one's place.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from uuid import UUID

import asyncpg
import msgspec

from rostra.ids import discussion_of
from rostra.log import Recorded
from rostra_adapters.postgres.connect import SETTINGS
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.views import schema, store
from rostra_adapters.views.projector import CHANNEL, ViewState, apply, states
from rostra_adapters.views.runner import PAGE_EVENTS_MAX
from rostra_projections.tables import Rows
from rostra_projections.views import VIEWS, CannotFold, Parked, View, fold_fact, read

RANGE_EVENTS = 500_000
"""About as many events are folded in memory at a time."""
READ_EVENTS = 5_000

_ONE_AT_A_TIME = "select pg_try_advisory_lock(5940093377497353331)"
_READ = """
select notification_id, originator_id, originator_version, topic, state, event_id, null
from public.stored_events
where notification_id > $1 and notification_id <= $2
    and originator_id >= $3 and originator_id <= $4
order by notification_id
limit $5"""
_READ_ALL = """
select notification_id, originator_id, originator_version, topic, state, event_id, null
from public.stored_events
where notification_id > $1 and notification_id <= $2
order by notification_id
limit $3"""
_LOCK = "select position, version from public.rostra_views where name = $1 for update"
_FLIP = """
update public.rostra_views
set version = $2, shape = $3, moves_from = case when $4 then moves_from else position end
where name = $1"""
_UNPARK = "delete from public.rostra_parked where view = $1 and version = $2"
_PARK = """
insert into public.rostra_parked (view, version, discussion, position, error)
values ($1, $2, $3, $4, $5) on conflict do nothing"""
_SUM = "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from public.{} t"

Progress = Callable[[str, int, int], None]
"""Called with the view, the events folded so far and their number in all."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild did. `equal`: the view that it replaced held the same rows."""

    view: str
    events: int
    seconds: float
    rows: int
    equal: bool


class RebuildRefused(Exception):
    """Another rebuild is under way."""


async def rebuild(
    pool: asyncpg.Pool,
    names: Sequence[str] = (),
    *,
    jobs: int = 1,
    url: str = "",
    progress: Progress = lambda *_: None,
) -> list[Rebuilt]:
    """Rebuild the named views, all of them by default. With several `jobs`, so many
    processes fold, each on a connection of its own to `url`. Raises RebuildRefused."""
    async with pool.acquire() as connection:
        try:
            if not await connection.fetchval(_ONE_AT_A_TIME):
                raise RebuildRefused("another rebuild is under way")
            folding = Folding(url, jobs, progress)
            return [
                await _rebuild(connection, state, folding)
                for state in await states(connection, names or VIEWS)
            ]
        finally:
            connection.terminate()  # and with it the session's lock


class Folding(msgspec.Struct, frozen=True):
    """How the log is folded: by how many processes, and who hears of it."""

    url: str
    jobs: int
    progress: Progress

    async def fold(self, connection: Connection, fresh: ViewState, until: int) -> None:
        """Fold the log up to `until` into the fresh tables."""
        if self.jobs == 1:
            for first, last in ranges(until):
                await fold_range(connection, fresh, first, last, until, self.progress)
            return
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(self.jobs, get_context("spawn")) as processes:
            parts = [
                loop.run_in_executor(processes, _in_process, self.url, fresh, part, until)
                for part in ranges(until, least=self.jobs)
            ]
            for number, part in enumerate(asyncio.as_completed(parts), 1):
                await part
                self.progress(fresh.name, until * number // len(parts), until)


def _in_process(url: str, fresh: ViewState, part: tuple[UUID, UUID], until: int) -> None:
    """One range, in a process of its own."""

    async def fold() -> None:
        connection = await asyncpg.connect(url, server_settings=SETTINGS)
        try:
            await fold_range(connection, fresh, *part, until, lambda *_: None)
        finally:
            await connection.close()

    asyncio.run(fold())


async def _rebuild(connection: Connection, live: ViewState, folding: Folding) -> Rebuilt:
    began = time.monotonic()
    view, version = live.view, live.version + 1
    fresh = ViewState(view.name, version, view.shape, 0)
    await connection.execute(_UNPARK, view.name, version)
    for table in view.tables:
        await schema.create(connection, table, version)
    await folding.fold(connection, fresh, live.position)
    for table in view.tables:
        await schema.index(connection, table, version)
        await connection.execute(f"analyze public.{schema.versioned(table, version)}")
    position = await _catch_up(connection, fresh, live.position)
    position, equal = await _flip(connection, fresh, live, position)
    rows, _ = await _sum(connection, view, version)
    for table in view.tables:
        await schema.drop(connection, table, live.version)
    return Rebuilt(view.name, position, time.monotonic() - began, rows, equal)


def ranges(events: int, least: int = 1) -> list[tuple[UUID, UUID]]:
    """Ranges of ids that hold all, each about `RANGE_EVENTS` events of the log."""
    count = max(least, -(-events // RANGE_EVENTS))
    borders = [number * 2**128 // count for number in range(count + 1)]
    return [
        (UUID(int=first), UUID(int=beyond - 1)) for first, beyond in itertools.pairwise(borders)
    ]


async def fold_range(
    connection: Connection,
    state: ViewState,
    first: UUID,
    last: UUID,
    until: int,
    progress: Progress,
) -> None:
    """Fold a range of discussions in memory, and copy its rows into the tables."""
    view, rows = state.view, Rows(state.view.tables)
    parked: dict[UUID, Parked] = {}
    position = 0
    while page := await read_page(connection, position, until, first, last):
        position = page[-1].position
        fold_page(view, rows, page, parked)
        progress(view.name, position, until)
    view.mend(rows)
    for one in parked.values():
        await connection.execute(
            _PARK, view.name, state.version, one.discussion, one.position, one.error
        )
    for table in view.tables:
        await store.copy(connection, table, state.version, rows.of(table).values())


def fold_page(view: View, rows: Rows, page: Sequence[Recorded], parked: dict[UUID, Parked]) -> None:
    """Fold a page in memory, but for the discussions that are parked or come to be."""
    for fact in read(page):
        if parked and discussion_of(fact.stream) in parked:
            continue
        try:
            fold_fact(view, rows, fact)
        except CannotFold as refused:
            parked[refused.parked.discussion] = refused.parked


async def read_page(
    connection: Connection, position: int, until: int, first: UUID, last: UUID
) -> list[Recorded]:
    args = (position, until, first, last, READ_EVENTS)
    return [Recorded(*record) for record in await connection.fetch(_READ, *args)]


async def _catch_up(connection: Connection, state: ViewState, position: int) -> int:
    """By pages, until the live view is near."""
    while True:
        (live,) = await states(connection, [state.name])
        if live.position - position < PAGE_EVENTS_MAX:
            return position
        async with connection.transaction():
            position = await _apply_until(connection, state, position, live.position)


async def _apply_until(connection: Connection, state: ViewState, position: int, until: int) -> int:
    """One page; returns its end."""
    records = await connection.fetch(_READ_ALL, position, until, PAGE_EVENTS_MAX)
    if not records:
        return until
    page = [Recorded(*record) for record in records]
    await apply(connection, state, page, keep_moves=False)
    return page[-1].position


async def _flip(
    connection: Connection, fresh: ViewState, live: ViewState, position: int
) -> tuple[int, bool]:
    """Hold the checkpoint, apply what is left, and serve the new version from now on."""
    async with connection.transaction():
        ((until, version),) = await connection.fetch(_LOCK, fresh.name)
        if version != live.version:
            raise RebuildRefused("another rebuild was faster")
        while position < until:
            position = await _apply_until(connection, fresh, position, until)
        view = fresh.view
        before = await _sum(connection, view, live.version)
        equal = before == await _sum(connection, view, fresh.version)
        await connection.execute(_FLIP, view.name, fresh.version, view.shape, equal)
        await connection.execute(_UNPARK, view.name, live.version)
        await connection.execute("select pg_notify($1, $2)", CHANNEL, str(until))
    return until, equal


async def _sum(connection: Connection, view: View, version: int) -> tuple[int, list[int]]:
    """The number of rows, and a sum of their hashes for each table, whatever their order."""
    sums = [
        await connection.fetch(_SUM.format(schema.versioned(table, version)))
        for table in view.tables
    ]
    return sum(each[0][0] for each in sums), [each[0][1] for each in sums]
