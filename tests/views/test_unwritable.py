"""What views cannot fold or write parks its discussion; all others go on.

Programs other than Rostra may write to the log.
"""

import secrets
from collections.abc import Callable

import asyncpg
import msgspec
import pytest

from rostra.ids import discussion_of
from rostra_adapters.postgres.rebuild.rebuilding import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views.projector import read_parked, states
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.memory import MemoryViews
from support.cases import first_is_quick
from support.model import Act
from support.views import tables
from support.views.story import Events, Story, comment

INDEX_AUTHORS = {"comments", "moderation"}


def _nested(state: bytes) -> bytes:
    return state[:-1] + b',"more":' + b"[" * 3_000 + b"]" * 3_000 + b"}"


def _as_taken_back(state: bytes) -> bytes:
    return state.replace(b'"was":0,"now":1', b'"was":1,"now":-1')


def _below_a_comment_here(state: bytes) -> bytes:
    parent = str(comment("c0")).encode()
    return state[:-1] + b',"depth":1,"path":["%b"]}' % parent


Broken = Callable[[bytes], bytes]
ODD: list[tuple[str, Broken, int]] = [
    # topic, what another program wrote, and how many discussions are parked
    ("discussion.closed", _nested, 1),
    ("vote.cast", _nested, 1),
    ("vote.cast", _as_taken_back, 0),
    ("comment.posted", _below_a_comment_here, 1),
]


@pytest.mark.parametrize(("kind", "breaks", "parked"), ODD)
async def test_no_event_of_another_program_stops_the_views(
    database: asyncpg.Connection, database_url: str, kind: str, breaks: Broken, parked: int
) -> None:
    events = Events()
    here = [events.opened(title="T"), events.posted("c0")]
    posted, voted = events.posted("d0"), events.vote("d0", "v")
    there = [
        _elsewhere(it) for it in (events.opened(), posted, voted, events.act("discussion.closed"))
    ]
    rows = list(Story([*here, *there, events.vote("c0", "v")]).rows)
    discussion = discussion_of(rows[2].stream)
    bad = next(
        number
        for number, row in enumerate(rows)
        if discussion_of(row.stream) == discussion and row.topic == kind
    )
    state = breaks(rows[bad].state)
    assert state != rows[bad].state
    rows[bad] = msgspec.structs.replace(rows[bad], state=state)
    await tables.record(database, rows)

    memory = MemoryViews()
    memory.apply(rows)
    await tables.fold(database, [rows])

    assert memory.rows.of(COMMENTS)[comment("c0")].up == 1
    found = await tables.dump(database)
    assert found["comments"] == memory.rows.of(COMMENTS)
    for view in await states(database):
        assert view.position == rows[-1].position
    (comments,) = await states(database, names=["comments"])
    found_parked = [it.discussion for it in await read_parked(database, comments)]
    assert found_parked == [discussion] * parked
    assert {it.equal for it in await rebuild(database_url)} == {True}
    named = {it.table for it in [it async for it in verify(database_url)]}
    assert named == ({"stored_events"} if parked else set())


def _elsewhere(act: Act) -> Act:
    return act | {"id": f"elsewhere {act['id']}", "data": act["data"] | {"resource": "/elsewhere"}}


@pytest.mark.parametrize("at_once", first_is_quick([4, 1, 100]))
async def test_what_cannot_be_written_parks_its_discussion_alone(
    database: asyncpg.Connection, database_url: str, at_once: int
) -> None:
    """A writer of another program may have recorded an id that is too long for an index."""
    events = Events()
    here = [events.opened(title="T"), events.posted("c0"), events.vote("c0", "v")]
    there = [_elsewhere(it) for it in (events.opened(title="U"), events.posted("c0", by="zoe"))]
    later = [events.posted("c1"), events.vote("c1", "v")]
    rows = list(Story([*here, *there, *later]).rows)
    bad = next(number for number, row in enumerate(rows) if b'"zoe"' in row.state)
    too_long = secrets.token_hex(5_000).encode()
    state_of_it = rows[bad].state.replace(b'"zoe"', b'"%b"' % too_long)
    rows[bad] = msgspec.structs.replace(rows[bad], state=state_of_it)
    await tables.record(database, rows)

    await tables.fold(
        database, [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
    )

    for state in await states(database):
        assert state.position == rows[-1].position
        parked = [(it.position, it.error) for it in await read_parked(database, state)]
        if state.name in INDEX_AUTHORS:
            ((position, error),) = parked
            assert position == rows[bad].position and "index row" in error
        else:
            assert parked == []
    for jobs in (1, 2):
        done = await rebuild(database_url, jobs=jobs)
        assert {it.view for it in done if it.equal} == {it.view for it in done}
        parked_at = {it.view: [each.position for each in it.parked] for it in done if it.parked}
        assert parked_at == {view: [rows[bad].position] for view in INDEX_AUTHORS}
    differences = [it async for it in verify(database_url)]
    assert {it.view for it in differences} == INDEX_AUTHORS
    assert {it.table for it in differences} == {"rostra_parked"}
    found = await tables.dump(database)
    assert {row.title for row in found["discussions"].values()} == {"T", "U"}
    assert len(found["comments"]) == 2
