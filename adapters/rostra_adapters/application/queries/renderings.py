"""Bodies as HTML, rendered once: short ones here, long ones by another process."""

import asyncio
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from rostra_adapters.aio.worker_processes import (
    WorkerFailed,
    WorkerPool,
    WorkersClosed,
    processes_at_once,
    serve,
)
from rostra_adapters.application.queries.rendering import plain, render
from rostra_adapters.lru_cache import LruCache

CACHED_CHARACTERS_MAX = 16 * 1024 * 1024
HERE_CHARACTERS_MAX = 4_000
"""Bodies that are shorter together are rendered here: they take a few milliseconds at most."""
JOB_CHARACTERS_MAX = 64 * 1024
JOB_SECONDS_MAX = 10.0


class Markdown(NamedTuple):
    """A comment's body; `breaks` makes a single newline a line break."""

    body: str
    breaks: bool = True


_markdowns = msgspec.msgpack.Decoder(list[Markdown])


class Renderings:
    """Bounded cache of rendered bodies, and the workers that fill it."""

    def __init__(self, characters_max: int = CACHED_CHARACTERS_MAX) -> None:
        self._cached: LruCache[Markdown, str] = LruCache(
            characters_max, lambda markdown, html: len(markdown.body) + len(html)
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
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(self._elsewhere(job)) for job in _jobs(missing)]
        made = {one: html for job in jobs for one, html in job.result().items()}
        if drops == self._drops:
            self._put(made)
        return found | made

    async def render_once(self, markdown: Markdown) -> str:
        """Return the HTML of a body that is not worth caching."""
        if len(markdown.body) <= HERE_CHARACTERS_MAX:
            return render(markdown.body, breaks=markdown.breaks)
        return (await self._elsewhere([markdown]))[markdown]

    def drop(self) -> None:
        """Cache nothing: somebody's words are erased."""
        self._drops += 1
        self._cached.clear()

    def _find(self, bodies: Iterable[Markdown]) -> tuple[dict[Markdown, str], list[Markdown]]:
        found: dict[Markdown, str] = {}
        missing: dict[Markdown, None] = {}
        for body in bodies:
            html = self._cached.find(body)
            if html is None:
                missing[body] = None
            else:
                found[body] = html
        return found, list(missing)

    async def _elsewhere(self, bodies: list[Markdown]) -> dict[Markdown, str]:
        try:
            answer = await self._workers.ask(msgspec.msgpack.encode(bodies))
        except (WorkerFailed, WorkersClosed):
            return {one: plain(one.body) for one in bodies}
        return dict(zip(bodies, msgspec.msgpack.decode(answer, type=list[str]), strict=True))

    def _put(self, made: Mapping[Markdown, str]) -> None:
        for body, html in made.items():
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
