"""A Rostra on PostgreSQL. Imported when such a URL is opened: it needs asyncpg."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal

import asyncpg

from rostra_adapters.application.app import App, Stores
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.operational import MemoryOperational
from rostra_adapters.application.own_views import OwnView
from rostra_adapters.composition.prepare_database import prepare_database
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.errors import DatabaseRefused, PoolerRefused
from rostra_adapters.keys.ring import MasterKeys, check_masters
from rostra_adapters.postgres.article_texts import PostgresArticleTexts
from rostra_adapters.postgres.connect import connect, create_pool, raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.database_url import with_read_only
from rostra_adapters.postgres.heartbeat import Heartbeat, heartbeat_age
from rostra_adapters.postgres.keys.ring import PostgresKeyRing, used_masters
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.moderation_jobs import PostgresJobs
from rostra_adapters.postgres.one_server import OneServer
from rostra_adapters.postgres.operational import PostgresOperational
from rostra_adapters.postgres.outbox import PostgresOutbox
from rostra_adapters.postgres.polling import Polling
from rostra_adapters.postgres.pooler import has_shared_sessions
from rostra_adapters.postgres.read_marks import PostgresReadMarks
from rostra_adapters.postgres.rebuild.run import connections_of
from rostra_adapters.postgres.revocations import PostgresRevocations
from rostra_adapters.postgres.views.backend import PostgresBackend
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.vote_counts import PostgresVoteCounts
from rostra_adapters.postgres.webhooks import PostgresWebhooks

Failover = Literal["lossless", "lossy"]
"""Whether a promoted standby may lack the last events that were acknowledged."""
POOL_SIZE_MIN = 8
"""Least connections of a process; 6 are held by what listens, projects and appends."""
DIRECT_POOL_SIZE_MAX = 6
"""Connections beside a pooler: to project, to listen, and to open the database."""
PRIMARY_POOL_SIZE = 3
"""Connections of a reader to the primary: it listens, confirms erasures, and beats there."""
CLOSE_SECONDS_MAX = 5.0
_IS_READ_ONLY = """
select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'"""
_CONNECTION_LIMIT = """
select min(allowed) from (
    select rolconnlimit from pg_roles where rolname = current_user and not rolsuper
    union all select datconnlimit from pg_database where datname = current_database()
    union all select current_setting('max_connections')::integer
) limits (allowed) where allowed >= 0"""

_logger = logging.getLogger(__name__)


async def open_on_postgres(
    url: str,
    masters: MasterKeys,
    stack: AsyncExitStack,
    erasures: ErasuresFile | None,
    *,
    project: bool,
    make: bool,
    restoring: bool,
    direct_url: str | None,
    read_only: bool,
    primary_url: str | None,
    look_seconds: float,
    stale_seconds: float,
    failover: Failover,
    projector_lease_seconds: float,
    pool_size: int,
    own: Sequence[OwnView],
) -> App:
    """Open the stores in a database; `stack` closes them. The options are those of `open`."""
    shown = url
    if read_only:
        url = with_read_only(url)
    is_shared = await has_shared_sessions(url)
    if is_shared and direct_url is None:
        raise PoolerRefused
    projecting = len(own) if project else 0
    if direct_url is None:
        pool_size += projecting
    server = OneServer()
    pool = await create_pool(
        url,
        size_max=pool_size,
        is_shared=is_shared,
        connecting=server.connect if read_only else connect,
    )
    server.pool = pool
    stack.push_async_callback(_close_pool, pool)
    polling = Polling(pool, server, look_seconds) if read_only else None
    primary = None if primary_url is None else await _primary_pool(primary_url, stack)
    direct = pool
    if direct_url is not None:
        if await has_shared_sessions(direct_url):
            raise PoolerRefused
        direct = await create_pool(direct_url, size_max=DIRECT_POOL_SIZE_MAX + projecting)
        stack.push_async_callback(_close_pool, direct)
    with raise_unavailable_if_lost():
        async with direct.acquire() as connection:
            await prepare_database(connection, make=make, read_only=read_only, restoring=restoring)
            await _compare_limit(connection, pool_size)
    log = await stack.enter_async_context(
        PostgresLog(pool, direct, polling, is_lossless=failover == "lossless")
    )
    if make and not restoring:
        await log.follow_timeline()
    backend = PostgresBackend(
        direct,
        log,
        direct_url or url,
        pool,
        lease_seconds=projector_lease_seconds,
        own=own,
        polling=polling,
        primary=primary,
    )
    await (backend.install() if make else backend.join())
    if project:
        backend.start()
    ring = await stack.enter_async_context(
        PostgresKeyRing(
            pool,
            masters,
            listening=direct,
            is_read_only=read_only,
            primary=primary,
            stale_seconds=stale_seconds,
        )
    )
    if polling is not None and primary is not None:
        polling.on_log = ring.note_log
    operational = MemoryOperational() if read_only else await _operational(pool, log, stack)
    revocations = PostgresRevocations(pool)
    await revocations.start()
    stack.push_async_callback(revocations.close)
    return App(
        Stores(
            log=log,
            ring=ring,
            articles=CachedArticles(PostgresArticleTexts(pool)),
            views=backend,
            operational=operational,
            url=shown,
            erasures=erasures,
            revocations=revocations,
            read_marks=PostgresReadMarks(pool),
            outbox=PostgresOutbox(pool),
            moderation_jobs=PostgresJobs(pool),
            vote_counts=PostgresVoteCounts(pool),
            webhooks=PostgresWebhooks(pool),
            complete_until=None if polling is None else polling.complete_until,
            heartbeat_age=(
                partial(heartbeat_age, pool) if primary is None else ring.behind_seconds
            ),
        )
    )


async def _primary_pool(url: str, stack: AsyncExitStack) -> asyncpg.Pool:
    """Return a pool on which a reader confirms erasures. Raises DatabaseRefused on a standby.

    The reader beats there, too, so that words are shown while no other process runs.
    """
    is_shared = await has_shared_sessions(url)
    pool = await create_pool(url, size_max=PRIMARY_POOL_SIZE, is_shared=is_shared)
    stack.push_async_callback(_close_pool, pool)
    with raise_unavailable_if_lost():
        if await pool.fetchval(_IS_READ_ONLY):
            raise DatabaseRefused(
                "erasures are confirmed on the primary, and the database URL leads to a standby: "
                "name the primary by --database-url, and the standby by --read-database-url"
            )
    heartbeat = Heartbeat(pool, lambda _: None)
    heartbeat.start()
    stack.push_async_callback(heartbeat.close)
    return pool


async def _operational(
    pool: asyncpg.Pool, log: PostgresLog, stack: AsyncExitStack
) -> PostgresOperational:
    """Open the operational tables of a process that writes, and let it write heartbeats."""
    heartbeat = Heartbeat(pool, log.set_stalled)
    heartbeat.start()
    stack.push_async_callback(heartbeat.close)
    return await stack.enter_async_context(PostgresOperational(pool))


async def check_no_master_key(url: str) -> None:
    """Raise WrongMasterKey where a new master key would make words unreadable."""
    with raise_unavailable_if_lost():
        async with connect_patiently(url) as connection:
            check_masters(await used_masters(connection), ())


async def _compare_limit(connection: Connection, pool_size: int) -> None:
    """Warn if the role or the database allows fewer connections than the pool may open."""
    limit = await connection.fetchval(_CONNECTION_LIMIT)
    if limit is not None and limit < pool_size:
        _logger.warning(
            "the role, the database or the server allows %d connections, and this process opens "
            "up to %d: raise the limit, or lower --pool-size (at least %d)",
            limit,
            pool_size,
            POOL_SIZE_MIN,
        )
    elif limit is not None and limit < pool_size + connections_of(1):
        _logger.warning(
            "the role, the database or the server allows %d connections, and this process opens "
            "up to %d: a rebuild, which opens %d more, may find no room",
            limit,
            pool_size,
            connections_of(1),
        )


async def _close_pool(pool: asyncpg.Pool) -> None:
    """Close a pool, after CLOSE_SECONDS_MAX also under its unfinished statements."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
    except TimeoutError:
        pool.terminate()
