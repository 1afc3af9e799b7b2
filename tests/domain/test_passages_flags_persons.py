"""Passages, flags and persons."""

import pytest

from rostra import ids
from rostra.article import ArticleMarked
from rostra.commands import AnyCommand
from rostra.events import Words
from rostra.flag import CommentFlagged
from rostra.passage import PassageClosed, PassageMarked, PassageReopened, PassageUnmarked
from rostra.person import PersonTrusted
from support.examples import (
    DISCUSSION,
    SITE,
    Happened,
    act,
    at,
    command,
    comment,
    marked,
    opened,
    passage,
    person,
    post,
    posted,
)
from support.harness import given

P1 = passage("p1")
MARK = command("passage.marked", passage="p1", exact="a stretch")
CLOSE, REOPEN, UNMARK = (
    command(f"passage.{verb}", passage="p1") for verb in ("closed", "reopened", "unmarked")
)
LISTED: Happened = (ids.article_id(DISCUSSION), ArticleMarked(time=at(30), passage=P1))
SHUT: Happened = (P1, PassageClosed(time=at(20)))
GONE: Happened = (P1, PassageUnmarked(time=at(20)))


def test_a_passage_is_marked_with_all_that_finds_it_again() -> None:
    whole = command(
        "passage.marked", passage="p1", exact="b", prefix="a", suffix="c", start=1, end=2
    )
    event = PassageMarked(time=at(30), key="p1", exact="b", prefix="a", suffix="c", start=1, end=2)
    given(opened()).when(whole, act()).then((P1, event), LISTED)


def test_marked_again_it_rewords_its_question() -> None:
    ask = command("passage.marked", passage="p1", exact="a stretch", question="Right?")
    asked = marked(minute=30, question="Right?")
    given(opened(), marked()).when(ask, act()).then(asked)
    given(opened(), marked(), asked).when(ask, act(31)).then_nothing()
    given(opened(), marked(), asked).when(MARK, act(31)).then_nothing()


def test_a_rewording_that_comes_late_changes_nothing() -> None:
    ask = command("passage.marked", passage="p1", exact="a stretch", question="Right?")
    given(opened(), marked(minute=10)).when(ask, act(9)).then_nothing()


def test_the_same_key_for_other_words_is_refused() -> None:
    other = command("passage.marked", passage="p1", exact="another")
    given(opened(), marked()).when(other, act()).then_refused("different-content")


def test_a_passage_is_closed_and_reopened() -> None:
    given(opened(), marked()).when(CLOSE, act(20)).then(SHUT)
    given(opened(), marked(), SHUT).when(CLOSE, act()).then_nothing()
    given(opened(), marked(), SHUT).when(REOPEN, act(19)).then_nothing()
    given(opened(), marked(), SHUT).when(REOPEN, act()).then((P1, PassageReopened(time=at(30))))
    given(opened(), marked()).when(REOPEN, act()).then_nothing()


def test_a_passage_is_unmarked_and_marked_anew() -> None:
    given(opened(), marked()).when(UNMARK, act(20)).then(GONE)
    given(opened(), marked(), GONE).when(UNMARK, act()).then_nothing()
    given(opened(), marked(), GONE).when(MARK, act(19)).then_nothing()
    given(opened(), marked(), GONE).when(MARK, act(30)).then(marked(minute=30))


def test_closing_does_not_unmark_nor_unmarking_close() -> None:
    given(opened(), marked(), SHUT).when(UNMARK, act()).then((P1, PassageUnmarked(time=at(30))))
    again = marked(minute=25)
    given(opened(), marked(), SHUT, GONE, again).when(post(passage="p1"), act()).then_refused(
        "passage-closed"
    )


@pytest.mark.parametrize("asked", [CLOSE, REOPEN, UNMARK])
def test_an_unknown_passage_may_come_later(asked: AnyCommand) -> None:
    given(opened()).when(asked, act()).then_refused("unknown-passage", retryable=True)


def test_a_passage_with_the_id_of_another_is_refused() -> None:
    other = marked("p2")[1]
    for asked in (MARK, CLOSE):
        given(opened(), (P1, other)).when(asked, act()).then_refused("id-collision")


# -- flags

FLAG = command("comment.flagged", comment="c1", by="bob", reason="spam")
AT_FLAG = ids.flag_id(comment("c1"), "bob")


def flagged(key: str = "c1", by: str = "bob") -> Happened:
    event = CommentFlagged(time=at(30), comment=comment(key), by=by, personal=Words(reason="spam"))
    return AT_FLAG, event


def test_a_person_flags_a_comment_once() -> None:
    given(opened(), posted()).when(FLAG, act()).then(flagged())
    given(opened(), posted(), flagged()).when(FLAG, act(31)).then_nothing()


def test_a_flag_on_an_unknown_comment_may_come_later() -> None:
    given(opened()).when(FLAG, act()).then_refused("unknown-comment", retryable=True)


def test_a_flag_with_the_id_of_another_is_refused() -> None:
    given(opened(), posted(), flagged(by="cem")).when(FLAG, act()).then_refused("id-collision")
    given(opened(), posted(), flagged(key="c2")).when(FLAG, act()).then_refused("id-collision")


# -- persons


@pytest.mark.parametrize("whose", [{"site": "other"}, {"person": "other"}])
def test_a_person_with_the_id_of_another_is_refused(whose: dict[str, str]) -> None:
    named = {"site": SITE, "person": "ann", **whose}
    trusted = PersonTrusted(time=at(0), site=named["site"], person=named["person"])
    other: Happened = (person("ann"), trusted)
    given(opened(), other).when(post(), act()).then_refused("id-collision")
    as_moderator = command("comment.removed", comment="c1", by="ann")
    given(opened(), posted(author="bob"), other).when(as_moderator, act()).then_refused(
        "id-collision"
    )
