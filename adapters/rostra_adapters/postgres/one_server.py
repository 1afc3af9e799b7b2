"""Connections to one of several servers, so that what a process reads never goes back."""

from typing import Any

import asyncpg

from rostra_adapters.postgres.connect import connect

_UNREACHABLE = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,  # it was promoted, and a standby is asked for
)


class OneServer:
    """Connects to the server that the first connection found, as long as it can be reached.

    Of several standbys each is at a position of its own. When another server is taken, all
    connections of the pool are replaced as they are given back, and `generation` grows.
    """

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None
        self.generation = 0
        self._address: tuple[str, int] | None = None

    async def connect(self, url: str, **options: Any) -> asyncpg.Connection:
        """Connect to the same server as before, else to any of the URL's.

        Connections that lose their server at once may each find another one. All but the first
        are closed, and made to the server of the first.
        """
        while True:
            last = self._address
            try:
                connection = await connect(url, **_named(last), **options)
            except _UNREACHABLE:
                if last is None:
                    raise
                if self._address == last:  # else another connection has found another server
                    self._address = None
                    self.generation += 1
                    if self.pool is not None:
                        await self.pool.expire_connections()
                continue
            found = last or _address_of(connection)
            if self._address in (None, found):
                self._address = found
                return connection
            connection.terminate()


def _named(address: tuple[str, int] | None) -> dict[str, Any]:
    """Return the options that connect to an address, none for any server of a URL."""
    return {} if address is None else {"host": address[0], "port": address[1]}


def _address_of(connection: Any) -> tuple[str, int] | None:
    """Return the host and port by which the server is reached again, None for a socket.

    A name may lead to several servers, so it is the address that was found. Where TLS checks the
    server's name, it must be the name.
    """
    named = connection._addr  # not in asyncpg's interface
    if not isinstance(named, tuple):
        return None
    encrypted = connection._transport.get_extra_info("ssl_object")
    if encrypted is not None and encrypted.context.check_hostname:
        return named[0], named[1]
    address = connection._transport.get_extra_info("peername")
    return address[0], address[1]
