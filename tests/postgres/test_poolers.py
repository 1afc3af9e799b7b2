"""PgBouncer in front of PostgreSQL, in both modes."""

import asyncio
import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

import rostra_adapters
from cli.test_command_line import Command, Running, conversation, get, ndjson
from postgres.test_refused_databases import refused, rostra
from rostra_adapters.errors import PoolerRefused
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres.pooler import has_shared_sessions
from support.cases import first_is_quick
from support.pgbouncer import pgbouncer
from support.service import MASTER_KEY, event, opened, posted, token, voted

__all__ = ["rostra"]  # fixture

pytestmark = [pytest.mark.process, pytest.mark.postgres]

_numbers = count(1)


@pytest.fixture(scope="module")
def lease(run_folder: Path) -> Iterator[local_postgres.Lease]:
    made = local_postgres.start(run_folder / f"pooled-{os.getpid()}", durable=False)
    yield made
    made.release()


class Pooled:
    """A database, its own URL and that of the pooler."""

    def __init__(self, lease: local_postgres.Lease, pooler: str, mode: str) -> None:
        self.mode = mode
        name = f"pooled_{next(_numbers)}"
        with psycopg.connect(lease.url, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        self.direct = lease.url.replace("/rostra?", f"/{name}?")
        self.url = pooler.replace("/rostra?", f"/{name}?")


@pytest.fixture(scope="module", params=first_is_quick(["transaction", "session"]))
def pooler(request: pytest.FixtureRequest, lease: local_postgres.Lease) -> Iterator[str]:
    # Two services and a rebuild have more sessions than the 20 that a pool has by default.
    settings = f"pool_mode = {request.param}\ndefault_pool_size = 40"
    with pgbouncer(lease, settings) as url:
        yield url


@pytest.fixture
def pooled(request: pytest.FixtureRequest, lease: local_postgres.Lease, pooler: str) -> Pooled:
    return Pooled(lease, pooler, request.node.callspec.params["pooler"])


async def test_the_mode_is_recognised(pooled: Pooled) -> None:
    assert await has_shared_sessions(pooled.url) is (pooled.mode == "transaction")
    assert await has_shared_sessions(pooled.direct) is False


async def test_everything_works_through_the_pooler(pooled: Pooled) -> None:
    """Two services at once, so that sessions are taken by turns."""
    direct = pooled.direct if pooled.mode == "transaction" else None
    one = rostra_adapters.open(pooled.url, master_key=MASTER_KEY, direct_url=direct)
    two = rostra_adapters.open(pooled.url, master_key=MASTER_KEY, direct_url=direct)
    async with one as first, two as second:
        voting = event("site.configured", settings={"voting": "both"})
        await first.publish([voting, opened(), posted("root")])

        async def take_part(app: rostra_adapters.App, name: str) -> None:
            for number in range(10):
                outcomes = await app.publish(
                    [posted(f"{name}{number}"), voted(on="root", voter=f"{name}{number}")]
                )
                assert {it.status for it in outcomes} == {"recorded"}, outcomes
                page = await app.comments("gazette", "/trams", min_position=await app.head())
                assert page is not None and page.total > number

        await asyncio.gather(
            *(take_part(app, name) for app, name in zip((first, second) * 2, "abcd", strict=True))
        )
        head = await first.head()
        await second.wait(head, 60)
        page = await second.comments("gazette", "/trams", min_position=head)
        assert page is not None and page.total == 41
        assert all(each.equal for each in await first.rebuild())
        assert await second.verify() == []


async def test_transaction_mode_alone_is_refused(pooled: Pooled) -> None:
    if pooled.mode == "session":
        return  # it needs no direct URL
    with pytest.raises(PoolerRefused, match="--direct-database-url"):
        async with rostra_adapters.open(pooled.url, master_key=MASTER_KEY):
            pass
    with pytest.raises(PoolerRefused):
        async with rostra_adapters.open(
            pooled.direct, master_key=MASTER_KEY, direct_url=pooled.url
        ):
            pass


def test_statement_mode_is_refused(lease: local_postgres.Lease, rostra: Command) -> None:
    with pgbouncer(lease, "pool_mode = statement") as url:
        for command in ("serve", "status"):
            assert "pooler in statement mode" in refused(rostra, url, command)


@pytest.mark.slow
def test_a_service_and_the_commands(pooled: Pooled, rostra: Command) -> None:
    rostra.environment["ROSTRA_DATABASE_URL"] = pooled.url
    if pooled.mode == "transaction":
        assert "pooler in transaction mode" in refused(rostra, pooled.url, "serve")
        rostra.environment["ROSTRA_DIRECT_DATABASE_URL"] = pooled.direct
    service = Running(rostra.starting("serve"))
    try:
        rostra.environment["ROSTRA_URL"] = service.url
        done = rostra("publish", "-", stdin=ndjson(conversation()))
        assert done.returncode == 0, done.stderr
        for arguments in (
            ["rebuild"], ["erase", "ann", "--site", "gazette"], ["verify"], ["backup", "saved"],
            ["export"], ["status", "--json"],
        ):  # fmt: skip
            done = rostra(*arguments)
            assert done.returncode == 0, (arguments, done.stderr)
        head = json.loads(done.stdout)["head"]
        found = get(f"{service.url}/v1/events?after=0&limit=1", token("feed"))
        assert found and head > 30
    finally:
        assert service.stop() == 0
