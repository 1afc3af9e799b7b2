"""The benches in their quick form: each runs once and finds numbers. How good they are is not
asked here.
"""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from bench import generate, report
from bench.databases import Databases
from bench.figures import Figure, table
from bench.fill import rows
from bench.generate import Load
from bench.peers import bare_rebuild, compared, stock_projection
from bench.processes import job
from bench.run import ROWS, Results, measure
from bench.setting import QUICK, Setting
from rostra import codec
from rostra.comment import CommentPosted
from rostra.deciding.handle import handle
from rostra.times import Time
from rostra.vote import VoteCast
from rostra.wire.cloudevents import command
from rostra_projections.tables import Table
from support.memory import MemoryLog, MemoryRing
from support.views.tables import all_rows

FUTURE = Time("2100-01-01T00:00:00.000000Z")
LOAD = Load(events=1_500, discussions=6, seed=3)


@pytest.fixture
def databases(empty_database_url: str) -> Databases:
    return Databases(empty_database_url)


async def log_of(load: Load) -> list[Any]:
    return [row async for some in rows(load, MemoryRing()) for row in some]


# -- the load


async def test_the_rows_are_those_that_publishing_the_same_load_makes() -> None:
    log, ring = MemoryLog(), MemoryRing()
    commands = [command(msgspec.json.encode(event), FUTURE) for event in generate.cloudevents(LOAD)]
    outcomes = await handle(log, ring, commands)
    assert Counter(outcome.status for outcome in outcomes) == {"recorded": len(commands)}
    written = await log_of(LOAD)
    assert len(written) == LOAD.events
    for published, (stream, version, topic, state, position, event_id, _) in zip(
        log.rows, written, strict=True
    ):
        assert (published.stream, published.version) == (stream, version)
        assert (published.position, published.event_id) == (position, event_id)
        assert unsealed(published.topic, published.state) == unsealed(topic, state)


def unsealed(topic: str, state: bytes) -> Any:
    """The event without its words, which are sealed differently each time."""
    event = codec.decode(topic, state)
    assert event is not None
    sealed = getattr(event, "personal", None) is not None
    return (sealed, msgspec.structs.replace(event, personal=None) if sealed else event)


async def test_the_same_seed_is_the_same_load() -> None:
    some = list(islice(generate.cloudevents(LOAD), 500))
    assert some == list(islice(generate.cloudevents(LOAD), 500))
    other = msgspec.structs.replace(LOAD, seed=4)
    assert some != list(islice(generate.cloudevents(other), 500))


async def test_the_load_is_mixed_as_it_should_be() -> None:
    log = await log_of(Load(events=6_000, discussions=20))
    topics = Counter(row[2] for row in log)
    assert 0.13 < topics[CommentPosted.topic] / len(log) < 0.17
    assert 0.77 < topics[VoteCast.topic] / len(log) < 0.83
    assert len(topics) >= 14
    posted = [codec.decode(row[2], row[3]) for row in log if row[2] == CommentPosted.topic]
    assert any(isinstance(one, CommentPosted) and one.parent for one in posted)
    assert any(isinstance(one, CommentPosted) and one.passage for one in posted)


# -- peers that must do the same work


async def test_bare_sql_fills_the_tables_with_what_a_rebuild_does(databases: Databases) -> None:
    url = await databases.loaded(LOAD)
    await bare_rebuild.rebuild(url)
    await assert_same_rows(url, bare_rebuild.VERSION)


@pytest.mark.slow
async def test_the_stock_runner_fills_the_tables_with_what_a_rebuild_does(
    databases: Databases,
) -> None:
    load = msgspec.structs.replace(LOAD, events=400)
    url = await databases.loaded(load)
    await job("stock_projection", url, str(load.events))
    await assert_same_rows(url, stock_projection.VERSION)


async def assert_same_rows(url: str, version: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for view in compared.views():
            live = await connection.fetchval(
                "select version from rostra_views where name = $1", view.name
            )
            for table_ in view.tables:
                expected = await rows_of(connection, table_, live)
                found = await rows_of(connection, table_, version)
                assert found.keys() == expected.keys(), table_.name
                assert found == pytest.approx(expected), table_.name
    finally:
        await connection.close()


async def rows_of(
    connection: asyncpg.Connection, table_: Table[Any], version: int
) -> dict[str, Any]:
    """By column and key. Which event ids the stock library does not keep is left out, and
    persons of whom nothing is counted any more.
    """
    found: dict[str, Any] = {}
    for row in await all_rows(connection, table_, version):
        fields = msgspec.structs.asdict(row)
        if table_.name == "participants" and fields["comments"] == 0:
            continue
        for name, value in fields.items():
            if not name.endswith("_event"):
                number = value if isinstance(value, float) else str(value)
                found[f"{table_.key_of(row)} {name}"] = number
    return found


# -- the measurements


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row != "others"])  # installs programs
async def test_it_measures(databases: Databases, run_folder: Path, row: str) -> None:
    figures = await measure(Setting(databases, QUICK, run_folder), [row])
    assert figures
    for figure in figures:
        assert figure.is_sound(), figure
    assert table(figures).count("\n") >= len(figures)


# -- what is made of the numbers


def test_a_figure_compares_round_by_round() -> None:
    figure = Figure(
        name="x",
        unit="events/s",
        ours=[10.0, 40.0, 30.0],
        peer="y",
        peers=[10.0, 20.0, 10.0],
        rule="at least",
        bar=2.0,
    )
    assert figure.compared() == [1.0, 2.0, 3.0]
    assert figure.holds()
    assert "2.00×" in table([figure])


def test_a_figure_without_a_bar_is_only_told() -> None:
    assert Figure(name="x", unit="bytes", ours=[1.0]).holds() is None


def test_what_costs_more_than_it_may_falls_short() -> None:
    figure = Figure(
        name="x", unit="ms", ours=[400.0], peers=[100.0], rule="at most more", bar=150.0
    )
    assert not figure.holds()
    assert "SHORT" in table([figure])


def test_the_report_tells_each_figure_as_it_was_measured_last(tmp_path: Path) -> None:
    old, new = (Figure(name="x", unit="ms", ours=[ms], bar=100.0) for ms in (300.0, 50.0))
    for number, figure in enumerate((old, new)):
        figure.rule = "at most alone"
        results = Results(f"202{number}", {}, QUICK, [figure])
        (tmp_path / f"{number}.json").write_bytes(msgspec.json.encode(results))
    (told,) = report.load(list(tmp_path.iterdir()))
    assert report.headroom(told) == 2.0
    assert "| x | 50.0 ms |" in report.markdown([told])
