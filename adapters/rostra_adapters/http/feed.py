"""`GET /v1/events`: the feed, in pages, by long poll, or as server-sent events."""

from aiohttp import web

from rostra import texts
from rostra.commands import COMMANDS
from rostra_adapters.app import App
from rostra_adapters.feed import Feed, FeedEvent, Wanted
from rostra_adapters.feed_tail import Tail, TailPage
from rostra_adapters.http import streams, tokens
from rostra_adapters.http.events import BATCHED
from rostra_adapters.http.messages import answer
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.queries import Query
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http.tokens import EVERY_SITE, Token

PARAMETERS = ("after", "limit", "type", "site", "resource", "wait")
STREAM_PARAMETERS = ("after", "type", "site", "resource")
ROWS_BEHIND = 500
ENCODED_MAX = 1_000


class Feeding:
    """The handler of the feed."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._feed = Feed(app.log, app.ring, app.articles)
        self.tail = Tail(self._feed, app.log)
        app.ring.when_destroyed(lambda _: self.tail.forget())
        self._settings = settings

    async def end_waits(self, _: web.Application) -> None:
        """A service that stops keeps nobody waiting."""
        self.tail.end()

    async def get(self, request: web.Request) -> web.StreamResponse:
        if streams.takes_events(request):
            return await self._events(request)
        return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        token = tokens.needed(request, self._settings.secret, "publish")
        query = Query(request, known=PARAMETERS)
        settings = self._settings
        page = await self.tail.page_within(
            query.number("after", default=0),
            limit=query.number(
                "limit", default=settings.feed_default, least=1, most=settings.feed_max
            ),
            wanted=await _wanted(query, token).meant(self._app.discussion_named),
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

    # -- server-sent events

    async def _events(self, request: web.Request) -> web.StreamResponse:
        token = tokens.needed(request, self._settings.secret, "publish")
        query = Query(request, known=STREAM_PARAMETERS)
        wanted = await _wanted(query, token).meant(self._app.discussion_named)
        position = streams.resumed(request, query.number("after", default=0))
        await self._check(position)
        headers = {"Rostra-Log": str(await self._app.log.log_id())}
        log_id = self._app.log.log_id
        source = _Following(self._feed, self.tail, wanted)
        with self.tail.following():
            return await streams.pump(request, source, position, self._settings, log_id, headers)

    async def _check(self, position: int) -> None:
        """Raises the problems `busy` and `log-changed`."""
        if self.tail.followers >= self._settings.followers_max:
            after = retry_after(self._settings.retry_after_seconds)
            raise Problem("busy", "as many follow as may", headers=after)
        if position > await self._app.head():
            raise Problem("log-changed", "the position is beyond the log's head")


class _Following:
    """What one follower is sent: of the tail, and of what lies before it."""

    def __init__(self, feed: Feed, tail: Tail, wanted: Wanted) -> None:
        self._feed = feed
        self._tail = tail
        self._wanted = wanted

    @property
    def ended(self) -> bool:
        return self._tail.ending

    async def next(self, position: int) -> tuple[bytes, int]:
        pages = self._tail.since(position)
        if pages is None:
            page = await self._feed.page(position, limit=ROWS_BEHIND, wanted=self._wanted)
            return _sse(page.events), page.position
        if not pages:
            return b"", position
        return _of_tail(pages[0], self._wanted, position), pages[0].upto

    async def moved(self, position: int, wait_seconds: float) -> None:
        await self._tail.moved(position, wait_seconds)


def _of_tail(page: TailPage, wanted: Wanted, after: int) -> bytes:
    """Encoded once for all who want the same."""
    if page.after != after:
        return _sse(page.of(wanted, after))
    data = page.encoded.get(wanted)
    if data is None:
        data = _sse(page.of(wanted, after))
        if len(page.encoded) < ENCODED_MAX:
            page.encoded[wanted] = data
    return data


def _sse(events: list[FeedEvent]) -> bytes:
    return b"".join(streams.event_bytes(one.position, one.json) for one in events)


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
