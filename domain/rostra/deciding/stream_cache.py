"""Cache of streams, so that a decision need not read them again.

Cached streams may be old. An append names the versions that its decision saw, and the log refuses
it if they are old. Only decisions without an append must be confirmed by a read.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from rostra import ids
from rostra.deciding.stream_states import FirstVote, StoredStream, unwritten_of

KNOWN_BYTES_MAX = 64 * 1024 * 1024
"""Estimated memory of all cached streams, in bytes."""
STATE_BYTES = 1_000
"""Estimated memory of a stream without its events, in bytes."""
VOTE_BYTES = 550
"""Estimated memory of a stream with one vote, in bytes."""
EVENT_BYTES = 300
"""Estimated memory of an event without its payload, in bytes."""

GUESSED_KINDS = (ids.Kind.VOTE, ids.Kind.PERSON)
"""Streams that mostly have no events yet. For votes, unknown ones are assumed to have none."""
_GUESSES = [unwritten_of(kind) if kind in GUESSED_KINDS else None for kind in ids.Kind]
_GUESS_IDS = frozenset(id(guess) for guess in _GUESSES if guess is not None)
WRONG_SHARE_MAX = 0.25
"""Share of a batch's commands that the log may refuse before states are no longer assumed."""
COMMANDS_WITHOUT_GUESSES = 20_000
"""Commands after which states are assumed again."""


VOTED_COMMENTS_MAX = 10_000
"""Comments whose facts are cached beside their streams; each takes about 1 kB."""

CommentName = tuple[str, str, UUID | None, str | None, int | None]
"""Site, resource, discussion id, comment, and number of the comment's id, as a vote gives them."""


def is_assumed(state: StoredStream | None) -> bool:
    """Return whether a state was assumed by `StreamCache.find`, and not read."""
    return id(state) in _GUESS_IDS


class VotedComment(msgspec.Struct, frozen=True, gc=False):
    """Facts that decide votes on a comment. They hold as long as its streams are as they were."""

    id: UUID
    streams: tuple[tuple[int, StoredStream], ...]
    """The streams that they are taken from."""
    guards: dict[int, int]
    """Versions of those streams."""
    votes: tuple[int, bytes]
    """Parts of the ids of the votes on it (see `ids.votes_start`)."""
    persons: tuple[int, bytes]
    """Parts of the ids of its site's persons (see `ids.persons_start`)."""
    values: tuple[int, ...]
    """Values that votes may have."""
    barred: str | None
    """Its author, if they may not vote on it."""


class StreamCache:
    """Cache of recent streams in two generations, bounded by their cost.

    When the newer generation has half of the cost, it becomes the older one, which is dropped. The
    facts about voted comments are dropped with it: the streams that they hold are not counted.
    """

    def __init__(self, bytes_max: int = KNOWN_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        # By the numbers of their ids: to hash a UUID takes two calls.
        self._streams: dict[int, StoredStream] = {}
        self._before: dict[int, StoredStream] = {}
        self._bytes = self._bytes_before = 0
        self._comments: dict[CommentName, VotedComment] = {}
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

    def find(self, number: int) -> StoredStream | None:
        """Return the cached or assumed state of a stream; None if it has to be read."""
        known = self._streams.get(number)
        if known is not None:
            return known
        if number in self._before:
            known = self._before.pop(number)
            self._bytes_before -= _bytes(known)
            self.put({number: known})
            return known
        return None if self._without_guesses else _GUESSES[ids.kind_bits(number)]

    def learn(self, number: int, current: StoredStream) -> None:
        """Cache a state that was read, unless a later one is cached."""
        known = self._streams.get(number) or self._before.get(number)
        if known is None or known.version < current.version:
            self.put({number: current})

    def put(self, streams: Mapping[int, StoredStream]) -> None:
        """Cache the newest states of streams."""
        for number, current in streams.items():
            known = self._streams.get(number)
            if known is current:
                continue
            cost = VOTE_BYTES if type(current) is FirstVote else _bytes(current)
            if known is not None:
                self._bytes -= _bytes(known)
            elif number in self._before:
                self._bytes_before -= _bytes(self._before.pop(number))
            if self._bytes + cost > self._bytes_max // 2:
                self._streams.pop(number, None)
                self._before, self._bytes_before = self._streams, self._bytes
                self._streams, self._bytes = {}, 0
                self._comments.clear()  # they hold streams, which may be dropped now
            self._streams[number] = current
            self._bytes += cost

    def drop(self, streams: Iterable[int]) -> None:
        """Remove streams that have changed, or may have."""
        for number in streams:
            if (current := self._streams.pop(number, None)) is not None:
                self._bytes -= _bytes(current)
            elif (current := self._before.pop(number, None)) is not None:
                self._bytes_before -= _bytes(current)

    def find_comment(self, name: CommentName) -> VotedComment | None:
        """Return the cached facts about a comment. They may be old: see `VotedComment.streams`."""
        return self._comments.get(name)

    def put_comment(self, name: CommentName, comment: VotedComment) -> None:
        """Cache the facts about a comment, unless words that are not sealed come with them."""
        if True in [state.plain for _, state in comment.streams]:
            return
        if len(self._comments) >= VOTED_COMMENTS_MAX:
            self._comments.clear()
        self._comments[name] = comment

    def clear(self) -> None:
        """Remove everything."""
        self._comments.clear()
        self._streams, self._before = {}, {}
        self._bytes = self._bytes_before = 0

    def judge(self, commands: int, refused: int) -> None:
        """Stop assuming states for a while if assumptions are often wrong.

        That is so when everything is published again; reading the streams is cheaper then.
        """
        self._without_guesses = max(0, self._without_guesses - commands)
        if refused > commands * WRONG_SHARE_MAX:
            self._without_guesses = COMMANDS_WITHOUT_GUESSES


def _bytes(current: StoredStream) -> int:
    if isinstance(current, FirstVote):
        return VOTE_BYTES
    return STATE_BYTES + EVENT_BYTES * len(current.seen) + current.payload_bytes
