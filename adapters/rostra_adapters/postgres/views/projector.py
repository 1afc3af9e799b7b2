"""The live projection: page of the log → rows → one transaction, for all views at one position.

The checkpoint's update names the old position, so a second runner is fenced; an
effect happens exactly once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from rostra.ids import Kind, discussion_of, kind_of
from rostra.log import Recorded
from rostra.times import Time
from rostra_adapters.application import invalidation as changes
from rostra_adapters.errors import RostraError
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.observability import tracing
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views import row_store as store
from rostra_adapters.postgres.views.schema import LINEAGE
from rostra_projections.comments import fold as comments
from rostra_projections.comments.moves import Before, moves_since, places_of
from rostra_projections.comments.rows import COMMENTS, COUNTS
from rostra_projections.listing import Move
from rostra_projections.tables import Fact, Key, Rows
from rostra_projections.views import VIEWS, Broken, CannotFold, Parked, View, fold_fact, read

CHANNEL = locks.views_channel(LINEAGE)
"""Of the notifications about the views of this lineage."""
FOLDED_AT_ONCE = 2_000
"""Events; then whoever else waits for this process has a turn."""

_STATES = """
select name, version, shape, position from public.rostra_views
where name = any($1::text[]) and lineage = $2"""
# The log can repeat what is lost. And all look-ups are by index, though the tables may be
# so new that the planner believes them to be small.
BY_INDEX_AND_NOT_FLUSHED = """
set local synchronous_commit = off; set local enable_seqscan = off;
set local enable_bitmapscan = off; set local enable_sort = off"""
# All at once: each answer that is waited for is time in which a busy process does other things.
_ADVANCE = """
with read as (select * from unnest($3::text[], $4::integer[]) as read (name, version)),
advanced as (
    update public.rostra_views set position = $1
    where position = $2 and (name, version) in (select name, version from read)
    returning name
)
select
    (select count(*) from advanced),
    exists (select from public.rostra_parked where (view, version) in (table read)),
    (select count(pg_notify($5, payload)) from unnest($6::text[]) payload)"""
_PARKED = """
select discussion, position, error from public.rostra_parked
where view = $1 and version = $2 order by position"""
_PARK = """
insert into public.rostra_parked (view, version, discussion, position, error)
values ($1, $2, $3, $4, $5) on conflict do nothing"""
UNPARK = "delete from public.rostra_parked where view = $1 and version = $2"
_MOVED = """
insert into public.comment_moves
    (discussion, position, comment, shown, pinned, score, best, controversial, hot)
select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::smallint[], $5::boolean[],
    $6::integer[], $7::float8[], $8::float8[], $9::float8[])"""
LATEST = """
select posted_at from public.comments_v{v} where {group} = $1 and status in ('published', 'erased')
order by posted_at desc limit 1"""
LATEST_INLINE = """
select posted_at from public.comments_v{v}
where discussion = $1 and passage is not null and status in ('published', 'erased')
order by posted_at desc limit 1"""


class Fenced(RostraError):
    """Another runner has moved the views on, or they have been rebuilt."""


class ViewState(msgspec.Struct, frozen=True):
    """Position of a view, and the version of its tables."""

    name: str
    version: int
    shape: int
    position: int

    @property
    def view(self) -> View:
        return VIEWS[self.name]


class FoldedPage(msgspec.Struct, frozen=True):
    """The final rows of a page, those that it found, by table, as they were, and where its
    comments stood.
    """

    rows: Rows
    loaded: dict[str, store.Loaded]
    before: Before


async def read_parked(connection: Connection, state: ViewState) -> list[Parked]:
    """Return the discussions that a version of a view cannot follow."""
    records = await connection.fetch(_PARKED, state.name, state.version)
    return [Parked(*record) for record in records]


async def states(connection: Connection, names: Iterable[str] = VIEWS) -> list[ViewState]:
    """Read the states of the views."""
    return [ViewState(*record) for record in await connection.fetch(_STATES, list(names), LINEAGE)]


async def project(
    connection: Connection,
    view_states: Sequence[ViewState],
    page: Sequence[Recorded],
    *,
    passed_over: Callable[[int], None] = lambda _: None,
) -> int:
    """Fold a page into views that are all right before it; returns the new position.

    Readers of any of them see the page whole or not at all. `passed_over` is called with the number
    of its foreign events. Raises Fenced.
    """
    position, facts = page[-1].position, list(read(page))
    views = [state.name for state in view_states]
    spanning = tracing.span("project", events=len(page), position=position, views=views)
    with spanning, no_garbage_collection():
        async with _by_index_and_not_flushed(connection):
            any_parked = await _advance(connection, view_states, page)
            for state in view_states:
                parked = await _parked(connection, state) if any_parked else frozenset()
                await _apply(connection, state, facts, parked, keep_moves=True)
    passed_over(len(page) - len(facts))
    return position


@asynccontextmanager
async def _by_index_and_not_flushed(connection: Connection) -> AsyncIterator[None]:
    """A transaction that is begun, with its settings, by one message."""
    await connection.execute(f"begin; {BY_INDEX_AND_NOT_FLUSHED}")
    try:
        yield
    except BaseException:
        await connection.execute("rollback")
        raise
    await connection.execute("commit")


def _news(view_states: Sequence[ViewState], page: Sequence[Recorded]) -> list[str]:
    """Announce a page. A view that catches up alone says nothing of how far the others are."""
    if len(view_states) < len(VIEWS):
        return [changes.EVERYTHING]
    return changes.news(page[-1].position, changes.streams_of(page))


async def _advance(
    connection: Connection, view_states: Sequence[ViewState], page: Sequence[Recorded]
) -> bool:
    """Move the checkpoints, which must all be where they were, and announce it.

    Returns whether any of the views has parked a discussion. Raises Fenced.
    """
    names, versions = [s.name for s in view_states], [s.version for s in view_states]
    record = await connection.fetchrow(
        _ADVANCE,
        page[-1].position,
        view_states[0].position,
        names,
        versions,
        CHANNEL,
        _news(view_states, page),
    )
    assert record is not None
    if record[0] != len(view_states):
        raise Fenced(f"{record[0]} of {names} were where they had been")
    return bool(record[1])


async def _parked(connection: Connection, state: ViewState) -> frozenset[UUID]:
    return frozenset(each.discussion for each in await read_parked(connection, state))


async def apply(connection: Connection, state: ViewState, page: Sequence[Recorded]) -> None:
    """Fold a page into a version of a view that nobody reads yet."""
    parked = await _parked(connection, state)
    facts = list(read(page))
    await _apply(connection, state, facts, parked, keep_moves=False)


async def _apply(
    connection: Connection,
    state: ViewState,
    facts: Sequence[Fact | Broken],
    parked: frozenset[UUID],
    *,
    keep_moves: bool,
) -> None:
    """Fold facts into one view's tables. A discussion that cannot be folded is
    parked there, and everything else goes on.
    """
    events = state.view.events
    mine = [it for it in facts if not isinstance(it, Fact) or type(it.event) in events]
    if parked:
        mine = [fact for fact in mine if discussion_of(fact.stream) not in parked]
    if not mine:
        return
    page = await _folded_or_parked(connection, state, mine)
    await _save(connection, state, page)
    if keep_moves:
        await _store_moves(connection, list(moves_since(page.rows, page.before)))


async def _folded_or_parked(
    connection: Connection, state: ViewState, facts: Sequence[Fact | Broken]
) -> FoldedPage:
    while True:
        try:
            return await _folded(connection, state, facts)
        except CannotFold as refused:
            facts = await _park(connection, state, facts, refused.parked)


async def _folded(
    connection: Connection, state: ViewState, facts: Sequence[Fact | Broken]
) -> FoldedPage:
    view = state.view
    rows = Rows(view.tables)
    touched: dict[str, set[Key]] = {table.name: set() for table in view.tables}
    for fact in facts:
        if isinstance(fact, Fact):
            for table, key in view.touches(fact):
                touched[table.name].add(key)
    loaded = {
        table.name: await store.load(connection, table, state.version, touched[table.name], rows)
        for table in view.tables
    }
    before = places_of(rows, touched[COMMENTS.name]) if COMMENTS in view.tables else {}
    for number, fact in enumerate(facts, 1):
        fold_fact(view, rows, fact)
        if number % FOLDED_AT_ONCE == 0:
            await asyncio.sleep(0)
    view.settle(rows, touched)
    return FoldedPage(rows, loaded, before)


async def _park(
    connection: Connection, state: ViewState, facts: Sequence[Fact | Broken], parked: Parked
) -> list[Fact | Broken]:
    """The facts without those of the discussion from where it cannot be followed."""
    await park(connection, state, parked)
    return [
        fact
        for fact in facts
        if discussion_of(fact.stream) != parked.discussion or fact.position < parked.position
    ]


async def park(connection: Connection, state: ViewState, parked: Parked) -> None:
    """Remember a discussion that a version of a view cannot follow."""
    await connection.execute(
        _PARK, state.name, state.version, parked.discussion, parked.position, parked.error
    )


async def _save(connection: Connection, state: ViewState, page: FoldedPage) -> None:
    for table in state.view.tables:
        if table is COUNTS:  # the comments are written: what is stale can be looked up
            await _mend(connection, state.version, page.rows)
        rows, loaded = page.rows.of(table).values(), page.loaded[table.name]
        await store.save(connection, table, state.version, rows, loaded)


async def _mend(connection: Connection, version: int, rows: Rows) -> None:
    for group in comments.stale_groups(rows):
        comments.set_latest(rows.of(COUNTS)[group], await _latest(connection, version, group))


async def _latest(connection: Connection, version: int, group: UUID) -> Time | None:
    key: UUID
    if group == comments.inline_group(group):
        statement, key = LATEST_INLINE.format(v=version), discussion_of(group)
    else:
        column = "passage" if kind_of(group) == Kind.PASSAGE else "discussion"
        statement, key = LATEST.format(v=version, group=column), group
    latest = await connection.fetchval(statement, key)
    return None if latest is None else store.time_of_column(latest)


async def _store_moves(connection: Connection, moves: Sequence[Move]) -> None:
    if moves:
        columns = zip(*map(msgspec.structs.astuple, moves), strict=True)
        await connection.execute(_MOVED, *map(list, columns))


def at(view_states: Sequence[ViewState], position: int) -> list[ViewState]:
    """The same views, further on."""
    return [msgspec.structs.replace(state, position=position) for state in view_states]
