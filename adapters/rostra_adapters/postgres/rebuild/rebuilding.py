"""Rebuild of views from the log, beside the live ones. Reads and writes go on meanwhile.

One read of the log is folded into new tables up to the position of the live views. Then each view
catches up and is compared with the live one at one position. One short transaction holds the
checkpoint, folds the last events and puts the new tables in place of the old ones.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

import msgspec

from rostra.log import Recorded
from rostra_adapters.application.invalidation import ALL_CHANGED
from rostra_adapters.application.ports import Progress, Rebuilt
from rostra_adapters.errors import RebuildRefused
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of
from rostra_adapters.postgres.rebuild.content import Content, content, differences, rows_of
from rostra_adapters.postgres.rebuild.fold_worker import Unwritable, fold_log
from rostra_adapters.postgres.rebuild.indexes import index
from rostra_adapters.postgres.views import columns, schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import (
    UNPARK,
    UNWRITABLE,
    Projector,
    ViewState,
    read_parked,
    states,
)
from rostra_projections.views import View

logger = logging.getLogger(__name__)

NEAR_EVENTS = 8_000
"""Lag in events below which the new version catches up while the live view waits. Also the size
of a page."""
INDEXES_AT_ONCE = 2
REPLACED_SECONDS_MIN = 60.0
"""Time for which the tables of a replaced version are kept: a read of them, on whatever standby,
would be cancelled by their removal."""

_FREE_CONNECTIONS = """
select min(allowed - used) from (
    select rolconnlimit, (
        select count(*) from pg_stat_activity
        where usename = current_user and backend_type = 'client backend'
    ) from pg_roles where rolname = current_user and rolconnlimit >= 0 and not rolsuper
    union all
    select datconnlimit, (
        select count(*) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend'
    ) from pg_database where datname = current_database() and datconnlimit >= 0
    union all
    select current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer, (
        select count(*) from pg_stat_activity where backend_type = 'client backend'
    )
) limits (allowed, used)"""
_ONE_AT_A_TIME = f"select pg_try_advisory_lock({locks.REBUILD})"
_ANOTHER = f"select pg_advisory_unlock({locks.REBUILD})"
_READ_ALL = """
select notification_id, originator_id, originator_version, topic, state, event_id, null
from public.stored_events
where notification_id > $1 and notification_id <= $2
order by notification_id
limit $3"""
_COUNT = """
select count(*) from public.stored_events where notification_id > $1 and notification_id <= $2"""
_LOCK = """
select position, version from public.rostra_views where name = $1 and lineage = $2 for update"""
# This lock excludes writers: each position up to the head is filled by now, or stays empty.
_NO_WRITER = f"select pg_advisory_xact_lock({locks.LOG_WRITER})"
_HEAD = "select coalesce(max(notification_id), 0) from public.stored_events"
_HAS_TABLES = """
select bool_and(to_regclass('public.' || name) is not null) from unnest($1::text[]) name"""
_IS_SERVED = """
select exists (select from public.rostra_views where name = $1 and version = $2)"""
_FLIP = """
update public.rostra_views
set version = $2, shape = $3, history = history + case when $4 then 0 else 1 end,
    position = $5, moves_from = case when position < $5 then $5 else moves_from end, tables = $7
where name = $1 and lineage = $6"""
_RECORD = """
insert into public.rostra_rebuilds (lineage, view, ended_at, seconds, events, result)
values ($1, $2, clock_timestamp(), $3, $4, $5)
on conflict (lineage, view) do update set
    ended_at = excluded.ended_at, seconds = excluded.seconds, events = excluded.events,
    result = excluded.result"""
_WAS_REPLACED_LATELY = """
select exists (
    select from public.rostra_rebuilds
    where view = $1 and ended_at > clock_timestamp() - $2::float8 * interval '1 second'
)"""


class Begun(msgspec.Struct, frozen=True):
    """New version of a view, and the served one.

    `fresh.position` is the position of the first fold.
    """

    fresh: ViewState
    live: ViewState
    at: float
    is_comparable: bool
    """True if the served version has all its tables, in the same shape."""


async def rebuild(
    url: str,
    names: Sequence[str] = (),
    *,
    lineages: Sequence[Lineage] = (OURS,),
    jobs: int = 1,
    progress: Progress = lambda *_: None,
    until: int = 0,
) -> list[Rebuilt]:
    """Rebuild the named views up to the log's head, all views of the lineages by default.

    `jobs` is the number of processes that fold. The log must be whole up to `until`. Views that
    have not read so far are folded up to there and are not compared. Raises RebuildRefused and
    FoldingFailed.
    """
    async with connect_patiently(url) as connection:
        if not await connection.fetchval(_ONE_AT_A_TIME):
            raise RebuildRefused("another rebuild is under way")
        await _check_connections(connection, jobs)
        head = await _settled_head(connection)
        begun = [
            await _begin(connection, lineage, view, head, until)
            for lineage in lineages
            for view in lineage.views.values()
            if view.name in names or not names
        ]
        done: list[Rebuilt] = []
        try:
            await _fill(url, begun, jobs, progress)
            async with connect_patiently(url) as holder, connect_patiently(url) as snapshot:
                others = _Others(holder, snapshot)
                for each in begun:
                    rebuilt = await _replace(connection, others, each, head)
                    done.append(rebuilt)
                    result = "equal" if rebuilt.equal else "changed"
                    await _record(connection, each, rebuilt.events, result)
        except Exception as error:
            with suppress(Exception):  # the database may be away
                async with connect_patiently(url) as recording:
                    for each in begun[len(done) :]:
                        await _record(recording, each, 0, f"failed: {error}")
            raise
        return done


def connections_of(jobs: int) -> int:
    """Return the number of connections that a rebuild opens: three a job, and its own."""
    return 1 + 3 * jobs


async def _check_connections(connection: Connection, jobs: int) -> None:
    """Raise RebuildRefused if the role, the database or the server has no room for a rebuild."""
    needed = connections_of(jobs) - 1  # besides this one
    free = await connection.fetchval(_FREE_CONNECTIONS)
    if free < needed:
        raise RebuildRefused(
            f"a rebuild with --jobs {jobs} opens {needed + 1} connections, and the role, the "
            f"database or the server has room for {max(free, 0) + 1}: lower --jobs, raise the "
            "limit, or end other connections"
        )


async def _record(connection: Connection, begun: Begun, events: int, result: str) -> None:
    """Record the end of a rebuild, for `rostra status`."""
    view, seconds = begun.fresh, time.monotonic() - begun.at
    await connection.execute(_RECORD, view.lineage.name, view.name, seconds, events, result)


class _Others(NamedTuple):
    """Connections beside the one that fills the tables."""

    holder: Connection
    """Holds the checkpoint for a moment."""
    snapshot: Connection
    """Reads the served version as it was at that moment."""


async def _settled_head(connection: Connection) -> int:
    """Return the log's last position, below which no event can appear any more."""
    async with connection.transaction():
        await connection.execute(_NO_WRITER)
        return int(await connection.fetchval(_HEAD))


async def is_whole(url: str, after: int, until: int) -> bool:
    """Return whether each position is filled by now; another transaction may still fill one."""
    async with connect_patiently(url) as connection:
        return int(await connection.fetchval(_COUNT, after, until)) == until - after


async def _begin(
    connection: Connection, lineage: Lineage, view: View, head: int, until: int
) -> Begun:
    """Create empty tables under a new version number."""
    version, served, shape, reached = await schema.claim(connection, lineage, view)
    live = ViewState(view.name, served, shape, reached, lineage)
    await _drop_unserved(connection, view)
    for table in view.tables:
        await schema.create(connection, table, version)
    names = [
        schema.versioned_name(fragment, live.version)
        for table in view.tables
        for fragment in table.fragments
    ]
    is_comparable = live.shape == view.shape and await connection.fetchval(_HAS_TABLES, names)
    # A served view that is new, or cannot be compared, is useless.
    position = live.position if is_comparable and live.position > 0 else head
    fresh = ViewState(view.name, version, view.shape, max(position, until), lineage)
    return Begun(fresh, live, time.monotonic(), is_comparable)


async def _fill(url: str, begun: Sequence[Begun], jobs: int, progress: Progress) -> None:
    """Fold views of a lineage that are at the same position together."""
    groups: dict[tuple[int, str], list[ViewState]] = {}
    for each in begun:
        groups.setdefault((each.fresh.position, each.fresh.lineage.name), []).append(each.fresh)
    for (until, _), together in groups.items():
        try:
            await fold_log(url, together, until, jobs=jobs, progress=progress)
            await index(url, together, side_by_side=max(jobs, INDEXES_AT_ONCE))
        except (*UNWRITABLE, Unwritable) as error:
            names = ", ".join(state.name for state in together)
            logger.warning("%s: folding by pages, since a row cannot be written: %s", names, error)
            await _fill_by_pages(url, together, until)


async def _fill_by_pages(url: str, view_states: Sequence[ViewState], until: int) -> None:
    """Fold views in the order of the log, and park the discussions that tables cannot hold."""
    async with connect_patiently(url) as connection:
        for state in view_states:
            await connection.execute(UNPARK, state.name, state.version)
            for table in state.view.tables:
                await schema.create(connection, table, state.version)
                await schema.index(connection, table, state.version)
            await _apply(connection, state, 0, until)


async def _replace(connection: Connection, others: _Others, begun: Begun, head: int) -> Rebuilt:
    fresh, live = begun.fresh, begun.live
    position = await _catch_up(connection, fresh, fresh.position)
    position, ours, theirs = await _compare(connection, others, begun, position)
    counted = ours
    if position < head:  # nobody projects
        position = await _apply(connection, fresh, position, head)
        counted = await content(connection, fresh)
    position = await _catch_up(connection, fresh, position)  # with what came during the comparison
    position = await _flip(connection, fresh, live, position, equal=ours == theirs)
    seconds = time.monotonic() - begun.at
    changed = [] if theirs is None else list(differences(ours, theirs))
    rows, apart = rows_of(fresh.view, counted), await read_parked(connection, fresh)
    return Rebuilt(fresh.name, position, seconds, rows, ours == theirs, changed, apart)


async def _catch_up(connection: Connection, fresh: ViewState, position: int) -> int:
    """Fold pages until fewer than NEAR_EVENTS remain. Return the position reached."""
    while True:
        (live,) = await states(connection, fresh.lineage, [fresh.name])
        if live.position - position < NEAR_EVENTS:
            return position
        position = await _apply(connection, fresh, position, live.position)


async def _apply(connection: Connection, fresh: ViewState, position: int, until: int) -> int:
    """Fold the events after `position` up to `until` by pages. Return the position reached."""
    if position >= until:
        return position
    await columns.prepare(connection)
    projector = Projector(connection)
    while position < until:
        records = await connection.fetch(_READ_ALL, position, until, NEAR_EVENTS)
        page = [Recorded(*record) for record in records]
        if page:
            await projector.apply_or_park(fresh, page)
        position = page[-1].position if page else until
    return position


async def _compare(
    connection: Connection, others: _Others, begun: Begun, position: int
) -> tuple[int, Content, Content | None]:
    """Return a position that both versions reached, and their content there.

    The content is None for a served version that cannot be compared. The checkpoint is held only
    for the moment in which the snapshot is made.
    """
    fresh, live = begun.fresh, begun.live
    if not begun.is_comparable or live.position < fresh.position:
        return position, await content(connection, fresh), None
    async with AsyncExitStack() as stack:
        async with others.holder.transaction():
            until = await _hold(others.holder, live)
            position = await _apply(connection, fresh, position, until)
            reading = others.snapshot.transaction(isolation="repeatable_read", readonly=True)
            await stack.enter_async_context(reading)
            await states(others.snapshot)
        both = content(connection, fresh), content(others.snapshot, live)
        return position, *(await asyncio.gather(*both))


async def _hold(connection: Connection, live: ViewState) -> int:
    """Stop the live view until the transaction ends. Return its position."""
    ((position, version),) = await connection.fetch(_LOCK, live.name, live.lineage.name)
    if version != live.version:
        raise RebuildRefused("another rebuild was faster")
    return int(position)


async def _flip(
    connection: Connection, fresh: ViewState, live: ViewState, position: int, *, equal: bool
) -> int:
    """Hold the checkpoint, apply what is left, and serve the new version from now on."""
    async with connection.transaction():
        until = await _hold(connection, live)
        await _apply(connection, fresh, position, until)
        until = max(until, position)
        await connection.execute(
            _FLIP, fresh.name, fresh.version, fresh.shape, equal, until, live.lineage.name,
            schema.names_of(fresh.view),
        )  # fmt: skip
        await connection.execute(UNPARK, live.name, live.version)
        channel = names_of(connection).channel(live.lineage.channel)
        await connection.execute("select pg_notify($1, $2)", channel, ALL_CHANGED)
    return until


async def drop_replaced(connection: Connection, lineage: Lineage) -> None:
    """Drop the tables that rebuilds of these views replaced, unless a rebuild is under way."""
    if not await connection.fetchval(_ONE_AT_A_TIME):
        return
    try:
        for view in lineage.views.values():
            await _drop_unserved(connection, view)
    finally:
        await connection.execute(_ANOTHER)


async def _drop_unserved(connection: Connection, view: View) -> None:
    """Drop tables that no version of the code serves, also those of interrupted rebuilds.

    After a rebuild they are kept for a while, and where somebody reads them until the next time.
    """
    if await connection.fetchval(_WAS_REPLACED_LATELY, view.name, REPLACED_SECONDS_MIN):
        return
    versions: dict[int, list[str]] = {}
    for name, version in await schema.list_tables(connection, view):
        versions.setdefault(version, []).append(name)
    for version, names in versions.items():
        # Read after the tables: another version of the code may have begun meanwhile.
        if not await connection.fetchval(_IS_SERVED, view.name, version):
            await schema.drop_unless_read(connection, names)
