"""Secrets of webhooks, and signatures by the Standard Webhooks scheme."""

import base64
import secrets
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec
import standardwebhooks

from rostra import ids
from rostra.sealing import KeyRing
from rostra_adapters.application.webhooks.store import SECRET_BYTES, Webhook

PREFIX = "whsec_"
CLOUD_EVENT, JSON = "application/cloudevents+json", "application/json"


def new_secret() -> bytes:
    """Return a random secret."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """Return a secret in the form that libraries of Standard Webhooks take."""
    return PREFIX + base64.b64encode(secret).decode()


async def seal_secret(ring: KeyRing, site: str, webhook: UUID, secret: bytes) -> bytes:
    """Seal a secret with the site's key, which is made if it is missing."""
    owner = ids.site_id(site)
    await ring.make([owner])
    return ring.seal(owner, secret, _place(webhook))


async def open_secrets(ring: KeyRing, webhook: Webhook, now: datetime) -> list[bytes]:
    """Return the secrets that sign at present, the new one first.

    Raises Erased if the site's key is gone, as it is after a restore without keys, and Damaged.
    """
    owner, sealed = ids.site_id(webhook.site), [webhook.secret]
    if webhook.former_secret is not None and webhook.former_until is not None:
        sealed += [webhook.former_secret] if now < webhook.former_until else []
    await ring.load([owner])
    return [ring.open(owner, each, _place(webhook.id)) for each in sealed]


def _place(webhook: UUID) -> bytes:
    return msgspec.json.encode(["webhook-secret", webhook])


def signed_headers(
    message_id: str, body: bytes, signing: list[bytes], now: datetime, content_type: str
) -> dict[str, str]:
    """Return the headers of a message, with a signature for each secret."""
    text = body.decode()
    signatures = [standardwebhooks.Webhook(each).sign(message_id, now, text) for each in signing]
    return {
        "content-type": content_type,
        "user-agent": "Rostra-Webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def message_id(webhook: UUID, event: UUID, stream: UUID) -> str:
    """Return the id of a message, the same at each attempt.

    It is made of the webhook and the event's id. One event may change several streams.
    """
    return "msg_" + sha256(webhook.bytes + event.bytes + stream.bytes).hexdigest()[:32]
