"""The number of connections of a process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.composition.on_postgres import POOL_SIZE_MIN
from rostra_adapters.errors import RebuildRefused
from rostra_adapters.postgres.rebuild import fold_worker, indexes, range_reader, ranges, rebuilding
from rostra_adapters.postgres.views.patient import connect_patiently
from support.service import (
    MASTER_KEY,
    Answer,
    Service,
    opened,
    posted,
    serving_app,
    token,
    voted,
)
from support.waiting import wait_until

CONNECTIONS = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'rostra'
    and pid <> pg_backend_pid()"""


async def test_the_least_number_of_connections_serves_everything(database_url: str) -> None:
    opening = rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=POOL_SIZE_MIN)
    async with (
        connect_patiently(database_url) as operator,
        opening as app,
        serving_app(app) as service,
    ):
        discussion, *_ = await service.given(opened(), posted("c1"))
        path = f"/v1/discussions/{discussion}/comments"
        events = [[posted(f"d{number}")] for number in range(20)]
        answers = await asyncio.gather(
            *(service.batch(each) for each in events),
            *(service.ask("GET", path) for _ in range(20)),
            *(service.ask("GET", "/v1/events", token=token()) for _ in range(20)),
            *(_ready(service) for _ in range(5)),
        )
        assert {(answer.status, answer.problem) for answer in answers[20:]} == {(200, None)}
        assert await operator.fetchval(CONNECTIONS) <= POOL_SIZE_MIN
        assert {each.equal for each in await app.rebuild()} == {True}


async def _ready(service: Service) -> Answer:
    """Ask until the service is ready, and return that answer."""
    answers: list[Answer] = []

    async def is_ready() -> bool:
        answers.append(await service.ask("GET", "/readyz"))
        return answers[-1].status == 200

    await wait_until(is_ready)
    return answers[-1]


async def test_a_rebuild_opens_no_more_connections_than_it_counts(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_at_once, now = 0, 0

    @asynccontextmanager
    async def counted(url: str) -> AsyncIterator[asyncpg.Connection]:
        nonlocal opened_at_once, now
        now += 1
        opened_at_once = max(opened_at_once, now)
        try:
            async with connect_patiently(url) as connection:
                yield connection
        finally:
            now -= 1

    for module in (fold_worker, indexes, range_reader, rebuilding):
        monkeypatch.setattr(module, "connect_patiently", counted)
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        for resource in ("/a", "/b", "/c"):
            events = opened(resource=resource), posted(resource=resource), voted(resource=resource)
            await app.publish(events)
        monkeypatch.setattr(ranges, "RANGE_EVENTS", 1)  # events of some, and votes of others
        await app.rebuild()
    assert 3 <= opened_at_once <= rebuilding.connections_of(1)


async def test_a_lower_limit_of_the_database_is_named_at_start(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    operator = await asyncpg.connect(database_url)
    name = await operator.fetchval("select current_database()")
    await operator.execute(f"alter database {name} connection limit 9")
    await operator.close()
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=9) as app:
        assert "--pool-size" not in caplog.text
        assert "a rebuild, which opens 4 more, may find no room" in caplog.text
        with pytest.raises(RebuildRefused, match="--jobs 3 opens 10 connections"):
            await app.rebuild(jobs=3)
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=10):
        assert "allows 9 connections" in caplog.text
