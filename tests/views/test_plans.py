"""Every read is answered by the index that is meant for it, however much there is."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from rostra.settings import Order
from rostra_adapters.postgres.views import row_store
from rostra_adapters.postgres.views.projector import (
    BY_INDEX_AND_NOT_FLUSHED,
    LATEST,
    LATEST_INLINE,
)
from rostra_adapters.postgres.views.queries import reads
from rostra_adapters.postgres.views.queries.comment_lists import (
    SORTED_COMMENTS_MAX,
    From,
    of_listing,
    page_statement,
)
from rostra_adapters.postgres.views.queries.site_comments import FROM_THE_START, SITE_COMMENTS
from rostra_projections.comments.rows import COMMENTS, COUNTS, PARTICIPANTS
from rostra_projections.listing import ORDERS, Listing, ListKind
from rostra_projections.responses.shapes import ANYONE
from support.cases import first_is_quick
from support.views import judge, plans
from support.views.story import DISCUSSION, passage
from views.conftest import Filled

FEW_ROWS = 1_000
"""A page, the rows passed over on the way to it, and the replies below."""
READ_ONCE = 4 * plans.LARGE
"""Where the planner knows nothing yet, it may look at all of a discussion, but not again
and again."""
LIMIT = 20
MERGED_AHEAD_MAX = 10
"""Rows of sections that a page does not show: the next one of each, and those that are hidden."""
VERSIONS = {"comments": 1, "discussions": 1, "passages": 1}
TIMES: tuple[Order, ...] = ("newest", "oldest")
RANKED: tuple[Order, ...] = tuple(order for order in judge.ORDERS if order not in TIMES)
ONE_PARENT = "select id from comments_v1 where replies = 200 order by position offset 5 limit 1"


BEGINNINGS: dict[ListKind, tuple[From, ...]] = {
    "top": ("start", "pinned", "rest"),
    "flat": ("start", "rest"),
    "replies": ("start", "rest"),
}


@pytest.fixture(scope="module", params=first_is_quick(["analysed", "new"]))
def large_url(filled: Filled, request: pytest.FixtureRequest) -> str:
    """The URL of large views, which have just been filled or have been analysed."""

    async def fill(database: asyncpg.Connection) -> None:
        await _without_autovacuum(database)
        await plans.fill(database)
        if request.param == "analysed":
            await database.execute("analyze")

    return filled(fill)


async def _without_autovacuum(database: asyncpg.Connection) -> None:
    """Keep PostgreSQL from analysing the tables."""
    for table in sorted(LARGE_TABLES):
        await database.execute(f"alter table {table} set (autovacuum_enabled = off)")


@pytest.fixture
async def large(large_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with plans.unchanged(large_url) as connection:
        yield connection


def _served(parent: Any) -> Iterator[tuple[Listing, str]]:
    """The lists for which there is an index."""
    for order in RANKED:
        column = ORDERS[order][0]
        yield Listing("top", DISCUSSION, order), f"comment_ranks_v1_top_{column}"
        for level in ("top", "below"):
            yield Listing("flat", DISCUSSION, order), f"comment_ranks_v1_{level}_{column}"
    for order in TIMES:
        yield Listing("top", DISCUSSION, order), "comments_v1_top_time"
        yield Listing("flat", DISCUSSION, order), "comments_v1_flat_time"
        yield Listing("replies", DISCUSSION, order, parent=parent), "comments_v1_replies"
        yield Listing("flat", DISCUSSION, order, inline=True), "comments_v1_inline"
        on_passage = Listing("flat", DISCUSSION, order, passage=passage("p0"))
        yield on_passage, "comments_v1_passage"


def _page(listing: Listing, begin: From) -> tuple[str, list[Any]]:
    """A page of a list; `begin` in the midst of what it holds."""
    replies = listing.kind != "flat"
    text, names = page_statement(
        listing.kind, of_listing(listing), listing.order, begin, replies=replies
    )
    values = reads.parameters(listing, ANYONE, limit=LIMIT + 1, replies=3)
    values |= {"as_of": 900_000, "lineage": plans.LINEAGE}
    values |= {"last_value": 10.0, "last_position": plans.LARGE // 2}
    values["last_at"] = "2026-01-11T10:00:00Z"
    return text.format(**VERSIONS), [values[name] for name in names]


async def test_a_page_reads_little_more_than_it_shows_wherever_it_begins(
    large: asyncpg.Connection,
) -> None:
    known = await _is_analysed(large)
    for listing, index in _served(await large.fetchval(ONE_PARENT)):
        for begin in BEGINNINGS[listing.kind]:
            statement, args = _page(listing, begin)
            for generic in (False, True):
                nodes = await plans.explain(large, statement, *args, generic=generic)
                about = (listing, begin, generic)
                _assert_few_rows(nodes, about, FEW_ROWS if known else READ_ONCE)
                _assert_moves_are_hashed(nodes, about)
                if known:
                    _assert_index(nodes, index, about)


async def test_a_flat_ranked_list_merges_its_sections(large: asyncpg.Connection) -> None:
    """Each row of a page is looked up once, from the section that has the next one."""
    if not await _is_analysed(large):
        return
    for order in RANKED:
        statement, args = _page(Listing("flat", DISCUSSION, order), "start")
        for generic in (False, True):
            nodes = await plans.explain(large, statement, *args, generic=generic)
            said = (order, generic, list(map(str, nodes)))
            assert "Merge Append" in {node.kind for node in nodes}, said
            ranked = [it for it in nodes if it.index and it.index.endswith(f"_{ORDERS[order][0]}")]
            assert sum(it.rows for it in ranked) <= LIMIT + 1 + MERGED_AHEAD_MAX, said


def _sorted(parent: Any) -> Iterator[tuple[Listing, str]]:
    """Lists that no index has in this order, and the index that has their comments."""
    for order in RANKED:
        yield Listing("replies", DISCUSSION, order, parent=parent), "comments_v1_replies"
        yield Listing("flat", DISCUSSION, order, passage=passage("p0")), "comments_v1_passage"
        yield Listing("top", DISCUSSION, order, passage=passage("p0")), "comments_v1_passage"
        yield Listing("flat", DISCUSSION, order, inline=True), "comments_v1_inline"


async def test_a_list_that_is_sorted_reads_its_own_comments_alone(
    large: asyncpg.Connection,
) -> None:
    known = await _is_analysed(large)
    for listing, index in _sorted(await large.fetchval(ONE_PARENT)):
        for begin in BEGINNINGS[listing.kind]:
            statement, args = _page(listing, begin)
            nodes = await plans.explain(large, statement, *args, generic=True)
            about = (listing, begin)
            if known:
                _assert_index(nodes, index, about)
            read = sum(node.rows for node in nodes if node.index == index)
            held = 200 if listing.kind == "replies" else plans.LARGE / 7
            sections = 2 if listing.kind == "top" and begin != "rest" else 1
            assert read <= sections * held + FEW_ROWS, (about, list(map(str, nodes)))


async def test_a_list_too_long_to_sort_is_read_in_its_order(large: asyncpg.Connection) -> None:
    """The passage holds one in seven of the discussion's comments."""
    if not await _is_analysed(large):
        return
    await large.execute(
        "update comment_counts_v1 set flat = $2 where id = $1",
        passage("p0"),
        SORTED_COMMENTS_MAX + 1,
    )
    for order in RANKED:
        for kind in ("top", "flat"):
            listing = Listing(kind, DISCUSSION, order, passage=passage("p0"))
            for begin in BEGINNINGS[kind]:
                statement, args = _page(listing, begin)
                for generic in (False, True):
                    nodes = await plans.explain(large, statement, *args, generic=generic)
                    index = f"comment_ranks_v1_top_{ORDERS[order][0]}"
                    _assert_index(nodes, index, (listing, begin))
                    _assert_few_rows(nodes, (listing, begin), 7 * FEW_ROWS)
                    assert not [it for it in nodes if it.index == "comments_v1_passage" and it.rows]


async def _is_analysed(connection: asyncpg.Connection) -> bool:
    statement = "select reltuples > 0 from pg_class where relname = 'comments_v1'"
    return bool(await connection.fetchval(statement))


def _assert_index(nodes: list[plans.Node], index: str, about: object) -> None:
    assert index in {node.index for node in nodes}, (about, list(map(str, nodes)))


def _assert_moves_are_hashed(nodes: list[plans.Node], about: object) -> None:
    """What has moved is looked at once, and not again for each row."""
    for node in nodes:
        assert node.filter.count("SubPlan") == node.filter.count("hashed SubPlan"), about


def _assert_few_rows(nodes: list[plans.Node], about: object, most: int = FEW_ROWS) -> None:
    said = (about, list(map(str, nodes)))
    assert not [it for it in nodes if it.kind == "Seq Scan" and it.table in LARGE_TABLES], said
    moved = ("comments_v1_pkey", "comment_ranks_v1_pkey", "comment_moves_since")
    read = [it for it in nodes if ("Scan" in it.kind and it.table) or it.index]
    others = [it for it in read if it.index not in moved and it.table != "comment_moves"]
    assert sum(it.rows for it in others) <= most, said
    assert sum(it.rows for it in read) <= most + 4 * plans.MOVES, said


LARGE_TABLES = {
    "comments_v1", "comment_ranks_v1", "comment_counts_v1", "participants_v1", "passages_v1",
    "discussions_v1", "comment_moves",
}  # fmt: skip


def _others(parent: Any) -> Iterator[tuple[str, list[Any], str]]:
    """The other statements that read views, and an index each."""
    yield reads.COMMENT, [parent], "comments_v1_pkey"
    yield reads.COMMENT_ROWS, [[parent, DISCUSSION]], "comments_v1_pkey"
    yield reads.DISCUSSION, [DISCUSSION], "discussions_v1_pkey"
    yield reads.ONE_SITE, ["s", LIMIT, *reads.AFTER_ALL_DISCUSSIONS], "comment_counts_v1_active"
    yield (
        reads.ONE_SITE,
        ["s", LIMIT, "2026-11-22T08:00:00Z", DISCUSSION],
        "comment_counts_v1_active",
    )
    yield reads.PASSAGES_OF, [DISCUSSION], "passages_v1_of_discussion"
    yield reads.COUNTS_OF, [[DISCUSSION, passage("p0")]], "comment_counts_v1_pkey"
    yield reads.HIDDEN_REPLIES, ["a2", [parent], [DISCUSSION]], "comments_v1_hidden"


async def test_every_other_read_is_answered_by_its_index(large: asyncpg.Connection) -> None:
    parent = await large.fetchval(ONE_PARENT)
    for statement, args, index in _others(parent):
        text = statement.format(**VERSIONS)
        for generic in (False, True):
            nodes = await plans.explain(large, text, *args, generic=generic)
            _assert_index(nodes, index, text)
            _assert_few_rows(nodes, text)


async def test_the_newest_of_a_site_reads_a_comment_of_each_discussion_at_most(
    large: asyncpg.Connection,
) -> None:
    text = SITE_COMMENTS.format(**VERSIONS)
    for time, position in (FROM_THE_START, ("2026-01-01T00:30:00Z", 9)):
        for generic in (False, True):
            args = ["s", LIMIT + 1, time, position, False]
            nodes = await plans.explain(large, text, *args, generic=generic)
            _assert_index(nodes, "comments_v1_flat_time", text)
            read = [it for it in nodes if it.table == "comments_v1" and "Scan" in it.kind]
            assert sum(it.rows for it in read) <= FEW_ROWS, list(map(str, nodes))
            assert not [it for it in read if it.kind == "Seq Scan"]


@pytest.mark.slow
async def test_plans_that_are_made_beside_empty_tables_serve_large_ones(filled: Filled) -> None:
    """A session keeps its plans until the tables are analysed, and many may write before that."""
    async with plans.unchanged(filled(_without_autovacuum)) as connection:
        lists = [
            _page(listing, begin)
            for listing, _ in _served(DISCUSSION)
            for begin in BEGINNINGS[listing.kind]
        ]
        others = list(_others(DISCUSSION))
        asked = [*lists, *((text.format(**VERSIONS), args) for text, args, _ in others)]
        explained = await plans.explain_planned_early(connection, asked, plans.fill)
        for (statement, _), nodes in zip(asked, explained, strict=True):
            _assert_few_rows(nodes, statement, READ_ONCE)
        for (statement, _, index), nodes in zip(others, explained[len(lists) :], strict=True):
            _assert_index(nodes, index, statement)


@pytest.mark.parametrize(
    ("statement", "group", "index"),
    [
        (LATEST.format(v=1, group="discussion"), DISCUSSION, "comments_v1_flat_time"),
        (LATEST.format(v=1, group="passage"), passage("p0"), "comments_v1_passage"),
        (LATEST_INLINE.format(v=1), DISCUSSION, "comments_v1_inline"),
    ],
)
async def test_the_fold_finds_the_latest_time_from_the_end(
    large: asyncpg.Connection, statement: str, group: UUID, index: str
) -> None:
    async with large.transaction():
        await large.execute(BY_INDEX_AND_NOT_FLUSHED)
        for generic in (False, True):
            args = [group, [DISCUSSION, passage("p0")]]
            nodes = await plans.explain(large, statement, *args, generic=generic)
            _assert_index(nodes, index, statement)
            _assert_few_rows(nodes, statement)


async def test_the_fold_looks_up_the_rows_it_touches_one_by_one(
    large: asyncpg.Connection,
) -> None:
    ids = [record[0] for record in await large.fetch("select id from comments_v1 limit 300")]
    for table, keys in (
        (COMMENTS, [ids]),
        (COUNTS, [ids]),
        (PARTICIPANTS, [ids, ["a1"] * len(ids)]),
    ):
        statement = row_store.load_statement(table, 1)
        for generic in (False, True):
            nodes = await plans.explain(large, statement, *keys, generic=generic)
            looked_up = {node.index for node in nodes}
            assert {f"{fragment.name}_v1_pkey" for fragment in table.fragments} <= looked_up
            _assert_few_rows(nodes, table.name)
