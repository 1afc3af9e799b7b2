"""The follower of the log that queues deliveries to webhooks."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from uuid import UUID

from rostra import codec, ids
from rostra.commands import FEED_TOPICS
from rostra.discussion import DiscussionAliased
from rostra.log import EventLog, LogHistory, Recorded, read_pages
from rostra_adapters.aio.background import repeat_steps
from rostra_adapters.application.feed.names import Names
from rostra_adapters.application.stream_state_reader import decode_row
from rostra_adapters.application.webhooks.reviewing import may_wait
from rostra_adapters.application.webhooks.store import QueuedDelivery, Webhook, WebhookStore

PAGE_EVENTS = 500
LOOK_SECONDS = 0.5


class DeliveryQueuer:
    """Queues the events that webhooks are to be sent, in order of the log.

    It passes over events of an earlier log, and those recorded before a webhook was added.
    """

    def __init__(self, log: EventLog, store: WebhookStore) -> None:
        self._log = log
        self._store = store
        self._names = Names(log)

    def run(self) -> AsyncGenerator[None, None]:
        """Follow the log for ever, as the work of a background task."""
        return repeat_steps(self._handle_pages, LOOK_SECONDS)()

    async def catch_up(self) -> None:
        """Queue everything that is recorded by now."""
        async for _ in self._handle_pages():
            pass

    async def _handle_pages(self) -> AsyncGenerator[None, None]:
        """Queue the events of all pages that are recorded by now, one a step."""
        active = [one for one in await self._store.all() if one.state == "active"]
        if not active:
            return
        history, head = await self._log.history(), await self._log.head()
        log, position = history.id, await self._begin(active, history, head)
        async for page in read_pages(self._log, position, head, PAGE_EVENTS, may_be_cached=True):
            queued, last = await self._deliveries(page, active, log), page[-1].position
            if not await self._store.queue(queued, log, position, last):
                return  # another process is ahead
            position = last
            yield

    async def _begin(self, active: Sequence[Webhook], history: LogHistory, head: int) -> int:
        """Return the position to read on from, and move the checkpoint there."""
        log = history.id
        added = [one.position if one.log == log else 0 for one in active]
        checkpoint = await self._store.checkpoint()
        if checkpoint is None or checkpoint.log != log:
            position = max(min(added), 0)
            if checkpoint is not None:  # what was not queued in an earlier epoch never is
                position = history.began if checkpoint.log in history.earlier else head
            await self._store.begin(log, position)
            return position
        position = max(checkpoint.position, min(added))
        if position > checkpoint.position:
            await self._store.queue([], log, checkpoint.position, position)
        return position

    async def _deliveries(
        self, page: Sequence[Recorded], active: Iterable[Webhook], log: UUID
    ) -> list[QueuedDelivery]:
        by_site: dict[str, list[Webhook]] = {}
        for webhook in active:
            by_site.setdefault(webhook.site, []).append(webhook)
        sites = await self._sites(page, by_site)
        return [
            QueuedDelivery(webhook.id, _lane(row, webhook), row.position)
            for row in page
            for webhook in by_site.get(sites.get(row.position, ""), ())
            if is_for(row, webhook) and (webhook.log != log or row.position > webhook.position)
        ]

    async def _sites(self, page: Sequence[Recorded], sites: Iterable[str]) -> dict[int, str]:
        """Return the site of each event of the feed, by position, if it is one of `sites`."""
        own = {ids.prefix_of(ids.site_id(site)): site for site in sites}
        fed = [row for row in page if _is_fed(row)]
        inside = {
            ids.discussion_of(row.stream) for row in fed if ids.prefix_of(row.stream) not in own
        }
        names = await self._names.of(inside)
        found: dict[int, str] = {}
        for row in fed:
            name = names.get(ids.discussion_of(row.stream))
            site = own.get(ids.prefix_of(row.stream)) or (None if name is None else name.site)
            if row.topic == DiscussionAliased.topic:  # the alias has no name of its own
                event = decode_row(row)
                site = event.site if isinstance(event, DiscussionAliased) else None
            if site is not None:
                found[row.position] = site
        return found


def _is_fed(row: Recorded) -> bool:
    is_named = row.event_id is not None and row.metadata is not None
    return is_named and ids.is_ours(row.stream) and codec.published_topic(row.topic) in FEED_TOPICS


def _lane(row: Recorded, webhook: Webhook) -> UUID:
    return row.stream if webhook.kind == "review" else ids.discussion_of(row.stream)


def is_for(row: Recorded, webhook: Webhook) -> bool:
    """Return whether a webhook of the event's site is sent it."""
    if webhook.kind == "review":
        return may_wait(row)
    return not webhook.types or codec.published_topic(row.topic) in webhook.types
