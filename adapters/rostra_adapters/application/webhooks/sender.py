"""The sender that empties the queue of webhooks."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from uuid import UUID

from rostra.log import LogUnavailable, Recorded
from rostra.sealing import Damaged, Erased
from rostra_adapters.aio.tasks import PendingTasks, end_tasks
from rostra_adapters.aio.wake_up import WakeUp, wait_at_most
from rostra_adapters.application.app import App
from rostra_adapters.application.error_places import error_place
from rostra_adapters.application.webhooks.messages import MessageWriter
from rostra_adapters.application.webhooks.reviewing import AnswerMalformed, Reviewer
from rostra_adapters.application.webhooks.secrets import (
    CLOUD_EVENT,
    JSON,
    message_id,
    open_secrets,
    signed_headers,
)
from rostra_adapters.application.webhooks.store import ClaimedDelivery, Webhook, WebhookStore
from rostra_adapters.application.webhooks.transport import Answer, NotSent, Poster
from rostra_adapters.clock import moment, now

UNDER_WAY_MAX = 16
UNDER_WAY_PER_WEBHOOK_MAX = 4
ANSWER_SECONDS_MAX = 15.0
ANSWER_BYTES_MAX = 4 * 1024
"""Longest answer that is read; nothing in it is used."""
REVIEW_ANSWER_BYTES_MAX = 64 * 1024
CLAIM_HELD = timedelta(seconds=90)
"""Time after which a delivery is sent again whose sender has died."""
IDLE_SECONDS = 0.5
GONE = 410

_logger = logging.getLogger(__name__)


class DeliveryFailed(Exception):
    """A delivery was refused or not answered, or could not be made."""

    def __init__(self, error: str, *, is_final: bool = False, is_internal: bool = False) -> None:
        super().__init__(error)
        self.is_final = is_final
        """True if the receiver wants no further delivery."""
        self.is_internal = is_internal
        """True if the message could not be made: the receiver is not to blame."""


class WebhookSender:
    """Sends deliveries that are due, a bounded number at once.

    A delivery that is being sent while words are destroyed is broken off, and written anew.
    """

    def __init__(self, app: App, store: WebhookStore, poster: Poster) -> None:
        self._app = app
        self._store = store
        self._poster = poster
        self._messages = MessageWriter(app)
        self._reviewer = Reviewer(app)
        self._pending = PendingTasks()
        self._slots = asyncio.Semaphore(UNDER_WAY_MAX)
        self._ended = WakeUp()
        self._attempts: set[asyncio.Task[bool]] = set()
        app.ring.on_destruction(lambda _: self._break_off())

    async def run(self) -> AsyncGenerator[None, None]:
        """Send for ever, as the work of a background task."""
        try:
            while True:
                ended = self._ended.next()
                is_idle = not await self.start_next()
                yield
                if is_idle:
                    await wait_at_most(ended, IDLE_SECONDS)
        finally:
            await end_tasks(*self._attempts)
            await self._pending.wait()

    async def send_due(self) -> None:
        """Send everything that is due now."""
        while True:
            ended = self._ended.next()
            if await self.start_next() or ended.is_set():
                continue
            if not self._pending:
                return
            await wait_at_most(ended, IDLE_SECONDS)

    async def start_next(self) -> bool:
        """Begin to send the next delivery that is due. Return whether there is one."""
        await self._slots.acquire()
        claimed = None
        try:
            log = await self._app.log.log_id()
            claimed = await self._store.claim(log, CLAIM_HELD, UNDER_WAY_PER_WEBHOOK_MAX)
        finally:
            if claimed is None:
                self._slots.release()
        if claimed is None:
            return False
        _ = self._pending.start(self._deliver(claimed), "rostra-webhook")
        return True

    async def _deliver(self, claimed: ClaimedDelivery) -> None:
        try:
            await self._attempt(claimed)
        except LogUnavailable as error:  # the claim ends by itself
            _logger.warning("a delivery to webhook %s is put off: %s", claimed.webhook.id, error)
        except Exception:
            _logger.exception("a delivery to webhook %s failed", claimed.webhook.id)
        finally:
            self._slots.release()
            self._ended.send()

    async def _attempt(self, claimed: ClaimedDelivery) -> None:
        """Send a delivery and settle it."""
        attempt = asyncio.create_task(self._send(claimed))
        self._attempts.add(attempt)
        try:
            await asyncio.wait([attempt])
        finally:
            self._attempts.discard(attempt)
            attempt.cancel()
        if attempt.cancelled():
            await self._store.release(claimed)
            return
        try:
            is_sent = attempt.result()
        except LogUnavailable:
            raise
        except AnswerMalformed as error:
            _logger.warning("review of site %r: %s", claimed.webhook.site, error)
            await self._store.complete(claimed, is_sent=True, error=str(error))
        except DeliveryFailed as error:
            await self._fail(claimed, error)
        except Exception as error:  # noqa: BLE001  # logged without its text
            place = error_place(error)
            _logger.error(
                "a message to webhook %s could not be made: %s", claimed.webhook.id, place
            )
            await self._fail(claimed, DeliveryFailed(place, is_internal=True))
        else:
            await self._store.complete(claimed, is_sent=is_sent)

    async def _send(self, claimed: ClaimedDelivery) -> bool:
        """Send a delivery. Return False if there is nothing to send. Raises DeliveryFailed."""
        row = await self._row(claimed.position)
        if row is None or row.event_id is None:
            return False
        webhook = claimed.webhook
        if webhook.kind == "review":
            return await self._review(row, row.event_id, webhook)
        body = await self._messages.message(row, webhook)
        if body is None:
            return False
        await self.post(webhook, message_id(webhook.id, row.event_id, row.stream), body)
        return True

    async def _review(self, row: Recorded, event: UUID, webhook: Webhook) -> bool:
        """Ask the service of a site about words that wait, and record its decision.

        Return False if there is nothing to ask. Raises DeliveryFailed and AnswerMalformed.
        """
        waiting = await self._reviewer.find(row)
        body = None if waiting is None else await self._reviewer.request(waiting, now())
        if waiting is None or body is None:
            return False
        review = waiting.access.rules.review
        answer = await sign_and_post(
            self._app,
            self._poster,
            webhook,
            url=review.url,
            message=message_id(webhook.id, event, row.stream),
            body=body,
            seconds=review.seconds,
            answer_bytes_max=REVIEW_ANSWER_BYTES_MAX,
            now=moment(),
        )
        await self._reviewer.decide(waiting, check_answer(answer))
        return True

    async def _row(self, position: int) -> Recorded | None:
        rows = await self._app.log.read_after(position - 1, 1)
        return rows[0] if rows and rows[0].position == position else None

    async def post(self, webhook: Webhook, message: str, body: bytes) -> Answer:
        """Sign and send a message. Raises DeliveryFailed unless the receiver accepts it."""
        return check_answer(
            await sign_and_post(
                self._app,
                self._poster,
                webhook,
                url=webhook.url,
                message=message,
                body=body,
                seconds=ANSWER_SECONDS_MAX,
                answer_bytes_max=ANSWER_BYTES_MAX,
                now=moment(),
            )
        )

    async def _fail(self, claimed: ClaimedDelivery, error: DeliveryFailed) -> None:
        """Put a delivery off. Once it is given up, a webhook for events is disabled."""
        webhook = claimed.webhook
        is_review = webhook.kind == "review"
        if not claimed.is_over() and (is_review or not error.is_final):
            await self._store.retry(claimed, claimed.retry_wait(), str(error))
        elif is_review or error.is_internal:  # a comment stays held, an event is passed over
            await self._store.complete(claimed, is_sent=False, error=str(error))
        else:
            _logger.warning("webhook %s is disabled: %s", webhook.id, error)
            await self._store.disable(webhook.id, str(error))

    def _break_off(self) -> None:
        """Cancel what is being sent: it may have words that are destroyed."""
        for attempt in self._attempts:
            attempt.cancel()


def check_answer(answer: Answer) -> Answer:
    """Return an answer of success. Raises DeliveryFailed for any other answer."""
    if answer.status == GONE:
        raise DeliveryFailed("the receiver is gone for good (410)", is_final=True)
    if not answer.is_success:
        raise DeliveryFailed(f"the receiver answers {answer.status}")
    return answer


async def sign_and_post(
    app: App,
    poster: Poster,
    webhook: Webhook,
    *,
    url: str,
    message: str,
    body: bytes,
    seconds: float,
    answer_bytes_max: int,
    now: datetime,
) -> Answer:
    """Send a message with the signatures of a webhook's secrets. Raises DeliveryFailed."""
    try:
        signing = await open_secrets(app.ring, webhook, now)
        content_type = CLOUD_EVENT if webhook.kind == "events" else JSON
        headers = signed_headers(message, body, signing, now, content_type)
        return await poster.post(
            url,
            body,
            headers,
            networks=webhook.networks,
            seconds=seconds,
            answer_bytes_max=answer_bytes_max,
        )
    except NotSent as error:
        raise DeliveryFailed(str(error)) from None
    except (Erased, Damaged) as error:
        detail = f"its secret does not open ({error}); replace it by `rostra webhook rotate`"
        raise DeliveryFailed(detail) from None
