"""Ranks by votes."""

from itertools import pairwise

from rostra_projections.comments.ranking import best


def test_no_votes_for_a_comment_are_worth_nothing() -> None:
    assert {best(0, down) for down in range(1_000)} == {0.0}


def test_more_votes_for_a_comment_are_better() -> None:
    for down in (0, 1, 19, 200):
        assert all(less < more for less, more in pairwise(best(up, down) for up in range(50)))
