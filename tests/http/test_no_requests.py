"""Bytes that are no request: each is answered with a problem, without a word of how we are made."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rostra_adapters.http.connections import HttpConnection
from support.service import BATCHED, STRUCTURED, Service, opened, token
from support.waiting import wait_until

HEAD = (
    f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {STRUCTURED}\r\nAuthorization: Bearer "
)
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"
LONG = "a" * (1024 * 1024 + 1)

BROKEN = {
    "no request line": ("GARBAGE\r\n\r\n", 400, "bad-request"),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad-request"),
    "another version": ("GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "bad-request"),
    "a method that is none": ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad-request"),
    "a URL that is none": ("GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad-request"),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400, "bad-request"),
    "a header without a colon": ("GET / HTTP/1.1\r\nHost x\r\n\r\n", 400, "bad-request"),
    "NUL in a header": ("GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400, "bad-request"),
    "two lengths": (
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
        "bad-request",
    ),
    "a length and chunks": (
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n{CHUNKED}0\r\n\r\n",
        400,
        "bad-request",
    ),
    "a long request line": (f"GET /{LONG} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long"),
    "a long header": (
        f"GET / HTTP/1.1\r\nHost: x\r\nA: {LONG}\r\n\r\n",
        431,
        "headers-too-large",
    ),
    "many headers": (
        "GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 10_000 + "\r\n",
        400,
        "bad-request",
    ),
    "a chunk without a size": (f"{HEAD}TOKEN\r\n{CHUNKED}zz\r\nabc\r\n", 400, "bad-request"),
    "another expectation": (
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nExpect: more\r\nContent-Length: 1\r\n\r\na",
        417,
        "expectation-failed",
    ),
}


async def told(
    service: Service,
    *parts: str,
    between: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0),
) -> tuple[int, dict[str, str], bytes]:
    """What is answered to bytes, part by part; the status, the head and the body."""
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(60):
            for number, part in enumerate(parts):
                if number:
                    await between()
                writer.write(part.replace("TOKEN", token()).encode("latin-1"))
            first = await reader.readline()
            head = {}
            while line := (await reader.readline()).strip():
                name, _, value = line.decode().partition(": ")
                head[name] = value
            return (
                int(first.split()[1]),
                head,
                await reader.readexactly(int(head["Content-Length"])),
            )
    finally:
        writer.close()


@pytest.mark.usefixtures("short_linger")
@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_request_is_answered_with_a_problem(
    service: Service, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent, status, problem = BROKEN[name]
    with caplog.at_level(logging.WARNING):
        answered, head, body = await told(service, sent)
    assert (answered, head["Content-Type"]) == (status, "application/problem+json"), body
    shown = json.loads(body)
    assert (shown["type"], shown["status"]) == (f"/problems/{problem}", status)
    assert "detail" not in shown or sent.split()[0] not in shown["detail"]
    assert "Server" not in head or head["Server"] == "rostra"
    assert head["Access-Control-Allow-Origin"] == "*"
    assert not caplog.records
    lines = [line for line in await service.lines() if line["route"] == "none"]
    assert [line["status"] for line in lines] == [status]
    assert head["traceparent"].split("-")[1] == lines[0]["trace_id"]
    assert await service.app.head() == 0


async def test_a_body_that_breaks_off_records_nothing(service: Service) -> None:
    whole = json.dumps(opened())
    for rest in ("zz\r\n\r\n", "-1\r\n\r\n"):
        status, head, body = await told(
            service, f"{HEAD}TOKEN\r\n{CHUNKED}", f"{len(whole):x}\r\n{whole}\r\n", rest
        )
        assert (status, head["Content-Type"]) == (400, "application/problem+json")
        assert json.loads(body)["type"] == "/problems/bad-request"
    assert await service.app.head() == 0


async def test_a_body_that_breaks_off_before_its_request_is_handled(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, has_come = HttpConnection._handle_request, asyncio.Event()

    async def handle_later(it: HttpConnection, *arguments: Any) -> Any:
        has_come.set()
        await wait_until(lambda: it.bounded.discarded is not None)
        return await handle(it, *arguments)

    monkeypatch.setattr(HttpConnection, "_handle_request", handle_later)
    parts = f"{HEAD}TOKEN\r\n{CHUNKED}", "zz\r\n\r\n"
    status, _, body = await told(service, *parts, between=has_come.wait)
    assert (status, json.loads(body)["type"]) == (400, "/problems/bad-request")


@pytest.mark.parametrize("encoding", ["compress", "br", "zstd"])
@pytest.mark.parametrize("media_type", [STRUCTURED, BATCHED, "application/x-ndjson"])
async def test_a_body_in_another_encoding_is_refused(
    service: Service, media_type: str, encoding: str
) -> None:
    headers = {"Content-Type": media_type, "Content-Encoding": encoding}
    answer = await service.ask("POST", "/v1/events", token=token(), headers=headers, body=b"x")
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"


async def test_to_be_asked_what_there_is_is_no_error(service: Service) -> None:
    answer = await service.ask("OPTIONS", "/v1/events")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await service.ask("OPTIONS", "/v1/nothing")).problem == "not-found"
