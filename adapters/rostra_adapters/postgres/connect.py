"""Connections as the log and the views need them."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from rostra.log import LogUnavailable

CONNECT_SECONDS_MAX = 10.0
COMMAND_SECONDS_MAX = 60.0

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


class InvalidDatabaseUrl(ValueError):
    """The URL of a database cannot be used; the message does not show it."""


@contextmanager
def url_checked() -> Iterator[None]:
    """Turn what the driver says of a URL that it cannot parse, which may quote a part of the
    password, into InvalidDatabaseUrl."""
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
        min_size=0,  # otherwise it complains loudly for as long as the database is away
        max_size=size_max,
        reset=_leave_as_it_is,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=COMMAND_SECONDS_MAX,
        server_settings=SETTINGS,
    )
    with unavailable_if_lost(), url_checked():
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
)
"""What says that the database cannot serve us now, rather than that we asked wrongly."""


@contextmanager
def unavailable_if_lost() -> Iterator[None]:
    """Whatever says that the database is away, as LogUnavailable."""
    try:
        yield
    except LOST as error:
        raise LogUnavailable(str(error) or type(error).__name__) from error
