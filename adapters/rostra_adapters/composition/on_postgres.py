"""A Rostra on PostgreSQL. Imported when such a URL is opened: it needs asyncpg."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal, NamedTuple

import asyncpg
import msgspec

from rostra_adapters.application.app import App, Stores
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.operational import MemoryOperational, Operational
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
from rostra_adapters.postgres.rebuild.rebuilding import connections_of
from rostra_adapters.postgres.revocations import PostgresRevocations
from rostra_adapters.postgres.views.backend import PostgresBackend
from rostra_adapters.postgres.views.patient import connect_patiently
from rostra_adapters.postgres.vote_counts import PostgresVoteCounts
from rostra_adapters.postgres.webhooks import PostgresWebhooks

Failover = Literal["lossless", "lossy"]
"""Kind of failover: after a `lossy` one the log may lack the last acknowledged events."""
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


class PostgresOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `rostra_adapters.open` for a database of PostgreSQL."""

    url: str
    direct_url: str | None
    primary_url: str | None
    project: bool
    make: bool
    restoring: bool
    read_only: bool
    look_seconds: float
    stale_seconds: float
    failover: Failover
    projector_lease_seconds: float
    pool_size: int
    own: Sequence[OwnView]


class _Pools(NamedTuple):
    url: str
    main: asyncpg.Pool
    direct: asyncpg.Pool
    """Connections with a session of their own, past a pooler if there is one."""
    primary: asyncpg.Pool | None
    polling: Polling | None


async def open_on_postgres(
    options: PostgresOptions,
    masters: MasterKeys,
    erasures: ErasuresFile | None,
    stack: AsyncExitStack,
) -> App:
    """Open the stores in a database; `stack` closes them."""
    pools = await _open_pools(options, stack)
    _, pool, direct, primary, polling = pools
    is_lossless = options.failover == "lossless"
    log = await stack.enter_async_context(
        PostgresLog(pool, direct, polling, is_lossless=is_lossless)
    )
    if options.make and not options.restoring:
        await log.follow_timeline()
    views = await _open_views(options, pools, log)
    ring = await stack.enter_async_context(
        PostgresKeyRing(
            pool,
            masters,
            listening=direct,
            is_read_only=options.read_only,
            primary=primary,
            stale_seconds=options.stale_seconds,
        )
    )
    if polling is not None and primary is not None:
        polling.on_log = ring.note_log
    operational: Operational = MemoryOperational()
    if not options.read_only:
        await stack.enter_async_context(Heartbeat(pool, log.set_stalled))
        operational = await stack.enter_async_context(PostgresOperational(pool))
    return App(
        Stores(
            log=log,
            ring=ring,
            articles=CachedArticles(PostgresArticleTexts(pool)),
            views=views,
            operational=operational,
            url=options.url,
            erasures=erasures,
            revocations=await stack.enter_async_context(PostgresRevocations(pool)),
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


async def _open_pools(options: PostgresOptions, stack: AsyncExitStack) -> _Pools:
    """Open the pools, and prepare the database. Raises PoolerRefused."""
    url = with_read_only(options.url) if options.read_only else options.url
    direct_url, size_max = options.direct_url, options.pool_size
    is_shared = await has_shared_sessions(url)
    if is_shared and direct_url is None:
        raise PoolerRefused
    projecting = len(options.own) if options.project else 0
    if direct_url is None:
        size_max += projecting
    server = OneServer()
    connecting = server.connect if options.read_only else connect
    pool = await create_pool(url, size_max=size_max, is_shared=is_shared, connecting=connecting)
    server.pool = direct = pool
    stack.push_async_callback(_close_pool, pool)
    polling = Polling(pool, server, options.look_seconds) if options.read_only else None
    primary = None
    if options.primary_url is not None:
        primary = await _primary_pool(options.primary_url, stack)
    if direct_url is not None:
        if await has_shared_sessions(direct_url):
            raise PoolerRefused
        direct = await create_pool(direct_url, size_max=DIRECT_POOL_SIZE_MAX + projecting)
        stack.push_async_callback(_close_pool, direct)
    make, read_only, restoring = options.make, options.read_only, options.restoring
    with raise_unavailable_if_lost():
        async with direct.acquire() as connection:
            await prepare_database(connection, make=make, read_only=read_only, restoring=restoring)
            await _compare_limit(connection, size_max)
    return _Pools(direct_url or url, pool, direct, primary, polling)


async def _open_views(options: PostgresOptions, pools: _Pools, log: PostgresLog) -> PostgresBackend:
    """Open the views, which the App closes."""
    views = PostgresBackend(
        pools.direct,
        log,
        pools.url,
        pools.main,
        lease_seconds=options.projector_lease_seconds,
        own=options.own,
        polling=pools.polling,
        primary=pools.primary,
    )
    await (views.install() if options.make else views.join())
    if options.project:
        views.start()
    return views


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
    await stack.enter_async_context(Heartbeat(pool, lambda _: None))
    return pool


async def check_no_master_key(url: str) -> None:
    """Raise WrongMasterKey where a new master key would make words unreadable."""
    with raise_unavailable_if_lost():
        async with connect_patiently(url) as connection:
            check_masters(await used_masters(connection), ())


async def _compare_limit(connection: Connection, pool_size: int) -> None:
    """Warn if the role or the database allows fewer connections than the pool may open."""
    limit = await connection.fetchval(_CONNECTION_LIMIT)
    more = connections_of(1)
    if limit is None or limit >= pool_size + more:
        return
    advice = f"a rebuild, which opens {more} more, may find no room"
    if limit < pool_size:
        advice = f"raise the limit, or lower --pool-size (at least {POOL_SIZE_MIN})"
    _logger.warning(
        "the role, the database or the server allows %d connections, and this process opens "
        "up to %d: %s",
        limit,
        pool_size,
        advice,
    )


async def _close_pool(pool: asyncpg.Pool) -> None:
    """Close a pool, after CLOSE_SECONDS_MAX also under its unfinished statements."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
    except TimeoutError:
        pool.terminate()
