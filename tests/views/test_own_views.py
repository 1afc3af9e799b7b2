"""Views of one's own: those of the tutorial and others, live, rebuilt, verified and refused."""

import json
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

import rostra_adapters
from rostra.comment import CommentPosted
from rostra.ids import discussion_of
from rostra.vote import VoteCast
from rostra_adapters.aio.background import running_tasks
from rostra_adapters.application.app import App
from rostra_adapters.errors import ViewBehind, ViewRefused
from rostra_adapters.postgres.views import columns, runner, schema
from rostra_projections.own_views import FITS
from rostra_projections.tables import Fact, Key, Rows, Table
from rostra_projections.views import VIEWS, View
from support.cases import first_is_quick
from support.model import Act
from support.pages import shown_file
from support.running import Rostra
from support.service import MASTER_KEY, serving_app
from support.views.story import Events
from support.waiting import wait_until

WAIT_SECONDS = 60
PAGE = "docs/tutorial/own-view.md"


class Row(msgspec.Struct):
    discussion: UUID
    number: int
    text: str = ""


def table(name: str = "mine", **changed: Any) -> Table[Any]:
    types = {"discussion": "uuid", "number": "bigint", "text": "text"}
    return Table(name, Row, **{"key": ("discussion",), "types": types, **changed})


MINE = table()


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    yield MINE, discussion_of(fact.stream)


def count(rows: Rows, fact: Fact) -> None:
    key = discussion_of(fact.stream)
    rows.of(MINE).setdefault(key, Row(key, 0)).number += 1


def view(**changed: Any) -> View:
    given = {
        "name": "mine",
        "shape": 1,
        "tables": (MINE,),
        "events": frozenset({CommentPosted}),
        "touches": touches,
        "fold": count,
    }
    return View(**{**given, **changed})


@pytest.fixture
def hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the tutorial, under a name that no other test has imported."""
    name = f"hours_{secrets.token_hex(4)}"
    (tmp_path / f"{name}.py").write_text(shown_file(PAGE, "hours.py"), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__(name)
    del sys.modules[name]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("database_url"))
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'own.db'}"


def opening(url: str, *views: View | str, **given: Any) -> Any:
    return rostra_adapters.open(url, master_key=MASTER_KEY, views=views, **given)


def elsewhere(act: Act) -> Act:
    return {**act, "id": f"e {act['id']}", "data": act["data"] | {"resource": "/elsewhere"}}


async def rows_of(app: App, name: str, table: Table[Any], **equal: Any) -> list[Any]:
    async with app.read_view(
        name, min_position=await app.head(), wait_seconds=WAIT_SECONDS
    ) as found:
        return [row async for row in found.rows(table, **equal)]


async def test_the_view_of_the_tutorial_is_kept_like_those_of_rostra(
    url: str, hours: ModuleType
) -> None:
    events = Events()
    acts = [events.opened(), *(events.posted(f"c{n}") for n in range(5))]
    acts += [elsewhere(it) for it in (events.opened(), events.posted("d0"))]
    async with opening(url, hours.__name__) as app:
        await app.publish(acts)
        counted = Counter[str]()
        for row in await rows_of(app, "hours", hours.HOURS):
            counted[row.site] += row.comments
        assert counted == {"s": 6}
        assert await rows_of(app, "hours", hours.HOURS, site="another") == []
        first, *_ = await rows_of(app, "hours", hours.HOURS)
        hour = await rows_of(
            app, "hours", hours.HOURS, discussion=first.discussion, hour=first.hour
        )
        assert hour == [first]
        for jobs in (1, 2):
            done = {it.view: it for it in await app.rebuild(jobs=jobs)}
            assert done.keys() == {*VIEWS, "hours"}
            assert done["hours"].equal and done["hours"].rows == 2 + len(
                await rows_of(app, "hours", hours.HOURS)
            )
        assert await app.verify() == []
        [status] = [it for it in (await app.status()).views if it.name == "hours"]
        assert (status.position, status.lag, status.parked) == (await app.head(), 0, [])
        assert status.is_own
    if url != "memory:":
        async with opening(url, hours.__name__) as app:
            await app.publish([events.posted("c9")])
            found = await rows_of(app, "hours", hours.HOURS)
            assert sum(row.comments for row in found) == 7


async def test_a_view_is_read_by_sql_that_cannot_write(
    database_url: str, hours: ModuleType
) -> None:
    events = Events()
    async with opening(database_url, *hours.VIEWS) as app:
        await app.publish([events.opened(), events.posted("c0"), events.posted("c1")])
        async with app.read_view("hours", min_position=3, wait_seconds=WAIT_SECONDS) as found:
            assert found.position == 3
            query = "select sum(comments) from {hours} where site = $1"
            assert (await found.fetch(query, "s"))[0][0] == 2
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await found.fetch("delete from {hours}")
        with pytest.raises(asyncpg.UndefinedTableError):
            async with app.read_view("hours") as found:
                await found.fetch("select * from no_such_table")
        with pytest.raises(ViewBehind):
            async with app.read_view("hours", min_position=99, wait_seconds=0.1):
                pass
        with pytest.raises(ViewRefused, match="there are: hours"):
            async with app.read_view("ours"):
                pass


def _raises(_: Rows, fact: Fact) -> None:
    raise ZeroDivisionError("a mistake")


def _changes_and_raises(rows: Rows, fact: Fact) -> None:
    count(rows, fact)
    if rows.of(MINE)[discussion_of(fact.stream)].number == 2:
        raise AttributeError("half done")


def _too_great(rows: Rows, fact: Fact) -> None:
    key = discussion_of(fact.stream)
    rows.of(MINE)[key] = Row(key, 2**63)


def _of_another(rows: Rows, fact: Fact) -> None:
    rows.of(MINE)[fact.stream] = Row(fact.stream, 1)


def _deletes(rows: Rows, fact: Fact) -> None:
    if rows.of(MINE).pop(discussion_of(fact.stream), None) is None:
        count(rows, fact)


def _touches_wrongly(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    yield MINE, str(fact.stream)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "raises": ({"fold": _raises}, "ZeroDivisionError: a mistake"),
    "half done": ({"fold": _changes_and_raises}, "AttributeError: half done"),
    "out of range": ({"fold": _too_great}, "mine.number (bigint) cannot hold 9223372036854775808"),
    "not touched": ({"fold": _of_another}, "`touches` does not name the row"),
    "deleted": ({"fold": _deletes}, "was deleted"),
    "touches": ({"touches": _touches_wrongly}, "mine.discussion cannot hold"),
}


@pytest.mark.parametrize("mistake", first_is_quick([*MISTAKES]))
async def test_a_fold_that_fails_parks_its_discussion_in_its_view_alone(
    url: str, mistake: str
) -> None:
    changed, said = MISTAKES[mistake]
    events = Events()
    async with opening(url, view(**changed)) as app:
        await app.publish([events.opened(), *(events.posted(f"c{n}") for n in range(3))])
        rows = await rows_of(app, "mine", MINE)
        assert [row.number for row in rows] == {"half done": [1], "deleted": [1]}.get(mistake, [])
        page = await app.comments("s", "a", min_position=await app.head())
        assert page is not None and page.total == 3
        status = await app.status()
        for each in status.views:
            assert [said in it.error for it in each.parked] == [True] * (each.name == "mine")
        done = await app.rebuild(["mine"])
        assert done[0].equal and said in done[0].parked[0].error
        assert [it.view for it in await app.verify()] == ["mine"]
        async with serving_app(app) as service:
            assert (await service.ask("GET", "/readyz")).status == 200
            metrics = (await service.ask("GET", "/metrics")).body.decode()
            assert 'rostra_view_parked{view="mine"} 1.0' in metrics


async def test_a_row_that_no_index_can_hold_parks_its_discussion(database_url: str) -> None:
    indexed = table(indexes=("create index mine_v{v}_of_text on mine_v{v} (text)",))

    def touching(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
        yield indexed, discussion_of(fact.stream)

    def fold(rows: Rows, fact: Fact) -> None:
        key = discussion_of(fact.stream)
        rows.of(indexed)[key] = Row(key, 1, secrets.token_hex(5_000))

    events = Events()
    given = view(tables=(indexed,), touches=touching, fold=fold)
    async with opening(database_url, given) as app:
        await app.publish([events.opened(), events.posted("c0")])
        assert await rows_of(app, "mine", indexed) == []
        [status] = [it for it in (await app.status()).views if it.parked]
        assert status.name == "mine" and "index row" in status.parked[0].error


async def test_a_view_gets_each_vote(url: str) -> None:
    events = Events()
    async with opening(url, view(events=frozenset({VoteCast}))) as app:
        await app.publish([events.opened(), events.posted("c0")])
        await app.publish([events.vote("c0", f"v{n}") for n in range(20)])
        [row] = await rows_of(app, "mine", MINE)
        assert row.number == 20
        assert {it.equal for it in await app.rebuild()} == {True}
        assert await app.verify() == []


@pytest.mark.slow
async def test_a_view_is_kept_in_a_schema_of_its_own_and_by_several_jobs(
    database_url: str, hours: ModuleType
) -> None:
    events, schema_url = Events(), f"{database_url}&schema=forum"
    async with opening(schema_url, hours.__name__) as app, opening(database_url, view()) as other:
        await app.publish([events.opened(), events.posted("c0")])
        await other.publish([events.opened(), events.posted("c0"), events.posted("c1")])
        assert [row.comments for row in await rows_of(app, "hours", hours.HOURS)] == [1]
        assert [row.number for row in await rows_of(other, "mine", MINE)] == [2]
        for each in (app, other):
            assert {it.equal for it in await each.rebuild(jobs=2)} == {True}
            assert await each.verify() == []


async def test_a_new_view_of_a_long_log_is_rebuilt_in_the_background(
    database_url: str, hours: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    async with opening(database_url) as app:
        await app.publish([events.opened(), *(events.posted(f"c{n}") for n in range(20))])
        await app.wait(21, WAIT_SECONDS)
    monkeypatch.setattr(runner, "FAR_EVENTS", 10)
    async with opening(database_url, hours.__name__) as app:
        assert sum(row.comments for row in await rows_of(app, "hours", hours.HOURS)) == 20

        async def is_told() -> bool:
            [status] = [it for it in (await app.status()).views if it.is_own]
            return status.last_rebuild is not None and status.last_rebuild.events == 21

        await wait_until(is_told)
        await app.publish([events.posted("c20")])
        assert sum(row.comments for row in await rows_of(app, "hours", hours.HOURS)) == 21
        assert await app.verify() == []


async def test_a_changed_view_is_built_anew_beside_the_old_one(database_url: str) -> None:
    events = Events()
    async with opening(database_url, view()) as app:
        await app.publish([events.opened(), events.posted("c0")])
        assert [row.number for row in await rows_of(app, "mine", MINE)] == [1]

        def double(rows: Rows, fact: Fact) -> None:
            count(rows, fact)
            count(rows, fact)

        async with opening(database_url, view(shape=2, fold=double)) as newer:
            assert [row.number for row in await rows_of(newer, "mine", MINE)] == [2]
            await app.publish([events.posted("c1")])
            assert [row.number for row in await rows_of(newer, "mine", MINE)] == [4]
            assert [row.number for row in await rows_of(app, "mine", MINE)] == [2]
            assert await newer.verify() == await app.verify() == []


@pytest.mark.slow
async def test_a_projector_that_fails_leaves_the_service_ready(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after somebody dropped the view's table."""
    monkeypatch.setattr("rostra_adapters.aio.background.FAILING_SECONDS_MAX", 0.0)
    events = Events()
    async with opening(database_url, view()) as app:
        await app.publish([events.opened()])
        await rows_of(app, "mine", MINE)
        operator = await asyncpg.connect(database_url)
        await operator.execute("drop table mine_v1")
        await operator.close()
        await app.publish([events.posted("c0")])
        await app.wait(2, WAIT_SECONDS)
        await wait_until(lambda: any(task.error for task in running_tasks()))
        assert [task.name for task in running_tasks() if task.error] == ["project mine"]
        async with serving_app(app) as service:
            assert (await service.ask("GET", "/readyz")).status == 200
            metrics = (await service.ask("GET", "/metrics")).body.decode()
            assert 'rostra_task_up{task="project mine"} 0.0' in metrics
        assert any("mine_v1" in str(found) for found in await app.verify())
        await app.rebuild(["mine"])
        assert [row.number for row in await rows_of(app, "mine", MINE)] == [1]
        assert await app.verify() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["no_such_module"], "'no_such_module' of views cannot be imported"),
        (["json"], "has no VIEWS"),
        ([view(name="comments", tables=(table("comments_x"),))], "that of a view of Rostra"),
        ([view(name="Mine")], "not of the form"),
        ([view(tables=())], "has no table"),
        ([view(tables=(table("yours"),))], "does not begin with mine_"),
        ([view(name="comment", tables=(table("comment_ranks"),))], "is a table of Rostra"),
        ([view(name="rostra", tables=(table("rostra_views"),))], "is reserved"),
        ([view(events=frozenset({Row}))], "types of events"),
        ([view(settle=lambda *_: None)], "only Rostra's views"),
        ([view(tables=(table(indexes=("create index x on mine (text)",)),))], "create index"),
        ([view(tables=(table(key=("number",)),))], "does not begin with a uuid"),
        ([view(), view()], "two views are called 'mine'"),
        ([view(name=name, tables=(table("a_b"),)) for name in ("a", "a_b")], "both"),
        (["os,json"], "the module 'os' has no VIEWS"),
    ],
)  # fmt: skip
async def test_a_view_that_cannot_be_used_is_refused(given: list[Any], said: str) -> None:
    with pytest.raises(ViewRefused, match=said):
        async with opening("memory:", *given):
            pass


async def test_a_table_of_another_view_of_the_database_is_left_alone(database_url: str) -> None:
    events = Events()
    theirs = table("a_b")

    def touching(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
        yield theirs, discussion_of(fact.stream)

    def fold(rows: Rows, fact: Fact) -> None:
        key = discussion_of(fact.stream)
        rows.of(theirs)[key] = Row(key, 7)

    given = {"tables": (theirs,), "touches": touching, "fold": fold}
    async with opening(database_url, view(name="a", **given)) as app:
        await app.publish([events.opened(), events.posted("c0")])
        with pytest.raises(ViewRefused, match="'a' of this database has a table of the view 'a_b'"):
            async with opening(database_url, view(name="a_b", **given), project=False):
                pass
        assert [row.number for row in await rows_of(app, "a", theirs)] == [7]


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_a_view_that_nobody_names_is_dropped_and_can_come_back(
    database_url: str, operator: asyncpg.Connection
) -> None:
    events, there = Events(), "select to_regclass('mine_v1') is not null"
    async with opening(database_url, view()) as app:
        await app.publish([events.opened(), events.posted("c0")])
        await rows_of(app, "mine", MINE)
    assert await operator.fetchval(there)
    await operator.execute("update rostra_lineages set seen_at = '2020-01-01'")
    await schema.drop_unseen(operator)
    assert not await operator.fetchval(there)
    async with opening(database_url, view()) as app:
        assert [row.number for row in await rows_of(app, "mine", MINE)] == [1]


def test_every_column_type_can_be_stored() -> None:
    assert FITS.keys() == columns._FORMS.keys()


@pytest.mark.slow
@pytest.mark.process
async def test_the_commands_know_the_views_of_a_module(
    database_url: str, tmp_path: Path, hours: ModuleType
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    rostra: Callable[..., Rostra] = lambda module: Rostra(  # noqa: E731
        tmp_path / "data", database_url, ROSTRA_MASTER_KEY=MASTER_KEY.hex(),
        PYTHONPATH=f"{tmp_path}:{':'.join(sys.path)}", ROSTRA_VIEWS=module,
    )  # fmt: skip
    events, mine = Events(), rostra(hours.__name__)
    async with opening(database_url, hours.__name__) as app:
        await app.publish([events.opened(), events.posted("c0")])
        await rows_of(app, "hours", hours.HOURS)
        await app.wait(2, WAIT_SECONDS)  # the commands below block this process
        assert "hours: 2 events" in mine.must("rebuild", "hours", "--jobs", "2")
        [status] = [
            it for it in json.loads(mine.must("status", "--json"))["views"] if it["name"] == "hours"
        ]
        assert (status["position"], status["is_own"]) == (2, True)
        assert "view      hours: version 2, position 2" in mine.must("status")
        assert mine.run("verify").code == 0
    refused = rostra("no_such_module").run("status")
    assert refused.code == 2 and refused.err.count("\n") == 1 and "PYTHONPATH" in refused.err
