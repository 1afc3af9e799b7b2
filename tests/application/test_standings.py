"""States that are kept and read on from are those of a fresh fold, whichever history there is."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from uuid import UUID, uuid4

import pytest

from rostra import codec, ids
from rostra.comment import CommentEdited, CommentPosted
from rostra.deciding.stream_states import fold_stream
from rostra.discussion import DiscussionClosed, DiscussionOpened, DiscussionReopened
from rostra.ids import EventId, StreamId
from rostra.log import ALL_VERSIONS, Recorded
from rostra.times import Time
from rostra_adapters.application import stream_state_reader as standings
from rostra_adapters.application.queries.history import comment_state
from rostra_adapters.application.stream_state_reader import StreamStateReader, events_of
from support.appending import Group, NewEvent, append
from support.memory import MemoryLog

STREAMS = [ids.discussion_id("news", f"/{number}") for number in range(4)]
TIME = Time("2026-01-01T00:00:00.000000Z")


class Log(MemoryLog):
    """Of a history that may be exchanged for another; counts what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.id = uuid4()
        self.read = 0
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def log_id(self) -> UUID:
        return self.id

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        found = await super().read_streams(streams, after)
        self.read += sum(map(len, found.values()))
        self.asked.set()
        await self.answers.wait()
        return found

    async def happens(self, stream: UUID) -> None:
        version = len(self._streams[stream]) + 1
        if version == 1:
            event: codec.AnyEvent = DiscussionOpened(time=TIME, site="news", resource="/x")
        else:
            event = (DiscussionClosed if version % 2 else DiscussionReopened)(time=TIME)
        row = NewEvent(StreamId(stream), version, type(event).topic, codec.encode(event))
        await append(self, [Group((row,), {stream: version - 1}, EventId(uuid4()), b"{}")])

    def starts_over(self) -> None:
        """With nothing in it."""
        self.id = uuid4()
        self.rows.clear()
        self._streams.clear()


def fresh(log: Log, stream: UUID) -> object:
    return fold_stream(stream, events_of(log._streams.get(stream, [])))


async def test_they_equal_a_fresh_fold_and_each_event_is_read_once() -> None:
    random, log = Random(1), Log()
    kept = StreamStateReader(log)
    for _ in range(300):
        await log.happens(random.choice(STREAMS))
        wanted = random.sample(STREAMS, random.randint(1, 4))
        assert await kept.of(wanted) == [fresh(log, stream) for stream in wanted]
    await kept.of(STREAMS)
    assert log.read == len(log.rows) == 300


async def test_of_another_history_nothing_is_left() -> None:
    log = Log()
    kept = StreamStateReader(log)
    for _ in range(5):
        await log.happens(STREAMS[0])
    await kept.of(STREAMS)
    log.starts_over()
    await log.happens(STREAMS[0])
    assert await kept.of(STREAMS) == [fresh(log, stream) for stream in STREAMS]


async def test_what_comes_late_of_a_history_that_is_over_is_not_kept() -> None:
    log = Log()
    kept = StreamStateReader(log)
    for _ in range(5):
        await log.happens(STREAMS[0])
    log.answers.clear()
    late = asyncio.create_task(kept.of(STREAMS))
    await log.asked.wait()
    log.starts_over()
    await log.happens(STREAMS[0])
    other = asyncio.create_task(kept.of([STREAMS[1]]))
    await asyncio.sleep(0)  # it learns of the other history first
    log.answers.set()
    await asyncio.gather(other, late)
    assert await kept.of(STREAMS) == [fresh(log, stream) for stream in STREAMS]


async def test_the_least_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "KEPT_MAX", 2)
    log = Log()
    kept = StreamStateReader(log)
    for stream in STREAMS:
        await log.happens(stream)

    for stream in STREAMS:
        await kept.of([stream])
    read = log.read
    await kept.of([STREAMS[3]])
    assert log.read == read
    await kept.of([STREAMS[0]])
    assert log.read == read + 1


async def test_an_event_of_an_unknown_type_counts_in_a_comments_version() -> None:
    log = Log()
    stream = ids.comment_id(ids.discussion_id("news", "/x"), "c")
    posted = CommentPosted(time=TIME, key="c", author="ann", personal=b"sealed", status="published")
    edited = CommentEdited(time=TIME, author="ann", personal=b"sealed")
    payloads = [
        (posted.topic, codec.encode(posted)),
        ("comment.thanked", b"{}"),
        (edited.topic, codec.encode(edited)),
    ]
    for version, (topic, payload) in enumerate(payloads, 1):
        row = NewEvent(stream, version, topic, payload)
        await append(log, [Group((row,), {}, EventId(uuid4()), b"{}")])
    state = await comment_state(log, stream)
    assert (state.version, state.words_version) == (3, 3)
    assert await StreamStateReader(log).of([stream]) == [state]
