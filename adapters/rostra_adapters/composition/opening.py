"""`open`: which log, key ring and views go together for a URL."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from eventsourcing.persistence import ApplicationRecorder, DatabaseError
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from rostra.log import LogUnavailable
from rostra_adapters.application.app import App, Stores
from rostra_adapters.application.articles.store import ArticleTexts, MemoryArticleTexts
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.moderation_jobs.follower import run_moderation_jobs
from rostra_adapters.application.operational import MemoryOperational
from rostra_adapters.application.own_views import OwnView, own_views
from rostra_adapters.composition.master_keys import MASTER_KEY_VARIABLE, master_keys
from rostra_adapters.composition.sqlite_files import check_file, one_at_a_time, sqlite_path
from rostra_adapters.data_folder import erasures_file
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.data_folder.folder import key_file
from rostra_adapters.errors import InvalidDatabaseUrl, InvalidOption, SqliteFileError
from rostra_adapters.keys.ring import StoredKeyRing, check_masters
from rostra_adapters.observability.printing import url_without_password
from rostra_adapters.stock.article_texts import SqliteArticleTexts
from rostra_adapters.stock.keys import MemoryKeyRing, SqliteKeyRing
from rostra_adapters.stock.log import StockLog
from rostra_adapters.stock.views import MemoryBackend
from rostra_projections.views import View

FAILOVER_VARIABLE = "ROSTRA_FAILOVER"
CLOSE_SECONDS_MAX = 5.0
CLOSE_LOOK_SECONDS = 0.01


@asynccontextmanager
async def open(  # noqa: A001  # it opens a Rostra, as `rostra_adapters.open`
    url: str,
    *,
    master_key: bytes | None = None,
    project: bool = True,
    make: bool = True,
    erasures: Path | None = None,
    restoring: bool = False,
    direct_url: str | None = None,
    read_only: bool = False,
    primary_url: str | None = None,
    look_seconds: float = 0.05,
    stale_seconds: float = 60.0,
    failover: Literal["lossless", "lossy"] | None = None,
    projector_lease_seconds: float = 10.0,
    pool_size: int = 11,
    views: Sequence[View | str] | None = None,
    moderate: bool | None = None,
) -> AsyncIterator[App]:
    """Open a Rostra on "postgresql://…", "sqlite:PATH" or "memory:".

    - `master_key`: key that wraps persons' keys, 32 bytes. While it is replaced: the new key, then
      the former one, 64 bytes. Default: ROSTRA_MASTER_KEY (64 hex digits, after a comma those of
      the former key), else for SQLite a file beside the database. Not used for "memory:".
    - `project`: whether this process updates the views. If false, it only reads them. True by
      default; SQLite and memory always project.
    - `make`: whether missing tables are made in PostgreSQL. True by default.
    - `erasures`: path of the file to which erasures are appended. Default: ROSTRA_ERASURES, else
      none.
    - `restoring`: whether a restore is under way. If true, no file of erasures is written, and an
      unfinished restore is no error. False by default.
    - `direct_url`: PostgreSQL's own URL, if `url` leads to a pooler in transaction mode. None by
      default.
    - `read_only`: whether nothing is made, projected or written, and commands raise ReadOnly. Then
      PostgreSQL may be a standby, or the role may only read. False by default.
    - `primary_url`: URL of the standby's primary, for a process that stays open with `read_only`.
      The process confirms erasures there. Without it, keys are loaded for each read, and erased
      words are shown until the standby has replayed the erasure.
    - `look_seconds`: seconds between looks for changes with `read_only`. Default: 0.05.
    - `stale_seconds`: seconds, with `primary_url`. No words are shown once the standby has not
      followed the primary for so long. Default: 60.
    - `failover`: "lossless" if every standby that may be promoted has all acknowledged events
      (`synchronous_standby_names`). With "lossy" a promotion begins another epoch of the log.
      Default: ROSTRA_FAILOVER, else "lossy".
    - `projector_lease_seconds`: seconds without a heartbeat after which another process projects.
      Default: 10.
    - `pool_size`: connections of this process, at least 8. Default: 11.
    - `views`: views of your own, or names of modules that have them in `VIEWS`. Default: the
      modules in ROSTRA_VIEWS, separated by commas. On PostgreSQL each view takes one more
      connection. Without `make`, existing ones can be read.
    - `moderate`: whether this process carries out bans, holds comments that many persons flagged,
      and counts votes for moderators. Several processes may do so; a job that ends with its process
      goes on in another one. Default: the value of `project`.

    Raises errors of `rostra_adapters.errors`, each a `RostraError`:

    - InvalidDatabaseUrl, InvalidOption, NoMasterKey, WrongMasterKey, NewerDatabase.
    - SqliteFileError on SQLite.
    - UnfitTable and RolesRefused on PostgreSQL; without `make` NotInstalled and ViewsNotMade.
    - RestoreUnfinished, unless it is `restoring`.
    - ViewRefused for a view of your own that cannot be used.

    Raises `rostra.log.LogUnavailable` if the database cannot be reached, and ValueError for a
    malformed master key. Only a postgresql:// URL needs asyncpg.
    """
    if erasures is None and (named := os.environ.get(erasures_file.VARIABLE)):
        erasures = Path(named)
    own = own_views(views)
    kept = None if erasures is None or restoring else ErasuresFile(erasures)
    async with AsyncExitStack() as stack:
        if url.startswith(("postgresql://", "postgres://", "file:")):
            from rostra_adapters.composition.on_postgres import PostgresOptions, open_on_postgres

            options = PostgresOptions(
                url=url,
                direct_url=direct_url,
                primary_url=primary_url,
                project=project and not read_only,
                make=make and not read_only,
                restoring=restoring,
                read_only=read_only,
                look_seconds=look_seconds,
                stale_seconds=stale_seconds,
                failover=_failover(failover),
                projector_lease_seconds=projector_lease_seconds,
                pool_size=pool_size,
                own=own,
            )
            app = await open_on_postgres(options, master_keys(master_key), kept, stack)
        elif url == "memory:":
            recorder, texts = POPOApplicationRecorder(), MemoryArticleTexts()
            app = await _in_process(recorder, MemoryKeyRing(), texts, url, stack, kept, own)
        elif url.startswith("sqlite:"):
            app = await _on_sqlite(url, master_key, stack, kept, own, read_only=read_only)
        else:
            named = url_without_password(url)
            raise InvalidDatabaseUrl(f"{named!r} is none of postgresql://…, sqlite:PATH, memory:")
        app.is_read_only = read_only
        stack.push_async_callback(app.close)
        if (project if moderate is None else moderate) and not read_only:
            await stack.enter_async_context(run_moderation_jobs(app))
        yield app


def _failover(given: Literal["lossless", "lossy"] | None) -> Literal["lossless", "lossy"]:
    """Return the kind of failover, by the environment if none is given. Raises InvalidOption."""
    match given or os.environ.get(FAILOVER_VARIABLE) or "lossy":
        case "lossless":
            return "lossless"
        case "lossy":
            return "lossy"
        case unknown:
            raise InvalidOption(f"{FAILOVER_VARIABLE} must be lossless or lossy, not {unknown!r}")


async def _on_sqlite(
    url: str,
    master_key: bytes | None,
    stack: AsyncExitStack,
    erasures: ErasuresFile | None,
    own: Sequence[OwnView],
    *,
    read_only: bool,
) -> App:
    path = sqlite_path(url)
    try:
        with one_at_a_time(path.parent):
            check_file(path, read_only=read_only)
            datastore = SQLiteDatastore(
                f"file:{quote(str(path))}?mode=ro" if read_only else str(path)
            )
            stack.push_async_callback(_close_unused, datastore)
            recorder = SQLiteApplicationRecorder(datastore)
            if not read_only:
                recorder.create_table()
            if master_key is None and not os.environ.get(MASTER_KEY_VARIABLE):
                file = path.with_name(f"{path.name}.master-key")
                if not file.exists():
                    check_masters(SqliteKeyRing.used_masters(datastore), ())
                master_key = bytes.fromhex(key_file(file))
            ring = SqliteKeyRing(datastore, master_keys(master_key))
            texts = SqliteArticleTexts(datastore)
        return await _in_process(recorder, ring, texts, url, stack, erasures, own)
    except (DatabaseError, sqlite3.Error, OSError, LogUnavailable) as error:
        raise SqliteFileError(path, str(error)) from error


async def _in_process(
    recorder: ApplicationRecorder,
    ring: StoredKeyRing,
    texts: ArticleTexts,
    url: str,
    stack: AsyncExitStack,
    erasures: ErasuresFile | None,
    own: Sequence[OwnView],
) -> App:
    log = await stack.enter_async_context(StockLog(recorder))
    backend = MemoryBackend(log, own)
    await backend.catch_up()
    backend.start()
    return App(
        Stores(
            log=log,
            ring=ring,
            articles=CachedArticles(texts),
            views=backend,
            operational=MemoryOperational(),
            url=url,
            erasures=erasures,
        )
    )


async def _close_unused(datastore: SQLiteDatastore) -> None:
    """Close the connections of a datastore once no thread uses one.

    SQLite crashes the process if a connection is closed under a statement of another thread, whose
    caller may have gone away. A connection that is used for longer is left to the end of the
    process.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            while datastore.pool.num_in_use:  # noqa: ASYNC110  # the pool has no event
                await asyncio.sleep(CLOSE_LOOK_SECONDS)
            datastore.close()
