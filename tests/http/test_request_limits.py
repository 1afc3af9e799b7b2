"""Limits of a request's line, headers and chunks, which hold before anything is routed."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

import pytest

from rostra_adapters.http import HttpSettings, application
from support.service import BATCHED, SECRET, Service, opened, serving, token
from support.waiting import WAIT_SECONDS_MAX
from support.wire import Answer, Wire, request

RULES = "/v1/rules?site=gazette&resource=/trams"
KIB = 1024
PROBLEMS = {400: "bad-query", 404: "not-found", 414: "uri-too-long", 415: "unsupported-media-type"}


async def asked(service: Service, *data: bytes) -> Answer:
    """Return the answer to the last of several requests on one connection."""

    def ask() -> Answer:
        wire = Wire(service.url)
        try:
            return [wire.ask(one) for one in data][-1]
        finally:
            wire.close()

    return await asyncio.to_thread(ask)


def _line(length: int) -> bytes:
    """Return a request whose line has a length."""
    rest = length - len(f"GET {RULES}&x= HTTP/1.1")
    return request("GET", f"{RULES}&x={'a' * rest}")


def _path(length: int) -> bytes:
    return request("GET", "/" + "a" * (length - 1))


def _segments(many: int) -> bytes:
    return request("GET", "/a" * many)


def _parameters(many: int) -> bytes:
    return request("GET", RULES + "&x=1" * (many - 2))


def _header(name: str, length: int) -> bytes:
    return request("GET", RULES, f"{name}: {'a' * length}")


def _headers(total: int) -> bytes:
    """Return a request whose headers have a length together, names and values."""
    most = [f"X-{number}: {'a' * (8 * KIB - 3)}" for number in range(7)]
    rest = total - 7 * 8 * KIB - len("Hostx") - len("X-7")
    return request("GET", RULES, *most, f"X-7: {'a' * rest}")


def _content_type(length: int) -> bytes:
    return request("GET", RULES, "Content-Type: " + "application/json".ljust(length, ";"))


LIMITS: dict[str, tuple[Any, int, int]] = {
    "request line": (_line, 32 * KIB, 414),
    "path": (_path, 4 * KIB, 414),
    "segments of a path": (_segments, 32, 404),
    "parameters of a query": (_parameters, 256, 400),
    "Authorization": (lambda length: _header("Authorization", length), 16 * KIB, 431),
    "authorization": (lambda length: _header("authorization", length), 16 * KIB, 431),
    "another header": (lambda length: _header("Accept", length), 8 * KIB, 431),
    "a header of others": (lambda length: _header("X-Anything", length), 8 * KIB, 431),
    "all headers": (_headers, 64 * KIB, 431),
    "Content-Type": (_content_type, 256, 415),
}
ENDING = ("request line", "Authorization", "authorization")
"""Limits of aiohttp's parser, after which it reads no other request."""
OTHERWISE = {
    "request line": (400,),  # a parameter that is none
    "path": (404,),
    "segments of a path": (404,),
    "parameters of a query": (400,),
    "Authorization": (401,),
    "authorization": (401,),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_a_request_may_be_as_long_as_its_limit_and_no_longer(
    service: Service, name: str
) -> None:
    make, most, status = LIMITS[name]
    allowed, refused = await asked(service, make(most)), await asked(service, make(most + 1))
    assert allowed.status in OTHERWISE.get(name, (200,))
    assert allowed.body != refused.body or name == "segments of a path"
    assert (refused.status, refused.problem) == (status, PROBLEMS.get(status, "headers-too-large"))
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("name", LIMITS)
async def test_a_refused_request_is_logged_and_measured(service: Service, name: str) -> None:
    make, most, status = LIMITS[name]
    answer = await asked(service, make(most + 1))
    (line,) = [line for line in await service.lines() if line["route"] == "none"]
    assert (line["status"], line["trace_id"]) == (
        status,
        answer.headers["traceparent"].split("-")[1],
    )
    measured = (await service.ask("GET", "/metrics")).body.decode()
    series = [text for text in measured.splitlines() if f'route="none",status="{status}"' in text]
    assert any(text.startswith("rostra_request_seconds_count{") for text in series)


@pytest.mark.parametrize("name", [name for name in LIMITS if name not in ENDING])
async def test_a_request_after_one_that_was_too_long_is_answered(
    service: Service, name: str
) -> None:
    make, most, _ = LIMITS[name]
    answer = await asked(service, make(most + 1), request("GET", RULES))
    assert answer.status == 200


async def test_a_limit_that_is_set_holds_in_place_of_the_default() -> None:
    settings = HttpSettings(
        secret=SECRET,
        request_line_bytes_max=1_000,
        path_bytes_max=100,
        authorization_bytes_max=900,
        header_bytes_max=200,
        headers_bytes_max=1_200,
        content_type_characters_max=40,
        query_parameters_max=4,
        path_segments_max=5,
    )
    limits = [
        (_line, 1_000, 414),
        (_path, 100, 414),
        (_segments, 5, 404),
        (_parameters, 4, 400),
        (lambda length: _header("Authorization", length), 900, 431),
        (lambda length: _header("Accept", length), 200, 431),
        (_content_type, 40, 415),
    ]
    async with serving(settings=settings) as service:
        for make, most, status in limits:
            assert (await asked(service, make(most + 1))).status == status
            allowed = await asked(service, make(most))
            assert allowed.problem not in ("uri-too-long", "headers-too-large")


async def test_a_client_that_still_sends_reads_why_it_was_refused(service: Service) -> None:
    sent = b"GET /" + b"a" * 4_000_000
    for _ in range(10):
        answer = await asked(service, sent)
        assert (answer.status, answer.headers["connection"]) == (414, "close")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 4_000_000,
        request("POST", "/v1/nothing", body=b"a" * 100_000, length=4_000_000),
    ],
    ids=["a long line", "a long body"],
)
async def test_a_service_that_stops_waits_for_no_rest_of_a_request(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(application, "LINGER_SECONDS", 2 * WAIT_SECONDS_MAX)
    async with serving() as service:
        wire = Wire(service.url)
        assert (await asyncio.to_thread(wire.ask, sent)).status in (404, 414)
        assert service.connections == 1
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await service.stop(timeout=None)
        wire.close()


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Return a function for the bytes that Python objects take now."""

    def taken() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield taken
    tracemalloc.stop()


@pytest.mark.slow
async def test_headers_that_never_end_are_refused_and_leave_no_memory(
    service: Service, traced: Callable[[], int]
) -> None:
    def ask() -> set[int]:
        wires = [Wire(service.url) for _ in range(20)]
        statuses = set()
        for wire in wires:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
            for number in range(20):
                wire.send(b"A%d: " % number + b"b" * 100_000 + b"\r\n")
            statuses.add(wire.answer().status)
        for wire in wires:
            wire.close()
        return statuses

    assert await asyncio.to_thread(ask) == {431}
    before = traced()
    assert await asyncio.to_thread(ask) == {431}  # to 40 MB
    await _settled(service)
    assert traced() - before < 256 * KIB


@pytest.mark.slow
async def test_unfinished_heads_hold_no_more_than_their_limit(
    service: Service, traced: Callable[[], int]
) -> None:
    """Each header is short enough, and no head has an end."""
    parts = [b"GET / HTTP/1.1\r\nHost: x\r\n"]
    parts += [b"A%d: " % number + b"b" * 7_000 + b"\r\n" for number in range(120)]
    await asked(service, b"".join(parts))
    before = traced()

    def send() -> list[Wire]:
        wires = [Wire(service.url) for _ in range(20)]
        for wire in wires:
            for part in parts:
                wire.send(part)
        return wires

    wires = await asyncio.to_thread(send)
    statuses = await asyncio.to_thread(lambda: {wire.answer().status for wire in wires})
    held = traced() - before
    for wire in wires:
        wire.close()
    assert statuses == {431}
    assert held < 20 * 250 * KIB  # of 840 KiB that each of them sent
    await _settled(service)
    assert traced() - before < 256 * KIB


async def _settled(service: Service) -> None:
    """Wait until the service has let go of every connection but our own."""
    while service.connections > 1:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.01)


async def test_a_broken_request_waits_for_the_answers_before_it(service: Service) -> None:
    def ask() -> list[int]:
        wire = Wire(service.url)
        wire.send(request("GET", RULES) * 3)
        first = wire.answer().status
        wire.send(b"GET /" + b"a" * 40_000)
        statuses = [first, *(wire.answer().status for _ in range(3))]
        assert wire.rest() == b""
        wire.close()
        return statuses

    assert await asyncio.to_thread(ask) == [200, 200, 200, 414]


@pytest.mark.parametrize("cut", range(5))
async def test_a_long_body_may_come_with_the_end_of_its_head(service: Service, cut: int) -> None:
    body = json.dumps([opened(title="a" * 150 * KIB)]).encode()
    headers = (f"Content-Type: {BATCHED}", f"Authorization: Bearer {token()}")
    head = request("POST", "/v1/events", *headers, body=body)[: -len(body)]

    def ask() -> Answer:
        wire = Wire(service.url)
        wire.send(head[: len(head) - cut])
        sleep(0.02)  # so that the two come apart
        wire.send(head[len(head) - cut :] + body)
        answer = wire.answer()
        wire.close()
        return answer

    assert (await asyncio.to_thread(ask)).status == 200


async def test_a_body_is_refused_before_it_is_read_where_it_is_too_long(service: Service) -> None:
    headers = ("Content-Type: application/json",)
    body = json.dumps({"site": "gazette", "name": "Ann", "more": "a" * 64 * KIB}).encode()
    answer = await asked(service, request("POST", "/v1/guests", *headers, body=body))
    assert (answer.status, answer.problem) == (413, "too-large")
    short = json.dumps({"site": "gazette", "name": "Ann"}).encode().ljust(64 * KIB)
    answer = await asked(service, request("POST", "/v1/guests", *headers, body=short))
    assert (answer.status, answer.problem) == (403, "no-guests")


async def test_a_body_in_chunks_is_taken_unless_they_are_tiny(service: Service) -> None:
    await service.given(opened(site="open", settings={}))
    body = json.dumps({"site": "gazette", "name": "Ann"}).encode().ljust(20_000)
    head = request(
        "POST", "/v1/guests", "Content-Type: application/json", "Transfer-Encoding: chunked"
    )

    def chunked(size: int) -> bytes:
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        return head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in parts) + b"0\r\n\r\n"

    for size in (100, 1_000, 20_000):
        assert (await asked(service, chunked(size))).problem == "no-guests"
    assert (await asked(service, chunked(1))).problem == "bad-request"

    def slowly() -> Answer:
        wire = Wire(service.url)
        for part in chunked(20).split(b"\r\n"):
            wire.send(part + b"\r\n")
        answer = wire.answer()
        wire.close()
        return answer

    assert (await asyncio.to_thread(slowly)).status in (400, 403)


@pytest.mark.parametrize("size_line", [b"%x\r\n", b"%012x\r\n", b"%x;a=b\r\n"])
@pytest.mark.parametrize("part", [b"\r\n", b"\r\n1", b" "])
async def test_tiny_chunks_are_found_however_they_are_written(
    service: Service, size_line: bytes, part: bytes
) -> None:
    json_type = "Content-Type: application/json"
    head = request("POST", "/v1/guests", json_type, "Transfer-Encoding: chunked")
    chunk = size_line % len(part) + part + b"\r\n"
    answer = await asked(service, head + chunk * 1_000 + b"0\r\n\r\n")
    assert answer.problem == "bad-request"
    assert b"chunks" in answer.body


async def test_lines_of_a_body_are_no_chunks(service: Service) -> None:
    events = [opened(resource=f"/{number}") for number in range(100)]
    body = json.dumps(events, indent=1).replace("\n", "\r\n").encode()
    head = request(
        "POST",
        "/v1/events",
        "Content-Type: application/cloudevents-batch+json",
        "Transfer-Encoding: chunked",
        f"Authorization: Bearer {token()}",
    )
    one_chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    answer = await asked(service, head + one_chunk)
    assert (answer.status, answer.body.count(b'"recorded"')) == (200, 100), answer.body


async def test_publishers_may_send_lines_in_tiny_chunks(service: Service) -> None:
    lines = b"".join(json.dumps(opened(resource=f"/{n}")).encode() + b"\r\n" for n in range(20))
    head = request(
        "POST",
        "/v1/events",
        "Content-Type: application/x-ndjson",
        "Transfer-Encoding: chunked",
        f"Authorization: Bearer {token()}",
    )
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in lines)

    def ask() -> bytes:
        wire = Wire(service.url)
        wire.send(head + chunks + b"0\r\n\r\n")
        answer = wire.answer()
        assert answer.status == 200
        while wire.came.count(b'"status"') < 20:
            assert wire.read()
        wire.close()
        return wire.came

    assert (await asyncio.to_thread(ask)).count(b'"recorded"') == 20
    assert await service.app.head() == 20


@pytest.mark.parametrize("packed", ["identity", "deflate"])
async def test_a_refused_body_is_passed_over_and_the_connection_serves_on(
    service: Service, packed: str
) -> None:
    """A short one, that is; a packed one would have to be unpacked."""
    one = request("POST", "/v1/events", f"Content-Encoding: {packed}", body=b"x" * 1_000)

    def ask() -> list[int]:
        wire = Wire(service.url)
        wire.send(one[:-1_000])
        answers = [wire.answer()]
        if not answers[0].closes:
            wire.send(one[-1_000:] + request("GET", RULES))
            answers.append(wire.answer())
        wire.close()
        return [answer.status for answer in answers]

    assert await asyncio.to_thread(ask) == ([401, 200] if packed == "identity" else [401])
