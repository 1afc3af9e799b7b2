"""The view `passages`: the marked stretches of an article, and the inline feedback on them.

Their counts are kept by the view `comments`, a row for each passage.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from rostra.anchoring.reanchor import State
from rostra.ids import discussion_of
from rostra.passage import (
    PassageClosed,
    PassageMarked,
    PassageMoved,
    PassageOrphaned,
    PassageReopened,
    PassageUnmarked,
)
from rostra_projections.tables import Fact, Key, Rows, Table

# -- rows


class PassageRow(msgspec.Struct):
    """Passage of an article.

    - `start_at`, `end_at`: offsets in Unicode code points; None for an orphan or if not known.
    - `score`: certainty of the place; None as marked.
    - `key`: the publisher's; None if a person marked it. `by`: that person, if the log says so.
    - `position`: that of the first marking. `changed`: that of the last change to this row.
    """

    id: UUID
    discussion: UUID
    key: str | None
    by: str | None
    exact: str
    prefix: str | None
    suffix: str | None
    start_at: int | None
    end_at: int | None
    state: State
    score: float | None
    question: str | None
    open: bool
    marked: bool
    position: int
    changed: int


PASSAGES = Table(
    "passages",
    PassageRow,
    key=("id",),
    types={
        "id": "uuid",
        "discussion": "uuid",
        "key": "text",
        "by": "text",
        "exact": "text",
        "prefix": "text",
        "suffix": "text",
        "start_at": "integer",
        "end_at": "integer",
        "state": "text",
        "score": "double precision",
        "question": "text",
        "open": "boolean",
        "marked": "boolean",
        "position": "bigint",
        "changed": "bigint",
    },
    indexes=(
        (
            "create index passages_v{v}_of_discussion on passages_v{v}"
            " (discussion, start_at, position)"
        ),
    ),
)

OFFSET_MAX = 2**31 - 1

TABLES: tuple[Table[Any], ...] = (PASSAGES,)
SHAPE = 3
EVENTS: frozenset[type] = frozenset(
    {
        PassageClosed,
        PassageMarked,
        PassageMoved,
        PassageOrphaned,
        PassageReopened,
        PassageUnmarked,
    }
)

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """Yield the rows that `fold` reads for this fact."""
    match fact.event:
        case (
            PassageMarked()
            | PassageClosed()
            | PassageReopened()
            | PassageUnmarked()
            | PassageMoved()
            | PassageOrphaned()
        ):
            yield PASSAGES, fact.stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches."""
    stream, event, position = fact.stream, fact.event, fact.position
    passages = rows.of(PASSAGES)
    match event:
        case PassageMarked():
            current = passages.get(stream)
            if current is None:
                passages[stream] = _marked(stream, event, position)
            else:
                current.question, current.marked = event.question, True
                current.changed = position
        case PassageClosed() | PassageReopened():
            passages[stream].open = isinstance(event, PassageReopened)
            passages[stream].changed = position
        case PassageUnmarked():
            passages[stream].marked = False
            passages[stream].changed = position
        case PassageMoved():
            _check(event.start, event.end)
            current = passages[stream]
            current.start_at, current.end_at = event.start, event.end
            current.state, current.score = event.state, event.score
            current.changed = position
        case PassageOrphaned():
            current = passages[stream]
            current.start_at = current.end_at = current.score = None
            current.state, current.changed = "orphaned", position


def _check(*offsets: int | None) -> None:
    """Raise ValueError for an offset that no column can hold."""
    if not all(offset is None or 0 <= offset <= OFFSET_MAX for offset in offsets):
        raise ValueError(f"a passage at {offsets}")


def _marked(stream: UUID, event: PassageMarked, position: int) -> PassageRow:
    _check(event.start, event.end)
    return PassageRow(
        id=stream,
        discussion=discussion_of(stream),
        key=event.key,
        by=event.by,
        exact=event.exact,
        prefix=event.prefix,
        suffix=event.suffix,
        start_at=event.start,
        end_at=event.end,
        state="anchored",
        score=None,
        question=event.question,
        open=True,
        marked=True,
        position=position,
        changed=position,
    )
