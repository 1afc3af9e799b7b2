"""A reader stays with one server, also where a name leads to several."""

import asyncio
import socket
from itertools import chain, cycle
from typing import Any

import pytest

from rostra_adapters.postgres import one_server
from rostra_adapters.postgres.connect import connect
from rostra_adapters.postgres.one_server import OneServer
from support.replication import nodes

ADDRESSES = ("127.0.0.2", "127.0.0.1")
_SERVER = "select host(inet_server_addr())"


class Standby:
    """A connection to a standby."""

    def __init__(self, host: str) -> None:
        self.host = host

    def terminate(self) -> None:
        pass


async def test_connections_that_lose_their_server_at_once_take_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns, lost = chain("a", cycle("bc")), set[str]()

    async def found(url: str, host: str | None = None, port: int = 1) -> Standby:
        chosen = host or next(turn for turn in turns if turn not in lost)
        await asyncio.sleep(0)
        if chosen in lost:
            raise ConnectionRefusedError
        return Standby(chosen)

    monkeypatch.setattr(one_server, "connect", found)
    monkeypatch.setattr(one_server, "_address_of", lambda connection: (connection.host, 1))
    server = OneServer()

    async def connected() -> str:
        connection: Any = await server.connect("url")
        return str(connection.host)

    assert await connected() == "a"
    lost.add("a")
    assert await asyncio.gather(*(connected() for _ in range(4))) == ["b"] * 4
    assert server.generation == 1
    lost.add("b")
    assert await asyncio.gather(*(connected() for _ in range(4))) == ["c"] * 4
    assert server.generation == 2


@pytest.mark.process
@pytest.mark.postgres
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
