"""The log in PostgreSQL: the `rostra.log.EventLog` port on asyncpg."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Self
from uuid import UUID

import asyncpg

from rostra.ids import Position, range_of, votes_of
from rostra.log import (
    ALL_VERSIONS,
    LogHistory,
    LogReplaced,
    LogUnavailable,
    NewEvents,
    Recorded,
    VoteRow,
)
from rostra_adapters.aio.wake_up import wait_at_most
from rostra_adapters.application import guards
from rostra_adapters.application.log_limits import DISCUSSION_PAGE_EVENTS
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connect import CANCELLED, create_pool, raise_unavailable_if_lost
from rostra_adapters.postgres.log.gaps import GapDetector
from rostra_adapters.postgres.log.group_commit import COMMIT_EVENTS_MAX, OPEN_EPOCH, GroupCommit
from rostra_adapters.postgres.log.recent_events import RecentEvents
from rostra_adapters.postgres.log.stream_reads import StreamReads
from rostra_adapters.postgres.notify import POLL_SECONDS, Notifications
from rostra_adapters.postgres.polling import Polling
from rostra_adapters.postgres.prefetch import prefetch
from rostra_adapters.postgres.single_flight import SingleFlight

# The epochs before the current one, each with the position from which the next went on.
HISTORY = """
select log.id, coalesce(epoch.from_position, 0), before.log_id, before.last, epoch.at
from public.rostra_log log
left join public.rostra_log_epochs epoch on epoch.log_id = log.id
left join lateral (
    select earlier.log_id, min(later.from_position) as last
    from public.rostra_log_epochs earlier
    join public.rostra_log_epochs later
        on later.epoch > earlier.epoch and later.epoch <= epoch.epoch
    group by earlier.log_id
) before on true"""
HISTORY_SECONDS = 1.0
"""Age beyond which the history is read again: a failover or an operator may begin an epoch."""
HEAD = "select coalesce(max(notification_id), 0) from public.stored_events"
READ_AFTER = """
select notification_id, originator_id, originator_version, topic, state, event_id, metadata
from public.stored_events
where notification_id > $1
order by notification_id
limit $2
"""

# Fenced by `offset 0`: the planner must not walk the whole log in its order instead.
READ_DISCUSSION = """
select event.position, event.stream, event.version, event.topic, event.state,
    case when event.topic <> 'vote.cast' then event.event_id end, null::text
from (
    select notification_id as position, originator_id as stream, originator_version as version,
        topic, state, event_id
    from public.stored_events
    where originator_id between $1 and $2
    offset 0
) as event
where event.position <= $3
order by event.position
"""
READ_DISCUSSION_AFTER = READ_DISCUSSION.replace("<= $3", "> $3") + "limit $4"
# The log has few events after $3, so they are read by position and filtered by discussion.
READ_DISCUSSION_LATELY = """
select notification_id, originator_id, originator_version, topic, state, event_id, null::text
from public.stored_events
where notification_id > $3 and originator_id between $1 and $2
order by notification_id
limit $4
"""
LATELY_EVENTS_MAX = 5_000
READ_BESIDES_VOTES = """
select event.position, event.stream, event.version, event.topic, event.state, event.event_id,
    null::text
from (
    select notification_id as position, originator_id as stream, originator_version as version,
        topic, state, event_id
    from public.stored_events
    where (originator_id >= $1 and originator_id < $4)
        or (originator_id > $5 and originator_id <= $2)
    offset 0
) as event
where event.position <= $3
order by event.position
"""
READ_VOTES = """
select event.position, event.topic, event.state
from (
    select notification_id as position, topic, state
    from public.stored_events
    where originator_id between $1 and $2
    offset 0
) as event
where event.position <= $3
"""


class PostgresLog:
    """Log in PostgreSQL. `schema.install` must have been run.

    It takes one or two connections of the pool for appending and, once something follows the log,
    one for listening.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        listening: asyncpg.Pool | None = None,
        polling: Polling | None = None,
        *,
        is_lossless: bool = False,
    ) -> None:
        """With `polling`, the pool leads to a standby, which sends no notifications.

        `is_lossless`: a failover loses no events, and so begins no epoch.
        """
        self._pool = pool
        self._owns_pool = False
        self._committer = GroupCommit(pool, self._forget_history, is_lossless=is_lossless)
        self._streams = StreamReads(pool)
        self._news = polling or Notifications(listening or pool, locks.EVENTS)
        self._holes = GapDetector(pool)
        self._head = SingleFlight(self._read_head)
        self._recent = RecentEvents()
        self._recent_since: int | None = None
        self._history: LogHistory | None = None
        self._history_since: int | None = None
        self._history_read = 0.0
        self._is_lossless = is_lossless
        self._closed = False

    @classmethod
    async def open(cls, source: str | asyncpg.Pool) -> Self:
        """On a pool (see `create_pool`), or on a URL: then with a pool of its own."""
        if not isinstance(source, str):
            return cls(source)
        log = cls(await create_pool(source))
        log._owns_pool = True
        return log

    async def close(self) -> None:
        """Close: pending appends raise LogUnavailable, and followers end."""
        self._closed = True
        await self._committer.close()
        await self._streams.close()
        await self._news.close()
        if self._owns_pool:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def holes(self) -> int:
        """Number of gaps found since start that no writer can fill. For the metrics."""
        return self._holes.count

    @property
    def queued_events(self) -> int:
        """Events that wait to be appended. For the metrics."""
        return self._committer.queued_events

    @property
    def commits(self) -> int:
        """Calls that appended, or tried to. For the metrics."""
        return self._committer.commits

    def observe_appends(self, observe: Callable[[int, float], None]) -> None:
        """Call `observe` with the events and the seconds of each append."""
        self._committer.observe = observe

    def set_stalled(self, stalled: bool) -> None:  # noqa: FBT001  # it answers a question
        """Refuse appends, and end those under way, while the primary acknowledges no commit."""
        self._committer.set_stalled(stalled)

    async def log_id(self) -> UUID:
        return (await self.history()).id

    async def history(self) -> LogHistory:
        """Return the log's history, read again after connections were lost, and now and then.

        Another server, with another history, may have replaced the first one.
        """
        self._news.next()
        since = self._connection
        known, now = self._history, monotonic()
        if (
            known is None
            or since is None
            or since != self._history_since
            or now - self._history_read > HISTORY_SECONDS
        ):
            with raise_unavailable_if_lost():
                rows = await self._pool.fetch(HISTORY)
            found = _history_of(rows)
            if known is None or found.id != known.id:
                self._recent = RecentEvents()
            known = self._history = found
            self._history_since, self._history_read = since, now
        return known

    @property
    def _connection(self) -> int | None:
        """Return the number of the connection that listens, None while there is none.

        While it is the same one, no other server has replaced the one that was read.
        """
        return self._news.connections if self._news.connected else None

    async def follow_timeline(self, *, is_forced: bool = False) -> UUID:
        """Begin an epoch if the server was promoted since the last append, or if it is forced.

        Return the log's id.
        """
        with raise_unavailable_if_lost():
            log = await self._pool.fetchval(
                OPEN_EPOCH, self._is_lossless and not is_forced, is_forced
            )
        self._forget_history()
        return UUID(str(log))

    def _forget_history(self) -> None:
        """Read the history again before it is used: another epoch has begun."""
        self._history = None

    async def head(self) -> Position:
        return await self._head.get()

    async def _read_head(self) -> Position:
        with raise_unavailable_if_lost():
            return Position(await self._pool.fetchval(HEAD))

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        return await self._streams.read(streams, after)

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        guards.check(events)
        self._committer.admit(len(events.streams))
        if len(events.streams) <= COMMIT_EVENTS_MAX:
            return await self._committer.append(events)
        lost = guards.Lost()
        answers: list[int | None] = []
        for part in _parts(events.ends):
            answers += await self._append_part(events, part, lost)
        return answers

    async def _append_part(
        self, events: NewEvents, part: range, lost: guards.Lost
    ) -> Sequence[int | None]:
        groups = list(guards.groups(events))
        asked = []
        for group in part:
            guarded, streams = groups[group]
            if lost.touches(guarded):
                lost.add(streams)
            else:
                asked.append(group)
        answers: dict[int, int | None] = dict.fromkeys(part)
        answers.update(
            zip(
                asked,
                await self._committer.append(guards.select_groups(events, asked)),
                strict=True,
            )
        )
        for group in asked:
            if answers[group] is None:
                lost.add(groups[group][1])
        return list(answers.values())

    async def read_after(
        self, position: int, limit: int, *, may_be_cached: bool = False
    ) -> list[Recorded]:
        """Read events after a position, up to a gap that another transaction may still fill.

        With `may_be_cached`, events that another follower has read are not read again, and may
        make a short page.
        """
        since = self._connection
        if since is None or since != self._recent_since:
            self._recent, self._recent_since = RecentEvents(), since
        cache = self._recent
        if may_be_cached and (cached := cache.find(position, limit)):
            return cached
        with raise_unavailable_if_lost():
            while True:
                rows = await self._pool.fetch(READ_AFTER, position, limit)
                positions = [row[0] for row in rows]
                gap = self._holes.first_open(position, positions)
                if gap is None or not await self._holes.prove():
                    break
        self._holes.pass_over(position, positions[:gap])
        page = [Recorded(*row) for row in rows[:gap]]
        if since is not None and since == self._connection:
            cache.put(position, page)
        return page

    async def read_discussion(
        self, discussion: UUID, up_to: int, *, votes: bool = True
    ) -> AsyncGenerator[list[Recorded], None]:
        within = range_of(discussion)
        if votes:
            reading = self._pages(READ_DISCUSSION, *within, up_to)
        else:
            reading = self._pages(READ_BESIDES_VOTES, *within, up_to, *votes_of(discussion))
        async with aclosing(reading) as pages:
            async for rows in pages:
                yield [Recorded(*row) for row in rows]

    async def read_discussion_after(
        self, discussion: UUID, position: int, limit: int
    ) -> list[Recorded]:
        head = await self.head()
        is_late = head - position <= LATELY_EVENTS_MAX
        query = READ_DISCUSSION_LATELY if is_late else READ_DISCUSSION_AFTER
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(query, *range_of(discussion), position, limit)
        return [Recorded(*row) for row in rows]

    async def read_votes(self, discussion: UUID, up_to: int) -> AsyncGenerator[list[VoteRow], None]:
        async with aclosing(self._pages(READ_VOTES, *votes_of(discussion), up_to)) as pages:
            async for rows in pages:
                yield [tuple(row) for row in rows]

    async def _pages(
        self, query: str, *arguments: object
    ) -> AsyncGenerator[list[asyncpg.Record], None]:
        """Read by a cursor; once more where the database cancels that before the first page."""
        for is_last in (False, True):
            begun = False
            try:
                async with aclosing(self._pages_once(query, *arguments)) as pages:
                    async for rows in pages:
                        begun = True
                        yield rows
            except CANCELLED as error:
                if begun or is_last:
                    raise LogUnavailable(str(error)) from error
            else:
                return

    async def _pages_once(
        self, query: str, *arguments: object
    ) -> AsyncGenerator[list[asyncpg.Record], None]:
        with raise_unavailable_if_lost(but=CANCELLED):
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                cursor = await connection.cursor(query, *arguments)
                async with aclosing(prefetch(cursor, DISCUSSION_PAGE_EVENTS)) as pages:
                    async for rows in pages:
                        yield rows

    async def follow(self, position: int, limit: int) -> AsyncIterator[list[Recorded]]:
        log = await self.log_id()
        while not self._closed:
            news = self._news.next()
            page = await self.read_after(position, limit, may_be_cached=True)
            history = await self.history()
            if not history.holds(log, position):
                raise LogReplaced("another log has replaced this one")
            log = history.id
            if page:
                position = page[-1].position
                yield page
            elif not await wait_at_most(news, POLL_SECONDS) and await self.head() < position:
                # A standby that had not received the last events was promoted.
                raise LogReplaced(f"the log ends before position {position}, which it had reached")


def _history_of(rows: Sequence[asyncpg.Record]) -> LogHistory:
    if not rows:
        raise LogUnavailable("the log has no id: `rostra init` makes its tables")
    earlier = {row[2]: row[3] for row in rows if row[2] is not None and row[2] != rows[0][0]}
    return LogHistory(rows[0][0], rows[0][1], earlier, rows[0][4])


def _parts(ends: Sequence[int]) -> Iterator[range]:
    """Cut groups so that others' appends come in between; each group stays whole."""
    first, begun, before = 0, 0, 0
    for group, end in enumerate(ends):
        if group > first and end - begun > COMMIT_EVENTS_MAX:
            yield range(first, group)
            first, begun = group, before
        before = end
    yield range(first, len(ends))
