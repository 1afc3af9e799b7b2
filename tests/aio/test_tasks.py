"""Tasks that go on without their callers, the end of tasks, and wake-ups."""

import asyncio

import pytest

from rostra_adapters.aio.tasks import PendingTasks, end_tasks
from rostra_adapters.aio.wake_up import WakeUp, wait_at_most


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("a task's own error")


async def test_tasks_are_cancelled_and_waited_for() -> None:
    tasks = [asyncio.create_task(forever()) for _ in range(2)]
    await end_tasks(tasks[0], None, tasks[1])
    assert all(task.cancelled() for task in tasks)


async def test_a_task_that_failed_is_ended_quietly() -> None:
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await end_tasks(task)
    assert isinstance(task.exception(), ValueError)


async def test_pending_tasks_are_waited_for_whether_they_fail_or_not() -> None:
    pending, done = PendingTasks(), asyncio.Event()

    async def work() -> int:
        await done.wait()
        return 7

    failing, working = pending.start(fail(), "failing"), pending.start(work(), "working")
    waiting = asyncio.create_task(pending.wait())
    await asyncio.wait([failing])
    assert not waiting.done()
    done.set()
    await waiting
    assert working.result() == 7
    with pytest.raises(ValueError, match="own error"):
        failing.result()


async def test_a_task_goes_on_after_its_caller_was_cancelled() -> None:
    pending, done = PendingTasks(), asyncio.Event()

    async def work() -> None:
        await done.wait()

    async def call() -> None:
        await asyncio.shield(pending.start(work(), "working"))

    caller = asyncio.create_task(call())
    await asyncio.sleep(0)
    await end_tasks(caller)
    done.set()
    await pending.wait()


async def test_a_signal_wakes_those_who_wait_and_nobody_who_comes_later() -> None:
    signal = WakeUp()
    before = signal.next()
    waiting = [asyncio.create_task(signal.next().wait()) for _ in range(2)]
    await asyncio.sleep(0)
    signal.send()
    await asyncio.gather(*waiting)
    assert before.is_set()
    assert not signal.next().is_set()


async def test_a_wait_ends_with_its_event_or_its_time() -> None:
    event = asyncio.Event()
    await wait_at_most(event, 0.0)
    event.set()
    await wait_at_most(event, 3_600.0)


async def test_a_cancellation_that_comes_with_the_event_is_not_lost() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_at_most(event, 3_600.0))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
