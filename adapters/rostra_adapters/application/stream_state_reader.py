"""Reader of the current states of a few frequent streams, which reads only new events."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from rostra import codec
from rostra.deciding.stream_states import fold_stream
from rostra.log import EventLog, Recorded
from rostra.times import is_time
from rostra_adapters.lru_cache import LruCache

KEPT_MAX = 20_000


class _CachedState(NamedTuple):
    version: int
    state: Any


class StreamStateReader:
    """Reader of current stream states, without a cache."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._log_id: UUID | None = None
        self._cache: LruCache[UUID, _CachedState] = LruCache(KEPT_MAX)

    async def of(self, streams: Sequence[UUID]) -> list[Any]:
        """Return the state of each stream."""
        log_id = await self._log.log_id()
        if log_id != self._log_id:  # another history has other versions
            self._cache.clear()
            self._log_id = log_id
        known = {stream: kept for stream in streams if (kept := self._cache.find(stream))}
        after = {stream: kept.version for stream, kept in known.items()}
        read = await self._log.read_streams(streams, after)
        found = {stream: _read_on(stream, known.get(stream), read[stream]) for stream in streams}
        if log_id == self._log_id:  # else another call has learned of another history meanwhile
            for stream, now in found.items():
                self._put(stream, now)
        return [found[stream].state for stream in streams]

    def _put(self, stream: UUID, now: _CachedState) -> None:
        if not now.version:
            return
        kept = self._cache.find(stream)
        if kept is None or now.version >= kept.version:
            self._cache.put(stream, now)


def _read_on(stream: UUID, known: _CachedState | None, rows: Sequence[Recorded]) -> _CachedState:
    version, state = known or (0, None)
    now = fold_stream(stream, events_of(rows), state)
    return _CachedState(rows[-1].version if rows else version, now)


def events_of(rows: Sequence[Recorded]) -> list[codec.AnyEvent | None]:
    """Return the event of each row of one stream, as `decode_row` does."""
    return [decode_row(row) for row in rows]


def decode_row(row: Recorded) -> codec.AnyEvent | None:
    """Return the event of a row; None if it is not one of this program, or malformed."""
    try:
        event = codec.decode(row.topic, row.state)
    except msgspec.DecodeError:
        return None
    return event if event is not None and is_time(event.time) else None
