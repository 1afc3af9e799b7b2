"""Each view against a fresh fold of the log: every difference by name."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from rostra.ids import discussion_of
from rostra_adapters.application.ports import Difference, difference, parked_differences
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild.fold_worker import folded_ranges
from rostra_adapters.postgres.rebuild.ranges import Part, parts
from rostra_adapters.postgres.views import row_store
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import ViewState, read_parked, states
from rostra_adapters.postgres.views.snapshot import missing_tables, snapshot
from rostra_projections.tables import Fragment, Rows, Table

STUCK_SECONDS_MAX = 5.0
"""Views that read nothing for so long lag."""
LOOK_SECONDS = 0.05

_HEAD = "select coalesce(max(notification_id), 0) from public.stored_events"


async def verify(url: str, lineage: Lineage = OURS) -> AsyncIterator[Difference]:
    """Compare all views of a lineage with the log, in one snapshot of both.

    Views must reach the log's head at the start. A view that stops before it, or lacks a table,
    differs.
    """
    async with connect_patiently(url) as connection:
        head = await _wait_for_head(connection, lineage)
        async for found in _compare(connection, url, lineage, head):
            yield found


async def _wait_for_head(connection: Connection, lineage: Lineage) -> int:
    """Return the log's head, once all views have reached it or read nothing for long."""
    head = int(await connection.fetchval(_HEAD))
    least, since = -1, time.monotonic()
    while time.monotonic() - since < STUCK_SECONDS_MAX:
        view_states = await states(connection, lineage)
        position = min([state.position for state in view_states], default=head)
        if position >= head:
            break
        if position > least:
            least, since = position, time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
    return head


async def _compare(
    connection: Connection, url: str, lineage: Lineage, head: int
) -> AsyncIterator[Difference]:
    async with snapshot(connection, lineage) as view_states:
        for name in sorted(lineage.views.keys() - {state.name for state in view_states}):
            if not (here := await states(connection, lineage, [name])):
                yield Difference(name, "rostra_views", name, "a row", None)
            for state in here:
                for missing in await missing_tables(connection, state):
                    yield Difference(state.name, missing, "table", "there", "missing")
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
        statement = row_store.read_statement(table, fragment, state.version)
        async for record in connection.cursor(statement, within.first, within.last):
            found = row_store.from_record(table, columns, record)
            key = found[: len(table.key)]
            row = missing.pop(key if len(key) > 1 else key[0], None)
            wanted = None if row is None else row_store.values_of(table, fragment, row)
            if found != wanted:
                yield key[0], _differs(state, table, fragment, wanted, found)
        for row in missing.values():
            wanted = row_store.values_of(table, fragment, row)
            yield wanted[0], _differs(state, table, fragment, wanted, None)


def _differs(
    state: ViewState,
    table: Table[Any],
    fragment: Fragment,
    wanted: row_store.Values | None,
    found: row_store.Values | None,
) -> Difference:
    columns = table.columns_of(fragment)
    named = [None if it is None else dict(zip(columns, it, strict=True)) for it in (wanted, found)]
    return difference(state.name, fragment.name, table.key, *named)
