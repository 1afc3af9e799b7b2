"""Votes that are decided in runs give what the decision on one command gives."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rostra import codec, ids
from rostra.commands import Commanded
from rostra.deciding import handle as handling
from rostra.deciding.batch_decider import BatchDecider, Outcome
from rostra.deciding.batch_slot import NoEarlierBatches
from rostra.deciding.stream_cache import StreamCache
from rostra.log import Recorded
from rostra.vote import VoteCast
from support import strategies
from support.effort import examples
from support.harness import commanded
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.model import Act

NAMES = ["ann", "guest:1", "rostra:2", 'a "quoted" \\ name', "日本", "é", "x" * 90]
SOURCES = ["cms", "rostra:persons", "https://forum.example/a?b=%20"]


def one_by_one(batch: BatchDecider, votes: Iterable[tuple[int, Commanded]], _: object) -> None:
    for index, vote in votes:
        batch.decide(index, vote)


def published(
    batches: Sequence[Sequence[Commanded]], *, in_runs: bool, processes: int = 1
) -> tuple[list[dict[str, Any]], list[Recorded]]:
    """Return the answers and rows of batches that one or two processes take by turns."""
    log, ring, articles = MemoryLog(), MemoryRing(), MemoryArticles()
    caches = [StreamCache(), StreamCache(bytes_max=8_000)]

    async def run() -> list[Outcome]:
        outcomes: list[Outcome] = []
        for number, batch in enumerate(batches):
            slot = NoEarlierBatches(caches[number % 3 % processes])
            outcomes += await handling.handle(log, ring, batch, articles, slot)
        return outcomes

    with pytest.MonkeyPatch.context() as patch:
        if not in_runs:
            patch.setattr(handling, "cast_votes", one_by_one)
        outcomes = asyncio.run(run())
    answers = [
        msgspec.structs.asdict(one) | {"refusal": repr(one.refusal and vars(one.refusal))}
        for one in outcomes
    ]
    return answers, log.rows


@st.composite
def vote(draw: st.DrawFn, number: int) -> Commanded:
    """A publisher's vote or a person's own, on a comment that may be there."""
    act = draw(strategies.voted())
    act["time"] = strategies.time_of(draw(st.integers(0, 400)))
    act["id"] = draw(st.sampled_from([f"e{number}", "again", NAMES[3], NAMES[4]]))
    act["source"] = draw(st.sampled_from([*SOURCES, "cms", "cms", "cms"]))
    act["data"]["voter"] = draw(st.sampled_from([*strategies.VOTERS * 2, *NAMES]))
    made = commanded(act)
    person = draw(st.sampled_from([None, None, None, act["data"]["voter"]]))
    return msgspec.structs.replace(made, act=msgspec.structs.replace(made.act, person=person))


@settings(deadline=None, max_examples=examples(120))
@given(st.data())
def test_a_run_gives_the_events_and_refusals_of_one_by_one(data: st.DataObject) -> None:
    acts: list[Act] = data.draw(strategies.conversations(acts_max=40))
    batches: list[list[Commanded]] = []
    for number, batch in enumerate(data.draw(strategies.batches(acts))):
        several = data.draw(st.integers(0, 6))
        votes = [data.draw(vote(10 * number + each)) for each in range(several)]
        batches.append([*votes, *(commanded(act) for act in batch), *votes[:2]])
    assert published(batches, in_runs=True) == published(batches, in_runs=False)
    by_two = [published(batches, in_runs=it, processes=2) for it in (True, False)]
    assert _in_any_order(*by_two[0]) == _in_any_order(*by_two[1])


def _in_any_order(
    answers: list[dict[str, Any]], rows: list[Recorded]
) -> tuple[list[dict[str, Any]], dict[tuple[UUID, int], Recorded]]:
    """Return answers and rows without their positions.

    What was decided from stale states is decided again, after the rest of its batch. Runs read
    fewer states, so other commands may be late.
    """
    return (
        [answer | {"position": None} for answer in answers],
        {(row.stream, row.version): replace(row, position=0) for row in rows},
    )


@given(name=st.text(min_size=1, max_size=200).filter(str.isprintable), source=st.text(min_size=1))
def test_numbers_made_of_parts_are_those_of_whole_ids(name: str, source: str) -> None:
    json = codec.encode(name)
    comment = ids.comment_id(ids.discussion_id("s", "a"), "c")
    assert ids.number_of(*ids.votes_start(comment), json) == ids.vote_id(comment, name).int
    assert ids.number_of(*ids.persons_start("s"), json) == ids.person_id("s", name).int
    start = ids.events_start(codec.encode(source))
    assert ids.event_number(start, json) == ids.event_id(source, name).int


def test_the_row_of_a_vote_in_a_run_is_what_its_event_says() -> None:
    act = {
        "type": "vote.cast",
        "source": SOURCES[2],
        "id": NAMES[3],
        "time": strategies.time_of(7),
        "data": {"site": "s", "resource": "a", "comment": "c0", "voter": NAMES[4], "value": -1},
    }
    beginning = [commanded(each) for each in strategies.timed_beginning()]
    _, rows = published([beginning, [commanded(act)]], in_runs=True)
    comment = ids.comment_id(ids.discussion_id("s", "a"), "c0")
    cast = VoteCast(
        time=commanded(act).act.time,
        source=SOURCES[2],
        id=NAMES[3],
        comment=comment,
        voter=NAMES[4],
        value=-1,
        was=0,
        now=-1,
    )
    assert rows[-1].stream == ids.vote_id(comment, NAMES[4])
    assert rows[-1].state == codec.encode(cast)
    metadata = {"source": SOURCES[2], "id": NAMES[3], "by": NAMES[4]}
    assert (rows[-1].metadata or "").encode() == codec.encode(metadata)


def cast(number: int) -> Commanded:
    given = {"site": "s", "resource": "a", "comment": "c0", "voter": "fay", "value": 1}
    act = {"source": "cms", "id": f"v{number}", "time": strategies.time_of(number), "data": given}
    return commanded({"type": "vote.cast", **act})


CHANGES: list[tuple[str, dict[str, Any], str]] = [
    (
        "comment.removed",
        {"resource": "a", "comment": "c0", "by": "mia", "reason": "spam"},
        "comment-removed",
    ),
    ("discussion.opened", {"resource": "a", "settings": {"voting": "off"}}, "voting-off"),
    ("site.configured", {"settings": {"voting": "up"}}, "recorded"),
    ("person.erased", {"person": "fay"}, "person-erased"),
]


@pytest.mark.parametrize(("kind", "data", "expected"), CHANGES)
def test_what_another_process_changed_is_guarded(
    kind: str, data: dict[str, Any], expected: str
) -> None:
    beginning = [commanded(each) for each in strategies.timed_beginning()]
    act = {"type": kind, "source": "cms", "id": "x", "time": strategies.time_of(90)}
    change = commanded({**act, "data": {"site": "s", **data}})
    log, ring, ours = MemoryLog(), MemoryRing(), NoEarlierBatches(StreamCache())

    async def run() -> list[Outcome]:
        await handling.handle(log, ring, [*beginning, cast(1)], slot=ours)
        await handling.handle(log, ring, [cast(2)], slot=ours)
        await handling.handle(log, ring, [change], slot=NoEarlierBatches(StreamCache()))
        return await handling.handle(log, ring, [cast(3), cast(4)], slot=ours)

    for outcome in asyncio.run(run()):
        assert (outcome.refusal.name if outcome.refusal else outcome.status) == expected


def test_the_same_event_with_a_later_time_is_a_duplicate() -> None:
    beginning = [commanded(each) for each in strategies.timed_beginning()]
    first = cast(1)
    later = msgspec.structs.replace(first.act, time=strategies.time_of(50))
    again = msgspec.structs.replace(first, act=later)
    answers, rows = published([beginning, [first, again]], in_runs=True)
    assert [answer["status"] for answer in answers[-2:]] == ["recorded", "duplicate"]
    assert len([row for row in rows if row.event_id == first.event_id]) == 1
