"""A long article is published, marked all over and edited, while others go on reading.

    python infra/load/revising.py         # starts a service of its own, in a passing data folder

Its passages are marked all at once. Then come a revision with a chapter in front and a letter of
every passage changed, the same in HTML, and the first one again. All the while one client asks
for /healthz and another for the page of the article's passages, each every 10 ms. Ends with 1
where either ever waits longer than it may, a revision takes longer than it may, or a passage is
not found where it must be.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.anchoring import Span, article, edited, misspelt, stretches
from bench.http_load import Connection, connect, request
from load.burst import Service, served
from rostra.anchoring.search import describe

ABOUT = {"site": "burst", "resource": "/revised"}
APART_SECONDS = 0.01
QUIET_SECONDS = 3.0
BATCH_EVENTS = 1_000
FOUND_CHARACTERS_MIN = 32
"""Least length of a quote that must be found: a shorter one may also be elsewhere in the text."""
CHAPTER_CHARACTERS = 20_000


class Waits:
    """Times of a reader's requests."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self._request = request("GET", path)
        self.seconds: list[float] = []
        self.enough = False

    async def ask_on(self, connection: Connection) -> None:
        """Send a request every 10 ms, except while an answer is awaited."""
        while not self.enough:
            began = time.perf_counter()
            status, _, body = await connection.ask(self._request)
            took = time.perf_counter() - began
            if status != 200:
                raise RuntimeError(f"{self.name}: {status}: {body[:300]!r}")
            self.seconds.append(took)
            await asyncio.sleep(max(0.0, APART_SECONDS - took))

    def said(self) -> str:
        some = sorted(self.seconds)
        at_99 = 1e3 * some[len(some) * 99 // 100]
        return f"{self.name} p99 {at_99:.0f} ms, greatest {1e3 * some[-1]:.0f} ms ({len(some)})"


class Readers:
    """Readers who keep reading while revisions are published."""

    def __init__(self, waits: Sequence[Waits]) -> None:
        self._waits = waits
        self.greatest = 0.0

    @asynccontextmanager
    async def during(self, what: str) -> AsyncIterator[None]:
        """Return the answers during a block, and its duration in seconds."""
        for each in self._waits:
            each.seconds.clear()
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self.greatest = max([self.greatest, *(max(each.seconds) for each in self._waits)])
        waited = "; ".join(each.said() for each in self._waits)
        print(f"{took:6.2f} s  {what:34} {waited}", flush=True)


@asynccontextmanager
async def reading(service: Service, paths: dict[str, str]) -> AsyncIterator[Readers]:
    waits = [Waits(name, path) for name, path in paths.items()]
    connections = await connect(service.host, service.port, len(waits))
    async with asyncio.TaskGroup() as group:
        for each, connection in zip(waits, connections, strict=True):
            group.create_task(each.ask_on(connection))
        yield Readers(waits)
        for each in waits:
            each.enough = True
    for connection in connections:
        connection.close()


class Publisher:
    """Publisher of one article."""

    def __init__(self, service: Service, connection: Connection) -> None:
        self._service = service
        self._connection = connection
        self._number = 0

    def batch(self, *about: tuple[str, dict[str, Any]]) -> bytes:
        """A request, made before anything is measured."""
        return self._service.post(msgspec.json.encode([self._event(*each) for each in about]))

    async def publish(self, batch: bytes) -> int:
        """Returns the position of the last of it."""
        return await self._service.ask(self._connection, batch)

    async def revise(self, readers: Readers, what: str, **text: str) -> float:
        """The seconds until it was answered."""
        revised = self.batch(("article.revised", {"revision": f"r{self._number}", **text}))
        began = time.perf_counter()
        async with readers.during(what):
            await self.publish(revised)
        return time.perf_counter() - began

    def _event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        known = {"specversion": "1.0", "source": "urn:revising", "id": f"n{self._number}"}
        return {**known, "type": kind, "data": {**ABOUT, **data}}


async def measure(
    service: Service, characters: int, passages: int, wait_ms_max: float, seconds_max: float
) -> bool:
    chance = random.Random(5)
    text = article(chance, characters)
    spans = stretches(chance, text, passages)
    after = article(chance, CHAPTER_CHARACTERS) + edited(text, spans, chance, misspelt)
    html = "<p>" + after.replace(" e", "</p>\n<p><em>e</em>") + "</p>"
    marked = [("passage.marked", quoted(f"p{n}", text, span)) for n, span in enumerate(spans)]
    (connection,) = await connect(service.host, service.port, 1)
    publisher = Publisher(service, connection)
    opened = await publisher.publish(publisher.batch(("discussion.opened", {})))
    where = f"/v1/discussions?site={ABOUT['site']}&resource={ABOUT['resource']}"
    _, discussion = await service.get(f"{where}&min_position={opened}")
    path = f"/v1/discussions/{discussion['id']}/passages"
    print(f"{len(text):,} characters, {passages} passages, each with a letter changed")
    async with reading(service, {"/healthz": "/healthz", "passages": path}) as readers:
        async with readers.during("nothing is published"):
            await asyncio.sleep(QUIET_SECONDS)
        quiet = readers.greatest
        took = [await publisher.revise(readers, "the article is published", text=text)]
        batches = [marked[at : at + BATCH_EVENTS] for at in range(0, passages, BATCH_EVENTS)]
        marking = [publisher.batch(*batch) for batch in batches]
        async with readers.during("its passages are marked"):
            for batch in marking:
                await publisher.publish(batch)
        took.append(await publisher.revise(readers, "the edited text is published", text=after))
        moved = await shown(service, publisher, path, "edited")
        took.append(await publisher.revise(readers, "the same in HTML", html=html))
        took.append(await publisher.revise(readers, "the first text again", text=text))
        back = await shown(service, publisher, path, "as it was")
        print(f"greatest wait {1e3 * readers.greatest:.0f} ms ({1e3 * quiet:.0f} ms when quiet)")
    connection.close()
    lost = misplaced(moved, spans, by=CHAPTER_CHARACTERS, whole=False)
    lost += misplaced(back, spans, by=0, whole=True)
    print(f"not where they must be: {lost}")
    return not lost and 1e3 * readers.greatest <= wait_ms_max and max(took) <= seconds_max


def quoted(key: str, text: str, span: Span) -> dict[str, str]:
    """Quote that its context identifies, not its place."""
    quote = describe(text, *span)
    around = {"prefix": quote.prefix, "suffix": quote.suffix}
    return {"passage": key, "exact": quote.exact, **around}


async def shown(service: Service, publisher: Publisher, path: str, what: str) -> dict[str, Any]:
    """The passages as they are read when all is in the views, by key."""
    position = await publisher.publish(publisher.batch(("discussion.opened", {"title": what})))
    _, page = await service.get(f"{path}?min_position={position}")
    return {passage["key"]: passage for passage in page["passages"]}


def misplaced(
    passages: dict[str, Any], spans: Sequence[Span], *, by: int, whole: bool
) -> list[str]:
    """The keys of passages that are elsewhere than `by` characters on; one whose first letter
    changed may begin at the second.
    """
    wrong = []
    for index, (start, end) in enumerate(spans):
        found = passages[f"p{index}"]
        if end - start < FOUND_CHARACTERS_MIN:
            continue
        if found["start"] is None or abs(found["start"] - start - by) > (not whole):
            wrong.append(found["key"])
    return wrong


async def run(*given: Any) -> bool:
    async with served() as service:
        return await measure(service, *given)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--passages", type=int, default=500)
    parser.add_argument("--wait-ms-max", type=float, default=100.0)
    parser.add_argument("--seconds-max", type=float, default=10.0)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(run(*vars(given).values())) else 1


if __name__ == "__main__":
    raise SystemExit(main())
