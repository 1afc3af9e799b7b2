"""Webhooks and their queue of deliveries, which lie beside the log. The queue holds no words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from rostra_adapters.application.checkpoint import CheckpointedStore

GIVE_UP_AFTER = timedelta(days=3)
ATTEMPTS_MIN = 10
"""Failed attempts before a delivery is given up: nobody may have tried for days."""
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=4)
SECRET_BYTES = 32
FORMER_SECRET_KEPT = timedelta(days=1)

WebhookKind = Literal["events", "review"]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Service that is sent a site's events, or that reviews its comments."""

    id: UUID
    site: str
    kind: WebhookKind = "events"
    url: str
    """Empty for a review, whose URL is a setting of the site."""
    types: tuple[str, ...] = ()
    """Event types to send; empty for all."""
    with_held: bool = False
    """True if words are sent that the public is not shown."""
    with_email: bool = False
    networks: tuple[str, ...] = ()
    """Networks whose addresses are allowed although they are not public."""
    secret: bytes
    """Sealed with the site's key."""
    former_secret: bytes | None = None
    former_until: datetime | None = None
    """Time until which the former secret signs, too."""
    log: UUID
    position: int
    """Position in `log` after which its events begin."""
    state: Literal["active", "disabled"] = "active"
    error: str | None = None
    """Reason for which it is disabled, or for which the latest review has no decision."""
    delivered: int = 0
    delivered_at: datetime | None = None


class QueuedDelivery(msgspec.Struct, frozen=True):
    """Event to be sent to a webhook. Deliveries of one lane go out in order of position."""

    webhook: UUID
    lane: UUID
    """Id of the discussion, or of the comment that is to be reviewed."""
    position: int


class ClaimedDelivery(msgspec.Struct, frozen=True):
    """First delivery of a lane, claimed by one sender for a while."""

    webhook: Webhook
    lane: UUID
    position: int
    attempts: int
    """Number of failed attempts so far."""
    failing_for: timedelta | None
    """Time from the first failure to this claim."""

    def retry_wait(self) -> timedelta:
        """Return the wait until the next attempt. It grows with the number of attempts."""
        wait: timedelta = FIRST_RETRY * 2 ** min(self.attempts, 20)
        return min(wait, LONGEST_RETRY)

    def is_over(self) -> bool:
        """Return whether it has failed for `GIVE_UP_AFTER`, and often enough."""
        is_late = self.failing_for is not None and self.failing_for >= GIVE_UP_AFTER
        return is_late and self.attempts >= ATTEMPTS_MIN


class WaitingDeliveries(msgspec.Struct, frozen=True):
    """Deliveries of a webhook that wait."""

    number: int = 0
    failing_since: datetime | None = None
    """Time of the first failure that no success has followed."""
    error: str | None = None
    """Latest error."""


class WebhookStore(CheckpointedStore, Protocol):
    """Port to the webhooks of all processes, and the position up to which deliveries were queued.

    Times of the queue are those of the store's clock. May raise LogUnavailable.
    """

    async def add(self, webhook: Webhook) -> None:
        """Add a webhook, or replace the review of its site."""

    async def all(self, site: str | None = None) -> list[Webhook]:
        """Return the webhooks, of one site or of all, the oldest first."""

    async def find(self, webhook: UUID) -> Webhook | None: ...

    async def replace_secret(self, webhook: UUID, secret: bytes, former_until: datetime) -> bool:
        """Set a new secret, and keep the present one until `former_until`.

        Return whether there is such a webhook.
        """

    async def disable(self, webhook: UUID, error: str) -> bool:
        """Stop a webhook and drop its deliveries. Return whether it was active."""

    async def remove(self, webhook: UUID) -> bool:
        """Delete a webhook with its deliveries. Return whether there was one."""

    async def waiting(self) -> Mapping[UUID, WaitingDeliveries]:
        """Return the deliveries that wait, by webhook that has any."""

    # -- the queue

    async def begin(self, log: UUID, position: int) -> None:
        """Drop the queue, which is of another log, and begin at a position of this one."""

    async def queue(
        self, deliveries: Sequence[QueuedDelivery], log: UUID, before: int, position: int
    ) -> bool:
        """Queue deliveries and move the checkpoint on from `before`: both, or neither.

        Return False if another process has moved the checkpoint.
        """

    async def claim(self, log: UUID, held: timedelta, claims_max: int) -> ClaimedDelivery | None:
        """Claim the first delivery of a lane that is due. Return None if there is none.

        At most `claims_max` deliveries of one webhook are claimed at once. A claim that is not
        settled ends by itself after `held`.
        """

    async def complete(
        self, claimed: ClaimedDelivery, *, is_sent: bool, error: str | None = None
    ) -> None:
        """Remove a delivery from the queue. It counts as delivered if it was sent.

        `error` says why a review has no decision; the next decision clears it.
        """

    async def retry(self, claimed: ClaimedDelivery, wait: timedelta, error: str) -> None:
        """Put a lane off for `wait`."""

    async def release(self, claimed: ClaimedDelivery) -> None:
        """End a claim: the delivery is due again."""
