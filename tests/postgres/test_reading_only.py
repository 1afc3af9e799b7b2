"""Reading where nothing can be written: a standby, a read-only database, a role that may read."""

import asyncio
import json

import pytest

import rostra_adapters
from cli.test_command_line import Command, conversation
from postgres.test_refused_databases import Server, refused, rostra, server
from rostra_adapters.errors import ReadOnly
from support.replication import nodes
from support.service import MASTER_KEY, posted
from support.waiting import block_until

__all__ = ["rostra", "server"]  # fixtures

READ = "grant usage on schema public, rostra_keys to plain"
SELECT = "grant select on all tables in schema public, rostra_keys to plain"
COMMANDS = (["status", "--json"], ["verify"], ["export"],
            ["replay", "--site", "gazette", "--resource", "/trams"])  # fmt: skip

pytestmark = [pytest.mark.process, pytest.mark.postgres]


async def filled(url: str) -> None:
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await app.publish(conversation())
        await app.wait(await app.head(), 60)


def check_commands(rostra: Command, url: str) -> None:
    rostra.environment["ROSTRA_DATABASE_URL"] = url
    for arguments in COMMANDS:
        done = rostra(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stdout or arguments == ["verify"]
        if arguments[0] == "status":
            assert {view["lag"] for view in json.loads(done.stdout)["views"]} == {0}
        if arguments[0] == "export":
            assert done.stdout.count(b'"Yes."') == 6


@pytest.mark.slow
async def test_a_role_that_may_only_read(server: Server, rostra: Command) -> None:
    name = server.database()
    await filled(server.of(name))
    plain = server.of(name, user="plain")
    assert "lacks USAGE on schema rostra_keys" in refused(rostra, plain, "status")
    server.execute(READ, SELECT, database=name)
    check_commands(rostra, plain)
    assert "lacks" in refused(rostra, plain, "serve")


@pytest.mark.slow
async def test_a_read_only_database(server: Server, rostra: Command) -> None:
    name = server.database()
    await filled(server.of(name))
    server.execute(f"alter database {name} set default_transaction_read_only = on")
    check_commands(rostra, server.of(name))
    async with rostra_adapters.open(server.of(name), master_key=MASTER_KEY, read_only=True) as app:
        page = await app.comments("gazette", "/trams")
        assert page is not None and page.total == 1
        with pytest.raises(ReadOnly):
            await app.publish([posted("another")])


@pytest.mark.slow
def test_a_standby(rostra: Command) -> None:
    """It streams from its primary."""
    with nodes(2) as [primary, standby]:
        asyncio.run(filled(primary.url))
        block_until(lambda: standby.has_replayed(primary))
        check_commands(rostra, standby.url)
        done = rostra("erase", "ann", "--site", "gazette")
        assert done.returncode == 1 and b"Traceback" not in done.stderr
