"""Requests go to public addresses alone, however an address is written or a name resolves."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from rostra_adapters.application.webhooks.transport import Answer, NotSent
from rostra_adapters.outgoing.addresses import (
    AddressRefused,
    check_address,
    check_host,
    check_url,
    networks_of,
)
from rostra_adapters.outgoing.http import HttpPoster
from support.receivers import LOOPBACK, Receiver, receiving

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "fd00:ec2::254",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="not public"):
        check_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_taken(address: str) -> None:
    check_address(address)


def test_a_named_network_is_allowed_and_no_other() -> None:
    allowed = networks_of(["10.1.0.0/16", "::1"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        check_address(address, allowed)
    for address in ("10.2.0.1", "127.0.0.1", "fe80::1"):
        with pytest.raises(AddressRefused):
            check_address(address, allowed)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "example.org",
        "https://user:hush@example.org/",
        "https://example.org/#part",
        "https://example.org:99999/",
        "https://exämple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nx: y",
    ],
)
def test_urls_that_cannot_be_used_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://2130706433/",
        "http://127.1/",
        "http://0x7f.1/",
    ],
)
async def test_private_hosts_are_refused_when_added_and_when_connected(url: str) -> None:
    with pytest.raises((AddressRefused, ValueError)):
        await check_host(url)
    async with HttpPoster() as poster:
        with pytest.raises(NotSent, match=r"not public|not a canonical"):
            await post(poster, url)


async def post(poster: HttpPoster, url: str, *, networks: tuple[str, ...] = ()) -> Answer:
    return await poster.post(url, b"{}", {}, networks=networks, seconds=10.0, answer_bytes_max=10)


class Names(AbstractResolver):
    """Resolves each name to the next of its addresses; the last one stays."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: Any = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        self.asked += 1
        known = self.addresses[host.split(".", maxsplit=1)[0]]
        address = known.pop(0) if len(known) > 1 else known[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_name_that_resolves_to_a_private_address_is_refused(address: str) -> None:
    async with receiving() as receiver, HttpPoster(Names(evil=[address])) as poster:
        with pytest.raises(NotSent, match="not public"):
            await post(poster, receiver.url.replace("127.0.0.1", "evil.example"))
        assert receiver.seen == []


async def test_a_name_is_checked_each_time_it_is_resolved() -> None:
    """It leads to an address that is allowed, and the second time to one that is not."""
    names = Names(evil=["127.0.0.2", "127.0.0.1"])
    async with OnAllAddresses() as receiver, HttpPoster(names) as poster:
        url = f"http://evil.example:{receiver.port}/"

        async def send() -> Answer:
            return await post(poster, url, networks=("127.0.0.2/32",))

        assert (await send()).status == 204
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 is not public"):
            await send()
        assert names.asked == 2
        assert receiver.requests == 1


class OnAllAddresses:
    """A plain server on every address of IPv4, which closes each connection after its answer."""

    def __init__(self) -> None:
        self.port = 0
        self.requests = 0

    async def handle(self, _: web.Request) -> web.Response:
        self.requests += 1
        response = web.Response(status=204)
        response.force_close()
        return response

    async def __aenter__(self) -> "OnAllAddresses":
        application = web.Application()
        application.router.add_post("/", self.handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "0.0.0.0", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


async def test_a_connection_that_one_webhook_may_use_is_not_used_by_another() -> None:
    async with receiving() as receiver, HttpPoster() as poster:
        assert (await post(poster, receiver.url, networks=LOOPBACK)).status == 204
        with pytest.raises(NotSent, match="not public"):
            await post(poster, receiver.url)
        assert len(receiver.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with receiving() as inner, receiving() as outer, HttpPoster() as poster:

        async def redirect(_: Any) -> web.Response:
            return web.Response(status=status, headers={"Location": inner.url})

        outer.accept = redirect
        answer = await post(poster, outer.url, networks=LOOPBACK)
        assert (answer.status, answer.is_success) == (status, False)
        assert inner.seen == []


async def test_long_answers_are_not_read_and_slow_ones_not_waited_for() -> None:
    async with receiving() as receiver, HttpPoster() as poster:
        receiver.accept = _long
        answer = await post(poster, receiver.url, networks=LOOPBACK)
        assert (answer.status, answer.body) == (200, None)
        receiver.accept = _short
        assert (await post(poster, receiver.url, networks=LOOPBACK)).body == b"x" * 10
        with pytest.raises(NotSent, match=r"no answer within 0\.01 s"):
            await _post_to_a_slow_one(poster, receiver)


async def _long(_: Any) -> web.Response:
    return web.Response(body=b"x" * 1_000_000)


async def _short(_: Any) -> web.Response:
    return web.Response(body=b"x" * 10)


async def _post_to_a_slow_one(poster: HttpPoster, receiver: Receiver) -> None:
    async def slow(_: Any) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response()

    receiver.accept = slow
    await poster.post(receiver.url, b"{}", {}, networks=LOOPBACK, seconds=0.01, answer_bytes_max=10)


async def test_a_receiver_that_is_not_there_is_an_error_in_words() -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with HttpPoster() as poster:
        with pytest.raises(NotSent, match=r"(?i)refused|connect"):
            await post(poster, url, networks=LOOPBACK)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"Secret\0 words\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: Secret",
        b"HTTP/1.1 200 OK\r\nA: Secret\r\n",
        b"HTTP/1.1 200 OK\r\nA: Secret\0words\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nSecret\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}Secret\0\r\n\r\n",
    ],
)
async def test_an_answer_that_cannot_be_read_is_not_quoted(answer: bytes) -> None:
    """It may hold a comment's words, or bytes that no table can hold."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, HttpPoster() as poster:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotSent) as refused:
            await post(poster, f"http://127.0.0.1:{port}/", networks=LOOPBACK)
    assert "ecret" not in str(refused.value)
    assert str(refused.value).isprintable()
