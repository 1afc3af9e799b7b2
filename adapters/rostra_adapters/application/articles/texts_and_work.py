"""`rostra.deciding.text_work.Articles`: the work in other processes, the texts in their store."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from uuid import UUID

from rostra.anchoring.reanchor import Again, anchor_again
from rostra.deciding.text_work import (
    AnchorPlace,
    Gone,
    Placed,
    PlaceQuote,
    Prepared,
    PrepareText,
    ShowBody,
    Work,
    WorkResult,
    is_at_stated_place,
    place_all,
    prepare,
)
from rostra.refusals import Refusal
from rostra_adapters.application.articles.shown_bodies import shown_body
from rostra_adapters.application.articles.store import ArticleTexts
from rostra_adapters.application.articles.workers import AnchorJob, ArticleWorkers, PlaceJob
from rostra_adapters.lru_cache import LruCache

CACHED_CHARACTERS_MAX = 8 * 1024 * 1024
HERE_CHARACTERS_MAX = 20_000
"""Shorter texts take a few milliseconds, less than a call of another process."""
HERE_HTML_CHARACTERS_MAX = 4_000

_Placing = tuple[UUID, str]
_Anchoring = tuple[UUID, str, str | None]


class CachedArticles:
    """Keeps the few texts read last at hand."""

    def __init__(self, texts: ArticleTexts, workers: ArticleWorkers | None = None) -> None:
        self._texts = texts
        self._workers = workers or ArticleWorkers()
        self._cached: LruCache[tuple[UUID, str], str] = LruCache(
            CACHED_CHARACTERS_MAX, lambda _, text: len(text)
        )

    async def close(self) -> None:
        await self._workers.close()

    async def read(self, discussion: UUID, text_hash: str) -> str | None:
        """Return a text, None if any process dropped it."""
        key = (discussion, text_hash)
        text = self._cached.find(key)
        if text is not None:
            if await self._texts.has(discussion, text_hash):
                return text
            self._cached.drop(key)
            return None
        text = await self._texts.find(discussion, text_hash)
        if text is not None:
            self._cached.put(key, text)
        return text

    async def has(self, discussion: UUID, text_hash: str) -> bool:
        """Return whether a text is kept."""
        return await self._texts.has(discussion, text_hash)

    async def store(self, discussion: UUID, prepared: Prepared) -> None:
        """Durably."""
        await self._texts.store(discussion, prepared.hash, prepared.text)

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        """Drop a text. Returns whether there was one."""
        self._cached.drop((discussion, text_hash))
        return await self._texts.drop(discussion, text_hash)

    async def work(self, works: Collection[Work]) -> Mapping[Work, WorkResult]:
        """Do the work. Searches in the same text share one pass."""
        anchorings: defaultdict[_Anchoring, list[AnchorPlace]] = defaultdict(list)
        placings: defaultdict[_Placing, list[PlaceQuote]] = defaultdict(list)
        texts: list[PrepareText] = []
        shown: dict[Work, WorkResult] = {}
        for work in works:
            match work:
                case PrepareText():
                    texts.append(work)
                case PlaceQuote():
                    placings[work.discussion, work.hash].append(work)
                case ShowBody():
                    shown[work] = shown_body(work.body, breaks=work.breaks)
                case AnchorPlace():
                    anchorings[work.discussion, work.text, work.previous].append(work)
        found = await asyncio.gather(
            *(_or_refusal([work], self._prepared(work)) for work in texts),
            *(_or_refusal(some, self._placed(key, some)) for key, some in placings.items()),
            *(_or_refusal(some, self._anchored(key, some)) for key, some in anchorings.items()),
        )
        return shown | {work: result for each in found for work, result in each.items()}

    async def _prepared(self, work: PrepareText) -> list[Prepared]:
        if len(work.text or "") + len(work.html or "") <= (
            HERE_CHARACTERS_MAX if work.html is None else HERE_HTML_CHARACTERS_MAX
        ):
            return [prepare(work)]
        return [await self._workers.do(work, Prepared)]

    async def _placed(self, key: _Placing, works: list[PlaceQuote]) -> Sequence[Placed | Gone]:
        text = await self.read(*key)
        if text is None:
            return [Gone()] * len(works)
        sought = sum(not is_at_stated_place(work, text) for work in works)
        if sought * len(text) <= HERE_CHARACTERS_MAX:
            return place_all(works, text)
        return await self._workers.do(PlaceJob(works, text), list[Placed])

    async def _anchored(self, key: _Anchoring, works: list[AnchorPlace]) -> list[Again]:
        discussion, text, before = key
        previous = None if before is None else await self.read(discussion, before)
        places = [work.place for work in works]
        if len(text) * len(places) <= HERE_CHARACTERS_MAX:
            return anchor_again(text, places, previous)
        return await self._workers.do(AnchorJob(text, previous, places), list[Again])


async def _or_refusal(
    works: Sequence[Work], results: Awaitable[Sequence[WorkResult]]
) -> dict[Work, WorkResult]:
    try:
        return dict(zip(works, await results, strict=True))
    except Refusal as refusal:
        return dict.fromkeys(works, refusal)
