"""Addresses of readers, also of those behind trusted proxies."""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from aiohttp import web

from rostra_adapters.outgoing.addresses import Address, Network

LOOPBACK = ("127.0.0.0/8", "::1")
READER_BITS = 64
"""Prefix length of the IPv6 network that one reader has to themselves."""
HOPS_MAX = 32
HEADER_CHARACTERS_MAX = 8_192
ADDRESS_CHARACTERS_MAX = 64
PEERS_CACHED_MAX = 10_000
X_FORWARDED_FOR = "X-Forwarded-For"
FORWARDED = "Forwarded"
ADDRESS = web.RequestKey("address", str)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # a word of HTTP's grammar
_PAIR = rf'({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")'
_PAIRS = re.compile(rf"{_PAIR}(?:[ \t]*;[ \t]*(?=\S)|\Z)")
_IPV4_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+")
_IPV6_IN_BRACKETS = re.compile(r"\[([^\]]*)\](?::[0-9]+)?")

_logger = logging.getLogger(__name__)


class Addresses:
    """Finder of the address that a request comes from.

    Raises ValueError if a proxy is neither an address nor a network.
    """

    def __init__(self, proxies: Iterable[str]) -> None:
        self._networks = tuple(network(proxy) for proxy in proxies)
        self._peer = lru_cache(PEERS_CACHED_MAX)(self._read_peer)
        self._alone = lru_cache(PEERS_CACHED_MAX)(self._read_alone)
        self.untrusted_headers = 0
        """Requests with forwarding headers from an address that is not trusted."""

    def is_trusted(self, peer: str) -> bool:
        """Return whether the address of a connection is that of a trusted proxy."""
        return self._peer(peer)[1]

    def connection(self, peer: str) -> str:
        """Return the address under which a peer's connections are counted.

        Empty for a trusted proxy, whose connections are those of many readers.
        """
        address, is_trusted = self._peer(peer)
        return "" if is_trusted else _key(address, peer)

    def reader(self, request: web.BaseRequest) -> str:
        """Return the reader's address, or its network for IPv6, cached in the request.

        The result is empty for a request from this machine without a proxy, which has no limit. It
        is the proxy's own address if the proxy names none, or if two headers name different ones.
        """
        headers = request.headers
        if X_FORWARDED_FOR not in headers and FORWARDED not in headers:
            return self._alone(request.remote or "")
        found = request.get(ADDRESS)
        if found is None:
            found = request[ADDRESS] = self._found(request)
        return found

    def is_proxy(self, request: web.BaseRequest) -> bool:
        """Return whether a request comes from a trusted proxy."""
        _, is_trusted = self._peer(request.remote or "")
        return is_trusted

    def _read_alone(self, peer: str) -> str:
        address, is_trusted = self._peer(peer)
        is_unlimited = is_trusted and (address is None or address.is_loopback)
        return "" if is_unlimited else _key(address, peer)

    def _found(self, request: web.BaseRequest) -> str:
        peer, headers = request.remote or "", request.headers
        address, is_trusted = self._peer(peer)
        if not is_trusted:
            self._warn(peer)
            return _key(address, peer)
        found = {
            self._before(read(headers.getall(name)))
            for name, read in ((X_FORWARDED_FOR, _hops), (FORWARDED, _forwarded_hops))
            if name in headers
        }
        return _key(found.pop() if len(found) == 1 else address, peer)

    def _before(self, hops: Iterable[Address | None]) -> Address | None:
        """Return the last hop that is not trusted, the first where all are.

        None where a hop before it cannot be read.
        """
        last = None
        for hop in hops:
            last = hop
            if hop is None or not self._trusts(hop):
                break
        return last

    def _trusts(self, address: Address) -> bool:
        return any(
            address.version == network.version and address in network for network in self._networks
        )

    def _read_peer(self, peer: str) -> tuple[Address | None, bool]:
        address = parse_address(peer)
        return address, address is not None and self._trusts(address)

    def _warn(self, peer: str) -> None:
        if not self.untrusted_headers:
            _logger.warning(
                "forwarding headers from %s are ignored: if this is a proxy of yours, name it "
                "with --proxy, else all of its readers share one limit",
                peer,
            )
        self.untrusted_headers += 1


ADDRESSES = web.AppKey("addresses", Addresses)


def network(text: str) -> Network:
    """Return an address or a network as a network. Raises ValueError."""
    found = ip_network(text.strip(), strict=False)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is None or found.prefixlen < 96:  # the length of ::ffff:0:0
        return found
    return IPv4Network((mapped, found.prefixlen - 96), strict=False)


def trusted_proxies(given: tuple[str, ...], host: str) -> tuple[str, ...]:
    """Return the proxies that are trusted by a service that listens on a host.

    Without any given, loopback is while nothing but loopback is listened on.
    """
    address = parse_address(host)
    is_loopback = host == "localhost" if address is None else address.is_loopback
    return given or (LOOPBACK if is_loopback else ())


def parse_address(text: str) -> Address | None:
    """Return an address without port, brackets and zone, IPv4 in IPv6 as IPv4.

    None where it is none.
    """
    text = text.strip(" \t")
    if len(text) > ADDRESS_CHARACTERS_MAX:
        return None
    bare = _IPV4_WITH_PORT.fullmatch(text) or _IPV6_IN_BRACKETS.fullmatch(text)
    try:
        address = ip_address((bare[1] if bare else text).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _key(address: Address | None, peer: str) -> str:
    match address:
        case None:
            return peer
        case IPv4Address():
            return str(address)
        case IPv6Address():
            return str(IPv6Network((address, READER_BITS), strict=False))


def _elements(lines: Iterable[str]) -> list[str]:
    """Return the last elements of a header's lists, the last first."""
    text = ",".join(lines)[-HEADER_CHARACTERS_MAX:]
    return [element.strip(" \t") for element in reversed(text.rsplit(",", HOPS_MAX)[-HOPS_MAX:])]


def _hops(lines: Iterable[str]) -> Iterable[Address | None]:
    return map(parse_address, _elements(lines))


def _forwarded_hops(lines: Iterable[str]) -> Iterable[Address | None]:
    return map(_forwarded, _elements(lines))


def _forwarded(element: str) -> Address | None:
    """Return the address of `for` in an element (RFC 7239).

    None where it has none, or the element does not follow the grammar. A comma within a quoted
    text divides it into two that do not follow it: neither has its quotes in pairs.
    """
    found, at = [], 0
    while at < len(element):
        pair = _PAIRS.match(element, at)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            found.append(pair[2])
        at = pair.end()
    if len(found) != 1:
        return None
    return parse_address(re.sub(r"\\(.)", r"\1", found[0].strip('"')))
