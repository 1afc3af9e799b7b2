"""A stream has an end: persons come to theirs first, moderators and erasure last."""

from typing import Any
from uuid import UUID

import pytest

from rostra import codec, ids
from rostra.comment import CommentPinned
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.discussion import DiscussionReopened
from rostra.ids import StreamId
from rostra.limits import (
    COMMENT_EDITS_MAX,
    STREAM_EVENTS_MAX,
    STREAM_EVENTS_RESERVED,
    VOTE_CHANGES_MAX,
)
from rostra.passage import PassageReopened
from rostra.person import PersonReturned
from rostra.vote import VoteRestored
from support.appending import Group, NewEvent, append
from support.examples import DISCUSSION, at, comment, passage, person, vote_on
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing
from support.published import OPEN, POST, event, posting, statuses, voting

ORDINARY = STREAM_EVENTS_MAX - STREAM_EVENTS_RESERVED
MARK = event("passage.marked", "mark", passage="p1", exact="a stretch")

FILLING: dict[str, tuple[UUID, codec.AnyEvent]] = {
    "comment": (comment("c1"), CommentPinned(time=at(1))),
    "vote": (
        vote_on("c1"),
        VoteRestored(time=at(1), comment=comment("c1"), voter="bob", by="mia", was=1, now=1),
    ),
    "discussion": (DISCUSSION, DiscussionReopened(time=at(1))),
    "passage": (passage("p1"), PassageReopened(time=at(1))),
    "person": (person("ann"), PersonReturned(time=at(1), site="gazette", person="ann")),
}

ORDINARY_ACTS: dict[str, list[Commanded]] = {
    "comment": [event("comment.edited", "x", 50, comment="c1", body="No.", by="mia")],
    "vote": [voting(-1, "x", 50)],
    "discussion": [
        event("discussion.opened", "x", title="Another"),
        event("discussion.moved", "y", to="/elsewhere"),
    ],
    "passage": [event("passage.marked", "x", 50, passage="p1", exact="a stretch", question="?")],
    "person": [],
}

MODERATION: dict[str, list[Commanded]] = {
    "comment": [
        event("comment.unpinned", "1", 51, comment="c1"),
        event("comment.rejected", "2", 52, comment="c1"),
        event("comment.approved", "3", 53, comment="c1"),
        event("comment.removed", "4", 54, comment="c1", by="mia"),
        event("comment.restored", "5", 55, comment="c1", by="mia"),
    ],
    "vote": [event("vote.nullified", "1", 51, comment="c1", voter="bob", by="mia", reason="sold")],
    "discussion": [event("discussion.closed", "1", 51)],
    "passage": [
        event("passage.closed", "1", 51, passage="p1"),
        event("passage.unmarked", "2", 52, passage="p1"),
    ],
    "person": [
        commanded(
            {
                "type": "person.erased",
                "source": "urn:cms",
                "id": "1",
                "time": at(51),
                "data": {"site": "gazette", "person": "ann"},
            }
        )
    ],
}


async def filled(what: str, events: int) -> tuple[MemoryLog, MemoryRing]:
    """A log in which one stream has so many events."""
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST, MARK, voting(1, "v", 10)])
    stream, filler = FILLING[what]
    before = len((await log.read_streams([stream]))[stream])
    state = codec.encode(filler)
    for version in range(before, events):
        row = NewEvent(StreamId(stream), version + 1, filler.topic, state)
        name = ids.event_id("filler", str(version))
        await append(log, [Group((row,), {stream: version}, name, b"{}")])
    return log, ring


@pytest.mark.parametrize("what", FILLING)
async def test_moderation_gets_through_where_nothing_else_does(what: str) -> None:
    log, ring = await filled(what, ORDINARY)
    refused = await handle(log, ring, ORDINARY_ACTS[what])
    assert statuses(refused) == ["stream-full"] * len(refused)
    outcomes = await handle(log, ring, MODERATION[what])
    assert statuses(outcomes) == ["recorded"] * len(outcomes)


@pytest.mark.parametrize("what", FILLING)
async def test_before_the_last_places_everything_gets_through(what: str) -> None:
    log, ring = await filled(what, ORDINARY - len(ORDINARY_ACTS[what]))
    outcomes = await handle(log, ring, ORDINARY_ACTS[what])
    assert statuses(outcomes) == ["recorded"] * len(outcomes)


@pytest.mark.parametrize("what", FILLING)
async def test_a_stream_never_has_more_than_its_places(what: str) -> None:
    log, ring = await filled(what, STREAM_EVENTS_MAX)
    head = await log.head()
    outcomes = await handle(log, ring, MODERATION[what])
    assert statuses(outcomes)[0] == "stream-full"
    assert set(statuses(outcomes)) <= {"stream-full", "unchanged"}
    assert await log.head() == head


async def test_returning_takes_no_reserved_place_so_that_erasing_always_has_one() -> None:
    log, ring = await filled("person", ORDINARY)
    assert statuses(await handle(log, ring, MODERATION["person"])) == ["recorded"]
    back = {"type": "person.returned", "source": "urn:cms", "id": "2", "time": at(52)}
    returned = commanded({**back, "data": {"site": "gazette", "person": "ann"}})
    assert statuses(await handle(log, ring, [returned])) == ["stream-full"]


def edit(number: int, **data: Any) -> Commanded:
    body = f"Wording {number}."
    return event("comment.edited", f"e{number}", 40, comment="c1", body=body, **data)


@pytest.mark.parametrize("by", [{}, {"by": "ann"}], ids=["nobody named", "its author"])
async def test_an_author_s_edits_end_and_a_moderator_s_do_not(by: dict[str, Any]) -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST, edit(0, by="mia")])
    outcomes = await handle(log, ring, [edit(n + 1, **by) for n in range(COMMENT_EDITS_MAX + 2)])
    assert statuses(outcomes) == ["recorded"] * COMMENT_EDITS_MAX + ["too-many-edits"] * 2
    assert _detail(outcomes[-1]) == "its author has edited the comment 100 times"
    more = [edit(1_000, by="mia"), event("comment.removed", "r", 50, comment="c1", by="mia")]
    assert statuses(await handle(log, ring, more)) == ["recorded"] * 2
    assert statuses(await handle(log, ring, [edit(1_000), edit(5, **by)])) == ["duplicate"] * 2


async def test_wordings_that_wait_are_edits_too() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    edits = [edit(n, status="held") for n in range(COMMENT_EDITS_MAX + 1)]
    outcomes = await handle(log, ring, edits)
    assert statuses(outcomes) == ["recorded"] * COMMENT_EDITS_MAX + ["too-many-edits"]


async def test_changes_of_mind_end_and_the_vote_is_still_nullified() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    votes = [voting(n % 3 - 1, f"v{n}", n) for n in range(VOTE_CHANGES_MAX + 3)]
    outcomes = await handle(log, ring, votes)
    assert statuses(outcomes) == ["recorded"] * (VOTE_CHANGES_MAX + 1) + ["too-many-changes"] * 2
    assert _detail(outcomes[-1]) == "the vote has changed 200 times"
    late = voting(1, "late", 0)
    nullified = event("vote.nullified", "n", 50, comment="c1", voter="bob", by="mia", reason="sold")
    assert statuses(await handle(log, ring, [late, nullified])) == ["unchanged", "recorded"]
    other = voting(1, "other", voter="cem")
    assert statuses(await handle(log, ring, [other, posting("c2", "c2")])) == ["recorded"] * 2


def _detail(outcome: Outcome) -> str:
    assert outcome.refusal is not None
    return outcome.refusal.detail
