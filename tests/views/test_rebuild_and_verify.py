"""`verify` names what is wrong in a view, `rebuild` mends it, and nobody notices but by that."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.application.ports import Rebuilt
from rostra_adapters.errors import FoldingFailed, RebuildRefused
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connect import LOST
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.rebuild import fold_worker, ranges, rebuilding
from rostra_adapters.postgres.rebuild import verify as verifying
from rostra_adapters.postgres.rebuild.content import Content, content
from rostra_adapters.postgres.rebuild.fold_worker import Job, fold_log
from rostra_adapters.postgres.rebuild.rebuilding import drop_replaced, rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views import backend, schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.views.projector import Fenced, Projector, ViewState, states
from rostra_projections.views import VIEWS, View
from support.cases import first_is_quick
from support.model import Act
from support.views import tables
from support.views.story import Events, Story, pages
from support.waiting import wait_until

MASTER = b"m" * 32
TABLES = ["comments", "comment_ranks", "comment_counts", "participants", "discussions", "passages"]
CHANGES = {
    "comments": "replies = replies + 1",
    "comment_ranks": "up = up + 1",
    "comment_counts": "comments = 77",
    "participants": "comments = 5",
    "discussions": "title = 'Another'",
    "passages": "exact = 'another'",
}


def _acts(events: Events) -> list[Act]:
    return [
        events.opened(title="T"),
        events.marked("p0"),
        *(events.posted(f"c{number}", by=f"a{number % 3}") for number in range(9)),
        events.posted("i0", passage="p0"),
        events.posted("r0", parent="c0"),
        *(events.vote(f"c{number}", "v") for number in range(5)),
        events.on("removed", "c0"),
    ]


def _elsewhere(act: Act, resource: str) -> Act:
    """The same in another discussion."""
    return act | {"id": f"{resource} {act['id']}", "data": act["data"] | {"resource": resource}}


@pytest.fixture
async def story(database: asyncpg.Connection) -> Story:
    """Told, recorded, and in the views."""
    story = Story(_acts(Events()))
    await tables.record(database, story.rows)
    await tables.fold(database, pages(story.rows, 5))
    return story


async def _found(url: str) -> list[str]:
    return [str(each) async for each in verify(url)]


@pytest.mark.parametrize("table", first_is_quick(TABLES))
async def test_verify_names_a_row_changed_by_hand_one_missing_and_one_too_many(
    story: Story, database: asyncpg.Connection, database_url: str, table: str
) -> None:
    assert await _found(database_url) == []
    name = f"{table}_v1"
    first = f"(select ctid from {name} order by 1 limit 1)"
    good = await tables.dump(database)

    await database.execute(f"update {name} set {CHANGES[table]} where ctid = {first}")
    (changed,) = await _found(database_url)
    assert f": {table} " in changed
    assert CHANGES[table].split(" =")[0] in changed

    key = "person" if table == "participants" else "id"
    value = "'x'" if table == "participants" else "gen_random_uuid()"
    await database.execute(f"create temp table extra as select * from {name} limit 1")
    await database.execute(f"update extra set {key} = {value}")
    await database.execute(f"insert into {name} select * from extra")
    assert any(each.endswith("not no row") for each in await _found(database_url))

    await database.execute(f"delete from {name} where ctid = {first}")
    found = await _found(database_url)
    assert any(f": {table} " in each and "no row, not" in each for each in found)

    done = await rebuild(database_url)
    assert {each.equal for each in done} == {True, False}
    differing = [it for each in done for it in each.changed]
    assert differing and all(it.startswith(f"{table} ") for it in differing)
    assert await tables.dump(database) == good
    assert await _found(database_url) == []
    assert {each.equal for each in await rebuild(database_url)} == {True}


async def test_two_processes_fold_the_same(
    story: Story, database: asyncpg.Connection, database_url: str
) -> None:
    good = await tables.dump(database)
    done = await rebuild(database_url, jobs=2)
    assert [(each.equal, each.events) for each in done] == [(True, len(story.rows))] * len(VIEWS)
    assert await tables.dump(database) == good


async def test_a_job_that_fails_says_why_and_ends_the_others(
    database: asyncpg.Connection, database_url: str
) -> None:
    acts = [_elsewhere(act, name) for name in "abcdef" for act in _acts(Events())]
    rows = Story(acts, judged=False).rows
    await tables.record(database, rows)
    missing = ViewState("comments", 99, 1, len(rows))
    with pytest.raises(FoldingFailed, match=r'relation "public\.comments_v99" does not exist'):
        await fold_log(database_url, [missing], len(rows), jobs=2, progress=lambda *_: None)
    copying = "select count(*) from pg_stat_activity where query ilike 'copy%comment%'"
    await wait_until(lambda: _is_none(database, copying))


def test_a_job_writes_its_reason_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs share one pipe, and one that is killed meanwhile must not end it with half a reason."""
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, data: written.append(data))
    job = Job("postgresql:", [], "no.module", ranges.Part(UUID(int=0), UUID(int=1), 0))
    assert fold_worker._run(0, job) == 1
    [reason] = written
    assert reason.startswith(b"Traceback")
    assert b"no.module" in reason.splitlines()[-1]


async def _is_none(database: asyncpg.Connection, counting: str) -> bool:
    return bool(await database.fetchval(counting) == 0)


@pytest.mark.parametrize("jobs", [1, 2])
async def test_an_empty_log_is_rebuilt(
    database: asyncpg.Connection, database_url: str, jobs: int
) -> None:
    done = await rebuild(database_url, jobs=jobs)
    assert [(each.equal, each.rows) for each in done] == [(True, 0)] * len(VIEWS)


async def test_a_log_in_several_ranges_is_rebuilt_and_verified(
    database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE_EVENTS", 5)
    acts = [_elsewhere(act, name) for name in "abcdef" for act in _acts(Events())]
    story = Story(acts, judged=False)
    await tables.record(database, story.rows)
    await tables.fold(database, pages(story.rows, 50))
    good = await tables.dump(database)
    (part,) = await ranges.parts(database, len(story.rows))
    assert len(part.ranges()) == 6
    assert {each.equal for each in await rebuild(database_url)} == {True}
    assert {each.equal for each in await rebuild(database_url, jobs=2)} == {True}
    assert await tables.dump(database) == good
    assert await _found(database_url) == []


async def test_the_tables_of_old_versions_are_dropped_after_a_while(
    story: Story, database: asyncpg.Connection, database_url: str
) -> None:
    """Until then reads that began before may go on, on a standby, too."""
    await database.execute("create table comments_v0 (id uuid)")  # of a rebuild broken off
    for _ in range(2):
        await rebuild(database_url)
    await drop_replaced(database, OURS)
    assert await _versioned(database) == _tables_of(1, 2, 3)
    await database.execute("update rostra_rebuilds set ended_at = ended_at - interval '1 hour'")
    async with connect_patiently(database_url) as other:
        await other.execute(f"select pg_advisory_lock({locks.REBUILD})")
        await drop_replaced(database, OURS)
    assert await _versioned(database) == _tables_of(1, 2, 3), "a rebuild is under way"
    await drop_replaced(database, OURS)
    assert await _versioned(database) == _tables_of(3)
    assert {one.equal for one in await rebuild(database_url)} == {True}


async def test_a_version_that_is_made_while_old_ones_are_dropped_is_kept(
    story: Story, database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of another version of the code starts meanwhile."""
    newer = Lineage("newer", {"comments": VIEWS["comments"]})
    await rebuild(database_url)
    await database.execute("update rostra_rebuilds set ended_at = ended_at - interval '1 hour'")
    list_tables = schema.list_tables

    async def install_and_list(connection: Connection, view: View) -> list[tuple[str, int]]:
        if view.name in newer.views:
            async with connect_patiently(database_url) as other:
                await schema.install(other, newer)
        return await list_tables(connection, view)

    monkeypatch.setattr(schema, "list_tables", install_and_list)
    await drop_replaced(database, OURS)
    assert await database.fetchval("select to_regclass('comments_v3') is not null")
    assert await database.fetchval("select to_regclass('comments_v1') is null")


async def _versioned(database: asyncpg.Connection) -> list[str]:
    found = await database.fetch("select tablename from pg_tables where tablename ~ '_v[0-9]+$'")
    return sorted(record[0] for record in found)


def _tables_of(*versions: int) -> list[str]:
    return sorted(
        f"{fragment.name}_v{version}"
        for version in versions
        for view in VIEWS.values()
        for table in view.tables
        for fragment in table.fragments
    )


async def test_of_two_rebuilds_at_once_one_is_refused(story: Story, database_url: str) -> None:
    reached = asyncio.Event()
    async with connect_patiently(database_url) as other:
        await other.execute("begin; lock table comments_v1 in access exclusive mode")
        first = asyncio.create_task(
            rebuild(database_url, ["comments"], progress=lambda *_: reached.set())
        )
        await reached.wait()
        with pytest.raises(RebuildRefused, match="another rebuild is under way"):
            await rebuild(database_url)
        await other.execute("rollback")
    assert [done.equal for done in await first] == [True]


@pytest.mark.parametrize("jobs", first_is_quick([2, 1]))
@pytest.mark.parametrize("end", ["cancelled", "killed"])
async def test_a_rebuild_that_was_broken_off_starts_over(
    story: Story, database: asyncpg.Connection, database_url: str, end: str, jobs: int
) -> None:
    reached = asyncio.Event()
    async with connect_patiently(database_url) as other:
        await other.execute("begin; lock table comments_v1 in access exclusive mode")
        first = asyncio.create_task(
            rebuild(database_url, ["comments"], jobs=jobs, progress=lambda *_: reached.set())
        )
        await reached.wait()
        if end == "cancelled":
            first.cancel()
        else:
            await _kill(database, locks.REBUILD)
        with contextlib.suppress(asyncio.CancelledError, *LOST):
            await first
        await other.execute("rollback")
    done: list[Rebuilt] = []
    while not done:  # its lock goes with its connection, which may take a moment
        with contextlib.suppress(RebuildRefused):
            done = await rebuild(database_url)
    assert {each.equal for each in done} == {True}
    assert await _found(database_url) == []


async def _kill(database: asyncpg.Connection, lock: int) -> None:
    """Whoever holds this advisory lock."""
    await database.execute(
        "select pg_terminate_backend(l.pid) from pg_locks l"
        " join pg_database d on d.oid = l.database where locktype = 'advisory'"
        " and d.datname = current_database() and (classid::bigint << 32 | objid::bigint) = $1",
        lock,
    )


async def test_who_was_moved_past_is_fenced(story: Story, database: asyncpg.Connection) -> None:
    old = [ViewState(each.name, each.version, each.shape, 3) for each in await states(database)]
    good = await tables.dump(database)
    with pytest.raises(Fenced):
        await (await Projector.begin(database)).project(old, story.rows[3:6])
    assert await tables.dump(database) == good


async def test_a_view_that_is_new_beside_a_long_log_is_folded_when_opened(
    story: Story,
    database: asyncpg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "NEW_VIEW_EVENTS_MAX", len(story.rows) - 1)
    good = await tables.dump(database)
    await database.execute("delete from rostra_views where name = 'comments'")
    for table in VIEWS["comments"].tables:
        await database.execute(f"drop table {table.name}_v1")
    async with _opened(database_url, project=False) as app:
        views = {view.name: (view.version, view.position) for view in (await app.status()).views}
        head = len(story.rows)
        assert views == dict.fromkeys(VIEWS, (1, head)) | {"comments": (2, head)}
        kept = "select moves_from from rostra_views where name = 'comments'"
        assert await database.fetchval(kept) == head
    assert await tables.dump(database) == good


@contextlib.asynccontextmanager
async def _opened(url: str, *, project: bool = True) -> AsyncIterator[App]:
    async with rostra_adapters.open(url, master_key=MASTER, project=project) as app:
        yield app


@pytest.mark.slow
async def test_rebuilding_goes_on_beside_writes_and_reads(database_url: str) -> None:
    """Readers never see a half: positions never go back, counts and lists agree."""
    events = Events()
    async with _opened(database_url) as app:
        await app.publish([events.opened()])
        await app.views.wait(await app.head(), 10)  # else there is nothing to compare with
        stop = asyncio.Event()
        readers = [asyncio.create_task(_read_on(app, stop)) for _ in range(2)]
        writer = asyncio.create_task(_write_on(app, events, stop))
        for jobs in (1, 2, 1):
            assert {done.equal for done in await app.rebuild(jobs=jobs)} == {True}
        stop.set()
        posted = await writer
        assert all(await asyncio.gather(*readers))
        page = await app.comments("s", "a", min_position=await app.head(), limit=1)
        assert page is not None and page.total == posted
        assert await app.verify() == []


async def _write_on(app: App, events: Events, stop: asyncio.Event) -> int:
    posted = 0
    while not stop.is_set():
        outcomes = await app.publish([events.posted(f"c{posted}"), events.vote(f"c{posted}", "v")])
        assert [it.status for it in outcomes] == ["recorded"] * 2
        posted += 1
    return posted


async def _read_on(app: App, stop: asyncio.Event) -> int:
    reads, position = 0, 0
    while not stop.is_set():
        page = await app.comments("s", "a", limit=1_000_000)
        assert page is not None and page.total == len(page.comments)
        assert page.position >= position
        reads, position = reads + 1, page.position
    return reads


async def test_the_live_view_waits_for_few_events(
    database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it moves on by many while the versions are compared."""
    story = Story(_acts(Events()))
    before, meanwhile = story.rows[:7], story.rows[7:]
    await tables.record(database, before)
    await tables.fold(database, pages(before, 5))
    flip = rebuilding._flip
    moved: list[int] = []
    left: list[int] = []

    async def compare_long(connection: Connection, state: ViewState) -> Content:
        found = await content(connection, state)
        if not moved:
            moved.append(len(story.rows))
            await tables.record(database, meanwhile)
            await tables.fold(database, pages(meanwhile, 5))
        return found

    async def flip_counted(
        connection: Connection, fresh: ViewState, live: ViewState, position: int, *, equal: bool
    ) -> int:
        (at,) = await states(connection, live.lineage, [live.name])
        left.append(at.position - position)
        return await flip(connection, fresh, live, position, equal=equal)

    monkeypatch.setattr(rebuilding, "NEAR_EVENTS", 3)
    monkeypatch.setattr(rebuilding, "content", compare_long)
    monkeypatch.setattr(rebuilding, "_flip", flip_counted)
    (rebuilt,) = await rebuild(database_url, ["comments"])
    assert (rebuilt.events, rebuilt.equal, moved) == (len(story.rows), True, [len(story.rows)])
    assert len(left) == 1 and left[0] < rebuilding.NEAR_EVENTS
    assert await _found(database_url) == []


async def test_a_view_without_its_tables_is_told_and_rebuilt(
    story: Story, database: asyncpg.Connection, database_url: str
) -> None:
    """A rebuild needs nothing but the log."""
    good = await tables.dump(database)
    await database.execute("drop table comments_v1, discussions_v1")
    assert await _found(database_url) == [
        "comments: comments_v1 table: missing, not there",
        "discussions: discussions_v1 table: missing, not there",
    ]
    rebuilt = await rebuild(database_url)
    assert {each.view for each in rebuilt if not each.equal} == {"comments", "discussions"}
    assert await _found(database_url) == []
    assert await tables.dump(database) == good
    await database.execute("drop table rostra_views, rostra_parked cascade")
    async with _opened(database_url, project=False) as app:
        await app.rebuild()
    assert await _found(database_url) == []


async def test_views_that_nobody_projects_are_rebuilt_up_to_the_head(
    database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restore."""
    monkeypatch.setattr(verifying, "STUCK_SECONDS_MAX", 0.1)
    story = Story(_acts(Events()))
    await tables.record(database, story.rows)
    lagging = f"0, not {len(story.rows)}, the head of the log"
    assert [each for each in await _found(database_url) if lagging in each] == [
        f"{view}: rostra_views position: {lagging}" for view in sorted(VIEWS)
    ]
    for rebuilt in await rebuild(database_url):
        assert (rebuilt.events, rebuilt.equal) == (len(story.rows), False)
    assert await _found(database_url) == []


async def test_views_that_are_behind_are_compared_and_brought_to_the_head(
    database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "STUCK_SECONDS_MAX", 0.1)
    story = Story(_acts(Events()))
    await tables.record(database, story.rows)
    await tables.fold(database, pages(story.rows[:7], 5))
    assert len(await _found(database_url)) == len(VIEWS)
    assert {(each.events, each.equal) for each in await rebuild(database_url)} == {
        (len(story.rows), True)
    }
    assert await _found(database_url) == []
