"""Webhooks as operators add, list and change them."""

from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from rostra_adapters.application.app import App
from rostra_adapters.application.webhooks.secrets import new_secret, seal_secret, secret_text
from rostra_adapters.application.webhooks.store import (
    FORMER_SECRET_KEPT,
    WaitingDeliveries,
    Webhook,
    WebhookKind,
    WebhookStore,
)
from rostra_adapters.clock import moment
from rostra_adapters.errors import NeedsPostgres

NONE_WAIT = WaitingDeliveries()


class WebhookStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Webhook as operators see it."""

    id: UUID
    site: str
    kind: WebhookKind
    url: str
    types: tuple[str, ...]
    with_held: bool
    with_email: bool
    allow_private: tuple[str, ...]
    state: str
    error: str | None
    delivered: int
    delivered_at: datetime | None
    waiting: int
    """Number of events that wait to be sent."""
    failing_since: datetime | None


async def add_webhook(
    app: App,
    *,
    site: str,
    url: str,
    kind: WebhookKind = "events",
    types: tuple[str, ...] = (),
    with_held: bool = False,
    with_email: bool = False,
    networks: tuple[str, ...] = (),
) -> tuple[Webhook, str]:
    """Add a webhook that begins at the log's head. Return it and its secret as text.

    The review of a site replaces an earlier one, whose secret signs for `FORMER_SECRET_KEPT` more.
    """
    store = webhooks_of(app)
    former = None
    if kind == "review":
        former = next((one for one in await store.all(site) if one.kind == kind), None)
    made, secret = uuid4() if former is None else former.id, new_secret()
    webhook = Webhook(
        id=made,
        site=site,
        kind=kind,
        url=url,
        types=types,
        with_held=with_held,
        with_email=with_email,
        networks=networks,
        secret=await seal_secret(app.ring, site, made, secret),
        former_secret=None if former is None else former.secret,
        former_until=None if former is None else moment() + FORMER_SECRET_KEPT,
        log=await app.log.log_id(),
        position=await app.head(),
    )
    await store.add(webhook)
    return webhook, secret_text(secret)


async def replace_secret(app: App, webhook: Webhook) -> str:
    """Give a webhook a new secret, and return it as text. The present one signs for a while."""
    secret = new_secret()
    sealed = await seal_secret(app.ring, webhook.site, webhook.id, secret)
    await webhooks_of(app).replace_secret(webhook.id, sealed, moment() + FORMER_SECRET_KEPT)
    return secret_text(secret)


async def webhook_statuses(app: App, site: str | None = None) -> list[WebhookStatus]:
    """Return the webhooks of a site, or of all, with the deliveries that wait."""
    store = webhooks_of(app)
    waiting = await store.waiting()
    return [_status(one, waiting.get(one.id, NONE_WAIT)) for one in await store.all(site)]


def _status(one: Webhook, waits: WaitingDeliveries) -> WebhookStatus:
    return WebhookStatus(
        id=one.id,
        site=one.site,
        kind=one.kind,
        url=one.url,
        types=one.types,
        with_held=one.with_held,
        with_email=one.with_email,
        allow_private=one.networks,
        state=one.state,
        error=one.error or waits.error,
        delivered=one.delivered,
        delivered_at=one.delivered_at,
        waiting=waits.number,
        failing_since=waits.failing_since,
    )


def webhooks_of(app: App) -> WebhookStore:
    """Return the App's webhooks. Raises NeedsPostgres."""
    if app.webhooks is None:
        raise NeedsPostgres("webhooks")
    return app.webhooks
