"""Jobs that are measured in processes of their own: `python -m bench.jobs NAME ARGUMENT…`.

Each prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

import rostra_adapters.postgres.views.runner
from bench.fill import MASTER_KEY
from bench.peers import compared

CATCH_UP_SECONDS_MAX = 3_600.0


async def rebuild(url: str, jobs: str) -> dict[str, object]:
    """Rebuild the views that the peers fill, as `rostra rebuild` does."""
    async with rostra_adapters.open(url, master_key=MASTER_KEY, project=False) as app:
        began = time.perf_counter()
        done = await app.rebuild(compared.NAMES, jobs=int(jobs))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "equal": all(view.equal for view in done)}


async def catch_up(url: str) -> dict[str, object]:
    """Project until the views have read the log's head."""
    async with rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as app:
        began = time.perf_counter()
        await app.views.wait(await app.head(), CATCH_UP_SECONDS_MAX)
        return {"seconds": time.perf_counter() - began}


async def catch_up_by_pages(url: str) -> dict[str, object]:
    """The same, where that is not far enough for a rebuild."""
    rostra_adapters.postgres.views.runner.FAR_EVENTS = sys.maxsize
    return await catch_up(url)


async def stock_projection(url: str, events: str) -> dict[str, object]:
    """The stock runner on the first events."""
    from bench.peers import stock_projection as peer

    await peer.prepare(url)
    return {"seconds": await asyncio.to_thread(peer.project, url, int(events))}


JOBS: dict[str, Callable[..., Awaitable[dict[str, object]]]] = {
    "rebuild": rebuild,
    "catch_up": catch_up,
    "catch_up_by_pages": catch_up_by_pages,
    "stock_projection": stock_projection,
}


async def main(name: str, *arguments: str) -> None:
    print(json.dumps(await JOBS[name](*arguments)))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
