"""Readers who page through lists while the views go on."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

import asyncpg

from rostra.log import Recorded
from rostra_adapters.postgres.views.lineage import OURS, Lineage
from rostra_adapters.postgres.views.queries.reads import PostgresReads
from rostra_projections.listing import Listing
from rostra_projections.memory import MemoryViews
from rostra_projections.query_port import Reads
from rostra_projections.responses.shapes import ANYONE, Viewer
from support.views import judge, tables
from support.views.story import DISCUSSION, Story, comment, page_of, pages, passage

ALL = 5_000


class Views(Protocol):
    """Views that a test moves on."""

    reads: Reads

    async def fold(self, rows: Sequence[Recorded]) -> None:
        """The next events."""


class InMemory:
    def __init__(self) -> None:
        self.views = MemoryViews()
        self.reads: Reads = self.views

    async def fold(self, rows: Sequence[Recorded]) -> None:
        self.views.apply(rows)


class InPostgres:
    def __init__(self, pool: asyncpg.Pool, lineage: Lineage = OURS) -> None:
        self._pool = pool
        self._lineage = lineage
        self.reads: Reads = PostgresReads(pool, lineage)

    async def fold(self, rows: Sequence[Recorded]) -> None:
        async with self._pool.acquire() as connection:
            await tables.record(connection, rows)
            await tables.fold(connection, pages(rows, 1_000), self._lineage)


class Reader:
    """Follows `next`. `there` is all that was listed at the first page."""

    def __init__(
        self, story: Story, views: Views, listing: Listing, viewer: Viewer = ANYONE, limit: int = 20
    ) -> None:
        self.listing = listing
        self.there: list[UUID] = []
        self.seen: list[UUID] = []
        self._story = story
        self._reading = story.reading(views.reads)
        self._viewer = viewer
        self._limit = limit
        self.cursor: str | None = None
        self.done = False

    def read_on_in(self, views: Views) -> None:
        """Read on in other views."""
        self._reading = self._story.reading(views.reads)

    async def begin(self) -> None:
        self.there, _ = await self._page(ALL)
        await self.go_on()

    async def go_on(self) -> None:
        """The next page, unless it was the last."""
        if not self.done:
            found, self.cursor = await self._page(self._limit)
            self.seen += found
            self.done = self.cursor is None

    async def to_the_end(self) -> None:
        while not self.done:
            await self.go_on()

    async def _page(self, limit: int) -> tuple[list[UUID], str | None]:
        page = await page_of(
            self._reading,
            self.listing,
            self._viewer,
            limit=limit,
            cursor=self.cursor,
            replies=0,
        )
        return [shape.id for shape in page.comments], page.next

    def assert_saw_each_once(self) -> None:
        missed, seen = set(self.there) - set(self.seen), set(self.seen)
        assert not missed, (self.listing, self._viewer, missed)
        assert seen == set(self.there), (self.listing, self._viewer, seen - set(self.there))
        assert len(self.seen) == len(self.there), (self.listing, self._viewer)


def some_listings(parents: Iterable[str] = (), marked: Iterable[str] = ()) -> Iterator[Listing]:
    """A list of each kind in each order."""
    for order in judge.ORDERS:
        yield Listing("top", DISCUSSION, order)
        yield Listing("flat", DISCUSSION, order)
        yield Listing("top", DISCUSSION, order, inline=True)
        for key in parents:
            yield Listing("replies", DISCUSSION, order, parent=comment(key))
        for key in marked:
            yield Listing("top", DISCUSSION, order, passage=passage(key))
            yield Listing("flat", DISCUSSION, order, passage=passage(key))
