"""A discussion as it stood: at a position of the log, or at a time by the clock of recording."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from itertools import chain
from uuid import UUID

import msgspec

from rostra import codec
from rostra.log import POSITION_MAX, EventLog, LogUnavailable, Recorded
from rostra.times import Time, is_time, time_of, to_datetime
from rostra_adapters.application.queries.past_folds import (
    AddEvents,
    AddVotes,
    BeginMoves,
    EndMoves,
    FinishViews,
    Step,
    apply,
)
from rostra_adapters.application.queries.past_workers import FoldedElsewhere, PastWorkers, Slot
from rostra_adapters.application.queries.requests import AsOf
from rostra_projections.as_of_views import PastViews
from rostra_projections.cursors import Cursor, CursorRefused

PEEKS_AT_ONCE_MAX = 2
"""Discussions that are read at once to find out whether they are short. Each holds a connection."""
HERE_EVENTS_MAX = 500
"""Events that are folded in this process: a few milliseconds, less than the way to another one."""
PastReads = PastViews | FoldedElsewhere
"""Reads of a discussion at a past position."""
UNCLOCKED_ROWS = 100


class FoldAllowance(msgspec.Struct, frozen=True):
    """Limits of a fold for one read."""

    # Events of one fold; None where there is no limit.
    events_max: Callable[[], int | None] = lambda: None
    # Called with the events as they are folded, and with 0 before the first. Then it may raise.
    charge: Callable[[int], None] = lambda _: None

    def check(self, events: int) -> None:
        """Raise CursorRefused if there are too many events."""
        most = self.events_max()
        if most is not None and events > most:
            detail = f"the discussion has more than {most} events up to there"
            raise CursorRefused("too-much-to-fold", detail)


UNLIMITED = FoldAllowance()
EVENTS_OF_A_TIME = 1_000
"""Finding the position of a time is charged as so many events: it takes some twenty reads."""
READ_AGAIN_SHARE = 10
"""A fold that is kept is charged as so many times fewer events."""
_allowance: ContextVar[FoldAllowance] = ContextVar("allowance", default=UNLIMITED)


@contextmanager
def allowing(allowance: FoldAllowance) -> Iterator[None]:
    """Limit the folds that are made within."""
    before = _allowance.set(allowance)
    try:
        yield
    finally:
        _allowance.reset(before)


def charge_events(events: int) -> None:
    """Charge events of the log to the read that is made. Its limit may raise."""
    _allowance.get().charge(events)


LAG_SECONDS_MAX = 5.0
"""Time for which a read of the past waits for a standby that lags."""
LAG_LOOK_SECONDS = 0.05


class _Clock(msgspec.Struct, gc=False):
    at: Time | None = None


_clock = msgspec.json.Decoder(_Clock)


class AsOfReader:
    """Reader of past states, by folds of one discussion from the log.

    Short discussions are folded here, others by workers.
    """

    def __init__(
        self,
        log: EventLog,
        workers: PastWorkers | None = None,
        *,
        complete_until: Callable[[], float] | None = None,
    ) -> None:
        """With `complete_until`, the log may lag: it has all events up to that POSIX time."""
        self._log = log
        self._complete_until = complete_until
        self.workers = workers or PastWorkers()
        self._peeking = asyncio.Semaphore(PEEKS_AT_ONCE_MAX)

    async def close(self) -> None:
        """End the workers."""
        await self.workers.close()

    async def position(self, as_of: AsOf, now: Time) -> int:
        """Return the position that `as_of` means.

        Raises CursorRefused (`bad-query`) for a position or time in the future.
        """
        if isinstance(as_of, str | datetime):
            try:
                time = time_of(as_of)
            except ValueError as error:
                raise CursorRefused("bad-query", f"`as_of` is no time: {error}") from None
            if time > now:
                raise CursorRefused("bad-query", "`as_of` is a time that has not come yet")
            allowance = _allowance.get()
            allowance.charge(0)
            allowance.charge(EVENTS_OF_A_TIME)
            return await self._position_at(time)
        head = await self._log.head()
        if as_of > head:
            raise CursorRefused("bad-query", f"`as_of` is beyond the log's head, {head}")
        return as_of

    async def _position_at(self, time: Time) -> int:
        """Return the position at a time. Raises LogUnavailable where it is not known in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAG_SECONDS_MAX):
                while True:
                    until = None if self._complete_until is None else self._complete_until()
                    position = await position_at(self._log, time)
                    if until is None or until >= to_datetime(time).timestamp():
                        return position
                    following = await _first_clocked(self._log, position + 1, POSITION_MAX)
                    if following is not None and following[1] > time:
                        return position
                    await asyncio.sleep(LAG_LOOK_SECONDS)
        raise LogUnavailable("the standby lacks the events up to that time; ask again later")

    @asynccontextmanager
    async def views(self, discussion: UUID, position: int) -> AsyncIterator[PastReads | None]:
        """Yield the discussion at a position, None if it did not exist then.

        Raises CursorRefused (`too-much-to-fold`) and LogBusy.
        """
        async with self._folded(_Fold(discussion, position)) as views:
            yield None if await views.discussion(discussion) is None else views

    @asynccontextmanager
    async def views_since(self, discussion: UUID, cursor: Cursor) -> AsyncIterator[PastReads]:
        """Yield the current discussion with all moves since the cursor's first page.

        Raises CursorRefused and LogBusy.
        """
        head = await self._log.head()
        if cursor.as_of > head:
            raise CursorRefused("bad-cursor", "this is no cursor of ours")
        fold = _Fold(discussion, head, turn=cursor.as_of, history=cursor.history)
        async with self._folded(fold) as views:
            yield views

    @asynccontextmanager
    async def _folded(self, fold: "_Fold") -> AsyncIterator[PastReads]:
        allowance = _allowance.get()
        allowance.charge(0)
        name = f"{await self._log.log_id()} {fold}"
        if not self.workers.has_fold(name) and (rows := await self._few(fold)) is not None:
            allowance.check(len(rows))
            if rows:
                allowance.charge(len(rows))
            yield _folded_here(fold, rows)
            return
        async with self.workers.slot(name) as slot:
            if events := await slot.use(name):
                allowance.check(events)
                allowance.charge(max(events // READ_AGAIN_SHARE, 1))
            else:
                allowance.charge(0)  # others of the same reader may have been folded meanwhile
                await self._fold_elsewhere(slot, name, fold, allowance)
            yield FoldedElsewhere(slot)

    async def _few(self, fold: "_Fold") -> list[Recorded] | None:
        """Return all events of a short discussion; None for a longer one."""
        rows: list[Recorded] = []
        async with self._peeking:
            reading = self._log.read_discussion(fold.discussion, fold.until)
            async with aclosing(reading) as pages:
                async for page in pages:
                    rows += page
                    if len(rows) > HERE_EVENTS_MAX:
                        return None
        return rows

    async def _fold_elsewhere(
        self, slot: Slot, name: str, fold: "_Fold", allowance: FoldAllowance
    ) -> None:
        counter = _Counter(allowance)
        done = fold.turn is None and await self._summed_up(slot, name, fold, counter)
        if not done:
            counter.events = 0
            await self._in_order(slot, name, fold, counter)
        await slot.finish(counter.events)

    async def _summed_up(self, slot: Slot, name: str, fold: "_Fold", counter: "_Counter") -> bool:
        """Count the votes after all other events. Return False if their order matters."""
        await slot.begin(name, fold.discussion)
        rest = self._log.read_discussion(fold.discussion, fold.until, votes=False)
        async with aclosing(rest) as pages:
            async for page in pages:
                counter.count(len(page))
                await slot.step(AddEvents(page))
        reading = self._log.read_votes(fold.discussion, fold.until)
        async with aclosing(reading) as votes_read:
            async for some in votes_read:
                counter.count(len(some))
                if not await slot.step(AddVotes(some)):
                    return False
        return await slot.step(FinishViews(fold.until))

    async def _in_order(self, slot: Slot, name: str, fold: "_Fold", counter: "_Counter") -> None:
        await slot.begin(name, fold.discussion)
        reading = self._log.read_discussion(fold.discussion, fold.until)
        steps = _Steps(fold)
        async with aclosing(reading) as pages:
            async for page in pages:
                counter.count(len(page))
                for step in steps.add_events(page):
                    await slot.step(step)
        for step in steps.end():
            await slot.step(step)


class _Fold(msgspec.Struct, frozen=True):
    """Fold of a discussion up to a position.

    From the position `turn` on, if there is one, moves are recorded for lists of that `history`.
    """

    discussion: UUID
    until: int
    turn: int | None = None
    history: int = 0


class _Counter:
    """Counts events as they are folded."""

    def __init__(self, allowance: FoldAllowance) -> None:
        self._allowance = allowance
        self.events = 0

    def count(self, events: int) -> None:
        """Count events. Raises CursorRefused if there are too many."""
        self.events += events
        self._allowance.charge(max(events, 1))
        self._allowance.check(self.events)


class _Steps:
    """The steps of a fold in the order of the log."""

    def __init__(self, fold: _Fold) -> None:
        self._fold = fold
        self._turned = fold.turn is None

    def add_events(self, page: Sequence[Recorded]) -> Iterator[Step]:
        turn = self._fold.turn
        before = len(page) if turn is None else sum(row.position <= turn for row in page)
        yield AddEvents(list(page[:before]))
        if before < len(page):
            yield from self._turn()
            yield AddEvents(list(page[before:]))

    def end(self) -> Iterator[Step]:
        yield from self._turn()
        until = self._fold.until
        if self._fold.turn is None:
            yield FinishViews(until)
        else:
            yield EndMoves(until, self._fold.history)

    def _turn(self) -> Iterator[Step]:
        if not self._turned:
            self._turned = True
            yield BeginMoves(self._fold.turn or 0)


def _folded_here(fold: _Fold, rows: Sequence[Recorded]) -> PastViews:
    views, steps = PastViews(fold.discussion), _Steps(fold)
    for step in chain(steps.add_events(rows), steps.end()):
        apply(views, step)
    return views


async def position_at(log: EventLog, time: Time) -> int:
    """Return the position of the last event recorded up to a time, by binary search.

    The clock of recording never goes back. Rows of other programs have no clock and belong to the
    event before them.
    """
    low, high = 0, int(await log.head())
    while low < high:
        middle = (low + high + 1) // 2
        clocked = await _first_clocked(log, middle, high)
        if clocked is None or clocked[1] > time:
            high = middle - 1
        else:
            low = clocked[0]
    while rows := await log.read_after(low, UNCLOCKED_ROWS):
        unclocked = 0
        while unclocked < len(rows) and recorded_at(rows[unclocked]) is None:
            unclocked += 1
        if unclocked:
            low = rows[unclocked - 1].position
        if unclocked < UNCLOCKED_ROWS:
            break
    return low


async def _first_clocked(log: EventLog, first: int, last: int) -> tuple[int, Time] | None:
    """Return the first event from `first` to `last` that has a clock of recording."""
    after, limit = first - 1, 1
    while rows := await log.read_after(after, limit):
        for row in rows:
            if row.position > last:
                return None
            if (at := recorded_at(row)) is not None:
                return row.position, at
        after, limit = rows[-1].position, UNCLOCKED_ROWS
    return None


def recorded_at(row: Recorded) -> Time | None:
    """Return when an event was recorded; None if another program did and did not say so."""
    if row.metadata is None:
        return None
    try:
        at = _clock.decode(row.metadata).at
    except codec.UNREADABLE:
        return None
    return at if at is not None and is_time(at) else None
