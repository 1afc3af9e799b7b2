"""Folding the log into fresh tables: a range of discussions at a time, in memory.

With several jobs each range is folded by a process of its own, which is this file
run as a program: it reads one `Part` from its standard input.
"""

import asyncio
import gc
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import msgspec

from rostra.ids import discussion_of
from rostra.log import Recorded
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.views import store
from rostra_adapters.views.patient import connected
from rostra_adapters.views.projector import ViewState, park
from rostra_projections.tables import Rows
from rostra_projections.views import CannotFold, Parked, View, fold_fact, read

RANGE_EVENTS = 500_000
"""About as many events are folded in memory at a time."""
READ_EVENTS = 5_000

_READ = """
select notification_id, originator_id, originator_version, topic, state, event_id, null
from public.stored_events
where notification_id <= $1 and originator_id >= $2 and originator_id <= $3
order by notification_id"""

Progress = Callable[[str, int, int], None]
"""Called with the view, the position reached, and the one to be reached."""


class FoldingFailed(Exception):
    """A process that folds has come to grief; the message says how."""


class Part(msgspec.Struct, frozen=True):
    """The discussions of a range of ids, up to a position of the log."""

    first: UUID
    last: UUID
    until: int


class Job(msgspec.Struct, frozen=True):
    """What a process of its own is told."""

    url: str
    state: ViewState
    part: Part


def parts(until: int, least: int = 1) -> list[Part]:
    """All ids, in ranges of about `RANGE_EVENTS` events of the log."""
    count = max(least, -(-until // RANGE_EVENTS))
    borders = [number * 2**128 // count for number in range(count + 1)]
    return [
        Part(UUID(int=first), UUID(int=beyond - 1), until)
        for first, beyond in itertools.pairwise(borders)
    ]


async def fold_log(
    connection: Connection, state: ViewState, until: int, *, url: str, jobs: int, progress: Progress
) -> None:
    """Fold the log up to `until` into empty tables. Raises FoldingFailed."""
    if jobs == 1:
        for part in parts(until):
            await fold_part(connection, state, part, progress)
        return
    free, done = asyncio.Semaphore(jobs), itertools.count(1)
    every = parts(until, least=jobs)

    async def fold(part: Part) -> None:
        async with free:
            await _in_process(Job(url, state, part))
        progress(state.name, until * next(done) // len(every), until)

    async with asyncio.TaskGroup() as group:
        for part in every:
            group.create_task(fold(part))


async def _in_process(job: Job) -> None:
    """Whoever gives up waiting for it ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        _, said = await process.communicate(msgspec.json.encode(job))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise FoldingFailed(said.decode(errors="replace").strip().rpartition("\n")[2])


async def fold_part(
    connection: Connection, state: ViewState, part: Part, progress: Progress
) -> None:
    """Fold a part in memory, and copy its rows into the tables."""
    async with connection.transaction():
        rows, parked = await folded(connection, state.view, part, progress)
        for one in parked.values():
            await park(connection, state, one)
        for table in state.view.tables:
            await store.copy(connection, table, state.version, rows.of(table).values())


async def folded(
    connection: Connection, view: View, part: Part, progress: Progress = lambda *_: None
) -> tuple[Rows, dict[UUID, Parked]]:
    """The rows of a part, and what cannot be followed. Within a transaction."""
    rows = Rows(view.tables)
    parked: dict[UUID, Parked] = {}
    with _no_garbage_collection():
        async for page in _pages(connection, part):
            _fold_page(view, rows, page, parked)
            progress(view.name, page[-1].position, part.until)
        view.settle(rows, {table.name: rows.of(table) for table in view.tables})
        view.mend(rows)
    return rows, parked


async def _pages(connection: Connection, part: Part) -> AsyncIterator[list[Recorded]]:
    cursor = await connection.cursor(_READ, part.until, part.first, part.last)
    while records := await cursor.fetch(READ_EVENTS):
        yield [Recorded(*record) for record in records]


def _fold_page(
    view: View, rows: Rows, page: Sequence[Recorded], parked: dict[UUID, Parked]
) -> None:
    for fact in read(page):
        if parked and discussion_of(fact.stream) in parked:
            continue
        try:
            fold_fact(view, rows, fact)
        except CannotFold as refused:
            parked[refused.parked.discussion] = refused.parked


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Rows have no cycles, and looking for some among millions doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


async def _main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    async with connected(job.url) as connection:
        await fold_part(connection, job.state, job.part, lambda *_: None)


if __name__ == "__main__":
    asyncio.run(_main())
