"""Votes are summed up apart from all else, unless it matters when one was cast."""

from collections.abc import Callable
from unittest.mock import patch

import msgspec
import pytest

from rostra import ids
from rostra.log import Recorded
from rostra_adapters.application.queries.as_of import AsOfReader
from rostra_projections.as_of_views import PastViews
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.memory import MemoryViews
from rostra_projections.views import VIEWS
from support.past_folds import folded
from support.views.story import DISCUSSION, Events, Story, at_once, comment

Change = Callable[[list[Recorded]], list[Recorded]]


def told() -> Story:
    """Two comments, votes on both in turn, one of them nullified: positions 1 to 9."""
    e = Events()
    return Story(
        [
            e.opened(),
            e.posted("c1"),
            e.vote("c1", "bo"),
            e.posted("c2", parent="c1"),
            e.vote("c2", "cy", -1),
            e.vote("c1", "cy"),
            e.act("vote.nullified", comment="c1", voter="bo", by="mo", reason="Bought."),
            e.vote("c1", "cy", -1),
            e.vote("c2", "bo"),
        ]
    )


def in_order_was_asked(story: Story) -> bool:
    """Whether the past was folded in the order of the log; its rows are the views' either way."""
    views = MemoryViews()
    views.apply(story.rows)

    async def run() -> bool:
        in_order = AsOfReader._in_order
        with patch.object(AsOfReader, "_in_order", autospec=True, side_effect=in_order) as asked:
            async with folded(story.log, DISCUSSION, len(story.rows), elsewhere=True) as then:
                _assert_same_rows(then, views)
        return asked.called

    return at_once(run())


def _assert_same_rows(then: PastViews, views: MemoryViews) -> None:
    for table in (table for view in VIEWS.values() for table in view.tables):
        assert then.rows.of(table) == views.rows.of(table)
    assert then.parked == views.parked


def test_votes_that_moderators_ruled_on_are_summed_up_with_the_others() -> None:
    story = told()
    assert not in_order_was_asked(story)

    async def run() -> list[tuple[int, int, int]]:
        async with folded(story.log, DISCUSSION, 9, elsewhere=True) as then:
            rows = [then.rows.of(COMMENTS)[comment(key)] for key in ("c1", "c2")]
            return [(row.up, row.down, row.changed) for row in rows]

    counted = at_once(run())
    assert counted == [(0, 1, 8), (1, 1, 9)]


def test_what_a_foreign_writer_says_of_a_vote_is_passed_over() -> None:
    story = told()
    story.log.rows[4] = msgspec.structs.replace(story.rows[4], topic="ours.not")
    assert not in_order_was_asked(story)


def before_its_comment(rows: list[Recorded]) -> list[Recorded]:
    vote, post = rows[4], rows[3]
    rows[3] = msgspec.structs.replace(vote, position=4)
    rows[4] = msgspec.structs.replace(post, position=5)
    return rows


def with_state(state: bytes) -> Change:
    def change(rows: list[Recorded]) -> list[Recorded]:
        rows[5] = msgspec.structs.replace(rows[5], state=state)
        return rows

    return change


def with_another_event(rows: list[Recorded]) -> list[Recorded]:
    rows[8] = msgspec.structs.replace(rows[3], position=9, stream=rows[8].stream)
    return rows


def on_no_comment(rows: list[Recorded]) -> list[Recorded]:
    other = str(ids.comment_id(DISCUSSION, "c3")).encode()
    state = rows[7].state.replace(str(comment("c1")).encode(), other)
    rows[7] = msgspec.structs.replace(rows[7], state=state)
    return rows


def after_what_cannot_be_folded(rows: list[Recorded]) -> list[Recorded]:
    rows[3] = msgspec.structs.replace(rows[3], state=b"{}")
    return rows


@pytest.mark.parametrize(
    "change",
    [
        before_its_comment,
        on_no_comment,
        with_another_event,
        after_what_cannot_be_folded,
        with_state(b"{}"),
        with_state(b"no JSON"),
        with_state(b'{"comment":"\xff"}'),
    ],
)
def test_where_the_order_tells_all_is_folded_in_it(change: Change) -> None:
    story = told()
    story.log.rows = change(story.rows)
    assert in_order_was_asked(story)
