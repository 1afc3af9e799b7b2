"""Bodies as HTML, rendered once: short ones here, long ones by another process."""

import asyncio
import sys
from collections.abc import Iterable, Mapping

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

_bodies = msgspec.msgpack.Decoder(list[str])


class Renderings:
    """Bounded cache of rendered bodies, and the workers that fill it."""

    def __init__(self, characters_max: int = CACHED_CHARACTERS_MAX) -> None:
        self._cached: LruCache[str, str] = LruCache(
            characters_max, lambda body, html: len(body) + len(html)
        )
        self._drops = 0
        self._workers = WorkerPool(
            __name__, workers_max=processes_at_once(), job_seconds_max=JOB_SECONDS_MAX
        )

    async def close(self) -> None:
        """End the workers."""
        await self._workers.close()

    def at_hand(self, bodies: Iterable[str]) -> dict[str, str] | None:
        """Return the HTML of each body; None where they have to be rendered elsewhere."""
        found, missing = self._find(bodies)
        if sum(map(len, missing)) > HERE_CHARACTERS_MAX:
            return None
        made = {body: render(body) for body in missing}
        self._put(made)
        return found | made

    async def render(self, bodies: Iterable[str]) -> dict[str, str]:
        """Return the HTML of each body. Persons may have been erased meanwhile."""
        bodies = list(bodies)
        if (ready := self.at_hand(bodies)) is not None:
            return ready
        found, missing = self._find(bodies)
        drops = self._drops
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(self._elsewhere(job)) for job in _jobs(missing)]
        made = {body: html for job in jobs for body, html in job.result().items()}
        if drops == self._drops:
            self._put(made)
        return found | made

    async def render_once(self, body: str) -> str:
        """Return the HTML of a body that is not worth caching."""
        if len(body) <= HERE_CHARACTERS_MAX:
            return render(body)
        return (await self._elsewhere([body]))[body]

    def drop(self) -> None:
        """Cache nothing: somebody's words are erased."""
        self._drops += 1
        self._cached.clear()

    def _find(self, bodies: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        found: dict[str, str] = {}
        missing: dict[str, None] = {}
        for body in bodies:
            html = self._cached.find(body)
            if html is None:
                missing[body] = None
            else:
                found[body] = html
        return found, list(missing)

    async def _elsewhere(self, bodies: list[str]) -> dict[str, str]:
        try:
            answer = await self._workers.ask(msgspec.msgpack.encode(bodies))
        except (WorkerFailed, WorkersClosed):
            return {body: plain(body) for body in bodies}
        return dict(zip(bodies, msgspec.msgpack.decode(answer, type=list[str]), strict=True))

    def _put(self, made: Mapping[str, str]) -> None:
        for body, html in made.items():
            if body not in self._cached:
                self._cached.put(body, html)


def _jobs(bodies: Iterable[str]) -> list[list[str]]:
    jobs: list[list[str]] = []
    room = 0
    for body in bodies:
        if len(body) > room:
            jobs.append([])
            room = JOB_CHARACTERS_MAX
        jobs[-1].append(body)
        room -= len(body)
    return jobs


# -- in the worker


def _answer(job: bytes) -> bytes:
    return msgspec.msgpack.encode([render(body) for body in _bodies.decode(job)])


if __name__ == "__main__":
    serve(_answer, sys.stdin.buffer, sys.stdout.buffer)
