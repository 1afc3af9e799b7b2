"""A read that the database cancels is repeated; what stays cancelled is 503, never 500."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from rostra_adapters.postgres.connect import CANCELLED, RetryingConnection, create_pool
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.views import schema
from rostra_projections.views import VIEWS
from support import service
from support.service import Service, opened, posted
from support.waiting import WAIT_SECONDS_MAX

SLOW = "select pg_sleep(60), $1::text"
BLOCKED = """
select pid, query_start from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query ilike $1"""
READS = (
    "/v1/discussions/{d}",
    "/v1/discussions/{d}/comments",
    "/v1/discussions/{d}/passages",
    "/v1/discussions?site=gazette",
    "/v1/counts?site=gazette&resource=/trams",
    "/v1/comments/{c}",
)


@pytest.fixture
async def serving(database_url: str) -> AsyncIterator[Service]:
    async with service.serving(database_url) as made:
        await made.app.publish([opened(), posted(), posted("c2", parent="c1")])
        await made.catch_up()
        yield made


async def paths(serving: Service) -> list[str]:
    discussion = await serving.app.lookup.discussion_of("gazette", "/trams")
    listed = (await serving.get(f"/v1/discussions/{discussion}/comments")).json
    comment = listed["comments"][0]["id"]
    return [path.format(d=discussion, c=comment) for path in READS]


async def cancelled(
    holder: asyncpg.Connection,
    operator: asyncpg.Connection,
    read: Callable[[], Awaitable[Any]],
    times: int,
    table: str,
) -> Any:
    """Return the result of a read that is cancelled so many times while it waits for a table."""
    known: set[tuple[int, datetime]] = set()
    async with holder.transaction():
        await holder.execute(f"lock table {table} in access exclusive mode")
        reading = asyncio.ensure_future(read())
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while len(known) < times:
                for pid, began in await operator.fetch(BLOCKED, f"%{table}%"):
                    if (pid, began) not in known:
                        known.add((pid, began))
                        await operator.execute("select pg_cancel_backend($1)", pid)
    return await reading


@pytest.mark.parametrize(("times", "status"), [(1, 200), (2, 503)])
async def test_a_read_that_is_cancelled_is_repeated_once(
    serving: Service, database_url: str, times: int, status: int
) -> None:
    (path,) = [one for one in await paths(serving) if one.endswith("/passages")]
    holder, operator = [await asyncpg.connect(database_url) for _ in range(2)]
    version = await operator.fetchval("select version from rostra_views where name = 'passages'")
    answer = await cancelled(
        holder, operator, lambda: serving.ask("GET", path), times, f"passages_v{version}"
    )
    assert answer.status == status
    if status == 503:
        assert answer.problem == "database-unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
    await operator.close()
    await holder.close()


@pytest.mark.parametrize("error", CANCELLED)
async def test_every_read_of_the_service_is_repeated_and_then_unavailable(
    serving: Service, monkeypatch: pytest.MonkeyPatch, error: type[asyncpg.PostgresError]
) -> None:
    """Whatever statement it is: each is cancelled once, and then each every time."""
    asked: dict[str, int] = {}
    fetch = asyncpg.Connection.fetch

    async def once(self: Any, query: str, *rest: Any, **options: Any) -> Any:
        asked[query] = asked.get(query, 0) + 1
        if asked[query] % 2:
            raise error("cancelled")
        return await fetch(self, query, *rest, **options)

    async def always(*_: Any, **__: Any) -> Any:
        raise error("cancelled")

    every = await paths(serving)
    monkeypatch.setattr(asyncpg.Connection, "fetch", once)
    for path in every:
        assert (await serving.ask("GET", path)).status == 200, path
    assert asked
    monkeypatch.setattr(asyncpg.Connection, "fetch", always)
    monkeypatch.setattr(asyncpg.Connection, "fetchval", always)
    for number, path in enumerate(every):
        answer = await serving.ask("GET", f"{path}{'&' if '?' in path else '?'}limit={number + 2}")
        if answer.status == 400:  # it takes no limit
            answer = await serving.ask("GET", path, headers={"Cache-Control": "no-cache"})
        assert answer.status in (200, 503), path  # 200: of what is cached
        if answer.status == 503:
            assert answer.problem == "database-unavailable"
            assert "Retry-After" in answer.headers


async def test_the_log_is_read_by_pages_again_where_the_first_was_cancelled(
    serving: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: Any = serving.app.log
    pages, failures = log._pages_once, iter([asyncpg.QueryCanceledError("cancelled")])

    async def failing(*asked: Any) -> AsyncIterator[Any]:
        for failure in failures:
            raise failure
        async for page in pages(*asked):
            yield page

    monkeypatch.setattr(log, "_pages_once", failing)
    discussion = await serving.app.lookup.discussion_of("gazette", "/trams")
    rows = [row async for page in log.read_discussion(discussion, 3) for row in page]
    assert [row.position for row in rows] == [1, 2, 3]


async def test_a_statement_within_a_transaction_is_not_repeated(database_url: str) -> None:
    async with await create_pool(database_url) as pool, pool.acquire() as connection:
        assert isinstance(connection._con, RetryingConnection)  # type: ignore[attr-defined]
        await connection.execute("begin; set local statement_timeout = '50ms'")
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.fetch(SLOW, "")
        await connection.execute("rollback")
        assert await connection.fetchval("select 1") == 1


# -- rebuilds


@pytest.mark.slow
async def test_reads_go_on_across_rebuilds(
    serving: Service, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers that know the former tables by name, and one that holds them open."""
    monkeypatch.setattr(schema, "DROP_ATTEMPTS_MAX", 2)
    every, ended, statuses = await paths(serving), asyncio.Event(), set[int]()
    reader = await asyncpg.connect(database_url)
    version = await reader.fetchval("select version from rostra_views where name = 'comments'")

    async def reading(path: str) -> None:
        while not ended.is_set():
            answer = await serving.ask("GET", path, headers={"Cache-Control": "no-cache"})
            statuses.add(answer.status)

    async with asyncio.TaskGroup() as group:
        for path in every:
            group.create_task(reading(path))
        async with reader.transaction():
            rows = await reader.fetch(f"select id from comments_v{version} order by 1")
            for _ in range(2):
                await rebuild(database_url)
            assert await reader.fetch(f"select id from comments_v{version} order by 1") == rows
        for _ in range(2):
            await rebuild(database_url)
        ended.set()
    assert statuses == {200}
    assert await serving.app.verify() == []
    await reader.close()


async def test_a_dropped_table_is_looked_for_afresh(serving: Service, database_url: str) -> None:
    reads: Any = serving.app.views.reads
    discussion = await serving.app.lookup.discussion_of("gazette", "/trams")
    await reads.passages(discussion)
    await rebuild(database_url)
    reads._versions = dict.fromkeys(VIEWS, 9_999)
    assert await reads.passages(discussion)
    assert 9_999 not in reads._versions.values()
