"""The indexes of tables that have been filled, several made at once."""

from collections import deque
from collections.abc import Sequence

from rostra_adapters.aio.task_group import task_group
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import ViewState

# No parallel workers: the number of processes is the caller's.
_ALONE = "set max_parallel_maintenance_workers = 0; set maintenance_work_mem = '128MB'"


async def index(url: str, states: Sequence[ViewState], *, side_by_side: int) -> None:
    """Make all indexes, and let the planner know what the tables hold."""
    tables = [(table, state.version) for state in states for table in state.view.tables]
    await _each(url, [one for each in tables for one in schema.indexes(*each)], side_by_side)
    await _each(url, [one for each in tables for one in schema.keys(*each)], side_by_side)
    await _each(url, [one for each in tables for one in schema.analyses(*each)], side_by_side)


async def _each(url: str, statements: Sequence[str], side_by_side: int) -> None:
    """Run all statements; the first ones, which take longest, begin first."""
    waiting = deque(statements)
    async with task_group() as group:
        for _ in range(side_by_side):
            group.create_task(_work(url, waiting))


async def _work(url: str, waiting: deque[str]) -> None:
    async with connect_patiently(url) as connection:
        await connection.execute(_ALONE)
        while waiting:
            await connection.execute(waiting.popleft())
