"""Changes of comments' places in lists, so that a reader who pages on misses nothing.

A comment's earlier place is recorded once for each page of the log that changes it.
"""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import msgspec

from rostra_projections.comments.rows import COMMENTS, COUNTS, CommentRow
from rostra_projections.listing import Move
from rostra_projections.tables import Rows

Before = Mapping[UUID, Move]


def places_of(rows: Rows, comments: Iterable[UUID]) -> Before:
    """Return the current places of comments by id; a comment that is not there yet has none."""
    kept = rows.of(COMMENTS)
    return {id_: _move(kept[id_], 0) for id_ in comments if id_ in kept}


def moves_since(rows: Rows, before: Before) -> Iterator[Move]:
    """Yield a move for each comment whose place changed.

    Its position is that of the discussion's last change: a reader who has seen that change has seen
    the move.
    """
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
