"""Texts of articles in SQLite."""

import asyncio
from uuid import UUID

from eventsourcing.sqlite import SQLiteDatastore

from rostra_adapters.stock import schema


class SqliteArticleTexts:
    """A table beside the events of a stock SQLite recorder. Raises NewerDatabase."""

    _INSERT = "insert or ignore into rostra_article_texts values (?, ?, ?)"
    _SELECT = "select text from rostra_article_texts where discussion = ? and hash = ?"
    _HAS = "select 1 from rostra_article_texts where discussion = ? and hash = ?"
    _DELETE = "delete from rostra_article_texts where discussion = ? and hash = ? returning 1"

    def __init__(self, datastore: SQLiteDatastore) -> None:
        self._datastore = datastore
        schema.install(datastore)

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
