"""Reads of moderation: the queue and the log, words opened, in the shapes of the contract."""

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

import msgspec

from rostra import ids
from rostra.codec import open_words, words_place
from rostra.flag import CommentFlagged
from rostra.sealing import Damaged, Erased
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.requests import DiscussionRequest, SiteRequest
from rostra_projections.comments.rows import CommentRow
from rostra_projections.cursors import decode_position, encode_position
from rostra_projections.moderation import TOPICS, ActRow, FlagRow, Queue
from rostra_projections.query_port import Queued
from rostra_projections.responses.shapes import (
    ActShape,
    ActsPage,
    CommentShape,
    FlagShape,
    PendingShape,
    QueuedShape,
    QueuePage,
    Viewer,
    WordingShape,
)

_origin = msgspec.json.Decoder(WordingShape)


class Moderating:
    """The reads of moderation over one App."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def queue(
        self, site: str, queue: Queue, *, limit: int, cursor: str | None, viewer: Viewer
    ) -> QueuePage:
        """Return a site's comments that wait, the longest waiting first. Raises CursorRefused."""
        listing, log = ("queue", site, queue), await self._app.log.log_id()
        after = 0 if cursor is None else decode_position(cursor, log, listing, limit)
        await self._app.views.fresh()
        _, found = await self._app.views.reads.queue(site, queue, limit=limit + 1, after=after)
        shown, more = found[:limit], len(found) > limit
        request = SiteRequest(site=site, log=log, viewer=viewer)
        shapes = await self._app.queries.shapes(request, [one.row for one in shown])
        wordings = await self._wordings([one.row for one in shown])
        await self._load(site, {flag.person for one in shown for flag in one.flags})
        return QueuePage(
            comments=[
                self._queued(site, one, shape, wordings.get(shape.id))
                for one, shape in zip(shown, shapes, strict=True)
            ],
            next=encode_position(log, listing, shown[-1].since, limit) if more else None,
        )

    async def acts(self, request: DiscussionRequest, *, limit: int, cursor: str | None) -> ActsPage:
        """Return the acts of moderators in a discussion, the latest first.

        Raises CursorRefused.
        """
        site, discussion, log, past = request.site, request.discussion, request.log, request.past
        listing = ("acts", str(discussion))
        before = None if cursor is None else decode_position(cursor, log, listing, limit)
        if past is not None:  # an act that was done stays as it is
            before = past + 1 if before is None else min(before, past + 1)
        _, found = await self._app.views.reads.acts(discussion, limit=limit + 1, before=before)
        shown, more = found[:limit], len(found) > limit
        await self._load(site, {act.by for act in shown})
        return ActsPage(
            position=shown[0].position if shown else 0,
            acts=[self._act(site, act) for act in shown],
            next=encode_position(log, listing, shown[-1].position, limit) if more else None,
        )

    def _queued(
        self, site: str, queued: Queued, shape: CommentShape, own: WordingShape | None
    ) -> QueuedShape:
        flags = [self._flag(site, flag) for flag in queued.flags]
        wording = shape.pending.wording if isinstance(shape.pending, PendingShape) else own
        fields = msgspec.structs.asdict(shape)
        return QueuedShape(**fields, discussion=queued.row.discussion, flags=flags, wording=wording)

    async def _wordings(self, rows: Iterable[CommentRow]) -> dict[UUID, WordingShape]:
        """Return the publishers' names of the comments' own wordings, as the log has them."""
        events = {row.id: row.edited_event or row.words_event for row in rows}
        streams = await self._app.log.read_streams(list(events)) if events else {}
        return {
            comment: _origin.decode(row.metadata)
            for comment, recorded in streams.items()
            for row in recorded
            if row.event_id == events[comment] and row.metadata is not None
        }

    def _flag(self, site: str, flag: FlagRow) -> FlagShape:
        place = (flag.flag, CommentFlagged.topic, flag.words_event)
        reason = self._reason(site, flag.person, flag.words, *place)
        return FlagShape(by=flag.person, reason=reason, at=flag.at)

    def _act(self, site: str, act: ActRow) -> ActShape:
        place = (act.comment, TOPICS[act.action], act.words_event)
        return ActShape(
            position=act.position,
            at=act.at,
            action=cast(Any, act.action),
            comment=act.comment,
            by=act.by,
            reason=self._reason(site, act.by, act.words, *place),
        )

    async def _load(self, site: str, persons: Iterable[str | None]) -> None:
        await self._app.ring.load({_owner(site, person) for person in persons})

    def _reason(
        self,
        site: str,
        by: str | None,
        sealed: bytes | None,
        stream: UUID,
        topic: str,
        event: UUID | None,
    ) -> str | None:
        """Return the reason given; None if there is none, or it is erased."""
        if sealed is None or event is None:
            return None
        place = words_place(stream, topic, event)
        try:
            return open_words(sealed, self._app.ring, _owner(site, by), place).reason
        except (Erased, Damaged):
            return None


def _owner(site: str, person: str | None) -> UUID:
    """Return the owner of the key that seals a reason: its person, else the site."""
    return ids.site_id(site) if person is None else ids.person_id(site, person)
