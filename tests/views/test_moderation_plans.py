"""The reads of moderation are answered by the index meant for each, however much there is."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from rostra_adapters.postgres.views.queries import moderation as moderation_reads
from rostra_adapters.postgres.views.queries import reads
from support.views import plans
from support.views.story import DISCUSSION
from views.conftest import Filled

VERSIONS = {"moderation": 1, "comments": 1}
FEW_ROWS = 1_000
MANY = 20_000
COMMENT = "md5(n::text)::uuid"
_QUEUE = f"""
insert into moderation_queue_v1
select {COMMENT}, 's' || (n % 3)::text, 'a' || (n % 100)::text, n, case when n % 2 = 0 then n end,
    case when n % 2 = 1 then n end, n % 2, case when n % 2 = 0 then n end, n % 2 = 0,
    case when n % 2 = 1 then n end, case when n % 2 = 0 then n end, null
from generate_series(1, {MANY}) n"""
_FLAGS = f"""
insert into moderation_flags_v1
select {COMMENT}, 'p' || p::text, now(), null, null, {COMMENT}, n + p
from generate_series(1, {MANY // 10}) n, generate_series(1, 10) p"""
_ACTS = f"""
insert into moderation_acts_v1
select {COMMENT}, n, 's' || (n % 3)::text, case when n % 2 = 0 then $1::uuid else {COMMENT} end,
    now(), 'pin', null, null, null, null
from generate_series(1, {MANY}) n"""
_PENDING = f"""
insert into pending_wordings_v1
select {COMMENT}, case when n % 2 = 0 then n end, now(), null, null, 'urn:cms', n::text
from generate_series(1, {MANY}) n"""
_COMMENTS = f"""
insert into comments_v1
select {COMMENT}, $1::uuid, n::text, null, 0, null, 'a', 'held', 1, false, now(), null,
    0, 0, 0, 0, '\\x00', null, null, null, n
from generate_series(1, $2::integer) n"""
ONE = UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")  # md5 of 1

READS: list[tuple[str, list[Any], str]] = [
    *(
        (statement, ["s1", 9_000, 20], f"moderation_queue_v1_{queue}")
        for queue, statement in moderation_reads.QUEUES.items()
    ),
    *(
        (statement, ["s1", 9_000, 20, "a1"], f"moderation_queue_v1_{queue}_of_author")
        for queue, statement in moderation_reads.QUEUES_OF_AUTHOR.items()
    ),
    (moderation_reads.COUNTS_OF_QUEUES, ["s1", 1_000], "moderation_queue_v1_held"),
    *(
        (moderation_reads.AUTHOR_RECORD, ["s1", "a1", 1_000], f"moderation_queue_v1_{name}")
        for name in ("recent_of_author", "held_of_author", "rejected_of_author")
    ),
    (moderation_reads.QUEUED, [ONE], "moderation_queue_v1_pkey"),
    (moderation_reads.QUEUED_OF, [[ONE]], "moderation_queue_v1_pkey"),
    (moderation_reads.SEALED_COMMENTS, ["s1", 100, 9_000], "moderation_queue_v1_recent"),
    (reads.PENDING_OF, [[ONE]], "pending_wordings_v1_pkey"),
    (moderation_reads.FLAGS_OF, [[ONE]], "moderation_flags_v1_pkey"),
    (moderation_reads.ACTS_OF, [DISCUSSION, 20, 9_000], "moderation_acts_v1_of_discussion"),
    (moderation_reads.ACTS_OF_SITE, ["s1", 20, 9_000], "moderation_acts_v1_of_site"),
]


@pytest.fixture(scope="module")
def large_url(filled: Filled) -> str:
    async def fill(database: asyncpg.Connection) -> None:
        await database.execute(_QUEUE)
        await database.execute(_COMMENTS, DISCUSSION, MANY)
        await database.execute(_FLAGS)
        await database.execute(_PENDING)
        await database.execute(_ACTS, DISCUSSION)
        await database.execute("analyze")

    return filled(fill)


_QUEUES_OF_SIZES = f"""
insert into moderation_queue_v1
select {COMMENT}, case when n <= 50 then 'few' else 'many' end, 'a', n, n, null, 0, null, false,
    null, null, null
from generate_series(1, 50050) n"""
_RANKS_OF_QUEUES = """
insert into comment_ranks_v1
select id, 0, 0, 0, 0, 0, 0, position, discussion, parent, passage, pinned, posted_at, position
from comments_v1"""


@pytest.mark.slow
async def test_a_long_queue_opens_with_as_few_buffers_as_a_short_one(
    database: asyncpg.Connection,
) -> None:
    await database.execute(_QUEUES_OF_SIZES)
    await database.execute(_COMMENTS, DISCUSSION, 50_050)
    await database.execute(_RANKS_OF_QUEUES)
    await database.execute("analyze")

    async def buffers(template: str, *values: Any) -> int:
        statement = "explain (analyze, buffers, format json) " + template.format(**VERSIONS)
        await database.fetchval(statement, *values)  # sets hint bits
        (plan,) = json.loads(await database.fetchval(statement, *values))
        found: int = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        return found

    held = moderation_reads.QUEUES["held"]
    few, many = [await buffers(held, site, -1, 21) for site in ("few", "many")]
    assert many <= 1.5 * few, (few, many)
    deep = await buffers(held, "many", 40_000, 21)
    assert deep <= 1.5 * few, (few, deep)
    counted = await buffers(moderation_reads.COUNTS_OF_QUEUES, "many", 1_000)
    assert counted <= 200, counted


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize(("template", "values", "index"), READS)
async def test_each_read_has_its_index(
    large_url: str, template: str, values: list[Any], index: str, mode: str
) -> None:
    statement = template.format(**VERSIONS)
    async with plans.unchanged(large_url) as database:
        nodes = await plans.explain(database, statement, *values, generic=mode == "generic")
    assert index in {node.index for node in nodes}, list(map(str, nodes))
    assert max(node.rows for node in nodes) <= FEW_ROWS, list(map(str, nodes))
