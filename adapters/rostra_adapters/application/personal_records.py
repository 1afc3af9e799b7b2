"""Records about a person that are no events: what a person may ask for besides the feed."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.people import People
from rostra_adapters.application.queries.inbox import Inboxes

SUBSCRIPTIONS_MAX = 1_000_000
PAGE_ITEMS = 100

Record = dict[str, Any]
"""Fields of a record; `record` is its kind."""


async def personal_records(app: App, site: str, person: str) -> AsyncIterator[Record]:
    """Yield a person's settings, subscriptions, read marks, inbox, notices and requests."""
    stream = ids.person_id(site, person)
    found = await People(app.log, app.ring).settings(site, person)
    settings = {
        name: value
        for name, value in msgspec.to_builtins(found.words).items()
        if value is not None and name != "body"
    }
    if settings or found.label is not None:
        yield {"record": "settings", **settings, "label": found.label, "position": found.position}
    if (await app.outbox.confirmed_address(stream)) is not None:
        yield {"record": "confirmed_address"}
    erased_at = (await app.views.reads.erasures([stream])).get(stream, 0)
    for row in await app.views.reads.subscriptions_of(site, person, limit=SUBSCRIPTIONS_MAX):
        if row.since > erased_at:
            yield {
                "record": "subscription",
                "discussion": row.discussion,
                "to": row.to,
                "position": row.since,
            }
    for mark in await app.read_marks.marks_of(stream):
        yield {"record": "read_mark", **msgspec.structs.asdict(mark)}
    log = await app.log.history()
    read = await app.read_marks.inbox(stream, log)
    if read.up_to or read.positions:
        yield {"record": "inbox_mark", "up_to": read.up_to, "positions": sorted(read.positions)}
    async for item in _inbox(app, site, person):
        yield {"record": "inbox_item", **item}
    for notice in await app.outbox.notices_of(stream):
        yield {"record": "notice", **msgspec.to_builtins(notice)}
    request = await app.outbox.find_request(stream)
    if request is not None:
        yield {"record": "mail_request", **msgspec.to_builtins(request)}


async def _inbox(app: App, site: str, person: str) -> AsyncIterator[Record]:
    cursor: str | None = None
    while True:
        page = await Inboxes(app).page(
            site, person, limit=PAGE_ITEMS, cursor=cursor, unread_only=False
        )
        for item in page.items:
            yield msgspec.to_builtins(item)
        cursor = page.next
        if cursor is None:
            return
