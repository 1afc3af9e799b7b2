"""Connections as the log and the views need them."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.errors import InvalidDatabaseUrl

CONNECT_SECONDS_MAX = 10.0
COMMAND_SECONDS_MAX = 60.0

_logger = logging.getLogger(__name__)

# Given when connecting, so that they stand above what a database or a role has set.
SETTINGS = {
    "application_name": "rostra",
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than any of our queries
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


CANCELLED = (
    asyncpg.SerializationError,  # also a standby's conflict with what it replays
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
)
"""Errors by which the database cancels a statement that may well succeed the next time."""

_T = TypeVar("_T")


class RetryingConnection(asyncpg.Connection):
    """A connection that asks once more where the database cancelled a statement. Within a
    transaction it does not: only a statement on its own was rolled back whole.
    """

    __slots__ = ()

    async def fetch(self, *asked: Any, **options: Any) -> Any:
        return await self._again(super().fetch, asked, options)

    async def fetchrow(self, *asked: Any, **options: Any) -> Any:
        return await self._again(super().fetchrow, asked, options)

    async def fetchval(self, *asked: Any, **options: Any) -> Any:
        return await self._again(super().fetchval, asked, options)

    async def _again(
        self, ask: Callable[..., Awaitable[_T]], asked: Sequence[Any], options: Mapping[str, Any]
    ) -> _T:
        try:
            return await ask(*asked, **options)
        except CANCELLED as error:
            if self.is_closed() or self.is_in_transaction():
                raise
            _logger.warning("the database cancelled a statement, which is repeated: %s", error)
            return await ask(*asked, **options)


@contextmanager
def check_url() -> Iterator[None]:
    """Turn what the driver says of a URL that it cannot parse, which may quote a part of the
    password, into InvalidDatabaseUrl.
    """
    try:
        yield
    except ValueError:
        raise InvalidDatabaseUrl(
            "the database URL cannot be parsed: it is like postgresql://USER:PASSWORD@HOST/NAME, "
            "with `@`, `:`, `/`, `?`, `#` and `%` in its parts percent-encoded"
        ) from None


async def create_pool(url: str, *, size_max: int = 10) -> asyncpg.Pool:
    """A pool whose connections are not reset between uses, which saves a round trip.

    So whoever uses one sets nothing that outlives a transaction. Raises LogUnavailable and
    InvalidDatabaseUrl.
    """
    opening = asyncpg.create_pool(
        url,
        connection_class=RetryingConnection,
        min_size=0,  # otherwise it complains loudly for as long as the database is away
        max_size=size_max,
        reset=_leave_as_it_is,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=COMMAND_SECONDS_MAX,
        server_settings=SETTINGS,
    )
    with raise_unavailable_if_lost(), check_url():
        pool = await opening
        await pool.release(await pool.acquire())  # that it can be reached is known now
    return pool


async def _leave_as_it_is(_: object) -> None:
    return None


LOST = (
    OSError,  # ConnectionError and TimeoutError among them
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # it is being closed under our hands
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, cancelled
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    asyncpg.LockNotAvailableError,
    *CANCELLED,
)
"""What says that the database cannot serve us now, rather than that we asked wrongly."""


@contextmanager
def raise_unavailable_if_lost(*, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever says that the database is away, `but` some, into LogUnavailable."""
    try:
        yield
    except but:
        raise
    except LOST as error:
        raise LogUnavailable(str(error) or type(error).__name__) from error
