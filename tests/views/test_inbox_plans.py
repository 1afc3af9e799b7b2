"""The reads of inboxes look at few rows, however much there is."""

from itertools import product
from typing import Any
from uuid import UUID

import asyncpg

from rostra.log import POSITION_MAX
from rostra_adapters.application.queries.inbox import ITEMS_READ_MAX
from rostra_adapters.postgres.views.queries import inbox as inbox_reads
from rostra_projections.inbox import SUBSCRIPTIONS_READ_MAX
from support.views import plans

VERSIONS = {"inbox": 1, "comments": 1}
LIMIT = 21
SUBSCRIPTIONS = 1_500
COMMENTS_OF_EACH = 20
ITEMS = 20_000
ONE = UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")  # md5 of 1
_ID = "md5(({})::text)::uuid"
_COMMENT = _ID.format("concat(d, '/', n)")
_POSITION = f"d + n * {SUBSCRIPTIONS}"
_OF_EACH = f"generate_series(1, {SUBSCRIPTIONS}) d, generate_series(1, {COMMENTS_OF_EACH}) n"
FILL = (
    f"""
insert into subscriptions_v1
select {_ID.format("concat(p, '-', d)")}, {_ID.format("d")}, 's', 'p' || p::text, 'comments', d
from generate_series(1, 3) p, generate_series(1, {SUBSCRIPTIONS}) d""",
    f"""
insert into inbox_comments_v1
select {_COMMENT}, {_ID.format("d")}, 'a' || (n % 7)::text, null, null, null, '[]', {_POSITION},
    '[]', {_POSITION}, now()
from {_OF_EACH}""",
    f"""
insert into comments_v1
select {_COMMENT}, {_ID.format("d")}, null, null, 0, null, 'a' || (n % 7)::text, 'published', 2,
    false, now(), null, 0, 0, 0, 0, null, null, null, null, {_POSITION}
from {_OF_EACH}""",
    f"""
insert into inbox_v1
select {_COMMENT}, 'p' || (d % 3)::text, {_POSITION}, 's', {_ID.format("d")}, now(),
    case when n % 3 = 0 then 'reply' else 'mention' end
from {_OF_EACH} where ({_POSITION}) % 2 = 0""",
    f"""
insert into inbox_erasures_v1
select {_ID.format("n")}, 's', 'a' || n::text, n * 20000 from generate_series(1, {ITEMS}) n""",
)

PERSON = ["s", "p1"]
READS: list[tuple[str, list[Any], set[str], int]] = [
    (
        inbox_reads.INBOX_OF,
        [*PERSON, POSITION_MAX, 0, LIMIT],
        {
            "inbox_v1_of_person",
            "subscriptions_v1_of_person",
            "inbox_comments_v1_published",
        },
        SUBSCRIPTIONS_READ_MAX + LIMIT,
    ),
    (
        inbox_reads.UNREAD,
        [*PERSON, POSITION_MAX, 0, ITEMS_READ_MAX, [5, 6]],
        {
            "inbox_v1_of_person",
            "subscriptions_v1_of_person",
            "inbox_comments_v1_published",
        },
        2 * ITEMS_READ_MAX,
    ),
    (inbox_reads.SUBSCRIBERS, [ONE, UUID(int=0), 100], {"subscriptions_v1_to"}, 100),
    (inbox_reads.SUBSCRIPTIONS_OF, [*PERSON, 100], {"subscriptions_v1_of_person"}, 100),
    (inbox_reads.ERASURES_OF, [[ONE]], {"inbox_erasures_v1_pkey"}, 10),
    (inbox_reads.INBOX_ABOUT, [[ONE], [7]], {"inbox_v1_pkey"}, 10),
]


async def test_each_read_looks_at_few_rows(database: asyncpg.Connection) -> None:
    for statement in FILL:
        await database.execute(statement)
    await database.execute("analyze")
    await database.execute("set jit = off")
    for (template, values, indexes, rows_max), generic in product(READS, (False, True)):
        statement = template.format(**VERSIONS)
        nodes = await plans.explain(database, statement, *values, generic=generic)
        told = "\n".join(map(str, nodes))
        assert indexes <= {node.index for node in nodes}, told
        assert max(node.rows for node in nodes) <= rows_max, told
