"""Processes that keep the views: one projects, others stand by; what none can handle is parked."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

import rostra_adapters
from rostra import ids
from rostra.ids import CommentId, EventId, Position, StreamId
from rostra.log import Recorded
from rostra_adapters.application.app import App
from rostra_adapters.errors import ViewBehind
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views import watch
from rostra_adapters.postgres.views.lineage import OURS
from rostra_adapters.postgres.views.runner import PRUNE
from rostra_projections.cursors import CursorRefused
from rostra_projections.listing import Listing
from support.cases import first_is_quick
from support.views import tables
from support.views.readers import InPostgres, Reader
from support.views.story import DISCUSSION, Events, Story, comment, pages, passage
from support.waiting import wait_until

MASTER = b"m" * 32
PROJECTING = OURS.lock
HOLDERS = """
select l.pid from pg_locks l join pg_database d on d.oid = l.database
where locktype = 'advisory' and granted and d.datname = current_database()
    and (classid::bigint << 32 | objid::bigint) = $1"""


# -- several processes


async def test_when_the_one_that_projects_goes_the_other_takes_over(database_url: str) -> None:
    events = Events()
    operator = await asyncpg.connect(database_url)

    async def projecting() -> list[int]:
        return [record[0] for record in await operator.fetch(HOLDERS, PROJECTING)]

    async with (
        rostra_adapters.open(database_url, master_key=MASTER) as one,
        rostra_adapters.open(database_url, master_key=MASTER) as other,
    ):
        await one.publish([events.opened(), *(events.posted(f"c{n}") for n in range(20))])
        for round_ in range(3):
            await wait_until(lambda: _is_one(projecting))
            (pid,) = await projecting()
            await operator.execute("select pg_terminate_backend($1)", pid)
            outcomes = await other.publish([events.vote(f"c{n}", f"v{round_}") for n in range(20)])
            page = await other.comments("s", "a", min_position=outcomes[-1].position or 0)
            assert page is not None and [it.up for it in page.comments] == [round_ + 1] * 20
        await one.close()
        (outcome,) = await other.publish([events.posted("last")])
        page = await other.comments("s", "a", min_position=outcome.position or 0)
        assert page is not None and page.total == 21
        assert await other.verify() == []
    await operator.close()


async def _is_one(projecting: Callable[[], Coroutine[Any, Any, list[int]]]) -> bool:
    return len(await projecting()) == 1


async def test_a_position_beyond_the_log_is_refused_at_once(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        (outcome,) = await app.publish([Events().opened()])
        began = asyncio.get_running_loop().time()
        with pytest.raises(ViewBehind):
            await app.wait((outcome.position or 0) + 1, wait_seconds=60)
        assert asyncio.get_running_loop().time() - began < 30


async def test_a_wait_is_no_shorter_while_the_views_catch_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "CATCH_UP_SECONDS_MAX", 0.0)
    async with rostra_adapters.open(database_url, master_key=MASTER, project=False) as reader:
        (outcome,) = await reader.publish([Events().opened()])
        waiting = asyncio.create_task(reader.wait(outcome.position or 0, 60))
        await asyncio.wait([waiting], timeout=0.1)
        async with rostra_adapters.open(database_url, master_key=MASTER):
            await waiting


async def test_where_nobody_projects_a_reader_hears_that_the_views_are_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "CATCH_UP_SECONDS_MAX", 0.1)
    async with rostra_adapters.open(database_url, master_key=MASTER, project=False) as app:
        await app.wait(0, 60)
        (outcome,) = await app.publish([Events().opened()])
        with pytest.raises(ViewBehind):
            await app.wait(outcome.position or 0, wait_seconds=0.01)
        status = await app.status()
        assert {view.lag for view in status.views} == {1}


async def test_how_far_the_views_are_is_known_without_asking(database_url: str) -> None:
    async with rostra_adapters.open(database_url, master_key=MASTER) as app:
        (outcome,) = await app.publish([Events().opened()])

        async def known() -> bool:
            return app.position() == outcome.position

        await wait_until(known)


# -- embedding


@pytest.mark.parametrize("kind", ["postgres", "sqlite", "memory"])
async def test_an_app_without_http_publishes_and_reads(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path / 'log.db'}"}
    url = urls.get(kind) or request.getfixturevalue("database_url")
    events = Events()
    async with rostra_adapters.open(url, master_key=MASTER) as app:
        log = await app.log.log_id()
        await app.publish([events.opened(), events.marked("p0")])
        many = [[events.posted(f"c{n}", by=f"a{n}"), events.vote(f"c{n}", "v")] for n in range(30)]
        answers = await asyncio.gather(*(app.publish(batch) for batch in many))
        assert {it.status for answer in answers for it in answer} == {"recorded"}
        more = [events.vote("c7", "w"), events.posted("i0", passage="p0")]
        position = (await app.publish(more))[-1].position or 0
        await _assert_reads(app, position)
        assert {done.equal for done in await app.rebuild()} == {True}
    if kind != "memory":
        async with rostra_adapters.open(url, master_key=MASTER) as app:
            assert await app.log.log_id() == log
            await _assert_reads(app, position)


async def _assert_reads(app: App, position: int) -> None:
    newest = await app.comments("s", "a", min_position=position, limit=1)
    most_voted = await app.comments("s", "a", order="most_voted", limit=1)
    passages = await app.passages("s", "a")
    assert newest is not None and most_voted is not None and passages is not None
    assert (newest.total, newest.comments[0].key, newest.comments[0].body) == (31, "i0", "I am i0.")
    assert most_voted.comments[0].key == "c7"
    assert [(it.key, it.comments) for it in passages.passages] == [("p0", 1)]
    assert await app.verify() == []


async def test_a_passage_of_another_discussion_holds_nothing_here() -> None:
    events = Events()
    async with rostra_adapters.open("memory:") as app:
        there = events.opened()
        there["data"]["resource"] = "b"
        told = [events.opened(), events.marked("p0"), events.posted("c0", passage="p0"), there]
        position = (await app.publish(told))[-1].position or 0
        for strange in (passage("p0"), DISCUSSION):
            page = await app.comments("s", "b", passage=strange, min_position=position)
            assert page is not None and (page.total, page.comments) == (0, [])


# -- parking


def _event(topic: str, state: bytes, position: int, key: str = "strange") -> Recorded:
    stream = (
        ids.vote_id(CommentId(StreamId(comment(key))), "x")
        if topic == "vote.cast"
        else comment(key)
    )
    return Recorded(Position(position), StreamId(stream), 1, topic, state, EventId(uuid4()), None)


BROKEN = {
    "not JSON": b"{",
    "a field missing": b"{}",
    "no time": b'{"time":"soon","author":"a","status":"published","personal":"AA=="}',
    "NUL": b'{"time":"2026-11-22T08:00:00.000000Z","author":"a\\u0000","status":"published"'
    b',"personal":"AA=="}',
    "no parent": b'{"time":"2026-11-22T08:00:00.000000Z","author":"a","status":"published"'
    b',"depth":1,"path":["00000000-0000-8000-8800-000000000001"]'
    b',"parent":"00000000-0000-8000-8800-000000000001","personal":"AA=="}',
    "words that are not sealed": b'{"time":"2026-11-22T08:00:00.000000Z","author":"a"'
    b',"status":"published","personal":{"body":"plain"}}',
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("page_events", first_is_quick([1, 100]))
async def test_what_cannot_be_handled_parks_its_discussion_and_everything_else_goes_on(
    pool: asyncpg.Pool,
    database: asyncpg.Connection,
    database_url: str,
    broken: str,
    page_events: int,
) -> None:
    events, story = Events(), Story()
    other = events.opened()
    other["data"]["resource"] = "b"
    story.tell([events.opened(), events.posted("c0"), other])
    head = len(story.rows)
    strange = _event("comment.posted", BROKEN[broken], head + 1)
    foreign = [
        Recorded(Position(head + 2), StreamId(uuid4()), 1, "comment.posted", b"{}", None, None),
        Recorded(Position(head + 3), DISCUSSION, 9, "article.seen", b"{}", None, None),
    ]
    after = events.posted("c1")
    elsewhere = events.posted("c2")
    elsewhere["data"]["resource"] = "b"
    story.tell([after, elsewhere])
    late = [_moved(row, 3) for row in story.rows[head:]]
    rows = [*story.rows[:head], strange, *foreign, *late]
    await tables.record(database, rows)
    await tables.fold(database, pages(rows, page_events))

    parked = await database.fetch("select view, discussion, position from rostra_parked")
    assert ("comments", DISCUSSION, head + 1) in [tuple(one) for one in parked]
    assert {one[1] for one in parked} == {DISCUSSION}
    kept = await tables.dump(database)
    assert {row.key for row in kept["comments"].values()} == {"c0", "c2"}
    rebuilt = await rebuild(database_url)
    assert {done.equal for done in rebuilt} == {True}
    [apart] = next(done.parked for done in rebuilt if done.view == "comments")
    assert (apart.discussion, apart.position) == (DISCUSSION, head + 1)
    assert await tables.dump(database) == kept
    told = [each async for each in verify(database_url)]
    assert ("comments", "stored_events", str(head + 1)) in [(d.view, d.table, d.key) for d in told]
    assert {each.key for each in told} == {str(head + 1)}
    assert all(each.found and str(DISCUSSION) in each.found for each in told)

    await database.execute(
        "update stored_events set topic = 'of old' where notification_id = $1", head + 1
    )
    [stale, *_] = [each async for each in verify(database_url)]
    assert (stale.table, stale.key) == ("rostra_parked", str(DISCUSSION))
    assert not any(done.parked for done in await rebuild(database_url))
    assert [each async for each in verify(database_url)] == []
    assert await database.fetch("select from rostra_parked") == []
    kept = await tables.dump(database)
    assert {row.key for row in kept["comments"].values()} == {"c0", "c1", "c2"}


def _moved(row: Recorded, by: int) -> Recorded:
    return Recorded(
        Position(row.position + by),
        row.stream,
        row.version,
        row.topic,
        row.state,
        row.event_id,
        None,
    )


# -- what is kept of moves, and the latest time


async def test_moves_older_than_an_hour_go_and_with_them_the_cursors_that_need_them(
    pool: asyncpg.Pool, database: asyncpg.Connection
) -> None:
    events, story, views = Events(), Story(), InPostgres(pool)
    story.tell([events.opened(), *(events.posted(f"c{n}") for n in range(9))])
    await views.fold(story.rows)
    old = Reader(story, views, Listing("top", DISCUSSION, "most_voted"), limit=2)
    await old.begin()
    told = len(story.rows)
    story.tell([events.vote("c3", "v")])
    await views.fold(story.rows[told:])
    young = Reader(story, views, Listing("top", DISCUSSION, "most_voted"), limit=2)
    await young.begin()
    await database.execute(PRUNE, "1 hour")
    await old.go_on()
    await database.execute("update comment_moves set moved_at = moved_at - interval '61 minutes'")
    await database.execute(PRUNE, "1 hour")
    assert await database.fetchval("select count(*) from comment_moves") == 0
    with pytest.raises(CursorRefused, match="cursor-too-old"):
        await old.go_on()
    await young.to_the_end()
    young.assert_saw_each_once()


async def test_moves_elsewhere_that_are_gone_hold_up_nobody(
    pool: asyncpg.Pool, database: asyncpg.Connection
) -> None:
    """The list of a discussion in which nothing happened for long is begun, and read on while
    it comes to life again.
    """
    events, story, views = Events(), Story(), InPostgres(pool)
    story.tell([events.opened(), *(events.posted(f"c{n}") for n in range(9))])
    busy: Any = {"resource": "/busy"}
    story.tell([events.opened(**busy), *(events.posted(key, **busy) for key in "bc")])
    await views.fold(story.rows)
    told = len(story.rows)
    story.tell([events.act("vote.cast", comment="b", voter="v", value=1, **busy)])
    await views.fold(story.rows[told:])
    await database.execute("update comment_moves set moved_at = moved_at - interval '61 minutes'")
    await database.execute(PRUNE, "1 hour")
    reader = Reader(story, views, Listing("top", DISCUSSION, "most_voted"), limit=2)
    await reader.begin()
    told = len(story.rows)
    story.tell([events.vote("c3", "v")])
    await views.fold(story.rows[told:])
    await reader.to_the_end()
    reader.assert_saw_each_once()


async def test_the_latest_time_goes_back_when_the_latest_comment_is_removed(
    database: asyncpg.Connection, database_url: str
) -> None:
    events, story = Events(), Story()
    story.tell(
        [
            events.opened(),
            events.marked("p0"),
            events.posted("c0"),
            events.posted("i0", passage="p0"),
        ]
    )
    story.tell([events.posted("i1", passage="p0"), events.posted("c1")])
    for key in ("c1", "i1", "i0"):
        story.tell([events.on("removed", key)])
    story.tell([events.on("restored", "i1"), events.on("removed", "c0")])
    story.tell([events.on("removed", "i1"), events.on("restored", "c1")])
    for page in pages(story.rows, 1):
        await tables.record(database, page)
        await tables.fold(database, [page])
        assert [str(each) async for each in verify(database_url)] == []
