"""Rows between a fold and PostgreSQL: loaded by key in one query a table, written in one."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from rostra.times import format_time, to_datetime
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.views.schema import versioned
from rostra_projections.tables import Key, Rows, Table

Convert = Callable[[Any], Any]
SAVED_AT_ONCE = 4_000
"""Rows; then whoever else waits for this process has a turn."""


class Statements(msgspec.Struct, frozen=True):
    """The statements of one version of a table."""

    load: str
    save: str
    read: str


@lru_cache(64)
def statements(table: Table[Any], version: int) -> Statements:
    """Load rows by key, write rows, read a range of prefixes (by the first key column)."""
    name, columns = versioned(table, version), [f'"{column}"' for column in table.types]
    arrays = [f"${n}::{kind}[]" for n, kind in enumerate(table.types.values(), 1)]
    keys = [f"${n}::{table.types[column]}[]" for n, column in enumerate(table.key, 1)]
    same = " and ".join(f"t.{column} = k.{column}" for column in table.key)
    changes = ", ".join(
        f'"{column}" = excluded."{column}"' for column in table.types if column not in table.key
    )
    listed = ", ".join(columns)
    return Statements(
        load=f"select t.* from unnest({', '.join(keys)}) k ({', '.join(table.key)})"
        f" cross join lateral (select {listed} from public.{name} t where {same}"
        " offset 0) t",  # looked up one by one, whatever the planner believes
        save=f"insert into public.{name} ({listed}) select * from unnest({', '.join(arrays)})"
        f" on conflict ({', '.join(table.key)}) do update set {changes}",
        read=f"select {listed} from public.{name}"
        f" where {table.key[0]} >= $1 and {table.key[0]} <= $2 order by {', '.join(table.key)}",
    )


@lru_cache(64)
def _times(table: Table[Any]) -> tuple[int, ...]:
    kinds = enumerate(table.types.values())
    return tuple(number for number, kind in kinds if kind == "timestamptz")


def to_records(table: Table[Any], rows: Iterable[msgspec.Struct]) -> Iterator[tuple[Any, ...]]:
    """Rows as PostgreSQL takes them."""
    times = _times(table)
    for row in rows:
        if not times:
            yield msgspec.structs.astuple(row)
            continue
        values = list(msgspec.structs.astuple(row))
        for number in times:
            if values[number] is not None:
                values[number] = to_datetime(values[number])
        yield tuple(values)


def to_row(table: Table[Any], values: Sequence[Any]) -> Any:
    """A row as the fold has it."""
    fields = list(values)
    for number in _times(table):
        if fields[number] is not None:
            fields[number] = format_time(fields[number])
    return table.row(*fields)


async def load(
    connection: Connection, table: Table[Any], version: int, keys: Iterable[Key], rows: Rows
) -> None:
    """Put the rows of these keys, where there are such, into `rows`."""
    wanted = list(keys)
    if not wanted:
        return
    columns = (
        [wanted] if len(table.key) == 1 else [list(each) for each in zip(*wanted, strict=True)]
    )
    kept = rows.of(table)
    for record in await connection.fetch(statements(table, version).load, *columns):
        row = to_row(table, tuple(record))
        kept[table.key_of(row)] = row


async def save(
    connection: Connection, table: Table[Any], version: int, rows: Iterable[msgspec.Struct]
) -> None:
    """Write rows, new and old alike, in one statement unless they are very many."""
    every, statement = to_records(table, rows), statements(table, version).save
    async with asyncio.TaskGroup() as group:
        saving: asyncio.Task[str] | None = None
        while records := list(islice(every, SAVED_AT_ONCE)):
            columns = [list(column) for column in zip(*records, strict=True)]
            if saving is not None:
                await saving
            if len(records) < SAVED_AT_ONCE:
                await connection.execute(statement, *columns)
                break
            saving = group.create_task(connection.execute(statement, *columns))
            await asyncio.sleep(0)  # that it is under way while the next rows are made ready


async def copy(
    connection: Connection, table: Table[Any], version: int, rows: Iterable[msgspec.Struct]
) -> None:
    """Write new rows only, as fast as may be."""
    await connection.copy_records_to_table(
        versioned(table, version),
        schema_name="public",
        columns=list(table.types),
        records=to_records(table, rows),
    )
