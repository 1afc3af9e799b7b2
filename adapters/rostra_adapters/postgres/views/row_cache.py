"""Cache of the rows that the one writer of the views wrote last."""

from collections.abc import Iterable
from typing import Any

import msgspec

from rostra_adapters.postgres.views.row_store import Loaded, Values
from rostra_projections.tables import Key, Rows, Table

CACHED_BYTES_MAX = 32 * 2**20
ROW_BYTES = 2_000
"""Estimated memory of a row without its words."""

_Cached = dict[tuple[Table[Any], int], dict[Key, tuple[msgspec.Struct, Values]]]


class RowCache:
    """Bounded cache of rows, by table, version and key, as the tables have them.

    It has two generations: rows that were not used while the newer one filled up are dropped. A
    page takes its rows out and puts them back once it is committed, so an error never leaves
    changed rows here.
    """

    def __init__(self, bytes_max: int = CACHED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._newer: _Cached = {}
        self._older: _Cached = {}
        self._bytes = 0
        """Estimated memory of the newer generation, in bytes."""

    def pop(
        self, table: Table[Any], version: int, keys: Iterable[Key], rows: Rows, loaded: Loaded
    ) -> list[Key]:
        """Move the rows of these keys into `rows` and `loaded`; return the keys of the others."""
        newer = self._newer.get((table, version), {})
        older = self._older.get((table, version), {})
        found, missing = rows.of(table), []
        for key in keys:
            kept = newer.pop(key, None) or older.pop(key, None)
            if kept is None:
                missing.append(key)
            else:
                found[key], loaded[key] = kept
        return missing

    def put(self, table: Table[Any], version: int, rows: Rows, loaded: Loaded) -> None:
        """Cache rows whose values, `loaded`, are those of the table."""
        if self._bytes > self._bytes_max // 2:
            self._older, self._newer, self._bytes = self._newer, {}, 0
        newer = self._newer.setdefault((table, version), {})
        found = rows.of(table)
        words = [number for number, of in enumerate(table.types.values()) if of == "bytea"]
        for key, values in loaded.items():
            newer[key] = (found[key], values)
            for number in words:
                self._bytes += len(values[number] or b"")
        self._bytes += ROW_BYTES * len(loaded)
