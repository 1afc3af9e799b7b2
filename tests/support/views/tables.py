"""Views in a database of a test, folded page by page by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from rostra.log import Recorded
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import row_store, schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.projector import Projector, at, states
from rostra_projections.tables import Key, Table

_RECORD = """
insert into public.stored_events
    (originator_id, originator_version, topic, state, notification_id, event_id, metadata)
values ($1, $2, $3, $4, $5, $6, $7)"""

Dump = dict[str, dict[Key, Any]]


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on an empty log and new views, in a database that is used again and again."""
    async with await create_pool(url) as pool:
        async with pool.acquire() as connection:
            if await connection.fetchval("select to_regclass('public.rostra_views') is null"):
                await forgetful(connection)
                await schema.install(connection)
            await empty(connection)
        yield pool


async def forgetful(connection: Connection) -> None:
    """Let a test empty the log, as nobody else may."""
    await connection.execute("alter table public.stored_events disable trigger all")


async def empty(connection: Connection) -> None:
    """An empty log, and new views."""
    for state in await states(connection):
        for table in state.view.tables:
            await schema.drop(connection, table, state.version)
    await connection.execute(
        "truncate public.stored_events; drop table if exists"
        " public.rostra_lineages, public.rostra_views, public.rostra_parked, public.comment_moves,"
        " public.comment_moves_gone"
    )
    await schema.install(connection)


async def record(connection: Connection, rows: Sequence[Recorded]) -> None:
    """Rows as a log has them."""
    records = [
        (r.stream, r.version, r.topic, r.state, r.position, r.event_id, r.metadata) for r in rows
    ]
    await connection.executemany(_RECORD, records)


async def fold(
    connection: Connection, pages: Sequence[Sequence[Recorded]], lineage: Lineage = OURS
) -> None:
    """Project pages live, into all views of a lineage together."""
    standing = await states(connection, lineage)
    projector = await Projector.begin(connection)
    for page in pages:
        standing = at(standing, await projector.project(standing, page))


async def dump(connection: Connection) -> Dump:
    """Every row of every view, by table and key."""
    found: Dump = {}
    for state in await states(connection):
        for table in state.view.tables:
            rows = await all_rows(connection, table, state.version)
            found[table.name] = {table.key_of(row): row for row in rows}
    return found


async def all_rows(connection: Connection, table: Table[Any], version: int) -> list[Any]:
    """Every row of a version of a table, put together; copies are what they are copies of."""
    values: dict[Key, dict[str, Any]] = {}
    for fragment in table.fragments:
        columns = table.columns_of(fragment)
        listed = ", ".join(f'"{column}"' for column in columns)
        name = schema.versioned_name(fragment, version)
        for one in await connection.fetch(f"select {listed} from public.{name}"):
            row = values.setdefault(tuple(one)[: len(table.key)], {})
            for column, value in one.items():
                assert row.setdefault(column, value) == value, (name, column)
    return [row_store.to_row(table, [row[c] for c in table.types]) for row in values.values()]
