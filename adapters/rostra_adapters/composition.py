"""Opening a Rostra on a database: which log, key ring and views go together."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from rostra.log import EventLog
from rostra_adapters.application.app import App
from rostra_adapters.application.articles.store import (
    ArticleTexts,
    MemoryArticleTexts,
    SqliteArticleTexts,
)
from rostra_adapters.application.articles.texts_and_work import Articles
from rostra_adapters.application.operational import MemoryOperational, Operational
from rostra_adapters.application.ports import ViewStore
from rostra_adapters.application.queries.comment_queries import CommentQueries
from rostra_adapters.application.queries.renderings import Renderings
from rostra_adapters.application.revocations import Revocations
from rostra_adapters.data_folder import erasures_file
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.data_folder.folder import key_file, private_file
from rostra_adapters.keys.ring import KEY_BYTES, KeptKeyRing, MasterKeys
from rostra_adapters.observability.printing import url_without_password
from rostra_adapters.postgres import roles, schema
from rostra_adapters.postgres.article_texts import PostgresArticleTexts
from rostra_adapters.postgres.backup import is_due
from rostra_adapters.postgres.connect import (
    InvalidDatabaseUrl,
    create_pool,
    unavailable_if_lost,
)
from rostra_adapters.postgres.keys.ring import PostgresKeyRing
from rostra_adapters.postgres.log.log import PostgresLog
from rostra_adapters.postgres.operational import PostgresOperational
from rostra_adapters.postgres.revocations import PostgresRevocations
from rostra_adapters.postgres.views.backend import PostgresBackend
from rostra_adapters.stock.keys import MemoryKeyRing, SqliteKeyRing
from rostra_adapters.stock.log import StockLog
from rostra_adapters.stock.views import MemoryBackend

POOL_SIZE_MAX = 11
CLOSE_SECONDS_MAX = 5.0
MASTER_KEY_VARIABLE = "ROSTRA_MASTER_KEY"


class NoMasterKey(Exception):
    """PostgreSQL keeps persons' keys sealed with a master key, and none was given."""

    def __init__(self) -> None:
        super().__init__(f"give master_key, or set {MASTER_KEY_VARIABLE} to 64 hex digits")


class RestoreUnfinished(Exception):
    """Who was erased since the backup was made would come back."""

    def __init__(self) -> None:
        super().__init__("a backup was taken back, but not to the end: `rostra restore` again")


@asynccontextmanager
async def open(  # noqa: A001  # it opens a Rostra, as `rostra_adapters.open`
    url: str,
    *,
    master_key: bytes | None = None,
    project: bool = True,
    make: bool = True,
    erasures: Path | None = None,
    restoring: bool = False,
) -> AsyncIterator[App]:
    """A Rostra on "postgresql://…", "sqlite:PATH" or "memory:".

    `master_key`: 32 bytes, while it is being replaced the new one and then the former one;
    by default ROSTRA_MASTER_KEY (64 hex digits, after a comma those of the former one), and
    for SQLite a file beside the database. With `project` false, views are read but not kept up
    to date by this process; with `make` false nothing that is missing in PostgreSQL is made.
    `erasures`: the file to which erasures are appended; by default ROSTRA_ERASURES, else none;
    while `restoring` none. Raises LogUnavailable, NoMasterKey, ValueError, without `make`
    NotInstalled, and unless it is `restoring` RestoreUnfinished.
    """
    if erasures is None and (named := os.environ.get(erasures_file.VARIABLE)):
        erasures = Path(named)
    kept = None if erasures is None or restoring else ErasuresFile(erasures)
    async with AsyncExitStack() as stack:
        if url.startswith(("postgresql://", "postgres://")):
            app = await _on_postgres(
                url,
                _master_keys(master_key),
                stack,
                kept,
                project=project,
                make=make,
                restoring=restoring,
            )
        elif url == "memory:":
            recorder, texts = POPOApplicationRecorder(), MemoryArticleTexts()
            app = await _in_process(recorder, MemoryKeyRing(), texts, url, stack, kept)
        elif url.startswith("sqlite:"):
            app = await _on_sqlite(Path(url.removeprefix("sqlite:")), master_key, stack, kept)
        else:
            named = url_without_password(url)
            raise InvalidDatabaseUrl(f"{named!r} is none of postgresql://…, sqlite:PATH, memory:")
        stack.push_async_callback(app.close)
        yield app


def _master_keys(given: bytes | None) -> MasterKeys:
    if given is None:
        text = os.environ.get(MASTER_KEY_VARIABLE)
        if text is None:
            raise NoMasterKey
        given = bytes.fromhex(text.replace(",", ""))
    return MasterKeys(*(given[at : at + KEY_BYTES] for at in range(0, len(given), KEY_BYTES)))


async def _on_postgres(
    url: str,
    masters: MasterKeys,
    stack: AsyncExitStack,
    erasures: ErasuresFile | None,
    *,
    project: bool,
    make: bool,
    restoring: bool,
) -> App:
    pool = await create_pool(url, size_max=POOL_SIZE_MAX)
    stack.push_async_callback(_close_pool, pool)
    with unavailable_if_lost():
        async with pool.acquire() as connection:
            try:
                await (schema.install(connection) if make else schema.check(connection))
            except asyncpg.InsufficientPrivilegeError:
                await roles.check(connection)  # which names all that the role lacks
                raise
            await roles.check(connection)
            if await is_due(connection) and not restoring:
                raise RestoreUnfinished
    log = await stack.enter_async_context(await PostgresLog.open(pool))
    backend = PostgresBackend(pool, log, url)
    await (backend.install() if make else backend.join())
    if project:
        backend.start()
    ring = await stack.enter_async_context(PostgresKeyRing(pool, masters))
    operational = await stack.enter_async_context(PostgresOperational(pool))
    articles = Articles(PostgresArticleTexts(pool))
    revocations = PostgresRevocations(pool)
    await revocations.start()
    stack.push_async_callback(revocations.close)
    return await _app(log, ring, articles, backend, operational, url, erasures, revocations)


async def _close_pool(pool: asyncpg.Pool) -> None:
    """What is still asked for is not waited for without end."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
    except TimeoutError:
        pool.terminate()


async def _on_sqlite(
    path: Path, master_key: bytes | None, stack: AsyncExitStack, erasures: ErasuresFile | None
) -> App:
    if str(path) != ":memory:":
        os.close(private_file(path, os.O_RDWR))
    datastore = SQLiteDatastore(str(path))
    stack.callback(datastore.close)
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    if master_key is None and MASTER_KEY_VARIABLE not in os.environ:
        master_key = bytes.fromhex(key_file(path.with_name(f"{path.name}.master-key")))
    ring = SqliteKeyRing(datastore, _master_keys(master_key))
    texts = SqliteArticleTexts(datastore)
    return await _in_process(recorder, ring, texts, f"sqlite:{path}", stack, erasures)


async def _in_process(
    recorder: ApplicationRecorder,
    ring: KeptKeyRing,
    texts: ArticleTexts,
    url: str,
    stack: AsyncExitStack,
    erasures: ErasuresFile | None,
) -> App:
    log = await stack.enter_async_context(StockLog(recorder))
    backend = MemoryBackend(log)
    await backend.catch_up()
    backend.start()
    return await _app(log, ring, Articles(texts), backend, MemoryOperational(), url, erasures)


async def _app(
    log: EventLog,
    ring: KeptKeyRing,
    articles: Articles,
    backend: ViewStore,
    operational: Operational,
    url: str,
    erasures: ErasuresFile | None,
    revocations: Revocations | None = None,
) -> App:
    renderings = Renderings()
    ring.when_destroyed(lambda _: renderings.drop())
    ring.when_destroyed(lambda _: backend.changes.lose())
    reading = CommentQueries(backend.reads, ring, await log.log_id(), renderings)
    return App(
        log, ring, articles, backend, reading, renderings, operational, url, erasures, revocations
    )
