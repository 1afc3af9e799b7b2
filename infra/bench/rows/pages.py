"""Pages of comments over HTTP: cached, unchanged (304), and made afresh."""

from collections.abc import Callable, Sequence
from itertools import cycle, islice, product
from tempfile import NamedTemporaryFile
from typing import get_args
from uuid import UUID

import asyncpg

from bench.figures import Figure
from bench.http_load import ask, drive, request
from bench.processes import Served, peer, rostra
from bench.rounds import Measure, alternate
from bench.setting import Setting
from rostra.settings import Order

CONNECTIONS = 64
GUESSED = 8_000
GUESSED_AFRESH = 1_000
ORDERS: tuple[Order, ...] = get_args(Order)

_VERSION = "select version from public.rostra_views where name = 'comments'"
_LARGE_ENOUGH = """
select id from public.comment_counts_v{v} where site is not null and top >= $1 order by top desc"""

Requests = Callable[[], Sequence[bytes]]


async def measure(setting: Setting) -> list[Figure]:
    """Measure pages. Nothing is published meanwhile, so cached pages stay cached."""
    url = await setting.databases.loaded(setting.scale.load)
    discussions = await _discussions(url, setting.scale.comments_min)
    async with rostra(url) as ours:
        page = request("GET", _path(discussions[0], "newest"))
        _, headers, body = await ask(ours.host, ours.port, page)
        etag = headers["etag"]
        with NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            async with peer("--bytes", file.name, "--database-url", url) as other:
                bench = Bench(setting, ours, other)
                return [
                    await bench.cached(page, len(body)),
                    await bench.unchanged(
                        request("GET", _path(discussions[0], "newest"), If_None_Match=etag),
                        request("GET", "/unchanged", If_None_Match=etag),
                    ),
                    await bench.afresh(discussions),
                ]


class Bench:
    def __init__(self, setting: Setting, ours: Served, other: Served) -> None:
        self._scale = setting.scale
        self._ours = ours
        self._other = other

    async def cached(self, page: bytes, size: int) -> Figure:
        count = self._count(GUESSED)
        mine, others = await alternate(
            self._scale.rounds,
            self._rate(self._ours, lambda: [page] * count, 200),
            self._rate(self._other, lambda: [request("GET", "/bytes")] * count, 200),
        )
        return Figure(
            name="a page of 20 comments that was read before",
            unit="pages/s",
            ours=mine,
            peer="aiohttp handler, same bytes",
            peers=others,
            rule="at least",
            bar=0.85,
            note=f"{size:,} bytes",
        )

    async def unchanged(self, page: bytes, bare: bytes) -> Figure:
        count = self._count(GUESSED)
        mine, others = await alternate(
            self._scale.rounds,
            self._rate(self._ours, lambda: [page] * count, 304),
            self._rate(self._other, lambda: [bare] * count, 304),
        )
        return Figure(
            name="304 Not Modified",
            unit="answers/s",
            ours=mine,
            peer="aiohttp handler, 304",
            peers=others,
            rule="at least",
            bar=0.9,
        )

    async def afresh(self, discussions: Sequence[UUID]) -> Figure:
        """Each page is asked for once in the life of the server, while there are others, and of
        the peer in the same round.
        """
        named = [(d, order) for order, d in product(ORDERS, discussions)]
        each = min(self._count(GUESSED_AFRESH), max(1, len(named) // self._scale.rounds))
        await self._rendered(named)
        mine, found = await alternate(
            self._scale.rounds,
            self._rate(self._ours, _by_turns(named, each, _path), 200),
            self._rate(self._other, _by_turns(named, each, _bare_path), 200),
        )
        return Figure(
            name="a page of 20 comments, 3 replies each, not read before",
            unit="pages/s",
            ours=mine,
            peer="one bare query + msgspec",
            peers=found,
            rule="at least",
            bar=0.5,
        )

    async def _rendered(self, named: Sequence[tuple[UUID, Order]]) -> None:
        """Have the HTML of all their comments kept, by other pages of the same."""
        pages = [request("GET", f"{_path(d, order)}&replies=4") for d, order in named]
        await drive(self._ours.host, self._ours.port, pages, connections=CONNECTIONS, expected=200)

    def _count(self, each_second: int) -> int:
        return max(CONNECTIONS, int(each_second * self._scale.seconds))

    def _rate(self, of: Served, asked: Requests, status: int) -> Measure:
        async def rate() -> float:
            requests = asked()
            seconds = await drive(
                of.host, of.port, requests, connections=CONNECTIONS, expected=status
            )
            return len(requests) / seconds

        return rate


def _path(discussion: UUID, order: Order) -> str:
    return f"/v1/discussions/{discussion}/comments?order={order}"


def _bare_path(discussion: UUID, order: Order) -> str:
    return f"/page/{discussion}?order={order}"


def _by_turns(
    named: Sequence[tuple[UUID, Order]], each: int, path: Callable[[UUID, Order], str]
) -> Requests:
    """Return a function that returns the requests for the next `each` pages."""
    asked = cycle(named)
    return lambda: [request("GET", path(d, order)) for d, order in islice(asked, each)]


async def _discussions(url: str, comments_min: int) -> list[UUID]:
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval(_VERSION)
        found = await connection.fetch(_LARGE_ENOUGH.format(v=version), comments_min)
    finally:
        await connection.close()
    return [record[0] for record in found]
