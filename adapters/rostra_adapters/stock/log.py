"""The log over any stock recorder of `eventsourcing`, for one process.

Such a recorder has no columns for the event id and the metadata. They are stored inside the state,
before its own fields, and removed when it is read:

    {"$event_id":"<36 characters>","$metadata":{…},<the fields of state>}

Programs that read the recorder's events without this module find two more fields, which decoders
ignore.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar
from uuid import UUID

import msgspec
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    InterfaceError,
    Notification,
    OperationalError,
    StoredEvent,
)
from eventsourcing.popo import POPOApplicationRecorder

from rostra.ids import EventId, Position, StreamId, range_of, votes_of
from rostra.log import (
    ALL_VERSIONS,
    POSITION_MAX,
    LogBusy,
    LogHistory,
    LogUnavailable,
    NewEvents,
    Recorded,
    VoteRow,
)
from rostra.times import LONG_AGO, Time
from rostra_adapters.aio.wake_up import WakeUp, wait_at_most
from rostra_adapters.application import guards
from rostra_adapters.application.log_limits import (
    APPEND_ATTEMPTS_MAX,
    BUSY_RETRY_SECONDS,
    DISCUSSION_PAGE_EVENTS,
    QUEUED_EVENTS_MAX,
)
from rostra_adapters.clock import now
from rostra_adapters.stock.rows import rows_of, to_uuid

POLL_SECONDS = 0.5
"""Seconds after which a follower sees rows that other objects wrote."""
LOOK_BACK_EVENTS = 1_000
READERS_MAX = 4

_Answer = TypeVar("_Answer")


class StockLog:
    """A `rostra.log.EventLog` over a stock recorder.

    Give a `log_id` unless the recorder is in memory or SQLite. Otherwise the log's id would change
    with the process.
    """

    def __init__(
        self,
        recorder: ApplicationRecorder,
        *,
        log_id: UUID | None = None,
        clock: Callable[[], Time] = now,
    ) -> None:
        self._recorder = recorder
        self._rows = rows_of(recorder)
        self._blocks = not isinstance(recorder, POPOApplicationRecorder)
        self._log_id = log_id
        self._clock = clock
        self._at: Time | None = None
        self._news = WakeUp()
        self._queued_events = 0
        self._closed = False
        # One thread writes: between looking at the guards and inserting nothing else
        # of this process is appended, also if the caller is cancelled meanwhile.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="rostra-stock-log")
        # Threads of its own, so that closing waits for reads whose callers went away: SQLite
        # crashes the process if its connection is closed under a statement.
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="rostra-stock-reads")

    async def close(self) -> None:
        """Finish reads and appends, and end followers."""
        self._closed = True
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._news.send()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def log_id(self) -> UUID:
        if self._log_id is None:
            self._log_id = await self._ask(self._rows.log_id)
        return self._log_id

    async def history(self) -> LogHistory:
        return LogHistory(await self.log_id())

    async def head(self) -> Position:
        return Position(await self._ask(lambda: self._recorder.max_notification_id() or 0))

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        def read() -> dict[UUID, list[Recorded]]:
            return {
                stream: [
                    to_recorded(row)
                    for row in self._rows.of(stream)
                    if row.originator_version > after.get(stream, 0)
                ]
                for stream in streams
            }

        return await self._ask(read)

    async def read_after(
        self,
        position: int,
        limit: int,
        *,
        may_be_cached: bool = False,  # noqa: ARG002  # nothing is cached
    ) -> list[Recorded]:
        def read() -> list[Recorded]:
            page = self._recorder.select_notifications(position, limit, inclusive_of_start=False)
            return [to_recorded(row) for row in page]

        return await self._ask(read)

    async def read_discussion(
        self, discussion: UUID, up_to: int, *, votes: bool = True
    ) -> AsyncGenerator[list[Recorded], None]:
        rows = await self._ask(lambda: self._rows.between(*range_of(discussion), up_to))
        if not votes:
            first, last = votes_of(discussion)
            rows = [row for row in rows if not first <= to_uuid(row.originator_id) <= last]
        for start in range(0, len(rows), DISCUSSION_PAGE_EVENTS):
            yield [to_recorded(row) for row in rows[start : start + DISCUSSION_PAGE_EVENTS]]
            await asyncio.sleep(0)

    async def read_discussion_after(
        self, discussion: UUID, position: int, limit: int
    ) -> list[Recorded]:
        first, last = range_of(discussion)
        rows = await self._ask(lambda: self._rows.between(first, last, POSITION_MAX))
        return [to_recorded(row) for row in rows if row.id > position][:limit]

    async def read_votes(self, discussion: UUID, up_to: int) -> AsyncGenerator[list[VoteRow], None]:
        rows = await self._ask(lambda: self._rows.between(*votes_of(discussion), up_to))
        for start in range(0, len(rows), DISCUSSION_PAGE_EVENTS):
            page = map(to_recorded, rows[start : start + DISCUSSION_PAGE_EVENTS])
            yield [(row.position, row.topic, row.state) for row in page]
            await asyncio.sleep(0)

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        guards.check(events)
        count = len(events.streams)
        if self._queued_events and self._queued_events + count > QUEUED_EVENTS_MAX:
            raise LogBusy(BUSY_RETRY_SECONDS)
        self._queued_events += count
        try:
            return await self._ask(lambda: self._append(events), self._writer)
        finally:
            self._queued_events -= count
            self._news.send()

    async def follow(self, position: int, limit: int) -> AsyncIterator[list[Recorded]]:
        while not self._closed:
            news = self._news.next()
            if page := await self.read_after(position, limit):
                position = page[-1].position
                yield page
            else:
                await wait_at_most(news, POLL_SECONDS)

    async def _ask(
        self, question: Callable[[], _Answer], executor: ThreadPoolExecutor | None = None
    ) -> _Answer:
        if self._closed:
            raise LogUnavailable("the log is closed")
        try:
            if not self._blocks:
                return question()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(executor or self._readers, question)
        except (OperationalError, InterfaceError) as error:
            raise LogUnavailable(str(error)) from error

    def _append(self, events: NewEvents) -> Sequence[int | None]:
        """Decided again where another process wrote between looking and inserting."""
        answers: list[int | None] = [None] * len(events.ends)
        for _ in range(APPEND_ATTEMPTS_MAX):
            fresh = self._fresh(events)
            if not fresh:
                break
            accepted = guards.select_groups(events, fresh)
            try:
                positions = self._insert(accepted)
            except IntegrityError:
                continue
            for group, start in zip(fresh, (0, *accepted.ends), strict=False):
                answers[group] = positions[start]
            break
        return answers

    def _fresh(self, events: NewEvents) -> list[int]:
        """Return the groups whose guards hold, counting earlier groups that hold."""
        current: dict[int, int] = {}
        lost = guards.Lost()
        fresh: list[int] = []
        for group, (guarded, streams) in enumerate(guards.groups(events)):
            for stream in guarded.keys() - current.keys():
                current[stream] = self._version(UUID(int=stream))
            if not lost.touches(guarded) and guarded.items() <= current.items():
                fresh.append(group)
                for stream in streams:
                    current[stream] += 1
            else:
                lost.add(streams)
        return fresh

    def _version(self, stream: UUID) -> int:
        last = self._recorder.select_events(stream, desc=True, limit=1)
        return last[0].originator_version if last else 0

    def _insert(self, events: NewEvents) -> Sequence[int]:
        at = self._now()
        rows = zip(
            events.streams,
            events.versions,
            events.topics,
            events.states,
            events.event_ids,
            events.metadata,
            strict=True,
        )
        stored = [
            StoredEvent(UUID(int=stream), version, topic, _packed(event_id, metadata, state, at))
            for stream, version, topic, state, event_id, metadata in rows
        ]
        positions = self._recorder.insert_events(stored)
        assert positions is not None, "the recorder does not return positions"
        self._at = at
        return positions

    def _now(self) -> Time:
        """Return the time, which is never before the last recorded time."""
        if self._at is None:
            self._at = self._last_at()
        return max(self._at, self._clock())

    def _last_at(self) -> Time:
        """Return the time of the last event that has one: foreign events may follow it."""
        end = self._recorder.max_notification_id() or 0
        while end > 0:
            start = max(end - LOOK_BACK_EVENTS, 0)
            page = self._recorder.select_notifications(
                start, end - start, end, inclusive_of_start=False
            )
            for row in reversed(page):
                if (metadata := to_recorded(row).metadata) is not None:
                    return Time(msgspec.json.decode(metadata)["at"])
            end = start
        return LONG_AGO


_EVENT_ID = '{"$event_id":"'
_METADATA = '","$metadata":'
_EVENT_ID_END = len(_EVENT_ID) + 36
_METADATA_START = _EVENT_ID_END + len(_METADATA)
_json = json.JSONDecoder()


def _packed(event_id: int, metadata: bytes, state: bytes, at: Time) -> bytes:
    clocked = msgspec.json.encode({**msgspec.json.decode(metadata), "at": at})
    if not state.startswith(b"{"):
        raise ValueError("a state that is not a JSON object")
    front = f"{_EVENT_ID}{UUID(int=event_id)}{_METADATA}".encode() + clocked
    fields = state[1:]
    return front + (fields if fields.lstrip().startswith(b"}") else b"," + fields)


def to_recorded(row: Notification) -> Recorded:
    """Return a recorder's row with the event id and metadata from its state."""
    event_id, metadata, state = _unpacked(row.state) or (None, None, row.state)
    return Recorded(
        position=Position(row.id),
        stream=StreamId(to_uuid(row.originator_id)),
        version=row.originator_version,
        topic=row.topic,
        state=state,
        event_id=None if event_id is None else EventId(event_id),
        metadata=metadata,
    )


def _unpacked(state: bytes) -> tuple[UUID, str, bytes] | None:
    if not state.startswith(_EVENT_ID.encode()):
        return None
    try:
        text = state.decode()
        event_id = UUID(text[len(_EVENT_ID) : _EVENT_ID_END])
        _, end = _json.raw_decode(text, _METADATA_START)
    except (RecursionError, ValueError):
        return None
    return event_id, text[_METADATA_START:end], ("{" + text[end:].removeprefix(",")).encode()
