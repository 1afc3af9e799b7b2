"""Each view against a fresh fold of the log: every difference by name."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from rostra.ids import discussion_of
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.views import store
from rostra_adapters.views.projector import ViewState, states
from rostra_adapters.views.rebuild import fold_page, ranges, read_page
from rostra_projections.tables import Rows, Table
from rostra_projections.views import Parked

_PARKED = "select discussion from public.rostra_parked where view = $1 and version = $2"


class Difference(msgspec.Struct, frozen=True):
    """A row that is not what the log says. None: there is no such row."""

    view: str
    table: str
    key: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        expected = self.expected or "no row"
        return f"{self.view}: {self.table} {self.key}: {self.found or 'no row'}, not {expected}"


async def verify(pool: asyncpg.Pool) -> AsyncIterator[Difference]:
    """Compare all views with the log, in one snapshot of both."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for state in await states(connection):
            for first, last in ranges(state.position):
                async for found in _range(connection, state, first, last):
                    yield found


async def _range(
    connection: Connection, state: ViewState, first: UUID, last: UUID
) -> AsyncIterator[Difference]:
    view, rows = state.view, Rows(state.view.tables)
    parked: dict[UUID, Parked] = {}
    position = 0
    while page := await read_page(connection, position, state.position, first, last):
        position = page[-1].position
        fold_page(view, rows, page, parked)
    view.mend(rows)
    apart = set(parked)
    apart |= {r[0] for r in await connection.fetch(_PARKED, state.name, state.version)}
    for table in view.tables:
        async for named in _table(connection, state, table, rows, first, last):
            if discussion_of(named[0]) not in apart:
                yield named[1]


async def _table(
    connection: Connection,
    state: ViewState,
    table: Table[Any],
    rows: Rows,
    first: UUID,
    last: UUID,
) -> AsyncIterator[tuple[UUID, Difference]]:
    expected = dict(rows.of(table))
    statement = store.statements(table, state.version).read
    async for record in connection.cursor(statement, first, last):
        found = store.to_row(table, tuple(record))
        wanted = expected.pop(table.key_of(found), None)
        if found != wanted:
            yield _stream(table, found), difference(state.name, table, wanted, found)
    for wanted in expected.values():
        yield _stream(table, wanted), difference(state.name, table, wanted, None)


def _stream(table: Table[Any], row: msgspec.Struct) -> UUID:
    stream: UUID = getattr(row, table.key[0])
    return stream


def difference(
    view: str,
    table: Table[Any],
    wanted: msgspec.Struct | None,
    found: msgspec.Struct | None,
) -> Difference:
    """How a row that was found differs from the one that the log means."""
    row = wanted if found is None else found
    key = ", ".join(str(getattr(row, column)) for column in table.key)
    if wanted is None or found is None:
        return Difference(view, table.name, key, _text(wanted), _text(found))
    changed = [
        field.name
        for field in msgspec.structs.fields(wanted)
        if getattr(wanted, field.name) != getattr(found, field.name)
    ]
    return Difference(view, table.name, key, _text(wanted, changed), _text(found, changed))


def _text(row: msgspec.Struct | None, columns: list[str] | None = None) -> str | None:
    if row is None:
        return None
    fields = msgspec.structs.asdict(row)
    return ", ".join(f"{name}={fields[name]!r}" for name in columns or fields)
