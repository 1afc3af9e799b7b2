"""Client for HTTP requests to services of others."""

import socket
from collections.abc import Mapping
from functools import partial
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver

from rostra_adapters.application.webhooks.transport import Answer, NotSent
from rostra_adapters.outgoing.addresses import (
    AddressRefused,
    Network,
    check_address,
    check_url,
    networks_of,
)

CONNECT_SECONDS_MAX = 5.0
CHUNK_BYTES = 16 * 1024
IDLE_CONNECTIONS_SECONDS = 15.0
_UNREADABLE = (
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerDisconnectedError,
)

_AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class HttpPoster:
    """`application.webhooks.transport.Poster`. It is used as a context.

    Each address is checked as its socket is made. So a name may not lead to a public address when a
    webhook is added, and to a private one later. Redirects are not followed, proxies and
    cookies are not used.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver
        self._sessions: dict[tuple[str, ...], aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        networks: tuple[str, ...],
        seconds: float,
        answer_bytes_max: int,
    ) -> Answer:
        session = self._session(networks)
        connect = min(CONNECT_SECONDS_MAX, seconds)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=connect)
        try:
            check_url(url)
            async with session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                content = await _read(response, answer_bytes_max)
                return Answer(response.status, content)
        except TimeoutError:
            raise NotSent(f"no answer within {seconds:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise NotSent(_cause(error.os_error)) from None
        except _UNREADABLE as error:
            # The text of the error quotes the answer, which may hold words.
            raise NotSent(f"the answer cannot be read ({type(error).__name__})") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotSent(str(error) or type(error).__name__) from None

    def _session(self, networks: tuple[str, ...]) -> aiohttp.ClientSession:
        """Return the session for a set of allowed networks.

        Sessions share no connection: one that is allowed to one webhook may not be to another.
        """
        found = self._sessions.get(networks)
        if found is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                use_dns_cache=False,
                keepalive_timeout=IDLE_CONNECTIONS_SECONDS,
                socket_factory=partial(_checked_socket, networks_of(networks)),
                resolver=self._resolver,
            )
            found = self._sessions[networks] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
            )
        return found


def _checked_socket(allowed: tuple[Network, ...], info: _AddressInfo) -> socket.socket:
    """Return a socket for an address. Raises AddressRefused."""
    family, kind, protocol, _, place = info
    check_address(place[0], allowed)
    return socket.socket(family=family, type=kind, proto=protocol)


def _cause(error: OSError) -> str:
    """Return the text of an error; addresses that were refused come before other errors."""
    if isinstance(error, AddressRefused):
        return str(error)
    return error.strerror or str(error)


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes | None:
    """Return the body; None if it is longer than `bytes_max`, and the rest is not read."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > bytes_max:
            response.close()
            return None
    return bytes(body)
