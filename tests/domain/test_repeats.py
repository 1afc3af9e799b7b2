"""Repeats: the same event again changes nothing; another one under its id is told."""

from typing import Any

import pytest

from rostra.deciding import repeats
from rostra.deciding.batch_slot import NoEarlierBatches
from rostra.deciding.handle import Commanded, handle
from rostra.deciding.stream_cache import StreamCache
from support.examples import act, command, comment, person, vote_on
from support.memory import MemoryArticles, MemoryLog, MemoryRing
from support.published import OPEN, POST, event, posting, statuses, voting

MARK = event("passage.marked", "mark", passage="p1", exact="a stretch of words")
REPLY = posting("c2", "reply", parent="c1")
ON_PASSAGE = posting("c3", "on passage", passage="p1")
BELOW_IT = posting("c4", "below it", parent="c3")
EDIT = event("comment.edited", "edit", 31, comment="c1", body="Yes!")
MOVE = event("discussion.moved", "move", to="/new")
REVISE = event("article.revised", "revise", revision="r1", text="It has a stretch of words.")
GIVEN = [OPEN, POST, MARK, REPLY, ON_PASSAGE, BELOW_IT, EDIT, voting(1, "v"), MOVE, REVISE]

OTHERS = {
    "a comment's id for its edit": event("comment.edited", "post", comment="c1", body="Yes."),
    "a comment's id for its removal": event("comment.removed", "post", comment="c1"),
    "an edit's id for a removal": event("comment.removed", "edit", comment="c1"),
    "a vote's id for its nullifying": event(
        "vote.nullified", "v", comment="c1", voter="bob", by="mia", reason="bought"
    ),
    "an opening's id for a closing": event("discussion.closed", "open"),
    "a marking's id for its closing": event("passage.closed", "mark", passage="p1"),
    "another body": event(
        "comment.posted", "post", comment="c1", author={"id": "ann", "name": "Ann"}, body="No."
    ),
    "another author": posting("c1", "post", author="bob"),
    "a parent where there was none": posting("c1", "post", parent="c2"),
    "no parent": posting("c2", "reply"),
    "another parent": posting("c2", "reply", parent="c3"),
    "a passage where there was none": posting("c1", "post", passage="p1"),
    "no passage": posting("c3", "on passage"),
    "another wording of an edit": event("comment.edited", "edit", 31, comment="c1", body="Oh."),
    "another vote": voting(-1, "v"),
    "a vote taken back": voting(0, "v"),
    "other words of a passage": event("passage.marked", "mark", passage="p1", exact="others"),
    "a move to elsewhere": event("discussion.moved", "move", to="/elsewhere"),
    "another revision": event("article.revised", "revise", revision="r2", text="Anything else."),
}

SAME = {
    "another time": voting(1, "v", 45),
    "another time of a comment": event(
        "comment.posted", "post", 45, comment="c1", author={"id": "ann", "name": "A"}, body="Yes."
    ),
    "a name and an e-mail rendered anew": event(
        "comment.posted",
        "post",
        comment="c1",
        author={"id": "ann", "name": "Ann B.", "email": "ann@example.org"},
        body="Yes.",
    ),
    "a status": posting("c1", "post", status="held"),
    "the passage of the thread, named": posting("c4", "below it", parent="c3", passage="p1"),
    "another title": event("discussion.opened", "open", title="Trams"),
    "another question": event(
        "passage.marked", "mark", passage="p1", exact="a stretch of words", question="Well?"
    ),
}


async def given(*more: Commanded) -> tuple[MemoryLog, MemoryRing, MemoryArticles]:
    log, ring, articles = MemoryLog(), MemoryRing(), MemoryArticles()
    outcomes = await handle(log, ring, [*GIVEN, *more], articles)
    assert set(statuses(outcomes)) == {"recorded"}
    return log, ring, articles


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_another_event_under_an_id_that_is_taken_is_refused(other: Commanded) -> None:
    log, ring, articles = await given()
    head = await log.head()
    (outcome,) = await handle(log, ring, [other], articles)
    assert outcome.refusal is not None
    assert (outcome.refusal.name, outcome.refusal.retryable) == ("different-content", False)
    assert await log.head() == head


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_so_it_is_within_one_batch(other: Commanded) -> None:
    log = MemoryLog()
    outcomes = await handle(log, MemoryRing(), [*GIVEN, other, *GIVEN], MemoryArticles())
    assert statuses(outcomes)[len(GIVEN)] == "different-content"
    assert set(statuses(outcomes)[len(GIVEN) + 1 :]) == {"duplicate"}


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
async def test_what_a_publisher_may_render_anew_makes_no_other_event(same: Commanded) -> None:
    log, ring, articles = await given()
    assert statuses(await handle(log, ring, [same], articles)) == ["duplicate"]


async def test_all_of_it_again_is_a_repeat_at_its_first_position() -> None:
    log, ring, articles = await given()
    first = [it.position for it in await handle(log, ring, GIVEN, articles)]
    again = await handle(log, ring, GIVEN, articles)
    assert set(statuses(again)) == {"duplicate"}
    assert [it.position for it in again] == first


async def test_what_a_process_knows_of_a_stream_tells_a_repeat_from_another_event() -> None:
    log, ring, known = MemoryLog(), MemoryRing(), StreamCache()
    votes = [voting(1, "v1", 10), voting(-1, "v2", 11), voting(1, "v3", 12)]
    await handle(log, ring, [OPEN, POST, *votes], slot=NoEarlierBatches(known))
    assert known.find(vote_on().int) is not None
    again = [voting(1, "v1", 10), voting(1, "v2", 11), voting(-1, "v3", 12), votes[1]]
    outcomes = await handle(log, ring, again, slot=NoEarlierBatches(known))
    assert statuses(outcomes) == [
        "duplicate",
        "different-content",
        "different-content",
        "duplicate",
    ]


async def test_the_value_of_a_vote_is_all_that_is_kept_of_it_to_compare() -> None:
    log, ring, known = MemoryLog(), MemoryRing(), StreamCache()
    await handle(log, ring, [OPEN, POST, voting(1, "v1", 10)], slot=NoEarlierBatches(known))
    standing: Any = known.find(vote_on().int)
    assert standing.content == 1


async def test_each_of_two_edits_is_compared_with_its_own_wording() -> None:
    second = event("comment.edited", "second", 32, comment="c1", body="Yes!!")
    log, ring, articles = await given(second)
    assert statuses(await handle(log, ring, [EDIT, second], articles)) == ["duplicate"] * 2
    swapped = event("comment.edited", "edit", 31, comment="c1", body="Yes!!")
    assert statuses(await handle(log, ring, [swapped], articles)) == ["different-content"]


async def test_an_approval_is_compared_by_the_wording_that_it_names() -> None:
    waiting = event("comment.edited", "waits", 32, comment="c1", body="Yes!!", status="held")
    log, ring, articles = await given(waiting)
    ours, other = ({"source": "urn:cms", "id": name} for name in ("waits", "edit"))
    approve = event("comment.approved", "approve", 33, comment="c1", wording=ours)
    told = [
        approve,
        approve,
        event("comment.approved", "approve", 33, comment="c1"),
        event("comment.approved", "approve", 33, comment="c1", wording=other),
        event("comment.edited", "waits", 32, comment="c1", body="Another."),
        waiting,
    ]
    outcomes = await handle(log, ring, told, articles)
    assert statuses(outcomes) == [
        "recorded", "duplicate", "duplicate", "different-content", "different-content", "duplicate",
    ]  # fmt: skip


async def test_erased_words_equal_any_words_and_all_else_is_still_compared() -> None:
    log, ring, articles = await given()
    await ring.destroy({person("ann"): 1})
    told = [
        event("comment.edited", "edit", 31, comment="c1", erased=True),
        event("comment.edited", "edit", 31, comment="c1", body="Anything."),
        posting("c2", "reply"),
    ]
    outcomes = await handle(log, ring, told, articles)
    assert statuses(outcomes) == ["duplicate", "duplicate", "different-content"]


async def test_words_that_the_publisher_says_are_erased_equal_those_that_stand() -> None:
    log, ring, articles = await given()
    who = {"id": "ann"}
    told = [
        event("comment.posted", "post", comment="c1", author=who, erased=True),
        event("comment.edited", "edit", 31, comment="c1", erased=True),
    ]
    assert statuses(await handle(log, ring, told, articles)) == ["duplicate"] * 2


async def test_under_another_name_of_the_discussion_a_repeat_is_one() -> None:
    log, ring, articles = await given()
    new: Any = {"resource": "/new"}
    who = {"id": "ann", "name": "Ann"}
    told = [
        event("comment.posted", "post", comment="c1", author=who, body="Yes.", **new),
        event("vote.cast", "v", comment="c1", voter="bob", value=1, **new),
        event("vote.cast", "v", comment="c1", voter="bob", value=-1, **new),
        event("discussion.opened", "open", **new),
    ]
    outcomes = await handle(log, ring, told, articles)
    assert statuses(outcomes) == ["duplicate", "duplicate", "different-content", "duplicate"]
    assert outcomes[0].id == comment("c1")


async def test_a_reply_moved_up_by_the_depth_may_be_published_with_the_parent_it_asked_for() -> (
    None
):
    log, ring = MemoryLog(), MemoryRing()
    flat = Commanded(command("site.configured", settings={"depth": 0}), act(name="flat"))
    outcomes = await handle(log, ring, [flat, OPEN, POST, REPLY, REPLY])
    assert statuses(outcomes) == ["recorded"] * 4 + ["duplicate"]
    assert statuses(await handle(log, ring, [REPLY])) == ["duplicate"]


def test_a_refusal_of_other_content_says_what_to_do() -> None:
    detail = repeats._different("the comment with another body").detail
    assert detail == (
        "an event with this source and id published the comment with another body; "
        "use a new id for a new event"
    )
