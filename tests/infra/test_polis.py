"""Real conversations: for every comment exactly the tallies of each voter's last vote.

Data was gathered using the Polis software (see the folder's README), CC BY 4.0.
"""

import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from polis import convert
from rostra import codec, ids
from rostra.deciding.handle import Outcome, handle
from rostra.vote import VoteCast
from support.cases import first_is_quick
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing

SMALL = "15-per-hour-seattle"
LARGE = "scoop-hivemind.biodiversity"
NAMES = {1: "agree", -1: "disagree", 0: "pass"}
ROUNDS_MAX = 4

Tallies = dict[str, dict[str, int]]


@pytest.fixture
def small(test_data: Path) -> Path:
    return test_data / "polis" / SMALL


@pytest.fixture
def large(test_data: Path) -> Path:
    return test_data / "polis" / LARGE


def expected(folder: Path) -> Tallies:
    tallies: Tallies = json.loads((folder / "tally_last_vote_wins.json").read_text())
    return tallies


async def publish(log: MemoryLog, events: list[convert.Event], batch: int = 10_000) -> list[str]:
    """What became of each; those that another order could help are published again."""
    outcomes: dict[int, Outcome] = {}
    pending = list(range(len(events)))
    for _ in range(ROUNDS_MAX):
        for start in range(0, len(pending), batch):
            some = pending[start : start + batch]
            commands = [commanded(events[index]) for index in some]
            outcomes.update(zip(some, await handle(log, MemoryRing(), commands), strict=True))
        pending = [i for i, it in outcomes.items() if it.refusal and it.refusal.retryable]
        if not pending:
            break
    return [outcomes[index].status for index in range(len(events))]


def tallies(log: MemoryLog, folder: Path) -> Tallies:
    """Each voter's last effect, counted over the log."""
    votes: dict[UUID, dict[str, int]] = defaultdict(dict)
    for row in log.rows:
        event = codec.decode(row.topic, row.state)
        if isinstance(event, VoteCast):
            votes[event.comment][event.voter] = event.now
    discussion = ids.discussion_id(convert.SITE, folder.name)
    counted = {
        key: Counter(votes[ids.comment_id(discussion, key)].values()) for key in expected(folder)
    }
    return {
        key: {name: counts[value] for value, name in NAMES.items()}
        for key, counts in counted.items()
    }


def added_up(log: MemoryLog) -> dict[str, tuple[int, int]]:
    """What a projection makes of it: `now - was`, and nothing looked up."""
    ups: Counter[UUID] = Counter()
    downs: Counter[UUID] = Counter()
    keys: dict[UUID, str] = {}
    for row in log.rows:
        event: Any = codec.decode(row.topic, row.state)
        if isinstance(event, VoteCast):
            ups[event.comment] += (event.now == 1) - (event.was == 1)
            downs[event.comment] += (event.now == -1) - (event.was == -1)
        elif event.topic == "comment.posted":
            keys[row.stream] = event.key
    return {key: (ups[at], downs[at]) for at, key in keys.items()}


def assert_right(log: MemoryLog, folder: Path) -> None:
    right = expected(folder)
    assert tallies(log, folder) == right
    totals = {key: (it["agree"], it["disagree"]) for key, it in right.items()}
    assert added_up(log) == totals


@pytest.mark.parametrize("order", first_is_quick(["shuffled", "time", "file", "reverse"]))
async def test_in_any_order_the_last_vote_of_each_stands(small: Path, order: convert.Order) -> None:
    log = MemoryLog()
    statuses = await publish(log, convert.events(small, order=order, seed=7))
    assert "rejected" not in statuses
    assert_right(log, small)


@pytest.mark.slow
async def test_so_it_is_in_a_larger_conversation(large: Path) -> None:
    log = MemoryLog()
    statuses = await publish(log, convert.events(large, order="shuffled", seed=8), batch=10_000)
    assert "rejected" not in statuses
    assert_right(log, large)


async def test_published_twice_it_is_the_same(small: Path) -> None:
    log = MemoryLog()
    events = convert.events(small, order="shuffled", seed=9)
    first = Counter(await publish(log, events))
    head = await log.head()
    again = Counter(await publish(log, events))
    assert await log.head() == head
    assert again == {"duplicate": first["recorded"], "unchanged": first["unchanged"]}
    assert first["unchanged"] > 0
    assert_right(log, small)


@pytest.mark.parametrize("batch", first_is_quick([100, 1]))
async def test_in_batches_of_any_size_it_is_the_same(small: Path, batch: int) -> None:
    log = MemoryLog()
    await publish(log, convert.events(small, order="shuffled", seed=10), batch)
    assert_right(log, small)


@pytest.mark.parametrize("mixed", first_is_quick(["at random", "backwards"]))
async def test_votes_that_come_before_their_comments_are_taken_when_published_again(
    small: Path, mixed: str
) -> None:
    events = convert.events(small)[::-1]
    if mixed == "at random":
        random.Random(11).shuffle(events)
    log = MemoryLog()
    await publish(log, events)
    assert_right(log, small)


def test_votes_of_the_same_moment_stand_in_the_order_of_the_file(small: Path) -> None:
    votes = [it for it in convert.events(small, order="file") if it["type"] == "vote.cast"]
    names = [it["id"] for it in votes]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(len(it["time"]) == len("2014-06-18T01:16:54.196000Z") for it in votes)
    assert {it["time"][:4] for it in votes} <= {"2014", "2015", "2016", "2017", "2018", "2019"}
