"""Columns of the views' tables as binary arrays, nulls among them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, Final, NamedTuple
from uuid import UUID

from rostra.times import Time, to_datetime
from rostra_adapters.postgres.binary_arrays import array, exchange
from rostra_adapters.postgres.connection import Connection

# Beside those of the log. The role that makes the views' tables makes them, too.
_DOMAINS_EXIST = "select to_regtype('public.rostra_timestamps') is not null"
_MAKE_DOMAINS = """
do $$
begin
    create domain public.rostra_booleans as boolean[];
    create domain public.rostra_floats as double precision[];
    create domain public.rostra_timestamps as timestamptz[];
exception when duplicate_object or unique_violation then
    null;
end
$$"""

_length: Final = Struct(">i").pack
_bigint: Final = Struct(">iq").pack
_float: Final = Struct(">id").pack
_NULL: Final = _length(-1)
_UUID_LENGTH: Final = _length(16)
_TRUE, _FALSE = _length(1) + b"\x01", _length(1) + b"\x00"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The driver stores these two times as infinities; see `row_store.time_of_column`.
_INFINITE = {
    (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND: 2**63 - 1,
    (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND: -(2**63),
}


def _uuids(values: Sequence[UUID | None]) -> list[bytes]:
    return [_NULL if v is None else _UUID_LENGTH + v.int.to_bytes(16, "big") for v in values]


def _integers(values: Sequence[int | None]) -> list[bytes]:
    return [_NULL if value is None else _bigint(8, value) for value in values]


def _floats(values: Sequence[float | None]) -> list[bytes]:
    return [_NULL if value is None else _float(8, value) for value in values]


def _booleans(values: Sequence[bool | None]) -> list[bytes]:
    return [_NULL if value is None else _TRUE if value else _FALSE for value in values]


def _byteas(values: Sequence[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


def _texts(values: Sequence[str | None]) -> list[bytes]:
    return _byteas([None if value is None else value.encode() for value in values])


def _timestamps(values: Sequence[Time | None]) -> list[bytes]:
    return _integers([None if value is None else _microseconds(value) for value in values])


def _microseconds(time: Time) -> int:
    microseconds = (to_datetime(time) - _EPOCH) // _MICROSECOND
    return _INFINITE.get(microseconds, microseconds)


class _Form(NamedTuple):
    """Array type with its fixed OID and its domain. `encode` puts each element after its length."""

    array: str
    oid: int
    domain: str
    encode: Callable[[Sequence[Any]], list[bytes]]


_BIGINTS = _Form("bigint[]", 20, "rostra_bigints", _integers)
_FORMS = {
    "boolean": _Form("boolean[]", 16, "rostra_booleans", _booleans),
    "bytea": _Form("bytea[]", 17, "rostra_byteas", _byteas),
    "text": _Form("text[]", 25, "rostra_texts", _texts),
    "double precision": _Form("float8[]", 701, "rostra_floats", _floats),
    "timestamptz": _Form("timestamptz[]", 1184, "rostra_timestamps", _timestamps),
    "uuid": _Form("uuid[]", 2950, "rostra_uuids", _uuids),
    # PostgreSQL narrows them when it stores them.
    "smallint": _BIGINTS,
    "integer": _BIGINTS,
    "bigint": _BIGINTS,
}
"""By the SQL type of a column."""


async def prepare(connection: Connection) -> None:
    """Let the connection take encoded columns for parameters."""
    if not await connection.fetchval(_DOMAINS_EXIST):
        await connection.execute(_MAKE_DOMAINS)
    await exchange(connection, sorted({form.domain for form in _FORMS.values()}))


def parameter(type_: str, number: int | str) -> str:
    """Return the SQL of a parameter that is an encoded column of this type."""
    form = _FORMS[type_]
    return f"${number}::public.{form.domain}::{form.array}"


def encode(type_: str, values: Sequence[Any]) -> bytes:
    """Encode the values of a column. Times are texts."""
    form = _FORMS[type_]
    parts = form.encode(values)
    return array(form.oid, len(parts), parts, has_nulls=_NULL in parts)
