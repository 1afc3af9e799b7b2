"""`/mail/{link}`: pages that links in mails open. Only a POST changes anything.

Mail programs and scanners open links by themselves, so a GET shows a page with a button. A mail
program that unsubscribes by one click (RFC 8058) sends the POST itself.
"""

from collections.abc import Callable
from html import escape
from uuid import uuid4

from aiohttp import hdrs, web
from msgspec import UNSET

from rostra.commands import AnyCommand, ConfigurePerson, EndSubscription, StartSubscription
from rostra.deciding.handle import Commanded
from rostra.events import PERSONS, CommandContext
from rostra.settings import AskedNotifySettings
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.links import MailLink, address_hash, read_link
from rostra_adapters.application.notify.texts import MailTexts, languages, texts_of
from rostra_adapters.application.people import People
from rostra_adapters.http.languages import language_attributes, preferred_language
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY, policy

STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1c1b19,#ece8e1);--paper:light-dark(#fff,#171614);
--line:light-dark(#dedad2,#3a3733);--wash:light-dark(#f6f3ee,#22201d);
--accent:light-dark(#8a2a14,#f0a48c);--on-accent:light-dark(#fff,#241008)}
body{font:1.0625rem/1.55 Charter,Georgia,serif;color:var(--ink);background:var(--wash);margin:0;
overflow-wrap:anywhere}
main{max-width:34rem;margin:clamp(1rem,8vh,5rem) auto;padding:1.25rem clamp(1rem,5vw,2rem) 1.5rem;
box-sizing:border-box;background:var(--paper);border:1px solid var(--line);border-radius:6px}
@media (max-width:35rem){main{margin-inline:1rem}}
h1{font-size:1.375rem;line-height:1.3;margin:0 0 .75rem}p{margin:0 0 1rem}
p:last-child,form{margin:0}
button{font:500 .9375rem/1.2 system-ui,sans-serif;padding:.7rem 1.4rem;min-height:2.75rem;border:0;
border-radius:6px;background:var(--accent);color:var(--on-accent);cursor:pointer}
button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media (forced-colors:active){button{border:1px solid ButtonBorder}}
"""
POLICY = policy(STYLE).replace("form-action 'none'", "form-action 'self'")
PAGE = """<!doctype html>
<html {language}><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
<main>
<h1>{title}</h1>
{sentence}{form}</main>
</html>
"""
FORM = """<form method="post"><button>{button}</button></form>
"""
ALL_OFF = AskedNotifySettings(replies="off", mentions="off", subscriptions="off", moderation="off")


class MailLinks:
    """Routes of the links in mails."""

    def __init__(self, app: App, now: Callable[[], Time]) -> None:
        self._app = app
        self._now = now
        self._people = People(app.log, app.ring)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/mail/{link}", self.show, allow_head=False),
            web.post("/mail/{link}", self.act),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what the link would do, with a button that does it."""
        link, language, texts = await self._read(request)
        if link is None:
            return _page(language, texts.invalid, status=404)
        is_end = link.deed == "unsubscribe"
        if is_end:
            return _page(language, texts.unsubscribe, sentence=texts.why, button=texts.unsubscribe)
        return _page(
            language, texts.confirm_subject, sentence=texts.confirm_why, button=texts.confirm
        )

    async def act(self, request: web.Request) -> web.Response:
        """Do what the link says. Again it changes nothing."""
        link, language, texts = await self._read(request)
        if link is None:
            return _page(language, texts.invalid, status=404)
        if link.deed == "subscribe":
            is_known = await self._subscribe(link)
            return _page(language, texts.confirmed if is_known else texts.invalid)
        if link.deed == "confirm":
            is_current = await self._confirm(link)
            return _page(language, texts.confirmed if is_current else texts.invalid)
        is_done = await self._unsubscribe(link)
        return _page(language, texts.unsubscribed if is_done else texts.invalid)

    async def _read(self, request: web.Request) -> tuple[MailLink | None, str, MailTexts]:
        key = await self._app.outbox.link_key()
        link = read_link(request.match_info["link"], key)
        return link, *texts_of(preferred_language(request, languages()))

    async def _confirm(self, link: MailLink) -> bool:
        """Confirm a person's address. Return False if it is no longer theirs."""
        outbox, person = self._app.outbox, await self._people.person(link.person)
        if person.site is None or person.id is None:
            return False
        email = (await self._people.settings(person.site, person.id)).words.email
        if email is None or link.address is None:
            return False
        if link.address != address_hash(link.person, email, await outbox.link_key()):
            return False
        await outbox.confirm(link.person, link.address)
        return True

    async def _subscribe(self, link: MailLink) -> bool:
        """Make the person of a subscription by mail, and subscribe them.

        Again it changes nothing. Return False for a request that is unknown or too old, or whose
        subscription is refused.
        """
        outbox, person = self._app.outbox, link.person
        asked = await outbox.find_request(person)
        if asked is None:
            return await outbox.confirmed_address(person) is not None
        access = await self._app.lookup.current_access(asked.discussion, asked.site)
        if access is None:
            return False
        is_done = await self._submit(
            asked.person_id,
            ConfigurePerson(
                site=asked.site,
                who=asked.person_id,
                email=asked.email,
                language=UNSET if asked.language is None else asked.language,
            ),
            StartSubscription(
                site=asked.site,
                resource=access.resource,
                who=asked.person_id,
                to=asked.subscribe_to,
            ),
        )
        if not is_done:
            return False
        hashed = address_hash(person, asked.email, await outbox.link_key())
        await outbox.confirm(person, hashed)
        await outbox.end_request(person)
        return True

    async def _submit(self, person: str, *commands: AnyCommand) -> bool:
        """Submit what a person does. Return False if some of it is refused."""
        now = self._now()
        outcomes = await self._app.submit(
            [
                Commanded(
                    command,
                    CommandContext(PERSONS, str(uuid4()), now, person=person),
                    is_checked=True,
                )
                for command in commands
            ]
        )
        return all(outcome.refusal is None for outcome in outcomes)

    async def _unsubscribe(self, link: MailLink) -> bool:
        """End a subscription, or all mails. Return False if that is refused."""
        person = await self._people.person(link.person)
        if person.site is None or person.id is None:
            return False
        if person.is_erased:
            return True
        command: EndSubscription | ConfigurePerson
        if link.discussion is None:
            command = ConfigurePerson(site=person.site, who=person.id, notify=ALL_OFF)
        else:
            access = await self._app.lookup.current_access(link.discussion, person.site)
            if access is None:
                return False
            command = EndSubscription(site=person.site, resource=access.resource, who=person.id)
        return await self._submit(person.id, command)


def _page(
    language: str, title: str, *, sentence: str = "", button: str = "", status: int = 200
) -> web.Response:
    page = PAGE.format(
        language=language_attributes(language),
        title=escape(title),
        sentence=f"<p>{escape(sentence)}</p>\n" if sentence else "",
        style=STYLE,
        form=FORM.format(button=escape(button)) if button else "",
    )
    return web.Response(
        status=status,
        text=page,
        content_type="text/html",
        charset="utf-8",
        headers={
            CONTENT_SECURITY_POLICY: POLICY,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.VARY: hdrs.ACCEPT_LANGUAGE,
        },
    )
