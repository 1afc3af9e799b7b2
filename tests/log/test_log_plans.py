"""Every statement of the log finds its rows by index, in a large table without statistics."""

import asyncio
import re
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra_adapters.postgres import binary_arrays
from rostra_adapters.postgres.log.append_call import APPEND, in_order, optimistic
from rostra_adapters.postgres.log.event_log import (
    HEAD,
    READ_AFTER,
    READ_BESIDES_VOTES,
    READ_DISCUSSION,
    READ_VOTES,
)
from rostra_adapters.postgres.log.stream_reads import READ_STREAMS
from support.appending import columns
from support.log_examples import one

ROWS = 1_000_000
NO_STATISTICS = "alter table stored_events set (autovacuum_enabled = false)"
FILL = """
insert into stored_events (originator_id, originator_version, topic, state)
select lpad(to_hex(number), 32, '0')::uuid, 1, 'told', '{}'
from generate_series(1, $1) number
"""
ANALYSED = "select reltuples >= 0 from pg_class where relname = 'stored_events'"
EXPLAIN_ALL = (
    "load 'auto_explain'",
    "set auto_explain.log_min_duration = 0",
    "set auto_explain.log_nested_statements = on",
    "set client_min_messages = log",
)

POSITION = "stored_events_notification_id_idx"
STREAM = "stored_events_pkey"


@pytest.mark.slow
async def test_by_index_whether_planned_on_an_empty_table_or_without_statistics(
    database: asyncpg.Connection, database_url: str
) -> None:
    await database.execute(NO_STATISTICS)
    early = await asyncpg.connect(database_url)
    await binary_arrays.exchange(early)
    for _ in range(7):  # what is going to be cached is cached by then
        await _append_both_ways(early)
    await database.execute(FILL, ROWS)
    assert await database.fetchval(ANALYSED) is False

    late = await asyncpg.connect(database_url)
    await binary_arrays.exchange(late)
    for connection in (early, late):
        await _guards_are_checked_by_index(connection)
    await _streams_and_pages_are_read_by_index(late)
    await asyncio.gather(early.close(), late.close())


async def _append_both_ways(connection: asyncpg.Connection) -> None:
    callers = [columns([one(uuid4(), upon={uuid4(): 0}) for _ in range(50)])]
    for plan in (optimistic(callers), in_order(callers)):
        await connection.fetchrow(APPEND, *plan.arguments)


async def _guards_are_checked_by_index(connection: asyncpg.Connection) -> None:
    """In the function, and everything else that it and the triggers do."""
    plans: list[str] = []
    for statement in EXPLAIN_ALL:
        await connection.execute(statement)
    connection.add_log_listener(lambda _, message: plans.append(str(message.message)))
    await _append_both_ways(connection)

    guards = [plan for plan in plans if "guard.stream" in plan]
    assert len(guards) == 3  # all at once twice, and one by one
    assert all(_indexes(plan) == {STREAM} and "Nested Loop" in plan for plan in guards)
    others = [_indexes(plan) for plan in plans if "from public.stored_events" in plan.lower()]
    assert all(indexes in ({STREAM}, {POSITION}) for indexes in others)
    ours = [plan for plan in plans if "stored_events" in plan]  # the driver has its own
    assert not re.search("Seq Scan|Bitmap|Hash", "".join(ours))


async def _streams_and_pages_are_read_by_index(connection: asyncpg.Connection) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"set plan_cache_mode = {mode}")
        streams = [UUID(int=number) for number in range(1, 1_000)]
        assert await _explained(connection, READ_STREAMS, streams, [0] * len(streams)) == {STREAM}
        near = (UUID(int=1), UUID(int=1_000), 500_000)
        assert await _explained(connection, READ_DISCUSSION, *near) == {STREAM}
        assert await _explained(connection, READ_VOTES, *near) == {STREAM}
        votes = (UUID(int=400), UUID(int=600))
        assert await _explained(connection, READ_BESIDES_VOTES, *near, *votes) == {STREAM}
        assert await _explained(connection, READ_AFTER, 500_000, 500) == {POSITION}
        assert await _explained(connection, HEAD) == {POSITION}


async def _explained(connection: asyncpg.Connection, query: str, *arguments: object) -> set[str]:
    rows = await connection.fetch(f"explain {query}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert not re.search("Seq Scan|Hash", plan), plan
    return _indexes(plan)


def _indexes(plan: str) -> set[str]:
    return set(re.findall(r"(?:Backward using|Scan using|Index Scan on) (\w+)", plan))
