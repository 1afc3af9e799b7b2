"""Time limits of headers and bodies, and limits on the numbers of connections and streams."""

import asyncio
import gc
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.auth.addresses import Addresses
from rostra_adapters.http.connections import HttpConnection
from rostra_adapters.http.gate import Gate, StreamCounts
from support.service import PLACE, SECRET, STRUCTURED, Service, opened, posted, serving, token
from support.waiting import WAIT_SECONDS_MAX, wait_until
from support.wire import Answer, Wire, request

RULES = request("GET", "/v1/rules?site=gazette&resource=/trams")
DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
LIVE = f"/v1/discussions/{DISCUSSION}/live"
JSON = "Content-Type: application/json"
HERE, THERE = "127.0.0.1", "127.0.0.2"
PACKED = zlib.compress(b" " * 10_000_000)
T = TypeVar("T")


def short(**settings: Any) -> HttpSettings:
    """Return settings with limits of fractions of a second."""
    limits = {"head_seconds_max": 0.4, "body_seconds_max": 0.4, "idle_seconds_max": 1.0}
    return HttpSettings(secret=SECRET, **{**limits, **settings})


async def in_thread(ask: Callable[[], T]) -> T:
    return await asyncio.to_thread(ask)


def until_closed(wire: Wire) -> tuple[bytes, float]:
    """Return what still comes, and the seconds until the connection ends."""
    began = monotonic()
    came = wire.rest()
    wire.close()
    return came, monotonic() - began


# -- headers


@pytest.mark.parametrize(
    "head", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nA: b"]
)
async def test_headers_that_are_not_whole_in_time_are_answered_408(head: bytes) -> None:
    async with serving(settings=short()) as service:

        def ask() -> tuple[Answer, bytes]:
            wire = Wire(service.url)
            wire.send(head)
            return wire.answer(), until_closed(wire)[0]

        answer, rest = await in_thread(ask)
        assert (answer.status, answer.problem, rest) == (408, "request-timeout", b"")
        assert [line["status"] for line in await service.lines()][:1] == [408]


async def test_headers_that_trickle_have_no_more_time() -> None:
    async with serving(settings=short(idle_seconds_max=0.3)) as service:

        def ask() -> Answer:
            wire = Wire(service.url)
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
            while not _readable(wire):
                wire.send(b"b")
                sleep(0.02)
            answer = wire.answer()
            wire.close()
            return answer

        assert (await in_thread(ask)).status == 408


def _readable(wire: Wire) -> bool:
    wire.socket.setblocking(False)  # the socket's own signature
    try:
        wire.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        wire.socket.settimeout(WAIT_SECONDS_MAX)
    return True


@pytest.mark.parametrize(
    "whole",
    [
        request("GET", "/healthz", "Upgrade: websocket", "Connection: Upgrade"),
        request("POST", "/healthz", "Upgrade: websocket", "Connection: Upgrade", body=b"abc"),
    ],
    ids=["GET", "POST"],
)
async def test_headers_that_begin_with_a_declined_upgrade_have_no_more_time(whole: bytes) -> None:
    async with serving(settings=short(idle_seconds_max=0.4)) as service:

        def ask() -> tuple[int, int, bytes]:
            wire = Wire(service.url)
            wire.send(whole + b"GET / HT")
            return wire.answer().status, wire.answer().status, until_closed(wire)[0]

        first, second, rest = await in_thread(ask)
        assert (first < 500, second, rest) == (True, 408, b"")


async def test_headers_in_pieces_are_answered_as_long_as_they_are_in_time() -> None:
    async with serving(settings=short(head_seconds_max=5.0)) as service:

        def ask() -> list[int]:
            wire = Wire(service.url)
            statuses = []
            for _ in range(2):
                for byte in RULES:
                    wire.send(bytes([byte]))
                statuses.append(wire.answer().status)
            wire.close()
            return statuses

        assert await in_thread(ask) == [200, 200]


async def test_time_that_an_answer_before_takes_does_not_count_against_the_next_head() -> None:
    """A request waits for its turn, whole, behind one that is waited for."""
    async with serving(settings=short()) as service:
        await service.given(opened())
        slow = request("GET", f"/v1/discussions/{DISCUSSION}?min_position=1&wait=2")
        behind = request("GET", f"/v1/discussions/{DISCUSSION}?min_position=900&wait=1")

        def ask() -> list[int]:
            wire = Wire(service.url)
            wire.send(slow + behind + RULES)
            statuses = [wire.answer().status for _ in range(3)]
            wire.close()
            return statuses

        assert await in_thread(ask) == [200, 503, 200]


# -- idle connections


async def test_a_connection_that_sends_nothing_is_closed_without_a_word() -> None:
    async with serving(settings=short(idle_seconds_max=0.4)) as service:
        came, seconds = await in_thread(lambda: until_closed(Wire(service.url)))
        assert came == b""
        assert 0.2 < seconds < 10
        assert not [line for line in await service.lines() if line["status"] >= 400]


async def test_a_connection_is_kept_between_requests_and_closed_when_it_idles() -> None:
    async with serving(settings=short(idle_seconds_max=1.0)) as service:

        def ask() -> tuple[set[int], bytes]:
            wire = Wire(service.url)
            statuses, began = set(), monotonic()
            while monotonic() - began < 1.5:  # all together longer than the limit
                statuses.add(wire.ask(RULES).status)
            return statuses, until_closed(wire)[0]

        assert await in_thread(ask) == ({200}, b"")


async def test_a_browser_that_connects_beforehand_is_answered_later() -> None:
    async with serving(settings=short(head_seconds_max=0.2, idle_seconds_max=20)) as service:

        def ask() -> int:
            wire = Wire(service.url)
            sleep(0.6)
            status = wire.ask(RULES).status
            wire.close()
            return status

        assert await in_thread(ask) == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving(settings=short()) as service:

        def ask() -> list[int]:
            wire = Wire(service.url)
            wire.send((RULES + request("GET", "/v1/nothing")) * 50)
            statuses = [wire.answer().status for _ in range(100)]
            wire.close()
            return statuses

        assert await in_thread(ask) == [200, 404] * 50


async def test_a_client_that_takes_no_answers_is_let_go() -> None:
    async with serving(settings=short()) as service:
        await service.given(opened(), *(posted(f"c{n}", body="a" * 10_000) for n in range(20)))
        path = f"/v1/discussions/{DISCUSSION}/comments?limit=100"
        wire = Wire(service.url)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await in_thread(lambda: wire.send(request("GET", path) * 100))
        await _alone(service)
        wire.close()


async def _alone(service: Service) -> None:
    """Wait until no connections but our own are open."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while service.connections > 1:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.02)


# -- bodies


def _post(length: int, *headers: str) -> bytes:
    return request("POST", "/v1/guests", JSON, *headers, body=b"", length=length)


@pytest.mark.usefixtures("short_linger")
async def test_a_body_that_does_not_come_is_answered_408() -> None:
    async with serving(settings=short()) as service:

        def ask() -> tuple[Answer, bytes]:
            wire = Wire(service.url)
            wire.send(_post(1_000) + b"{")
            return wire.answer(), until_closed(wire)[0]

        answer, rest = await in_thread(ask)
        assert (answer.status, answer.problem, rest) == (408, "request-timeout", b"")
        assert (answer.headers["connection"], answer.closes) == ("close", True)
        assert [line["status"] for line in await service.lines()][:1] == [408]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_trickles_is_answered_408(chunked: bool) -> None:  # noqa: FBT001
    async with serving(settings=short()) as service:

        def ask() -> Answer:
            wire = Wire(service.url)
            head = request("POST", "/v1/guests", JSON, "Transfer-Encoding: chunked")
            wire.send(head if chunked else _post(1_000))
            while not _readable(wire):
                wire.send(b"1\r\n \r\n" if chunked else b" ")
                sleep(0.02)
            answer = wire.answer()
            wire.close()
            return answer

        assert (await in_thread(ask)).status == 408


async def test_a_phone_may_take_longer_than_the_limit() -> None:
    """800 bytes, then 2,000 a second, where 500 must come."""
    body = json.dumps({"site": "gazette", "name": "Ann"}).encode().ljust(4_000)
    async with serving(settings=short()) as service:

        def ask() -> tuple[Answer, float]:
            wire = Wire(service.url)
            wire.send(_post(len(body)))
            began, sent = monotonic(), 0
            while sent < len(body):  # a thread that was held up makes up for it
                due = 800 + round(2_000 * (monotonic() - began))
                wire.send(body[sent:due])
                sent = due
                sleep(0.05)
            answer = wire.answer()
            wire.close()
            return answer, monotonic() - began

        answer, seconds = await in_thread(ask)
        assert (answer.status, answer.problem) == (403, "no-guests")
        assert seconds > 1.5  # almost four times the limit


async def test_time_in_which_nobody_waits_for_the_client_does_not_count() -> None:
    """The body comes before its turn, and its turn comes late."""
    async with serving(settings=short(body_seconds_max=0.9)) as service:
        await service.given(opened())
        slow = request("GET", f"/v1/discussions/{DISCUSSION}?min_position=900&wait=1")
        body = json.dumps({"site": "gazette", "name": "Ann"}).encode().ljust(60_000)

        def ask() -> list[int]:
            wire = Wire(service.url)
            wire.send(slow + _post(len(body)) + body[:100])
            statuses = [wire.answer().status]
            wire.send(body[100:])
            statuses.append(wire.answer().status)
            wire.close()
            return statuses

        assert await in_thread(ask) == [503, 403]


@pytest.mark.slow
async def test_lines_of_a_slow_publisher_have_no_limit() -> None:
    async with serving(settings=short(idle_seconds_max=0.5)) as service:
        head = request(
            "POST",
            "/v1/events",
            "Content-Type: application/x-ndjson",
            "Transfer-Encoding: chunked",
            f"Authorization: Bearer {token()}",
        )

        def ask() -> bytes:
            wire = Wire(service.url)
            wire.send(head)
            for number in range(3):
                line = json.dumps(opened(resource=f"/{number}")).encode() + b"\n"
                wire.send(b"%x\r\n%b\r\n" % (len(line), line))
                sleep(0.8)
            wire.send(b"0\r\n\r\n")
            return until_closed(wire)[0]

        assert (await in_thread(ask)).count(b'"recorded"') == 3


async def test_a_stream_of_changes_outlasts_every_limit() -> None:
    """Its own end, after an hour by default, is shortened elsewhere."""
    settings = short(idle_seconds_max=0.4, heartbeat_seconds=0.2)
    async with serving(settings=settings) as service:
        await service.given(opened())

        def ask() -> bytes:
            wire = Wire(service.url)
            wire.send(request("GET", LIVE))
            while wire.came.count(b"id: ") < 8:
                assert wire.read()
            wire.close()
            return wire.came

        assert b"text/event-stream" in await in_thread(ask)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/v1/discussions", 401),
        ("POST", "/v1/events", 401),
        ("POST", "/v1/preview", 401),
        ("POST", f"/v1/discussions/{DISCUSSION}/comments", 401),
        ("POST", f"/v1/discussions/{DISCUSSION}/passages", 401),
        ("PATCH", f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}", 401),
        ("PUT", f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}/vote", 401),
        ("POST", f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}/flag", 401),
        ("POST", f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}/moderation", 401),
    ],
)
async def test_a_token_is_looked_for_before_the_body_is_read(
    service: Service, method: str, path: str, status: int
) -> None:
    await service.given(opened(), posted())

    def ask() -> Answer:
        wire = Wire(service.url)
        wire.send(request(method, path, JSON, body=b"", length=1_000))
        answer = wire.answer()
        wire.close()
        return answer

    assert (await in_thread(ask)).status == status


# -- numbers


async def test_an_address_has_so_many_connections_and_is_then_told_503() -> None:
    settings = short(connections_per_address_max=3, idle_seconds_max=20, proxies=())
    async with serving(settings=settings) as service:

        def ask() -> tuple[list[int], Answer, bytes, int, int]:
            wires = [Wire(service.url, THERE) for _ in range(3)]
            statuses = [wire.ask(RULES).status for wire in wires]
            fourth = Wire(service.url, THERE)
            refused = fourth.ask(RULES)
            rest = until_closed(fourth)[0]
            other = Wire(service.url, "127.0.0.3")
            of_other = other.ask(RULES).status
            wires[0].close()
            other.close()
            again = 503
            while again == 503:  # until the service has seen the end of the first
                wire = Wire(service.url, THERE)
                again = wire.ask(RULES).status
                wire.close()
            for wire in wires:
                wire.close()
            return statuses, refused, rest, of_other, again

        statuses, refused, rest, of_other, again = await in_thread(ask)
        assert (statuses, of_other, again, rest) == ([200] * 3, 200, 200, b"")
        assert (refused.status, refused.problem) == (503, "too-many-connections")
        assert refused.headers["retry-after"]
        assert 503 in [line["status"] for line in await service.lines()]
        measured = (await service.ask("GET", "/metrics")).body.decode()
        refusals = measured.partition("\nrostra_connections_refused_total ")[2].split("\n")[0]
        assert float(refusals) >= 1


async def test_one_that_is_refused_is_told_even_if_it_asks_nothing() -> None:
    settings = short(connections_per_address_max=1, idle_seconds_max=20, proxies=())
    async with serving(settings=settings) as service:

        def ask() -> Answer:
            first, second = Wire(service.url, THERE), Wire(service.url, THERE)
            answer = second.answer()
            first.close()
            second.close()
            return answer

        assert (await in_thread(ask)).status == 503


async def test_connections_of_a_trusted_proxy_are_not_counted() -> None:
    settings = short(connections_per_address_max=2, idle_seconds_max=20, proxies=(THERE,))
    async with serving(settings=settings) as service:

        def ask() -> list[int]:
            wires = [Wire(service.url, THERE) for _ in range(10)]
            statuses = [wire.ask(RULES).status for wire in wires]
            for wire in wires:
                wire.close()
            return statuses

        assert await in_thread(ask) == [200] * 10


async def test_there_are_so_many_connections_in_all() -> None:
    settings = short(connections_max=4, idle_seconds_max=20)
    async with serving(settings=settings) as service:
        await service.ask("GET", "/healthz")  # one is ours

        def ask() -> list[int]:
            wires = [Wire(service.url) for _ in range(4)]
            statuses = [wire.ask(RULES).status for wire in wires]
            for wire in wires:
                wire.close()
            return statuses

        assert await in_thread(ask) == [200, 200, 200, 503]


async def test_a_reader_has_so_many_live_streams_and_is_then_told_429() -> None:
    settings = short(live_streams_per_address_max=2, idle_seconds_max=20, proxies=(HERE,))
    async with serving(settings=settings) as service:
        await service.given(opened())
        one, other = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2")

        def ask() -> tuple[list[int], Answer, int, int]:
            wires = [Wire(service.url) for _ in range(2)]
            for wire in wires:
                wire.send(request("GET", LIVE, one))
            statuses = [wire.answer().status for wire in wires]
            third = Wire(service.url)
            refused = third.ask(request("GET", LIVE, one))
            of_other = third.ask(request("GET", LIVE, other)).status
            third.close()
            for wire in wires:
                wire.close()
            again = 429
            while again == 429:  # until the service has seen the end of them
                wire = Wire(service.url)
                again = wire.ask(request("GET", LIVE, one)).status
                wire.close()
            return statuses, refused, of_other, again

        await service.catch_up()
        asked = asyncio.create_task(in_thread(ask))
        number = 0
        while not asked.done():  # whoever has gone is noticed when there is something to tell
            await service.given(posted(f"c{number}"))
            number += 1
            await asyncio.sleep(0.05)
        statuses, refused, of_other, again = await asked
        assert (statuses, of_other, again) == ([200, 200], 200, 200)
        assert (refused.status, refused.problem) == (429, "too-many-streams")
        assert refused.headers["retry-after"] == "30"


def test_limits_are_lowered_to_what_descriptors_allow() -> None:
    gate = Gate(HttpSettings(secret=SECRET), Addresses(()))
    gate.fit(20_000)
    assert (gate.connections_max, gate.per_address_max) == (10_000, 200)
    gate.fit(1_024)
    assert (gate.connections_max, gate.per_address_max) == (896, 200)
    gate.fit(256)
    assert (gate.connections_max, gate.per_address_max) == (128, 64)
    assert [gate.enter("192.0.2.1") for _ in range(65)] == ["192.0.2.1"] * 64 + [None]
    assert gate.enter("2001:db8::1") == gate.enter("2001:db8::2") == "2001:db8::/64"
    gate.leave("192.0.2.1")
    assert gate.enter("::ffff:192.0.2.1") == "192.0.2.1"


def test_streams_of_an_address_are_counted_while_they_last() -> None:
    counts = StreamCounts(1)
    with counts.count_stream("192.0.2.1"), counts.count_stream(""):
        assert counts.is_full("192.0.2.1")
        assert not counts.is_full("192.0.2.2")
        assert not counts.is_full("")
    assert not counts.is_full("192.0.2.1")


async def test_a_structured_event_is_published_over_a_kept_connection(service: Service) -> None:
    def ask() -> list[int]:
        wire = Wire(service.url)
        head = (f"Content-Type: {STRUCTURED}", f"Authorization: Bearer {token()}")
        statuses = []
        for number in range(3):
            body = json.dumps(opened(resource=f"/{number}")).encode()
            statuses.append(wire.ask(request("POST", "/v1/events", *head, body=body)).status)
        wire.close()
        return statuses

    assert await in_thread(ask) == [201] * 3


ENDED = [
    b"",
    RULES,
    request("GET", "/v1/nothing", "Cookie: " + "a" * 8_000),
    request("PUT", "/v1/rules", "Cookie: " + "a" * 8_000),
    request("POST", "/v1/preview", JSON, body=b"{}"),
    request("POST", "/v1/guests", JSON, "Transfer-Encoding: chunked") + b"1\r\na\r\n" * 60_000,
    request("POST", "/v1/guests", JSON, "Content-Encoding: deflate", body=PACKED),
    request("GET", f"/v1/discussions/{DISCUSSION}?limit=x"),
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b",
    b"GET /" + b"a" * 200_000,
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 30_000,
    request("POST", "/v1/guests", JSON, body=b"{", length=1_000),
    request("POST", "/v1/events", JSON, body=b"x" * 100_000, length=1_000_000),
    request("POST", "/v1/guests", JSON, "Transfer-Encoding: chunked") + b"zz\r\n",
]
"""All that clients send on connections that then end."""


@pytest.mark.slow
@pytest.mark.usefixtures("short_linger")
async def test_a_connection_that_ended_is_let_go_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A service that rests looks for no garbage, so nothing may wait for that."""
    async with serving(settings=short(idle_seconds_max=60)) as service:  # ours stays
        for data in ENDED:
            await service.ask("GET", "/healthz")
            await _alone(service)
            gc.collect()
            before = _connections()
            gc.disable()
            try:
                for _ in range(3):
                    await in_thread(partial(_use, service.url, data))
                await _alone(service)
                await wait_until(partial(_has_at_most, before))
            finally:
                gc.enable()
            logged = [record for record in caplog.records if record.name == "aiohttp.server"]
            assert not logged, data[:100]


def _use(url: str, data: bytes) -> None:
    """Send bytes, and end the connection once the service has begun to answer, or soon."""
    wire = Wire(url)
    wire.send(data)
    wire.socket.settimeout(0.1)
    with suppress(OSError):
        wire.socket.recv(1)
    wire.close()


def _has_at_most(connections: int) -> bool:
    return _connections() <= connections


def _connections() -> int:
    return sum(type(one) is HttpConnection for one in gc.get_objects())
