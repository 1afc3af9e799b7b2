"""A log that lost its last events, as by the promotion of a standby that lacked them."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest

import rostra_adapters
from rostra.log import LogReplaced, Recorded
from rostra_adapters.application.log_follower import LogFollower
from rostra_adapters.postgres.log.event_log import PostgresLog
from support.appending import append
from support.log_examples import one
from support.service import MASTER_KEY
from support.views.story import Events

WAIT_SECONDS_MAX = 60.0
LOSE = """
alter table public.stored_events disable trigger all;
delete from public.stored_events where notification_id > 2;
alter table public.stored_events enable trigger all;
select setval('public.stored_events_notification_id_seq', 2);
"""
TERMINATE = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'rostra'"""


async def lose(database: asyncpg.Connection) -> None:
    await database.execute(LOSE)
    await database.execute(TERMINATE)


async def test_a_follower_beyond_the_end_is_not_left_to_wait(
    database: asyncpg.Connection, database_url: str
) -> None:
    async with await PostgresLog.open(database_url) as log:
        await append(log, [one(uuid4()) for _ in range(5)])
        await database.execute(LOSE)
        with pytest.raises(LogReplaced, match="ends before position 5"):
            await asyncio.wait_for(anext(log.follow(5, 10)), WAIT_SECONDS_MAX)


async def test_followers_of_a_process_begin_at_the_new_end(
    database: asyncpg.Connection, database_url: str
) -> None:
    begun: asyncio.Queue[int] = asyncio.Queue()
    lost = asyncio.Event()
    found: asyncio.Queue[int] = asyncio.Queue()

    async def handle(_: int, rows: Sequence[Recorded]) -> None:
        for row in rows:
            found.put_nowait(row.position)

    async with await PostgresLog.open(database_url) as log, asyncio.timeout(WAIT_SECONDS_MAX):
        await append(log, [one(uuid4()) for _ in range(5)])
        follower = LogFollower(
            log, "example", rows_max=10, begin=begun.put_nowait, handle=handle, lose=lost.set
        )
        assert await begun.get() == 5
        await lose(database)
        await lost.wait()
        assert await begun.get() == 2
        await append(log, [one(uuid4())])
        assert await found.get() == 3
        follower.cancel()


async def test_the_views_follow_without_new_events(
    database: asyncpg.Connection, database_url: str
) -> None:
    """The standby had the views of its last event but one."""
    events = Events()
    async with rostra_adapters.open(database_url, master_key=MASTER_KEY) as app:
        await app.publish([events.opened(), *(events.posted(f"c{n}") for n in range(4))])
        await app.wait(await app.head(), 60)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await lose(database)
            await database.execute("update rostra_views set position = 1")
            while app.position() != 2:  # noqa: ASYNC110  # the watch tells nobody
                await asyncio.sleep(0.02)
