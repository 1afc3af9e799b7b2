"""Revisions of articles, and passages in them: what is decided upon what happened."""

from typing import Any
from uuid import UUID

import pytest

from rostra import article, ids
from rostra.article import ArticleMarked, ArticleRevised
from rostra.article_text import NORMALISATION
from rostra.commands import AnyCommand
from rostra.deciding.text_work import PrepareText, prepare
from rostra.events import PERSONS, CommandContext
from rostra.ids import PassageId, StreamId
from rostra.limits import (
    PASSAGES_MAX,
    REVISION_EVENTS_RESERVED,
    STREAM_EVENTS_MAX,
    STREAM_EVENTS_RESERVED,
)
from rostra.passage import PassageMarked, PassageMoved, PassageOrphaned, PassageUnmarked
from support.examples import DISCUSSION, Happened, act, at, command, opened, passage
from support.harness import given

ARTICLE = ids.article_id(DISCUSSION)
P1, P2 = passage("p1"), passage("p2")
TEXT = "By noon the wind had turned, and the captain ordered the sails reefed."
WORDS = "the captain ordered the sails reefed"
START = TEXT.index(WORDS)
GONE = "By noon the wind had turned."


def revise(revision: str = "r1", **given: Any) -> AnyCommand:
    return command("article.revised", revision=revision, **(given or {"text": TEXT}))


def revised(revision: str = "r1", text: str = TEXT, *, minute: int = 30) -> Happened:
    prepared = prepare(PrepareText(text, None))
    return ARTICLE, ArticleRevised(
        time=at(minute),
        revision=revision,
        hash=prepared.hash,
        characters=len(prepared.text),
        normalisation=NORMALISATION,
    )


def marked(key: str = "p1", **where: Any) -> tuple[Happened, Happened]:
    event = PassageMarked(time=at(1), key=key, exact=WORDS, **where)
    return (passage(key), event), (ARTICLE, ArticleMarked(time=at(1), passage=passage(key)))


def listed(stream: UUID, *, minute: int = 1) -> Happened:
    return ARTICLE, ArticleMarked(time=at(minute), passage=PassageId(StreamId(stream)))


def moved(start: int, end: int, *, state: Any, minute: int = 30, score: float = 1.0) -> Happened:
    return P1, PassageMoved(time=at(minute), start=start, end=end, score=score, state=state)


def test_a_revision_is_recorded_with_its_hash_and_not_its_text() -> None:
    given(opened()).when(revise(), act()).then(revised())
    given(opened()).when(revise(html=f"<p>{TEXT}</p>"), act()).then(revised())


def test_a_discussion_must_be_there() -> None:
    given().when(revise(), act()).then_refused("unknown-discussion", retryable=True)


def test_what_it_means_for_passages_comes_before_it() -> None:
    found = moved(START, START + len(WORDS), state="anchored")
    given(opened(), *marked()).when(revise(), act()).then(found, revised())


def test_what_stands_as_it_stood_is_not_told_again() -> None:
    stood = moved(START, START + len(WORDS), state="anchored", minute=2)
    again = given(opened(), *marked(), stood, revised("r0", minute=2))
    again.when(revise(text=f"{TEXT} The end."), act()).then(revised(text=f"{TEXT} The end."))


def test_a_passage_that_was_said_to_be_elsewhere_has_moved() -> None:
    found = moved(START, START + len(WORDS), state="moved")
    happened = (opened(), *marked(start=0, end=36))
    then = given(*happened).when(revise(), act())
    assert [event.topic for _, event in then.decided] == ["passage.moved", "article.revised"]
    [(at_passage, event), _] = then.decided
    assert isinstance(event, PassageMoved)
    assert (at_passage, event.start, event.state) == (P1, START, found[1].state)  # type: ignore[union-attr]


def test_what_is_gone_is_an_orphan_once_and_remembers_how_it_stood() -> None:
    stood = moved(3, 3 + len(WORDS), state="anchored", minute=2)
    orphaned: Happened = (P1, PassageOrphaned(time=at(30), start=3))
    happened = (opened(), *marked(), stood, revised("r0", minute=2))
    given(*happened).when(revise(text=GONE), act()).then(orphaned, revised(text=GONE))
    again = given(*happened, orphaned, revised(text=GONE))
    other = revised("r2", f"{GONE}!", minute=31)
    again.when(revise("r2", text=f"{GONE}!"), act(31)).then(other)


def test_unmarked_passages_go_along() -> None:
    unmarked: Happened = (P1, PassageUnmarked(time=at(2)))
    found = moved(START, START + len(WORDS), state="anchored")
    given(opened(), *marked(), unmarked).when(revise(), act()).then(found, revised())


def test_the_revision_that_stands_changes_nothing_again() -> None:
    given(opened(), revised()).when(revise(), act(31)).then_nothing()
    given(opened(), revised()).when(revise(text=f"\ufeff{TEXT}"), act(31)).then_nothing()


def test_a_name_with_another_text_is_refused() -> None:
    for others in ((), (revised("r2", GONE, minute=31),)):
        known = given(opened(), revised(), *others)
        known.when(revise(text=GONE), act(32)).then_refused("different-content")


def test_one_that_came_before_may_come_back() -> None:
    known = given(opened(), revised(), revised("r2", GONE, minute=31))
    known.when(revise(), act(32)).then(revised(minute=32))


def test_the_latest_time_stands() -> None:
    given(opened(), revised("r2")).when(revise(), act(29)).then_nothing()
    given(opened(), revised("r2")).when(revise(text=GONE), act(30)).then(revised(text=GONE))


def test_a_text_that_was_dropped_elsewhere_changes_nothing() -> None:
    given(opened()).when(revise(text=None, dropped=True), act()).then_nothing()


def test_nothing_is_decided_without_one_text() -> None:
    for wrong in ({"text": None}, {"text": "a", "html": "b"}):
        with pytest.raises(ValueError, match="text"):
            revise(**wrong)


def test_a_passage_is_listed_once() -> None:
    mark = command("passage.marked", passage="p1", exact=WORDS, question="Why?")
    asked: Happened = (P1, PassageMarked(time=at(30), key="p1", exact=WORDS, question="Why?"))
    given(opened(), *marked()).when(mark, act()).then(asked)


def test_an_article_has_so_many_passages_and_no_more() -> None:
    full = [listed(P1), *(listed(passage(f"x{n}")) for n in range(1, PASSAGES_MAX))]
    one_more = command("passage.marked", passage="p2", exact=WORDS)
    given(opened(), *full).when(one_more, act()).then_refused("too-many-passages")
    fits: Happened = (P2, PassageMarked(time=at(30), key="p2", exact=WORDS))
    given(opened(), *full[1:]).when(one_more, act()).then(fits, listed(P2, minute=30))


def test_unmarked_passages_take_no_place() -> None:
    full = [listed(P1), *(listed(passage(f"x{n}")) for n in range(1, PASSAGES_MAX))]
    one_more = command("passage.marked", passage="p2", exact=WORDS)
    unmarked: Happened = (P1, PassageUnmarked(time=at(2)))
    fits: Happened = (P2, PassageMarked(time=at(30), key="p2", exact=WORDS))
    left = (opened(), marked()[0], unmarked, *full)
    given(*left).when(one_more, act()).then(fits, listed(P2, minute=30))
    # One that is marked again takes its place again.
    again = command("passage.marked", passage="p1", exact=WORDS)
    back: Happened = (P1, PassageMarked(time=at(30), key="p1", exact=WORDS))
    given(*left).when(again, act()).then(back)
    taken = (*left, fits, listed(P2, minute=30))
    given(*taken).when(again, act(31)).then_refused("too-many-passages")


@pytest.mark.slow
def test_persons_leave_the_last_places_of_a_stream_to_revisions() -> None:
    passages = STREAM_EVENTS_MAX - STREAM_EVENTS_RESERVED - REVISION_EVENTS_RESERVED - 1
    few = [listed(P1, minute=1)] * passages
    mark = command(
        "passage.marked",
        passage_id=str(ids.passage_id_of_person(DISCUSSION, "ann", "k")),
        exact=WORDS,
    )
    by_ann = CommandContext(PERSONS, "e1", at(30), person="ann")
    happened = (opened(), marked()[0], (P1, PassageUnmarked(time=at(2))))
    full = given(*happened, revised(minute=3), *few)
    full.when(mark, by_ann).then_refused("stream-full")
    given(*happened, revised(minute=3), *few[1:]).when(mark, by_ann).then_refused("no-article-text")


@pytest.mark.slow
def test_passages_end_before_the_reserved_places_of_a_stream() -> None:
    passages = STREAM_EVENTS_MAX - STREAM_EVENTS_RESERVED
    gone = (opened(), marked()[0], (P1, PassageUnmarked(time=at(2))))
    mark = command("passage.marked", passage="p2", exact=WORDS)
    full = [listed(P1, minute=1)] * passages
    given(*gone, *full).when(mark, act()).then_refused("stream-full")
    fits: Happened = (P2, PassageMarked(time=at(30), key="p2", exact=WORDS))
    given(*gone, *full[1:]).when(mark, act()).then(fits, listed(P2, minute=30))


def test_what_a_full_article_has_may_be_marked_again() -> None:
    mark = command("passage.marked", passage="p1", exact=WORDS, question="Why?")
    asked: Happened = (P1, PassageMarked(time=at(30), key="p1", exact=WORDS, question="Why?"))
    full = [listed(passage(f"x{n}")) for n in range(1, PASSAGES_MAX)]
    given(opened(), *marked(), *full).when(mark, act()).then(asked)


def test_a_stream_folds_to_the_article() -> None:
    (_, listed), (_, first), (_, second) = marked()[1], revised(), revised("r2", GONE)
    state = article.INITIAL
    for event in (listed, first, second):
        assert isinstance(event, ArticleMarked | ArticleRevised)
        state = article.evolve(state, event)
    assert state.passages == (P1,)
    assert state.current == second
    assert state.revisions == (first, second)
