"""Content of a version of a view, as hashes: two versions with equal hashes hold the same rows.

There is a hash for each table and range of ids, so that differences can be found. It is the sum of
the rows' own hashes, and so does not depend on their order.
"""

from collections.abc import Iterator, Mapping

from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.projector import ViewState
from rostra_projections.views import View

# The range is the first hexadecimal digit of the id that the key begins with.
_HASHES = """
select get_byte(uuid_send({key}), 0) >> 4, count(*),
    sum(hash_record_extended(t, 0)::numeric)::text
from public.{table} t group by 1"""

Content = Mapping[tuple[str, int], tuple[int, str]]
"""By fragment of a table and range: the number of rows, and their hash."""


async def content(connection: Connection, state: ViewState) -> Content:
    """Return the content of one version of a view, in the connection's snapshot."""
    found: dict[tuple[str, int], tuple[int, str]] = {}
    for table in state.view.tables:
        for fragment in table.fragments:
            name = schema.versioned_name(fragment, state.version)
            statement = _HASHES.format(key=table.key[0], table=name)
            for within, rows, hashed in await connection.fetch(statement):
                found[fragment.name, within] = (rows, hashed)
    return found


def rows_of(view: View, found: Content) -> int:
    """Return the number of rows in all tables of a view."""
    names = {table.name for table in view.tables}
    return sum(rows for (name, _), (rows, _) in found.items() if name in names)


def differences(one: Content, other: Content) -> Iterator[str]:
    """Yield the fragments of tables and ranges in which two versions differ: `comments 3…`."""
    for table, within in sorted(one.keys() | other.keys()):
        if one.get((table, within)) != other.get((table, within)):
            yield f"{table} {within:x}…"
