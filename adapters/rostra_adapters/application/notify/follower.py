"""The follower of the log that fills the outbox."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.comment import CommentPosted, StatusEvent
from rostra.ids import Position
from rostra.log import Recorded
from rostra.times import Time, to_datetime
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.outbox import Notice, Outbox, Reason
from rostra_adapters.errors import ViewBehind
from rostra_projections.inbox import InboxRow

PAGE_EVENTS = 500
SUBSCRIBERS_READ_MAX = 1_000
WAIT_SECONDS = 30.0
LOOK_SECONDS = 1.0
IMPORTED_AFTER = timedelta(hours=1)
"""An event whose time is so long before it was recorded is history, and nobody is mailed."""
_BEFORE_ALL = UUID(int=0)

_logger = logging.getLogger(__name__)


class _At(msgspec.Struct):
    at: str | None = None


_metadata = msgspec.json.Decoder(_At)


class OutboxFiller:
    """Adds notices for new comments to an outbox, in order of the log."""

    def __init__(self, app: App, outbox: Outbox) -> None:
        self._app = app
        self._outbox = outbox

    async def run(self) -> AsyncGenerator[None, None]:
        """Follow the log for ever, as the work of a background task."""
        while True:
            await self.catch_up()
            yield
            await asyncio.sleep(LOOK_SECONDS)

    async def catch_up(self) -> None:
        """Take in everything that is recorded by now.

        What was recorded before the first time, or in an earlier log, is never mailed.
        """
        position, head = await self._begin(), await self._app.head()
        log = await self._app.log.log_id()
        while position < head:
            page = await self._app.log.read_after(position, PAGE_EVENTS)
            if not page:
                return
            await self._take(page, log)
            position = page[-1].position

    async def _begin(self) -> int:
        log, head = await self._app.log.log_id(), await self._app.head()
        checkpoint = await self._outbox.checkpoint()
        if checkpoint is not None and checkpoint[0] == log:
            return checkpoint[1]
        await self._outbox.add([], log, head)
        return head

    async def _take(self, page: Sequence[Recorded], log: UUID) -> None:
        last = page[-1].position
        while True:
            try:
                await self._app.wait(last, WAIT_SECONDS)
                break
            except ViewBehind:
                _logger.warning("notices wait for the views to read position %d", last)
        await self._outbox.add(await self.notices(page), log, last)

    async def notices(self, page: Sequence[Recorded]) -> list[Notice]:
        """Return the notices of a page of the log that the views have read."""
        decided = {row.position: row for row in page if _is_about_status(row)}
        if not decided:
            return []
        comments = list({row.stream for row in decided.values()})
        direct = await self._app.views.reads.inbox_about(comments, list(decided))
        known = await self._app.views.reads.inbox_comments(comments)
        notices = await self._direct(decided, direct)
        for position, row in decided.items():
            found = known.get(row.stream)
            if found is not None and found.published == position:
                notices += await self._subscribed(row, found.author, notices)
        return notices

    async def _direct(
        self, decided: Mapping[Position, Recorded], items: Iterable[InboxRow]
    ) -> list[Notice]:
        """Return the notices of inbox items.

        Persons who ended their subscription to the discussion get none.
        """
        mine = [item for item in items if Position(item.position) in decided]
        streams = [ids.subscription_id(_discussion(item), item.person) for item in mine]
        found = await self._app.views.reads.subscription_rows(streams) if streams else {}
        notices = []
        for item, stream in zip(mine, streams, strict=True):
            row, subscription = decided[Position(item.position)], found.get(stream)
            is_off = subscription is not None and subscription.to is None
            if row.event_id is not None and not (is_off and item.reason != "moderation"):
                reason = cast(Reason, item.reason)
                notices.append(_notice(row, item.site, item.person, reason, item.discussion))
        return notices

    async def _subscribed(
        self, row: Recorded, author: str, direct: Sequence[Notice]
    ) -> list[Notice]:
        """Return the notices of subscribers whom the comment does not concern otherwise."""
        if row.event_id is None:
            return []
        discussion = ids.discussion_of(row.stream)
        besides = {author, *(one.person_id for one in direct if one.event == row.event_id)}
        notices: list[Notice] = []
        after = _BEFORE_ALL
        while True:
            chunk = await self._app.views.reads.subscribers(
                discussion, after=after, limit=SUBSCRIBERS_READ_MAX
            )
            notices += [
                _notice(row, one.site, one.person, "subscription", discussion)
                for one in chunk
                if one.to == "comments" and one.since < row.position and one.person not in besides
            ]
            if len(chunk) < SUBSCRIBERS_READ_MAX:
                return notices
            after = chunk[-1].id


def _notice(row: Recorded, site: str, person: str, reason: Reason, discussion: UUID) -> Notice:
    assert row.event_id is not None
    return Notice(
        event=row.event_id,
        person=ids.person_id(site, person),
        site=site,
        person_id=person,
        reason=reason,
        discussion=discussion,
        comment=row.stream,
    )


def _discussion(item: InboxRow) -> ids.DiscussionId:
    return ids.discussion_of(item.discussion)


def _is_about_status(row: Recorded) -> bool:
    """Return whether a row publishes a comment or decides on one, and is no history."""
    event: AnyEvent | None = codec.decode(row.topic, row.state)
    if not isinstance(event, CommentPosted | StatusEvent):
        return False
    return not _is_imported(row, event.time)


def _is_imported(row: Recorded, time: Time) -> bool:
    recorded = _metadata.decode(row.metadata).at if row.metadata else None
    if recorded is None:
        return False
    return datetime.fromisoformat(recorded) - to_datetime(time) > IMPORTED_AFTER
