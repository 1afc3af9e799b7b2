"""Publishing lines: one event a line in, one result a line out, as they become durable."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from aiohttp.test_utils import TestServer

import rostra_adapters
from rostra.deciding.handle import Commanded, Outcome
from rostra.log import LogBusy, LogUnavailable
from rostra_adapters.http import HttpSettings, make_app, ndjson
from rostra_adapters.http.ndjson import Splitter
from support.service import SECRET, Service, opened, posted, serving, token, voted
from support.waiting import WAIT_SECONDS_MAX

LINES = "application/x-ndjson"


def lines(events: Iterable[Any]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in events)


def results(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


class Talk:
    """A stream that is written and read by turns."""

    def __init__(self) -> None:
        self.sending: asyncio.Queue[bytes] = asyncio.Queue()
        self.response: ClientResponse

    async def _body(self) -> AsyncIterator[bytes]:
        yield b"\n"  # this client sends no head before it has some of the body
        while chunk := await self.sending.get():
            yield chunk

    async def result(self) -> Any:
        return json.loads(await self.response.content.readline())


@asynccontextmanager
async def talking(service: Service) -> AsyncIterator[Talk]:
    talk = Talk()
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": LINES}
    async with ClientSession() as session:
        talk.response = await session.post(
            f"{service.url}/v1/events",
            data=talk._body(),
            headers=headers,
            timeout=ClientTimeout(30),
        )
        yield talk


async def test_each_line_has_its_result_in_order(service: Service) -> None:
    body = lines([opened(), posted(), posted(), voted(on="nowhere"), voted()])
    answer = await service.post(body, media_type=LINES)
    assert (answer.status, answer.media_type) == (200, LINES)
    told = results(answer.body)
    assert [one["status"] for one in told] == [
        "recorded",
        "recorded",
        "rejected",
        "rejected",
        "recorded",
    ]
    assert told[2]["problem"]["type"] == "/problems/comment-exists"
    assert told[3]["problem"]["retryable"] is True
    assert [one.get("position") for one in told] == [1, 2, None, None, 3]


async def test_results_come_while_the_client_goes_on_sending(durable_service: Service) -> None:
    async with talking(durable_service) as talk:
        for number, one in enumerate([opened(), posted(), voted()]):
            talk.sending.put_nowait(lines([one]))
            assert (await talk.result())["position"] == number + 1
            assert await durable_service.app.head() == number + 1
        talk.sending.put_nowait(b"")
        assert await talk.response.content.read() == b""


async def test_broken_and_blank_and_long_lines_stop_nothing() -> None:
    settings = HttpSettings(secret=SECRET, line_of_events_bytes_max=400)
    long = lines([posted("long", body="x" * 1000)])
    body = b'\r\n  \n{"id":\n[]\n\xff\n' + long + lines([opened()]).strip()
    async with serving(settings=settings) as service:
        answer = await service.post(body, media_type=LINES)
    told = results(answer.body)
    problems = [one["problem"]["type"].removeprefix("/problems/") for one in told[:-1]]
    assert problems == ["not-json", "invalid-event", "not-json", "too-large"]
    assert all(one["event"] is None for one in told[:-1])
    assert told[-1]["status"] == "recorded"


async def test_it_needs_a_token_that_may_publish(service: Service) -> None:
    answer = await service.post(b"", media_type=LINES, token=token("read"))
    assert answer.problem == "forbidden"
    body = lines([opened(), opened(site="herald")])
    answer = await service.post(body, media_type=LINES, token=token(site="gazette"))
    told = results(answer.body)
    assert told[0]["status"] == "recorded"
    assert told[1]["problem"]["type"] == "/problems/forbidden"


async def test_nothing_has_no_results(service: Service) -> None:
    for body in (b"", b"\n\n"):
        answer = await service.post(body, media_type=LINES)
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.slow
async def test_a_client_that_reads_only_when_all_is_sent_is_served(service: Service) -> None:
    await service.given(opened())
    body = lines([posted(), voted()]) * 20_000
    answer = await service.post(body, media_type=LINES)
    told = answer.body.splitlines()
    assert len(told) == 40_000
    assert b"duplicate" in told[-1]


async def test_a_client_that_goes_away_loses_nothing_that_was_answered(
    durable_service: Service,
) -> None:
    await durable_service.given(opened())
    async with talking(durable_service) as talk:
        talk.sending.put_nowait(lines(posted(f"c{n}") for n in range(50)))
        first = await talk.result()
        talk.sending.put_nowait(b'{"specversion":"1.0","id":"half')
        assert talk.response.connection is not None
        transport = talk.response.connection.transport
        assert transport is not None
        transport.abort()
    found = await durable_service.get(f"/v1/comments/{first['id']}")
    assert found.status == 200
    assert (await durable_service.publish(voted(on="c0"))).status == 201  # and serves others


async def test_a_log_that_is_busy_or_away_for_a_while_slows_the_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, failures = service.app.submit, [LogBusy(1.0), LogUnavailable("away"), LogBusy(1.0)]

    async def troubled(commands: Sequence[Commanded]) -> list[Outcome]:
        if failures:
            raise failures.pop()
        return await submit(commands)

    monkeypatch.setattr(service.app, "submit", troubled)
    answer = await service.post(lines([opened(), posted()]), media_type=LINES)
    assert [one["status"] for one in results(answer.body)] == ["recorded", "recorded"]
    assert not failures


async def test_lines_that_come_while_a_batch_is_handled_form_the_next_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[ndjson.LineStream] = []
    batches: list[int] = []
    may_go_on = asyncio.Event()
    submit, begin = service.app.submit, ndjson.LineStream.__init__

    def noted(stream: ndjson.LineStream, *given: Any, **options: Any) -> None:
        begin(stream, *given, **options)
        streams.append(stream)

    async def slow(commands: Sequence[Commanded]) -> list[Outcome]:
        batches.append(len(commands))
        await may_go_on.wait()
        return await submit(commands)

    monkeypatch.setattr(ndjson.LineStream, "__init__", noted)
    monkeypatch.setattr(ndjson, "LINES_MAX", 25)
    await service.given(opened())
    monkeypatch.setattr(service.app, "submit", slow)
    async with talking(service) as talk, asyncio.timeout(WAIT_SECONDS_MAX):
        talk.sending.put_nowait(lines([posted("first")]))
        while not batches:  # noqa: ASYNC110  # the stream tells nobody
            await asyncio.sleep(0)
        for number in range(4):
            talk.sending.put_nowait(lines(posted(f"{number}-{each}") for each in range(10)))
            while streams[-1]._chunks.qsize() <= number:  # noqa: ASYNC110
                await asyncio.sleep(0)
        may_go_on.set()
        told = [await talk.result() for _ in range(41)]
        talk.sending.put_nowait(b"")
    assert batches == [1, 25, 15]
    assert [one["position"] for one in told] == list(range(2, 43))


async def test_a_database_that_stays_away_ends_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(_: Sequence[Commanded]) -> list[Outcome]:
        raise LogUnavailable("away")

    settings = HttpSettings(secret=SECRET, away_seconds_max=0.0)
    async with serving(settings=settings) as service:
        monkeypatch.setattr(service.app, "submit", away)
        async with talking(service) as talk:
            talk.sending.put_nowait(lines([opened()]))
            with pytest.raises(Exception, match=r"(?i)payload|reset|connection"):
                await talk.response.content.read()


async def test_a_service_that_stops_answers_what_it_took() -> None:
    async with rostra_adapters.open("memory:") as app, ClientSession() as session:
        server = TestServer(make_app(app, HttpSettings(secret=SECRET)))
        await server.start_server()
        service = Service(app, session, str(server.make_url("")).rstrip("/"))
        async with talking(service) as talk:
            talk.sending.put_nowait(lines([opened()]))
            assert (await talk.result())["status"] == "recorded"
            async with asyncio.timeout(60):
                stopping = asyncio.create_task(server.close())
                assert await talk.response.content.read() == b""
                await stopping


async def test_what_is_not_taken_waits_in_a_file_and_comes_out_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ndjson, "IN_MEMORY_BYTES_MAX", 100)
    unread = ndjson.Unread()
    for number in range(1000):
        await unread.put(b"%d\n" % number)
    unread.end()
    got = b""
    while data := await unread.get():
        got += data
    unread.close()
    assert got == b"".join(b"%d\n" % number for number in range(1000))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_cut_alike_however_they_come(size: int) -> None:
    body = b"one\n\n  \r\ntoo long a line\ntwo\r\n\nthree"
    splitter = Splitter(8)
    found = []
    for start in range(0, len(body), size):
        found += splitter.feed(body[start : start + size])
    found += splitter.end()
    assert found == [b"one", None, b"two\r", b"three"]
