"""Publishing a file: what the service cannot take now is sent again."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rostra_adapters.client import publisher
from rostra_adapters.client.publisher import Publisher, PublishingRefused, Summary

Answer = Callable[[list[Any]], web.Response]


def recorded(events: list[Any]) -> web.Response:
    return web.json_response({"results": [{"status": "recorded"} for _ in events]})


def not_now(_: list[Any]) -> web.Response:
    problem = {"type": "/problems/busy", "title": "Busy", "detail": "later"}
    return web.json_response(problem, status=503, headers={"Retry-After": "0"})


def forbidden(_: list[Any]) -> web.Response:
    return web.json_response({"type": "/problems/forbidden", "title": "No"}, status=403)


def proxy(_: list[Any]) -> web.Response:
    return web.Response(status=502, text="<html>")


def after(needed: str) -> Answer:
    """Events that name others are taken once those are there."""
    there: set[str] = {needed}

    def answer(events: list[Any]) -> web.Response:
        results: list[dict[str, Any]] = []
        for one in events:
            if one["after"] in there:
                there.add(one["id"])
                results.append({"status": "recorded"})
            else:
                problem = {"type": "/problems/unknown-parent", "retryable": True}
                results.append({"event": one["id"], "status": "rejected", "problem": problem})
        return web.json_response({"results": results})

    return answer


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[tuple[str, list[Any]]]:
    """A service that gives these answers, the last one ever after; and the batches it got."""
    got: list[Any] = []
    given = list(answers)

    async def post(request: web.Request) -> web.Response:
        got.append(await request.json())
        return (given.pop(0) if len(given) > 1 else given[0])(got[-1])

    app = web.Application(client_max_size=2**26)
    app.add_routes([web.post("/v1/events", post)])
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")), got
    finally:
        await server.close()


def lines(count: int) -> list[bytes]:
    return [json.dumps({"id": f"e{n}", "after": f"e{n - 1}"}).encode() for n in range(count)]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "RETRY_SECONDS_FIRST", 0.001)


async def publish(url: str, events: list[bytes], batch_events: int = 1_000) -> Summary:
    return await Publisher(url, "token", batch_events=batch_events).publish(events)


async def test_a_batch_is_sent_again_until_it_is_taken() -> None:
    async with answering(not_now, proxy, not_now, recorded) as (url, got):
        summary = await publish(url, lines(3))
    assert str(summary) == "3 recorded, 0 duplicate, 0 unchanged, 0 rejected"
    assert len(got) == 4
    assert all(batch == got[0] for batch in got)


async def test_a_service_that_never_can_is_given_up() -> None:
    async with answering(not_now) as (url, got):
        with pytest.raises(PublishingRefused, match="503: Busy: later"):
            await publish(url, lines(1))
    assert len(got) == publisher.ATTEMPTS_MAX


async def test_a_service_that_is_not_there_is_given_up() -> None:
    with pytest.raises(PublishingRefused, match="Cannot connect"):
        await publish("http://127.0.0.1:1", lines(1))


async def test_a_service_that_will_not_is_asked_once() -> None:
    async with answering(forbidden) as (url, got):
        with pytest.raises(PublishingRefused, match="403"):
            await publish(url, lines(1))
    assert len(got) == 1


@pytest.mark.parametrize("batch_events", [1, 7, 1_000])
async def test_what_came_too_early_is_published_again_until_nothing_is_left(
    batch_events: int,
) -> None:
    async with answering(after("e-1")) as (url, _):
        summary = await publish(url, lines(30)[::-1], batch_events)
    assert str(summary) == "30 recorded, 0 duplicate, 0 unchanged, 0 rejected"


async def test_what_never_comes_right_is_told_once() -> None:
    async with answering(after("e9")) as (url, _):
        summary = await publish(url, lines(30), 4)
    assert summary.statuses == {"recorded": 20}
    assert summary.problems == {"unknown-parent": 10}
    assert len(summary.samples) == publisher.SAMPLES_MAX


async def test_batches_are_no_larger_than_a_request_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "BATCH_BYTES_MAX", 100)
    async with answering(recorded) as (url, got):
        summary = await publish(url, lines(30))
    assert summary.statuses["recorded"] == 30
    assert len(got) > 5


async def test_a_line_that_is_no_json_takes_no_other_with_it() -> None:
    async with answering(recorded) as (url, got):
        summary = await publish(url, [b"{", b"{},{}", b"", b'"\xff"', *lines(2), b"]["])
    assert summary.problems == {"not-json": 5}
    assert [len(batch) for batch in got] == [2]


async def test_giving_up_does_not_wait_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(publisher, "asyncio", SimpleNamespace(sleep=sleep))
    async with answering(not_now) as (url, _):
        with pytest.raises(PublishingRefused, match="503: Busy: later"):
            await publish(url, lines(1))
    assert len(waits) == publisher.ATTEMPTS_MAX - 1


async def test_an_event_without_an_id_is_named_as_such() -> None:
    def refuse(events: list[Any]) -> web.Response:
        problem = {"type": "/problems/invalid-event", "title": "Invalid event", "retryable": False}
        result = {"status": "rejected", "problem": problem | {"detail": "id is missing"}}
        return web.json_response({"position": 0, "results": [result for _ in events]})

    async with answering(refuse) as (url, _):
        summary = await publish(url, [b"{}"])
    assert summary.samples == ["an event without an id: invalid-event: id is missing"]


def other_json(_: list[Any]) -> web.Response:
    return web.json_response({"ok": True})


def a_page(_: list[Any]) -> web.Response:
    return web.Response(text="<html>Welcome \udc00</html>".encode(errors="replace").decode())


def too_few(events: list[Any]) -> web.Response:
    return web.json_response({"results": [{"status": "recorded"} for _ in events[1:]]})


def strange_results(events: list[Any]) -> web.Response:
    return web.json_response({"results": [3 for _ in events]})


@pytest.mark.parametrize("answer", [other_json, a_page, too_few, strange_results])
async def test_an_answer_that_is_none_of_rostras_is_refused(answer: Answer) -> None:
    async with answering(answer) as (url, got):
        with pytest.raises(PublishingRefused, match="not as Rostra does"):
            await publish(url, lines(2))
    assert len(got) == 1


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/x"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(PublishingRefused, match="cannot publish to"):
        await publish(url, lines(1))


async def test_a_pass_that_records_nothing_is_the_last() -> None:
    """Some events are refused for good in each pass, which helps no other one."""

    def answer(events: list[Any]) -> web.Response:
        retryable = {"type": "/problems/unknown-parent", "retryable": True}
        final = {"type": "/problems/discussion-closed", "retryable": False}
        problems = [final, *[retryable for _ in events[1:]]]
        return web.json_response(
            {"results": [{"status": "rejected", "problem": problem} for problem in problems]}
        )

    async with answering(answer) as (url, got):
        summary = await publish(url, lines(9))
    assert len(got) == 2
    assert summary.problems == {"unknown-parent": 7, "discussion-closed": 2}
