"""What has moved in the lists: kept so that a reader who pages on misses nothing.

Once per final row of a page of the log: where the comment stood before.
"""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import msgspec

from rostra_projections.comments.rows import COMMENTS, COUNTS, CommentRow
from rostra_projections.listing import Move
from rostra_projections.tables import Rows

Before = Mapping[UUID, Move]


def places_of(rows: Rows, comments: Iterable[UUID]) -> Before:
    """Where comments stand now, by id; what is not there yet has no place."""
    kept = rows.of(COMMENTS)
    return {id_: _move(kept[id_], 0) for id_ in comments if id_ in kept}


def moves_since(rows: Rows, before: Before) -> Iterator[Move]:
    """A move for each comment that no longer stands where it stood, at the position of the
    discussion's last change: so whoever has seen that change has seen the move."""
    for id_, stood in before.items():
        if _move(rows.of(COMMENTS)[id_], 0) != stood:
            changed = rows.of(COUNTS)[stood.discussion].changed
            yield msgspec.structs.replace(stood, position=changed)


def _move(row: CommentRow, position: int) -> Move:
    return Move(
        discussion=row.discussion,
        position=position,
        comment=row.id,
        shown=row.shown,
        pinned=row.pinned,
        score=row.score,
        best=row.best,
        controversial=row.controversial,
        hot=row.hot,
    )
