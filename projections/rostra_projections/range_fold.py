"""Several views folded from the same events, each read once for all of them."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from rostra.ids import discussion_of, is_ours
from rostra_projections.comments.bulk_votes import TOPIC, QuickVotes, can_read_joined
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.tables import Fact, Rows
from rostra_projections.views import (
    NO_VIEWS,
    VOTES,
    Broken,
    CannotFold,
    LogEvent,
    Parked,
    View,
    facts,
    fold_fact,
    looking,
)


class RangeFold:
    """Rows of the views for a range, and for each view the discussions that it cannot follow.

    All events of a discussion must be added in order before `finish`. Votes may be added joined,
    after all other events, if their order does not matter.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self.views = tuple(views)
        self.rows = Rows(table for view in views for table in view.tables)
        self.parked: dict[str, dict[UUID, Parked]] = {view.name: {} for view in views}
        self._reads_votes = any(it.events & VOTES for it in views if COMMENTS not in it.tables)
        counts = COMMENTS.name in self.parked and not self._reads_votes
        self._quick = QuickVotes(self.rows.of(COMMENTS)) if counts else None
        self._looking = looking(self.views)

    def add_events(self, events: Iterable[LogEvent]) -> None:
        """Fold the next events of the log."""
        self.fold(facts(self._besides_quick_votes(events)))

    def _besides_quick_votes(self, events: Iterable[LogEvent]) -> Iterator[LogEvent]:
        """Yield the events that are left to the folds; votes are counted here.

        The consumer folds each event before it asks for the next.
        """
        quick, parked = self._quick, self.parked.get(COMMENTS.name)
        for event in events:
            position, stream, topic, state, _ = event
            counts = topic == TOPIC and quick and not parked and is_ours(stream)
            if not (counts and quick and quick.count_vote(position, state)):
                yield event

    def add_votes(self, positions: Sequence[int], states: bytes) -> bool:
        """Count votes after all other events; see `QuickVotes.count_joined_votes`.

        Return False if their order matters. Then this fold is useless.
        """
        if self._reads_votes:
            return False
        if self._quick is None:
            return can_read_joined(len(positions), states)
        return not self.parked[COMMENTS.name] and self._quick.count_joined_votes(positions, states)

    def fold(self, facts: Iterable[Fact | Broken]) -> None:
        """Fold facts into all views. A view parks a discussion that it cannot fold."""
        looks, rows = self._looking, self.rows
        for fact in facts:
            views = looks.get(type(fact.event), NO_VIEWS) if isinstance(fact, Fact) else self.views
            for view in views:
                parked = self.parked[view.name]
                if parked and discussion_of(fact.stream) in parked:
                    continue
                try:
                    fold_fact(view, rows, fact)
                except CannotFold as refused:
                    parked[refused.parked.discussion] = refused.parked

    def finish(self) -> None:
        """Complete the rows, once all are here."""
        self._quick = None  # which knows rows by name, and would keep them
        for view in self.views:
            view.settle(self.rows, {table.name: self.rows.of(table) for table in view.tables})
            view.mend(self.rows)
