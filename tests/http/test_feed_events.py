"""The feed as server-sent events, from one tail of the log for all who follow."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

import rostra_adapters
from rostra.log import LogUnavailable
from rostra_adapters.aio import background
from rostra_adapters.application.feed import tail as feed_tail
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.application.feed.tail import Tail
from rostra_adapters.http import HttpSettings, make_app
from support.listening import Listener, listening
from support.service import SECRET, Service, opened, posted, serving, token, voted
from support.waiting import WAIT_SECONDS_MAX, wait_until

FOLLOWERS = 200


def feed_url(service: Service) -> str:
    return f"{service.url}/v1/events"


async def told(listener: Listener, count: int) -> list[tuple[int | None, str]]:
    async with asyncio.timeout(60):
        return [
            (id_, data["type"]) for id_, _, data in [await listener.next() for _ in range(count)]
        ]


async def test_it_tells_what_was_and_goes_on_with_what_comes(durable_service: Service) -> None:
    service = durable_service
    await service.given(opened(), posted())
    async with listening(feed_url(service), token=token()) as listener:
        assert listener.response.content_type == "text/event-stream"
        assert listener.response.headers["Rostra-Log"] == str(await service.app.log.log_id())
        assert listener.response.headers["Access-Control-Allow-Origin"] == "*"
        assert await told(listener, 2) == [(1, "discussion.opened"), (2, "comment.posted")]
        await service.given(voted())
        assert await told(listener, 1) == [(3, "vote.cast")]
        await service.given(posted("c2"), posted("c3"))
        assert await told(listener, 2) == [(4, "comment.posted"), (5, "comment.posted")]


async def test_its_events_are_those_of_the_batch(service: Service) -> None:
    await service.given(opened(), posted(), voted())
    batch = (await service.get("/v1/events", token=token())).json
    async with listening(feed_url(service), token=token()) as listener:
        assert [(await listener.next())[2] for _ in batch] == batch


async def test_last_event_id_resumes_and_wins_over_after(service: Service) -> None:
    await service.given(opened(), posted(), voted())
    where = feed_url(service)
    async with listening(where, token=token(), last_event_id=2, params={"after": 0}) as listener:
        assert await told(listener, 1) == [(3, "vote.cast")]
    async with listening(where, token=token(), params={"after": 1}) as listener:
        assert await told(listener, 1) == [(2, "comment.posted")]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        ({"type": "vote.cast"}, [3, 6]),
        ({"site": "herald"}, [4]),
        ({"site": "gazette", "resource": "/trams"}, [1, 2, 3, 6]),
    ],
)
async def test_filters_hold_for_what_was_and_what_comes(
    service: Service, wanted: dict[str, str], positions: list[int]
) -> None:
    await service.given(opened(), posted())
    async with listening(feed_url(service), token=token(), params=wanted) as listener:
        await service.given(voted())
        await service.given(opened(site="herald"), opened(resource="/buses"), voted(-1))
        assert [id_ for id_, _ in await told(listener, len(positions))] == positions


async def test_a_heartbeat_says_how_far_it_is_though_a_filter_took_all_away() -> None:
    settings = HttpSettings(secret=SECRET, heartbeat_seconds=0.05)
    async with serving(settings=settings) as service:
        await service.given(opened(), posted())
        params = {"type": "vote.cast"}
        async with listening(feed_url(service), token=token(), params=params) as listener:
            assert await asyncio.wait_for(listener._fields(), WAIT_SECONDS_MAX) == {
                "": "",
                "id": "2",
            }


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Last-Event-ID": "x"}, "bad-query"),
        ({"Last-Event-ID": "9"}, "position-ahead"),
        ({"Last-Event-ID": "-1"}, "bad-query"),
    ],
)
async def test_an_id_that_is_not_ours_is_refused(
    service: Service, headers: dict[str, str], problem: str
) -> None:
    asked = {"Accept": "text/event-stream", **headers}
    answer = await service.ask("GET", "/v1/events", token=token(), headers=asked)
    assert answer.problem == problem


async def test_many_follow_one_tail_and_none_misses_anything(
    durable_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, pages = durable_service, 0
    page = Feed.page

    async def counted(feed: Feed, *arguments: Any, **named: Any) -> Any:
        nonlocal pages
        pages += 1
        return await page(feed, *arguments, **named)

    monkeypatch.setattr(Feed, "page", counted)
    await service.given(opened())
    async with AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(listening(feed_url(service), token=token()))
            for _ in range(FOLLOWERS)
        ]
        for follower in followers:
            await told(follower, 1)
        before = pages
        for number in range(20):
            await service.given(posted(f"c{number}"), voted(on=f"c{number}"))
        expected = list(range(2, 42))
        for follower in followers:
            assert [id_ for id_, _ in await told(follower, 40)] == expected
        assert pages - before < FOLLOWERS  # a few that had not met the tail, and no more


async def test_who_is_far_behind_reads_alone_until_the_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_tail, "EVENTS_KEPT_MAX", 3)
    async with rostra_adapters.open("memory:") as app:
        tail = Tail(Feed(app.log, app.ring, app.articles), app.log)
        await app.publish([opened()])
        with tail.following():
            await tail.wait_for_more(0, 5)
            assert tail.since(1) == []
            for number in range(6):
                await app.publish([posted(f"c{number}")])
                await tail.wait_for_more(1 + number, 5)
            assert tail.since(0) is None
            pages = tail.since(5)
            assert pages is not None
            assert [page.upto for page in pages] == [6, 7]
        tail.end()
        assert tail.since(6) is None


async def test_the_tail_goes_on_after_the_log_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "RETRY_SECONDS_MAX", 0.01)
    async with rostra_adapters.open("memory:") as app:
        told_, failures = Feed.events_of, [LogUnavailable("away"), RuntimeError("broke")]

        async def troubled(feed: Feed, *arguments: Any, **named: Any) -> Any:
            if failures:
                raise failures.pop()
            return await told_(feed, *arguments, **named)

        monkeypatch.setattr(Feed, "events_of", troubled)
        tail = Tail(Feed(app.log, app.ring, app.articles), app.log)
        with tail.following():
            await tail.wait_for_more(-1, 5)
            await app.publish([opened(), posted()])
            await tail.wait_for_more(1, 5)
            pages = tail.since(0)
            assert pages is not None
            assert [event.position for page in pages for event in page.events] == [1, 2]
        assert not failures
        tail.end()


async def test_a_follower_who_takes_nothing_is_dropped() -> None:
    settings = HttpSettings(secret=SECRET, stall_seconds_max=0.2)
    async with serving(settings=settings) as service:
        await service.given(opened(), *(posted(f"c{n}", body="x" * 16_000) for n in range(800)))
        host, port = service.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\n"
        head += "Accept: text/event-stream\r\n\r\n"
        writer.write(head.encode())
        await wait_until(lambda: service.connections == 2)
        await wait_until(lambda: service.connections == 1)  # our own, which published
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(60):
                await reader.readexactly(800 * 16_000)
        writer.close()


async def test_a_service_that_stops_ends_the_streams() -> None:
    async with rostra_adapters.open("memory:") as app, ClientSession() as session:
        server = TestServer(make_app(app, HttpSettings(secret=SECRET)))
        await server.start_server()
        service = Service(app, session, str(server.make_url("")).rstrip("/"))
        await service.given(opened())
        async with listening(feed_url(service), token=token()) as listener:
            await told(listener, 1)
            async with asyncio.timeout(60):
                stopping = asyncio.create_task(server.close())
                with pytest.raises(EOFError):
                    await listener.next()
                await stopping
