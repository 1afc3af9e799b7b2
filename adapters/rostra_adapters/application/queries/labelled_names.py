"""Names of the labelled persons of a site, which no guest may take."""

import asyncio
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


class _Look(msgspec.Struct, frozen=True):
    name: str | None
    at: float


class LabelledNames:
    """Reads of names, with a cache that an erasure empties."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._names: LruCache[tuple[UUID, int, UUID | None], str] = LruCache(NAMES_CACHED_MAX)
        self._looks: LruCache[tuple[UUID, int], _Look] = LruCache(NAMES_CACHED_MAX)
        app.ring.on_destruction(lambda _: self._forget())

    def _forget(self) -> None:
        self._names.clear()
        self._looks.clear()

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
        key = row.id, row.changed, None
        name = self._names.find(key) or self._app.queries.words.name(row)
        if name is None:
            return await self._name_lately(row, at_once)
        self._names.put(key, name)
        return name

    async def _name_lately(self, row: PersonRow, at_once: asyncio.Semaphore) -> str | None:
        key = row.id, row.changed
        look, began = self._looks.find(key), monotonic()
        if look is None or began >= look.at + LOOK_SECONDS:
            async with at_once:
                look = _Look(await self._name_in_comments(row), began)
            self._looks.put(key, look)
        return look.name

    async def _name_in_comments(self, row: PersonRow) -> str | None:
        app = self._app
        _, found = await app.views.reads.queue(
            row.site, "recent", limit=1, after=None, author=row.person
        )
        if not found:
            return None
        latest = found[0].row
        key = row.id, row.changed, latest.id  # a comment does not change the person's row
        if (name := self._names.find(key)) is not None:
            return name
        request = await app.site_request(row.site, Viewer(moderator=True))
        [shape] = await app.queries.shapes(request, [latest])
        name = None if shape.author is None else shape.author.name
        if name is not None:
            self._names.put(key, name)
        return name
