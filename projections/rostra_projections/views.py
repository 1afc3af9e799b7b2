"""The views there are, and how a page of the log is folded into them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from rostra import codec
from rostra.codec import has_nul
from rostra.ids import discussion_of, is_ours
from rostra.log import Recorded
from rostra.times import Time, is_time
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from rostra_projections import discussions, inbox, moderation, passages, persons
from rostra_projections.comments import fold as comments
from rostra_projections.tables import Fact, Key, Rows, Table, Touched


def nothing_to_mend(_: Rows) -> None:
    """Do nothing, for a fold that needs no completion."""


def nothing_to_settle(_: Rows, __: Touched) -> None:
    """Do nothing, for a fold whose rows are complete after each event."""


VOTES: frozenset[type] = frozenset({VoteCast, VoteNullified, VoteRestored})
"""Events that the view `comments` counts in bulk. Another view that reads them gets each."""


class View(msgspec.Struct, frozen=True):
    """Projection: its tables and its fold."""

    name: str
    shape: int
    """Version of the tables' shape. Another shape means a rebuild."""
    tables: tuple[Table[Any], ...]
    events: frozenset[type]
    """Types of events that the fold reads."""
    touches: Callable[[Fact], Iterator[tuple[Table[Any], Key]]]
    """Yields the tables and keys of the rows that the fold of an event reads or makes."""
    fold: Callable[[Rows, Fact], None]
    """Changes the rows for an event."""
    settle: Callable[[Rows, Touched], None] = nothing_to_settle
    """Completes the touched rows after the last of some events."""
    mend: Callable[[Rows], None] = nothing_to_mend
    """Completes rows that depend on rows which were not touched. All rows must be loaded."""


VIEWS: Mapping[str, View] = {
    view.name: view
    for view in (
        View(
            "discussions",
            discussions.SHAPE,
            discussions.TABLES,
            discussions.EVENTS,
            discussions.touches,
            discussions.fold,
        ),
        View(
            "comments",
            comments.SHAPE,
            comments.TABLES,
            comments.EVENTS,
            comments.touches,
            comments.fold,
            comments.settle,
            comments.mend,
        ),
        View(
            "passages",
            passages.SHAPE,
            passages.TABLES,
            passages.EVENTS,
            passages.touches,
            passages.fold,
        ),
        View(
            "moderation",
            moderation.SHAPE,
            moderation.TABLES,
            moderation.EVENTS,
            moderation.touches,
            moderation.fold,
        ),
        View(
            "persons",
            persons.SHAPE,
            persons.TABLES,
            persons.EVENTS,
            persons.touches,
            persons.fold,
        ),
        View(
            "inbox",
            inbox.SHAPE,
            inbox.TABLES,
            inbox.EVENTS,
            inbox.touches,
            inbox.fold,
        ),
    )
}


NO_VIEWS: tuple[View, ...] = ()


def looking(views: Collection[View]) -> dict[type, tuple[View, ...]]:
    """Map each event type to the views that read it."""
    return {
        event: tuple(view for view in views if event in view.events)
        for event in frozenset[type]().union(*(view.events for view in views))
    }


class Parked(msgspec.Struct, frozen=True, gc=False):
    """A discussion that a view has stopped following, at an event it cannot handle."""

    discussion: UUID
    position: int
    error: str


class CannotFold(Exception):
    """An event that a view cannot handle."""

    def __init__(self, parked: Parked) -> None:
        super().__init__(f"position {parked.position}: {parked.error}")
        self.parked = parked


class Broken(msgspec.Struct, frozen=True, gc=False):
    """An event of ours whose payload does not decode, or says what cannot be."""

    stream: UUID
    position: int
    error: str


LogEvent = tuple[int, UUID, str, bytes, UUID | None]
"""Position, stream, topic, state and event id: what a projection looks at."""


def read(rows: Iterable[Recorded]) -> Iterator[Fact | Broken]:
    """Yield the events of this program among the rows of a log."""
    return facts((row.position, row.stream, row.topic, row.state, row.event_id) for row in rows)


def facts(rows: Iterable[LogEvent]) -> Iterator[Fact | Broken]:
    """Yield the events among rows that have only the columns of a projection."""
    decoders = codec.DECODERS
    for position, stream, topic, state, event_id in rows:
        decode = decoders.get(topic)
        if decode is None or not is_ours(stream):
            continue
        try:
            event = decode(state)
            if type(event) is not VoteCast:  # of which views keep neither time nor text
                check(event.time, state)
        except codec.UNREADABLE as error:
            yield Broken(stream, position, str(error))
        else:
            yield Fact(stream, event, position, event_id)


def check(time: Time, state: bytes) -> None:
    """Raise ValueError for a value that no table can hold."""
    if not is_time(time):
        raise ValueError(f"{time!r} is no time")
    if has_nul(state):
        raise ValueError("a text with a NUL")


def fold_fact(view: View, rows: Rows, fact: Fact | Broken) -> None:
    """Fold one fact, or raise CannotFold and leave the rows as they are."""
    if not isinstance(fact, Fact):
        raise CannotFold(Parked(discussion_of(fact.stream), fact.position, fact.error))
    if type(fact.event) not in view.events:
        return
    try:
        view.fold(rows, fact)
    except MemoryError:
        raise
    except Exception as error:  # whatever it is, it parks this discussion alone
        described = f"{type(error).__name__}: {error}"
        parked = Parked(discussion_of(fact.stream), fact.position, described)
        raise CannotFold(parked) from error
