"""Names of one Rostra in a database that may hold several.

Statements spell out the names of the default: schema `public`, beside it the schema of keys, locks
and channels. A connection to a Rostra in a schema of its own translates them. The session's
`search_path` is not used: a pooler may give each transaction another session, and functions that
run with their owner's rights must not depend on it.
"""

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from rostra_adapters.postgres import locks

DEFAULT_SCHEMA = "public"
KEYS_SCHEMA = "rostra_keys"
SCHEMA_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,39}")
"""Schemas that Rostra may use; `rostra_keys_` is put before them."""

_NAMES = re.compile(
    r"""
    (?P<listed>'(?P<quoted>public|rostra_keys)')
    | (?P<schema>\bpublic(?=\.)|(?<=\bschema\ )public\b)
    | (?P<keys>\brostra_keys\b)
    | (?P<lock>(?<=lock\()\d+)
    | (?P<channel>(?<=pg_notify\(')\w+)
    """,
    re.VERBOSE,
)


class Namespace(msgspec.Struct, frozen=True):
    """Schema, locks and channels of one Rostra."""

    schema: str = DEFAULT_SCHEMA

    @property
    def is_default(self) -> bool:
        """True where statements hold as they are."""
        return self.schema == DEFAULT_SCHEMA

    @property
    def keys(self) -> str:
        """Schema of persons' keys."""
        return KEYS_SCHEMA if self.is_default else f"{KEYS_SCHEMA}_{self.schema}"

    def lock(self, number: int) -> int:
        """Return the advisory lock that replaces a lock of the default schema."""
        if self.is_default:
            return number
        text = f"rostra lock {number} of {self.schema}"
        return int.from_bytes(sha256(text.encode()).digest()[:8]) >> 1

    def channel(self, name: str) -> str:
        """Return the channel that replaces a channel of the default schema.

        The stock library has one channel of events for all schemas.
        """
        return name if self.is_default or name == locks.EVENTS else f"{name}_{self.schema}"

    def schema_of(self, name: str) -> str:
        """Return the schema that replaces `public` or `rostra_keys`."""
        return {DEFAULT_SCHEMA: self.schema, KEYS_SCHEMA: self.keys}.get(name, name)

    def translate(self, statement: str) -> str:
        """Return a statement with the names of this Rostra."""
        return statement if self.is_default else _translated(self, statement)


@lru_cache(1_000)
def _translated(names: Namespace, statement: str) -> str:
    def replace(found: re.Match[str]) -> str:
        match found.lastgroup:
            case "listed" | "quoted":
                return f"'{names.schema_of(found['quoted'])}'"
            case "schema":
                return f'"{names.schema}"'
            case "keys":
                return f'"{names.keys}"'
            case "lock":
                return str(names.lock(int(found[0])))
            case _:
                return names.channel(found[0])

    return _NAMES.sub(replace, statement)


class NamespaceConnection:
    """Part of a connection class: it translates whatever names a schema, lock or channel."""

    __slots__ = ()
    names = Namespace()

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        return await super().execute(self.names.translate(query), *args, **options)  # type: ignore[misc]

    async def _get_statement(self, query: str, *args: Any, **options: Any) -> Any:
        """Prepare a statement, as all other methods and cursors do."""
        query = self.names.translate(query)
        return await super()._get_statement(query, *args, **options)  # type: ignore[misc]

    async def copy_from_query(self, query: str, *args: Any, **options: Any) -> Any:
        query = self.names.translate(query)
        return await super().copy_from_query(query, *args, **options)  # type: ignore[misc]

    async def copy_to_table(self, table: str, *, schema_name: str, **options: Any) -> Any:
        schema = self.names.schema_of(schema_name)
        return await super().copy_to_table(table, schema_name=schema, **options)  # type: ignore[misc]

    async def copy_records_to_table(self, table: str, *, schema_name: str, **options: Any) -> Any:
        schema = self.names.schema_of(schema_name)
        copying = super().copy_records_to_table(table, schema_name=schema, **options)  # type: ignore[misc]
        return await copying

    async def set_builtin_type_codec(self, name: str, *, schema: str, **options: Any) -> None:
        schema = self.names.schema_of(schema)
        await super().set_builtin_type_codec(name, schema=schema, **options)  # type: ignore[misc]

    async def add_listener(self, channel: str, callback: Any) -> None:
        await super().add_listener(self.names.channel(channel), callback)  # type: ignore[misc]

    async def remove_listener(self, channel: str, callback: Any) -> None:
        await super().remove_listener(self.names.channel(channel), callback)  # type: ignore[misc]


@lru_cache(64)
def in_namespace(base: type[Any], schema: str) -> type[Any]:
    """Return a class of connections to the Rostra in a schema; `base` itself by default."""
    if schema == DEFAULT_SCHEMA:
        return base
    body = {"__slots__": (), "names": Namespace(schema)}
    return type(base.__name__, (NamespaceConnection, base), body)


def names_of(connection: Any) -> Namespace:
    """Return the names that a connection translates statements to."""
    names: Namespace = getattr(connection, "names", Namespace())
    return names
