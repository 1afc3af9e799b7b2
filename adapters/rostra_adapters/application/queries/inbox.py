"""A person's inbox: comments that concern them, and how many of them are unread."""

import msgspec

from rostra import ids
from rostra.log import POSITION_MAX
from rostra_adapters.application.app import App
from rostra_projections.cursors import decode_position, encode_position
from rostra_projections.inbox import InboxRow
from rostra_projections.responses.shapes import InboxItem, InboxPage

UNREAD_MAX = 1_000
"""A count of unread items ends here."""
ITEMS_READ_MAX = 2_000
"""Items that one answer looks at. A page that finds too few shown ones among them goes on later."""
CHUNK_ITEMS_MAX = 100


class Inboxes:
    """Reads of inboxes."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def page(
        self, site: str, person: str, *, limit: int, cursor: str | None, unread_only: bool
    ) -> InboxPage:
        """Return items, the latest first. Raises CursorRefused.

        Items are left out whose comment is not shown any more, or was erased.
        """
        app, log = self._app, await self._app.log.history()
        listing = ("inbox", site, person, "unread" if unread_only else "all")
        before: int = POSITION_MAX
        if cursor is not None:
            before = decode_position(cursor, log, listing, limit)
        await app.views.fresh()
        mark = await app.read_marks.inbox(ids.person_id(site, person), log)
        after = mark.up_to if unread_only else 0
        unread = await self.unread(site, person)
        found: list[InboxItem] = []
        looked, chunk = 0, limit + 1
        while len(found) <= limit:
            read = await app.views.reads.inbox(
                site, person, before=before, after=after, limit=chunk
            )
            items = [
                _item(each.row, is_read=mark.is_read(each.row.position))
                for each in read
                if each.is_shown
            ]
            found += [item for item in items if not (unread_only and item.read)]
            if len(read) < chunk:
                before = 0
                break
            before, looked = read[-1].row.position, looked + chunk
            if looked >= ITEMS_READ_MAX:
                break
            chunk = CHUNK_ITEMS_MAX
        page = found[:limit]
        if len(found) > limit:
            before = page[-1].position
        return InboxPage(
            position=max((item.position for item in page), default=0),
            unread=unread,
            items=page,
            next=encode_position(log, listing, before, limit) if before else None,
        )

    async def unread(self, site: str, person: str) -> int:
        """Return the number of unread items among the latest, at most `UNREAD_MAX`."""
        app = self._app
        mark = await app.read_marks.inbox(ids.person_id(site, person), await app.log.history())
        unread = await app.views.reads.unread(
            site, person, after=mark.up_to, read=sorted(mark.positions), limit=ITEMS_READ_MAX
        )
        return min(unread, UNREAD_MAX)


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
