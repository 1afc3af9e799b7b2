"""What persons may do themselves, beyond what holds for publishers who tell of it."""

from typing import Any

import msgspec
import pytest

from rostra import ids
from rostra.commands import AnyCommand, PostComment
from rostra.comment import CommentApproved, CommentEdited, CommentPinned, CommentUnpinned
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.discussion import DiscussionOpened
from rostra.events import PERSONS, CommandContext, Words
from rostra.refusals import Refusal
from rostra.times import later
from rostra.vote import VoteCast
from support.examples import (
    DISCUSSION,
    RESOURCE,
    SITE,
    act,
    at,
    cast,
    closed,
    command,
    comment,
    configured,
    opened,
    posted,
    vote_on,
)
from support.harness import commanded, given
from support.memory import MemoryLog, MemoryRing

C1, C2 = comment("c1"), comment("c2")


def by(person: str, minute: int = 30, *, name: str = "e1") -> CommandContext:
    """What a person does themselves."""
    return CommandContext(PERSONS, name, at(minute), person=person)


def moderator(minute: int = 30) -> CommandContext:
    return CommandContext(PERSONS, "e1", at(minute), person="mia", moderates=True)


def on_c1(topic: str, **data: Any) -> AnyCommand:
    return command(topic, comment_id=str(C1), **data)


def said(person: str, **data: Any) -> AnyCommand:
    author = {"id": person, "name": person.title()}
    return command("comment.posted", comment_id=str(C2), author=author, body="Yes.", **data)


def test_a_publisher_is_not_bound_by_what_binds_persons() -> None:
    edit = on_c1("comment.edited", body="Late.", by="mia")
    given(opened(edit_seconds=0), posted(minute=10)).when(edit, act(59)).then(
        (C1, CommentEdited(time=at(59), author="ann", by="mia", personal=Words(body="Late.")))
    )


@pytest.mark.parametrize(("minute", "refused"), [(24, None), (25, None), (26, "edit-too-late")])
def test_an_author_edits_within_the_time_that_is_set(minute: int, refused: str | None) -> None:
    edit = on_c1("comment.edited", body="Better.", by="ann")
    then = given(opened(edit_seconds=900), posted(minute=10)).when(edit, by("ann", minute))
    if refused:
        then.then_refused(refused)
    else:
        words = Words(body="Better.")
        then.then((C1, CommentEdited(time=at(minute), author="ann", by="ann", personal=words)))


@pytest.mark.parametrize("topic", ["comment.edited", "comment.removed"])
def test_only_its_author_edits_or_deletes_a_comment(topic: str) -> None:
    data = {"body": "Mine."} if topic == "comment.edited" else {}
    given(opened(), posted()).when(on_c1(topic, by="bob", **data), by("bob", 11)).then_refused(
        "not-yours"
    )


def test_nobody_moderates_without_being_a_moderator() -> None:
    given(opened(), posted()).when(on_c1("comment.pinned", by="ann"), by("ann")).then_refused(
        "not-yours"
    )


@pytest.mark.parametrize(
    ("person", "refused"), [("bob", "unknown-parent"), ("ann", "parent-not-published")]
)
def test_nobody_answers_what_is_held(person: str, refused: str) -> None:
    answer = said(person, parent_id=str(C1))
    given(opened(), posted(status="held")).when(answer, by(person)).then_refused(refused)


@pytest.mark.parametrize(
    "asked",
    [
        on_c1("vote.cast", voter="bob", value=1),
        on_c1("comment.flagged", by="bob", reason="Rude."),
        on_c1("comment.edited", by="bob", body="Mine."),
    ],
    ids=lambda it: it.topic,
)
def test_what_is_held_is_unknown_to_others(asked: AnyCommand) -> None:
    given(opened(), posted(status="held")).when(asked, by("bob")).then_refused("unknown-comment")


def test_an_edit_may_ask_that_nothing_happened_since() -> None:
    edit = on_c1("comment.edited", body="Better.", by="ann")
    once = msgspec.structs.replace(by("ann", 11), seen=1)
    pinned = (C1, CommentPinned(time=at(10)))
    given(opened(), posted(), pinned).when(edit, once).then_refused("precondition-failed")
    assert given(opened(), posted()).when(edit, once).decided


def test_a_vote_comes_after_the_one_that_stands() -> None:
    vote = on_c1("vote.cast", voter="bob", value=1)
    after = later(at(40), 1e-6)
    given(opened(), posted(), cast(-1, minute=40)).when(vote, by("bob", 30)).then(
        (
            vote_on(),
            VoteCast(
                time=after,
                source=PERSONS,
                id="e1",
                comment=C1,
                voter="bob",
                value=1,
                was=-1,
                now=1,
            ),
        )
    )


def test_a_moderator_is_not_behind_a_clock_that_runs_ahead() -> None:
    pinned = (C1, CommentPinned(time=at(40)))
    given(opened(), posted(), pinned).when(on_c1("comment.unpinned", by="mia"), moderator(30)).then(
        (C1, CommentUnpinned(time=at(40), by="mia"))
    )


def test_a_moderator_approves_what_is_published_and_so_answers_its_flags() -> None:
    approve = on_c1("comment.approved", by="mia")
    given(opened(), posted()).when(approve, act()).then_nothing()
    then = given(opened(), posted()).when(approve, moderator())
    assert then.decided[0] == (
        C1,
        CommentApproved(time=at(30), was="published", now="published", author="ann", by="mia"),
    )


def test_a_reader_opens_a_discussion_where_the_site_says_so() -> None:
    open_ = command("discussion.opened")
    event = DiscussionOpened(time=at(30), site=SITE, resource=RESOURCE)
    given(configured(open_on_first=True)).when(open_, by("ann")).then((DISCUSSION, event))
    # What a reader says of it is nothing that anybody is shown.
    named = command(
        "discussion.opened",
        title="Trams",
        url="https://eve.example",
        settings={"private": True, "moderation": "none"},
    )
    given(configured(open_on_first=True)).when(named, by("ann")).then((DISCUSSION, event))
    given().when(open_, by("ann")).then_refused("not-opened-by-readers")
    given(opened()).when(open_, by("ann")).then_nothing()


def test_a_passage_is_marked_while_the_discussion_is_open() -> None:
    passage = ids.passage_id_of_person(DISCUSSION, "ann", "k")
    mark = command("passage.marked", passage_id=str(passage), exact="trams")
    given(opened(), closed()).when(mark, by("ann")).then_refused("discussion-closed")
    given(opened()).when(mark, act()).then_refused("unknown-passage", retryable=True)


async def test_a_key_stands_for_one_content() -> None:
    log, ring = MemoryLog(), MemoryRing()

    async def do(asked: AnyCommand, done: CommandContext) -> Outcome:
        (outcome,) = await handle(log, ring, [Commanded(asked, done)])
        return outcome

    await do(command("discussion.opened"), act(0))
    first = await do(said("ann"), by("ann", name=str(C2)))
    assert (first.status, first.id) == ("recorded", C2)
    again = await do(said("ann"), by("ann", 31, name=str(C2)))
    assert (again.status, again.position) == ("duplicate", first.position)
    other = command(
        "comment.posted", comment_id=str(C2), author={"id": "ann", "name": "Ann"}, body="No."
    )
    refused = await do(other, by("ann", 32, name=str(C2)))
    assert refused.refusal is not None
    assert refused.refusal.name == "different-content"


def test_a_comment_of_a_person_is_published_again_under_its_own_id() -> None:
    data = {
        "site": SITE,
        "resource": RESOURCE,
        "comment_id": str(C2),
        "author": {"id": "ann", "name": "Ann"},
        "body": "Yes.",
    }
    again = commanded(
        {"type": "comment.posted", "source": PERSONS, "id": str(C2), "time": at(9), "data": data}
    )
    then = given(opened()).when(again.command, again.act)
    assert then.decided[0][0] == C2
    given(opened()).when(again.command, act()).then_refused("ids-disagree")
    without_id = command("comment.posted", author=data["author"], body="Yes.")
    assert isinstance(without_id, PostComment)
    with pytest.raises(Refusal):
        without_id.target(PERSONS, "e1")
