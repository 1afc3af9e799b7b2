"""The feed: the log as events that lead to the same state when they are published again."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from eventsourcing.popo import POPOApplicationRecorder
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import rostra_adapters
from rostra import codec
from rostra.deciding.handle import Commanded, handle
from rostra.events import Words
from rostra.times import Time
from rostra.wire import cloudevents
from rostra_adapters.application.feed.data import with_words
from rostra_adapters.application.feed.events import Feed, FeedPage, Wanted
from rostra_adapters.application.feed.tail import Tail
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.stock.log import StockLog
from support import strategies
from support.effort import examples
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.service import (
    BATCHED,
    PLACE,
    SECRET,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)

NOW = Time("2026-11-23T00:00:00.000000Z")


async def feed(service: Service, **params: Any) -> list[dict[str, Any]]:
    answer = await service.get("/v1/events", token=token(), **params)
    assert answer.status == 200
    assert answer.media_type == BATCHED
    events: list[dict[str, Any]] = answer.json
    return events


def talk() -> list[dict[str, Any]]:
    """A bit of everything; each is recorded."""
    bob, mod = {"id": "bob", "name": "Bob", "email": "bob@example.org"}, {"by": "mod"}
    return [
        event("site.configured", settings={"moderation": "first", "depth": 2}),
        opened(title="Trams", url="https://gazette.example/trams"),
        event("article.revised", revision="r1", text="On the trams, and off them."),
        event(
            "passage.marked", passage="p1", exact="the trams", start=3, end=12,
            prefix="On ", suffix=", and off them.",
        ),
        event("passage.marked", passage="p1", exact="the trams", question="More of them?"),
        posted("c1", passage="p1"),
        event("comment.approved", comment="c1", reason="fine", **mod),
        posted("c2", parent="c1", author=bob),
        event("comment.approved", comment="c2"),
        posted("c3", parent="c2"),
        posted("c4", parent="c3", body="deeper than two"),
        event("passage.closed", passage="p1", **mod),
        posted("c5", parent="c1", body="on a closed passage"),
        event("comment.posted", author=bob, body="without a key", name="keyless"),
        posted("c6", status="held"),
        event("comment.rejected", comment="c6", **mod),
        voted(1, voter="eve"),
        voted(-1, voter="dan", time="2026-01-01T00:00:00Z"),
        event("vote.nullified", comment="c1", voter="eve", reason="bought", **mod),
        voted(-1, voter="eve"),
        event("vote.restored", comment="c1", voter="eve", reason="a mistake", **mod),
        event("comment.edited", comment="c2", body="Reworded.", by="bob"),
        event("comment.flagged", comment="c2", by="eve", reason="rude"),
        event("comment.removed", comment="c3", by="ann"),
        event("comment.removed", comment="c2", reason="rude", **mod),
        event("comment.restored", comment="c2", **mod),
        event("comment.pinned", comment="c1"),
        event("discussion.closed", reason="late", **mod),
    ]  # fmt: skip


def _without(data: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in fields}


async def test_every_event_comes_back_as_it_was_published_with_its_ids(service: Service) -> None:
    published = talk()
    await service.given(*published)
    told = await feed(service)
    assert len(told) == len(published)
    ids = ("discussion_id", "comment_id", "parent_id", "passage_id", "status")
    for sent, back in zip(published, told, strict=True):
        assert {name: back[name] for name in ("id", "source", "type")} == {
            name: sent[name] for name in ("id", "source", "type")
        }
        expected = {"exact": "the trams", **sent["data"]} | {
            "prefix": 0,
            "suffix": 0,
            "start": 0,
            "end": 0,
        }
        marked = () if sent["type"] != "passage.marked" else ("prefix", "suffix", "start", "end")
        assert _without(back["data"], *ids, *marked) == _without(
            {name: expected[name] for name in sent["data"]}, "status", *marked
        )
    assert "time" in told[0]
    assert [len(one["sequence"]) for one in told] == [20] * len(told)
    positions = [int(one["sequence"]) for one in told]
    assert positions == sorted(set(positions))


async def test_what_rostra_concluded_is_not_in_it(service: Service) -> None:
    await service.given(*talk())
    told = await feed(service)
    # Two persons were trusted, and an article has a passage.
    assert await service.app.head() == len(told) + 3
    assert {"person.trusted", "article.marked"}.isdisjoint(one["type"] for one in told)


async def test_each_event_of_the_feed_is_a_cloudevent(service: Service, test_data: Any) -> None:
    schema = json.loads((test_data / "cloudevents" / "schema.json").read_text())
    validator = Draft7Validator(schema)
    await service.given(*talk())
    for one in await feed(service):
        validator.validate(one)


VIEWS = [
    "/v1/discussions/{id}/comments?order=oldest&limit=100&replies=100",
    "/v1/discussions/{id}/comments?order=most_voted&limit=100&flat=true",
    "/v1/discussions/{id}/comments?order=newest&limit=100&inline=true",
    "/v1/discussions/{id}/passages",
    "/v1/discussions/{id}",
    "/v1/counts?site=gazette&resource=/trams",
]


async def test_publishing_the_feed_to_an_empty_rostra_gives_the_same_views(
    service: Service, database_url: str
) -> None:
    results = await service.batch(talk())
    async with serving(database_url) as other:
        again = await other.batch(await feed(service))
        assert [one["id"] for one in again] == [one["id"] for one in results]
        moderator = token("moderate")
        for path in VIEWS:
            where = path.format(id=results[1]["id"])
            here = await service.get(where, token=moderator)
            assert here.status == 200
            assert (await other.get(where, token=moderator)).json == here.json
        assert await feed(other) == await feed(service)


@settings(deadline=None, max_examples=examples(30))
@given(st.data())
def test_publishing_a_feed_gives_the_same_log(data: st.DataObject) -> None:
    sequence = data.draw(strategies.conversations())
    asyncio.run(_feed_gives_the_same_log(sequence))


async def _feed_gives_the_same_log(sequence: list[Any]) -> None:
    log, ring = MemoryLog(), MemoryRing()
    articles = MemoryArticles()
    await handle(log, ring, [commanded(act) for act in sequence], articles)
    told = [one.json async for page in Feed(log, ring, articles).pages() for one in page.events]
    again, its_ring = MemoryLog(), MemoryRing()
    commands: list[Commanded] = [cloudevents.command(one, NOW) for one in told]
    outcomes = await handle(again, its_ring, commands, MemoryArticles())
    assert {outcome.status for outcome in outcomes} <= {"recorded"}
    assert _plain(again) == _plain(log)


@settings(deadline=None, max_examples=examples(30))
@given(st.data())
def test_publishing_a_feed_where_it_comes_from_repeats_all_of_it(data: st.DataObject) -> None:
    sequence = data.draw(st.one_of(strategies.conversations(), strategies.upheavals()))
    asyncio.run(_feed_repeats_the_log(sequence))


async def _feed_repeats_the_log(sequence: list[Any]) -> None:
    log, ring, articles = MemoryLog(), MemoryRing(), MemoryArticles()
    await handle(log, ring, [commanded(act) for act in sequence], articles)
    head = await log.head()
    told = [one async for page in Feed(log, ring, articles).pages() for one in page.events]
    commands = [cloudevents.command(one.json, NOW) for one in told]
    outcomes = await handle(log, ring, commands, articles)
    assert [(it.status, it.position) for it in outcomes] == [
        ("duplicate", int(msgspec.json.decode(one.json)["sequence"])) for one in told
    ]
    assert await log.head() == head


def _plain(log: MemoryLog) -> list[tuple[Any, ...]]:
    """The rows without what was sealed, which is never the same twice."""
    rows = []
    for row in log.rows:
        state = msgspec.json.decode(row.state)
        sealed = state.pop("personal", None) is not None
        rows.append((row.position, row.stream, row.version, row.topic, row.event_id, state, sealed))
    return rows


async def test_it_is_read_in_pages_without_loss(service: Service) -> None:
    await service.given(*talk())
    whole = await feed(service)
    read: list[dict[str, Any]] = []
    after = 0
    while True:
        answer = await service.get("/v1/events", token=token(), after=after, limit=4)
        assert len(answer.json) <= 4
        read += answer.json
        if not answer.json:
            break
        after = int(answer.headers["Rostra-Position"])
    assert read == whole
    assert after == await service.app.head()


async def test_filters_choose_and_the_position_goes_on_past_what_they_took(
    service: Service,
) -> None:
    await service.given(
        *talk(), opened(resource="/buses"), opened(site="herald"), posted(resource="/buses")
    )
    chosen = [
        ({"type": "discussion.opened"}, 3),
        ({"site": "herald"}, 1),
        ({"site": "gazette", "resource": "/buses"}, 2),
        ({"site": "gazette", "type": "comment.posted"}, 7 + 1),
        ({"site": "nobody"}, 0),
    ]
    for params, count in chosen:
        answer = await service.get("/v1/events", token=token(), **params)
        assert len(answer.json) == count, params
        assert int(answer.headers["Rostra-Position"]) == await service.app.head()
    two = [("type", "discussion.opened"), ("type", "discussion.closed")]
    answer = await service.ask("GET", "/v1/events", token=token(), params=two)
    assert len(answer.json) == 4


async def test_it_names_the_log(service: Service) -> None:
    answer = await service.get("/v1/events", token=token())
    assert answer.headers["Rostra-Log"] == str(await service.app.log.log_id())
    assert (answer.json, answer.headers["Rostra-Position"]) == ([], "0")


async def test_a_token_of_one_site_reads_that_site(service: Service) -> None:
    await service.given(opened(), opened(site="herald"))
    narrow = token(site="herald")
    answer = await service.get("/v1/events", token=narrow)
    assert [one["data"]["site"] for one in answer.json] == ["herald"]
    refused = await service.get("/v1/events", token=narrow, site="gazette")
    assert refused.problem == "forbidden"


async def test_a_long_poll_answers_as_soon_as_something_is_recorded(service: Service) -> None:
    await _long_poll(service)


async def test_a_long_poll_is_woken_by_postgresql(durable_service: Service) -> None:
    await _long_poll(durable_service)


async def _long_poll(service: Service) -> None:
    await service.given(opened())
    polling = asyncio.create_task(
        service.get("/v1/events", token=token(), after=1, wait=30, type="vote.cast")
    )
    await service.given(posted())
    await service.given(voted())
    async with asyncio.timeout(60):
        answer = await polling
    assert [one["type"] for one in answer.json] == ["vote.cast"]


async def test_a_long_poll_gives_up_when_its_time_is_over(service: Service) -> None:
    answer = await service.get("/v1/events", token=token(), wait=0.05)
    assert (answer.status, answer.json) == (200, [])


async def test_a_service_that_stops_answers_whom_it_keeps_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, reading = Feed.page, asyncio.Event()

    async def noticed(feed: Feed, *arguments: Any, **named: Any) -> FeedPage:
        reading.set()
        return await page(feed, *arguments, **named)

    monkeypatch.setattr(Feed, "page", noticed)
    async with rostra_adapters.open("memory:") as app:
        server = TestServer(make_app(app, HttpSettings(secret=SECRET)))
        await server.start_server()
        async with ClientSession() as session:
            service = Service(app, session, str(server.make_url("")).rstrip("/"))
            polling = asyncio.create_task(service.get("/v1/events", token=token(), wait=30))
            await reading.wait()
            async with asyncio.timeout(25):  # less than it is asked to wait
                await server.close()
                answer = await polling
    assert (answer.status, answer.json) == (200, [])


async def test_words_that_were_erased_come_as_null() -> None:
    log, ring = MemoryLog(), MemoryRing()
    acts = [{**opened(), "time": NOW}, {**posted(), "time": NOW}, {**voted(), "time": NOW}]
    await handle(log, ring, [commanded(act) for act in acts])
    page = await Feed(log, MemoryRing(), MemoryArticles()).page(
        0, limit=10
    )  # a ring without that person's key
    told = [json.loads(one.json)["data"] for one in page.events]
    assert told[1]["body"] is None
    assert told[1]["author"] == {"id": "ann"}
    assert told[1]["erased"] is True
    assert told[2]["voter"] == "bob"


async def test_what_others_wrote_into_the_log_is_passed_over() -> None:
    from uuid import uuid4

    from eventsourcing.persistence import StoredEvent

    recorder = POPOApplicationRecorder()
    async with rostra_adapters.open("memory:") as app:
        await app.publish([opened(), posted()])
        ours = await app.log.read_after(0, 10)
    stored = [StoredEvent(row.stream, row.version, row.topic, row.state) for row in ours]
    foreign = [StoredEvent(uuid4(), 1, "dog.barked", b"\x00"), *stored]
    recorder.insert_events(foreign)
    async with StockLog(recorder) as log:
        page = await Feed(log, MemoryRing(), MemoryArticles()).page(0, limit=10)
    assert page.events == []
    assert page.position == 3


async def test_a_feed_of_one_discussion_names_its_place() -> None:
    wanted = Wanted(site=PLACE["site"], resource=PLACE["resource"])
    async with rostra_adapters.open("memory:") as app:
        await app.publish([opened(resource="/buses"), opened(), posted()])
        pages = [page async for page in Feed(app.log, app.ring, app.articles).pages(wanted=wanted)]
    assert [one.position for page in pages for one in page.events] == [2, 3]


def test_words_are_part_of_the_data_they_were_published_with() -> None:
    removed = codec.decode(
        "comment.removed", b'{"time":"t","was":"held","now":"removed","author":"a"}'
    )
    assert removed is not None
    assert with_words(removed, {"by": "b"}, Words(reason="r")) == {"by": "b", "reason": "r"}
    assert with_words(removed, {"by": "b"}, None) == {"by": "b", "erased": True}


FORMS = {
    "page": ("", {}),
    "long poll": ("&wait=30", {}),
    "stream": ("", {"Accept": "text/event-stream"}),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_position_beyond_the_head_is_gone_in_every_form(
    service: Service, form: str
) -> None:
    await service.given(opened(), posted())
    query, headers = FORMS[form]
    for after in (3, 2**62):
        async with asyncio.timeout(60):
            path = f"/v1/events?after={after}{query}"
            answer = await service.ask("GET", path, token=token(), headers=headers)
        assert (answer.status, answer.problem) == (410, "position-ahead")
        assert answer.headers["Rostra-Log"] == str(await service.app.log.log_id())


@pytest.mark.parametrize("form", FORMS)
async def test_a_position_of_another_log_is_gone_in_every_form(service: Service, form: str) -> None:
    await service.given(opened(), posted())
    query, headers = FORMS[form]
    for after in (0, 1, 9):
        path = f"/v1/events?after={after}&log={uuid4()}{query}"
        answer = await service.ask("GET", path, token=token(), headers=headers)
        assert (answer.status, answer.problem) == (410, "log-changed")


async def test_a_position_of_this_log_goes_on(service: Service) -> None:
    await service.given(opened(), posted())
    first = await service.get("/v1/events", token=token(), limit=1)
    log = first.headers["Rostra-Log"]
    assert log == str(await service.app.log.log_id())
    after = first.headers["Rostra-Position"]
    rest = await service.get("/v1/events", token=token(), after=after, log=log)
    assert [one["type"] for one in rest.json] == ["comment.posted"]
    at_head = await service.get("/v1/events", token=token(), after=2, log=log)
    assert (at_head.status, at_head.json) == (200, [])
    malformed = await service.get("/v1/events", token=token(), log="x")
    assert (malformed.status, malformed.problem) == (400, "bad-query")


async def test_a_log_that_is_replaced_during_a_long_poll_is_no_empty_page(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.given(opened())
    other = uuid4()
    page_within = Tail.page_within

    async def replaced(tail: Tail, *arguments: Any, **named: Any) -> FeedPage:
        page = await page_within(tail, *arguments, **named)

        async def log_id() -> UUID:
            return other

        monkeypatch.setattr(service.app.log, "log_id", log_id)
        return page

    monkeypatch.setattr(Tail, "page_within", replaced)
    answer = await service.get("/v1/events", token=token(), after=1, wait=0.01)
    assert (answer.status, answer.problem) == (410, "log-changed")


@pytest.mark.parametrize("quality", ["q=0", "Q=0.000", " q = 0.0 "])
async def test_events_of_quality_0_are_not_sent(service: Service, quality: str) -> None:
    await service.given(opened())
    headers = {"Accept": f"text/event-stream;{quality}, application/json"}
    answer = await service.ask("GET", "/v1/events", token=token("feed"), headers=headers)
    assert answer.headers["Content-Type"].startswith("application/cloudevents-batch+json")
    assert len(answer.json) == 1
