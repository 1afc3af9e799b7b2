"""Pages of a discussion of 200,000 comments: deep ones in each order, and its most voted against
those of a small one.
"""

import time
from functools import partial
from itertools import product
from statistics import median
from typing import get_args
from uuid import UUID

import asyncpg
import msgspec

import rostra_adapters
from bench.figures import Figure
from bench.fill import MASTER_KEY
from bench.generate import SITE
from bench.rounds import alternate, several
from bench.setting import Scale, Setting
from rostra import ids
from rostra.settings import Order
from rostra.times import format_time
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.requests import CommentQuery
from rostra_projections.cursors import encode_cursor, peek_cursor
from rostra_projections.listing import ORDERS as ORDERED
from rostra_projections.listing import LastKey
from rostra_projections.responses.shapes import CommentsPage

LARGE = ids.discussion_id(SITE, "/articles/0")
SMALL = ids.discussion_id(SITE, "/articles/1")
PAGE_COMMENTS = 20
GUESSED = 150
GUESSED_OF_EACH_ORDER = 30
ORDERS: tuple[Order, ...] = get_args(Order)

_VERSION = "select version from public.rostra_views where name = 'comments'"
_BEFORE_PAGE = """
select {pinned} as pinned, {value}::float8, c.posted_at, c.position
from public.comments_v{v} c join public.comment_ranks_v{v} r on r.id = c.id
where c.discussion = $1 and c.shown = 2 {only}
order by 1 desc, 2 {direction}, c.posted_at {direction}, c.position {direction}
offset $2 limit 1"""


async def measure(setting: Setting) -> list[Figure]:
    """Milliseconds a page, by the Python API."""
    scale = setting.scale
    url = await setting.databases.loaded(scale.long)
    async with rostra_adapters.open(url, master_key=MASTER_KEY, project=False) as app:
        pages = Pages(app, max(3, int(GUESSED * scale.seconds)))
        newest = CommentQuery(order="newest", limit=PAGE_COMMENTS)
        most_voted = CommentQuery(order="most_voted", limit=PAGE_COMMENTS)
        cursor = await _cursor(app, url, newest, scale.page)
        deep, first = await alternate(
            scale.rounds,
            lambda: pages.time(LARGE, newest, cursor),
            lambda: pages.time(LARGE, newest, None),
        )
        large, small = await alternate(
            scale.rounds,
            lambda: pages.time(LARGE, most_voted, None),
            lambda: pages.time(SMALL, most_voted, None),
        )
        each = await _each_order(app, url, scale)
    return [
        _figure(f"page {scale.page:,} of a long discussion", deep, "page 1", first),
        _figure("most voted of a long discussion", large, "of a small one", small),
        *each,
    ]


async def _each_order(app: App, url: str, scale: Scale) -> list[Figure]:
    """Page 1 and a deep page of each order, top-level and flat, beside page 1 of the newest."""
    pages = Pages(app, max(2, int(GUESSED_OF_EACH_ORDER * scale.seconds)))
    figures = []
    for flat, order in product((False, True), ORDERS):
        query = CommentQuery(order=order, limit=PAGE_COMMENTS, replies=0, flat=flat)
        newest = msgspec.structs.replace(query, order="newest")
        cursor = await _cursor(app, url, query, scale.page)
        deep, first, peers = await several(
            scale.rounds,
            partial(pages.time, LARGE, query, cursor),
            partial(pages.time, LARGE, query, None),
            partial(pages.time, LARGE, newest, None),
        )
        named = f"{'flat' if flat else 'top-level'} by {order}"
        for number, found in ((scale.page, deep), (1, first)):
            name = f"page {number:,} of a long discussion, {named}"
            figures.append(_figure(name, found, "page 1 by newest", peers, bar=1.5))
    return figures


class Pages:
    def __init__(self, app: App, count: int) -> None:
        self._app = app
        self._count = count

    async def time(self, discussion: UUID, query: CommentQuery, cursor: str | None) -> float:
        """Milliseconds, the median of some."""
        return median([await self._one(discussion, query, cursor) for _ in range(self._count)])

    async def _one(self, discussion: UUID, query: CommentQuery, cursor: str | None) -> float:
        began = time.perf_counter()
        page = await _page(self._app, discussion, query, cursor)
        assert page.comments
        return 1e3 * (time.perf_counter() - began)


async def _page(
    app: App, discussion: UUID, query: CommentQuery, cursor: str | None
) -> CommentsPage:
    request = await app.request(discussion, cursor=cursor)
    assert request is not None
    page = await app.queries.comments_page(request, query)
    assert page is not None
    return page


async def _cursor(app: App, url: str, query: CommentQuery, page: int) -> str:
    """Return a cursor to a page without reading all those before it: page one's, further on."""
    first = await _page(app, LARGE, query, None)
    assert first.next is not None
    cursor = peek_cursor(first.next)
    column, descends = ORDERED[query.order]
    connection = await asyncpg.connect(url)
    try:
        statement = _BEFORE_PAGE.format(
            v=await connection.fetchval(_VERSION),
            pinned="false" if query.flat else "c.pinned",
            value=f"r.{column}" if column else "0",
            direction="desc" if descends else "asc",
            only="" if query.flat else "and c.parent is null",
        )
        before = (page - 1) * PAGE_COMMENTS - 1
        found = await connection.fetchrow(statement, LARGE, before)
    finally:
        await connection.close()
    assert found is not None
    pinned, value, posted_at, position = found
    last = LastKey(pinned, value, format_time(posted_at), position)
    return encode_cursor(msgspec.structs.replace(cursor, last=last))


def _figure(
    name: str, ours: list[float], peer: str, peers: list[float], bar: float = 1.3
) -> Figure:
    return Figure(name=name, unit="ms", ours=ours, peer=peer, peers=peers, rule="at most", bar=bar)
