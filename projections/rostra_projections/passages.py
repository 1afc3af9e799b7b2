"""The view `passages`: the marked stretches of an article, and the inline feedback on them.

Their counts are kept by the view `comments`, a row for each passage.
"""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import UUID

import msgspec

from rostra.ids import discussion_of
from rostra.passage import PassageClosed, PassageMarked, PassageReopened, PassageUnmarked
from rostra_projections.tables import Fact, Key, Rows, Table

# -- rows


class PassageRow(msgspec.Struct):
    """`start` and `end` are offsets in Unicode code points. `position` is that of the
    first marking, `changed` that of the last change to this row."""

    id: UUID
    discussion: UUID
    key: str | None
    exact: str
    prefix: str | None
    suffix: str | None
    start_at: int | None
    end_at: int | None
    state: Literal["anchored", "moved", "orphaned"]
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
        "exact": "text",
        "prefix": "text",
        "suffix": "text",
        "start_at": "integer",
        "end_at": "integer",
        "state": "text",
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
SHAPE = 1

# -- fold


def touches(fact: Fact) -> Iterator[tuple[Table[Any], Key]]:
    """The rows that `fold` looks at for this fact."""
    match fact.event:
        case PassageMarked() | PassageClosed() | PassageReopened() | PassageUnmarked():
            yield PASSAGES, fact.stream


def fold(rows: Rows, fact: Fact) -> None:
    """Change the rows that the fact touches."""
    stream, event, position = fact.stream, fact.event, fact.position
    passages = rows.of(PASSAGES)
    match event:
        case PassageMarked():
            standing = passages.get(stream)
            if standing is None:
                passages[stream] = _marked(stream, event, position)
            else:
                standing.question, standing.marked = event.question, True
                standing.changed = position
        case PassageClosed() | PassageReopened():
            passages[stream].open = isinstance(event, PassageReopened)
            passages[stream].changed = position
        case PassageUnmarked():
            passages[stream].marked = False
            passages[stream].changed = position


def _marked(stream: UUID, event: PassageMarked, position: int) -> PassageRow:
    offsets = [offset for offset in (event.start, event.end) if offset is not None]
    if not all(0 <= offset <= OFFSET_MAX for offset in offsets):
        raise ValueError(f"a passage from {event.start} to {event.end}")
    return PassageRow(
        id=stream,
        discussion=discussion_of(stream),
        key=event.key,
        exact=event.exact,
        prefix=event.prefix,
        suffix=event.suffix,
        start_at=event.start,
        end_at=event.end,
        state="anchored",
        question=event.question,
        open=True,
        marked=True,
        position=position,
        changed=position,
    )
