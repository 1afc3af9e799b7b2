"""`rostra.article_work.Articles`: the work in other processes, the texts in their store."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from rostra.article_work import (
    AnchorPlace,
    Gone,
    Placed,
    PlaceQuote,
    Prepared,
    PrepareText,
    Result,
    Work,
    place,
    prepare,
    stands_as_said,
)
from rostra.refusals import Refusal
from rostra.revising import Again, Place, anchor_again
from rostra_adapters.article_texts import ArticleTexts
from rostra_adapters.article_workers import AnchorJob, PlaceJob, Workers

TEXTS_CACHED_MAX = 8
HERE_CHARACTERS_MAX = 20_000
"""What is so short takes a few milliseconds: less than the way to another process."""
HERE_HTML_CHARACTERS_MAX = 4_000

_Anchoring = tuple[UUID, str, str | None]


class Articles:
    """Keeps the few texts read last at hand."""

    def __init__(self, texts: ArticleTexts, workers: Workers | None = None) -> None:
        self._texts = texts
        self._workers = workers or Workers()
        self._cached: OrderedDict[tuple[UUID, str], str] = OrderedDict()

    async def close(self) -> None:
        await self._workers.close()

    async def read(self, discussion: UUID, text_hash: str) -> str | None:
        """A text that is kept; None where it was dropped."""
        key = (discussion, text_hash)
        text = self._cached.pop(key, None)
        if text is None:
            text = await self._texts.find(discussion, text_hash)
        if text is not None:
            self._cached[key] = text
            while len(self._cached) > TEXTS_CACHED_MAX:
                self._cached.popitem(last=False)
        return text

    async def keep(self, discussion: UUID, prepared: Prepared) -> None:
        """Durably."""
        await self._texts.keep(discussion, prepared.hash, prepared.text)

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        """Whether it was there."""
        self._cached.pop((discussion, text_hash), None)
        return await self._texts.drop(discussion, text_hash)

    async def work(self, works: Collection[Work]) -> Mapping[Work, Result]:
        """Each alone, but what is to be found in one text all together."""
        anchorings: defaultdict[_Anchoring, list[AnchorPlace]] = defaultdict(list)
        alone: list[PrepareText | PlaceQuote] = []
        for work in works:
            if isinstance(work, AnchorPlace):
                anchorings[work.discussion, work.text, work.previous].append(work)
            else:
                alone.append(work)
        found = await asyncio.gather(
            *(self._one(work) for work in alone),
            *(self._anchored(key, several) for key, several in anchorings.items()),
        )
        return {work: result for each in found for work, result in each.items()}

    async def _one(self, work: PrepareText | PlaceQuote) -> dict[Work, Result]:
        try:
            if isinstance(work, PrepareText):
                return {work: await self._prepared(work)}
            return {work: await self._placed(work)}
        except Refusal as refusal:
            return {work: refusal}

    async def _prepared(self, work: PrepareText) -> Prepared:
        if len(work.text or "") + len(work.html or "") <= (
            HERE_CHARACTERS_MAX if work.html is None else HERE_HTML_CHARACTERS_MAX
        ):
            return prepare(work)
        return await self._workers.do(work, Prepared)

    async def _placed(self, work: PlaceQuote) -> Placed | Gone:
        text = await self.read(work.discussion, work.hash)
        if text is None:
            return Gone()
        if stands_as_said(work, text) or len(text) <= HERE_CHARACTERS_MAX:
            return place(work, text)
        return await self._workers.do(PlaceJob(work, text), Placed)

    async def _anchored(
        self, key: _Anchoring, works: Collection[AnchorPlace]
    ) -> dict[Work, Result]:
        discussion, text, before = key
        try:
            previous = None if before is None else await self.read(discussion, before)
            places = [work.place for work in works]
            found = await self._found(text, previous, places)
        except Refusal as refusal:
            return dict.fromkeys(works, refusal)
        return dict(zip(works, found, strict=True))

    async def _found(self, text: str, previous: str | None, places: list[Place]) -> list[Again]:
        if len(text) * len(places) <= HERE_CHARACTERS_MAX:
            return anchor_again(text, places, previous)
        return await self._workers.do(AnchorJob(text, previous, places), list[Again])
