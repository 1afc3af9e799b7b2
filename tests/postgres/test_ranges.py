"""The log is cut at discussions, into pieces that fit."""

import itertools
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rostra.ids import discussion_id
from rostra_adapters.postgres.rebuild.ranges import FIRST, LAST, Part, cut, pack

WEIGHTS = st.lists(st.integers(1, 50), min_size=1, max_size=40).map(
    lambda found: {discussion_id("s", str(n)): weight for n, weight in enumerate(found)}
)


def pieces(weights: dict[UUID, int], borders: list[UUID]) -> list[dict[UUID, int]]:
    return [
        {id_: weight for id_, weight in weights.items() if each.first <= id_ <= each.last}
        for each in Part(FIRST, LAST, 1, borders).ranges()
    ]


@given(WEIGHTS, st.integers(1, 80))
def test_no_piece_is_too_heavy_but_one_discussion(weights: dict[UUID, int], most: int) -> None:
    found = pieces(weights, pack(weights, most))
    assert sum(map(len, found)) == len(weights)
    assert all(sum(piece.values()) <= most or len(piece) == 1 for piece in found)
    assert all(
        sum(one.values()) + min(sorted(other.items())[:1])[1] > most
        for one, other in itertools.pairwise(found)
    )


@given(WEIGHTS, st.integers(1, 8))
def test_parts_are_about_equal(weights: dict[UUID, int], count: int) -> None:
    found = pieces(weights, cut(weights, count))
    assert sum(map(len, found)) == len(weights)
    assert len(found) <= count
    share = sum(weights.values()) / count
    assert all(sum(piece.values()) <= share * 2 + max(weights.values()) for piece in found)


@given(WEIGHTS)
def test_ranges_follow_one_another_without_a_gap(weights: dict[UUID, int]) -> None:
    ranges = Part(FIRST, LAST, 1, pack(weights, 30)).ranges()
    assert (ranges[0].first, ranges[-1].last) == (FIRST, LAST)
    assert all(one.last.int + 1 == other.first.int for one, other in itertools.pairwise(ranges))
