"""A person's inbox: comments that concern them, and how many of them are unread."""

import msgspec

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.requests import SiteRequest
from rostra_projections.cursors import decode_position, encode_position
from rostra_projections.inbox import InboxRow
from rostra_projections.responses.shapes import InboxItem, InboxPage, Viewer

UNREAD_MAX = 1_000
POSITION_MAX = 2**63 - 1
CHUNK_ITEMS_MAX = 200


class Inboxes:
    """Reads of inboxes."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def page(
        self, site: str, person: str, *, limit: int, cursor: str | None, unread_only: bool
    ) -> InboxPage:
        """Return items, the latest first. Raises CursorRefused.

        An item whose comment was erased is left out.
        """
        app, log = self._app, await self._app.log.log_id()
        listing = ("inbox", site, person, "unread" if unread_only else "all")
        before = POSITION_MAX
        if cursor is not None:
            before = decode_position(cursor, log, listing, limit)
        await app.views.fresh()
        mark = await app.read_marks.inbox(ids.person_id(site, person), log)
        unread = await self.unread(site, person)
        found: list[InboxItem] = []
        chunk = limit + 1
        while len(found) <= limit:
            rows = await app.views.reads.inbox(site, person, limit=chunk, before=before)
            shown = await self._not_erased(site, person, rows)
            items = [_item(row, is_read=mark.is_read(row.position)) for row in shown]
            found += [item for item in items if not (unread_only and item.read)]
            if len(rows) < chunk or (unread_only and rows[-1].position <= mark.up_to):
                break
            before, chunk = rows[-1].position, CHUNK_ITEMS_MAX
        page = found[:limit]
        more = len(found) > limit
        return InboxPage(
            position=max((item.position for item in page), default=0),
            unread=unread,
            items=page,
            next=encode_position(log, listing, page[-1].position, limit) if more else None,
        )

    async def unread(self, site: str, person: str) -> int:
        """Return the number of unread items, at most `UNREAD_MAX`."""
        app = self._app
        mark = await app.read_marks.inbox(ids.person_id(site, person), await app.log.log_id())
        read = sorted(mark.positions)
        return await app.views.reads.unread(
            site, person, after=mark.up_to, read=read, most=UNREAD_MAX
        )

    async def _not_erased(self, site: str, person: str, rows: list[InboxRow]) -> list[InboxRow]:
        """Return the rows whose comment still has words."""
        app = self._app
        comments = await app.views.reads.comment_rows([row.comment for row in rows])
        request = SiteRequest(site=site, log=await app.log.log_id(), viewer=Viewer(person=person))
        shapes = await app.queries.shapes(request, list(comments.values()))
        erased = {shape.id for shape in shapes if shape.status == "erased"}
        return [row for row in rows if row.comment not in erased]


def _item(row: InboxRow, *, is_read: bool) -> InboxItem:
    return msgspec.convert(
        {
            "position": row.position,
            "at": row.at,
            "reason": row.reason,
            "comment": row.comment,
            "discussion": row.discussion,
            "read": is_read,
        },
        InboxItem,
    )
