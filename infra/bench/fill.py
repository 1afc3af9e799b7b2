"""Puts a load straight into the log table by COPY, its words sealed, and builds its views."""

from collections.abc import AsyncIterator, Iterable
from itertools import islice
from uuid import UUID

import asyncpg

import rostra_adapters
from bench.generate import SITE, SOURCE, Generator, Load, Step
from rostra import codec, ids
from rostra.sealing import KeyRing
from rostra_adapters.keys.ring import MasterKeys
from rostra_adapters.postgres import PostgresKeyRing, create_pool, schema

MASTER_KEY = bytes(range(32))
COPIED_STEPS = 20_000
COLUMNS = (
    "originator_id",
    "originator_version",
    "topic",
    "state",
    "notification_id",
    "event_id",
    "metadata",
)

Row = tuple[UUID, int, str, bytes, int, UUID, str]
"""A row of the log table, in the order of `COLUMNS`."""

_SEQUENCE = """
select setval('public.stored_events_notification_id_seq', max(notification_id))
from public.stored_events"""
_STAND_AT_HEAD = """
update public.rostra_views set position = (select max(notification_id) from public.stored_events)"""


async def fill(url: str, load: Load) -> None:
    """Fill an empty database: schema, log, keys, and views that have reached the head."""
    pool = await create_pool(url)
    try:
        async with pool.acquire() as connection:
            await schema.install(connection)
        ring = PostgresKeyRing(pool, MasterKeys(MASTER_KEY))
        async with pool.acquire() as connection:
            async for some in rows(load, ring):
                await connection.copy_records_to_table(
                    "stored_events", schema_name="public", columns=COLUMNS, records=some
                )
            await connection.execute(_SEQUENCE)
            await connection.execute("vacuum (freeze, analyze) public.stored_events", timeout=600)
    finally:
        await pool.close()
    await _build_views(url)


async def rows(load: Load, ring: KeyRing) -> AsyncIterator[list[Row]]:
    """The log, some thousands of rows at a time."""
    steps = Generator(load).steps()
    position = 0
    while some := list(islice(steps, COPIED_STEPS)):
        await ring.make(_owners(some))
        made: list[Row] = []
        for step in some:
            _add(made, step, ring, position)
        yield made
        position += len(made)


def _owners(steps: Iterable[Step]) -> set[UUID]:
    return {
        codec.words_owner(event, SITE)
        for step in steps
        for _, _, event in step.events
        if codec.plain_words(event) is not None
    }


def _add(made: list[Row], step: Step, ring: KeyRing, position: int) -> None:
    """The rows of a step, `made` having begun after `position`."""
    name = step.name
    event_id = ids.event_id(SOURCE, name)
    by = f',"by":"{step.by}"' if step.by else ""
    metadata = f'{{"source":"{SOURCE}","id":"{name}"{by},"at":"{step.time}"}}'
    for stream, version, event in step.events:
        sealed = codec.seal(event, ring, stream=stream, event_id=event_id, site=SITE)
        at = position + len(made) + 1
        made.append((stream, version, event.topic, codec.encode(sealed), at, event_id, metadata))


async def _build_views(url: str) -> None:
    """Rebuild the views up to the log's head, and set their position to it."""
    async with rostra_adapters.open(url, master_key=MASTER_KEY, project=False) as app:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(_STAND_AT_HEAD)
            await app.rebuild()
            await connection.execute("checkpoint")
        finally:
            await connection.close()
