"""`GET /v1/events`: the feed, in pages, by long poll, or as server-sent events."""

import logging
from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from rostra import fields
from rostra.commands import FEED_TOPICS
from rostra.log import LogHistory
from rostra_adapters.application.app import App
from rostra_adapters.application.feed.events import Feed, FeedEvent, Wanted
from rostra_adapters.application.feed.tail import Tail, TailPage
from rostra_adapters.http import sse
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.auth.tokens import EVERY_SITE, Token
from rostra_adapters.http.messages import answer
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.events import BATCHED
from rostra_adapters.http.settings import HttpSettings

LOG = "Rostra-Log"
PARAMETERS = ("after", "log", "limit", "type", "site", "resource", "wait")
STREAM_PARAMETERS = ("after", "log", "type", "site", "resource")
ROWS_BEHIND = 500
ENCODED_MAX = 1_000


_logger = logging.getLogger(__name__)


class Feeding:
    """Route of the feed."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._app = app
        self._feed = Feed(app.log, app.ring, app.articles)
        self.tail = Tail(self._feed, app.log)
        app.ring.on_destruction(lambda _: self.tail.forget())
        self._settings = settings
        self._has_warned = False

    async def end_waits(self, _: web.Application) -> None:
        """End all waits when the service stops."""
        self.tail.end()

    async def get(self, request: web.Request) -> web.StreamResponse:
        if sse.accepts_events(request):
            return await self._events(request)
        return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        token = self._token(request)
        query = Query(request, known=PARAMETERS)
        settings = self._settings
        after, expected = query.number("after", default=0), query.uuid("log")
        limit = query.number(
            "limit", default=settings.feed_default, least=1, most=settings.feed_max
        )
        wait_seconds = query.seconds("wait", default=0.0, most=settings.wait_seconds_max)
        wanted = await _wanted(query, token).resolve(self._app.lookup.discussion_of)
        log = await self._log_at(after, expected)
        page = await self.tail.page_within(
            after, limit=limit, wanted=wanted, wait_seconds=wait_seconds
        )
        request.app[tokens.VERIFIER].check(token)  # it may have ended while this waited
        await self._log_at(after, log)
        return answer(
            request,
            b"[%b]" % b",".join(event.json for event in page.events),
            media_type=BATCHED,
            headers={
                "Rostra-Position": str(page.position),
                LOG: str(log),
                "Cache-Control": "no-store",
            },
            compressed_bytes_min=settings.compressed_bytes_min,
        )

    def _token(self, request: web.Request) -> Token:
        """Return the request's token. Until 0.3.0 the scope `publish` is accepted for `feed`."""
        token = tokens.require_token(request, "feed", "publish")
        if "feed" not in token.scopes and not self._has_warned:
            self._has_warned = True
            _logger.warning(
                "the token of %r reads the feed with the scope `publish`: give it the scope "
                "`feed`, which 0.3.0 requires",
                token.person,
            )
        return token

    # -- server-sent events

    async def _events(self, request: web.Request) -> web.StreamResponse:
        token = self._token(request)
        query = Query(request, known=STREAM_PARAMETERS)
        wanted = await _wanted(query, token).resolve(self._app.lookup.discussion_of)
        position = sse.resume_position(request, query.number("after", default=0))
        self._admit()
        log = await self._log_at(position, query.uuid("log"))
        source = _Following(self._feed, self.tail, wanted)
        with self.tail.following():
            return await sse.pump(
                request,
                source,
                position,
                self._settings,
                log,
                self._app.log.log_id,
                {LOG: str(log)},
            )

    def _admit(self) -> None:
        """Raise the problem `busy` if there are too many followers."""
        if self.tail.followers >= self._settings.followers_max:
            after = retry_after(self._settings.retry_after_seconds)
            raise Problem("busy", "too many clients follow the feed", headers=after)

    async def _log_at(self, position: int, expected: UUID | None) -> UUID:
        """Return the log's id.

        Raises the problems `log-changed` if the position is of another log, or was lost, and
        `position-ahead` if the log ends before the position.
        """
        history = await self._app.log.history()
        log = history.id
        if expected is not None and not history.holds(expected, position):
            raise Problem("log-changed", _changed(history, expected), headers={LOG: str(log)})
        await refuse_ahead(self._app, position, {LOG: str(log)})
        return log


def _changed(history: LogHistory, expected: UUID) -> str:
    last = history.shared_until(expected)
    if last is None:
        return f"the log is now {history.id}; start again with `after=0`"
    return f"events after {last} were lost in a failover; the log goes on as {history.id}"


async def refuse_ahead(app: App, position: int, headers: Mapping[str, str] | None = None) -> None:
    """Raise the problem `position-ahead` where the log ends before the position.

    A standby may lag: there the position is waited for. Raises ViewBehind.
    """
    if not position or position <= (head := await app.head()):
        return
    if app.is_read_only:
        await app.wait(position)
    else:
        detail = f"the log ends at {head}, before {position}; start again"
        raise Problem("position-ahead", detail, headers=headers)


class _Following:
    """Events for one follower: those of the tail, and those before it."""

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

    async def wait_for_more(self, position: int, wait_seconds: float) -> None:
        await self._tail.wait_for_more(position, wait_seconds)


def _of_tail(page: TailPage, wanted: Wanted, after: int) -> bytes:
    """Return the encoded events of a page, cached for all followers with the same filter."""
    if page.after != after:
        return _sse(page.of(wanted, after))
    data = page.encoded.get(wanted)
    if data is None:
        data = _sse(page.of(wanted, after))
        if len(page.encoded) < ENCODED_MAX:
            page.encoded[wanted] = data
    return data


def _sse(events: list[FeedEvent]) -> bytes:
    return b"".join(sse.event_bytes(one.position, one.json) for one in events)


def _wanted(query: Query, token: Token) -> Wanted:
    """Return the requested filter. A token of one site restricts it to that site."""
    types = query.all("type", str)
    if unknown := set(types) - FEED_TOPICS:
        raise Problem("bad-query", f"`type` is none that is published: {min(unknown)[:100]!r}")
    site = query.one("site", fields.SiteName)
    resource = query.one("resource", fields.Resource)
    if site is None and token.site != EVERY_SITE:
        site = token.site
    if site is None and resource is not None:
        raise Problem("bad-query", "`resource` is one of a `site`, which is missing")
    if not token.reaches(site or EVERY_SITE):
        raise Problem("forbidden", "the token is not for this site")
    return Wanted(types=frozenset(types or FEED_TOPICS), site=site, resource=resource)
