"""Arrays in PostgreSQL's binary form, which the driver sends on unread.

The driver encodes any array, and asks of each element what it is; ours are one-dimensional and of
types that are known. That took a third of the process's time of an append.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from struct import Struct
from typing import Final

from rostra_adapters.postgres.connection import Connection

DOMAINS = ("rostra_uuids", "rostra_bigints", "rostra_texts", "rostra_byteas")
"""See `sql/arrays.sql`. A parameter of one of these types takes the bytes made here."""

_BIGINT, _BYTEA, _TEXT, _UUID = 20, 17, 25, 2950  # fixed, as all types built in

_empty: Final = Struct(">iii").pack  # no dimension, no nulls, type
_header: Final = Struct(">iiiii").pack  # one dimension, no nulls, type, length, first subscript
_length: Final = Struct(">i").pack
_bigint: Final = Struct(">iq").pack
_UUID_LENGTH: Final = _length(16)


async def exchange(connection: Connection, domains: Iterable[str] = DOMAINS) -> None:
    """Let the connection take arrays in binary form for parameters of some domains."""
    for name in domains:
        await connection.set_builtin_type_codec(
            name, schema="public", codec_name="bytea", format="binary"
        )


def uuids(values: Collection[int]) -> bytes:
    """Each as its number, `UUID.int`."""
    parts = [_UUID_LENGTH + value.to_bytes(16, "big") for value in values]
    return array(_UUID, len(values), parts)


def bigints(values: Collection[int]) -> bytes:
    return array(_BIGINT, len(values), map(_bigint, repeat(8), values))


def texts(values: Sequence[bytes]) -> bytes:
    """Encode an array of `text` from UTF-8."""
    return _sized(_TEXT, values)


def byteas(values: Sequence[bytes]) -> bytes:
    return _sized(_BYTEA, values)


def _sized(of: int, values: Sequence[bytes]) -> bytes:
    """Each after its length."""
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_length, map(len, values))
    parts[1::2] = values
    return array(of, len(values), parts)


def array(of: int, length: int, parts: Iterable[bytes], *, has_nulls: bool = False) -> bytes:
    """Join elements, each after its length, to an array of the type whose OID is `of`."""
    if not length:
        return _empty(0, 0, of)
    return _header(1, has_nulls, of, length, 1) + b"".join(parts)
