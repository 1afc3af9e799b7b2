"""Answers of a lagging reader: none is older than it says, and a walk sees each comment once."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import pytest

from rostra.settings import Order
from support.judged_answers import Conversation, Judged, ask, reads, wrong_answers
from support.reader_pair import NOW, Pair, comments, on, walk
from support.replication import Node
from support.service import opened, posted, voted
from support.views import judge
from support.waiting import wait_until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

IS_LARGE = bool(os.environ.get("ROSTRA_TEST_LARGE"))
ANSWERS = 10_000 if IS_LARGE else 600
ANSWERS_A_WRITE = 20 if IS_LARGE else 2
"""Answers between two writes. The model is slow where there are thousands of comments."""
CLIENTS = 8
COMMENTS = 1_000 if IS_LARGE else 60
LIMIT = 25 if IS_LARGE else 7
VOTES_AT_ONCE = 20
ORDERS: tuple[Order, ...] = judge.ORDERS


@pytest.fixture
async def both(followed: list[Node]) -> AsyncIterator[Pair]:
    async with on(followed) as made:
        yield made


@pytest.mark.slow
async def test_no_answer_is_older_than_it_says(both: Pair) -> None:
    conversation = Conversation(Random(26))
    await conversation.begin(both.writer.app.publish)
    await both.replayed()
    every, answers, behind = reads(), list[Judged](), Counter[str]()

    async def write() -> None:
        while len(answers) < ANSWERS:
            await conversation.go_on(both.writer.app.publish)
            await _wait_for(answers, len(answers) + ANSWERS_A_WRITE)

    async def read(choose: Random) -> None:
        while len(answers) < ANSWERS:
            name = choose.choice(["reader", "reader", "writer"])
            least = conversation.last if choose.random() < 0.2 else 0
            service = both.reader if name == "reader" else both.writer
            answer = await ask(name, service, choose.choice(every), least)
            if answer is None:
                behind[name] += 1
            else:
                answers.append(answer)

    async with both.lagging(), asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(read(Random(number)))
        group.create_task(write())
    wrong = wrong_answers(conversation, answers)
    assert not wrong, (len(wrong), len(answers), wrong[:3])
    assert behind["writer"] == 0
    heads = [answer.position for answer in answers if answer.service == "reader"]
    assert len(set(heads)) > 10  # while it was written
    print(  # noqa: T201  # the figures of `make cluster-check`
        f"{len(answers)} answers at {len(set(heads))} positions, {behind['reader']} times behind"
    )


@pytest.mark.slow
async def test_the_past_is_that_of_the_primary(both: Pair) -> None:
    """A position or time that the standby lacks is waited for; then 503."""
    conversation = Conversation(Random(3))
    await conversation.begin(both.writer.app.publish)
    for _ in range(10):
        await conversation.go_on(both.writer.app.publish)
    await both.replayed()
    middle = conversation.told[len(conversation.told) // 2][0]
    for position in (middle, conversation.last):
        pages = [
            (await one.ask("GET", "/v1/comments", params=comments(as_of=position))).body
            for one in (both.writer, both.reader)
        ]
        assert pages[0] == pages[1]
    async with both.paused():
        await conversation.go_on(both.writer.app.publish)
        now = str(both.primary.value(NOW))
        await conversation.go_on(both.writer.app.publish)
        late: list[object] = [conversation.last, now]
        waiting = [
            asyncio.create_task(
                both.reader.ask("GET", "/v1/comments", params=comments(as_of=as_of))
            )
            for as_of in late
        ]
        await asyncio.wait(waiting, timeout=0.3)
        assert not any(task.done() for task in waiting)
    for task, as_of in zip(waiting, late, strict=True):
        answer = await task
        assert answer.status == 200, answer.body
        mine = await both.writer.ask("GET", "/v1/comments", params=comments(as_of=as_of))
        assert answer.body == mine.body


@pytest.mark.slow
async def test_a_walk_under_votes_sees_each_comment_once(both: Pair) -> None:
    """By every order, on the writer and the lagging reader by turns."""
    await _begin(both)
    voting = asyncio.create_task(_vote(both))
    try:
        async with both.lagging():
            for order in ORDERS:
                for flat in (False, True):
                    seen = await walk([both.writer, both.reader], order, LIMIT, flat=flat)
                    assert sorted(seen) == sorted(f"c{number}" for number in range(COMMENTS))
    finally:
        voting.cancel()
        await asyncio.gather(voting, return_exceptions=True)


async def test_a_walk_on_a_paused_standby_sees_each_comment_once(both: Pair) -> None:
    await _begin(both)
    voting = asyncio.create_task(_vote(both))
    try:
        await wait_until(lambda: not voting.done() and both.reader.app.position() > COMMENTS + 50)
        async with both.paused_now():
            for order in ORDERS:
                seen = await walk([both.reader], order, LIMIT)
                assert sorted(seen) == sorted(f"c{number}" for number in range(COMMENTS))
    finally:
        voting.cancel()
        await asyncio.gather(voting, return_exceptions=True)


async def _wait_for(answers: list[Judged], number: int) -> None:
    await wait_until(lambda: len(answers) >= min(number, ANSWERS))


async def _begin(both: Pair) -> None:
    posts = [posted(f"c{number}") for number in range(COMMENTS)]
    for start in range(0, COMMENTS, 500):
        await both.writer.app.publish([opened(), *posts[start : start + 500]])
    await both.replayed()


async def _vote(both: Pair) -> None:
    voter = 0
    while True:
        voter += 1
        votes = [
            voted(random.choice([1, 1, -1]), on=f"c{random.randrange(COMMENTS)}", voter=f"p{voter}")
            for _ in range(VOTES_AT_ONCE)
        ]
        await both.writer.app.publish(votes)
