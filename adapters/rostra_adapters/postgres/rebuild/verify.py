"""Each view against a fresh fold of the log: every difference by name."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from rostra.ids import discussion_of
from rostra_adapters.application.ports import Difference, difference, parked_differences
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild.fold_worker import folded_ranges
from rostra_adapters.postgres.rebuild.ranges import Part, parts
from rostra_adapters.postgres.views import row_store as store
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import ViewState, read_parked, states
from rostra_projections.tables import Fragment, Rows, Table

ATTEMPTS_MAX = 10
STUCK_SECONDS_MAX = 5.0
"""Views that read nothing for so long lag."""
LOOK_SECONDS = 0.05

_MISSING = """
select name from unnest($1::text[]) name where to_regclass('public.' || name) is null"""
_HEAD = "select coalesce(max(notification_id), 0) from public.stored_events"


async def verify(url: str) -> AsyncIterator[Difference]:
    """Compare all views with the log, in one snapshot of both.

    Views must reach the log's head at the start. A view that stops before it, or lacks a table,
    differs.
    """
    async with connect_patiently(url) as connection:
        head = await _wait_for_head(connection)
        async for found in _compare(connection, url, head):
            yield found


async def _wait_for_head(connection: Connection) -> int:
    """Return the log's head, once all views have reached it or read nothing for long."""
    head = int(await connection.fetchval(_HEAD))
    least, since = -1, time.monotonic()
    while time.monotonic() - since < STUCK_SECONDS_MAX:
        position = min([state.position for state in await states(connection)], default=head)
        if position >= head:
            break
        if position > least:
            least, since = position, time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
    return head


async def _compare(connection: Connection, url: str, head: int) -> AsyncIterator[Difference]:
    async with _snapshot(connection) as view_states:
        if not view_states:
            for state in await states(connection):
                for missing in await _missing_tables(connection, state):
                    yield Difference(state.name, missing, "table", "there", "missing")
            return
        for state in view_states:
            if state.position < head:
                expected = f"{head}, the head of the log"
                yield Difference(
                    state.name, "rostra_views", "position", expected, str(state.position)
                )
        for until in sorted({state.position for state in view_states}):
            together = [state for state in view_states if state.position == until]
            (part,) = await parts(connection, until)
            with no_garbage_collection():
                async for found in _part(connection, url, together, part):
                    yield found


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[Sequence[ViewState]]:
    """Yield the views' states in one snapshot, with their tables locked against a rebuild.

    Yield no states if a table is missing.
    """
    for _ in range(ATTEMPTS_MAX):
        before = await states(connection)
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        try:
            await connection.execute(_lock(before))
            view_states = await states(connection)
            if [each.version for each in view_states] == [each.version for each in before]:
                yield view_states
                return
        except asyncpg.UndefinedTableError:  # rebuilt in between, or lost
            pass
        finally:
            await transaction.rollback()
        if await states(connection) == before and [
            name for state in before for name in await _missing_tables(connection, state)
        ]:
            yield ()
            return
    raise RuntimeError("the views are being rebuilt faster than they can be compared")


async def _missing_tables(connection: Connection, state: ViewState) -> list[str]:
    names = [
        schema.versioned_name(fragment, state.version)
        for table in state.view.tables
        for fragment in table.fragments
    ]
    return [record[0] for record in await connection.fetch(_MISSING, names)]


def _lock(view_states: Sequence[ViewState]) -> str:
    names = ", ".join(
        f"public.{schema.versioned_name(fragment, state.version)}"
        for state in view_states
        for table in state.view.tables
        for fragment in table.fragments
    )
    return f"lock table {names} in access share mode"


async def _part(
    connection: Connection, url: str, view_states: Sequence[ViewState], part: Part
) -> AsyncIterator[Difference]:
    async for within, folded in folded_ranges(url, [state.view for state in view_states], part):
        for state in view_states:
            found_parked = {
                each.discussion: each
                for each in await read_parked(connection, state)
                if within.first <= each.discussion <= within.last
            }
            for each in parked_differences(state.name, folded.parked[state.name], found_parked):
                yield each
            apart = folded.parked[state.name].keys() | found_parked.keys()
            for table in state.view.tables:
                async for stream, found in _table(connection, state, table, folded.rows, within):
                    if discussion_of(stream) not in apart:
                        yield found


async def _table(
    connection: Connection, state: ViewState, table: Table[Any], rows: Rows, within: Part
) -> AsyncIterator[tuple[UUID, Difference]]:
    for fragment in table.fragments:
        columns, missing = table.columns_of(fragment), dict(rows.of(table))
        statement = store.read_statement(table, fragment, state.version)
        async for record in connection.cursor(statement, within.first, within.last):
            found = store.from_record(table, columns, record)
            key = found[: len(table.key)]
            row = missing.pop(key if len(key) > 1 else key[0], None)
            wanted = None if row is None else store.values_of(table, fragment, row)
            if found != wanted:
                yield key[0], _differs(state, table, fragment, wanted, found)
        for row in missing.values():
            wanted = store.values_of(table, fragment, row)
            yield wanted[0], _differs(state, table, fragment, wanted, None)


def _differs(
    state: ViewState,
    table: Table[Any],
    fragment: Fragment,
    wanted: store.Values | None,
    found: store.Values | None,
) -> Difference:
    columns = table.columns_of(fragment)
    named = [None if it is None else dict(zip(columns, it, strict=True)) for it in (wanted, found)]
    return difference(state.name, fragment.name, table.key, *named)
