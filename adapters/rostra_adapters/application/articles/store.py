"""Store of articles' texts: each once, apart from the log, so that it can be dropped."""

from typing import Protocol
from uuid import UUID


class ArticleTexts(Protocol):
    """A text is named by its discussion and its hash (SHA-256, hex). May raise LogUnavailable."""

    async def find(self, discussion: UUID, text_hash: str) -> str | None:
        """None where it was dropped, or never kept."""

    async def has(self, discussion: UUID, text_hash: str) -> bool:
        """Return whether the text is stored now."""

    async def store(self, discussion: UUID, text_hash: str, text: str) -> None:
        """Store a text durably. A text that is stored already does not change."""

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        """Drop a text. Returns whether there was one."""


class MemoryArticleTexts:
    """Gone with the process, as the log it is for."""

    def __init__(self) -> None:
        self._texts: dict[tuple[UUID, str], str] = {}

    async def find(self, discussion: UUID, text_hash: str) -> str | None:
        return self._texts.get((discussion, text_hash))

    async def has(self, discussion: UUID, text_hash: str) -> bool:
        return (discussion, text_hash) in self._texts

    async def store(self, discussion: UUID, text_hash: str, text: str) -> None:
        self._texts.setdefault((discussion, text_hash), text)

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        return self._texts.pop((discussion, text_hash), None) is not None
