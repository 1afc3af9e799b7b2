"""No wake-up is lost: what is recorded at any point between a look and listening is found.

Nobody looks by the clock here: where a wake-up was lost, the wait would never end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from eventsourcing.popo import POPOApplicationRecorder

import rostra_adapters
from rostra_adapters.aio import background
from rostra_adapters.errors import ViewsNotMade
from rostra_adapters.postgres import notify as news
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.log import event_log as postgres_log
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.views import schema, watch
from rostra_adapters.postgres.views.backend import PostgresBackend
from rostra_adapters.postgres.views.lineage import OURS
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_adapters.postgres.views.watch import Watch
from rostra_adapters.stock import log as stock_log
from rostra_adapters.stock.log import StockLog
from support.appending import append
from support.log_examples import one
from support.views.story import Events

FOUND_SECONDS_MAX = 60
NEVER_SECONDS = 3_600.0
LOOK_FIRST = 8
"""Points until all is quiet: around the first look, around getting a connection, around LISTEN
on it, and around the look after that."""
AGAIN = 6
"""The same without the first look."""
LISTENERS = """
select pid from pg_stat_activity
where datname = current_database() and (query like 'LISTEN %' or query = $1)"""
MOVE = """
with moved as (update public.rostra_views set position = 1 returning 1)
select pg_notify($1, '1') from moved limit 1"""


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (postgres_log, stock_log, watch):
        monkeypatch.setattr(module, "POLL_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(watch, "POLL_UNNOTIFIED_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(background, "RETRY_SECONDS_MAX", 0)


class Points:
    """Does something once, at the n-th point that is passed from now on."""

    def __init__(self, act: Callable[[], Awaitable[object]]) -> None:
        self._act = act
        self._left = -1
        self.acted = asyncio.Event()

    def arm(self, number: int) -> None:
        self._left = number

    async def __call__(self) -> None:
        self._left -= 1
        if self._left == -1:
            await self._act()
            self.acted.set()

    async def around(self, asked: Awaitable[Any]) -> Any:
        await self()
        answer = await asked
        await self()
        return answer


class PointedConnection:
    """A connection with a point before and after LISTEN."""

    def __init__(self, connection: Any, points: Points) -> None:
        self._connection = connection
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def add_listener(self, *arguments: Any) -> None:
        await self._points.around(self._connection.add_listener(*arguments))


class PointedPool:
    """A pool with a point before and after each query and each connection that is lent."""

    def __init__(self, pool: asyncpg.Pool, points: Points) -> None:
        self._pool = pool
        self._points = points

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PointedConnection]:
        await self._points()
        async with self._pool.acquire() as connection:
            await self._points()
            yield PointedConnection(connection, self._points)

    async def fetch(self, *asked: Any) -> Any:
        return await self._points.around(self._pool.fetch(*asked))

    async def fetchval(self, *asked: Any) -> Any:
        return await self._points.around(self._pool.fetchval(*asked))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as made:
        async with made.acquire() as connection:
            await schema.install(connection)
        yield made


async def stopped(pool: asyncpg.Pool) -> None:
    """End the connections that listen, as a server does that goes down."""
    for record in await pool.fetch(LISTENERS, news.PING):
        await pool.execute("select pg_terminate_backend($1)", record[0])


# -- followers of the log


@pytest.mark.parametrize("number", range(LOOK_FIRST))
async def test_an_event_at_any_point_of_starting_reaches_a_follower(
    pool: asyncpg.Pool, number: int
) -> None:
    async with await PostgresLog.open(pool) as writer:
        points = Points(lambda: append(writer, [one(uuid4())]))
        pointed: Any = PointedPool(pool, points)
        points.arm(number)
        async with PostgresLog(pointed) as log, aclosing(log.follow(0, 10)) as pages:  # type: ignore[type-var]
            async with asyncio.timeout(FOUND_SECONDS_MAX):
                page = await anext(pages)
        assert points.acted.is_set()
        assert [row.position for row in page] == [1]


@pytest.mark.parametrize("number", range(AGAIN))
async def test_an_event_at_any_point_of_connecting_again_reaches_a_follower(
    pool: asyncpg.Pool, number: int
) -> None:
    async with await PostgresLog.open(pool) as writer:
        points = Points(lambda: append(writer, [one(uuid4())]))
        pointed: Any = PointedPool(pool, points)
        async with PostgresLog(pointed) as log, aclosing(log.follow(0, 10)) as pages:  # type: ignore[type-var]
            async with asyncio.timeout(FOUND_SECONDS_MAX):
                await append(writer, [one(uuid4())])
                await anext(pages)
                waiting = asyncio.ensure_future(anext(pages))
                while not log._news.connected:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
                points.arm(number)
                await stopped(pool)
                page = await waiting
        assert points.acted.is_set()
        assert [row.position for row in page] == [2]


@pytest.mark.parametrize("number", range(2))
async def test_an_event_at_any_point_reaches_a_follower_of_a_stock_recorder(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with StockLog(POPOApplicationRecorder(), log_id=uuid4()) as log:
        ask = log._ask

        async def append_one() -> None:
            monkeypatch.setattr(log, "_ask", ask)
            await append(log, [one(uuid4())])

        points = Points(append_one)
        monkeypatch.setattr(log, "_ask", lambda *asked: points.around(ask(*asked)))
        points.arm(number)
        async with asyncio.timeout(FOUND_SECONDS_MAX), aclosing(log.follow(0, 10)) as pages:  # type: ignore[type-var]
            page = await anext(pages)
        assert points.acted.is_set()
        assert len(page) == 1


# -- who waits for the views


class Head:
    """A log that ends at 1."""

    async def head(self) -> int:
        return 1


def watching(pool: asyncpg.Pool, points: Points) -> Watch:
    pointed: Any = PointedPool(pool, points)
    log: Any = Head()
    return Watch(pointed, PostgresReads(pointed), log)


@pytest.mark.parametrize("number", range(LOOK_FIRST))
async def test_a_view_that_moves_at_any_point_of_starting_is_seen(
    pool: asyncpg.Pool, number: int
) -> None:
    points = Points(lambda: pool.execute(MOVE, OURS.channel))
    points.arm(number)
    watched = watching(pool, points)
    watched.start()
    await points.acted.wait()
    await watched.wait(1, FOUND_SECONDS_MAX)
    await watched.close()


@pytest.mark.parametrize("number", range(AGAIN))
async def test_a_view_that_moves_at_any_point_of_connecting_again_is_seen(
    pool: asyncpg.Pool, number: int
) -> None:
    points = Points(lambda: pool.execute(MOVE, OURS.channel))
    watched = watching(pool, points)
    watched.start()
    while not watched._news.connected:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0.01)
    await watched._looks.get()
    points.arm(number)
    await stopped(pool)
    await asyncio.wait_for(points.acted.wait(), FOUND_SECONDS_MAX)
    await watched.wait(1, FOUND_SECONDS_MAX)
    await watched.close()


async def test_an_older_look_does_not_take_the_place_of_a_later_one(pool: asyncpg.Pool) -> None:
    held, asked = asyncio.Event(), asyncio.Event()

    class Slow(PostgresReads):
        async def position(self) -> int:
            found = await super().position()
            if not asked.is_set():
                asked.set()
                await held.wait()
            return found

    log: Any = Head()
    watched = Watch(pool, Slow(pool), log)
    watched.start()
    await asked.wait()
    await pool.execute(MOVE, OURS.channel)
    later = asyncio.create_task(watched.fresh())
    while watched._looks._next is None:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0)
    held.set()
    await later
    assert watched.position == 1
    await watched.close()


async def test_requests_that_find_views_at_once_start_one_watch(
    pool: asyncpg.Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait until the views are made, as on a standby."""
    log: Any = Head()
    views = PostgresBackend(pool, log, database_url)
    await pool.execute(MOVE, OURS.channel)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "is_made", is_not_made)
        await views.join()
        with pytest.raises(ViewsNotMade):
            await views.fresh()
    before = background.running_tasks()
    await asyncio.gather(*(views.fresh() for _ in range(5)))
    watches = [it for it in background.running_tasks() if it.name == "watch" and it not in before]
    await asyncio.gather(*(it.end() for it in watches))
    await views.close()
    assert len(watches) == 1


async def is_not_made(*_: object) -> bool:
    return False


# -- errors that nobody expects


async def test_a_look_that_fails_is_not_the_last_one(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log: Any = Head()
    reads, failures = PostgresReads(pool), iter([asyncpg.InternalServerError("broken")])
    position = reads.position

    async def failing() -> int:
        for failure in failures:
            raise failure
        return await position()

    monkeypatch.setattr(reads, "position", failing)
    await pool.execute(MOVE, OURS.channel)
    watched = Watch(pool, reads, log)
    watched.start()
    await watched.wait(1, FOUND_SECONDS_MAX)
    assert "watch failed" in caplog.text
    await watched.close()


async def test_listening_that_fails_begins_again(
    pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([ValueError("broken")])

    def hear(_: str | None) -> None:
        for failure in failures:
            raise failure

    listening = news.Notifications(pool, "a_channel", hear)
    listening.next()
    async with asyncio.timeout(FOUND_SECONDS_MAX):
        while not (listening.connected and listening.connections > 1):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "listen-a_channel failed" in caplog.text
    await listening.close()


async def test_views_in_memory_go_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    async with rostra_adapters.open("memory:", master_key=b"m" * 32) as app:
        backend: Any = app.views
        apply, failures = backend._views.apply, iter([RuntimeError("broken")])

        def failing(page: Any) -> None:
            for failure in failures:
                raise failure
            apply(page)

        backend._views.apply = failing
        (outcome,) = await app.publish([events.opened()])
        await app.wait(outcome.position or 0, FOUND_SECONDS_MAX)
        assert "project failed" in caplog.text
