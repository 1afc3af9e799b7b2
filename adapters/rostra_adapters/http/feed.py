"""`GET /v1/events`: the feed."""

from aiohttp import web

from rostra import texts
from rostra.commands import COMMANDS
from rostra_adapters.app import App
from rostra_adapters.feed import Feed, Wanted
from rostra_adapters.http import tokens
from rostra_adapters.http.events import BATCHED
from rostra_adapters.http.messages import answer
from rostra_adapters.http.problems import Problem
from rostra_adapters.http.queries import Query
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.tokens import EVERY_SITE, Token

PARAMETERS = ("after", "limit", "type", "site", "resource", "wait")


class Feeding:
    """The handler of the feed."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._feed = Feed(app.log, app.ring)
        self._settings = settings

    async def end_waits(self, _: web.Application) -> None:
        """A service that stops keeps nobody waiting."""
        self._feed.end_waits()

    async def get(self, request: web.Request) -> web.Response:
        token = tokens.needed(request, self._settings.secret, "publish")
        query = Query(request, known=PARAMETERS)
        settings = self._settings
        page = await self._feed.page_within(
            query.number("after", default=0),
            limit=query.number(
                "limit", default=settings.feed_default, least=1, most=settings.feed_max
            ),
            wanted=_wanted(query, token),
            wait_seconds=query.seconds("wait", default=0.0, most=settings.wait_seconds_max),
        )
        return answer(
            request,
            b"[%b]" % b",".join(event.json for event in page.events),
            media_type=BATCHED,
            headers={
                "Rostra-Position": str(page.position),
                "Rostra-Log": str(await self._app.log.log_id()),
                "Cache-Control": "no-store",
            },
            compressed_bytes_min=settings.compressed_bytes_min,
        )


def _wanted(query: Query, token: Token) -> Wanted:
    """What is asked for. A token of one site asks for that site."""
    types = query.all("type", str)
    if unknown := set(types) - set(COMMANDS):
        raise Problem("bad-query", f"`type` is none that is published: {min(unknown)[:100]!r}")
    site = query.one("site", texts.SiteName)
    resource = query.one("resource", texts.Resource)
    if site is None and token.site != EVERY_SITE:
        site = token.site
    if site is None and resource is not None:
        raise Problem("bad-query", "`resource` is one of a `site`, which is missing")
    if not token.reaches(site or EVERY_SITE):
        raise Problem("forbidden", "the token is not for this site")
    return Wanted(types=frozenset(types or COMMANDS), site=site, resource=resource)
