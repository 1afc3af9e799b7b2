"""Tasks that follow the log, for `rostra serve` and `rostra notify`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def deliver_webhooks(app: Any) -> AsyncIterator[None]:
    """Send events to webhooks while the block runs; nothing where the database is only read."""
    from rostra_adapters.aio.background import BackgroundTask, end_background
    from rostra_adapters.application.webhooks.follower import DeliveryQueuer
    from rostra_adapters.application.webhooks.sender import WebhookSender
    from rostra_adapters.outgoing.http import HttpPoster

    if app.webhooks is None or app.is_read_only:
        yield
        return
    async with HttpPoster() as poster:
        tasks = [
            BackgroundTask(DeliveryQueuer(app.log, app.webhooks).run, "webhooks-queue"),
            BackgroundTask(WebhookSender(app, app.webhooks, poster).run, "webhooks-send"),
        ]
        try:
            yield
        finally:
            await end_background(*tasks)


async def deliver_due_webhooks(app: Any) -> None:
    """Send the events that are due now to webhooks."""
    from rostra_adapters.application.webhooks.follower import DeliveryQueuer
    from rostra_adapters.application.webhooks.sender import WebhookSender
    from rostra_adapters.outgoing.http import HttpPoster

    async with HttpPoster() as poster:
        await DeliveryQueuer(app.log, app.webhooks).catch_up()
        await WebhookSender(app, app.webhooks, poster).send_due()
