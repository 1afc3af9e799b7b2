"""Streams as one process last knew them, so that a decision need not read them again.

What is known may be old: whatever is appended names the versions it was decided upon, and the
log refuses what others have moved on. Only what appends nothing must be confirmed by a reading.
"""

from collections.abc import Collection
from uuid import UUID

from rostra import ids
from rostra.deciding.stream_states import StreamState, unwritten
from rostra.ids import StreamId

KNOWN_BYTES_MAX = 64 * 1024 * 1024
STATE_BYTES = 1_000
"""Estimated memory of a stream without its events, in bytes."""
EVENT_BYTES = 300
"""Estimated memory of an event without its payload, in bytes."""

GUESSED_KINDS = (ids.Kind.VOTE, ids.Kind.PERSON, ids.Kind.FLAG)
"""Streams that mostly have no events yet, so that those we do not know are taken to have none."""
WRONG_SHARE_MAX = 0.25
COMMANDS_WITHOUT_GUESSES = 20_000


class StreamCache:
    """The streams used last, bounded by what they cost: those used since half of that was taken,
    and those before, which are forgotten together the next time.
    """

    def __init__(self, bytes_max: int = KNOWN_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        # By the numbers of their ids: to hash a UUID takes two calls.
        self._streams: dict[int, StreamState] = {}
        self._before: dict[int, StreamState] = {}
        self._bytes = self._bytes_before = 0
        self._log: UUID | None = None
        self._without_guesses = 0

    def __len__(self) -> int:
        return len(self._streams) + len(self._before)

    @property
    def bytes(self) -> int:
        """Estimated memory use in bytes."""
        return self._bytes + self._bytes_before

    def of(self, log: UUID) -> None:
        """Clear the cache where it was filled from another log."""
        if log != self._log:
            self.clear()
            self._log = log

    def get(self, stream: StreamId) -> StreamState | None:
        """Return the cached or assumed state of a stream; None if it has to be read."""
        known = self._streams.get(stream.int)
        if known is not None:
            return known
        known = self._before.pop(stream.int, None)
        if known is not None:
            self._bytes_before -= _bytes(known)
            self._add(stream, known)
            return known
        guessed = not self._without_guesses and ids.kind_of(stream) in GUESSED_KINDS
        return unwritten(stream) if guessed else None

    def learn(self, stream: StreamId, current: StreamState) -> None:
        """Cache a state that was read, unless a later one is cached."""
        known = self._streams.get(stream.int) or self._before.get(stream.int)
        if known is None or known.version < current.version:
            self.put(stream, current)

    def put(self, stream: StreamId, current: StreamState) -> None:
        """Cache a stream's newest state."""
        if self._streams.get(stream.int) is current:
            return
        self.drop([stream])
        self._add(stream, current)

    def _add(self, stream: StreamId, current: StreamState) -> None:
        cost = _bytes(current)
        if self._bytes + cost > self._bytes_max // 2:
            self._before, self._bytes_before = self._streams, self._bytes
            self._streams, self._bytes = {}, 0
        self._streams[stream.int] = current
        self._bytes += cost

    def drop(self, streams: Collection[StreamId]) -> None:
        """Remove streams that have changed, or may have."""
        for stream in streams:
            if (current := self._streams.pop(stream.int, None)) is not None:
                self._bytes -= _bytes(current)
            elif (current := self._before.pop(stream.int, None)) is not None:
                self._bytes_before -= _bytes(current)

    def clear(self) -> None:
        """Remove everything."""
        self._streams, self._before = {}, {}
        self._bytes = self._bytes_before = 0

    def judge(self, commands: int, refused: int) -> None:
        """Stop assuming states for a while if assumptions are often wrong.

        That is so when everything is published again; reading the streams is cheaper then.
        """
        self._without_guesses = max(0, self._without_guesses - commands)
        if refused > commands * WRONG_SHARE_MAX:
            self._without_guesses = COMMANDS_WITHOUT_GUESSES


def _bytes(current: StreamState) -> int:
    return STATE_BYTES + EVENT_BYTES * len(current.seen) + current.payload_bytes


class BatchSlot:
    """The place of a batch among those that one process decides, each while the one before is
    being appended. `disturbed`: streams that are not as who decided meanwhile was told.
    """

    def __init__(self, known: StreamCache) -> None:
        self.known = known
        self.disturbed: set[UUID] = set()

    @property
    def is_ready(self) -> bool:
        """Return whether all earlier batches have finished."""
        return True

    async def wait_for_previous(self) -> Collection[UUID] | None:
        """Wait until earlier batches finish. Return the streams they changed, None if unknown."""
        return ()

    def release(self) -> None:
        """The next may decide."""
