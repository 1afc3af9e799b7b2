"""Store of rows in PostgreSQL for a fold.

One query loads the rows of a table by their keys. One statement writes each changed fragment.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec

from rostra.times import Time, format_time, to_datetime
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views.columns import encode, parameter
from rostra_adapters.postgres.views.schema import versioned_name
from rostra_projections.tables import Fragment, Key, Rows, Table

Values = tuple[Any, ...]
Loaded = dict[Key, Values]
"""Values of rows as the tables have them, by key."""


Pair = tuple[Values, Values]
"""Values of a row before and after a change."""
Columns = tuple[str, ...]


class Write(NamedTuple):
    """Part of a statement. In `sql` there is `{0}`, `{1}`, … for the number of each argument."""

    sql: str
    arguments: tuple[Any, ...] = ()


NOTHING_ELSE = Write("select")


@lru_cache(64)
def load_statement(table: Table[Any], version: int) -> str:
    """Rows by key, from all fragments."""
    keys = [parameter(table.types[column], n) for n, column in enumerate(table.key, 1)]
    same = " and ".join(f"t.{column} = k.{column}" for column in table.key)
    columns = ", ".join(f'p{table.home_of(column)}."{column}"' for column in table.types)
    looked_up = "".join(
        f" cross join lateral (select {_listed(table, fragment)}"
        f" from public.{versioned_name(fragment, version)} t where {same}"
        f" offset 0) p{number}"  # one look-up each, whatever the planner estimates
        for number, fragment in enumerate(table.fragments)
    )
    return f"select {columns} from unnest({', '.join(keys)}) k ({', '.join(table.key)}){looked_up}"


@lru_cache(64)
def _inserting(table: Table[Any], fragment: Fragment, version: int) -> str:
    columns = table.columns_of(fragment)
    return (
        f"insert into public.{versioned_name(fragment, version)} ({_listed(table, fragment)})"
        f" select * from unnest({_parameters(table, columns)})"
    )


@lru_cache(64)
def _updating(table: Table[Any], fragment: Fragment, version: int, columns: Columns) -> str:
    """Update some columns, after the key, of rows that are there."""
    names = ", ".join(f'"{column}"' for column in columns)
    changes = ", ".join(f'"{column}" = n."{column}"' for column in columns[len(table.key) :])
    same = " and ".join(f't."{column}" = n."{column}"' for column in table.key)
    return (
        f"update public.{versioned_name(fragment, version)} t set {changes}"
        f" from unnest({_parameters(table, columns)}) n ({names}) where {same}"
    )


def _parameters(table: Table[Any], columns: Columns) -> str:
    return ", ".join(
        parameter(table.types[column], f"{{{number}}}") for number, column in enumerate(columns)
    )


@lru_cache(64)
def read_statement(table: Table[Any], fragment: Fragment, version: int) -> str:
    """Return the statement that reads a fragment by a range of the key's first column."""
    return (
        f"select {_listed(table, fragment)} from public.{versioned_name(fragment, version)}"
        f" where {table.key[0]} >= $1 and {table.key[0]} <= $2 order by {', '.join(table.key)}"
    )


def rows_statement(
    table: Table[Any], version: int, equal: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """Return the statement that reads whole rows whose columns have these values, and its values.

    Raises ValueError for an unknown column.
    """
    if unknown := equal.keys() - table.types.keys():
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    columns = ", ".join(f'p{table.home_of(column)}."{column}"' for column in table.types)
    first, *others = (
        f"public.{versioned_name(fragment, version)} p{number}"
        for number, fragment in enumerate(table.fragments)
    )
    joined = "".join(f" join {other} using ({', '.join(table.key)})" for other in others)
    wanted = [
        f'p{table.home_of(column)}."{column}" is not distinct from ${number}'
        for number, column in enumerate(equal, 1)
    ]
    where = f" where {' and '.join(wanted)}" if wanted else ""
    order = ", ".join(f'p0."{column}"' for column in table.key)
    values = [
        to_datetime(value) if table.types[column] == "timestamptz" and value is not None else value
        for column, value in equal.items()
    ]
    return f"select {columns} from {first}{joined}{where} order by {order}", values


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
def _picking(table: Table[Any], columns: Columns) -> Callable[[Values], Values]:
    """Return a function that picks the values of several columns from those of a row."""
    numbers = {column: number for number, column in enumerate(table.types)}
    picked: Callable[[Values], Any] = itemgetter(*(numbers[column] for column in columns))
    return picked if len(columns) > 1 else lambda values: (picked(values),)


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
    """Return a record as a row of the fold."""
    return table.row(*_converted(record, _times_of_row(table), time_of_column))


def to_records(
    table: Table[Any], fragment: Fragment, rows: Iterable[msgspec.Struct]
) -> Iterator[Values]:
    """Yield a fragment's values of rows in PostgreSQL's types, without unchanged ones."""
    pick = _picking_of_row(table, fragment)
    times = _times(table, table.columns_of(fragment))
    for row in rows:
        values = pick(row)
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
    connection: Connection, table: Table[Any], version: int, keys: Sequence[Key], rows: Rows
) -> Loaded:
    """Put the rows of these keys, where there are such, into `rows`; return their values."""
    loaded: Loaded = {}
    if not keys:
        return loaded
    columns = [keys] if len(table.key) == 1 else list(zip(*keys, strict=True))
    types = [table.types[column] for column in table.key]
    arguments = map(encode, types, columns)
    found = rows.of(table)
    for record in await connection.fetch(load_statement(table, version), *arguments):
        row = to_row(table, record)
        key = table.key_of(row)
        found[key], loaded[key] = row, msgspec.structs.astuple(row)
    return loaded


class RowChanges:
    """Changes of a table's rows: new rows, and pairs of values before and after.

    Afterwards `loaded` holds the values of all rows.
    """

    def __init__(self, table: Table[Any], rows: Mapping[Key, msgspec.Struct], loaded: Loaded):
        self.table = table
        self.new: list[Values] = []
        self.changed: list[Pair] = []
        values_of_row = msgspec.structs.astuple
        for key, row in rows.items():
            values, before = values_of_row(row), loaded.get(key)
            if before is None:
                self.new.append(values)
            elif before != values:
                self.changed.append((before, values))
            else:
                continue
            loaded[key] = values

    def writes(self, version: int) -> Iterator[Write]:
        """Yield what writes new rows whole, and of the others the fragments that have changed."""
        for fragment in self.table.fragments:
            if self.new:
                statement = _inserting(self.table, fragment, version)
                yield self._write(statement, self.table.columns_of(fragment), self.new)
            pick = _picking(self.table, self.table.columns_of(fragment))
            if changed := [it for it in self.changed if pick(it[0]) != pick(it[1])]:
                columns = self._narrowest(fragment, changed)
                statement = _updating(self.table, fragment, version, columns)
                yield self._write(statement, columns, [after for _, after in changed])

    def _narrowest(self, fragment: Fragment, changed: Sequence[Pair]) -> Columns:
        """Return the first of a few sets of columns that holds all changes."""
        table, every = self.table, self.table.columns_of(fragment)
        for narrow in ("changed",), fragment.own:
            columns = (*table.key, *narrow)
            others = tuple(it for it in every if it not in columns)
            if not others or not set(narrow) <= set(every):
                continue
            pick = _picking(table, others)
            if all(pick(before) == pick(after) for before, after in changed):
                return columns
        return every

    def _write(self, statement: str, columns: Columns, rows: Iterable[Values]) -> Write:
        values = zip(*map(_picking(self.table, columns), rows), strict=True)
        types = [self.table.types[column] for column in columns]
        return Write(statement, tuple(map(encode, types, values)))


@lru_cache(256)
def _joined(parts: tuple[str, ...], counts: tuple[int, ...], last: str) -> str:
    numbered, number = [], 1
    for part, count in zip((*parts, last), counts, strict=True):
        numbered.append(part.format(*range(number, number + count)))
        number += count
    within = [f"part_{n} as ({part})" for n, part in enumerate(numbered[:-1])]
    return f"with {', '.join(within)} {numbered[-1]}" if within else numbered[-1]


async def execute(
    connection: Connection, parts: Sequence[Write], last: Write = NOTHING_ELSE
) -> Any:
    """Do all parts in one statement and one snapshot. Return the last part's answer."""
    every = (*parts, last)
    statement = _joined(
        tuple(part.sql for part in parts), tuple(len(it.arguments) for it in every), last.sql
    )
    arguments = [argument for part in every for argument in part.arguments]
    return await connection.fetchrow(statement, *arguments)


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
