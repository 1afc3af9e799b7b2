"""Counts of open connections, and of the live streams of each address."""

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from rostra_adapters.http.auth.addresses import Addresses
from rostra_adapters.http.settings import HttpSettings

RESERVED_DESCRIPTORS = 128
"""Descriptors for the database, files, and connections that wait for their refusal."""
REFUSED_MAX = 32
"""Connections that are refused with an answer at a time. Others are closed at once."""


class Gate:
    """Counts connections, and refuses those beyond the limits."""

    def __init__(self, settings: HttpSettings, addresses: Addresses) -> None:
        self._addresses = addresses
        self.connections_max = settings.connections_max
        self.per_address_max = settings.connections_per_address_max
        self.connections = 0
        self.refused = 0
        """Connections that were refused since the start."""
        self.refusing: set[object] = set()
        """Connections that are being refused."""
        self._of_address: Counter[str] = Counter()

    def fit(self, descriptors: int) -> None:
        """Lower the limits to fit a number of file descriptors.

        No address may have more than half of the connections then.
        """
        most = max(descriptors - RESERVED_DESCRIPTORS, descriptors // 2)
        if most < self.connections_max:
            self.connections_max = most
            self.per_address_max = max(1, min(self.per_address_max, most // 2))

    def enter(self, peer: str) -> str | None:
        """Count a connection. Return the name to leave under, None where there is no place."""
        name = self._addresses.connection(peer)
        if self.connections >= self.connections_max or (
            name and self._of_address[name] >= self.per_address_max
        ):
            self.refused += 1
            return None
        self.connections += 1
        if name:
            self._of_address[name] += 1
        return name

    def leave(self, name: str) -> None:
        """Count a connection no longer."""
        self.connections -= 1
        _decrease(self._of_address, name)


GATE = web.AppKey("gate", Gate)


class StreamCounts:
    """Counts live streams by the addresses of their readers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_address: Counter[str] = Counter()

    def is_full(self, address: str) -> bool:
        """Return whether an address has the most connections allowed; never for the empty one."""
        return bool(address) and self._of_address[address] >= self._most

    @contextmanager
    def count_stream(self, address: str) -> Iterator[None]:
        """Count a stream while it lasts."""
        if address:
            self._of_address[address] += 1
        try:
            yield
        finally:
            _decrease(self._of_address, address)


def _decrease(counts: Counter[str], name: str) -> None:
    if name:
        counts[name] -= 1
        if not counts[name]:
            del counts[name]


def raised_descriptors() -> int:
    """Raise the limit of this process's descriptors as far as it may go, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**31


def limit_untaken(transport: asyncio.BaseTransport, seconds: float) -> None:
    """Have the system end a connection whose client takes nothing for so long; 0 for never."""
    found = transport.get_extra_info("socket")
    if found is not None and hasattr(socket, "TCP_USER_TIMEOUT") and found.family != socket.AF_UNIX:
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1_000))
