"""A service on PostgreSQL with webhooks, and a site whose comments are reviewed."""

import json
from datetime import timedelta
from typing import Any

from aiohttp import web

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.webhooks.follower import DeliveryQueuer
from rostra_adapters.application.webhooks.registry import add_webhook, webhook_statuses
from rostra_adapters.application.webhooks.sender import (
    CLAIM_HELD,
    UNDER_WAY_PER_WEBHOOK_MAX,
    WebhookSender,
)
from rostra_adapters.application.webhooks.store import ClaimedDelivery, Webhook, WebhookStore
from rostra_adapters.outgoing.http import HttpPoster
from support.receivers import LOOPBACK, Receiver
from support.service import Event, Service, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
ANN = token("comment", site="gazette", person="ann")
JSON = {"Content-Type": "application/json"}
LATER = (
    """
update rostra_webhook_lanes set due_at = due_at - $1::interval,
    claimed_until = claimed_until - $1::interval, failing_since = failing_since - $1::interval
""",
    "update rostra_webhooks set former_until = former_until - $1::interval",
)


class Hooked:
    """A service with webhooks, for which time passes as the test says."""

    def __init__(self, service: Service, receiver: Receiver, poster: HttpPoster) -> None:
        assert service.app.webhooks is not None
        self.service = service
        self.app: App = service.app
        self.store: WebhookStore = service.app.webhooks
        self.receiver = receiver
        self.poster = poster
        self.passed = timedelta()
        self.queuer = DeliveryQueuer(self.app.log, self.store)
        self.sender = self.another_sender()

    def another_sender(self) -> WebhookSender:
        return WebhookSender(self.app, self.store, self.poster)

    async def later(self, time: timedelta) -> None:
        """Let time pass: move what is recorded back."""
        self.passed += time
        for statement in LATER:
            await self.app.log._pool.execute(statement, time)  # type: ignore[attr-defined]

    async def add(self, **fields: Any) -> tuple[Webhook, str]:
        """Add a webhook that leads to the receiver."""
        given = {"site": "gazette", "url": self.receiver.url, "networks": LOOPBACK}
        return await add_webhook(self.app, **{**given, **fields})

    async def deliver(self) -> None:
        """Queue everything, and send what is due."""
        await self.app.wait(await self.app.head())
        await self.queuer.catch_up()
        await self.sender.send_due()

    async def claim(self) -> ClaimedDelivery | None:
        """Claim the next delivery that is due, as a sender does that is then killed."""
        log = await self.app.log.log_id()
        return await self.store.claim(log, CLAIM_HELD, UNDER_WAY_PER_WEBHOOK_MAX)

    async def status(self) -> Any:
        """Return the state of the only webhook."""
        (status,) = await webhook_statuses(self.app)
        return status


class Reviewed:
    """A site whose new comments are reviewed by the receiver."""

    def __init__(self, hooked: Hooked, secret: str) -> None:
        self.hooked = hooked
        self.service = hooked.service
        self.receiver = hooked.receiver
        self.secret = secret

    def answer(self, *answers: Any, status: int = 200) -> None:
        """Set the answers of the service; the last one stays."""
        left = list(answers)

        async def accept(_: Event) -> web.Response:
            given = left.pop(0) if len(left) > 1 else left[0]
            body = given if isinstance(given, bytes) else json.dumps(given).encode()
            return web.Response(status=status, body=body)

        self.receiver.accept = accept

    async def comment(self, body: str = "Hm.") -> str:
        """Post a comment as a person, which is held. Return its id."""
        answer = await self.service.ask(
            "POST",
            f"/v1/discussions/{DISCUSSION}/comments",
            token=ANN,
            headers=JSON,
            body=json.dumps({"body": body}).encode(),
        )
        assert (answer.status, answer.json["status"]) == (201, "held"), answer.body
        return str(answer.json["id"])

    async def edit(self, comment: str, body: str) -> None:
        answer = await self.service.ask(
            "PATCH",
            f"/v1/comments/{comment}",
            token=ANN,
            headers=JSON,
            body=json.dumps({"body": body}).encode(),
        )
        assert answer.status == 200, answer.body

    async def moderate(self, comment: str, action: str) -> int:
        answer = await self.service.ask(
            "POST",
            f"/v1/comments/{comment}/moderation",
            token=token("moderate", site="gazette", person="mia"),
            headers=JSON,
            body=json.dumps({"action": action}).encode(),
        )
        return answer.status

    async def shown(self) -> list[str]:
        """Return the bodies that readers are shown."""
        page = await self.service.get(f"/v1/discussions/{DISCUSSION}/comments")
        return [one["body"] for one in page.json["comments"]]

    async def status(self, comment: str) -> str:
        page = await self.service.get(f"/v1/discussions/{DISCUSSION}/comments", token=ANN)
        (found,) = [one for one in page.json["comments"] if one["id"] == comment]
        return str(found["status"])

    async def acts(self) -> list[tuple[str, str, str | None]]:
        """Return action, actor and reason of each act of moderation, the oldest first."""
        page = await self.service.get(f"/v1/discussions/{DISCUSSION}/moderation-log")
        return [(one["action"], one["by"], one["reason"]) for one in page.json["acts"][::-1]]
