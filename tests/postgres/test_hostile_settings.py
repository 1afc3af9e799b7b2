"""Settings that a database or a role brings along: no session of ours depends on them."""

import ast
import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.composition.backups import save
from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres import connect
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views.patient import connect_patiently
from support.cases import first_is_quick
from support.requirements import missing
from support.service import MASTER_KEY, PLACE, opened, posted, serving, token, voted

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
IDLE_SECONDS = 0.6
"""Longer than any hostile timeout."""
HOSTILE = {
    "statement_timeout": "400ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "400ms",
    "idle_session_timeout": "400ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off",
    "search_path": "nowhere",
    "transform_null_equals": "on",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "timezone": "Pacific/Chatham",
    "client_encoding": "LATIN1",
    "jit": "on",
    "plan_cache_mode": "force_custom_plan",
}
HOSTILE_17 = {"transaction_timeout": "400ms"}
_numbers = count(1)


@pytest.fixture(scope="module", params=first_is_quick([18, 15]))
def server(request: pytest.FixtureRequest, run_folder: Path) -> Iterator[local_postgres.Lease]:
    with pytest.MonkeyPatch.context() as only_here:
        if request.param == 15:
            if not POSTGRES_15.is_dir():
                missing("postgresql-15", f"install postgresql-15 in {POSTGRES_15}")
            only_here.setenv("PG_BIN", str(POSTGRES_15))
        folder = run_folder / f"hostile-{request.param}-{os.getpid()}"
        lease = local_postgres.start(folder, durable=False)
    yield lease
    lease.release()


@pytest.fixture(params=["role", "database"])
async def hostile_url(
    server: local_postgres.Lease, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """A database whose sessions begin with every hostile setting."""
    name = f"hostile_{next(_numbers)}"
    operator = await asyncpg.connect(server.url)
    await operator.execute(f"create role {name} login")
    await operator.execute(f"create database {name} owner {name}")
    settings = HOSTILE | (HOSTILE_17 if operator.get_server_version() >= (17,) else {})
    for setting, value in settings.items():
        quoted = value if setting in ("search_path", "datestyle") else f"'{value}'"
        await operator.execute(f"alter {request.param} {name} set {setting} = {quoted}")
    yield server.url.replace("/rostra?", f"/{name}?").replace("//rostra@", f"//{name}@")
    await operator.execute(f"drop database {name} (force)")
    await operator.execute(f"drop role {name}")
    await operator.close()


async def differing(connection: Connection) -> dict[str, str]:
    """The settings that are not ours, with their values."""
    wanted = connect.SETTINGS
    if connection.get_server_version() >= (17,):
        wanted = wanted | connect.SETTINGS_17
    assert HOSTILE.keys() <= wanted.keys()
    found = {name: await connection.fetchval(f"show {name}") for name in wanted}
    return {
        name: value
        for name, value in found.items()
        if value != wanted[name] and not name.startswith("tcp")  # sockets have none
    }


async def test_each_session_has_our_settings(hostile_url: str) -> None:
    async with (
        await connect.create_pool(hostile_url) as pool,
        pool.acquire() as pooled,
        connect_patiently(hostile_url) as patient,
    ):
        assert await differing(pooled) == {}
        assert await differing(patient) == {}
        for each in (pooled, patient):
            async with each.transaction():
                await each.execute("select 1")
                await asyncio.sleep(IDLE_SECONDS)  # the server's clock ends transactions
                assert await each.fetchval("select 1") == 1


async def test_all_is_done_beside_hostile_settings(hostile_url: str, tmp_path: Path) -> None:
    async with serving(hostile_url) as service:
        discussion, *_ = await service.given(
            opened(), posted("c1"), voted(on="c1"), posted("c2", body="It's \\ n\u00f6t \u4e00.")
        )
        page = await service.get(f"/v1/discussions/{discussion}/comments", order="most_voted")
        assert [each["body"] for each in page.json["comments"]][1] == "It's \\ n\u00f6t \u4e00."
        feed = await service.ask("GET", "/v1/events", token=token())
        assert len(feed.json) == 4
        await service.app.drop_text(PLACE["site"], PLACE["resource"], "r1")
    async with rostra_adapters.open(hostile_url, master_key=MASTER_KEY) as app:
        await _operate(app)
    await save(hostile_url, tmp_path / "backup", tmp_path / "erasures")


async def _operate(app: App) -> None:
    assert {each.equal for each in await app.rebuild(jobs=2)} == {True}
    assert await app.verify() == []
    assert {view.lag for view in (await app.status()).views} == {0}


def test_every_connection_is_made_in_one_place() -> None:
    sources = Path(rostra_adapters.__file__).parent
    making = {
        path.relative_to(sources).as_posix()
        for path in sources.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("asyncpg", "connect"), ("asyncpg", "create_pool")}
    }
    assert making == {"postgres/connect.py"}
