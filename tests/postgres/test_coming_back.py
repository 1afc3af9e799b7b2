"""A database that refuses connections for a while: the service comes back by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from rostra_adapters.aio import background
from rostra_adapters.local_postgres import lease as local_postgres
from support.listening import listening
from support.service import Service, opened, posted, serving, token

WAIT_SECONDS_MAX = 60.0
HEALED_SECONDS_MAX = 15.0
"""Bound of the backoff, with room for a busy machine."""
ROLE = "faulty"
CONNECTED = ("listen", "project", "watch", "erasures", "revocations")
"""Tasks that need a connection all the time."""

Fault = tuple[str, list[str], list[str]]
FAULTS: list[Fault] = [
    ("28000", [f"alter role {ROLE} nologin"], [f"alter role {ROLE} login"]),
    ("28P01", [f"alter role {ROLE} password 'new'"], [f"alter role {ROLE} password 'old'"]),
    (
        "3D000",
        ["alter database {name} rename to {name}_away"],
        ["alter database {name}_away rename to {name}"],
    ),
    (
        "55000",
        ["alter database {name} allow_connections false"],
        ["alter database {name} allow_connections true"],
    ),
    (
        "42P01",
        ["alter database {name} rename to {name}_away", f"create database {{name}} owner {ROLE}"],
        ["drop database {name} (force)", "alter database {name}_away rename to {name}"],
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_postgres.Lease]:
    """A server of the tests' own, which asks a role for its password."""
    folder = tmp_path_factory.mktemp("server")
    for part in [folder, *folder.parents][:3]:
        part.chmod(0o755)  # as root PostgreSQL runs as another user
    lease = local_postgres.start(folder / "data", durable=False)
    hba = folder / "data/postgres/cluster/pg_hba.conf"
    rules = hba.read_text()
    hba.write_text(f"local all {ROLE} scram-sha-256\n{rules}")
    yield lease
    lease.release()


class Database:
    """A database with an operator who breaks and mends it."""

    def __init__(self, operator: asyncpg.Connection, url: str, name: str) -> None:
        self._operator = operator
        self.url = url
        self.name = name

    async def execute(self, statements: list[str]) -> None:
        await self._operator.execute(f"alter role {ROLE} connection limit 0")  # for a moment
        for statement in statements:
            await self.cut_off()
            await self._operator.execute(statement.format(name=self.name))
        await self._operator.execute(f"alter role {ROLE} connection limit -1")
        await self.cut_off()

    async def cut_off(self) -> None:
        """End all connections, so that new ones have to be made."""
        await self._operator.fetch(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = $1 and datname like $2",
            ROLE,
            f"{self.name}%",
        )


@pytest.fixture
async def database(server: local_postgres.Lease) -> AsyncIterator[Database]:
    operator_url = server.url.replace("/rostra?", "/postgres?")
    operator = await asyncpg.connect(operator_url)
    await operator.execute("select pg_reload_conf()")
    name = f"faulty_{time.monotonic_ns()}"
    await operator.execute(f"drop role if exists {ROLE}")
    await operator.execute(f"create role {ROLE} login password 'old'")
    await operator.execute(f"create database {name} owner {ROLE}")
    user = urlsplit(server.url).netloc
    url = server.url.replace(f"//{user}/", f"//{ROLE}:old@/", 1).replace("/rostra?", f"/{name}?")
    yield Database(operator, url, name)
    await operator.execute(f"drop database {name} (force)")
    await operator.execute(f"drop role {ROLE}")
    await operator.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Wait for a condition. Return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await condition():  # noqa: ASYNC110  # another process's condition
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def is_ready(service: Service) -> bool:
    return (await service.ask("GET", "/readyz")).status == 200


@pytest.mark.slow
@pytest.mark.parametrize(("code", "broken", "mended"), FAULTS, ids=[fault[0] for fault in FAULTS])
async def test_a_few_seconds_of_an_unexpected_error_heal_by_themselves(
    database: Database, code: str, broken: list[str], mended: list[str]
) -> None:
    async with serving(database.url) as service:
        discussion, _ = await service.given(opened(), posted("c1"))
        comments = f"/v1/discussions/{discussion}/comments"
        await until(lambda: is_ready(service))
        before = background.restarts()
        await database.execute(broken)

        async def all_have_failed() -> bool:
            now = background.restarts()
            return all(now[name] > before[name] for name in now if name.startswith(CONNECTED))

        await until(all_have_failed)
        for path in (comments, "/v1/events"):
            assert (await service.ask("GET", path, token=token())).status == 503, code
        assert not await is_ready(service)
        answer = await service.publish(posted("c2"))
        assert answer.status == 503, answer.body
        await database.execute(mended)

        healed = await until(lambda: is_ready(service))
        assert healed < HEALED_SECONDS_MAX
        await service.given(posted("c3"))
        page = await service.get(comments)
        assert (page.status, page.json["total"]) == (200, 2)
        live = f"{service.url}/v1/discussions/{discussion}/live"
        async with listening(live) as reader:
            await service.given(posted("c4"))
            assert (await reader.next())[1] == "comment"
