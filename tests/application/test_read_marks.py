"""Read marks of earlier epochs of the log, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from rostra.ids import Position
from rostra.log import LogHistory
from rostra_adapters.application.read_marks import MemoryReadMarks, ReadMarks
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.read_marks import PostgresReadMarks

BEFORE, NOW, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
FIRST = LogHistory(BEFORE)
PERSON, DISCUSSION = UUID(int=4), UUID(int=5)


def since(last: int) -> LogHistory:
    """Return the history of an epoch that shares positions up to `last` with the first one."""
    return LogHistory(NOW, Position(last), {BEFORE: Position(last)})


@pytest.fixture(params=["memory", "postgres"])
async def marks(request: pytest.FixtureRequest) -> AsyncIterator[ReadMarks]:
    if request.param == "memory":
        yield MemoryReadMarks()
        return
    pool = await create_pool(request.getfixturevalue("database_url"))
    yield PostgresReadMarks(pool)
    await pool.close()


async def test_a_mark_counts_up_to_what_the_epochs_share(marks: ReadMarks) -> None:
    await marks.advance(PERSON, DISCUSSION, FIRST, 9)
    assert await marks.find(PERSON, DISCUSSION, since(20)) == 9
    assert await marks.find(PERSON, DISCUSSION, since(7)) == 7
    assert await marks.find(PERSON, DISCUSSION, LogHistory(OTHER)) is None
    assert await marks.advance(PERSON, DISCUSSION, since(7), 3) == 7
    assert await marks.advance(PERSON, DISCUSSION, since(7), 8) == 8
    assert await marks.advance(PERSON, DISCUSSION, LogHistory(OTHER), 2) == 2


async def test_read_items_count_up_to_what_the_epochs_share(marks: ReadMarks) -> None:
    await marks.read_inbox(PERSON, FIRST, up_to=4, positions=[6, 9])
    shared = await marks.inbox(PERSON, since(7))
    assert [number for number in range(1, 11) if shared.is_read(number)] == [1, 2, 3, 4, 6]
    await marks.read_inbox(PERSON, since(7), positions=[8])
    now = await marks.inbox(PERSON, since(7))
    assert [number for number in range(1, 11) if now.is_read(number)] == [1, 2, 3, 4, 6, 8]
    assert not (await marks.inbox(PERSON, LogHistory(OTHER))).is_read(1)
