"""What a process knows of streams may be old: its answers never are.

Several processes on one log, each with what it knows and with batches that are decided while
others are being appended, do what the independent model of the contract does.
"""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra import ids
from rostra.deciding import stream_cache as known
from rostra.deciding.batch_slot import NoEarlierBatches
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.deciding.stream_cache import StreamCache
from rostra.deciding.stream_states import unwritten_of
from rostra.ids import DiscussionId, StreamId
from rostra.log import ALL_VERSIONS, LogUnavailable, NewEvents, Recorded
from rostra_adapters.application import command_queue
from rostra_adapters.application.command_queue import CommandQueue
from support import strategies
from support.effort import examples
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.model import Act, Model

PROCESSES = 2


class Counting(MemoryLog):
    appends = 0

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        self.appends += 1
        return await super().append(events)


class SlowLog(MemoryLog):
    """Others come in between at every step. Now and then it cannot be reached: then what was
    to be appended is recorded or not.
    """

    def __init__(self, random: Random, *, fails: float = 0.0) -> None:
        super().__init__()
        self._random = random
        self._fails = fails

    async def read_streams(
        self, streams: Sequence[UUID], after: Mapping[UUID, int] = ALL_VERSIONS
    ) -> dict[UUID, list[Recorded]]:
        await self._wait()
        read = await super().read_streams(streams, after)
        await self._wait()
        return read

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        await self._wait()
        if self._random.random() < self._fails:
            if self._random.random() < 0.5:
                await super().append(events)
            raise LogUnavailable("lost")
        answers = await super().append(events)
        await self._wait()
        return answers

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


def vote(number: int) -> Act:
    data = {"site": "s", "resource": "a", "comment": "c0", "voter": f"v{number}", "value": 1}
    time = strategies.time_of(300)
    return {"type": "vote.cast", "source": "cms", "id": f"v{number}", "time": time, "data": data}


def name(outcome: Outcome) -> str:
    return outcome.refusal.name if outcome.refusal else outcome.status


def assert_agrees(log: MemoryLog, acts: Sequence[Act], outcomes: Sequence[Outcome]) -> None:
    """In this order, though what was decided again may stand after what it does not touch."""
    model = Model()
    positions = replayed(log, acts)
    for act, outcome in zip(acts, outcomes, strict=True):
        assert name(outcome) == model.apply(act), act
        if outcome.status in ("recorded", "duplicate"):
            assert outcome.position == positions[act["id"]]
    assert len(log.rows) == model.position


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_processes_that_know_what_is_old_answer_as_the_model(data: st.DataObject) -> None:
    sequence = named_apart(data.draw(strategies.conversations()))
    batches = data.draw(strategies.batches(sequence))
    turns = data.draw(st.lists(st.integers(0, 1), min_size=len(batches), max_size=len(batches)))
    log, ring, articles = MemoryLog(), MemoryRing(), MemoryArticles()
    processes = [StreamCache(), StreamCache(bytes_max=5_000)]

    async def run() -> list[Outcome]:
        outcomes = []
        for batch, process in zip(batches, turns, strict=True):
            commands = [commanded(act) for act in batch]
            outcomes += await handle(
                log, ring, commands, articles, NoEarlierBatches(processes[process])
            )
        return outcomes

    assert_agrees(log, sequence, asyncio.run(run()))


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(acts=strategies.conversations(), seed=st.integers(0, 2**32))
def test_batches_decided_while_others_are_appended_agree_with_the_model(
    acts: list[Act], seed: int
) -> None:
    acts = named_apart([act for act in acts if act["type"] != "article.revised"])  # goes aside
    log = SlowLog(Random(seed))
    random = Random(seed)

    async def run() -> list[Outcome]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(command_queue, "BATCH_COMMANDS_MAX", 3)
            patch.setattr(command_queue, "_SLOW_TOPICS", frozenset())  # all in order
            one = CommandQueue(log, MemoryRing())
            asked = []
            for act in acts:
                asked.append(asyncio.create_task(one.submit([commanded(act)])))
                for _ in range(random.randrange(3)):
                    await asyncio.sleep(0)
            answers = await asyncio.gather(*asked)
            await one.close()
        return [outcome for answer in answers for outcome in answer]

    assert_agrees(log, acts, asyncio.run(run()))


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(
    acts=strategies.conversations(), seed=st.integers(0, 2**32), fails=st.sampled_from([0.0, 0.1])
)
def test_processes_that_write_at_once_record_what_the_model_would(
    acts: list[Act], seed: int, fails: float
) -> None:
    acts = named_apart([act for act in acts if act["type"] != "article.revised"])  # goes aside
    log, ring = SlowLog(Random(seed), fails=fails), MemoryRing()
    random = Random(seed)

    async def run() -> list[list[Outcome] | BaseException]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(command_queue, "BATCH_COMMANDS_MAX", 3)
            patch.setattr(command_queue, "_SLOW_TOPICS", frozenset())  # all in order
            processes = [CommandQueue(log, ring) for _ in range(PROCESSES)]
            asked = []
            for act in acts:
                one = random.choice(processes)
                asked.append(asyncio.create_task(one.submit([commanded(act)])))
                await asyncio.sleep(0)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for one in processes:
                await one.close()
        return answers

    answers = asyncio.run(run())
    positions = replayed(log, acts)
    for act, answer in zip(acts, answers, strict=True):
        if isinstance(answer, BaseException):
            assert fails
            assert isinstance(answer, LogUnavailable)
        elif answer[0].status in ("recorded", "duplicate"):
            assert positions[act["id"]] == answer[0].position


def named_apart(acts: list[Act]) -> list[Act]:
    """Each with an id of its own, but for those that come again."""
    first = {repr(act): number for number, act in reversed(list(enumerate(acts)))}
    return [{**act, "id": f"{act['id']}-{first[repr(act)]}"} for act in acts]


def replayed(log: MemoryLog, acts: Sequence[Act]) -> dict[str, int]:
    """Where each act was recorded: decided again upon those before it, it is so again."""
    by_id = {act["id"]: act for act in acts}
    model = Model()
    positions: dict[str, int] = {}
    for row in log.rows:
        act = by_id[msgspec.json.decode(row.metadata or "")["id"]]
        if act["id"] not in positions:  # an approval may bring another event with it
            assert model.apply(act) == "recorded", act
            positions[act["id"]] = model.first_position(act)
            # A revision's own event stands after those that anchor the passages.
            revised = act["type"] == "article.revised"
            assert positions[act["id"]] == row.position or revised
    assert model.position == len(log.rows)
    return positions


# -- what is known


async def test_what_is_known_is_bounded_and_of_one_log() -> None:
    kept = StreamCache(bytes_max=10_000)
    streams = [
        ids.comment_id(DiscussionId(StreamId(UUID(int=1))), f"c{number}") for number in range(100)
    ]
    kept.of(UUID(int=1))
    for stream in streams:
        kept.put({stream.int: unwritten_of(ids.Kind.COMMENT)})
        assert kept.bytes == len(kept) * known.STATE_BYTES <= 10_000
    assert len(kept) >= 5
    assert kept.find(streams[-1].int) is not None
    assert kept.find(streams[0].int) is None
    kept.of(UUID(int=2))
    assert (len(kept), kept.bytes) == (0, 0)


async def test_facts_of_voted_comments_hold_no_streams_that_are_dropped() -> None:
    log, ring, kept = MemoryLog(), MemoryRing(), StreamCache(bytes_max=20_000)
    await handle(log, ring, [commanded(act) for act in strategies.timed_beginning()])
    await handle(log, ring, [commanded(vote(1))], slot=NoEarlierBatches(kept))
    assert kept._comments
    others = (UUID(int=number | ids.Kind.COMMENT << 59) for number in range(1, 101))
    for other in others:
        kept.put({other.int: unwritten_of(ids.Kind.COMMENT)})
    assert not kept._comments


async def test_no_words_that_are_not_sealed_stay_known() -> None:
    log, ring, kept = MemoryLog(), MemoryRing(), StreamCache()
    begin = [commanded(act) for act in strategies.timed_beginning()]
    await handle(log, ring, begin, slot=NoEarlierBatches(kept))
    worded = {row.stream for row in log.rows if "comment" in row.topic}
    assert worded
    assert not any(kept.find(stream.int) for stream in worded)


async def test_where_guesses_are_wrong_streams_are_read_at_once() -> None:
    log, ring, kept = Counting(), MemoryRing(), StreamCache()
    begin = [commanded(act) for act in strategies.timed_beginning()]
    votes = [commanded(vote(number)) for number in range(20)]
    await handle(log, ring, [*begin, *votes])
    appends = []
    for _ in range(2):
        log.appends = 0
        answers = await handle(log, ring, votes, slot=NoEarlierBatches(kept))
        assert {answer.status for answer in answers} == {"duplicate"}
        appends.append(log.appends)
        kept.clear()
    assert appends == [1, 0]


async def test_acts_of_somebody_with_settings_are_decided_once() -> None:
    """Votes excepted: to read each voter first costs more than some refused appends."""
    log, ring = Counting(), MemoryRing()

    def act(kind: str, name: str, **data: object) -> Commanded:
        place = {"site": "s"} if kind == "person.configured" else {"site": "s", "resource": "a"}
        named = {"type": kind, "source": "cms", "id": name, "time": strategies.time_of(300)}
        return commanded({**named, "data": {**place, **data}})

    begin = [commanded(it) for it in strategies.timed_beginning()]
    configured = act("person.configured", "set", person="pat", language="de")
    await handle(log, ring, [*begin, configured])
    author = {"id": "pat", "name": "Pat"}
    first_acts = {
        "comment": act("comment.posted", "c", comment="c", author=author, body="Yes."),
        "flag": act("comment.flagged", "f", comment="c0", by="pat", reason="Rude"),
        "subscription": act("subscription.started", "s", person="pat", to="comments"),
        "settings": act("person.configured", "again", person="pat", language="fr"),
        "vote": act("vote.cast", "v", comment="c0", voter="pat", value=1),
    }
    appends: dict[str, int] = {}
    for name, command in first_acts.items():
        kept = StreamCache()
        other = act("vote.cast", f"other-{name}", comment="c0", voter=name, value=1)
        await handle(log, ring, [other], slot=NoEarlierBatches(kept))  # so that c0 is cached
        log.appends = 0
        (answer,) = await handle(log, ring, [command], slot=NoEarlierBatches(kept))
        assert answer.status == "recorded", name
        appends[name] = log.appends
    assert appends == {"comment": 1, "flag": 1, "subscription": 1, "settings": 1, "vote": 2}


async def test_what_is_used_again_and_again_stays_known() -> None:
    kept = StreamCache(bytes_max=10_000)
    often, *others = (
        ids.comment_id(DiscussionId(StreamId(UUID(int=1))), f"c{number}") for number in range(100)
    )
    kept.put({often.int: unwritten_of(ids.Kind.COMMENT)})
    for stream in others:
        kept.put({stream.int: unwritten_of(ids.Kind.COMMENT)})
        assert kept.find(often.int) is not None
    kept.drop([often.int])
    assert kept.find(often.int) is None
    assert kept.bytes == len(kept) * known.STATE_BYTES
