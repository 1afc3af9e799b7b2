"""The live projection: page of the log → rows → one statement, for all views at one position.

The checkpoint's update names the old position, so a second projector is fenced; an
effect happens exactly once.

The votes of a page are summed by comment, and the sums are added after all other events (decision
0016). That is right unless a vote is odd: it cannot be read, its comment is missing, or the vote is
older than the comment. Then the page is folded again, event by event in order. For example, of the
page "vote on c1, c1 posted, vote on c2" the first vote is odd. The fold cannot handle a vote on a
missing comment, so the view parks c1's discussion: it reads no event of that discussion from this
vote on. It folds the rest of the page, such as the vote on c2 in another discussion.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from rostra.ids import Kind, discussion_of, kind_of
from rostra.log import Recorded
from rostra.times import Time
from rostra_adapters.application import invalidation
from rostra_adapters.errors import RostraError
from rostra_adapters.garbage import no_garbage_collection
from rostra_adapters.observability import tracing
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of
from rostra_adapters.postgres.views import columns, row_store
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.queries.comment_lists import IS_COUNTED
from rostra_adapters.postgres.views.row_cache import RowCache
from rostra_adapters.postgres.views.row_store import Write
from rostra_projections.comments import bulk_votes
from rostra_projections.comments import fold as comments
from rostra_projections.comments.bulk_votes import VoteSum, VoteSums
from rostra_projections.comments.moves import moves_between
from rostra_projections.comments.rows import COMMENTS, COUNTS
from rostra_projections.listing import Move
from rostra_projections.tables import Fact, Key, Rows, Table
from rostra_projections.views import (
    VOTES,
    Broken,
    CannotFold,
    Parked,
    View,
    fold_fact,
    read,
)

NO_VOTES: Mapping[UUID, VoteSum] = {}
FOLDED_AT_ONCE = 500
"""Events after which other tasks of this process have a turn. So they have between the steps of a
page: publishers would wait for the whole of it, to be answered and to send their next events."""

_STATES = """
select name, version, shape, position from public.rostra_views
where name = any($1::text[]) and lineage = $2"""
BY_INDEX_AND_NOT_FLUSHED = """
set synchronous_commit = off; set plan_cache_mode = force_generic_plan;
set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off"""
"""Settings of a projector's connection. The log can repeat what is lost, and all look-ups are by
index, though the tables may be so new that the planner believes them to be small."""
_ADVANCE = """
update public.rostra_views set position = ${0}
where position = ${1} and (name, version) in (
    select * from unnest(${2}::text[], ${3}::integer[])
)
returning name"""
# Divides by zero, and so nothing is done, unless all views were where they had been.
_ANNOUNCE = """
select 1 / ((select count(*) from part_0) = ${0})::integer,
    (select count(pg_notify(${1}, payload)) from unnest(${2}::text[]) payload)"""
_PARKED = """
select discussion, position, error from public.rostra_parked
where view = $1 and version = $2 order by position"""
_PARK = """
insert into public.rostra_parked (view, version, discussion, position, error)
values (${0}, ${1}, ${2}, ${3}, ${4}) on conflict do nothing"""
UNPARK = "delete from public.rostra_parked where view = $1 and version = $2"
_MOVE_TYPES = {
    "discussion": "uuid",
    "position": "bigint",
    "comment": "uuid",
    "shown": "smallint",
    "pinned": "boolean",
    "score": "integer",
    "best": "double precision",
    "controversial": "double precision",
    "hot": "double precision",
}
_MOVED = f"""
insert into public.comment_moves (lineage, {", ".join(_MOVE_TYPES)})
select ${{0}}, * from unnest({
    ", ".join(columns.parameter(of, f"{{{n}}}") for n, of in enumerate(_MOVE_TYPES.values(), 1))
})"""
# These leave out the comments of a page ($2), whose rows the projector has.
LATEST = f"""
select posted_at from public.comments_v{{v}}
where {{group}} = $1 and {IS_COUNTED} and id <> all($2::uuid[])
order by posted_at desc limit 1"""
LATEST_INLINE = f"""
select posted_at from public.comments_v{{v}}
where discussion = $1 and passage is not null and {IS_COUNTED}
    and id <> all($2::uuid[])
order by posted_at desc limit 1"""


UNWRITABLE = (
    asyncpg.DataError,  # such as a character that no text may hold, or a number out of range
    asyncpg.ProgramLimitExceededError,  # such as a key that is too long for an index
    OverflowError,
    UnicodeError,
    struct.error,
)
"""Errors by which the tables refuse what a fold made of an event."""


class Fenced(RostraError):
    """Another runner has moved the views on, or they have been rebuilt."""


class ViewState(msgspec.Struct, frozen=True):
    """Position of a view, and the version of its tables."""

    name: str
    version: int
    shape: int
    position: int
    lineage: Lineage = OURS

    @property
    def view(self) -> View:
        return self.lineage.views[self.name]


async def read_parked(connection: Connection, state: ViewState) -> list[Parked]:
    """Return the discussions that a version of a view cannot follow."""
    records = await connection.fetch(_PARKED, state.name, state.version)
    return [Parked(*record) for record in records]


async def states(
    connection: Connection, lineage: Lineage = OURS, names: Iterable[str] | None = None
) -> list[ViewState]:
    """Read the states of the views of a lineage, or of those that are named."""
    named = list(lineage.views if names is None else names)
    records = await connection.fetch(_STATES, named, lineage.name)
    return [
        ViewState(name, version, shape, position, lineage)
        for name, version, shape, position in records
    ]


async def park(connection: Connection, state: ViewState, parked: Parked) -> None:
    """Record that a version of a view has stopped following a discussion."""
    await row_store.execute(connection, [], _park(state, parked))


def _park(state: ViewState, parked: Parked) -> Write:
    return Write(_PARK, (state.name, state.version, *msgspec.structs.astuple(parked)))


class _Page:
    """Rows of the log, read once for all views."""

    def __init__(self, rows: Sequence[Recorded]) -> None:
        self.rows = rows
        self.sums: dict[UUID, VoteSum] | None = None
        """Sums of the votes cast; None if a vote is odd. Then the votes are among the facts."""
        self.facts: list[Fact | Broken] = []
        self.foreign = 0
        self._others: Sequence[Recorded] = rows

    async def read(self) -> None:
        sums = VoteSums()
        others: list[Recorded] = []
        for start in range(0, len(self.rows), FOLDED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            others += sums.add_rows(self.rows[start : start + FOLDED_AT_ONCE])
        self.sums, self._others = sums.by_comment(), others
        if sums.is_odd:
            self.sums, self._others = None, self.rows
        self.facts = list(read(self._others))
        votes = 0 if self.sums is None else sums.votes
        self.foreign = len(self.rows) - votes - len(self.facts)

    def in_order(self) -> list[Fact | Broken]:
        """All facts, the votes among them."""
        return self.facts if self.sums is None else list(read(self.rows))

    def streams(self) -> Iterator[UUID]:
        """Yield streams of all discussions, sites and persons that the page is about."""
        yield from invalidation.streams_of(self._others)
        yield from self.sums or ()


class _OddVotes(Exception):
    """A sum of votes has an odd vote: the page must be folded event by event."""


class _Folded:
    """Rows of a view after a page, their values in the tables, and what writes the rows."""

    def __init__(self, state: ViewState) -> None:
        self.state = state
        self.rows = Rows(state.view.tables)
        self.loaded: dict[Table[Any], row_store.Loaded] = {it: {} for it in state.view.tables}
        self.writes: list[Write] = []


class Projector:
    """The one writer of the views: it keeps the rows that it wrote last.

    They are right as long as nobody else writes: they are dropped at any error, and where a view
    is not where this projector left it, or has been rebuilt.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = RowCache()
        self._positions: dict[tuple[str, int], int] = {}
        self._parked: dict[tuple[str, int], dict[UUID, int]] = {}
        """Parked discussions by view and version, with the position of the first unread event."""

    @classmethod
    async def begin(cls, connection: Connection) -> "Projector":
        """Return a projector by a connection, which is of no other use from here on."""
        await connection.execute(BY_INDEX_AND_NOT_FLUSHED)
        await columns.prepare(connection)
        return cls(connection)

    async def project(
        self,
        view_states: Sequence[ViewState],
        rows: Sequence[Recorded],
        *,
        passed_over: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Fold a page into views that have all read up to it; return the new position.

        Readers of any of them see the page whole or not at all. `passed_over` is called with the
        number of its foreign events. Raises Fenced.
        """
        position, views = rows[-1].position, [state.name for state in view_states]
        spanning = tracing.span("project", events=len(rows), position=position, views=views)
        with spanning, no_garbage_collection():
            page = _Page(rows)
            await page.read()
            try:
                try:
                    await self._project(view_states, page)
                except UNWRITABLE:
                    await self._park_unwritable(view_states, rows)
                    await self._project(view_states, page)
            except BaseException as error:
                self._forget()
                if isinstance(error, asyncpg.UndefinedTableError):
                    raise Fenced(f"{', '.join(views)}: rebuilt") from error
                raise
        passed_over(page.foreign)
        return position

    async def apply(self, state: ViewState, rows: Sequence[Recorded]) -> None:
        """Fold a page into a version of a view that nobody reads yet."""
        page = _Page(rows)
        await page.read()
        folded = await self._fold(state, page, keep_moves=False)
        if folded is not None:
            await row_store.execute(self._connection, folded.writes)
            self._keep(folded)

    async def apply_or_park(self, state: ViewState, rows: Sequence[Recorded]) -> None:
        """Fold a page like `apply`, and park the discussions that the view's tables cannot hold."""
        try:
            async with self._connection.transaction():
                await self.apply(state, rows)
        except UNWRITABLE:
            await self._park_unwritable([state], rows)
            async with self._connection.transaction():
                await self.apply(state, rows)

    async def _park_unwritable(
        self, view_states: Sequence[ViewState], rows: Sequence[Recorded]
    ) -> None:
        """Park the discussions that a view's tables cannot hold, and no others."""
        self._forget()
        of_discussion: dict[UUID, list[Recorded]] = {}
        for row in rows:
            of_discussion.setdefault(discussion_of(row.stream), []).append(row)
        for state in view_states:
            for discussion, events in of_discussion.items():
                good, bad, error = 0, len(events), await self._refusal(state, events)
                while error is not None and bad - good > 1:  # so many events can be written
                    tried = (good + bad) // 2
                    if (found := await self._refusal(state, events[:tried])) is None:
                        good = tried
                    else:
                        bad, error = tried, found
                if error is not None:
                    parked = Parked(discussion, events[good].position, str(error))
                    await park(self._connection, state, parked)

    async def _refusal(self, state: ViewState, rows: Sequence[Recorded]) -> Exception | None:
        """Return why rows cannot be written, or None; write nothing."""
        trial = Projector(self._connection)
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await trial.apply(state, rows)
        except UNWRITABLE as error:
            return error
        finally:
            await transaction.rollback()
        return None

    async def _project(self, view_states: Sequence[ViewState], page: _Page) -> None:
        position, last = page.rows[-1].position, view_states[0].position
        if any(self._positions.get(_key(it), it.position) != it.position for it in view_states):
            self._forget()
        pages = [await self._fold(state, page, keep_moves=True) for state in view_states]
        folded = [it for it in pages if it is not None]
        names, versions = [it.name for it in view_states], [it.version for it in view_states]
        advance = Write(_ADVANCE, (position, last, names, versions))
        channel = names_of(self._connection).channel(view_states[0].lineage.channel)
        announce = Write(_ANNOUNCE, (len(view_states), channel, _news(view_states, page)))
        try:
            writes = [advance, *(write for it in folded for write in it.writes)]
            await row_store.execute(self._connection, writes, announce)
        except asyncpg.DivisionByZeroError:
            raise Fenced(f"{', '.join(names)}: not all were at {last}") from None
        self._positions.update((_key(state), position) for state in view_states)
        for it in folded:
            self._keep(it)

    def _keep(self, folded: _Folded) -> None:
        for table in folded.state.view.tables:
            self._rows.put(table, folded.state.version, folded.rows, folded.loaded[table])

    def _forget(self) -> None:
        self._rows.clear()
        self._positions.clear()
        self._parked.clear()

    async def _fold(self, state: ViewState, page: _Page, *, keep_moves: bool) -> _Folded | None:
        """Fold a page into the rows of one view.

        A discussion that cannot be folded is parked in the view. All others go on.
        """
        apart = await self._apart(state)
        facts, sums = page.facts, page.sums if COMMENTS in state.view.tables else NO_VOTES
        if apart or sums is None or (sums is NO_VOTES and state.view.events & VOTES):
            facts, sums = page.in_order(), NO_VOTES
        parks: list[Write] = []
        while (mine := _mine(state, facts, apart)) or sums:
            try:
                folded = await self._folded(state, mine, sums, keep_moves=keep_moves)
            except (CannotFold, _OddVotes) as refused:
                self._rows.clear()  # some were changed
                if sums:
                    facts, sums = page.in_order(), NO_VOTES
                elif isinstance(refused, CannotFold):
                    apart[refused.parked.discussion] = refused.parked.position
                    parks.append(_park(state, refused.parked))
            else:
                folded.writes += parks
                return folded
        if not parks:
            return None
        folded = _Folded(state)
        folded.writes += parks
        return folded

    async def _apart(self, state: ViewState) -> dict[UUID, int]:
        """Return the parked discussions of a view, with the position of the first unread event."""
        if (key := _key(state)) not in self._parked:
            known = await read_parked(self._connection, state)
            self._parked[key] = {each.discussion: each.position for each in known}
        return self._parked[key]

    async def _folded(
        self,
        state: ViewState,
        facts: Sequence[Fact | Broken],
        sums: Mapping[UUID, VoteSum],
        *,
        keep_moves: bool,
    ) -> _Folded:
        view = state.view
        folded = _Folded(state)
        touched = _touched(view, facts, sums)
        for table in view.tables:
            await self._load(folded, table, touched[table.name])
        rows = folded.rows
        for number, fact in enumerate(facts, 1):
            fold_fact(view, rows, fact)
            if number % FOLDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        if sums and not bulk_votes.add_sums(sums, rows.of(COMMENTS)):
            raise _OddVotes
        await asyncio.sleep(0)
        view.settle(rows, touched)
        await asyncio.sleep(0)
        if COUNTS in view.tables:
            await self._mend(folded)
        for table in view.tables:
            changes = row_store.RowChanges(table, rows.of(table), folded.loaded[table])
            await asyncio.sleep(0)
            folded.writes += changes.writes(state.version)
            if keep_moves and table is COMMENTS:
                moves = list(moves_between(changes.changed, rows.of(COUNTS)))
                folded.writes += _moved(state.lineage, moves)
            await asyncio.sleep(0)
        return folded

    async def _load(self, folded: _Folded, table: Table[Any], keys: Iterable[Key]) -> None:
        version, rows, loaded = folded.state.version, folded.rows, folded.loaded[table]
        missing = self._rows.pop(table, version, keys, rows, loaded)
        loaded |= await row_store.load(self._connection, table, version, missing, rows)

    async def _mend(self, folded: _Folded) -> None:
        """Look up the latest comments of groups whose latest has gone."""
        rows = folded.rows
        if stale := comments.stale_groups(rows):
            here, version = list(rows.of(COMMENTS)), folded.state.version
            latest = {it: await _latest(self._connection, version, it, here) for it in stale}
            comments.mend(rows, latest)


def _key(state: ViewState) -> tuple[str, int]:
    return state.name, state.version


def _mine(
    state: ViewState, facts: Iterable[Fact | Broken], apart: Mapping[UUID, int]
) -> list[Fact | Broken]:
    """Return the facts that a view reads, without those of parked discussions from there on."""
    events = state.view.events
    mine = [it for it in facts if not isinstance(it, Fact) or type(it.event) in events]
    if not apart:
        return mine
    return [it for it in mine if it.position < apart.get(discussion_of(it.stream), it.position + 1)]


def _touched(
    view: View, facts: Iterable[Fact | Broken], sums: Iterable[UUID]
) -> dict[str, set[Key]]:
    touched: dict[str, set[Key]] = {table.name: set() for table in view.tables}
    for fact in facts:
        if isinstance(fact, Fact):
            for table, key in view.touches(fact):
                touched[table.name].add(key)
    if sums:
        touched[COMMENTS.name].update(sums)
        touched[COUNTS.name].update(map(discussion_of, sums))
    return touched


def _news(view_states: Sequence[ViewState], page: _Page) -> list[str]:
    """Announce a page. A view that catches up alone says nothing of how far the others are."""
    if len(view_states) < len(view_states[0].lineage.views):
        return [invalidation.ALL_CHANGED]
    return invalidation.news(page.rows[-1].position, page.streams())


def _moved(lineage: Lineage, moves: Sequence[Move]) -> list[Write]:
    if not moves:
        return []
    values = zip(*map(msgspec.structs.astuple, moves), strict=True)
    return [Write(_MOVED, (lineage.name, *map(columns.encode, _MOVE_TYPES.values(), values)))]


async def _latest(
    connection: Connection, version: int, group: UUID, but: Sequence[UUID]
) -> Time | None:
    key: UUID
    if group == comments.inline_group(group):
        statement, key = LATEST_INLINE.format(v=version), discussion_of(group)
    else:
        column = "passage" if kind_of(group) == Kind.PASSAGE else "discussion"
        statement, key = LATEST.format(v=version, group=column), group
    latest = await connection.fetchval(statement, key, but)
    return None if latest is None else row_store.time_of_column(latest)


def at(view_states: Sequence[ViewState], position: int) -> list[ViewState]:
    """Return the states with another position."""
    return [msgspec.structs.replace(state, position=position) for state in view_states]
