"""The indexes of tables that have been filled, several made at once."""

from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack

from rostra_adapters.aio.task_group import task_group
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import ViewState

# No parallel workers: the number of processes is the caller's.
_ALONE = "set max_parallel_maintenance_workers = 0; set maintenance_work_mem = '128MB'"


async def index(url: str, states: Sequence[ViewState], *, side_by_side: int) -> None:
    """Make all indexes, and let the planner know what the tables hold."""
    tables = [(table, state.version) for state in states for table in state.view.tables]
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connect_patiently(url)) for _ in range(side_by_side)
        ]
        for connection in connections:
            await connection.execute(_ALONE)
        for make in (schema.indexes, schema.keys, schema.analyses):
            waiting = deque(one for each in tables for one in make(*each))
            async with task_group() as group:  # the first ones, which take longest, begin first
                for connection in connections:
                    group.create_task(_work(connection, waiting))


async def _work(connection: Connection, waiting: deque[str]) -> None:
    while waiting:
        await connection.execute(waiting.popleft())
