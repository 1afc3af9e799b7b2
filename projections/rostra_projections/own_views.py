"""Views of one's own: the rules that they follow, and a fold that cannot harm others.

Such a view is a `View` with `name`, `shape`, `tables`, `events`, `touches` and `fold`. Its rows
belong to discussions, as those of Rostra's views do: the key begins with the id of a discussion, or
of something in it. So one discussion can be parked alone, and a rebuild can fold many at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from rostra.codec import TYPES
from rostra.ids import discussion_of
from rostra.times import is_time
from rostra_projections.tables import Fact, Key, Rows, Table
from rostra_projections.views import VIEWS, View, nothing_to_mend, nothing_to_settle

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = re.compile(r"rostra|stored_events|comment_moves")
_EVENTS = frozenset(TYPES.values())


def _is_integer(bits: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


FITS: Mapping[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "bytea": lambda value: isinstance(value, bytes),
    "text": _is_text,
    "double precision": lambda value: type(value) in (int, float) and isfinite(value),
    "timestamptz": lambda value: isinstance(value, str) and is_time(value),
    "uuid": lambda value: isinstance(value, UUID),
    "smallint": _is_integer(16),
    "integer": _is_integer(32),
    "bigint": _is_integer(64),
}
"""By SQL type of a column: whether it can hold a value. Times are texts as events have them."""


def faults(view: View) -> Iterator[str]:
    """Yield the rules that a view of one's own breaks."""
    if not _NAME.fullmatch(view.name):
        yield f"its name is not of the form {_NAME.pattern}"
    if view.name in VIEWS:
        yield "its name is that of a view of Rostra"
    if view.settle is not nothing_to_settle or view.mend is not nothing_to_mend:
        yield "it has `settle` or `mend`, which only Rostra's views may have"
    if not view.tables:
        yield "it has no table"
    if not view.events or view.events - _EVENTS:
        yield "its `events` are not some of the types of events"
    for table in view.tables:
        yield from (f"table {table.name}: {fault}" for fault in _faults_of_table(view, table))


def _faults_of_table(view: View, table: Table[Any]) -> Iterator[str]:
    if unknown := {type_ for type_ in table.types.values() if type_ not in FITS}:
        yield f"unknown column types {', '.join(sorted(unknown))}; there are {', '.join(FITS)}"
    if table.types.get(table.key[0]) != "uuid":
        yield "the key does not begin with a uuid column, the id of a discussion or in one"
    for fragment in table.fragments:
        name = fragment.name
        if not _NAME.fullmatch(name) or _RESERVED.match(name):
            yield f"{name} is reserved, or not of the form {_NAME.pattern}"
        if name != view.name and not name.startswith(f"{view.name}_"):
            yield f"{name} does not begin with {view.name}_"
        if name in _tables_of_rostra():
            yield f"{name} is a table of Rostra"
        versioned = f"{name}_v{{v}}"
        for index in fragment.indexes:
            if not _is_index_of(versioned, index):
                yield f"{index!r} is not `create index {versioned}_NAME on {versioned} (…)`"


def _is_index_of(versioned: str, index: str) -> bool:
    name = re.escape(versioned)
    form = rf"create index {name}_\w+ on {name} .+"
    return re.fullmatch(form, index, re.DOTALL) is not None


def _tables_of_rostra() -> set[str]:
    tables = (table for view in VIEWS.values() for table in view.tables)
    return {fragment.name for table in tables for fragment in table.fragments}


def guard(view: View) -> View:
    """Return the view with a fold that changes all rows of an event or none.

    The fold sees the rows that `touches` names and no others. It raises for a row that the tables
    cannot hold.
    """

    def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
        try:
            yield from _touched(view, fact)
        except Exception:  # noqa: BLE001  # the fold raises it again, and parks the discussion
            return

    def fold(rows: Rows, fact: Fact) -> None:
        _fold(view, rows, fact)

    return msgspec.structs.replace(view, touches=touches, fold=fold)


def _touched(view: View, fact: Fact) -> list[tuple[Table[Any], Key]]:
    """Return the rows that a fact touches. Raises ValueError for those that it must not."""
    if type(fact.event) not in view.events:
        return []
    touched = list(view.touches(fact))
    for table, key in touched:
        if table not in view.tables:
            raise ValueError(f"`touches` names the table {table.name}, which is not the view's")
        values = key if len(table.key) > 1 else (key,)
        if not isinstance(values, tuple) or len(values) != len(table.key):
            raise ValueError(f"`touches` names {key!r}, which is no key of {table.name}")
        for column, value in zip(table.key, values, strict=True):
            if not FITS[table.types[column]](value):
                raise ValueError(f"{table.name}.{column} cannot hold {value!r}")
        if discussion_of(values[0]) != discussion_of(fact.stream):
            raise ValueError(f"{table.name} {values[0]} belongs to another discussion")
    return touched


def _fold(view: View, rows: Rows, fact: Fact) -> None:
    touched = set(_touched(view, fact))
    mine = Rows(view.tables)
    for table, key in touched:
        if (row := rows.of(table).get(key)) is not None:
            mine.of(table)[key] = copy(row)
    view.fold(mine, fact)
    for table in view.tables:
        found = mine.of(table)
        for key, row in found.items():
            if (table, key) not in touched or table.key_of(row) != key:
                raise ValueError(f"`touches` does not name the row {key!r} of {table.name}")
            _check(table, row)
    for table, key in touched:
        if key in rows.of(table) and key not in mine.of(table):
            raise ValueError(f"the row {key!r} of {table.name} was deleted: mark it instead")
    for table in view.tables:
        rows.of(table).update(mine.of(table))


def _check(table: Table[Any], row: Any) -> None:
    """Raise ValueError for a value that its column cannot hold."""
    for column, type_ in table.types.items():
        value = getattr(row, column)
        if value is None and column not in table.key:
            continue
        if not FITS[type_](value):
            raise ValueError(f"{table.name}.{column} ({type_}) cannot hold {value!r}")
