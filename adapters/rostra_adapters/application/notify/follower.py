"""The follower of the log that fills the outbox."""

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import msgspec

from rostra import ids
from rostra.comment import CommentPosted, CommentWordingRejected, StatusEvent
from rostra.ids import Position
from rostra.log import Recorded, read_pages
from rostra.times import Time, is_time, to_datetime
from rostra_adapters.aio.background import repeat_steps
from rostra_adapters.application.app import App
from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.application.notify.outbox import (
    GIVE_UP_AFTER,
    Notice,
    Outbox,
    Reason,
)
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.clock import moment
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

    def run(self) -> AsyncGenerator[None, None]:
        """Follow the log for ever, as the work of a background task."""
        return repeat_steps(self._handle_pages, LOOK_SECONDS)()

    async def catch_up(self) -> None:
        """Take in everything that is recorded by now.

        Events that were recorded before the first time, or in an earlier log, give rise to no mail.
        """
        async for _ in self._handle_pages():
            pass

    async def has_begun(self) -> bool:
        """Return whether this log, or an earlier epoch of it, was followed before."""
        checkpoint, history = await self._outbox.checkpoint(), await self._app.log.history()
        return checkpoint is not None and checkpoint.log in {history.id, *history.earlier}

    async def _handle_pages(self) -> AsyncGenerator[None, None]:
        """Handle all pages that are recorded by now, one a step."""
        head = await self._app.head()
        checkpoint = await self._begin(head)
        async for page in read_pages(
            self._app.log, checkpoint.position, head, PAGE_EVENTS, may_be_cached=True
        ):
            position = page[-1].position
            await self._wait_for_views(position)
            async for notices in self._notices(page, checkpoint.log_since):
                await self._outbox.add(notices)
            reached = Checkpoint(checkpoint.log, position, checkpoint.log_since)
            if not await self._outbox.advance(checkpoint, reached):
                return  # another process is ahead, or follows another log
            checkpoint = reached
            yield

    async def _begin(self, head: int) -> Checkpoint:
        """Return the checkpoint in this log. The first one is at `head`.

        A later epoch is followed from its beginning, a log that was restored from `head`.
        """
        history, checkpoint = await self._app.log.history(), await self._outbox.checkpoint()
        if checkpoint is not None and checkpoint.log == history.id:
            return checkpoint
        if checkpoint is None:
            first = Checkpoint(history.id, head)
        elif checkpoint.log in history.earlier:
            first = Checkpoint(history.id, history.began, history.began_at)
        else:
            first = Checkpoint(history.id, head, moment())
        if await self._outbox.advance(checkpoint, first):
            return first
        return await self._begin(head)

    async def _wait_for_views(self, position: int) -> None:
        """Wait until the views have read `position`.

        Raises ViewBehind if the log ends before it: a failover has lost the events.
        """
        while True:
            try:
                await self._app.wait(position, WAIT_SECONDS)
            except ViewBehind:
                if await self._app.head() < position:
                    raise
                _logger.warning("notices wait for the views to read position %d", position)
            else:
                return

    async def _notices(
        self, page: Sequence[Recorded], log_since: datetime | None
    ) -> AsyncIterator[list[Notice]]:
        """Yield the notices of a page of the log that the views have read, some at a time."""
        decided = {row.position: row for row in page if _is_mailed(row, log_since)}
        if not decided:
            return
        comments = list({row.stream for row in decided.values()})
        reads = self._app.views.reads
        direct = await self._direct(decided, await reads.inbox_about(comments, list(decided)))
        yield direct
        known = await reads.inbox_comments(comments)
        concerned: defaultdict[UUID, set[str]] = defaultdict(set)
        for notice in direct:
            concerned[notice.event].add(notice.person_id)
        for position, row in decided.items():
            found = known.get(row.stream)
            if found is not None and found.published == position and row.event_id is not None:
                besides = {found.author, *concerned[row.event_id]}
                async for notices in self._subscribed(row, besides):
                    yield notices

    async def _direct(
        self, decided: Mapping[Position, Recorded], items: Sequence[InboxRow]
    ) -> list[Notice]:
        """Return the notices of inbox items.

        Persons who ended their subscription to the discussion get none, nor those who were erased.
        """
        streams = [ids.subscription_id(_discussion(item), item.person) for item in items]
        persons = [ids.person_id(item.site, item.person) for item in items]
        reads = self._app.views.reads
        subscriptions = await reads.subscription_rows(streams) if streams else {}
        erasures = await reads.erasures(persons) if persons else {}
        notices = []
        for item, stream, person in zip(items, streams, persons, strict=True):
            row, subscription = decided[Position(item.position)], subscriptions.get(stream)
            is_off = subscription is not None and subscription.to is None
            if is_off or row.event_id is None:
                continue
            if erasures.get(person, 0) < item.position:
                reason = cast(Reason, item.reason)
                notices.append(_notice(row, item.site, item.person, reason, item.discussion))
        return notices

    async def _subscribed(
        self, row: Recorded, besides: Collection[str]
    ) -> AsyncIterator[list[Notice]]:
        """Yield the notices of subscribers whom the comment does not concern otherwise."""
        discussion = ids.discussion_of(row.stream)
        reads = self._app.views.reads
        after = _BEFORE_ALL
        while True:
            chunk = await reads.subscribers(discussion, after=after, limit=SUBSCRIBERS_READ_MAX)
            mine = [
                (one, ids.person_id(one.site, one.person))
                for one in chunk
                if one.since < row.position and one.person not in besides
            ]
            erasures = await reads.erasures([person for _, person in mine]) if mine else {}
            yield [
                _notice(row, one.site, one.person, "subscription", discussion)
                for one, person in mine
                if erasures.get(person, 0) < one.since
            ]
            if len(chunk) < SUBSCRIBERS_READ_MAX:
                return
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


def _is_mailed(row: Recorded, log_since: datetime | None) -> bool:
    """Return whether a row publishes a comment or decides on one, and is no history.

    It is history if it was recorded long after its time, or long ago. In a later log, what happened
    in an earlier one is history, too.
    """
    event = decode_row(row)
    if not isinstance(event, CommentPosted | StatusEvent | CommentWordingRejected):
        return False
    time = to_datetime(event.time)
    if log_since is not None and time < log_since:
        return False
    recorded = _recorded_at(row)
    if recorded is None:
        return True
    return recorded - time <= IMPORTED_AFTER and moment() - recorded < GIVE_UP_AFTER


def _recorded_at(row: Recorded) -> datetime | None:
    """Return the time of recording; None where it is missing or malformed."""
    try:
        at = _metadata.decode(row.metadata).at if row.metadata else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if at is None or not is_time(at) else to_datetime(Time(at))
