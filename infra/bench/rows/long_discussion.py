"""A discussion of 200,000 comments: its page 1,000, and its most voted, against a small one."""

import time
from statistics import median
from uuid import UUID

import asyncpg
import msgspec

import rostra_adapters
from bench.figures import Figure
from bench.fill import MASTER_KEY
from bench.generate import SITE
from bench.rounds import alternate
from bench.setting import Setting
from rostra import ids
from rostra.settings import Order
from rostra.times import format_time
from rostra_adapters.application.app import App
from rostra_adapters.application.queries.requests import CommentQuery
from rostra_projections.cursors import encode_cursor, peek_cursor
from rostra_projections.listing import LastKey
from rostra_projections.responses.shapes import CommentsPage

LARGE = ids.discussion_id(SITE, "/articles/0")
SMALL = ids.discussion_id(SITE, "/articles/1")
PAGE_COMMENTS = 20
GUESSED = 150

_VERSION = "select version from public.rostra_views where name = 'comments'"
_BEFORE_PAGE = """
select pinned, posted_at, position from public.comments_v{v}
where discussion = $1 and parent is null and shown = 2
order by pinned desc, posted_at desc, position desc
offset $2 limit 1"""


async def measure(setting: Setting) -> list[Figure]:
    """Milliseconds a page, by the Python API."""
    scale = setting.scale
    url = await setting.databases.loaded(scale.long)
    async with rostra_adapters.open(url, master_key=MASTER_KEY, project=False) as app:
        pages = Pages(app, max(3, int(GUESSED * scale.seconds)))
        cursor = await _cursor(app, url, scale.page)
        deep, first = await alternate(
            scale.rounds,
            lambda: pages.time(LARGE, "newest", cursor),
            lambda: pages.time(LARGE, "newest", None),
        )
        large, small = await alternate(
            scale.rounds,
            lambda: pages.time(LARGE, "most_voted", None),
            lambda: pages.time(SMALL, "most_voted", None),
        )
    return [
        _figure(f"page {scale.page:,} of a long discussion", deep, "page 1", first),
        _figure("most voted of a long discussion", large, "of a small one", small),
    ]


class Pages:
    def __init__(self, app: App, count: int) -> None:
        self._app = app
        self._count = count

    async def time(self, discussion: UUID, order: Order, cursor: str | None) -> float:
        """Milliseconds, the median of some."""
        return median([await self._one(discussion, order, cursor) for _ in range(self._count)])

    async def _one(self, discussion: UUID, order: Order, cursor: str | None) -> float:
        began = time.perf_counter()
        page = await _page(self._app, discussion, order, cursor)
        assert page.comments
        return 1e3 * (time.perf_counter() - began)


async def _page(app: App, discussion: UUID, order: Order, cursor: str | None) -> CommentsPage:
    request = await app.request(discussion, cursor=cursor)
    assert request is not None
    query = CommentQuery(order=order, limit=PAGE_COMMENTS)
    page = await app.queries.comments_page(request, query)
    assert page is not None
    return page


async def _cursor(app: App, url: str, page: int) -> str:
    """Return a cursor to a page without reading all those before it: page one's, further on."""
    first = await _page(app, LARGE, "newest", None)
    assert first.next is not None
    cursor = peek_cursor(first.next)
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval(_VERSION)
        before = (page - 1) * PAGE_COMMENTS - 1
        found = await connection.fetchrow(_BEFORE_PAGE.format(v=version), LARGE, before)
    finally:
        await connection.close()
    assert found is not None
    pinned, posted_at, position = found
    last = LastKey(pinned, 0.0, format_time(posted_at), position)
    return encode_cursor(msgspec.structs.replace(cursor, last=last))


def _figure(name: str, ours: list[float], peer: str, peers: list[float]) -> Figure:
    return Figure(name=name, unit="ms", ours=ours, peer=peer, peers=peers, rule="at most", bar=1.3)
