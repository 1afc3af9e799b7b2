"""Routes of a person's own settings and subscriptions."""

import hmac
from collections.abc import Callable
from math import ceil
from typing import Annotated
from unicodedata import normalize
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from rostra import fields, ids
from rostra.commands import ConfigurePerson, EndSubscription, StartSubscription, SubscriptionTo
from rostra.limits import DAY_SECONDS, EMAIL_CHARACTERS_MAX, NAME_CHARACTERS_MAX
from rostra.log import POSITION_MAX
from rostra.names import GUEST, given_name, is_guest
from rostra.settings import AskedNotifySettings, Cadence, NotifySettings
from rostra.times import Time
from rostra_adapters.application import read_position
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.addresses import normalize_address
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.notify.outbox import MailRequest, Notice
from rostra_adapters.application.operational import Demand
from rostra_adapters.application.people import People
from rostra_adapters.application.queries.inbox import Inboxes
from rostra_adapters.application.queries.news import news_page
from rostra_adapters.http.auth.actors import Actor, enter, enter_site
from rostra_adapters.http.auth.guest_names import GUEST_NAMES
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.auth.tokens import require_token
from rostra_adapters.http.bodies import Body
from rostra_adapters.http.messages import answer_with
from rostra_adapters.http.middleware.page_cache import POSITION
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.feed import refuse_ahead
from rostra_adapters.http.routes.person_routes import PersonRoutes
from rostra_adapters.http.routes.reads import CURSOR, ReadRoutes
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.writes import WRITES
from rostra_projections.responses.shapes import InboxPage, NewsShape, ParticipantsPage

Prefix = Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)]
Position = Annotated[int, Meta(ge=0, le=POSITION_MAX)]
Address = Annotated[
    str,
    Meta(
        max_length=EMAIL_CHARACTERS_MAX,
        pattern=r"\A[^@\s\x00-\x1f\x7f-\x9f<>\",;:\\()\[\]]+@[^@\s\x00-\x1f\x7f-\x9f<>\",;:\\()\[\]]+\Z",
        description="An e-mail address, without a name.",
    ),
]


class NewSettings(Body, frozen=True, kw_only=True):
    """Settings to change. Those that are absent stay; null takes one back."""

    name: fields.Name | UnsetType | None = UNSET
    email: Address | UnsetType | None = UNSET
    language: fields.Language | UnsetType | None = UNSET
    time_zone: fields.TimeZone | UnsetType | None = UNSET
    hour: fields.Hour | UnsetType | None = UNSET
    notify: AskedNotifySettings | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.name, str):
            msgspec.structs.force_setattr(self, "name", given_name(self.name))
        if isinstance(self.time_zone, str) and not _is_zone(self.time_zone):
            raise ValueError(f"`time_zone`: {self.time_zone!r} is not a time zone of IANA")
        if isinstance(self.email, str):
            msgspec.structs.force_setattr(self, "email", _in_one_spelling(self.email))


def _in_one_spelling(email: str) -> str:
    try:
        return normalize_address(email)
    except ValueError as error:
        raise ValueError(f"`email`: {error}") from None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return False
    return True


class NewSubscription(Body, frozen=True, kw_only=True):
    """Choice of comments: every new one, or replies to the person's own."""

    to: SubscriptionTo


class NewMark(Body, frozen=True, kw_only=True):
    """Position up to which the discussion was read: `position` of an answer that showed it."""

    position: Position


class NewlyRead(Body, frozen=True, kw_only=True):
    """Items of the inbox that were read: all up to a position, or those at some positions."""

    up_to: Position | None = None
    positions: Annotated[tuple[Position, ...], Meta(max_length=1_000)] | None = None

    def __post_init__(self) -> None:
        if (self.up_to is None) == (self.positions is None):
            raise ValueError("give either `up_to` or `positions`")


class NewMailSubscription(Body, frozen=True, kw_only=True):
    """Subscription by mail of somebody without an account."""

    email: Address
    to: SubscriptionTo
    language: fields.Language | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "email", _in_one_spelling(self.email))


class UnreadShape(msgspec.Struct, kw_only=True):
    """Number of items of the inbox that are left unread, at most 1,000."""

    unread: int


class MarkShape(msgspec.Struct, kw_only=True):
    """Read mark of the token's person in a discussion. It never goes back."""

    position: int


class NotifyShape(msgspec.Struct, kw_only=True):
    """Delay of mails, by reason."""

    replies: Cadence = "now"
    mentions: Cadence = "now"
    subscriptions: Cadence = "now"
    moderation: Cadence = "off"


class MeShape(msgspec.Struct, kw_only=True):
    """Settings of the token's person. `position` is that of their last change."""

    id: str
    name: str | None
    email: str | None
    email_confirmed: bool
    """Mails go to a confirmed address alone."""
    language: str | None
    time_zone: str | None
    hour: int | None
    notify: NotifyShape
    label: str | None
    position: int


class SubscriptionShape(msgspec.Struct, kw_only=True):
    """Subscription to a discussion; `to` is null if there is none."""

    to: SubscriptionTo | None
    position: int


class PersonAccount(PersonRoutes):
    """Routes of a person's settings and subscriptions."""

    def __init__(
        self, app: App, settings: HttpSettings, reads: ReadRoutes, now: Callable[[], Time]
    ) -> None:
        super().__init__(app, settings, reads, now)
        self._people = People(app.log, app.ring)
        self._inboxes = Inboxes(app)

    def routes(self) -> list[web.RouteDef]:
        subscription = "/v1/discussions/{id}/subscription"
        return [
            web.get("/v1/me", self.me, allow_head=False),
            web.patch("/v1/me", self.configure),
            web.get(subscription, self.subscription, allow_head=False),
            web.put(subscription, self.subscribe),
            web.delete(subscription, self.unsubscribe),
            web.put("/v1/discussions/{id}/read", self.mark_read),
            web.post("/v1/discussions/{id}/subscriptions", self.subscribe_by_mail),
            self._reads.get("/v1/discussions/{id}/news", self._news, "since"),
            self._reads.get("/v1/discussions/{id}/participants", self._participants, "prefix"),
            self._reads.get("/v1/me/inbox", self._inbox, "unread", "limit", "cursor"),
            web.post("/v1/me/inbox/read", self.read_inbox),
        ]

    async def me(self, request: web.Request) -> web.Response:
        actor = await enter_site(request, self._app)
        await self._reads.wait(request)
        return await self._me(request, actor)

    async def configure(self, request: web.Request) -> web.Response:
        """Change the named settings, and return all. A new address is mailed if anything is."""
        actor = await enter_site(request, self._app)
        new = await self._decode(request, NewSettings)
        if isinstance(new.name, str) and is_guest(actor.person):
            rules = await self._app.lookup.current_site_rules(actor.site)
            if rules.names == "person":  # else the command is refused
                await request.app[GUEST_NAMES].check(actor.site, rules, new.name)
        command = ConfigurePerson(site=actor.site, who=actor.person, **msgspec.structs.asdict(new))
        email = new.email if self._settings.mails and isinstance(new.email, str) else None
        if email is not None:
            await self._admit_confirmation(email)
        await self._submit(request, command, actor.act(self._now()))
        if email is not None:
            await self._ask_to_confirm(actor, email)
        return await self._me(request, actor)

    async def _admit_confirmation(self, email: str) -> None:
        """Raise the problem `too-many-requests` where an address has got too many mails."""
        if not await self._has_room(email):
            most = self._settings.mail_confirmations_a_day_max
            detail = f"an address gets at most {most} confirmations a day"
            headers = retry_after(ceil(DAY_SECONDS / most))
            raise Problem("too-many-requests", detail, headers=headers)

    async def _has_room(self, email: str) -> bool:
        """Take room for a mail that asks to confirm an address; False if there is none."""
        key = await self._app.outbox.link_key()
        plain = normalize("NFKC", email).casefold()
        bucket = b"mails:" + hmac.digest(key, plain.encode(), "sha256")[:16]
        cost = DAY_SECONDS / self._settings.mail_confirmations_a_day_max
        demands = [Demand(bucket, cost, DAY_SECONDS)]
        return await self._app.operational.charge(demands) is None

    async def _ask_to_confirm(self, actor: Actor, email: str) -> None:
        outbox, person = self._app.outbox, ids.person_id(actor.site, actor.person)
        hashed = address_hash(person, email, await outbox.link_key())
        if await outbox.confirmed_address(person) != hashed:
            await outbox.add([Notice(uuid4(), person, actor.site, actor.person, "confirm")])

    async def _me(self, request: web.Request, actor: Actor) -> web.Response:
        found = await self._people.settings(actor.site, actor.person)
        words = found.words
        person = ids.person_id(actor.site, actor.person)
        confirmed, is_confirmed = await self._app.outbox.confirmed_address(person), False
        if confirmed is not None and words.email is not None:
            key = await self._app.outbox.link_key()
            is_confirmed = confirmed == address_hash(person, words.email, key)
        notify = msgspec.structs.asdict(words.notify or NotifySettings())
        given = {reason: cadence for reason, cadence in notify.items() if cadence is not None}
        shape = MeShape(
            id=actor.person,
            name=words.name or actor.token_name,
            email=words.email,
            email_confirmed=is_confirmed,
            language=words.language,
            time_zone=words.time_zone,
            hour=words.hour,
            notify=NotifyShape(**given),
            label=found.label,
            position=found.position,
        )
        return answer_with(request, shape)

    async def subscription(self, request: web.Request) -> web.Response:
        actor = await self._enter(request)
        await self._reads.wait(request)
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        state, position = await self._people.subscription(actor.site, discussion, actor.person)
        return answer_with(request, SubscriptionShape(to=state.to, position=position))

    async def subscribe(self, request: web.Request) -> web.Response:
        actor = await self._enter(request)
        new = await self._decode(request, NewSubscription)
        command = StartSubscription(
            site=actor.site, resource=actor.resource, who=actor.person, to=new.to
        )
        return await self._submit_subscription(request, command, actor)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        actor = await self._enter(request)
        command = EndSubscription(site=actor.site, resource=actor.resource, who=actor.person)
        return await self._submit_subscription(request, command, actor)

    async def subscribe_by_mail(self, request: web.Request) -> web.Response:
        """Mail an address to confirm a subscription. The answer is the same for any address.

        Nothing is recorded before the address is confirmed, and nothing is noted without mails.
        """
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        site = await Reader(request, self._app).site_of(discussion)
        await request.app[WRITES].admit_guest(request)
        new = await self._decode(request, NewMailSubscription)
        if self._settings.mails and await self._has_room(new.email):
            person_id = f"{GUEST}{uuid4().hex}"
            person, outbox = ids.person_id(site, person_id), self._app.outbox
            await outbox.ask(
                MailRequest(
                    person=person,
                    site=site,
                    person_id=person_id,
                    discussion=ids.discussion_of(discussion),
                    email=new.email,
                    subscribe_to=new.to,
                    language=new.language,
                )
            )
            await outbox.add([Notice(uuid4(), person, site, person_id, "confirm")])
        return web.Response(status=202, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def mark_read(self, request: web.Request) -> web.Response:
        """Move the person's read mark on, and return it. Raises the problem `position-ahead`."""
        actor = await self._enter(request)
        new = await self._decode(request, NewMark)
        await refuse_ahead(self._app, new.position)
        person = ids.person_id(actor.site, actor.person)
        discussion = ids.discussion_of(id_in_path(request, ids.Kind.DISCUSSION))
        log = await self._app.log.history()
        mark = await self._app.read_marks.advance(person, discussion, log, new.position)
        return answer_with(request, MarkShape(position=mark))

    async def _news(self, query: Query, reader: Reader, request: web.Request) -> NewsShape:
        """Count the changes since a position, or since the person's mark."""
        asked = await reader.enter(id_in_path(request, ids.Kind.DISCUSSION))
        person = asked.viewer.person
        since = query.number("since", default=-1)
        if since < 0 and person is not None:
            stream = ids.person_id(asked.site, person)
            mark = await self._app.read_marks.find(stream, asked.discussion, asked.log)
            since = -1 if mark is None else mark
        if since < 0:
            since = await self._app.head()
        await refuse_ahead(self._app, since)
        app = self._app
        return await news_page(app.log, app.views.reads, asked.discussion, since, person)

    async def _participants(
        self, query: Query, reader: Reader, request: web.Request
    ) -> ParticipantsPage | None:
        """Return the persons whom a comment in a discussion may mention."""
        asked = await reader.enter(id_in_path(request, ids.Kind.DISCUSSION))
        prefix = query.one("prefix", Prefix) or ""
        return await self._app.queries.participants(asked, prefix)

    async def _inbox(self, query: Query, _: Reader, request: web.Request) -> InboxPage:
        """Return a page of the person's inbox."""
        actor = await enter_site(request, self._app)
        return await self._inboxes.page(
            actor.site,
            actor.person,
            limit=self._reads.limit(query),
            cursor=query.one("cursor", CURSOR),
            unread_only=query.flag("unread"),
        )

    async def read_inbox(self, request: web.Request) -> web.Response:
        """Note items of the inbox as read, and return how many are left."""
        actor = await enter_site(request, self._app)
        new = await self._decode(request, NewlyRead)
        positions = new.positions or ()
        await refuse_ahead(self._app, max([new.up_to or 0, *positions]))
        log = await self._app.log.history()
        person = ids.person_id(actor.site, actor.person)
        marks = self._app.read_marks
        await marks.read_inbox(person, log, up_to=new.up_to or 0, positions=positions)
        begun = self._app.position()
        with read_position.record_read_position() as seen:
            unread = await self._inboxes.unread(actor.site, actor.person)
        headers = {POSITION: str(seen.lowest or begun)}
        return answer_with(request, UnreadShape(unread=unread), headers=headers)

    async def _enter(self, request: web.Request) -> Actor:
        require_token(request, "comment")  # also for unknown ids
        discussion = ids.discussion_of(id_in_path(request, ids.Kind.DISCUSSION))
        return await enter(request, self._app, discussion, scope="comment")

    async def _submit_subscription(
        self, request: web.Request, command: StartSubscription | EndSubscription, actor: Actor
    ) -> web.Response:
        act = actor.act(self._now())
        outcome = await self._submit(request, command, act)
        to = command.to if isinstance(command, StartSubscription) else None
        return answer_with(request, SubscriptionShape(to=to, position=outcome.position or 0))
