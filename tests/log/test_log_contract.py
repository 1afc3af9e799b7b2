"""What every log promises, whatever keeps it."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec
import pytest

from rostra import ids
from rostra.ids import EventId
from rostra.log import EventLog, VoteRow
from support.appending import Appended, Group, Stale, append
from support.log_examples import event, followed, group, one, positions

A, B, C, D = (UUID(int=number) for number in range(1, 5))


async def test_an_empty_log_has_nothing_to_read(log: EventLog) -> None:
    assert await log.head() == 0
    assert await log.read_after(0, 10) == []
    assert await log.read_streams([A, B]) == {A: [], B: []}
    assert await append(log, []) == []


async def test_what_was_appended_is_read_back_to_the_byte(log: EventLog) -> None:
    states = [
        b"{}",
        b"{ }",
        '{"body":"naïve ☃"}'.encode(),
        b'{"a":1,"$metadata":null}',
        b'{"a":{}}',
    ]
    events = [event(A, n, topic=f"t{n}", state=state) for n, state in enumerate(states, 1)]
    told = group(*events, metadata=b'{"source":"cms","id":"7"}')

    assert await append(log, [told]) == [Appended(first=1, last=len(states))]

    rows = (await log.read_streams([A]))[A]
    assert rows == await log.read_after(0, 100)
    assert [row.state for row in rows] == states
    assert [(row.position, row.stream, row.version, row.topic) for row in rows] == [
        (n, A, n, f"t{n}") for n in range(1, len(states) + 1)
    ]
    assert {row.event_id for row in rows} == {told.event_id}


async def test_metadata_is_kept_and_has_the_clock_of_recording(log: EventLog) -> None:
    metadata = {"source": "https://cms.example/", "id": "ä \\ 7", "by": "u1"}
    for version in range(1, 4):
        await append(log, [group(event(A, version), metadata=msgspec.json.encode(metadata))])
    kept = [msgspec.json.decode(row.metadata or "") for row in await log.read_after(0, 10)]

    clocks = [row.pop("at") for row in kept]
    assert kept == [metadata] * 3
    assert clocks == sorted(clocks)
    assert all(len(clock) == 27 and clock[10] == "T" and clock[26] == "Z" for clock in clocks)


async def test_groups_get_positions_in_their_order_without_a_hole(log: EventLog) -> None:
    answers = await append(log, [group(event(A, 1), event(B, 1)), one(C), one(A, 2)])

    assert answers == [Appended(1, 2), Appended(3, 3), Appended(4, 4)]
    assert [row.stream for row in await log.read_after(0, 10)] == [A, B, C, A]
    assert await log.head() == 4


async def test_a_page_ends_at_its_limit(log: EventLog) -> None:
    await append(log, [one(A, version) for version in range(1, 8)])

    assert positions(await log.read_after(0, 3)) == [1, 2, 3]
    assert positions(await log.read_after(5, 3)) == [6, 7]
    assert positions(await log.read_after(7, 3)) == []


async def test_a_refusal_fails_alone_and_burns_no_position(log: EventLog) -> None:
    await append(log, [one(A)])

    assert await append(log, [one(A), one(B), one(A, 3)]) == [Stale(), Appended(2, 2), Stale()]
    assert await append(log, [one(A, 2)]) == [Appended(3, 3)]


async def test_a_stream_only_looked_at_guards_as_well(log: EventLog) -> None:
    await append(log, [one(A)])

    assert await append(log, [one(B, upon={A: 0})]) == [Stale()]
    assert await append(log, [one(B, upon={A: 2})]) == [Stale()]
    assert await append(log, [one(B, upon={A: 1, C: 0})]) == [Appended(2, 2)]


async def test_a_group_is_recorded_whole_or_not_at_all(log: EventLog) -> None:
    await append(log, [one(B)])

    assert await append(log, [group(event(A, 1), event(B, 1))]) == [Stale()]
    assert await log.read_streams([A]) == {A: []}


async def test_what_the_same_call_accepted_counts(log: EventLog) -> None:
    answers = await append(log, [one(A), one(A, 2), one(B, upon={A: 2}), one(C, upon={A: 1})])

    assert answers == [Appended(1, 1), Appended(2, 2), Appended(3, 3), Stale()]


async def test_what_was_decided_upon_a_refused_group_is_refused_too(log: EventLog) -> None:
    await append(log, [one(A)])

    decided_upon_nothing = [one(A), one(B, upon={A: 1}), one(C, upon={B: 1}), one(D)]
    answers = await append(log, decided_upon_nothing)
    # The version the second one names does stand by now, but it is another's event.
    assert answers == [Stale(), Stale(), Stale(), Appended(2, 2)]


async def test_what_was_lost_is_lost_to_its_caller_alone(log: EventLog) -> None:
    await append(log, [one(A)])

    theirs, ours = await asyncio.gather(append(log, [one(A)]), append(log, [one(B, upon={A: 1})]))

    assert theirs == [Stale()]
    assert ours == [Appended(2, 2)]


async def test_of_many_at_once_one_wins_each_version(log: EventLog) -> None:
    for version in range(1, 6):
        answers = await asyncio.gather(*(append(log, [one(A, version)]) for _ in range(10)))
        assert Counter(type(answer) for [answer] in answers) == {Appended: 1, Stale: 9}
    assert await log.head() == 5


async def test_groups_that_can_never_hold_are_a_mistake(log: EventLog) -> None:
    follows_nothing = group(event(A, 1), upon={A: 3})
    unguarded = Group(events=(event(A, 1),), guards={}, event_id=EventId(uuid4()), metadata=b"{}")
    empty = group(upon={A: 0})

    for mistaken in (follows_nothing, unguarded, empty, group(event(A, 1), event(A, 3))):
        with pytest.raises(ValueError, match=r"without events|does not follow"):
            await append(log, [one(B), mistaken])
    assert await log.head() == 0


async def test_what_cannot_be_stored_fails_alone(log: EventLog) -> None:
    bad = group(event(A, 1), metadata=b"not json")
    answers = await asyncio.gather(
        append(log, [one(B)]), append(log, [bad]), append(log, [one(C)]), return_exceptions=True
    )

    assert [type(answer) for answer in answers[::2]] == [list, list]
    assert isinstance(answers[1], Exception)
    assert await log.head() == 2


async def test_a_caller_who_goes_away_breaks_nobody(log: EventLog) -> None:
    callers = [asyncio.create_task(append(log, [one(uuid4())])) for _ in range(50)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)

    stayed = {str(answer) for answer in answers if isinstance(answer, list)}
    assert len(stayed) >= 25  # each at a position of its own
    rows = await log.read_after(0, 100)
    assert positions(rows) == list(range(1, len(rows) + 1))


async def test_a_follower_sees_what_is_there_and_what_comes(log: EventLog) -> None:
    await append(log, [one(A), one(A, 2)])
    following = asyncio.create_task(followed(log, 1, 100))
    for version in range(3, 102):
        await append(log, [one(A, version)])

    assert positions(await following) == list(range(2, 102))


async def test_the_log_has_one_id(log: EventLog) -> None:
    assert isinstance(await log.log_id(), UUID)
    assert await log.log_id() == await log.log_id()


async def test_a_hundred_calls_at_random_are_answered_as_an_independent_model_says(
    log: EventLog,
) -> None:
    chance = random.Random(7)
    streams = [uuid4() for _ in range(6)]
    model = dict.fromkeys(streams, 0)
    for _ in range(100):
        groups = [_decided_at_random(chance, model) for _ in range(chance.randint(1, 8))]
        expected = _expected(model, groups)
        answers = await append(log, groups)
        assert [isinstance(answer, Appended) for answer in answers] == expected
        assert await log.head() == sum(model.values())


def _decided_at_random(chance: random.Random, model: dict[UUID, int]) -> Group:
    """Upon what stands, or nearly."""
    upon = {
        stream: max(0, model[stream] + chance.choice([0, 0, 0, 0, 0, 1, -1]))
        for stream in chance.sample(sorted(model), 3)
    }
    first, second, _ = upon
    events = [event(first, upon[first] + 1), event(second, upon[second] + 1)]
    return group(*events[: chance.randint(1, 2)], upon=upon)


def _expected(model: dict[UUID, int], groups: Sequence[Group]) -> list[bool]:
    accepted = []
    lost: set[UUID] = set()
    for given in groups:
        holds = all(model[s] == v and s not in lost for s, v in given.guards.items())
        accepted.append(holds)
        for new in given.events:
            if holds:
                model[new.stream] += 1
            else:
                lost.add(new.stream)
    return accepted


async def test_a_discussion_is_read_by_itself_in_the_order_of_the_log(log: EventLog) -> None:
    here, there = ids.discussion_id("s", "a"), ids.discussion_id("s", "b")
    streams = [ids.comment_id(here, "c1"), here, ids.vote_id(ids.comment_id(here, "c1"), "ann")]
    for version in (1, 2):
        for stream in (*streams, there, ids.comment_id(there, "c1")):
            await append(log, [one(stream, version)])

    async def read(up_to: int) -> list[int]:
        pages = [page async for page in log.read_discussion(here, up_to)]
        return [row.position for page in pages for row in page]

    assert await read(100) == [1, 2, 3, 6, 7, 8]
    assert await read(6) == [1, 2, 3, 6]
    assert await read(0) == []
    [[row]] = [page async for page in log.read_discussion(here, 1)]
    [whole, _] = (await log.read_streams([streams[0]]))[streams[0]]
    assert msgspec.structs.replace(row, metadata=whole.metadata) == whole


async def test_a_discussion_is_read_on_after_a_position(log: EventLog) -> None:
    here, there = ids.discussion_id("s", "a"), ids.discussion_id("s", "b")
    comment = ids.comment_id(here, "c1")
    for version in (1, 2):
        for stream in (comment, there, here, ids.vote_id(comment, "ann")):
            await append(log, [one(stream, version)])

    async def read(after: int, limit: int) -> list[int]:
        rows = await log.read_discussion_after(here, after, limit)
        return [row.position for row in rows]

    assert await read(0, 100) == [1, 3, 4, 5, 7, 8]
    assert await read(3, 2) == [4, 5]
    assert await read(8, 100) == []


async def test_the_votes_of_a_discussion_are_read_apart(log: EventLog) -> None:
    here, there = ids.discussion_id("s", "a"), ids.discussion_id("s", "b")
    commented = ids.comment_id(here, "c1")
    vote, flag = ids.vote_id(commented, "ann"), ids.flag_id(commented, "ann")
    elsewhere = ids.vote_id(ids.comment_id(there, "c1"), "ann")
    for version in (1, 2):
        for stream in (vote, here, elsewhere, commented, flag):
            await append(log, [one(stream, version)])
    [first, second] = (await log.read_streams([vote]))[vote]

    async def read(up_to: int) -> tuple[list[int], list[VoteRow]]:
        rest = [page async for page in log.read_discussion(here, up_to, votes=False)]
        votes = [vote async for page in log.read_votes(here, up_to) for vote in page]
        return [row.position for page in rest for row in page], sorted(votes)

    early, late = ((row.position, row.topic, row.state) for row in (first, second))
    assert await read(100) == ([2, 4, 5, 7, 9, 10], [early, late])
    assert await read(5) == ([2, 4, 5], [early])
    assert await read(0) == ([], [])


async def test_of_a_stream_only_what_comes_after_a_version_is_read(log: EventLog) -> None:
    one_stream, other = uuid4(), uuid4()
    await append(log, [group(*(event(one_stream, version) for version in (1, 2, 3)))])
    await append(log, [group(event(other, 1))])
    read = await log.read_streams([one_stream, other], {one_stream: 2})
    assert [row.version for row in read[one_stream]] == [3]
    assert [row.version for row in read[other]] == [1]
    assert await log.read_streams([one_stream], {one_stream: 3}) == {one_stream: []}
