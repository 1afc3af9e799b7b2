"""`/demo`: an article of our own, a lively discussion under it, and two people to act as."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from aiohttp import hdrs, web

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.routes.embed import ASK_AGAIN, File, read
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.mail.folder import MailFolder

SITE = "demo"
RESOURCE = "/a-river-comes-back"
TITLE = "A river comes back"
PUBLISHED = "2026-03-14T05:00:00Z"
SOURCE = "urn:rostra:demo"
PEOPLE = {"ada": "Ada", "ben": "Ben"}
MODERATOR = "mia"
TOKEN_DAYS = 1.0
MAILS_SHOWN_MAX = 20
POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types rostra"
)

_Event = dict[str, Any]


async def publish(app: App) -> None:
    """Publish the demo's conversation. Publishing it again changes nothing."""
    await app.publish(list(conversation()))


def conversation() -> Iterator[_Event]:
    """Yield the demo's events, with one vote of each reader."""
    said = json.loads(read_demo()["conversation.json"])
    article = read_demo()["article.html"].decode()
    settings = {"guests": True, "orders": ["newest", "oldest", "most_voted", "best"]}
    yield _event("site", "site.configured", PUBLISHED, {"site": SITE, "settings": settings})
    yield _about("opened", "discussion.opened", PUBLISHED, title=TITLE)
    yield _about("article", "article.revised", PUBLISHED, revision="1", html=article)
    for passage in said["passages"]:
        marked = {"passage": passage["key"], "exact": passage["exact"]}
        if passage["question"]:
            marked["question"] = passage["question"]
        yield _about(f"passage:{passage['key']}", "passage.marked", PUBLISHED, **marked)
    for key, parent, person, name, time, body, up, down, passage in said["comments"]:
        posted = {"comment": key, "author": {"id": person, "name": name}, "body": body}
        optional = {"parent": parent, "passage": passage}
        posted |= {field: value for field, value in optional.items() if value}
        yield _about(f"comment:{key}", "comment.posted", time, **posted)
        for number in range(up + down):
            cast = {"comment": key, "voter": f"reader-{number}", "value": 1 if number < up else -1}
            yield _about(f"vote:{key}:{number}", "vote.cast", time, **cast)


def read_demo() -> dict[str, bytes]:
    """Return the demo's files by name."""
    return read("rostra_adapters.web.demo")


class Demo:
    """Routes of the demo."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        files = read_demo()
        article = b'<article id="article">\n' + files["article.html"] + b"</article>"
        page = files["demo.html"].replace(b"{article}", article)
        self._files = {
            name: File(name, data, ASK_AGAIN)
            for name, data in files.items()
            if name in ("demo.css", "demo.js", "demo.svg")
        }
        self._page = File("demo.html", page, ASK_AGAIN)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/demo", self.page),
            web.get("/demo/people.json", self.people),
            web.get("/demo/mails.json", self.mails),
            web.get("/demo/moderator.json", self.moderator),
            web.get("/demo/{name}", self.file),
        ]

    async def page(self, request: web.Request) -> web.Response:
        answer = self._page.answer(request)
        answer.headers[CONTENT_SECURITY_POLICY] = POLICY
        return answer

    async def file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise Problem("not-found", "there is no such file")
        return found.answer(request)

    async def people(self, _: web.Request) -> web.Response:
        """Answer with a token for each person of the demo, for the demo's site only."""
        signed = {
            person: tokens.sign(
                self._settings.secret,
                scope="comment",
                person=person,
                name=name,
                site=SITE,
                days=TOKEN_DAYS,
            )
            for person, name in PEOPLE.items()
        }
        return _answer(signed)

    async def moderator(self, _: web.Request) -> web.Response:
        """Answer with a token that moderates the demo's site only."""
        token = tokens.sign(
            self._settings.secret,
            scope="moderate",
            person=MODERATOR,
            site=SITE,
            days=TOKEN_DAYS,
        )
        return _answer({"token": token})

    async def mails(self, _: web.Request) -> web.Response:
        """Answer with the mails of the demo's persons; null if mails are not listed here."""
        folder = self._settings.demo_mails
        if folder is None:
            return _answer(None)
        stored = MailFolder(folder)
        here = ids.discussion_of(ids.person_id(SITE, ""))
        persons = [one for one in stored.persons() if ids.discussion_of(one) == here]
        found = await asyncio.to_thread(stored.mails, persons)
        return _answer(found[:MAILS_SHOWN_MAX])


def _answer(body: Any) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=msgspec.json.encode(body), headers=headers)


async def give_addresses(app: App) -> None:
    """Give the demo's people confirmed addresses, so that they are mailed what concerns them."""
    key = await app.outbox.link_key()
    for person in PEOPLE:
        address, stream = f"{person}@example.org", ids.person_id(SITE, person)
        data = {"site": SITE, "person": person, "email": address}
        await app.publish([_event(f"address:{person}", "person.configured", PUBLISHED, data)])
        await app.outbox.confirm(stream, address_hash(stream, address, key))


def _about(name: str, kind: str, time: str, **data: Any) -> _Event:
    return _event(name, kind, time, {"site": SITE, "resource": RESOURCE, **data})


def _event(name: str, kind: str, time: str, data: _Event) -> _Event:
    about = {"specversion": "1.0", "source": SOURCE, "id": name, "type": kind, "time": time}
    return {**about, "data": data}
