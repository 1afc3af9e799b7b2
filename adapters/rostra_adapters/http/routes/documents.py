"""A discussion for those who run no script: a page, and its newest comments as an Atom feed."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import urlencode
from uuid import UUID
from xml.sax.saxutils import escape as escape_xml

import msgspec
from aiohttp import hdrs, web

from rostra import fields, ids
from rostra.settings import Order
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.requests import CommentQuery, DiscussionRequest
from rostra_adapters.http.auth.readers import Reader, id_in_path
from rostra_adapters.http.base_urls import base_of
from rostra_adapters.http.languages import (
    ENGLISH,
    OF_PAGES,
    component_words,
    language_attributes,
    nearest,
    preferred_language,
)
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY, policy
from rostra_adapters.http.queries import Query
from rostra_adapters.http.routes.reads import CURSOR, Document, ReadRoutes, order_of
from rostra_projections.comments.rows import COUNTED
from rostra_projections.responses.shapes import (
    ANYONE,
    CommentShape,
    CommentsPage,
    DiscussionShape,
)

PAGE_COMMENTS = 50
PAGE_REPLIES = 10
FEED_COMMENTS = 50
TITLE_WORDS_CHARACTERS = 80
ORDERS: tuple[Order, ...] = ("newest", "oldest", "most_voted", "best", "controversial", "hot")
SAID = ("held", "rejected", "removed", "deleted", "erased")
ERASED = "The author's words were erased."
STYLE = """
:root{color-scheme:light dark}
body{font:1.0625rem/1.6 Charter,Georgia,serif;max-width:44rem;margin:2rem auto;padding:0 1rem;
overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}nav a{margin-inline-end:1rem}
ol{list-style:none;padding:0;margin:0}
ol ol{border-inline-start:2px solid #8886;padding-inline-start:clamp(.5rem,3vw,1.25rem)}
article{padding-block:.75rem}header{font:.875rem/1.4 system-ui,sans-serif}
header a{color:inherit}article>p{margin:.3rem 0}.words{unicode-bidi:plaintext}
.words pre{overflow-x:auto}blockquote{margin:.5em 0;padding-inline-start:.8em;
border-inline-start:3px solid #8886}:target{background:#fc32}
"""
POLICY = policy(STYLE)
# Characters that XML 1.0 cannot represent.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Documents:
    """Routes of the page and the Atom feed. Readers with a token see what everybody sees."""

    def __init__(self, app: App, reads: ReadRoutes) -> None:
        self._app = app
        self._reads = reads

    def routes(self) -> list[web.RouteDef]:
        path = "/v1/discussions/{id}"
        return [
            self._reads.get(f"{path}/page", self._page, "order", "cursor", "comment", "lang"),
            self._reads.get(f"{path}/feed.atom", self._feed),
        ]

    async def _page(self, query: Query, reader: Reader, request: web.Request) -> Document | None:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await self._entered(reader, discussion, query.one("cursor", CURSOR))
        found = await self._app.queries.discussion(asked)
        asked_language: str | None = query.one("lang", fields.Language)
        if asked_language is None:
            reader.made_of = None  # of a header, too
            language = preferred_language(request, OF_PAGES)
        else:
            language = nearest(asked_language, OF_PAGES) or ENGLISH
        parent = query.uuid("comment")
        order = order_of(query, asked.rules)
        top = None if parent is None else await self._comment(asked, parent)
        if parent is not None and top is None:
            return None
        shown = CommentQuery(
            order=order if parent is None else "oldest",
            limit=PAGE_COMMENTS,
            replies=PAGE_REPLIES,
            parent=parent,
        )
        page = await self._app.queries.comments_page(asked, shown)
        if found is None or page is None:
            return None
        writer = _PageWriter(
            f"{base_of(request)}/v1/discussions/{found.id}", language, asked_language
        )
        return Document(
            "".join(writer.page(found, page, asked.rules.orders, top)).encode(errors="replace"),
            "text/html; charset=utf-8",
            page.position,
            {CONTENT_SECURITY_POLICY: POLICY, hdrs.VARY: hdrs.ACCEPT_LANGUAGE},
        )

    async def _feed(self, _: Query, reader: Reader, request: web.Request) -> Document | None:
        discussion = id_in_path(request, ids.Kind.DISCUSSION)
        asked = await self._entered(reader, discussion)
        found = await self._app.queries.discussion(asked)
        newest = CommentQuery(order="newest", limit=FEED_COMMENTS, replies=0, flat=True)
        page = await self._app.queries.comments_page(asked, newest)
        if found is None or page is None:
            return None
        xml = "".join(_atom(found, page, base_of(request)))
        return Document(xml.encode(), "application/atom+xml; charset=utf-8", page.position)

    async def _entered(
        self, reader: Reader, discussion: UUID, cursor: str | None = None
    ) -> DiscussionRequest:
        """Enter a discussion and read it as everybody does."""
        request = await reader.enter(discussion, cursor=cursor)
        return msgspec.structs.replace(request, viewer=ANYONE)

    async def _comment(self, request: DiscussionRequest, comment: UUID) -> CommentShape | None:
        """Return a comment, None if it is not of this discussion."""
        if not ids.is_ours(comment) or ids.kind_of(comment) != ids.Kind.COMMENT:
            return None
        if ids.discussion_of(comment) != request.discussion:
            return None
        return await self._app.queries.comment(request, comment)


# -- the page


class _PageWriter:
    """Writer of a page in one language. Its links keep the language that was asked for."""

    def __init__(self, path: str, language: str, asked_language: str | None) -> None:
        self._path = path
        self._language = language
        self._kept = {} if asked_language is None else {"lang": asked_language}
        self._words = OF_PAGES[language]
        self._said = component_words(language)

    def page(
        self,
        found: DiscussionShape,
        page: CommentsPage,
        orders: Iterable[Order],
        top: CommentShape | None,
    ) -> Iterator[str]:
        """Yield the page of a discussion, or of one comment (`top`) with its replies."""
        title = escape(found.title or found.resource)
        yield f"<!doctype html>\n<html {language_attributes(self._language)}>"
        yield f'<head><meta charset="utf-8"><title>{title}</title>'
        yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
        yield f'<link rel="alternate" type="application/atom+xml" href="{self._path}/feed.atom">'
        if found.url and found.url.startswith(("https://", "http://")):
            yield f'<link rel="canonical" href="{escape(found.url)}">'
            title = f'<a href="{escape(found.url)}" itemprop="url">{title}</a>'
        yield f"<style>{STYLE}</style></head>"
        yield '<body itemscope itemtype="https://schema.org/DiscussionForumPosting">'
        count = self._words.comments.format(n=found.comments)
        yield f'<h1 dir="auto" itemprop="headline">{title}</h1><p>{count}</p>'
        yield from self._orders(page, orders, top)
        yield "<main>"
        if top is None:
            yield from self._list(page.comments)
        else:
            yield "<ol><li>"
            yield from self._comment(top)
            yield from self._list(page.comments)
            yield "</li></ol>"
        yield "</main>"
        if page.next is not None:
            about = {"order": page.order} if top is None else {"comment": str(top.id)}
            following = self._link(**about, cursor=page.next)
            yield f'<p><a rel="next" href="{following}">{self._words.more}</a></p>'
        yield "</body></html>\n"

    def _link(self, **query: str) -> str:
        """Return the address of another page of the discussion, as an attribute's value."""
        asked = urlencode({**self._kept, **query})
        return escape(f"{self._path}/page?{asked}" if asked else f"{self._path}/page")

    def _orders(
        self, page: CommentsPage, orders: Iterable[Order], top: CommentShape | None
    ) -> Iterator[str]:
        """Yield the links to other orders; on the page of a comment, the link to the discussion."""
        if top is None:
            yield f'<nav aria-label="{escape(self._said["orders"])}">'
            for order in (order for order in ORDERS if order in orders):
                here = ' aria-current="page"' if order == page.order else ""
                yield f'<a href="{self._link(order=order)}"{here}>{self._said[order]}</a>'
        else:
            yield f'<nav aria-label="{escape(self._said["discussion"])}">'
            yield f'<a href="{self._link()}">{self._words.all}</a>'
            if top.parent is not None:
                above = self._link(comment=str(top.parent))
                yield f'<a href="{above}">{self._words.above}</a>'
        yield "</nav>"

    def _list(self, comments: list[CommentShape]) -> Iterator[str]:
        if not comments:
            return
        yield "<ol>"
        for comment in comments:
            yield "<li>"
            yield from self._comment(comment)
            below = comment.children or []
            yield from self._list(below)
            if comment.next_children:
                more = self._link(comment=str(comment.id))
                # All replies may be removed, with comments below them.
                n = comment.replies or comment.descendants
                words = self._words.replies.format(n=n)
                yield f'<p><a href="{more}">{words}</a></p>'
            yield "</li>"
        yield "</ol>"

    def _comment(self, comment: CommentShape) -> Iterator[str]:
        yield f'<article id="comment-{comment.id}"'
        yield ' itemprop="comment" itemscope itemtype="https://schema.org/Comment">'
        yield "<header>"
        if comment.author is not None:
            name = escape(comment.author.name or comment.author.id)
            yield '<span itemprop="author" itemscope itemtype="https://schema.org/Person">'
            yield f'<b dir="auto" itemprop="name">{name}</b></span> '
            if comment.author.guest is True:
                yield f"({self._said['is_guest']}) "
        time = escape(comment.posted_at)
        yield f'<a itemprop="url" href="{self._link(comment=str(comment.id))}">'
        shown = f"{time[:16].replace('T', ' ')} UTC"
        yield f'<time itemprop="dateCreated" datetime="{time}" dir="ltr">{shown}</time></a>'
        yield f" · {comment.score:+d}</header>" if comment.score else "</header>"
        if comment.status in SAID:
            yield f"<p><em>{escape(self._said[comment.status], quote=False)}</em></p>"
        if comment.html is not None:  # sanitised as it was rendered
            yield f'<div class="words" dir="auto" itemprop="text">{comment.html}</div>'
        yield "</article>"


# -- the feed


def _atom(found: DiscussionShape, page: CommentsPage, base: str) -> Iterator[str]:
    path = f"{base}/v1/discussions/{found.id}"
    shown = [one for one in page.comments if one.status in COUNTED]
    updated = max((_changed(one) for one in shown), default="1970-01-01T00:00:00.000000Z")
    yield '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    yield f"<id>urn:uuid:{found.id}</id><title>{_xml(found.title or found.resource)}</title>"
    yield f"<updated>{updated}</updated>"
    yield f'<link rel="self" type="application/atom+xml" href="{_xml(path)}/feed.atom"/>'
    yield f'<link rel="alternate" type="text/html" href="{_xml(path)}/page"/>'
    for comment in shown:
        yield from _entry(comment, path)
    yield "</feed>\n"


def _entry(comment: CommentShape, path: str) -> Iterator[str]:
    author = comment.author
    name = "" if author is None else author.name or author.id
    title = " ".join((comment.body or ERASED).split())
    if len(title) > TITLE_WORDS_CHARACTERS:
        title = title[: TITLE_WORDS_CHARACTERS - 1] + "…"
    yield f"<entry><id>urn:uuid:{comment.id}</id><title>{_xml(title) or '…'}</title>"
    yield f"<published>{comment.posted_at}</published><updated>{_changed(comment)}</updated>"
    yield f"<author><name>{_xml(name) or '…'}</name></author>"
    yield f'<link rel="alternate" type="text/html" href="{_xml(path)}/page?comment={comment.id}"/>'
    yield f'<content type="html" xml:base="{_xml(path)}/page">'
    yield f"{_xml(comment.html or '')}</content></entry>"


def _changed(comment: CommentShape) -> str:
    return comment.edited_at or comment.posted_at


def _xml(text: str) -> str:
    return escape_xml(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})
