"""One discussion's views as they stood at a position: folded from its own streams alone.

A comment is ranked once, when all votes are in.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from rostra.log import Recorded, VoteRow
from rostra_projections.comments.bulk_votes import TOPIC, QuickVotes
from rostra_projections.comments.moves import Before, moves_since, places_of
from rostra_projections.comments.rows import COMMENTS
from rostra_projections.cursors import Cursor
from rostra_projections.listing import Listing
from rostra_projections.memory import MemoryViews
from rostra_projections.query_port import Page
from rostra_projections.responses.shapes import Viewer
from rostra_projections.tables import Fact
from rostra_projections.views import NO_VIEWS, looking, read


class PastViews(MemoryViews):
    """Views of one discussion at a position.

    Add its events in order, then finish at the position.
    """

    def __init__(self, discussion: UUID) -> None:
        super().__init__()
        self._here = discussion
        self._votes = QuickVotes(self.rows.of(COMMENTS))
        self._looking = looking(self._views)
        self._past: int | None = None
        self._before: Before = {}

    def add_events(self, page: Sequence[Recorded]) -> None:
        """Fold the next events. Nothing may be read before `finish`."""
        for fact in read(self._besides_votes(page)):
            looks = self._views
            if isinstance(fact, Fact):
                looks = self._looking.get(type(fact.event), NO_VIEWS)
            for view in looks:
                self._fold(view, fact)

    def _besides_votes(self, page: Sequence[Recorded]) -> Iterator[Recorded]:
        """Yield the events that are left to the folds; votes are counted here.

        The consumer folds each event before it asks for the next. A stream whose id is of a
        discussion of Rostra's is one of Rostra's, too.
        """
        count, parked = self._votes.count_vote, self.parked
        for row in page:
            if row.topic != TOPIC or parked or not count(row.position, row.state):
                yield row

    def add_votes(self, votes: Iterable[VoteRow]) -> bool:
        """Count votes after all other events, in any order.

        Return False if their order matters. Then these views are useless.
        """
        return not self.parked and self._votes.count_late_votes(votes)

    def finish(self, position: int, *, past: bool = True) -> None:
        """All events up to `position` are in. `past`: lists go on as of there."""
        comments = self.rows.of(COMMENTS)
        for view in self._views:
            view.settle(self.rows, {COMMENTS.name: comments})
            view.mend(self.rows)
        self._in_discussion[self._here] = list(comments)
        self.read_up_to = position
        self._past = position if past else None

    def begin_moves(self, position: int) -> None:
        """Begin to record moves, after all events up to `position`.

        A list that began at this position can then be continued.
        """
        self.finish(position)
        self._moves_from = position
        self._before = places_of(self.rows, self.rows.of(COMMENTS))

    def end_moves(self, position: int, *, history: int) -> None:
        """Record which comments changed their place, after all events up to `position`.

        `history` is the one that the list's cursors name.
        """
        self.finish(position, past=False)
        self._history = history
        self._moves[self._here] = list(moves_since(self.rows, self._before))

    async def page(
        self, listing: Listing, viewer: Viewer, *, begin: Cursor | None, limit: int, replies: int
    ) -> Page:
        found = await super().page(listing, viewer, begin=begin, limit=limit, replies=replies)
        found.past, found.lineage = self._past, None
        return found
