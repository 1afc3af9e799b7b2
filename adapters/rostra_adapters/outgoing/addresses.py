"""Addresses that requests to services of others may be sent to."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SCHEMES = {"http": 80, "https": 443}
_NAT64 = ip_network("64:ff9b::/96")
"""Addresses of IPv4 behind a translator (RFC 6052)."""
_LOW_32_BITS = (1 << 32) - 1


class AddressRefused(OSError):
    """The address is private, loopback, link-local, multicast or reserved, and not allowed."""


def networks_of(names: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks of texts such as 10.0.0.0/8 or ::1. Raises ValueError."""
    return tuple(ip_network(name) for name in names)


def check_address(address: str, allowed: Sequence[Network] = ()) -> None:
    """Raise AddressRefused for an address that is not public, unless a network allows it."""
    found = _embedded(ip_address(address))
    is_allowed = any(found in network for network in allowed if network.version == found.version)
    if not is_allowed and not _is_public(found):
        raise AddressRefused(
            f"the address {address} is not public; --allow-private names a network to allow"
        )


def _embedded(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or 1 < int(address) <= _LOW_32_BITS:
        return IPv4Address(int(address) & _LOW_32_BITS)
    return IPv6Address(int(address))  # without a zone


def _is_public(address: Address) -> bool:
    is_site_local = isinstance(address, IPv6Address) and (
        address.is_site_local or address.teredo is not None
    )
    is_special = address.is_multicast or address.is_reserved or is_site_local
    return address.is_global and not is_special


def check_url(url: str) -> tuple[str, int]:
    """Return host and port of an http or https URL. Raises ValueError for any other.

    The URL has no user, password or fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError("it is no http or https URL")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("it has a user, a password or a fragment; leave them out")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("it has blanks or characters beyond ASCII; encode them")
    return parts.hostname, parts.port or SCHEMES[parts.scheme]


async def check_host(url: str, allowed: Sequence[Network] = ()) -> None:
    """Resolve the host of a URL and check its addresses.

    Raises ValueError for another URL or an unknown host, and AddressRefused.
    """
    host, port = check_url(url)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"the host {host} cannot be resolved: {error}") from None
    for *_, place in found:
        check_address(str(place[0]), allowed)
