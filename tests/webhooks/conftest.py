"""A service on PostgreSQL, its webhooks, and a receiver."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rostra_adapters.application.app import App
from rostra_adapters.application.webhooks.follower import DeliveryQueuer
from rostra_adapters.application.webhooks.registry import add_webhook, webhook_statuses
from rostra_adapters.application.webhooks.sender import WebhookSender
from rostra_adapters.application.webhooks.store import Webhook, WebhookStore
from rostra_adapters.outgoing.http import HttpPoster
from support.receivers import LOOPBACK, Receiver, receiving
from support.service import Service, serving


class Hooked:
    """A service with webhooks, whose clock the test sets."""

    def __init__(self, service: Service, receiver: Receiver, poster: HttpPoster) -> None:
        assert service.app.webhooks is not None
        self.service = service
        self.app: App = service.app
        self.store: WebhookStore = service.app.webhooks
        self.receiver = receiver
        self.poster = poster
        self.shift = timedelta()
        self.queuer = DeliveryQueuer(self.app.log, self.store)
        self.sender = self.another_sender()

    def another_sender(self) -> WebhookSender:
        return WebhookSender(self.app, self.store, self.poster, now=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    async def add(self, **fields: Any) -> tuple[Webhook, str]:
        """Add a webhook that leads to the receiver."""
        given = {"site": "gazette", "url": self.receiver.url, "networks": LOOPBACK}
        return await add_webhook(self.app, **{**given, **fields})

    async def deliver(self) -> None:
        """Queue everything, and send what is due."""
        await self.app.wait(await self.app.head())
        await self.queuer.catch_up()
        await self.sender.send_due()

    async def status(self) -> Any:
        """Return the state of the only webhook."""
        (status,) = await webhook_statuses(self.app)
        return status


@pytest.fixture
async def hooked(database_url: str) -> AsyncIterator[Hooked]:
    async with receiving() as receiver, serving(database_url) as service, HttpPoster() as poster:
        yield Hooked(service, receiver, poster)
