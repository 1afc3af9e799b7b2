"""Changes of comments' places in lists, so that a reader who pages on misses nothing.

A comment's earlier place is recorded once for each page of the log that changes it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from rostra_projections.comments.rows import COMMENTS, COUNTS, CommentRow, CountsRow
from rostra_projections.listing import Move
from rostra_projections.tables import Rows

RankValues = tuple[Any, ...]
"""The fields of a move from `shown` on."""
Before = Mapping[UUID, RankValues]

RowValues = tuple[Any, ...]
"""Values of all fields of a comment's row."""
Counts = Mapping[UUID, CountsRow]

_FIELDS = ("shown", "pinned", "score", "best", "controversial", "hot")
_NUMBERS = {name: number for number, name in enumerate(COMMENTS.types)}
_ID, _DISCUSSION = _NUMBERS["id"], _NUMBERS["discussion"]

_place: Callable[[CommentRow], RankValues] = attrgetter(*_FIELDS)
_place_of: Callable[[RowValues], RankValues] = itemgetter(*(_NUMBERS[name] for name in _FIELDS))


def places_of(rows: Rows, comments: Iterable[UUID]) -> Before:
    """Return the current places of comments by id; a comment that is not there yet has none."""
    known = rows.of(COMMENTS)
    return {id_: _place(row) for id_ in comments if (row := known.get(id_)) is not None}


def moves_since(rows: Rows, before: Before) -> Iterator[Move]:
    """Yield a move for each comment whose place changed.

    Its position is that of the discussion's last change: a reader who has seen that change has seen
    the move.
    """
    comments, counts = rows.of(COMMENTS), rows.of(COUNTS)
    for id_, place in before.items():
        row = comments[id_]
        if _place(row) != place:
            yield Move(row.discussion, counts[row.discussion].changed, id_, *place)


def moves_between(changed: Iterable[tuple[RowValues, RowValues]], counts: Counts) -> Iterator[Move]:
    """Yield the same moves, from the values of comments before and after."""
    for before, after in changed:
        if (place := _place_of(before)) != _place_of(after):
            discussion = before[_DISCUSSION]
            yield Move(discussion, counts[discussion].changed, before[_ID], *place)
