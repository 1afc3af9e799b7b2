"""The indexes of tables that have been filled, several made at once."""

import asyncio
from collections.abc import Sequence

from rostra_adapters.views import schema
from rostra_adapters.views.patient import connected
from rostra_adapters.views.projector import ViewState

# As many processes as we ask for, none of them with helpers of its own.
_ALONE = "set max_parallel_maintenance_workers = 0; set maintenance_work_mem = '128MB'"


async def index(url: str, states: Sequence[ViewState], *, side_by_side: int) -> None:
    """Make all indexes, and let the planner know what the tables hold."""
    tables = [(table, state.version) for state in states for table in state.view.tables]
    waiting = [one for table, version in tables for one in schema.indexes(table, version)]
    async with asyncio.TaskGroup() as group:
        for _ in range(side_by_side):
            group.create_task(_work(url, waiting))
    async with connected(url) as connection:
        for table, version in tables:
            await connection.execute(schema.key(table, version))
            await connection.execute(f"analyze public.{schema.versioned(table, version)}")


async def _work(url: str, waiting: list[str]) -> None:
    async with connected(url) as connection:
        await connection.execute(_ALONE)
        while waiting:
            await connection.execute(waiting.pop())
