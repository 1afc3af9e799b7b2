"""Rows of a projection, typed, in tables of any kind.

A fold changes rows that it finds in `Rows`; the same fold runs live (rows loaded from
PostgreSQL), in a rebuild and in memory.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from rostra.codec import AnyEvent

Key = Any
"""A UUID, or a tuple for a table whose key has several columns."""


def sealed(personal: object) -> bytes | None:
    """Return an event's words as the log has them. Raises TypeError for plain ones."""
    if personal is not None and not isinstance(personal, bytes):
        raise TypeError("the words of this event are not sealed")
    return personal


Touched = Mapping[str, Collection[Key]]
"""The keys of rows that a fold has looked at, by table."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """Event with its place in the log."""

    stream: UUID
    event: AnyEvent
    position: int
    event_id: UUID | None


R = TypeVar("R", bound=msgspec.Struct)


class Fragment(msgspec.Struct, frozen=True):
    """Table in which PostgreSQL stores part of each row.

    It holds the key, the columns `own`, and `copies` of columns of the first fragment for its
    indexes. `indexes` are statements in which `{v}` is the version.
    """

    name: str
    own: tuple[str, ...]
    copies: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()


class Table(Generic[R]):
    """A table of rows: its columns are the fields of `row`, `types` their SQL types.

    In PostgreSQL its `fragments` are tables of their own, the first with `indexes` and whatever
    is not `apart`: of a row only the fragments are written that have changed. `key_of` gives a
    row's key, as `Rows` knows it.
    """

    def __init__(
        self,
        name: str,
        row: type[R],
        *,
        key: tuple[str, ...],
        types: Mapping[str, str],
        indexes: tuple[str, ...] = (),
        apart: tuple[Fragment, ...] = (),
    ) -> None:
        fields = tuple(field.name for field in msgspec.structs.fields(row))
        if fields != tuple(types):
            raise TypeError(f"the columns of {name} are not the fields of {row.__name__}")
        self.name = name
        self.row = row
        self.key = key
        self.key_of: Callable[[R], Key] = attrgetter(*key)
        self.types = dict(types)
        elsewhere = {*key, *(column for fragment in apart for column in fragment.own)}
        own = tuple(column for column in fields if column not in elsewhere)
        self.fragments = (Fragment(name, own, indexes=indexes), *apart)

    def columns_of(self, fragment: Fragment) -> tuple[str, ...]:
        """Return the columns of a fragment, the key first."""
        return (*self.key, *fragment.own, *fragment.copies)

    def home_of(self, column: str) -> int:
        """Return the number of the fragment that a column is read from."""
        return next((n for n, fragment in enumerate(self.fragments) if column in fragment.own), 0)


class Rows:
    """Rows by table and key, changed in place by a fold."""

    def __init__(self, tables: Iterable[Table[Any]]) -> None:
        self._tables: dict[Table[Any], dict[Key, Any]] = {table: {} for table in tables}

    def of(self, table: Table[R]) -> dict[Key, R]:
        """All rows of a table that are here, by key."""
        return self._tables[table]
