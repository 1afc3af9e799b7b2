"""Connections as the log and the views need them."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.application.ports import SILENT_SECONDS_MAX
from rostra_adapters.errors import DatabaseRefused, InvalidDatabaseUrl
from rostra_adapters.postgres.database_url import read_url
from rostra_adapters.postgres.namespace import in_namespace

CONNECT_SECONDS_MAX = 10.0
COMMAND_SECONDS_MAX = 60.0

_logger = logging.getLogger(__name__)

STARTUP = {"application_name": "rostra"}
"""Parameters of the start-up packet; a pooler refuses most others."""
SETTINGS = {
    # Waits are bounded by the client, which knows which of them may be long.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # Statements and the bodies of functions are read by these.
    "standard_conforming_strings": "on",
    "search_path": "public",
    "transform_null_equals": "off",
    # Values in text are written by these.
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    # Planning a page for its arguments takes longer than reading it, and finds the same indexes.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",  # compiling costs more than any of our queries
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""Settings of each session, which override those of the database and the role."""
SETTINGS_17 = {"transaction_timeout": "0"}
"""Settings that PostgreSQL knows from version 17 on."""


# A server that recovers from the crash of one process starts its own processes anew, so the least
# of their pids changes.
_START = """
select case when not pg_is_in_recovery() then
    pg_postmaster_start_time()::text
    || (select min(pid) from pg_stat_activity where usesysid is null)::text
end"""
_CONFIRM = "select pg_logical_emit_message(true, 'rostra', '')"
_confirmed_starts: set[str] = set()
"""Starts of primaries since which a commit of this process was acknowledged."""

CANCELLED = (
    asyncpg.SerializationError,  # also a standby's conflict with what it replays
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
)
"""Errors by which the database cancels a statement that may well succeed the next time."""

_T = TypeVar("_T")


class RetryingConnection(asyncpg.Connection):
    """Connection that repeats a statement once if the database cancelled it.

    Within a transaction it does not, because only a single statement was rolled back as a whole.
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
    """Turn the driver's error about a URL into InvalidDatabaseUrl.

    The driver's message may contain a part of the password.
    """
    try:
        yield
    except (asyncpg.ClientConfigurationError, ssl.SSLError):
        raise
    except (ValueError, OverflowError):
        raise InvalidDatabaseUrl(
            "the database URL cannot be parsed: it is like postgresql://USER:PASSWORD@HOST/NAME, "
            "with `@`, `:`, `/`, `?`, `#` and `%` in its parts percent-encoded"
        ) from None


class SharedConnection(RetryingConnection):
    """Connection through a pooler in transaction mode: no statement has a name in the session."""

    __slots__ = ()

    async def _get_statement(self, *asked: Any, **options: Any) -> Any:
        """Prepare a statement without a name, also for a cursor."""
        options |= {"named": False, "use_cache": False}
        return await super()._get_statement(*asked, **options)  # type: ignore[misc]


async def connect(url: str, *, is_shared: bool = False, **options: Any) -> asyncpg.Connection:
    """Connect by a URL as providers give it.

    With `is_shared`, the session is another client's in the next transaction. Raises
    InvalidDatabaseUrl, DatabaseRefused, OSError and errors of the driver.
    """
    read = read_url(url)
    base = options.pop("connection_class", asyncpg.Connection)
    if is_shared:
        base = SharedConnection
        options["statement_cache_size"] = 0
    try:
        with check_url():
            connection: asyncpg.Connection = await asyncpg.connect(
                read.dsn,
                connection_class=in_namespace(base, read.schema),
                timeout=read.connect_seconds_max or CONNECT_SECONDS_MAX,
                server_settings=STARTUP | read.settings,
                ssl=read.tls,
                **options,
            )
    except asyncpg.ClientConfigurationError as error:
        raise InvalidDatabaseUrl(f"the database URL cannot be used: {error}") from None
    except ssl.SSLError as error:
        raise DatabaseRefused(
            f"TLS with the database failed: {_tls_failure(error)}; check sslmode, sslrootcert and "
            "the host in the database URL"
        ) from error
    except REFUSED as error:
        raise DatabaseRefused(f"{error}; {_advice(error)}") from error
    if is_shared:
        return connection  # settings would be those of others, too
    try:
        await connection.execute(_settings(connection), timeout=CONNECT_SECONDS_MAX)
        if read.is_read_only:
            await connection.execute("set default_transaction_read_only = on")
        else:
            await _confirm(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _confirm(connection: asyncpg.Connection) -> None:
    """Wait until a commit is acknowledged, once for each start of a primary.

    After a crash it shows also the commits that no standby has, though it acknowledged none of
    them. They are replicated before any later one. Raises LogUnavailable.
    """
    start = await connection.fetchval(_START, timeout=CONNECT_SECONDS_MAX)
    if start is None or start in _confirmed_starts:
        return
    try:
        await connection.execute(_CONFIRM, timeout=SILENT_SECONDS_MAX)
    except TimeoutError:
        raise LogUnavailable("no standby confirms what the primary commits") from None
    _confirmed_starts.add(start)


def _tls_failure(error: ssl.SSLError) -> str:
    """Describe a failure of TLS: the fault of the server's certificate, if that is the reason."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message}"
    return error.reason or str(error)


def _settings(connection: asyncpg.Connection) -> str:
    """Return the statements that set up a session, sent together."""
    is_17 = connection.get_server_version() >= (17,)
    settings = SETTINGS | SETTINGS_17 if is_17 else SETTINGS
    return "; ".join(f"set {name} = {value!r}" for name, value in settings.items())


async def create_pool(
    url: str,
    *,
    size_max: int = 10,
    is_shared: bool = False,
    connecting: Callable[..., Awaitable[asyncpg.Connection]] = connect,
) -> asyncpg.Pool:
    """Return a pool whose connections are not reset between uses, which saves a round trip.

    So users of a connection set nothing that outlives a transaction. With `is_shared`, the URL
    leads to a pooler in transaction mode. `connecting` makes the connections. Raises
    LogUnavailable, DatabaseRefused and InvalidDatabaseUrl.
    """
    opened: Any = partial(connecting, is_shared=is_shared)  # the stubs leave out its options
    opening = asyncpg.create_pool(
        url,
        connect=opened,
        connection_class=RetryingConnection,
        min_size=0,  # otherwise it complains loudly for as long as the database is away
        max_size=size_max,
        reset=_leave_as_it_is,
        command_timeout=COMMAND_SECONDS_MAX,
    )
    with raise_unavailable_if_lost():
        pool: asyncpg.Pool = await opening
        await pool.release(await pool.acquire())  # that it can be reached is known now
    return pool


async def _leave_as_it_is(_: object) -> None:
    return None


REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedObjectError,  # a parameter of the URL that is no setting of the server
    asyncpg.CantChangeRuntimeParamError,
    asyncpg.InvalidParameterValueError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)
"""Errors by which the server refuses a connection until somebody changes something."""


def _advice(error: BaseException) -> str:
    match error:
        case asyncpg.InvalidPasswordError():
            return "check the password in the database URL, PGPASSWORD or PGPASSFILE"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "check the role in the database URL, and pg_hba.conf on the server"
        case asyncpg.InvalidCatalogNameError():
            return "check the name in the database URL, or create the database"
        case asyncpg.InsufficientPrivilegeError():
            return "grant the role what it lacks, or name another role in the database URL"
        case asyncpg.ObjectNotInPrerequisiteStateError():
            return "let the database allow connections, or name another one"
        case _:
            return "remove or correct that parameter of the database URL"


LOST = (
    LogUnavailable,  # by an attempt to connect again
    OSError,  # ConnectionError and TimeoutError among them
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # it is being closed under our hands
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, cancelled
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a password or role that is being replaced
    asyncpg.InvalidCatalogNameError,  # a database that is being renamed …
    asyncpg.ObjectNotInPrerequisiteStateError,  # … or that allows no connections …
    asyncpg.UndefinedTableError,  # … or that another, without tables, has taken the place of
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
    *CANCELLED,
)
"""Errors which say that the database cannot serve us now. Others say that a statement is wrong."""


@contextmanager
def raise_unavailable_if_lost(*, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn errors of a lost database into LogUnavailable, except those of `but`."""
    try:
        yield
    except but:
        raise
    except LogUnavailable:
        raise
    except LOST as error:
        raise LogUnavailable(str(error) or type(error).__name__) from error
