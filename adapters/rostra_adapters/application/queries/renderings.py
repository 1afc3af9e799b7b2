"""Bodies as HTML, rendered once: short ones here, long ones by another process."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from rostra_adapters.aio.worker_processes import (
    WorkerFailed,
    WorkerPool,
    WorkersClosed,
    processes_at_once,
    serve,
)
from rostra_adapters.application import read_position
from rostra_adapters.application.queries.rendering import plain, render
from rostra_adapters.lru_cache import LruCache

CACHED_CHARACTERS_MAX = 16 * 1024 * 1024
HERE_CHARACTERS_MAX = 4_000
"""Bodies that are shorter together are rendered here: they take a few milliseconds at most."""
JOB_CHARACTERS_MAX = 64 * 1024
JOB_SECONDS_MAX = 10.0
FALLBACK_CHARACTERS_MAX = 4 * 1024 * 1024
RETRY_SECONDS_MIN = 5.0
RETRY_SECONDS_MAX = 320.0
"""A body whose rendering failed waits so long for the next try, twice as long after each failure.
A body that is too slow at every try thus takes little of a worker's time."""


class Markdown(NamedTuple):
    """A comment's body; `breaks` makes a single newline a line break."""

    body: str
    breaks: bool = True


class _Fallback(NamedTuple):
    """Plain HTML of a body whose rendering failed."""

    html: str
    retry_at: float
    wait_seconds: float


_markdowns = msgspec.msgpack.Decoder(list[Markdown])


class Renderings:
    """Bounded cache of rendered bodies, and the workers that fill it."""

    def __init__(
        self,
        characters_max: int = CACHED_CHARACTERS_MAX,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._cached: LruCache[Markdown, str] = LruCache(
            characters_max, lambda markdown, html: len(markdown.body) + len(html)
        )
        self._fallbacks: LruCache[Markdown, _Fallback] = LruCache(
            FALLBACK_CHARACTERS_MAX,
            lambda markdown, fallback: len(markdown.body) + len(fallback.html),
        )
        self._drops = 0
        self._workers = WorkerPool(
            __name__, workers_max=processes_at_once(), job_seconds_max=JOB_SECONDS_MAX
        )

    async def close(self) -> None:
        """End the workers."""
        await self._workers.close()

    def at_hand(self, bodies: Iterable[Markdown]) -> dict[Markdown, str] | None:
        """Return the HTML of each body; None where they have to be rendered elsewhere."""
        found, missing = self._find(bodies)
        if sum(len(one.body) for one in missing) > HERE_CHARACTERS_MAX:
            return None
        made = {one: render(one.body, breaks=one.breaks) for one in missing}
        self._put(made)
        return found | made

    async def render(self, bodies: Iterable[Markdown]) -> dict[Markdown, str]:
        """Return the HTML of each body. Persons may have been erased meanwhile."""
        bodies = list(bodies)
        if (ready := self.at_hand(bodies)) is not None:
            return ready
        found, missing = self._find(bodies)
        drops = self._drops
        jobs = self._jobs(missing)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._elsewhere(job)) for job in jobs]
        made: dict[Markdown, str] = {}
        fallbacks: dict[Markdown, _Fallback] = {}
        for job, task in zip(jobs, tasks, strict=True):
            if (answer := task.result()) is not None:
                made |= answer
            else:
                fallbacks |= {one: self._fall_back(one) for one in job}
        if drops == self._drops:
            self._put(made)
            for body, fallback in fallbacks.items():
                self._fallbacks.put(body, fallback)
        for body, fallback in fallbacks.items():
            read_position.limit_caching(fallback.retry_at)
            made[body] = fallback.html
        return found | made

    async def render_once(self, markdown: Markdown) -> str:
        """Return the HTML of a body that is not worth caching."""
        if len(markdown.body) <= HERE_CHARACTERS_MAX:
            return render(markdown.body, breaks=markdown.breaks)
        made = await self._elsewhere([markdown])
        return plain(markdown.body) if made is None else made[markdown]

    def drop(self) -> None:
        """Cache nothing: somebody's words are erased."""
        self._drops += 1
        self._cached.clear()
        self._fallbacks.clear()

    def _find(self, bodies: Iterable[Markdown]) -> tuple[dict[Markdown, str], list[Markdown]]:
        found: dict[Markdown, str] = {}
        missing: dict[Markdown, None] = {}
        for body in bodies:
            html = self._cached.find(body)
            if html is None:
                html = self._find_fallback(body)
            if html is None:
                missing[body] = None
            else:
                found[body] = html
        return found, list(missing)

    def _find_fallback(self, body: Markdown) -> str | None:
        """Return the fallback of a body until its rendering may be tried again."""
        fallback = self._fallbacks.find(body)
        if fallback is None or fallback.retry_at <= self._clock():
            return None
        read_position.limit_caching(fallback.retry_at)
        return fallback.html

    def _fall_back(self, body: Markdown) -> _Fallback:
        """Return the fallback of a body whose rendering has just failed."""
        former = self._fallbacks.peek(body)
        wait = RETRY_SECONDS_MIN
        if former is not None:
            wait = min(former.wait_seconds * 2, RETRY_SECONDS_MAX)
        return _Fallback(plain(body.body), self._clock() + wait, wait)

    def _jobs(self, bodies: Iterable[Markdown]) -> list[list[Markdown]]:
        """Divide bodies into jobs. A body whose rendering failed before is a job of its own.

        Until that job ends, other readers of the body get its fallback.
        """
        fresh: list[Markdown] = []
        again: list[Markdown] = []
        for body in bodies:
            fallback = self._fallbacks.peek(body)
            if fallback is None:
                fresh.append(body)
                continue
            again.append(body)
            retry_at = self._clock() + JOB_SECONDS_MAX + fallback.wait_seconds
            self._fallbacks.put(body, fallback._replace(retry_at=retry_at))
        return [*_jobs(fresh), *([body] for body in again)]

    async def _elsewhere(self, bodies: list[Markdown]) -> dict[Markdown, str] | None:
        """Return the HTML of each body, None if no worker rendered them."""
        try:
            answer = await self._workers.ask(msgspec.msgpack.encode(bodies))
        except (WorkerFailed, WorkersClosed):
            return None
        return dict(zip(bodies, msgspec.msgpack.decode(answer, type=list[str]), strict=True))

    def _put(self, made: Mapping[Markdown, str]) -> None:
        for body, html in made.items():
            self._fallbacks.drop(body)
            if body not in self._cached:
                self._cached.put(body, html)


def _jobs(bodies: Iterable[Markdown]) -> list[list[Markdown]]:
    jobs: list[list[Markdown]] = []
    room = 0
    for body in bodies:
        if len(body.body) > room:
            jobs.append([])
            room = JOB_CHARACTERS_MAX
        jobs[-1].append(body)
        room -= len(body.body)
    return jobs


# -- in the worker


def _answer(job: bytes) -> bytes:
    made = [render(one.body, breaks=one.breaks) for one in _markdowns.decode(job)]
    return msgspec.msgpack.encode(made)


if __name__ == "__main__":
    serve(_answer, sys.stdin.buffer, sys.stdout.buffer)
