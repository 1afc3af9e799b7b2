"""Poolers such as PgBouncer, between Rostra and PostgreSQL.

In session mode a pooler is invisible. In transaction mode each transaction may have another
session: LISTEN, session locks and named statements do not work.
"""

import logging

import asyncpg

from rostra_adapters.errors import PoolerRefused
from rostra_adapters.postgres.connect import connect, raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection

LOOKS = 5
"""Number of transactions in which two clients look whether they have one session."""

_SESSION = "select pg_backend_pid()"

_logger = logging.getLogger(__name__)


async def has_shared_sessions(url: str) -> bool:
    """Return True if the URL leads to a pooler in transaction mode; log which pooler it is.

    Raises LogUnavailable, DatabaseRefused, InvalidDatabaseUrl, and PoolerRefused for a pooler in
    statement mode.
    """
    with raise_unavailable_if_lost():
        first = await connect(url, is_shared=True)
        try:
            # A pooler makes up the number that it sends its clients.
            if first.get_server_pid() == await first.fetchval(_SESSION):
                return False
            second = await connect(url, is_shared=True)
            try:
                is_shared = await _have_one_session(first, second)
                if is_shared:
                    await _check_transactions(second)
            finally:
                await second.close()
        finally:
            await first.close()
    mode = "transaction" if is_shared else "session"
    _logger.info("the database URL leads to a pooler in %s mode", mode)
    return is_shared


async def _check_transactions(connection: Connection) -> None:
    """Raise PoolerRefused if the pooler has no transactions."""
    try:
        async with connection.transaction():
            await connection.fetchval(_SESSION)
    except (asyncpg.PostgresConnectionError, asyncpg.ProtocolViolationError):
        raise PoolerRefused(is_by_statement=True) from None


async def _have_one_session(first: Connection, second: Connection) -> bool:
    sessions = [set[int](), set[int]()]
    for _ in range(LOOKS):
        for client, seen in zip((first, second), sessions, strict=True):
            seen.add(await client.fetchval(_SESSION))
    return bool(sessions[0] & sessions[1]) or any(len(seen) > 1 for seen in sessions)
