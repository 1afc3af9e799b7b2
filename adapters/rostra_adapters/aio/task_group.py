"""Tasks that end together, and what went wrong with one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group that raises its first error itself, not in an exception group.

    A caller that handles certain errors can then catch them.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelled, is_left = task.cancelling(), False
    try:
        async with asyncio.TaskGroup() as group:
            yield group
            is_left = True
    except BaseExceptionGroup as failed:
        # Before Python 3.13 a group that fails while it is waited for leaves its own request to
        # cancel this task behind.
        if is_left and task.cancelling() > cancelled:
            task.uncancel()
        raise failed.exceptions[0] from None
