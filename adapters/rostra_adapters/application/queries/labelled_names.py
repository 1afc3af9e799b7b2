"""Names of the labelled persons of a site, which no guest may take."""

import asyncio
from math import inf
from time import monotonic
from uuid import UUID

import msgspec

from rostra_adapters.application.app import App
from rostra_adapters.lru_cache import LruCache
from rostra_projections.persons import PersonRow
from rostra_projections.responses.shapes import Viewer

LABELLED_READ_MAX = 1_000
"""Labelled persons of a site whose names are protected."""
NAMES_CACHED_MAX = 10_000
READS_AT_ONCE_MAX = 4
LOOK_SECONDS = 10.0
"""Time for which the name of a latest comment is not looked up again: many guests may come."""


class _Cached(msgspec.Struct, frozen=True):
    name: str | None
    until: float
    """Time on the monotonic clock; infinite for a set name, with which the person's row changes."""


class LabelledNames:
    """Reads of names, with a cache that an erasure empties."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._names: LruCache[tuple[UUID, int], _Cached] = LruCache(NAMES_CACHED_MAX)
        app.ring.on_destruction(lambda _: self._names.clear())

    async def of(self, site: str) -> tuple[str, ...]:
        """Return the names in order of the persons' ids."""
        await self._app.views.fresh()
        rows = await self._app.views.reads.persons_with_label(site, limit=LABELLED_READ_MAX)
        await self._app.ring.load([row.id for row in rows])
        at_once = asyncio.Semaphore(READS_AT_ONCE_MAX)
        names = await asyncio.gather(*(self._name(row, at_once) for row in rows))
        return tuple(name for name in names if name is not None)

    async def _name(self, row: PersonRow, at_once: asyncio.Semaphore) -> str | None:
        """Return the name that a person has set, else the one of their latest comment."""
        key = row.id, row.changed
        cached = self._names.find(key)
        if cached is None or monotonic() >= cached.until:
            cached = await self._look(row, at_once)
            self._names.put(key, cached)
        return cached.name

    async def _look(self, row: PersonRow, at_once: asyncio.Semaphore) -> _Cached:
        if (name := self._app.queries.words.name(row)) is not None:
            return _Cached(name, inf)
        until = monotonic() + LOOK_SECONDS
        async with at_once:
            return _Cached(await self._name_in_comments(row), until)

    async def _name_in_comments(self, row: PersonRow) -> str | None:
        app = self._app
        _, found = await app.views.reads.queue(
            row.site, "recent", limit=1, after=None, author=row.person
        )
        request = await app.site_request(row.site, Viewer(moderator=True))
        shapes = await app.queries.shapes(request, [one.row for one in found])
        return next((shape.author.name for shape in shapes if shape.author), None)
