"""Task groups: their first error, and what they leave behind."""

import asyncio

import pytest

from rostra_adapters.aio.task_group import task_group


async def _fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("no")


async def _work_beside_failure(seconds: float) -> None:
    async with task_group() as group:
        group.create_task(_fail())
        if seconds:
            await asyncio.sleep(seconds)


async def test_a_group_that_fails_leaves_its_task_uncancelled() -> None:
    task = asyncio.current_task()
    assert task is not None
    for seconds in (0, 60):  # it fails while it is waited for, or before
        with pytest.raises(ValueError, match="no"):
            await _work_beside_failure(seconds)
        assert task.cancelling() == 0


async def test_a_task_that_is_cancelled_in_a_group_is_cancelled() -> None:
    begun = asyncio.Event()

    async def wait_in_group() -> None:
        async with task_group() as group:
            group.create_task(asyncio.sleep(60))
            begun.set()

    task = asyncio.create_task(wait_in_group())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
