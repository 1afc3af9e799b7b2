"""Live updates of a discussion: what any reader would see change, told once, encoded once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

import rostra_adapters
from rostra.log import LogReplaced, Recorded
from rostra_adapters.application.live import updates as live
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.routes.live import LIVE
from support.listening import Listener, listening
from support.service import PLACE, SECRET, Service, event, opened, posted, serving, token, voted
from support.waiting import WAIT_SECONDS_MAX, wait_until

READERS = 200
Told = tuple[int | None, str | None, Any]


def live_url(service: Service, discussion: str) -> str:
    """Of a discussion that the view knows of by then."""
    return f"{service.url}/v1/discussions/{discussion}/live?min_position=1"


async def told(listener: Listener, count: int = 1) -> list[Told]:
    async with asyncio.timeout(60):
        return [await listener.next() for _ in range(count)]


async def test_each_change_is_told_as_it_is_read(durable_service: Service) -> None:
    service = durable_service
    [discussion] = await service.given(opened())
    async with listening(live_url(service, discussion)) as listener:
        [comment] = await service.given(posted())
        [(id_, name, data)] = await told(listener)
        assert (id_, name) == (2, "comment")
        read = (await service.get(f"/v1/comments/{comment}")).json
        shown = {field: value for field, value in read.items() if field != "position"}
        assert {field: data[field] for field in shown} == shown
        await service.given(voted())
        totals = {"id": comment, "up": 1, "down": 0, "score": 1}
        assert await told(listener) == [(3, "vote", totals)]
        await service.given(voted(-1, voter="eve"))
        totals = {"id": comment, "up": 1, "down": 1, "score": 0}
        assert await told(listener) == [(4, "vote", totals)]
        await service.given(event("comment.edited", comment="c1", body="Anew."))
        [(id_, name, data)] = await told(listener)
        assert (id_, name, data["body"], data["up"]) == (5, "comment", "Anew.", 1)
        await service.given(event("comment.removed", comment="c1", by="mod"))
        assert await told(listener) == [(6, "removed", {"id": comment, "status": "removed"})]
        await service.given(event("comment.restored", comment="c1", by="mod"))
        assert (await told(listener))[0][:2] == (7, "comment")
        await service.given(voted(0))
        totals = {"id": comment, "up": 0, "down": 1, "score": -1}
        assert await told(listener) == [(8, "vote", totals)]


async def test_passages_are_told_with_their_counts(service: Service) -> None:
    [discussion] = await service.given(opened())
    async with listening(live_url(service, discussion)) as listener:
        [passage] = await service.given(event("passage.marked", passage="p1", exact="trams"))
        [(id_, name, data)] = await told(listener)
        assert (id_, name, data["id"], data["comments"]) == (2, "passage", passage, 0)
        await service.given(posted(passage="p1"))
        both = await told(listener, 2)
        assert {name for _, name, _ in both} == {"comment", "passage"}
        assert [data["comments"] for _, name, data in both if name == "passage"] == [1]
        await service.given(event("passage.unmarked", passage="p1"))
        [(_, name, data)] = await told(listener)
        assert (name, data) == ("removed", {"id": passage, "status": "unmarked"})


async def test_what_is_held_is_told_when_it_is_approved_and_not_before(service: Service) -> None:
    [discussion] = await service.given(opened(settings={"moderation": "all"}))
    async with listening(live_url(service, discussion), token=token("moderate")) as listener:
        await service.given(posted("c1"), posted("c2"), event("comment.rejected", comment="c2"))
        results = await service.batch([event("comment.approved", comment="c1")])
        [(id_, name, data)] = await told(listener)
        assert (id_, name, data["key"]) == (results[0]["position"], "comment", "c1")


async def test_an_event_says_where_its_comment_appeared(service: Service) -> None:
    [discussion, _] = await service.given(opened(), posted("c1"))
    where = live_url(service, discussion)
    edited = event("comment.edited", comment="c2", body="Anew.")
    await service.given(posted("c2"), edited, event("comment.pinned", comment="c1"))
    async with listening(where, last_event_id=2) as listener:
        data = [data for _, _, data in await told(listener, 2)]
    assert [(one["key"], one.get("appeared")) for one in data] == [("c2", 3), ("c1", None)]
    assert data[0]["body"] == "Anew."
    # The reader has seen the comment already.
    acts = (event(f"comment.{act}", comment="c2", by="mod") for act in ("removed", "restored"))
    await service.given(*acts)
    async with listening(where, last_event_id=5) as listener:
        [(_, name, again)] = await told(listener)
    assert (name, again["key"], again.get("appeared")) == ("comment", "c2", None)
    erased = event("person.erased", person="ann")
    del erased["data"]["resource"]
    await service.given(erased)
    async with listening(where, last_event_id=7) as listener:
        tombstones = [data for _, _, data in await told(listener, 2)]
    assert [(one["status"], one.get("appeared")) for one in tombstones] == [("erased", None)] * 2


async def test_a_reader_of_a_shared_channel_learns_where_a_comment_appeared(
    service: Service,
) -> None:
    [discussion, _] = await service.given(opened(), posted("c1"))
    where = live_url(service, discussion)
    acts = (event(f"comment.{act}", comment="c1", by="mod") for act in ("removed", "restored"))
    await service.given(posted("c2"), voted(on="c2"), *acts)
    hasty = (event(f"comment.{act}", comment="c3", by="mod") for act in ("removed", "restored"))
    await service.given(posted("c3"), *hasty)
    # The first reader was away for longest, so the channel describes all changes since then.
    async with (
        listening(where, last_event_id=2) as first,
        listening(where, last_event_id=3) as second,
    ):
        for listener in (first, second):
            data = [data for _, _, data in await told(listener, 3)]
            found = [(one["key"], one.get("appeared")) for one in data]
            assert found == [("c2", 3), ("c1", None), ("c3", 9)]


async def test_other_discussions_are_not_told(service: Service) -> None:
    [discussion, _] = await service.given(opened(), opened(resource="/buses"))
    async with listening(live_url(service, discussion)) as listener:
        await service.given(posted(resource="/buses"), posted("ours"))
        [(_, _, data)] = await told(listener)
        assert data["key"] == "ours"


async def test_many_votes_at_once_are_told_once_as_they_stand(durable_service: Service) -> None:
    [discussion, comment] = await durable_service.given(opened(), posted())
    async with listening(live_url(durable_service, discussion)) as listener:
        await durable_service.given(*(voted(voter=f"v{n}") for n in range(300)))
        events = 0
        last: Any = {}
        while last.get("up") != 300:
            [(_, name, last)] = await told(listener)
            assert (name, last["id"]) == ("vote", comment)
            events += 1
        assert events <= 5


async def test_last_event_id_resumes_without_loss(durable_service: Service) -> None:
    service = durable_service
    [discussion] = await service.given(opened())
    where = live_url(service, discussion)
    async with listening(where) as listener:
        await service.given(posted("c1"))
        await told(listener)
    await service.given(posted("c2"), voted(on="c1"), opened(resource="/buses"))
    async with listening(where, last_event_id=2) as again:
        got = await told(again, 2)
        assert [(id_, name) for id_, name, _ in got] == [(3, "comment"), (4, "vote")]
        await service.given(posted("c3"))
        assert (await told(again))[0][0] == 6
        async with listening(where, last_event_id=3) as third:  # beside the one that is served
            assert [id_ for id_, _, _ in await told(third, 2)] == [4, 6]
        async with listening(where, params={"after": 1}) as fourth:
            assert [id_ for id_, _, _ in await told(fourth, 4)] == [2, 3, 4, 6]


async def test_a_position_too_far_back_or_of_another_log_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion, *_] = await service.given(opened(), posted("c1"), posted("c2"))
    monkeypatch.setattr(live, "ROWS_BACK_MAX", 1)
    for after, problem in ((1, "cursor-too-old"), (99, "position-ahead")):
        answer = await service.ask("GET", f"/v1/discussions/{discussion}/live?after={after}")
        assert answer.problem == problem


async def test_a_quiet_discussion_tells_how_far_it_is() -> None:
    settings = HttpSettings(secret=SECRET, heartbeat_seconds=0.05)
    async with serving(settings=settings) as service:
        [discussion] = await service.given(opened())
        async with listening(live_url(service, discussion)) as listener:
            await service.given(opened(resource="/buses"), posted(resource="/buses"))
            async with asyncio.timeout(60):
                while await listener._fields() != {"": "", "id": "3"}:
                    pass


async def test_an_erasure_on_another_site_cuts_no_stream_that_has_all_events(
    service: Service,
) -> None:
    elsewhere = {"site": "other", "resource": "/buses"}
    [discussion, _] = await service.given(opened(), opened(**elsewhere))
    async with listening(live_url(service, discussion)) as listener:
        await service.given(posted("c1"))
        await told(listener)
        await service.given(posted("x", **elsewhere))
        head = await service.app.head()
        [channel] = hub_of(service)._channels.values()
        await wait_until(lambda: channel.upto == head)
        erased = {**event("person.erased"), "data": {"site": "other", "person": "ann"}}
        await service.given(erased)
        await service.given(posted("c2"))
        assert (await told(listener))[0][2]["key"] == "c2"


async def test_private_discussions_are_for_those_who_may_read(service: Service) -> None:
    [discussion] = await service.given(opened(settings={"private": True}))
    where = live_url(service, discussion)
    unknown = live_url(service, discussion[:-1] + ("0" if discussion[-1] != "0" else "1"))
    for url in (where, unknown):
        async with ClientSession() as session, session.get(url) as answer:
            assert answer.status == 404
    async with listening(where, token=token("read")) as listener:
        await service.given(posted())
        assert (await told(listener))[0][1] == "comment"


@pytest.mark.parametrize("private", ["discussion", "site"])
async def test_a_discussion_that_becomes_private_sends_its_readers_away(
    service: Service, private: str
) -> None:
    [discussion] = await service.given(opened())
    hidden = {"private": True}
    async with listening(live_url(service, discussion)) as listener:
        await service.given(
            event("site.configured", settings=hidden)
            if private == "site"
            else opened(settings=hidden),
            posted(),
        )
        async with asyncio.timeout(60):
            with pytest.raises(EOFError):
                await listener.next()


async def test_a_discussion_that_became_private_before_its_view_knows_is_not_followed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion] = await service.given(opened())
    await service.catch_up()
    reads = service.app.views.reads
    current = reads.discussion

    async def as_before(id_: UUID) -> Any:
        read = await current(id_)
        assert read is not None
        position, found = read
        return position, replace(found, row=replace(found.row, settings="{}"))

    monkeypatch.setattr(reads, "discussion", as_before)
    await service.given(opened(settings={"private": True}), posted())
    assert (await service.get(f"/v1/discussions/{discussion}")).status == 200  # the view is behind
    async with ClientSession() as session, session.get(live_url(service, discussion)) as answer:
        assert answer.status == 404


@pytest.mark.slow
async def test_hundreds_read_and_none_misses_a_change(durable_service: Service) -> None:
    service = durable_service
    [discussion] = await service.given(opened())
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        where = live_url(service, discussion)
        readers = [
            await stack.enter_async_context(listening(where, session=session))
            for _ in range(READERS)
        ]
        for number in range(30):
            await service.given(
                posted(f"c{number}"), *(voted(on=f"c{number}", voter=v) for v in "ab")
            )
        last = await service.app.head()
        for reader in readers:
            seen: dict[str, dict[str, Any]] = {}
            id_: int | None = 0
            while id_ != last:
                [(id_, _, data)] = await told(reader)
                seen.setdefault(data["id"], {}).update(data)
            assert len(seen) == 30
            assert {one["up"] for one in seen.values()} == {2}


async def test_a_reader_who_takes_nothing_is_dropped_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = HttpSettings(secret=SECRET, stall_seconds_max=0.2)
    monkeypatch.setattr(live, "BYTES_KEPT_MAX", 200_000)
    async with rostra_adapters.open("memory:") as app, ClientSession() as session:
        server = TestServer(make_app(app, settings))
        await server.start_server()
        service = Service(app, session, str(server.make_url("")).rstrip("/"))
        [discussion] = await service.given(opened())
        _, silent = await asyncio.open_connection(server.host, server.port, limit=1024)
        silent.write(f"GET /v1/discussions/{discussion}/live HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with (
            listening(live_url(service, discussion)) as listener,
            asyncio.timeout(60),
        ):
            hub = server.app[LIVE]
            number = 0
            while number < 80 or hub.readers > 1:
                many = [posted(f"c{number + n}", body="x" * 16_000) for n in range(40)]
                await service.given(*many)
                number += 40
                assert len(await told(listener, 40)) == 40
        silent.close()
        await server.close()


async def test_a_service_that_stops_ends_the_streams() -> None:
    async with rostra_adapters.open("memory:") as app, ClientSession() as session:
        server = TestServer(make_app(app, HttpSettings(secret=SECRET)))
        await server.start_server()
        service = Service(app, session, str(server.make_url("")).rstrip("/"))
        [discussion] = await service.given(opened())
        async with listening(live_url(service, discussion)) as listener:
            async with asyncio.timeout(60):
                stopping = asyncio.create_task(server.close())
                with pytest.raises(EOFError):
                    await listener.next()
                await stopping


# -- readers who enter while the follower of the log stops or begins


class Gate:
    """Head of a log that is not found before the gate opens."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.open = asyncio.Event(), asyncio.Event()
        self._head = service.app.log.head
        monkeypatch.setattr(service.app.log, "head", self.head)

    async def head(self) -> int:
        self.asked.set()
        await self.open.wait()
        return await self._head()


class Entering:
    """Reader that enters in a task of its own, and stays."""

    def __init__(self, hub: live.Live, discussion: str) -> None:
        self._stack = AsyncExitStack()
        reading = hub.reading(UUID(discussion), PLACE["site"], None)
        self._entered = asyncio.create_task(self._stack.enter_async_context(reading))

    async def channel(self) -> tuple[live.Channel, int]:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            return await self._entered

    async def leave(self) -> None:
        self._entered.cancel()
        await asyncio.gather(self._entered, return_exceptions=True)
        await self._stack.aclose()


def hub_of(service: Service) -> live.Live:
    assert service.application is not None
    return service.application[LIVE]


async def test_a_reader_who_leaves_an_ended_channel_stops_no_other_that_enters(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion] = await service.given(opened())
    hub = hub_of(service)
    first, last = Entering(hub, discussion), Entering(hub, discussion)
    channel, _ = await first.channel()
    await last.channel()
    await service.given(opened(settings={"edit_seconds": 5}))
    await wait_until(lambda: channel.ended)
    await first.leave()
    gate = Gate(service, monkeypatch)
    second = Entering(hub, discussion)
    await gate.asked.wait()
    await last.leave()
    gate.open.set()
    channel, position = await second.channel()
    await service.given(posted())
    await wait_until(lambda: channel.after(position) is not None)
    await second.leave()
    assert not hub._tasks


async def test_a_reader_who_gives_up_before_the_log_is_followed_leaves_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion] = await service.given(opened())
    hub, gate = hub_of(service), Gate(service, monkeypatch)
    reader = Entering(hub, discussion)
    await gate.asked.wait()
    await reader.leave()
    assert not hub._tasks
    gate.open.set()


async def test_readers_wait_for_a_log_that_replaces_another(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion] = await service.given(opened())
    hub, log, replaced = hub_of(service), service.app.log, asyncio.Event()
    follow = log.follow

    async def follow_replaced(*arguments: Any) -> AsyncIterator[Sequence[Recorded]]:
        if not replaced.is_set():
            await replaced.wait()
            raise LogReplaced
        async for rows in follow(*arguments):
            yield rows

    monkeypatch.setattr(log, "follow", follow_replaced)
    first = Entering(hub, discussion)
    channel, _ = await first.channel()
    gate = Gate(service, monkeypatch)
    replaced.set()
    await wait_until(lambda: channel.ended)
    second = Entering(hub, discussion)
    await gate.asked.wait()
    [result] = await service.batch([posted()])
    gate.open.set()
    assert (await second.channel())[1] == result["position"]
    await first.leave()
    await second.leave()


async def test_readers_who_enter_while_a_service_stops_are_released(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    [discussion] = await service.given(opened())
    hub, gate = hub_of(service), Gate(service, monkeypatch)
    waiting = Entering(hub, discussion)
    await gate.asked.wait()
    hub.end()
    late = Entering(hub, discussion)
    for reader in (waiting, late):
        channel, _ = await reader.channel()
        assert channel.ended
        await reader.leave()
    gate.open.set()
