"""The reads of discussions, comments, replies, passages and counts."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Literal, NoReturn, get_args
from urllib.parse import quote
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Meta
from yarl import URL

from rostra import fields, ids
from rostra.refusals import Fault
from rostra.settings import Order, Rules
from rostra_adapters.application import read_position
from rostra_adapters.application.app import App
from rostra_adapters.application.ports import RETRY_AFTER_SECONDS
from rostra_adapters.application.queries.as_of import FoldAllowance, allowing
from rostra_adapters.application.queries.my_votes import add_my_votes
from rostra_adapters.application.queries.news import add_new, add_new_counts, news_since
from rostra_adapters.application.queries.requests import (
    CommentQuery,
    DiscussionRequest,
    SiteRequest,
)
from rostra_adapters.application.read_position import ReadPosition
from rostra_adapters.errors import ViewBehind
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.base_urls import base_of
from rostra_adapters.http.bodies import decode_body
from rostra_adapters.http.messages import ETAG_BYTES, JSON, answer_with
from rostra_adapters.http.middleware.limits import Limits
from rostra_adapters.http.middleware.page_cache import (
    POSITION,
    WAITING,
    CachedPage,
    PageCache,
    key_of,
    shown_of,
)
from rostra_adapters.http.problems import Problem, not_found_problem
from rostra_adapters.http.queries import AS_OF, Query
from rostra_adapters.http.settings import HttpSettings
from rostra_projections.cursors import CURSOR_CHARACTERS_MAX
from rostra_projections.responses.annotations import annotations
from rostra_projections.responses.shapes import (
    CommentShape,
    CommentsPage,
    CountsPage,
)

CURSOR = Annotated[str, Meta(min_length=1, max_length=CURSOR_CHARACTERS_MAX)]
PassagesFormat = Literal["annotation"]
PAGING = ("order", "limit", "cursor", "replies")
LISTED = (*PAGING, "passage", "inline", "flat")
ORDERS: tuple[Order, ...] = get_args(Order)

Read = Callable[[Query, Reader, web.Request], Awaitable[Any]]


def tag_of(body: bytes, log_id: UUID, person: str | None) -> str:
    """Hash the body, the log's id and, with a token, the person."""
    about = msgspec.json.encode([log_id, person])
    return blake2b(about + body, digest_size=ETAG_BYTES).hexdigest()


class Document(msgspec.Struct):
    """Document that is not JSON. `position` is that of its latest change."""

    body: bytes
    media_type: str
    position: int
    headers: dict[str, str] = {}


class AskedCounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The resources of a site whose comments are counted."""

    site: fields.SiteName
    resources: Annotated[list[fields.Resource], Meta(min_length=1)]


class ReadRoutes:
    """Routes of reads. Each `_read` answers a shape, or None where the URL names nothing."""

    def __init__(self, app: App, settings: HttpSettings, pages: PageCache, limits: Limits) -> None:
        self._app = app
        self._settings = settings
        self._pages = pages
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Every read, with the parameters it knows."""
        return [
            self.get(
                "/v1/discussions", self._discussion_named,
                "site", "resource", "limit", "cursor", AS_OF,
            ),
            self.get("/v1/sites/{site}/discussions", self._discussions, "limit", "cursor"),
            self.get("/v1/sites/{site}/comments", self._site_comments, "limit", "cursor"),
            self.get("/v1/discussions/{id}", self._discussion, AS_OF),
            self.get("/v1/discussions/{id}/comments", self._comments, *LISTED, AS_OF),
            self.get(
                "/v1/comments", self._comments_named, "site", "resource", "key", *LISTED, AS_OF
            ),
            self.get("/v1/discussions/{id}/passages", self._passages, "format", AS_OF),
            self.get("/v1/comments/{id}", self._comment, AS_OF),
            self.get("/v1/comments/{id}/replies", self._replies, *PAGING, AS_OF),
            self.get("/v1/counts", self._counts, "site", "resource"),
            web.post("/v1/counts", self.post_counts),
        ]  # fmt: skip

    def get(self, path: str, read: Read, *parameters: str) -> web.RouteDef:
        """Add a read: it waits for `min_position`, and its answer has an entity tag."""

        async def get(request: web.Request) -> web.Response:
            key = key_of(request)
            query = Query(request, known=(*parameters, *WAITING))
            least, wait_seconds = await self._waiting(query)
            is_other = key is not None and key != request.raw_path  # else it was looked for
            if key is not None and is_other and (shown := self._pages.find(key, least)):
                self._pages.hits += 1
                return self._pages.answer(request, shown, self._pages.position(shown))
            reader = Reader(request, self._app)
            if least:
                await self._app.wait(least, wait_seconds)
            begun = self._pages.begin(self._app.position())
            allowance = FoldAllowance(
                lambda: self._fold_events_max(reader), lambda n: self._charge(request, n)
            )
            with read_position.record_read_position() as seen, allowing(allowance):
                shape = await read(query, reader, request)
            _require(seen, least)
            if shape is None:
                raise not_found_problem()
            if seen.lowest is not None:
                begun = msgspec.structs.replace(begun, position=seen.lowest)
            shown = await self._shown(request, shape, reader.person, begun.position)
            shown.expires = seen.expires
            if key is not None and reader.made_of:
                self._pages.put(key, shown, reader.made_of, begun)
            return self._pages.answer(request, shown, begun.position)

        return web.get(path, get)

    async def wait(self, request: web.Request) -> None:
        """Wait for `min_position` before a read of the log, which may lag as the views do.

        Raises ViewBehind, and the problem `bad-query`.
        """
        least, wait_seconds = await self._waiting(Query(request, known=WAITING))
        if least:
            await self._app.wait(least, wait_seconds)

    def _fold_events_max(self, reader: Reader) -> int:
        settings = self._settings
        return (
            settings.fold_events_max_moderator if reader.is_moderator else settings.fold_events_max
        )

    def _charge(self, request: web.Request, events: int) -> None:
        """Charge the events of a past read. Raises the problem `too-many-requests`."""
        self._limits.charge(request, events / self._settings.fold_events_a_request)

    def charge_site(self, request: web.Request, discussions: int) -> None:
        """Charge what is read of a site for one answer. Raises `too-many-requests`."""
        self._limits.charge(request, discussions / self._settings.site_discussions_a_request)

    async def _waiting(self, query: Query) -> tuple[int, float]:
        """Return the least position of the answer, and the longest wait for it in seconds."""
        settings = self._settings
        wait_seconds = query.seconds(
            "wait", default=settings.wait_seconds_default, most=settings.wait_seconds_max
        )
        least = query.number("min_position", default=0)
        return await self._app.least_position(least, query.one("cursor", CURSOR)), wait_seconds

    async def _shown(
        self, request: web.Request, shape: Any, person: str | None, position: int
    ) -> CachedPage:
        document = shape if isinstance(shape, Document) else None
        body = msgspec.json.encode(shape) if document is None else document.body
        return shown_of(
            request,
            body,
            tag_of(body, await self._app.log.log_id(), person),
            position=position,
            long=len(body) > self._settings.compressed_bytes_min,
            media_type=getattr(shape, "media_type", JSON),
            headers={} if document is None else document.headers,
        )

    # -- each read

    async def _discussion_named(self, query: Query, reader: Reader, request: web.Request) -> Any:
        """Read one discussion by its name. The list of a site has moved to a path of its own."""
        limit, cursor = self.limit(query), query.one("cursor", CURSOR)
        if query.one("resource", fields.Resource) is None:
            if query.as_of() is not None:
                raise Problem("bad-query", f"`{AS_OF}` is for reads of one discussion")
            return _moved_to_site(query.require("site", fields.SiteName), limit, cursor, request)
        return await self._app.queries.discussion(await self._named(query, reader))

    async def _named(
        self, query: Query, reader: Reader, cursor: str | None = None
    ) -> DiscussionRequest:
        """Enter the discussion that `site` and `resource` name."""
        site = query.require("site", fields.SiteName)
        resource = query.require("resource", fields.Resource)
        await reader.visit(site)
        discussion = await self._app.lookup.discussion_of(site, resource)
        return await reader.enter(discussion, as_of=query.as_of(), cursor=cursor)

    async def _discussions(self, query: Query, reader: Reader, request: web.Request) -> Any:
        site = site_in_path(request)
        rules = await reader.visit(site)
        limit, cursor = self.limit(query), query.one("cursor", CURSOR)
        reader.made_of = None  # of any discussion of the site
        return await self._app.discussions(
            site,
            limit=limit,
            cursor=cursor,
            readable=reader.filter_of(site, rules),
            is_closed=not reader.may_read(site, rules),
            charge=lambda discussions: self.charge_site(request, discussions),
        )

    async def _site_comments(self, query: Query, reader: Reader, request: web.Request) -> Any:
        site = site_in_path(request)
        rules = await reader.visit(site)
        limit, cursor = self.limit(query), query.one("cursor", CURSOR)
        reader.made_of = None  # of any discussion of the site
        asked = await self._app.site_request(site, reader.viewer(site))
        page = await self._app.queries.site_comments(
            asked,
            limit=limit,
            cursor=cursor,
            readable=reader.filter_of(site, rules),
            is_closed=not reader.may_read(site, rules),
            charge=lambda discussions: self.charge_site(request, discussions),
        )
        await self._add_personal(page.comments, asked)
        return page

    async def _discussion(self, query: Query, reader: Reader, request: web.Request) -> Any:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await reader.enter(discussion, as_of=query.as_of())
        return await self._app.queries.discussion(asked)

    async def _comments(self, query: Query, reader: Reader, request: web.Request) -> Any:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        cursor = query.one("cursor", CURSOR)
        asked = await reader.enter(discussion, as_of=query.as_of(), cursor=cursor)
        return await self._page(asked, query)

    async def _comments_named(self, query: Query, reader: Reader, _: web.Request) -> Any:
        """Read a list by the discussion's name; with `key` the one comment of that key."""
        cursor = query.one("cursor", CURSOR)
        key = query.one("key", fields.Key)
        if key is None:
            asked = await self._named(query, reader, cursor)
            return await self._page(asked, query)
        for name in LISTED:
            if query.one(name, str) is not None:
                raise Problem("bad-query", f"`{name}` is for lists, and `key` names one comment")
        asked = await self._named(query, reader)
        return await self.comment(asked, ids.comment_id(ids.discussion_of(asked.discussion), key))

    async def _comment(self, query: Query, reader: Reader, request: web.Request) -> Any:
        comment = id_in_path(request, ids.Kind.COMMENT)
        asked = await reader.enter(ids.discussion_of(comment), as_of=query.as_of())
        return await self.comment(asked, comment)

    async def comment(self, asked: DiscussionRequest, comment: UUID) -> CommentShape | None:
        """Return a comment as it is shown under its own address."""
        found = await self._app.queries.comment(asked, comment)
        if found is not None:
            await self._add_personal([found], asked, asked.past)
        return found

    async def _replies(self, query: Query, reader: Reader, request: web.Request) -> Any:
        comment = id_in_path(request, ids.Kind.COMMENT)
        discussion, cursor = ids.discussion_of(comment), query.one("cursor", CURSOR)
        asked = await reader.enter(discussion, as_of=query.as_of(), cursor=cursor)
        return await self._page(asked, query, parent=comment)

    async def _page(
        self, asked: DiscussionRequest, query: Query, *, parent: UUID | None = None
    ) -> CommentsPage | None:
        """Read a page of a list. Raises CursorRefused, and the problem `bad-query`."""
        settings = self._settings
        wanted = CommentQuery(
            order=order_of(query, asked.rules, of_replies=parent is not None),
            limit=self.limit(query),
            replies=query.number(
                "replies", default=settings.replies_default, most=settings.page_max
            ),
            parent=parent,
            passage=query.uuid("passage"),
            inline=query.flag("inline"),
            flat=query.flag("flat"),
        )
        page = await self._app.queries.comments_page(asked, wanted)
        if page is not None:
            await self._add_personal(page.comments, asked, asked.past)
        return page

    async def _add_personal(
        self, comments: Sequence[CommentShape], asked: SiteRequest, past: int | None = None
    ) -> None:
        """Add the fields of a reader with a token: their votes, and the mark of new comments."""
        person = asked.viewer.person
        if person is None:
            return
        await add_my_votes(self._app.log, comments, person, past)
        discussions = {ids.discussion_of(comment.id) for comment in comments}
        marks = {} if past is not None else await self._marks(asked, person, discussions)
        await add_new(self._app.log, comments, marks, person)

    async def _marks(
        self, asked: SiteRequest, person: str, discussions: Collection[UUID]
    ) -> dict[UUID, int]:
        """Return the reader's marks in those of the discussions where there are any."""
        stream = ids.person_id(asked.site, person)
        return await self._app.read_marks.find_all(stream, discussions, asked.log)

    async def _passages(self, query: Query, reader: Reader, request: web.Request) -> Any:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        as_annotations = query.one("format", PassagesFormat) == "annotation"
        asked = await reader.enter(discussion, as_of=query.as_of())
        page = await self._app.queries.passages_page(asked)
        person = asked.viewer.person
        if page is not None and person is not None:
            is_past = asked.past is not None
            marks = {} if is_past else await self._marks(asked, person, [discussion])
            since = marks[discussion] if discussion in marks else await self._app.log.head()
            news = await news_since(self._app.log, discussion, since, person)
            add_new_counts(page.passages, news)
        if page is None or not as_annotations:
            return page
        about = await self._app.queries.discussion(asked)
        return None if about is None else annotations(about, page)

    async def _counts(self, query: Query, reader: Reader, _: web.Request) -> Any:
        site = query.require("site", fields.SiteName)
        resources = query.all("resource", fields.Resource)
        most = self._settings.resources_max
        if not 1 <= len(resources) <= most:
            raise Problem("bad-query", f"`resource` is given 1 to {most} times")
        return await self._counted(site, resources, reader)

    async def post_counts(self, request: web.Request) -> web.Response:
        """Count the comments of resources whose names are too long for a URL."""
        query = Query(request, known=WAITING)
        least, wait_seconds = await self._waiting(query)
        asked = await decode_body(request, AskedCounts, bytes_max=self._settings.request_bytes_max)
        if len(asked.resources) > (most := self._settings.resources_max):
            fault = Fault("resources", f"holds more than {most} names")
            raise Problem("invalid-body", errors=[fault])
        reader = Reader(request, self._app)
        if least:
            await self._app.wait(least, wait_seconds)
        begun = self._app.position()
        with read_position.record_read_position() as seen:
            page = await self._counted(asked.site, asked.resources, reader)
        _require(seen, least)
        position = begun if seen.lowest is None else seen.lowest
        return answer_with(request, page, headers={POSITION: str(position)})

    async def _counted(self, site: str, resources: Sequence[str], reader: Reader) -> CountsPage:
        rules = await reader.visit(site)
        named = await self._app.lookup.discussions_of(site, resources)
        readable = await reader.readable(site, rules, list(named.values()))
        # Not even the position of a private discussion's last change is revealed.
        page = await self._app.counts_of({r: id_ for r, id_ in named.items() if id_ in readable})
        page.counts = {resource: page.counts.get(resource, 0) for resource in resources}
        return page

    def limit(self, query: Query) -> int:
        """Return the `limit` of a page of comments."""
        settings = self._settings
        return query.number("limit", default=settings.page_default, least=1, most=settings.page_max)


def _require(seen: ReadPosition, least: int) -> None:
    """Raise ViewBehind if a part of an answer is older than `least`.

    The views were found to be at `least` before. But another standby, which lags more, may have
    taken the place of the one that said so.
    """
    if seen.lowest is not None and seen.lowest < least:
        raise ViewBehind(seen.lowest, least, RETRY_AFTER_SECONDS)


def order_of(query: Query, rules: Rules, *, of_replies: bool = False) -> Order:
    """Return the order asked for, of those that the site offers. Raises the problem `bad-query`.

    Replies are always offered oldest first, because `next_children` goes on in that order.
    """
    asked: Order | None = query.one("order", Order)
    default: Order = "oldest" if of_replies else "newest"
    offered = rules.orders or ORDERS
    if of_replies and default not in offered:
        offered = (default, *offered)
    if asked is not None and asked not in offered:
        raise Problem("bad-query", f"`order` is one of {', '.join(offered)} here")
    return asked or (default if default in offered else offered[0])


def site_in_path(request: web.Request) -> str:
    """Return the site that the URL names. Raises the problem `not-found` for no site's name."""
    try:
        site: str = msgspec.convert(request.match_info["site"], fields.SiteName)
    except msgspec.ValidationError:
        raise Problem("not-found", "no site can have this name") from None
    return site


def _moved_to_site(site: str, limit: int, cursor: str | None, request: web.Request) -> NoReturn:
    """Redirect a request without `resource` to the site's list."""
    query = {name: request.query[name] for name in WAITING if name in request.query}
    query |= {"limit": str(limit)} | ({} if cursor is None else {"cursor": cursor})
    there = URL.build(path=f"/v1/sites/{quote(site, safe='')}/discussions", encoded=True)
    raise web.HTTPPermanentRedirect(base_of(request) + str(there.with_query(query)))
