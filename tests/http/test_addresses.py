"""The reader's address, behind proxies and without them."""

import logging
import time
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth.addresses import ADDRESS, LOOPBACK, Addresses, trusted_proxies
from rostra_adapters.http_limits import Rate
from support.service import SECRET, serving

PROXIES = ("10.0.0.0/8", "192.0.2.7", "2001:db8:ff::/48")
EDGE = "10.0.0.1"
READER = "203.0.113.9"


def asked(peer: str, *headers: tuple[str, str]) -> web.BaseRequest:
    made = make_mocked_request("GET", "/", headers=CIMultiDict(headers))
    return made.clone(remote=peer)


def reader(peer: str, *headers: tuple[str, str]) -> str:
    return Addresses(PROXIES).reader(asked(peer, *headers))


def x_forwarded_for(text: str, peer: str = EDGE) -> str:
    return reader(peer, ("X-Forwarded-For", text))


def forwarded(text: str, peer: str = EDGE) -> str:
    return reader(peer, ("Forwarded", text))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (READER, READER),
        (f"{READER}:4711", READER),
        (f"{READER}:4712", READER),
        (f"198.51.100.1, {READER}", READER),
        (f"{READER}, 10.1.2.3", READER),
        (f"{READER},10.1.2.3:80,\t192.0.2.7 , 10.9.9.9", READER),
        (f"::ffff:{READER}", READER),
        (f"[::ffff:{READER}]:80", READER),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::2]", "2001:db8::/64"),
        ("[2001:db8::3]:443, 2001:db8:ff::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("unknown", EDGE),
        (f"{READER}, unknown", EDGE),
        (f"{READER}, ", EDGE),
        ("", EDGE),
        ("203.0.113.009", EDGE),
        (f"{READER}:", EDGE),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_over_trusted_proxies(
    text: str, address: str
) -> None:
    assert x_forwarded_for(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"for={READER}", READER),
        (f"For={READER};proto=https;by=10.0.0.1", READER),
        (f'proto=https; for="{READER}:4711"', READER),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
        (f'for="[::ffff:{READER}]"', READER),
        (f'for=198.51.100.1, for={READER};host="a.example", for=10.1.2.3', READER),
        (f'for={READER}, for="_hidden"', EDGE),
        (f"for={READER}, for=unknown", EDGE),
        (f"for={READER}, proto=https", EDGE),
        (f"for={READER};for=198.51.100.1", EDGE),
        (f"for={READER}, garbage", EDGE),
        (f"for={READER};", EDGE),
    ],
)
def test_forwarded_is_read_by_its_grammar(text: str, address: str) -> None:
    assert forwarded(text) == address


def test_lines_of_a_header_are_one_list() -> None:
    assert reader(EDGE, ("X-Forwarded-For", READER), ("X-Forwarded-For", "10.2.2.2")) == READER


def test_headers_that_disagree_leave_the_proxys_own_address() -> None:
    both = ("X-Forwarded-For", READER), ("Forwarded", f"for={READER}")
    assert reader(EDGE, *both) == READER
    assert reader(EDGE, both[0], ("Forwarded", "for=198.51.100.1")) == EDGE


def test_without_headers_the_peers_address_stands() -> None:
    assert reader(READER) == READER
    assert reader(f"::ffff:{READER}") == READER
    assert reader("2001:db8::1") == "2001:db8::/64"
    assert reader(EDGE) == EDGE


def test_this_machine_has_no_limit_where_loopback_is_trusted() -> None:
    for peer in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
        assert Addresses(["127.0.0.0/8", "::1"]).reader(asked(peer)) == ""
        assert Addresses([]).reader(asked(peer)) != ""


def test_a_network_of_mapped_addresses_is_one_of_ipv4() -> None:
    addresses = Addresses(["::ffff:10.0.0.0/104"])
    assert addresses.is_trusted("10.4.5.6")
    assert addresses.is_trusted("::ffff:10.4.5.6")
    assert not addresses.is_trusted("11.0.0.1")


@pytest.mark.parametrize("text", ["", "proxy", "10.0.0.0/33", "10.0.0.1:80"])
def test_a_proxy_is_an_address_or_a_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        HttpSettings(secret=SECRET, proxies=(text,))


def test_headers_of_others_are_ignored_warned_of_once_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    addresses = Addresses(PROXIES)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            request = asked("198.51.100.1", ("X-Forwarded-For", READER))
            assert addresses.reader(request) == addresses.reader(request) == "198.51.100.1"
    assert addresses.untrusted_headers == 3
    (record,) = caplog.records
    assert "198.51.100.1" in record.getMessage()
    assert "--proxy" in record.getMessage()


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("127.0.0.1", LOOPBACK),
        ("::1", LOOPBACK),
        ("localhost", LOOPBACK),
        ("0.0.0.0", ()),  # everywhere
        ("::", ()),
        ("192.0.2.1", ()),
        ("comments.example", ()),
    ],
)
def test_loopback_is_trusted_while_nothing_else_is_listened_on(
    host: str, trusted: tuple[str, ...]
) -> None:
    assert trusted_proxies((), host) == trusted
    assert trusted_proxies(("192.0.2.7",), host) == ("192.0.2.7",)


# -- whatever a reader sends

_public = st.one_of(
    st.ip_addresses(v=4, network="198.51.100.0/24"), st.ip_addresses(v=6, network="2001:db8::/48")
)
_ours = st.one_of(
    st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=6, network="2001:db8:ff::/48")
)


def written(address: IPv4Address | IPv6Address, port: int | None) -> str:
    if port is None:
        return str(address)
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_ports = st.none() | st.integers(0, 65_535)
_hops = st.lists(st.tuples(_ours, _ports), max_size=4)
_words = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
_forged = st.one_of(_words, st.builds(lambda a: f"for={a}", _public), st.builds(str, _public))


@settings(deadline=None)
@given(_forged, _public, _ports, _hops)
def test_no_reader_chooses_their_address(
    sent: str,
    address: IPv4Address | IPv6Address,
    port: int | None,
    hops: list[tuple[IPv4Address | IPv6Address, int | None]],
) -> None:
    chain = [sent, *(written(*hop) for hop in [(address, port), *hops])]
    assert x_forwarded_for(", ".join(chain)) == reader(str(address))
    elements = [sent, *(f"for={quoted(written(*hop))}" for hop in [(address, port), *hops])]
    assert forwarded(", ".join(elements)) == reader(str(address))


@settings(deadline=None)
@given(_forged, _forged, _public)
def test_no_host_that_a_reader_names_becomes_their_address(
    sent: str, host: str, address: IPv4Address | IPv6Address
) -> None:
    """Proxies put the host into `Forwarded`, commas and all."""
    element = f"for={quoted(str(address))};host={quoted(host)};proto=https"
    assert forwarded(f"{sent}, {element}") in (reader(str(address)), EDGE)


@settings(deadline=None)
@given(_words, _words, st.sampled_from([EDGE, READER, "", "no address"]))
def test_any_header_is_answered(one: str, other: str, peer: str) -> None:
    found = reader(peer, ("X-Forwarded-For", one), ("Forwarded", other))
    assert found == peer or ip_network(found).prefixlen in (32, 64)


def test_a_long_header_costs_no_more_than_its_length() -> None:
    def seconds(*headers: tuple[str, str]) -> float:
        addresses, request = Addresses(PROXIES), asked(EDGE, *headers)
        began = time.process_time()
        for _ in range(200):
            addresses.reader(request)
            del request[ADDRESS]
        return time.process_time() - began

    usual = seconds(("X-Forwarded-For", f"{READER}, 10.1.1.1"), ("Forwarded", f"for={READER}"))
    for long in (
        ",".join(["10.1.1.1"] * 910),
        "for=10.1.1.1," * 630,
        'for="\\' * 1_300,
        "," * 8_000,
        "[" * 8_000,
        "a=b;" * 2_000,
    ):
        assert seconds(("X-Forwarded-For", long), ("Forwarded", long)) < 60 * usual


async def test_the_count_is_in_the_metrics() -> None:
    limited = HttpSettings(secret=SECRET, proxies=(), reader_rate=Rate(burst=2, per_second=0.001))
    async with serving(settings=limited) as service:
        answers = [
            await service.ask("GET", "/v1/counts", headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(3)
        ]
        assert [answer.status for answer in answers] == [400, 400, 429]
        metrics = (await service.ask("GET", "/metrics")).body.decode()
        assert "rostra_untrusted_forwarding_headers_total 3.0" in metrics
