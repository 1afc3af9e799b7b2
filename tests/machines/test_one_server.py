"""A reader stays with one server, also where a name leads to several."""

import asyncio
import socket
from itertools import cycle
from typing import Any

import pytest

from rostra_adapters.postgres.connect import connect
from rostra_adapters.postgres.one_server import OneServer
from support.replication import nodes

pytestmark = [pytest.mark.process, pytest.mark.postgres]

ADDRESSES = ("127.0.0.2", "127.0.0.1")
_SERVER = "select host(inet_server_addr())"


async def test_a_name_of_several_servers_is_read_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with nodes(1) as [node]:
        node.configure(f"listen_addresses = '{', '.join(ADDRESSES)}'\n")
        node.stop()
        node.start()
        url = node.url.replace("127.0.0.1", "standbys")
        turns = cycle(ADDRESSES)

        async def resolve(host: str, port: int, **_: Any) -> list[Any]:
            assert host == "standbys"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(turns), port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)

        async def found(server: OneServer | None) -> str:
            connection = await (connect if server is None else server.connect)(url)
            try:
                return str(await connection.fetchval(_SERVER))
            finally:
                await connection.close()

        assert [await found(None) for _ in range(4)] == list(ADDRESSES) * 2
        for _ in range(2):
            server = OneServer()
            assert len({await found(server) for _ in range(4)}) == 1
