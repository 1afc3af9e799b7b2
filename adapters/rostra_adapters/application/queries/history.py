"""A comment's history, from its own stream: its wordings, and how it was moderated."""

from collections.abc import Callable, Sequence
from typing import cast
from uuid import UUID

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.comment import (
    HIDDEN_STATUSES,
    INITIAL,
    Comment,
    CommentEdited,
    CommentEvent,
    CommentPosted,
    CommentWordingHeld,
    CommentWordingRejected,
    evolve,
)
from rostra.deciding.stream_states import fold
from rostra.log import EventLog, Recorded
from rostra.names import OUR_IDS
from rostra.sealing import KeyRing
from rostra_adapters.application.app import Access, App
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_projections.responses.shapes import HistoryEvent, HistoryPage, Viewer

_RowEvent = tuple[Recorded, AnyEvent]
_Worded = CommentPosted | CommentEdited | CommentWordingHeld


async def history(
    app: App, access: Access, comment: UUID, viewer: Viewer, past: int | None = None
) -> HistoryPage | None:
    """Return a comment's events, the oldest first; None if the viewer may not see the comment.

    Authors and moderators see earlier wordings and hidden content. Others see earlier wordings if
    the settings allow it. With `past`, the history ends at this position, and others see only those
    wordings of it that they may still see.
    """
    every = _decode_rows((await app.log.read_streams([comment]))[comment])
    events = [(row, event) for row, event in every if past is None or row.position <= past]
    state: Comment = fold(ids.Kind.COMMENT, [event for _, event in events])
    if state.posted is None:
        return None
    is_inside = viewer.moderator or viewer.person == state.posted.author
    if state.status in HIDDEN_STATUSES and not is_inside:
        return None
    now: Comment = fold(ids.Kind.COMMENT, [event for _, event in every])
    owner = ids.person_id(access.site, state.posted.author)
    await app.ring.load([owner])
    if is_inside:
        readable = {row.version for row, _ in events}
    else:
        published = _versions_shown(events)
        readable = set()
        if state.status == now.status == "published":
            if access.rules.wordings == "public":
                readable.update(published)
            elif published[-1] == _versions_shown(every)[-1]:
                readable.add(published[-1])
        events = _published(events, published)
    # A tombstone does not name its author.
    is_shown = is_inside or state.status == now.status == "published"
    hidden = None if is_shown else state.posted.author
    is_named = viewer.moderator or access.rules.moderators_named
    author = state.posted.author

    def may_name(by: str) -> bool:
        return by != hidden and (is_named or by == author or by.startswith(OUR_IDS))

    return HistoryPage(
        position=events[-1][0].position,
        events=[
            _event(
                app.ring,
                owner,
                row,
                event,
                may_name=may_name,
                shown=row.version in readable,
            )
            for row, event in events
        ],
    )


async def comment_state(log: EventLog, comment: UUID) -> Comment:
    """Return the present state of a comment in the log."""
    return comment_of((await log.read_streams([comment]))[comment])


def comment_of(rows: Sequence[Recorded]) -> Comment:
    """Return the comment that its own stream makes."""
    state: Comment = fold(ids.Kind.COMMENT, [decode_row(row) for row in rows])
    return state


def _decode_rows(rows: Sequence[Recorded]) -> list[_RowEvent]:
    """Return the events of this program among the rows."""
    return [(row, event) for row in rows if (event := decode_row(row)) is not None]


def _published(events: Sequence[_RowEvent], shown: Sequence[int]) -> list[_RowEvent]:
    """Return the events without the wordings that never were published."""
    return [
        (row, event)
        for row, event in events
        if not isinstance(event, CommentWordingRejected)
        and (not isinstance(event, CommentWordingHeld) or row.version in shown)
    ]


def _versions_shown(events: Sequence[_RowEvent]) -> list[int]:
    """Return the versions of events with public wordings, the current one last."""
    state, shown = INITIAL, [0]
    for _, event in events:
        state = evolve(state, cast(CommentEvent, event))
        row, _ = events[state.words_version - 1]
        if state.moderated == "published":
            shown.append(row.version)
    return shown


def _event(
    ring: KeyRing,
    owner: UUID,
    row: Recorded,
    event: AnyEvent,
    *,
    may_name: Callable[[str], bool],
    shown: bool,
) -> HistoryEvent:
    """Shape an event, without the name of a person whom the viewer may not know."""
    by = event.author if isinstance(event, CommentPosted) else codec.actor_of(event)
    by = None if by is None or not may_name(by) else by
    body = None
    if shown and isinstance(event, _Worded):
        body = _body(ring, owner, row, event)
    kind = codec.published_topic(row.topic)
    return HistoryEvent(position=row.position, type=kind, at=event.time, by=by, body=body)


def _body(ring: KeyRing, owner: UUID, row: Recorded, event: _Worded) -> str | None:
    """Return the wording; None if it is erased or altered."""
    sealed, place = codec.sealed_words(event), (row.stream, row.topic, row.event_id)
    words = codec.find_words(sealed, ring, owner, *place)
    return None if words is None else words.body
