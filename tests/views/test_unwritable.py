"""What a view's tables cannot hold parks its discussion; all others go on."""

import secrets

import asyncpg
import msgspec
import pytest

from rostra_adapters.postgres.rebuild.run import rebuild
from rostra_adapters.postgres.rebuild.verify import verify
from rostra_adapters.postgres.views.projector import read_parked, states
from support.cases import first_is_quick
from support.model import Act
from support.views import tables
from support.views.story import Events, Story

INDEX_AUTHORS = {"comments", "moderation"}


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
