"""Votes come to a rebuild joined, after all else: it leaves what a fold of all in order leaves."""

import sys
from collections.abc import Callable
from unittest.mock import patch
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra import codec, ids
from rostra.log import Recorded
from rostra.times import Time
from rostra.vote import VoteCast
from rostra_adapters.postgres.rebuild import range_reader as log_ranges
from rostra_adapters.postgres.rebuild import ranges
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_projections.comments.bulk_votes import BETWEEN, TOPIC, QuickVotes
from rostra_projections.comments.rows import COMMENTS, CommentRow
from rostra_projections.memory import MemoryViews
from rostra_projections.range_fold import RangeFold
from rostra_projections.tables import Key
from rostra_projections.views import VIEWS
from support.cases import first_is_quick
from support.model import Act
from support.views import tables
from support.views.story import SITE, Events, Story, pages

Change = Callable[[list[Recorded]], list[Recorded]]

PLACES = "abcdef"
EACH = 9
"""Events in each place: opened, c0 to c2, a vote on each, one of them nullified, another vote."""


def told() -> Story:
    """The same in several discussions, in turn."""
    e = Events()
    acts = [
        e.opened(),
        *(e.posted(f"c{number}") for number in range(3)),
        *(e.vote(f"c{number}", "bo", (-1) ** number) for number in range(3)),
        e.act("vote.nullified", comment="c0", voter="bo", by="mo", reason="Bought."),
        e.vote("c0", "cy"),
    ]
    return Story([_elsewhere(act, place) for act in acts for place in PLACES], judged=False)


def _elsewhere(act: Act, place: str) -> Act:
    return act | {"id": f"{place} {act['id']}", "data": act["data"] | {"resource": place}}


def at(number: int, place: str) -> int:
    """Where the log has an event of a place."""
    return number * len(PLACES) + PLACES.index(place)


def changed(where: int, **change: object) -> Change:
    def change_it(rows: list[Recorded]) -> list[Recorded]:
        return [*rows[:where], msgspec.structs.replace(rows[where], **change), *rows[where + 1 :]]

    return change_it


def swapped(one: int, other: int) -> Change:
    def swap(rows: list[Recorded]) -> list[Recorded]:
        rows = list(rows)
        rows[one], rows[other] = (
            msgspec.structs.replace(rows[other], position=rows[one].position),
            msgspec.structs.replace(rows[one], position=rows[other].position),
        )
        return rows

    return swap


def vote(place: str, *, key: str = "c1", **change: object) -> bytes:
    cast = VoteCast(
        time=Time("2026-10-01T01:00:00.000000Z"),
        source="cms",
        id="n",
        comment=ids.comment_id(ids.discussion_id(SITE, place), key),
        voter="dee",
        value=1,
        was=0,
        now=1,
    )
    return codec.encode(msgspec.structs.replace(cast, **change))


VOTE = at(5, "c")
EVEN = {
    "nothing odd": lambda rows: rows,
    "a stream of another version": changed(VOTE, stream=UUID(int=4 << 76 | 2 << 62)),
    "a stream of another variant": changed(VOTE, stream=UUID(int=8 << 76 | 3 << 62)),
    "a topic that is not ours": changed(VOTE, topic="vote.spoilt"),
    "a state with room around": changed(VOTE, state=b" " + vote("c") + b"\n"),
}
ODD = {
    "no JSON": changed(VOTE, state=b"{"),
    "nothing": changed(VOTE, state=b""),
    "null": changed(VOTE, state=b"null"),
    "no UTF-8": changed(VOTE, state=vote("c", source="~").replace(b"~", b"\xff")),
    "two": changed(VOTE, state=vote("c") + b"," + vote("c")),
    "two as if joined": changed(VOTE, state=vote("c") + BETWEEN + vote("c")),
    "one more field": changed(VOTE, state=vote("c")[:-1] + b',"more":[[1]]}'),
    "no such comment": changed(VOTE, state=vote("c", key="c9")),
    "before its comment": swapped(VOTE, at(2, "c")),
    "after what cannot be folded": changed(at(3, "c"), state=b"{}"),
    "before what cannot be folded": changed(at(7, "c"), state=b"{}"),
    "a comment that is posted again": changed(at(7, "c"), topic="comment.posted"),
}
QUICK = ("nothing odd", "no JSON", "two as if joined", "before its comment")
BY_SEVERAL_JOBS = first_is_quick(
    [("no JSON", 2), *((it, 2) for it in EVEN | ODD if it != "no JSON")]
)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        *(
            (it, 1) if it in QUICK else pytest.param(it, 1, marks=pytest.mark.slow)
            for it in EVEN | ODD
        ),
        *BY_SEVERAL_JOBS,
    ],
)
async def test_rebuilt_are_the_rows_that_were_folded_in_order(
    database: asyncpg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    jobs: int,
) -> None:
    monkeypatch.setattr(ranges, "RANGE_EVENTS", EACH * 2)
    rows = (EVEN | ODD)[change](told().rows)
    views = MemoryViews()
    views.apply(rows)
    await tables.record(database, rows)
    await tables.fold(database, pages(rows, 10))
    good, parked = await tables.dump(database), await _parked(database)
    for view in VIEWS.values():
        for table in view.tables:
            assert good[table.name] == views.rows.of(table)
    asked = patch(
        "rostra_adapters.postgres.rebuild.fold_worker.in_order", wraps=log_ranges.in_order
    )
    with asked as in_order:
        assert {done.equal for done in await rebuild(database_url, jobs=jobs)} == {True}
    if jobs == 1:
        assert in_order.called == (change in ODD)
    assert (await tables.dump(database), await _parked(database)) == (good, parked)
    named = {(each.view, each.table, each.key) async for each in verify(database_url)}
    assert named == {(view, "stored_events", str(position)) for view, _, position, _ in parked}


@pytest.mark.parametrize("change", ["nothing odd", "no JSON", "two as if joined"])
async def test_a_view_that_counts_no_votes_parks_what_cannot_be_read(
    database: asyncpg.Connection, database_url: str, change: str
) -> None:
    rows = (EVEN | ODD)[change](told().rows)
    await tables.record(database, rows)
    await tables.fold(database, pages(rows, 10))
    parked = await _parked(database)
    assert bool(parked) == (change in ODD)
    (done,) = await rebuild(database_url, ["discussions"])
    assert done.equal
    assert await _parked(database) == parked


async def _parked(database: asyncpg.Connection) -> set[tuple[object, ...]]:
    found = "select view, discussion, position, error from rostra_parked"
    return {tuple(record) for record in await database.fetch(found)}


async def test_votes_are_joined_by_and_by(
    database: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_ranges, "JOINED_EVENTS", 1)
    rows = told().rows
    await tables.record(database, rows)
    await tables.fold(database, pages(rows, 50))
    good = await tables.dump(database)
    assert any(row.up for row in good[COMMENTS.name].values())
    assert {done.equal for done in await rebuild(database_url)} == {True}
    assert await tables.dump(database) == good


def test_a_range_that_is_done_lets_go_of_its_rows() -> None:
    """Else two of them are in memory while the next is folded."""
    rows = [row for row in told().rows if row.topic in ("comment.posted", TOPIC)]
    folded = RangeFold([VIEWS["comments"]])
    folded.add_events(
        (row.position, row.stream, row.topic, row.state, row.event_id)
        for row in rows
        if row.topic != TOPIC
    )
    votes = [row for row in rows if row.topic == TOPIC]
    joined = BETWEEN.join(row.state for row in votes)
    assert folded.add_votes([row.position for row in votes], joined)
    folded.finish()
    comments = folded.rows.of(COMMENTS)
    row = next(row for row in comments.values() if row.up)
    comments.clear()
    assert sys.getrefcount(row) <= 2  # ours, and the argument


def voted_on() -> dict[Key, CommentRow]:
    """Comments that stand before every vote."""
    views = MemoryViews()
    views.apply([row for row in told().rows if row.topic == "comment.posted"])
    return {
        id_: msgspec.structs.replace(row, position=0, changed=0)
        for id_, row in views.rows.of(COMMENTS).items()
    }


GOOD = st.sampled_from([vote("a"), vote("a", now=0, was=-1), vote("b", source=r"a\"],\n[b")])
PIECES = st.builds(
    lambda state, start, end: state[start:end], GOOD, st.integers(0, 180), st.integers(0, 180)
)
STRANGE = st.lists(
    st.one_of(GOOD, PIECES, st.sampled_from([BETWEEN, b",", b"[", b"]", b"{", b"}", b'"', b"1"])),
    max_size=4,
).map(b"".join)
TORN = st.tuples(GOOD, st.integers(0, 180)).map(lambda it: [it[0][: it[1]], it[0][it[1] :]])
"""A vote in two states, and so one less when they are joined."""


@given(
    st.lists(st.one_of(GOOD.map(lambda it: [it]), STRANGE.map(lambda it: [it]), TORN), min_size=1)
)
def test_joined_states_are_taken_only_if_each_alone_is_a_vote(parts: list[list[bytes]]) -> None:
    states = [state for part in parts for state in part]
    joined, alone = voted_on(), voted_on()
    positions = range(1, len(states) + 1)
    if QuickVotes(joined).count_joined_votes(positions, BETWEEN.join(states)):
        each = [(position, TOPIC, states[position - 1]) for position in positions]
        assert QuickVotes(alone).count_late_votes(each)
        assert joined == alone


@given(st.lists(GOOD, min_size=1))
def test_joined_votes_are_taken(states: list[bytes]) -> None:
    joined = QuickVotes(voted_on())
    assert joined.count_joined_votes(range(len(states)), BETWEEN.join(states))


TWO = vote("b") + BETWEEN + vote("b")


def _torn(before: bytes, without: bytes = b"") -> list[bytes]:
    start, end = vote("a").split(before)
    return [start, (before + end).removeprefix(without)]


@pytest.mark.parametrize(
    "states",
    [
        [TWO],
        [vote("a"), b"[]", vote("a")],
        [*_torn(b',"voter"', b","), TWO],
        [*_torn(b"ms"), TWO],
        [vote("a")[:-1] + b',"more":[[1', b"1]]}", TWO],
    ],
)
def test_two_votes_in_one_state_make_up_for_no_vote_in_two(states: list[bytes]) -> None:
    assert not QuickVotes(voted_on()).count_joined_votes(range(len(states)), BETWEEN.join(states))
