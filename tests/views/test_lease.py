"""The lease of the process that projects: others take over from one that is stopped."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from support.cases import first_is_quick
from support.running import Rostra
from support.service import MASTER_KEY, serving_app
from support.views.story import Events

LEASE_SECONDS = 2.0
WAIT_SECONDS_MAX = 60.0


async def until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Wait for a condition. Return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await condition():  # noqa: ASYNC110  # another process's condition
            await asyncio.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def projecting(url: str, folder: Path) -> Iterator[int]:
    """A `rostra project` of its own, and its process id; it is ended at the end."""
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    rostra = Rostra(
        folder / "data",
        url,
        ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        ROSTRA_PROJECTOR_LEASE_SECONDS=str(LEASE_SECONDS),
    )
    with rostra.started("project") as process:
        yield process.pid


async def holder(app: App) -> int | None:
    projector = await app.views.projector()
    return None if projector is None else projector.pid


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("moment", first_is_quick(["within a page", "idle"]))
async def test_a_stopped_process_is_taken_over_from_and_gives_up(
    database_url: str, tmp_path: Path, moment: str
) -> None:
    events, within_a_page = Events(), moment == "within a page"
    operator = await asyncpg.connect(database_url)
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as app:
        with projecting(database_url, tmp_path) as stopped:

            async def first_projects() -> bool:
                return await holder(app) == stopped

            await until(first_projects)
            await app.publish([events.opened(), events.posted("c1")])
            await app.wait(await app.head(), WAIT_SECONDS_MAX)
            if within_a_page:  # its transaction holds the checkpoint
                await operator.execute("begin; lock table comments_v1 in exclusive mode")
                await app.publish([events.posted("c2"), events.vote("c2", "voter")])

                async def waits() -> bool:
                    return bool(
                        await operator.fetchval(
                            "select exists (select from pg_locks where not granted)"
                        )
                    )

                await until(waits)
            os.kill(stopped, signal.SIGSTOP)
            try:
                if within_a_page:
                    await operator.execute("commit")
                await app.publish([events.posted("c3"), events.vote("c3", "voter")])
                async with serving_app(app) as service:

                    async def is_not_ready() -> bool:
                        return (await service.ask("GET", "/readyz")).status == 503

                    told = await until(is_not_ready)
                    assert told < LEASE_SECONDS + 5
                    detail = (await service.ask("GET", "/readyz")).json["detail"]
                    assert f":{stopped}, silent" in detail
                with projecting(database_url, tmp_path) as other:

                    async def other_projects() -> bool:
                        return await holder(app) == other

                    await until(other_projects)
                    await app.wait(await app.head(), WAIT_SECONDS_MAX)
                    os.kill(stopped, signal.SIGCONT)
                    await app.publish([events.posted("c4"), events.vote("c4", "voter")])
                    await app.wait(await app.head(), WAIT_SECONDS_MAX)
                    assert await holder(app) == other
                    assert await app.verify() == []
                    async with serving_app(app) as service:
                        assert (await service.ask("GET", "/readyz")).status == 200
                        metrics = (await service.ask("GET", "/metrics")).body.decode()
                        assert f':{other}"}}' in metrics
                await until(first_projects)  # the old one stood by
                await app.publish([events.posted("c5")])
                await app.wait(await app.head(), WAIT_SECONDS_MAX)
                assert await app.verify() == []
            finally:
                os.kill(stopped, signal.SIGCONT)
    await operator.close()


@pytest.mark.slow
async def test_a_stand_by_takes_over_within_the_lease(database_url: str, tmp_path: Path) -> None:
    opening = rostra_adapters.open(
        database_url, master_key=MASTER_KEY, projector_lease_seconds=LEASE_SECONDS
    )
    with projecting(database_url, tmp_path) as stopped:
        async with rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False) as app:

            async def first_projects() -> bool:
                return await holder(app) == stopped

            await until(first_projects)
        async with opening as app:
            os.kill(stopped, signal.SIGSTOP)
            try:
                took = await until(lambda: _is(app, os.getpid()))
                assert LEASE_SECONDS / 2 < took < LEASE_SECONDS + 5
                await app.publish([Events().opened()])
                await app.wait(1, WAIT_SECONDS_MAX)
            finally:
                os.kill(stopped, signal.SIGCONT)
            await until(lambda: _is(app, os.getpid()))
            status = await app.status()
            assert status.projector is not None
            assert not status.projector.is_lost


async def _is(app: App, pid: int) -> bool:
    return await holder(app) == pid


async def test_a_lost_lock_ends_projecting_though_the_connection_seems_to_live(
    database_url: str,
) -> None:
    """As after a failover that the connection did not notice."""
    async with rostra_adapters.open(
        database_url, master_key=MASTER_KEY, projector_lease_seconds=1.0
    ) as app:
        await until(lambda: _is(app, os.getpid()))
        before = await app.views.projector()
        operator = await asyncpg.connect(database_url)
        await operator.execute("update rostra_projectors set backend = 0")
        await operator.close()

        async def began_again() -> bool:
            now = await app.views.projector()
            return now is not None and before is not None and now.since > before.since

        assert await until(began_again) < WAIT_SECONDS_MAX
        await app.publish([Events().opened()])
        await app.wait(1, WAIT_SECONDS_MAX)
