"""The sender that empties the outbox: it looks at everything again before a mail goes out."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from rostra import ids
from rostra.events import Words
from rostra.fields import web_url
from rostra.log import LogUnavailable
from rostra.names import is_guest
from rostra.settings import Cadence, NotifySettings
from rostra.subscription import Subscription
from rostra.times import format_time
from rostra_adapters.aio.tasks import end_tasks
from rostra_adapters.application.app import App
from rostra_adapters.application.error_places import error_place
from rostra_adapters.application.notify.composing import (
    AddressUnusable,
    MailItem,
    MailOrigin,
    confirmation_mail,
    notice_mail,
)
from rostra_adapters.application.notify.links import MailLink, address_hash, sign_link
from rostra_adapters.application.notify.outbox import ATTEMPTS_MAX, Claim, Notice, Outbox
from rostra_adapters.application.people import People
from rostra_adapters.application.queries.requests import SiteRequest
from rostra_adapters.clock import moment
from rostra_adapters.errors import ViewBehind
from rostra_projections.comments.rows import CommentRow
from rostra_projections.responses.shapes import CommentShape, Viewer

IDLE_SECONDS = 1.0
AWAY_SECONDS_MIN = 5.0
AWAY_SECONDS_MAX = 300.0
VIEWS_WAIT_SECONDS = 30.0
"""Time for the views to read what is recorded when a mail is made."""
DAY_HOUR_DEFAULT = 7
"""Hour at which a day's mails are sent to a person who set none."""
DEFAULTS: dict[str, Cadence] = {
    "replies": "now",
    "mentions": "now",
    "subscriptions": "now",
    "moderation": "off",
}
SETTING_OF = {
    "reply": "replies",
    "passage": "replies",
    "mention": "mentions",
    "subscription": "subscriptions",
    "moderation": "moderation",
}
"""Name of the setting that rules each reason."""

_logger = logging.getLogger(__name__)


class MailRefused(Exception):
    """The mail server refuses the mail for good."""


class MailDelayed(Exception):
    """The mail server asks to try this mail again later, or breaks off."""


class ServerAway(Exception):
    """The mail server cannot be reached, or would refuse every mail."""


class MailTransport(Protocol):
    """Port to the server that mails are handed to."""

    async def send(self, mail: EmailMessage, person: UUID, /) -> None:
        """Hand over a mail to a person (their stream).

        Raises MailRefused, MailDelayed and ServerAway.
        """


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of all mails."""

    origin: MailOrigin
    base_url: str
    """URL of the service as readers reach it, without a final slash."""


class Sender:
    """Sends the notices that are due, those of one person in one mail.

    Sending is aborted if the key of the recipient or of an author in the mail is destroyed. The
    remaining notices of the mail are due again at once.
    """

    def __init__(
        self,
        app: App,
        outbox: Outbox,
        transport: MailTransport,
        settings: MailSettings,
        now: Callable[[], datetime] = moment,
    ) -> None:
        self._app = app
        self._outbox = outbox
        self._transport = transport
        self._settings = settings
        self._now = now
        self._people = People(app.log, app.ring)
        self._away_seconds = 0.0
        """Wait before the next attempt while the mail server is away, else 0."""
        self._attempt: asyncio.Task[None] | None = None
        self._concerned: set[UUID] = set()
        """Streams of the persons whose words or address are in the mail that is being sent."""
        app.ring.on_destruction(self._break_off)

    async def run(self) -> AsyncGenerator[None, None]:
        """Send for ever, as the work of a background task."""
        while True:
            is_idle = not await self.send_next()
            yield
            if is_idle:
                await asyncio.sleep(self._away_seconds or IDLE_SECONDS)

    async def send_next(self) -> bool:
        """Handle the notices of one person that are due.

        Return False if there were none, or the mail server is away.
        """
        async with self._outbox.claim() as claim:
            if claim is None:
                return False
            attempt = self._attempt = asyncio.create_task(self._settle(claim))
            try:
                await asyncio.wait([attempt])
            finally:
                self._attempt = None
                await end_tasks(attempt)
            if attempt.cancelled():
                claim.release()
            else:
                attempt.result()
            self._note_server(claim)
            return not self._away_seconds

    def _note_server(self, claim: Claim) -> None:
        """Wait longer after each time that the server is away, until it answers."""
        is_away = claim.error is not None and claim.retry_after is None
        if is_away:
            longer = max(2 * self._away_seconds, AWAY_SECONDS_MIN)
            self._away_seconds = min(longer, AWAY_SECONDS_MAX)
            wait = self._away_seconds
            _logger.warning("no mails for %.0f s: %s", wait, claim.error)
        elif claim.mails or claim.error is not None:
            self._away_seconds = 0.0

    async def _settle(self, claim: Claim) -> None:
        """Handle a claim and note its result. Raises LogUnavailable and ViewBehind."""
        if claim.claimed.attempts >= ATTEMPTS_MAX:
            claim.fail("the results of too many attempts could not be noted", is_final=True)
            return
        try:
            await self._handle(claim)
        except (MailRefused, AddressUnusable) as error:
            claim.fail(str(error), is_final=True)
        except MailDelayed as error:
            claim.fail(str(error))
        except ServerAway as error:
            claim.put_off(str(error))
        except (LogUnavailable, ViewBehind):
            raise
        except Exception as error:  # noqa: BLE001  # logged without its text
            place = error_place(error)
            _logger.error("a mail could not be made: %s; it is tried again", place)
            claim.fail(place)

    def _break_off(self, persons: Collection[UUID] | None) -> None:
        """End the attempt if it has words of these persons; None where they are unknown."""
        is_concerned = persons is None or not self._concerned.isdisjoint(persons)
        if self._attempt is not None and is_concerned:
            self._attempt.cancel()

    async def preview(self) -> list[str]:
        """Hand the mails that are due to the transport, and leave all as it is.

        Return the errors of mails that could not be handed over.
        """
        claims = [Claim(claimed) for claimed in await self._outbox.due()]
        for claim in claims:
            await self._settle(claim)
        return [claim.error for claim in claims if claim.error is not None]

    async def _handle(self, claim: Claim) -> None:
        notices = claim.claimed.notices
        site, person = notices[0].site, notices[0].person_id
        self._concerned = {notices[0].person}
        await self._app.wait(await self._app.head(), VIEWS_WAIT_SECONDS)
        settings = await self._people.settings(site, person)
        if settings.is_banned(format_time(self._now())):
            claim.done.update(one.event for one in notices)
            return
        words, key = settings.words, await self._outbox.link_key()
        email = words.email
        if email is None:
            await self._ask_to_subscribe(claim, notices[0], key)
            claim.done.update(one.event for one in notices)
            return
        hashed = address_hash(notices[0].person, email, key)
        is_confirmed = await self._outbox.confirmed_address(notices[0].person) == hashed
        confirmations = [one for one in notices if one.reason == "confirm"]
        if confirmations and not is_confirmed:
            link = MailLink("confirm", notices[0].person, address=hashed)
            await self._ask_to_confirm(claim, email, words, confirmations[0], sign_link(link, key))
        claim.done.update(one.event for one in confirmations)
        others = [one for one in notices if one.reason != "confirm"]
        if not is_confirmed:
            claim.done.update(one.event for one in others)
            return
        due = self._due_now(claim, others, words)
        items = await self._items(site, person, due)
        if items:
            await self._send_mail(claim, due, email, words, items, key)
        claim.done.update(one.event for one in due)

    async def _ask_to_subscribe(self, claim: Claim, notice: Notice, key: bytes) -> None:
        """Mail the address of a subscription that was asked for by mail."""
        asked = await self._outbox.find_request(notice.person)
        if asked is not None:
            link = sign_link(MailLink("subscribe", asked.person), key)
            words = Words(language=asked.language)
            await self._ask_to_confirm(claim, asked.email, words, notice, link)

    async def _ask_to_confirm(
        self, claim: Claim, email: str, words: Words, notice: Notice, link: str
    ) -> None:
        confirm = f"{self._settings.base_url}/mail/{link}"
        mail = confirmation_mail(
            self._settings.origin, email, words.language, notice, confirm=confirm
        )
        await self._hand_over(claim, mail, notice.person)

    def _due_now(self, claim: Claim, notices: Iterable[Notice], words: Words) -> list[Notice]:
        """Return the notices to send now; others are put off to a digest, or need not be sent."""
        cadences = DEFAULTS | _named(words.notify)
        due = []
        for notice in notices:
            cadence = cadences[SETTING_OF[notice.reason]]
            if cadence == "off":
                claim.done.add(notice.event)
            elif cadence == "now" or notice.event in claim.claimed.are_deferred:
                due.append(notice)
            else:
                claim.deferred[notice.event] = digest_time(self._now(), cadence, words)
        return due

    async def _items(self, site: str, person: str, due: Sequence[Notice]) -> list[MailItem]:
        """Open the words of notices, without those that are no longer to be sent."""
        request = SiteRequest(
            site=site, log=await self._app.log.history(), viewer=Viewer(person=person)
        )
        named = [one.comment for one in due if one.comment is not None]
        rows = await self._with_words(site, await self._app.views.reads.comment_rows(named))
        shapes = {
            shape.id: shape
            for shape in await self._app.queries.shapes(request, list(rows.values()))
        }
        subscriptions = await self._subscriptions(due)
        items = []
        for notice in due:
            shape = shapes.get(notice.comment) if notice.comment is not None else None
            subscription = subscriptions.get(notice.discussion)
            if shape is not None and _is_wanted(notice, subscription):
                item = await self._item(notice, shape, person)
                items += [] if item is None else [item]
        return items

    async def _with_words(
        self, site: str, rows: Mapping[UUID, CommentRow]
    ) -> dict[UUID, CommentRow]:
        """Return the comments whose author was not erased since."""
        authors = {row.id: ids.person_id(site, row.author) for row in rows.values()}
        self._concerned.update(authors.values())
        erasures = await self._app.views.reads.erasures(list(set(authors.values())))
        return {
            row.id: row for row in rows.values() if erasures.get(authors[row.id], 0) < row.position
        }

    async def _subscriptions(self, due: Sequence[Notice]) -> dict[UUID | None, Subscription]:
        """Return the person's subscriptions by discussion."""
        found: dict[UUID | None, Subscription] = {}
        for notice in due:
            if notice.discussion is not None and notice.discussion not in found:
                state, _ = await self._people.subscription(
                    notice.site, notice.discussion, notice.person_id
                )
                found[notice.discussion] = state
        return found

    async def _item(self, notice: Notice, shape: CommentShape, person: str) -> MailItem | None:
        """Open the words of a notice; None if they are no longer shown to the person."""
        assert notice.discussion is not None
        if is_guest(person) and (await self._app.lookup.rules_of(notice.discussion)).private:
            return None
        is_decision = notice.reason == "moderation"
        if not is_decision and (shape.status != "published" or shape.body is None):
            return None
        found = await self._app.views.reads.discussion(notice.discussion)
        if found is None:
            return None
        row = found[1].row
        return MailItem(
            notice=notice,
            author=None if is_decision or shape.author is None else shape.author.name,
            body=None if is_decision else shape.body,
            title=row.title or row.resource,
            url=self._address(notice, web_url(row.url)),
        )

    def _address(self, notice: Notice, page: str | None) -> str:
        """Return the address of a comment: on the publisher's page where it is known."""
        if page is not None:
            return f"{page.partition('#')[0]}#comment-{notice.comment}"
        base = f"{self._settings.base_url}/v1/discussions/{notice.discussion}/page"
        return f"{base}?comment={notice.comment}"

    async def _send_mail(
        self,
        claim: Claim,
        due: Sequence[Notice],
        email: str,
        words: Words,
        items: list[MailItem],
        key: bytes,
    ) -> None:
        discussions = {item.notice.discussion for item in items}
        discussion = discussions.pop() if len(discussions) == 1 else None
        link = sign_link(MailLink("unsubscribe", due[0].person, discussion), key)
        unsubscribe = f"{self._settings.base_url}/mail/{quote(link)}"
        mail = notice_mail(
            self._settings.origin, email, words.language, due, items, unsubscribe=unsubscribe
        )
        await self._hand_over(claim, mail, due[0].person)

    async def _hand_over(self, claim: Claim, mail: EmailMessage, person: UUID) -> None:
        claim.is_handing_over = True
        await self._transport.send(mail, person)
        claim.is_handing_over = False
        claim.mails += 1


def digest_time(now: datetime, cadence: Cadence, words: Words) -> datetime:
    """Return when the next digest of a person is due: at the full hour, or at their hour."""
    if cadence == "hourly":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    try:
        zone = ZoneInfo(words.time_zone or "UTC")
    except (ZoneInfoNotFoundError, OSError, ValueError):
        zone = ZoneInfo("UTC")
    there = now.astimezone(zone)
    hour = DAY_HOUR_DEFAULT if words.hour is None else words.hour
    due = there.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due <= there:
        due += timedelta(days=1)
    return due.astimezone(UTC)


def _is_wanted(notice: Notice, subscription: Subscription | None) -> bool:
    """Return whether a person's subscription to the discussion lets a notice be sent."""
    if notice.reason == "subscription":
        return subscription is not None and subscription.to == "comments"
    return subscription is None or subscription.person is None or subscription.to is not None


def _named(notify: NotifySettings | None) -> dict[str, Cadence]:
    found = {} if notify is None else msgspec.structs.asdict(notify)
    return {reason: cadence for reason, cadence in found.items() if cadence is not None}
