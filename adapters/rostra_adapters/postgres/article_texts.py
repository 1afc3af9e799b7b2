"""The texts of articles in PostgreSQL: a table of their own beside the log."""

from uuid import UUID

import asyncpg

from rostra_adapters.postgres.connect import raise_unavailable_if_lost

FIND = "select text from public.rostra_article_texts where discussion = $1 and hash = $2"
HAS = """
select exists (select from public.rostra_article_texts where discussion = $1 and hash = $2)
"""
STORE = """
insert into public.rostra_article_texts (discussion, hash, text)
values ($1, $2, $3)
on conflict (discussion, hash) do nothing
"""
DROP = "delete from public.rostra_article_texts where discussion = $1 and hash = $2 returning true"


class PostgresArticleTexts:
    """`schema.install` must have been run."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, discussion: UUID, text_hash: str) -> str | None:
        with raise_unavailable_if_lost():
            found: str | None = await self._pool.fetchval(
                FIND, discussion, bytes.fromhex(text_hash)
            )
        return found

    async def has(self, discussion: UUID, text_hash: str) -> bool:
        with raise_unavailable_if_lost():
            return bool(await self._pool.fetchval(HAS, discussion, bytes.fromhex(text_hash)))

    async def store(self, discussion: UUID, text_hash: str, text: str) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(STORE, discussion, bytes.fromhex(text_hash), text)

    async def drop(self, discussion: UUID, text_hash: str) -> bool:
        with raise_unavailable_if_lost():
            return bool(await self._pool.fetchval(DROP, discussion, bytes.fromhex(text_hash)))
