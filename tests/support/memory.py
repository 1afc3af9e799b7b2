"""A log and a key ring in memory, as small as they can be and still keep their promises."""

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from rostra.anchoring.reanchor import anchor_again
from rostra.deciding.text_work import (
    AnchorPlace,
    Gone,
    PlaceQuote,
    Prepared,
    PrepareText,
    ShowBody,
    Work,
    WorkResult,
    place_all,
    prepare,
)
from rostra.ids import EventId, Kind, Position, StreamId, discussion_of, kind_of, votes_of
from rostra.log import ALL_VERSIONS, LogHistory, NewEvents, Recorded, VoteRow
from rostra.refusals import Refusal
from rostra.sealing import NEVER, Damaged, Erased
from rostra_adapters.application.articles.shown_bodies import shown_body

LOG_ID = UUID("00000000-0000-4000-8000-000000000001")
_FORMAT = b"\x01"
_PLACE_BYTES = 20


class MemoryLog:
    """The event-log port; guards included."""

    def __init__(self) -> None:
        self.rows: list[Recorded] = []
        self._streams: dict[UUID, list[Recorded]] = defaultdict(list)

    async def log_id(self) -> UUID:
        return LOG_ID

    async def history(self) -> LogHistory:
        return LogHistory(LOG_ID)

    async def head(self) -> Position:
        return Position(len(self.rows))

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        return {stream: self._streams.get(stream, [])[after.get(stream, 0) :] for stream in streams}

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        lost: set[int] = set()  # streams that refused groups were to change
        answers: list[int | None] = []
        start = 0
        for end, guards in zip(events.ends, events.guards, strict=True):
            rows = range(start, end)
            start = end
            if not lost.isdisjoint(guards) or not self._hold(guards):
                lost.update(events.streams[row] for row in rows)
                answers.append(None)
                continue
            answers.append(len(self.rows) + 1)
            for row in rows:
                self._record(events, row)
        return answers

    def _hold(self, guards: Mapping[int, int]) -> bool:
        return all(len(self._streams.get(UUID(int=n), ())) == v for n, v in guards.items())

    def _record(self, events: NewEvents, row: int) -> None:
        stream = StreamId(UUID(int=events.streams[row]))
        recorded = Recorded(
            Position(len(self.rows) + 1),
            stream,
            events.versions[row],
            events.topics[row],
            events.states[row],
            EventId(UUID(int=events.event_ids[row])),
            events.metadata[row].decode(),
        )
        assert recorded.version == len(self._streams[stream]) + 1
        self.rows.append(recorded)
        self._streams[stream].append(recorded)

    async def read_after(
        self,
        position: int,
        limit: int,
        *,
        may_be_cached: bool = False,  # noqa: ARG002  # nothing is cached
    ) -> list[Recorded]:
        return self.rows[position : position + limit]

    async def read_discussion(
        self, discussion: UUID, up_to: int, *, votes: bool = True
    ) -> AsyncGenerator[list[Recorded], None]:
        found = [row for row in self.rows[:up_to] if discussion_of(row.stream) == discussion]
        wanted = [row for row in found if votes or kind_of(row.stream) != Kind.VOTE]
        for start in range(0, len(wanted), 3):
            yield wanted[start : start + 3]

    async def read_discussion_after(
        self, discussion: UUID, position: int, limit: int
    ) -> list[Recorded]:
        found = self.rows[position:]
        return [row for row in found if discussion_of(row.stream) == discussion][:limit]

    async def read_votes(self, discussion: UUID, up_to: int) -> AsyncGenerator[list[VoteRow], None]:
        """The last first: nobody may count on an order."""
        first, last = votes_of(discussion)
        for row in reversed(self.rows[:up_to]):
            if first <= row.stream <= last:
                yield [(row.position, row.topic, row.state)]

    async def follow(self, position: int, limit: int) -> AsyncIterator[list[Recorded]]:
        while page := self.rows[position : position + limit]:
            position = page[-1].position
            yield page


class MemoryRing:
    """The key-ring port without cryptography: it binds words to their owner and place."""

    def __init__(self) -> None:
        self.keys: dict[UUID, int] = {}
        """Of each owner, how often they had been erased when it was made."""
        self._erasures: dict[UUID, int] = {}
        self._loaded: set[UUID] = set()

    async def make(
        self, owners: Collection[UUID], erasures: Mapping[UUID, int] = NEVER
    ) -> frozenset[UUID]:
        for owner in owners:
            count = erasures.get(owner, 0)
            if self._erasures.get(owner, 0) <= count:
                self.keys[owner] = max(count, self.keys.get(owner, 0))
        await self.load(owners)
        return frozenset(owners) - self.keys.keys()

    async def load(self, owners: Collection[UUID]) -> None:
        self._loaded.update(self.keys.keys() & set(owners))

    async def destroy(self, erasures: Mapping[UUID, int]) -> None:
        for owner, count in erasures.items():
            self._erasures[owner] = max(count, self._erasures.get(owner, 0))
            if self.keys.get(owner, count) < count:
                del self.keys[owner]
                self._loaded.discard(owner)

    async def wait_for_destruction(self) -> None:
        """Nobody else has these keys."""

    def seal(self, owner: UUID, plain: bytes, associated: bytes) -> bytes:
        if owner not in self._loaded:
            raise LookupError(owner)
        return _FORMAT + _place(owner, associated, self.keys[owner]) + plain

    def open(self, owner: UUID, sealed: bytes, associated: bytes) -> bytes:
        if owner not in self._loaded:
            raise Erased
        start = len(_FORMAT) + _PLACE_BYTES
        if sealed[:start] != _FORMAT + _place(owner, associated, self.keys[owner]):
            raise Erased if self.keys[owner] else Damaged
        return sealed[start:]


def _place(owner: UUID, associated: bytes, erasures: int) -> bytes:
    again = bytes([erasures]) if erasures else b""
    return sha256(owner.bytes + associated + again).digest()[:_PLACE_BYTES]


class MemoryArticles:
    """Does the work there and then, and keeps texts for ever."""

    def __init__(self) -> None:
        self.texts: dict[tuple[UUID, str], str] = {}
        self.done: dict[Work, WorkResult] = {}

    async def work(self, works: Collection[Work]) -> Mapping[Work, WorkResult]:
        self.do(works)
        return {work: self.done[work] for work in works}

    async def store(self, discussion: UUID, prepared: Prepared) -> None:
        self.texts[discussion, prepared.hash] = prepared.text

    async def read(self, discussion: UUID, text_hash: str) -> str | None:
        return self.texts.get((discussion, text_hash))

    def do(self, works: Collection[Work]) -> None:
        for work in works:
            try:
                self.done[work] = self._result(work)
            except Refusal as refusal:
                self.done[work] = refusal

    def _result(self, work: Work) -> WorkResult:
        match work:
            case PrepareText():
                return prepare(work)
            case PlaceQuote(discussion=discussion, hash=text_hash):
                text = self.texts.get((discussion, text_hash))
                return Gone() if text is None else place_all([work], text)[0]
            case AnchorPlace(discussion=discussion, previous=previous):
                before = self.texts.get((discussion, previous or ""))
                return anchor_again(work.text, [work.place], before)[0]
            case ShowBody():
                return shown_body(work.body, breaks=work.breaks)
