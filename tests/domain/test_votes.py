"""Votes: the greatest (time, source, id) stands; nullified they go on beneath."""

import itertools
from typing import Any

import pytest

from rostra.comment import CommentRemoved
from rostra.deciding.stream_states import fold
from rostra.events import Words
from rostra.ids import kind_of
from rostra.vote import Value, VoteCast, VoteNullified, VoteRestored, evolve
from support.examples import (
    Happened,
    act,
    at,
    cast,
    closed,
    command,
    comment,
    opened,
    posted,
    vote,
    vote_on,
)
from support.harness import given

SETTING = (opened(), posted(author="ann"))
RULING: dict[str, Any] = {"comment": "c1", "voter": "bob", "by": "mia", "reason": "ring"}
NULLIFY = command("vote.nullified", **RULING)
RESTORE = command("vote.restored", **RULING)


def nullified(was: Value, minute: int = 30) -> Happened:
    event = VoteNullified(
        time=at(minute),
        comment=comment("c1"),
        voter="bob",
        by="mia",
        was=was,
        now=0,
        personal=Words(reason="ring"),
    )
    return vote_on(), event


def restored(now: Value, minute: int = 40) -> Happened:
    event = VoteRestored(
        time=at(minute),
        comment=comment("c1"),
        voter="bob",
        by="mia",
        was=0,
        now=now,
        personal=Words(reason="ring"),
    )
    return vote_on(), event


def test_a_vote_is_cast() -> None:
    given(*SETTING).when(vote(1), act(20, name="v1")).then(cast(1))


def test_a_vote_changed_carries_what_stood_before() -> None:
    first = cast(1)
    given(*SETTING, first).when(vote(-1), act(21, name="v2")).then(
        cast(-1, was=1, minute=21, name="v2")
    )


def test_a_vote_is_retracted() -> None:
    given(*SETTING, cast(1)).when(vote(0), act(21)).then(cast(0, was=1, minute=21, name="e1"))


def test_the_same_value_again_is_recorded_for_its_time_decides_about_later_arrivals() -> None:
    again = cast(1, was=1, minute=25, name="v2")
    given(*SETTING, cast(1)).when(vote(1), act(25, name="v2")).then(again)
    given(*SETTING, cast(1), again).when(vote(-1), act(24)).then_nothing()


def test_an_older_vote_changes_nothing() -> None:
    given(*SETTING, cast(1, minute=20)).when(vote(-1), act(19)).then_nothing()


def test_the_very_same_vote_changes_nothing() -> None:
    given(*SETTING, cast(1)).when(vote(1), act(20, name="v1")).then_nothing()


@pytest.mark.parametrize(("source", "name"), [("urn:cms", "v2"), ("urn:x", "")])
def test_of_equal_times_the_greatest_source_and_then_id_stands(source: str, name: str) -> None:
    later = act(20, source=source, name=name)
    happened = cast(-1, was=1, source=source, name=name)
    given(*SETTING, cast(1)).when(vote(-1), later).then(happened)


@pytest.mark.parametrize(("source", "name"), [("urn:cms", "v0"), ("urn:a", "v9")])
def test_of_equal_times_a_lesser_source_or_id_changes_nothing(source: str, name: str) -> None:
    given(*SETTING, cast(1)).when(vote(-1), act(20, source=source, name=name)).then_nothing()


def test_the_same_vote_stands_in_whatever_order_they_arrive() -> None:
    votes = [
        (20, "urn:a", "v9", 1),
        (20, "urn:b", "v1", -1),
        (20, "urn:b", "v2", 0),
        (5, "z", "z", 1),
    ]
    for arrival in itertools.permutations(votes):
        happened: list[Happened] = []
        for minute, source, name, value in arrival:
            decision = given(*SETTING, *happened).when(
                vote(value), act(minute, source=source, name=name)
            )
            happened += decision.decided
        state = fold(kind_of(vote_on()), [event for _, event in happened])
        assert (state.value, state.order) == (0, (at(20), "urn:b", "v2"))
        casts = [event for _, event in happened if isinstance(event, VoteCast)]
        assert sum(event.now - event.was for event in casts) == 0


# -- what takes no vote


def test_a_vote_on_an_unknown_comment_may_come_later() -> None:
    given(opened()).when(vote(1), act()).then_refused("unknown-comment", retryable=True)


@pytest.mark.parametrize("now", ["removed", "deleted"])
def test_a_removed_comment_takes_no_votes(now: Any) -> None:
    removed = CommentRemoved(time=at(20), was="published", now=now, author="ann")
    given(*SETTING, (comment("c1"), removed)).when(vote(1), act()).then_refused("comment-removed")


def test_a_held_comment_takes_votes() -> None:
    given(opened(), posted(status="held")).when(vote(1), act(20, name="v1")).then(cast(1))


def test_nobody_votes_on_a_comment_of_their_own() -> None:
    given(*SETTING).when(vote(1, voter="ann"), act()).then_refused("self-vote")


def test_where_it_is_allowed_an_author_votes_too() -> None:
    allowed = (opened(self_votes=True), posted(author="bob"))
    given(*allowed).when(vote(1), act(20, name="v1")).then(cast(1))


def test_where_votes_only_count_up_none_counts_down() -> None:
    given(opened(voting="up"), posted()).when(vote(-1), act()).then_refused("voting-up-only")
    given(opened(voting="up"), posted()).when(vote(1), act(20, name="v1")).then(cast(1))


def test_where_voting_is_off_a_vote_can_only_be_retracted() -> None:
    off = (opened(), posted(), cast(1), opened(1, voting="off"))
    given(*off).when(vote(1), act()).then_refused("voting-off")
    given(*off).when(vote(0), act(30, name="v2")).then(cast(0, was=1, minute=30, name="v2"))


def test_votes_still_count_on_a_closed_discussion() -> None:
    given(*SETTING, closed(15)).when(vote(1), act(20, name="v1")).then(cast(1))


def test_a_vote_with_the_id_of_another_is_refused() -> None:
    _, event = cast(1)
    assert isinstance(event, VoteCast)
    other = VoteCast(
        time=at(1), source="s", id="i", comment=comment("c2"), voter="bob", value=1, was=0, now=1
    )
    given(*SETTING, (vote_on(), other)).when(vote(1), act()).then_refused("id-collision")
    assert evolve(fold(kind_of(vote_on()), []), event).voter == "bob"


# -- nullified and restored


def test_a_nullified_vote_has_no_effect() -> None:
    given(*SETTING, cast(-1)).when(NULLIFY, act(30)).then(nullified(-1))


def test_a_nullified_vote_goes_on_beneath_until_it_is_restored() -> None:
    beneath = cast(-1, was=0, now=0, minute=35, name="v2")
    standing = (*SETTING, cast(1), nullified(1))
    given(*standing).when(vote(-1), act(35, name="v2")).then(beneath)
    given(*standing, beneath).when(RESTORE, act(40)).then(restored(-1))


def test_ruling_as_it_stands_changes_nothing() -> None:
    given(*SETTING, cast(1)).when(RESTORE, act()).then_nothing()
    given(*SETTING, cast(1), nullified(1)).when(NULLIFY, act(31)).then_nothing()


def test_of_rulings_the_latest_stands_of_equal_times_the_later_in_the_log() -> None:
    history = (*SETTING, cast(1), nullified(1, 30))
    given(*history).when(RESTORE, act(29)).then_nothing()
    given(*history).when(RESTORE, act(30)).then(restored(1, 30))
    since = (*history, restored(1, 40))
    given(*since).when(NULLIFY, act(39)).then_nothing()
    given(*since).when(NULLIFY, act(40)).then(nullified(1, 40))


def test_a_ruling_on_a_vote_that_is_not_there_may_come_later() -> None:
    given(*SETTING).when(NULLIFY, act()).then_refused("unknown-vote", retryable=True)
