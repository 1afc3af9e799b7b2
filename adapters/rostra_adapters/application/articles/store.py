"""Store of articles' texts: each once, apart from the log, so that it can be dropped."""

import asyncio
from typing import Protocol
from uuid import UUID

from eventsourcing.sqlite import SQLiteDatastore


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


class SqliteArticleTexts:
    """A table beside the events of a stock SQLite recorder."""

    _CREATE = """
    create table if not exists rostra_article_texts (
        discussion blob not null, hash blob not null, text text not null,
        primary key (discussion, hash)
    )
    """
    _INSERT = "insert or ignore into rostra_article_texts values (?, ?, ?)"
    _SELECT = "select text from rostra_article_texts where discussion = ? and hash = ?"
    _HAS = "select 1 from rostra_article_texts where discussion = ? and hash = ?"
    _DELETE = "delete from rostra_article_texts where discussion = ? and hash = ? returning 1"

    def __init__(self, datastore: SQLiteDatastore) -> None:
        self._datastore = datastore
        with datastore.transaction(commit=True) as cursor:
            cursor.execute(self._CREATE)

    async def find(self, discussion: UUID, text_hash: str) -> str | None:
        def find() -> str | None:
            with self._datastore.transaction(commit=False) as cursor:
                cursor.execute(self._SELECT, _key(discussion, text_hash))
                row = cursor.fetchone()
                return None if row is None else str(row[0])

        return await asyncio.to_thread(find)

    async def has(self, discussion: UUID, text_hash: str) -> bool:
        def has() -> bool:
            with self._datastore.transaction(commit=False) as cursor:
                cursor.execute(self._HAS, _key(discussion, text_hash))
                return cursor.fetchone() is not None

        return await asyncio.to_thread(has)

    async def store(self, discussion: UUID, text_hash: str, text: str) -> None:
        def keep() -> None:
            with self._datastore.transaction(commit=True) as cursor:
                cursor.execute(self._INSERT, (*_key(discussion, text_hash), text))

        await asyncio.to_thread(keep)

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        def drop() -> bool:
            with self._datastore.transaction(commit=True) as cursor:
                cursor.execute(self._DELETE, _key(discussion, text_hash))
                return cursor.fetchone() is not None

        return await asyncio.to_thread(drop)


def _key(discussion: UUID, text_hash: str) -> tuple[bytes, bytes]:
    return discussion.bytes, bytes.fromhex(text_hash)
