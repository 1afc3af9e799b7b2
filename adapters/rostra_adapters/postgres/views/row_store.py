"""Rows between a fold and PostgreSQL: loaded by key in one query a table, written in one for
each fragment that has changed.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from rostra.times import Time, format_time, to_datetime
from rostra_adapters.aio.task_group import task_group
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views.schema import versioned_name
from rostra_projections.tables import Fragment, Key, Rows, Table

SAVED_AT_ONCE = 4_000
"""Rows; then whoever else waits for this process has a turn."""


Values = tuple[Any, ...]
Loaded = Mapping[Key, Values]
"""Rows as they were loaded, by key."""
NOTHING_LOADED: Loaded = {}


@lru_cache(64)
def load_statement(table: Table[Any], version: int) -> str:
    """Rows by key, from all fragments."""
    keys = [f"${n}::{table.types[column]}[]" for n, column in enumerate(table.key, 1)]
    same = " and ".join(f"t.{column} = k.{column}" for column in table.key)
    columns = ", ".join(f'p{table.home_of(column)}."{column}"' for column in table.types)
    looked_up = "".join(
        f" cross join lateral (select {_listed(table, fragment)}"
        f" from public.{versioned_name(fragment, version)} t where {same}"
        f" offset 0) p{number}"  # one by one, whatever the planner believes
        for number, fragment in enumerate(table.fragments)
    )
    return f"select {columns} from unnest({', '.join(keys)}) k ({', '.join(table.key)}){looked_up}"


@lru_cache(64)
def _save_statement(table: Table[Any], fragment: Fragment, version: int) -> str:
    columns = table.columns_of(fragment)
    arrays = [f"${n}::{table.types[column]}[]" for n, column in enumerate(columns, 1)]
    changes = ", ".join(
        f'"{column}" = excluded."{column}"' for column in columns if column not in table.key
    )
    return (
        f"insert into public.{versioned_name(fragment, version)} ({_listed(table, fragment)})"
        f" select * from unnest({', '.join(arrays)})"
        f" on conflict ({', '.join(table.key)}) do update set {changes}"
    )


@lru_cache(64)
def read_statement(table: Table[Any], fragment: Fragment, version: int) -> str:
    """Return the statement that reads a fragment by a range of the key's first column."""
    return (
        f"select {_listed(table, fragment)} from public.{versioned_name(fragment, version)}"
        f" where {table.key[0]} >= $1 and {table.key[0]} <= $2 order by {', '.join(table.key)}"
    )


def _listed(table: Table[Any], fragment: Fragment) -> str:
    return ", ".join(f'"{column}"' for column in table.columns_of(fragment))


@lru_cache(64)
def _times(table: Table[Any], columns: tuple[str, ...]) -> tuple[int, ...]:
    """Which of some columns are times."""
    return tuple(n for n, column in enumerate(columns) if table.types[column] == "timestamptz")


@lru_cache(64)
def _times_of_row(table: Table[Any]) -> tuple[int, ...]:
    return _times(table, tuple(table.types))


@lru_cache(64)
def _picking(table: Table[Any], fragment: Fragment) -> Callable[[Values], Values]:
    """Return a function that picks a fragment's values from those of a row."""
    numbers = {column: number for number, column in enumerate(table.types)}
    picked: Callable[[Values], Values] = itemgetter(
        *(numbers[c] for c in table.columns_of(fragment))
    )
    return picked


@lru_cache(64)
def _picking_of_row(table: Table[Any], fragment: Fragment) -> Callable[[msgspec.Struct], Values]:
    return attrgetter(*table.columns_of(fragment))


def values_of(table: Table[Any], fragment: Fragment, row: msgspec.Struct) -> Values:
    """Return a fragment's values of a row."""
    return _picking_of_row(table, fragment)(row)


def time_of_column(moment: datetime) -> Time:
    """Return the time of a column.

    asyncpg stores the first and the last `datetime` as infinities, and reads them without offset.
    """
    return format_time(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def from_record(table: Table[Any], columns: tuple[str, ...], record: Iterable[Any]) -> Values:
    """Values of columns as the fold has them."""
    values = tuple(record)
    times = _times(table, columns)
    return _converted(values, times, time_of_column) if times else values


def to_row(table: Table[Any], record: Iterable[Any]) -> Any:
    """A row as the fold has it."""
    return table.row(*_converted(record, _times_of_row(table), time_of_column))


def to_records(
    table: Table[Any],
    fragment: Fragment,
    rows: Iterable[msgspec.Struct],
    loaded: Loaded = NOTHING_LOADED,
) -> Iterator[Values]:
    """Yield a fragment's values of rows, in PostgreSQL's types, without those unchanged since
    loading.
    """
    pick, pick_loaded = _picking_of_row(table, fragment), _picking(table, fragment)
    times = _times(table, table.columns_of(fragment))
    for row in rows:
        values = pick(row)
        before = loaded.get(table.key_of(row)) if loaded else None
        if before is None or pick_loaded(before) != values:
            yield _converted(values, times, to_datetime) if times else values


def _converted(
    values: Iterable[Any], times: tuple[int, ...], convert: Callable[[Any], object]
) -> Values:
    converted = list(values)
    for number in times:
        if converted[number] is not None:
            converted[number] = convert(converted[number])
    return tuple(converted)


async def load(
    connection: Connection, table: Table[Any], version: int, keys: Iterable[Key], rows: Rows
) -> Loaded:
    """Put the rows of these keys, where there are such, into `rows`; returns what they were."""
    wanted = list(keys)
    if not wanted:
        return NOTHING_LOADED
    columns = (
        [wanted] if len(table.key) == 1 else [list(each) for each in zip(*wanted, strict=True)]
    )
    kept, loaded = rows.of(table), {}
    for record in await connection.fetch(load_statement(table, version), *columns):
        row = to_row(table, record)
        key = table.key_of(row)
        kept[key], loaded[key] = row, msgspec.structs.astuple(row)
    return loaded


async def save(
    connection: Connection,
    table: Table[Any],
    version: int,
    rows: Collection[msgspec.Struct],
    loaded: Loaded = NOTHING_LOADED,
) -> None:
    """Write rows, new and old alike, in one statement for each fragment unless they are very many:
    of those that were loaded, the fragments that have changed.
    """
    for fragment in table.fragments:
        statement = _save_statement(table, fragment, version)
        await _write(connection, statement, to_records(table, fragment, rows, loaded))


async def _write(connection: Connection, statement: str, every: Iterator[Values]) -> None:
    async with task_group() as group:
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
    connection: Connection, table: Table[Any], version: int, rows: Collection[msgspec.Struct]
) -> None:
    """Write new rows only, as fast as may be."""
    for fragment in table.fragments:
        await connection.copy_records_to_table(
            versioned_name(fragment, version),
            schema_name="public",
            columns=list(table.columns_of(fragment)),
            records=to_records(table, fragment, rows),
        )
