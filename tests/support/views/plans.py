"""Tables of realistic size, and what PostgreSQL does to answer from them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from rostra_adapters.postgres.views import row_store
from rostra_projections.comments.fold import inline_group
from rostra_projections.comments.rows import COUNTS
from support.views.story import DISCUSSION, passage

LARGE = 30_000
"""Comments of the one discussion; about as many again are in others."""
OTHERS = 400
"""Discussions; each has `COMMENTS_OF_OTHERS`."""
COMMENTS_OF_OTHERS = 50
MOVES = 2_000
"""In the one discussion, of twenty times as many."""
POSITIONS = 1_000_000
LINEAGE = "a lineage"

_ID = "md5(({})::text)::uuid"
_FILL_COMMENTS = f"""
insert into comments_v1
select {_ID.format("n")}, $1::uuid, 'c' || n::text,
    case when n % 5 = 0 then {_ID.format("n - n % 1000 + 1")} end,
    case when n % 5 = 0 then 1 else 0 end,
    case when n % 7 = 1 then $2::uuid end,
    'a' || (n % 1000)::text,
    case when n % 50 = 2 then 'held' when n % 20 = 3 then 'removed' else 'published' end,
    case when n % 50 = 2 then 1 when n % 20 = 3 then 0 else 2 end, n % 20000 = 1,
    timestamptz '2026-01-01' + n * interval '1 minute', null,
    case when n % 1000 = 1 then 200 else 0 end, 0, case when n % 1000 = 1 then 200 else 0 end, 0,
    '\\x00', null, null, null, n
from generate_series(1, $3::integer) n"""
_FILL_OTHERS = f"""
insert into comments_v1
select {_ID.format("concat(d, '/', n)")}, {_ID.format("d")}, 'c' || n::text, null, 0, null,
    'a' || n::text, 'published', 2, false,
    timestamptz '2026-01-01' + n * interval '1 minute', null,
    0, 0, 0, 0, '\\x00', null, null, null, n * d
from generate_series(1, $1::integer) d, generate_series(1, $2::integer) n"""
_FILL_RANKS = """
insert into comment_ranks_v1
select id, n % 40, n % 11, n % 40 - n % 11, (n % 997) / 1000.0, (n % 991) / 10.0, n / 100.0,
    position, discussion, parent, passage, pinned, posted_at, position
from comments_v1 cross join lateral (select substr(key, 2)::integer as n) of"""
_FILL_COUNTS = f"""
insert into comment_counts_v1
select {_ID.format("d")}, 's', 50, 0, 50, 50, 50, 0, 0, now(), now(), now() - d * interval '1 s', d
from generate_series(1, $1::integer) d"""
_FILL_DISCUSSIONS = f"""
insert into discussions_v1
select {_ID.format("d")}, 's', 'r' || d::text, null, null, true, '{{}}', now(), d
from generate_series(1, $1::integer) d"""
_FILL_PASSAGES = f"""
insert into passages_v1
select {_ID.format("concat(d, 'p')")}, {_ID.format("d / 10")}, 'p', null, 'x',
    null, null, d, d, 'anchored', null, null, true, true, d, d
from generate_series(1, $1::integer) d"""
_FILL_PARTICIPANTS = f"""
insert into participants_v1
select {_ID.format("d")}, 'a' || n::text, 1, null, d
from generate_series(1, $1::integer) d, generate_series(1, $2::integer) n"""
_FILL_MOVES = f"""
insert into comment_moves
select '{LINEAGE}', case when n % 20 = 0 then $1::uuid else {_ID.format("n")} end, 900000 + n / 10,
    {_ID.format("n / 10")}, 2, false, 3, 0.5, 0.5, 0.5
from generate_series(1, $2::integer) n"""


@asynccontextmanager
async def unchanged(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to a database that several tests share, in a transaction that is rolled back."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("set local jit = off")
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def fill(connection: asyncpg.Connection) -> None:
    """Rows that nobody has analysed yet."""
    await connection.execute(_FILL_COMMENTS, DISCUSSION, passage("p0"), LARGE)
    await connection.execute(_FILL_OTHERS, OTHERS, COMMENTS_OF_OTHERS)
    await connection.execute(_FILL_RANKS)
    await connection.execute(_FILL_COUNTS, OTHERS)
    await connection.execute(_FILL_DISCUSSIONS, OTHERS)
    await connection.execute(_FILL_PASSAGES, OTHERS * 10)
    await connection.execute(_FILL_PARTICIPANTS, OTHERS, COMMENTS_OF_OTHERS)
    await connection.execute(_FILL_MOVES, DISCUSSION, 20 * MOVES)
    await connection.execute("update rostra_views set position = $1", POSITIONS)
    rows = [
        COUNTS.row(group, "s" if group == DISCUSSION else None, comments=LARGE)
        for group in (DISCUSSION, inline_group(DISCUSSION), passage("p0"))
    ]
    await row_store.copy(connection, COUNTS, 1, rows)


class Node(msgspec.Struct):
    """A step of a plan, with what it read."""

    kind: str
    table: str | None
    index: str | None
    rows: float
    """Put out or filtered away, in all loops."""
    filter: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.index or self.table or ''} {self.rows:.0f}"


async def explain(
    connection: asyncpg.Connection, statement: str, *args: Any, generic: bool
) -> list[Node]:
    """What a statement does, planned for these arguments or for any."""
    mode = "force_generic_plan" if generic else "force_custom_plan"
    await connection.execute(f"set plan_cache_mode = {mode}")
    await connection.execute(f"prepare it as {statement}")
    try:
        return await explain_prepared(connection, "it", *args)
    finally:
        await connection.execute("deallocate it")


async def explain_planned_early(
    connection: asyncpg.Connection,
    reads: Sequence[tuple[str, Sequence[Any]]],
    fill: Callable[[asyncpg.Connection], Awaitable[None]],
) -> list[list[Node]]:
    """What statements do when tables are filled that were empty when the plans were made.

    PostgreSQL may plan anew in between, whenever another session changes its catalogues.
    """
    await connection.execute("set plan_cache_mode = force_generic_plan")
    for number, (statement, args) in enumerate(reads):
        await connection.execute(f"prepare early_{number} as {statement}")
        await explain_prepared(connection, f"early_{number}", *args)
    await fill(connection)
    return [
        await explain_prepared(connection, f"early_{number}", *args)
        for number, (_, args) in enumerate(reads)
    ]


async def explain_prepared(connection: asyncpg.Connection, name: str, *args: Any) -> list[Node]:
    """What a prepared statement does. Its plan for any arguments is made the first time."""
    literals = ", ".join(map(_literal, args))
    execute = f"execute {name}({literals})" if args else f"execute {name}"
    plan = await connection.fetchval(f"explain (analyze, format json) {execute}")
    return list(_nodes(json.loads(plan)[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[Node]:
    loops = plan["Actual Loops"]
    removed = sum(value for name, value in plan.items() if name.startswith("Rows Removed by"))
    rows = (plan["Actual Rows"] + removed) * loops
    table, index = plan.get("Relation Name"), plan.get("Index Name")
    yield Node(plan["Node Type"], table, index, rows, plan.get("Filter", ""))
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool() | int() | float():
            return str(value)
        case list():
            return f"array[{', '.join(map(_literal, value))}]"
        case UUID():
            return f"'{value}'::uuid"
        case _:
            return f"'{value}'"
