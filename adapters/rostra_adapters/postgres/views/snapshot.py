"""States of views and their rows in one snapshot, whatever a rebuild does meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.projector import ViewState, states

ATTEMPTS_MAX = 10

_MISSING = """
select name from unnest($1::text[]) name where to_regclass('public.' || name) is null"""


@asynccontextmanager
async def snapshot(
    connection: Connection, lineage: Lineage = OURS
) -> AsyncIterator[Sequence[ViewState]]:
    """Yield the views' states in one snapshot, with their tables locked against a rebuild.

    Yield no states if a table is missing, or the views are not made.
    """
    for _ in range(ATTEMPTS_MAX):
        before = await states(connection, lineage)
        if not before:
            yield ()
            return
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        try:
            view_states = await _locked(connection, before, lineage)
            if view_states:
                yield view_states
                return
        finally:
            await transaction.rollback()
        if await states(connection, lineage) == before and [
            name for state in before for name in await missing_tables(connection, state)
        ]:
            yield ()
            return
    raise RuntimeError("the views are being rebuilt faster than they can be compared")


async def _locked(
    connection: Connection, before: Sequence[ViewState], lineage: Lineage
) -> Sequence[ViewState]:
    """Lock the tables; return the states, or none if they were rebuilt in between or lost."""
    try:
        await connection.execute(_lock(before))
    except asyncpg.UndefinedTableError:
        return ()
    found = await states(connection, lineage)
    return found if [it.version for it in found] == [it.version for it in before] else ()


async def missing_tables(connection: Connection, state: ViewState) -> list[str]:
    """Return the tables of a version of a view that do not exist."""
    names = [
        schema.versioned_name(fragment, state.version)
        for table in state.view.tables
        for fragment in table.fragments
    ]
    return [record[0] for record in await connection.fetch(_MISSING, names)]


def _lock(view_states: Sequence[ViewState]) -> str:
    names = ", ".join(
        f"public.{schema.versioned_name(fragment, state.version)}"
        for state in view_states
        for table in state.view.tables
        for fragment in table.fragments
    )
    return f"lock table {names} in access share mode"
