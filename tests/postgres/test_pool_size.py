"""The number of connections of a process."""

import asyncio
import logging

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.composition.on_postgres import POOL_SIZE_MIN
from support.service import MASTER_KEY, opened, posted, serving_app, token

CONNECTIONS = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'rostra'"""


async def test_the_least_number_of_connections_serves_everything(database_url: str) -> None:
    operator = await asyncpg.connect(database_url)
    opening = rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=POOL_SIZE_MIN)
    async with opening as app, serving_app(app) as service:
        discussion, *_ = await service.given(opened(), posted("c1"))
        path = f"/v1/discussions/{discussion}/comments"
        events = [[posted(f"d{number}")] for number in range(20)]
        answers = await asyncio.gather(
            *(service.batch(each) for each in events),
            *(service.ask("GET", path) for _ in range(20)),
            *(service.ask("GET", "/v1/events", token=token()) for _ in range(20)),
            *(service.ask("GET", "/readyz") for _ in range(5)),
        )
        assert all(answer.status == 200 for answer in answers[20:])
        assert await operator.fetchval(CONNECTIONS) <= POOL_SIZE_MIN
        assert {each.equal for each in await app.rebuild()} == {True}
    await operator.close()


async def test_a_lower_limit_of_the_database_is_named_at_start(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    operator = await asyncpg.connect(database_url)
    name = await operator.fetchval("select current_database()")
    await operator.execute(f"alter database {name} connection limit 9")
    await operator.close()
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=9):
        assert "--pool-size" not in caplog.text
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY, pool_size=10):
        assert "allows 9 connections" in caplog.text
