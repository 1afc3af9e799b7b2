"""Fold of the log into new tables, in memory, by ranges of discussions.

One read of the log serves all views, and memory holds one range. Votes are counted after all other
events. A range in which the order of votes matters is read again, with all events in order. With
several jobs, each job has its own ranges and process. This module is run as a program, which forks
those processes once everything is imported. It reads the jobs from its standard input; each process
prints the number of its job and of the events folded so far.
"""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import uvloop

from rostra_adapters.application.own_views import own_views
from rostra_adapters.application.ports import Progress
from rostra_adapters.errors import FoldingFailed
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.observability.child_processes import DATABASE_PASSWORDS, python_environment
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild.range_reader import besides_votes, in_order, joined_votes
from rostra_adapters.postgres.rebuild.ranges import Part, parts
from rostra_adapters.postgres.views import row_store
from rostra_adapters.postgres.views.lineage import OURS, lineage_of_own
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import UNWRITABLE, ViewState, park
from rostra_projections.range_fold import RangeFold
from rostra_projections.views import View

UNWRITABLE_EXIT = 3
"""Exit code of a process whose rows the tables refuse."""


class Unwritable(FoldingFailed):
    """The tables of a view cannot hold a row."""


class _Version(msgspec.Struct, frozen=True):
    """Version of a view to fold, without its code."""

    name: str
    version: int
    shape: int
    position: int


class Job(msgspec.Struct, frozen=True):
    """Task of a worker process."""

    url: str
    versions: list[_Version]
    module: str | None
    """Module of views of one's own; None for those of Rostra."""
    part: Part

    def states(self) -> list[ViewState]:
        """Return the versions with the views that this process imports."""
        lineages = [OURS]
        if self.module is not None:
            lineages = [lineage_of_own(own) for own in own_views([self.module])]
        return [
            ViewState(it.name, it.version, it.shape, it.position, lineage)
            for it in self.versions
            for lineage in lineages
            if it.name in lineage.views
        ]


async def fold_log(
    url: str, states: Sequence[ViewState], until: int, *, jobs: int, progress: Progress
) -> None:
    """Fold the log up to `until` into empty tables. Raises FoldingFailed."""
    named = ", ".join(state.name for state in states)
    lineage = states[0].lineage
    if not lineage.can_fold_in_processes:
        jobs = 1
    async with connect_patiently(url) as connection:
        every = await parts(connection, until, jobs)
    done = [0] * len(every)

    def report(number: int, events: int) -> None:
        done[number] = events
        progress(named, sum(done), until)

    if jobs == 1:
        await fold_part(url, states, every[0], lambda events: report(0, events))
    else:
        versions = [_Version(it.name, it.version, it.shape, it.position) for it in states]
        work = [Job(url, versions, lineage.module, part) for part in every]
        await _in_processes(work, report)
    progress(named, until, until)


async def _in_processes(jobs: Sequence[Job], report: Callable[[int, int], None]) -> None:
    """Run each job in a process. All end when one fails, and when the caller stops waiting."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=python_environment(*DATABASE_PASSWORDS),
        start_new_session=True,
    )
    assert process.stdin and process.stdout and process.stderr
    try:
        said = asyncio.create_task(process.stderr.read())
        process.stdin.write(msgspec.json.encode(jobs))
        process.stdin.close()
        async for line in process.stdout:
            report(*map(int, line.split()))
        await process.wait()
        last_words = (await said).decode(errors="replace").strip().rpartition("\n")[2]
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        failure = Unwritable if process.returncode == UNWRITABLE_EXIT else FoldingFailed
        raise failure(last_words)


async def fold_part(
    url: str, states: Sequence[ViewState], part: Part, report: Callable[[int], None]
) -> None:
    """Fold a part, a range at a time, and copy the rows into the tables."""
    views = [state.view for state in states]
    with no_garbage_collection():
        async with connect_patiently(url) as connection:
            async for _, folded in folded_ranges(url, views, part, report):
                await _copy(connection, states, folded)


async def _copy(connection: Connection, states: Sequence[ViewState], folded: RangeFold) -> None:
    for state in states:
        for one in folded.parked[state.name].values():
            await park(connection, state, one)
        for table in state.view.tables:
            rows = folded.rows.of(table)
            await row_store.copy(connection, table, state.version, rows.values())
            rows.clear()


async def folded_ranges(
    url: str, views: Sequence[View], part: Part, report: Callable[[int], None] = lambda _: None
) -> AsyncIterator[tuple[Part, RangeFold]]:
    """Yield the rows of each range of a part, and the discussions that cannot be followed.

    Ranges in which the order of votes matters come last.
    """
    ranges, events, odd = part.ranges(), 0, list[int]()

    def count(more: int) -> None:
        nonlocal events
        events += more
        report(events)

    async with besides_votes(url, part) as rest, joined_votes(url, part) as votes:
        for number, within in enumerate(ranges):
            folded = RangeFold(views)
            async for page in rest.of(number):
                folded.add_events(page)
                count(len(page))
            if await _voted(folded, votes.of(number), count):
                folded.finish()
                yield within, folded
            else:
                odd.append(number)
    if odd:
        async with in_order(url, part, odd) as everything:
            for number in odd:
                folded = RangeFold(views)
                async for page in everything.of(number):
                    folded.add_events(page)
                folded.finish()
                yield ranges[number], folded


async def _voted(
    folded: RangeFold, pages: AsyncIterator[Sequence[Any]], count: Callable[[int], None]
) -> bool:
    """Count all votes of a range; False where they must be folded in order."""
    even = True
    async for page in pages:
        for positions, states in page:
            even = even and folded.add_votes(positions, states)
            count(len(positions))
    return even


def _run_all(jobs: Sequence[Job]) -> int:
    """Run each job in a fork of this process. Return 0, or the exit code of one that failed."""
    running = set()
    for number, job in enumerate(jobs):
        pid = os.fork()
        if not pid:
            os._exit(_run(number, job))
        running.add(pid)
    while running:
        pid, status = os.wait()
        running.discard(pid)
        if code := os.waitstatus_to_exitcode(status):
            for other in running:
                os.kill(other, signal.SIGKILL)
            return code if code > 0 else 1
    return 0


def _run(number: int, job: Job) -> int:
    """Run a job, and return the exit code of its process."""

    def report(events: int) -> None:
        os.write(sys.stdout.fileno(), f"{number} {events}\n".encode())

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(fold_part(job.url, job.states(), job.part, report))
    except UNWRITABLE as error:
        _say(f"{error}\n")
        return UNWRITABLE_EXIT
    except BaseException:  # noqa: BLE001  # nothing of the forked process may go on
        _say(traceback.format_exc())
        return 1
    return 0


def _say(reason: str) -> None:
    """Write to standard error at once: other jobs write there, and are killed in the middle."""
    os.write(sys.stderr.fileno(), reason.encode(errors="replace"))


if __name__ == "__main__":
    sys.exit(_run_all(msgspec.json.decode(sys.stdin.buffer.read(), type=list[Job])))
