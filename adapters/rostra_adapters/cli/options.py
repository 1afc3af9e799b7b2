"""Options of several commands, and opening the database that they name."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from rostra_adapters.cli.terminal import say

F = TypeVar("F", bound=Callable[..., Any])

SECRET = "ROSTRA_SECRET"  # noqa: S105  # the name of a variable
SECRET_PREVIOUS = "ROSTRA_SECRET_PREVIOUS"  # noqa: S105  # likewise
MASTER_KEY = "ROSTRA_MASTER_KEY"


class RateType(click.ParamType):  # type: ignore[type-arg]  # generic since 8.3 alone
    """Rate like 600/10: requests at once, and requests a second from then on."""

    name = "burst/per second"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, float] | None:
        if not isinstance(value, str) or value == "off":
            return None if value == "off" else value
        burst, _, per_second = value.partition("/")
        try:
            rate = int(burst), float(per_second)
        except ValueError:
            rate = 0, 0.0
        if rate[0] < 1 or not 0 < rate[1] < inf:
            self.fail(f"{value!r} is no rate: write it like 600/10, or `off`", param, ctx)
        return rate


class Misconfigured(click.ClickException):
    """Setting or database that a command cannot run with. The exit code is 2."""

    exit_code = 2


RATE = RateType()
DATA = Path("rostra-data")
DEFAULT_SCHEMA = "public"

option = partial(click.option, show_envvar=True)
"""An option whose help names its variable."""


own_views = option(
    "--views",
    "own",
    metavar="MODULE",
    multiple=True,
    envvar="ROSTRA_VIEWS",
    help="Python module with views of your own, or several by comma; may be given several times. "
    "All processes of a Rostra need it.",
)


class DatabaseLocation(msgspec.Struct, frozen=True):
    """Location of the log."""

    data: Path
    """Data folder, whose PostgreSQL has the log unless a URL is given."""
    database_url: str | None
    """URL of the operator's own PostgreSQL."""
    schema: str = DEFAULT_SCHEMA
    """Schema of the log's tables and views."""
    direct_url: str | None = None
    """URL of that PostgreSQL itself, where the other one leads to a pooler."""


def place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where the log is, as one argument `where`.

    The secrets are in the data folder in both cases.
    """

    @wraps(command)
    def located(
        *,
        data: Path,
        database_url: str | None,
        database_url_file: Path | None,
        direct_database_url: str | None,
        schema: str,
        **given: Any,
    ) -> Any:
        if database_url_file is not None:
            if database_url is not None:
                raise click.UsageError("give --database-url or --database-url-file, not both")
            database_url = f"file:{database_url_file.absolute()}"
        location = DatabaseLocation(data, database_url or None, schema, direct_database_url or None)
        return command(where=location, **given)

    with_options: Callable[..., Any] = located
    for with_option in (
        schema,
        option(
            "--direct-database-url",
            metavar="URL",
            envvar="ROSTRA_DIRECT_DATABASE_URL",
            help="URL of PostgreSQL itself, if --database-url leads to a pooler in transaction "
            "mode. It is used to listen, to project and to rebuild.",
        ),
        option(
            "--database-url-file",
            metavar="FILE",
            envvar="ROSTRA_DATABASE_URL_FILE",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="File that holds the database URL. It is read again for each connection, so that "
            "a password can be replaced while services run.",
        ),
        option(
            "--database-url",
            metavar="URL",
            envvar="ROSTRA_DATABASE_URL",
            help="URL of your own PostgreSQL, instead of the one in the data folder. Give a URL "
            "with a password by the variable: others can see options in the list of processes.",
        ),
        data,
    ):
        with_options = with_option(with_options)
    return with_options


def schema(command: F) -> F:
    """Add `--schema`."""
    return option(
        "--schema",
        metavar="NAME",
        envvar="ROSTRA_SCHEMA",
        default=DEFAULT_SCHEMA,
        show_default=True,
        help="Schema of the log's tables and views, for several Rostras in one database.",
    )(command)


def data(command: F) -> F:
    """Add `--data`."""
    return option(
        "--data",
        metavar="DIR",
        envvar="ROSTRA_DATA",
        type=click.Path(path_type=Path, file_okay=False),
        default=DATA,
        show_default=True,
        help="Data folder, with secrets and the local database.",
    )(command)


def secret_of(folder: Path, *, make: bool) -> str | None:
    """Return the secret that signs tokens, from the environment or else the data folder.

    If there is none, make one if `make` is true, else return None. Raises ClickException.
    """
    from rostra_adapters.data_folder import folder as data_folder
    from rostra_adapters.errors import DataFolderError

    if given := os.environ.get(SECRET):
        return given
    try:
        there = (folder / "secret").exists()
        if not there and not make:
            return None
        if not there:
            say(f"a new secret is in {folder}", err=True)
        return data_folder.secret(folder)
    except (OSError, DataFolderError) as error:
        raise click.ClickException(f"the secret in {folder} cannot be read: {error}") from None


def master_key_of(folder: Path) -> bytes:
    """Return the master key, from the environment or else the data folder.

    While the key is being replaced, return the new one followed by the former one. Raises
    ClickException.
    """
    from rostra_adapters.data_folder import folder as data_folder
    from rostra_adapters.errors import DataFolderError

    try:
        text = os.environ.get(MASTER_KEY) or data_folder.master_key(folder)
        keys = [bytes.fromhex(key) for key in text.split(",")]
    except ValueError:
        raise click.ClickException(f"{MASTER_KEY} is not hex digits") from None
    except (OSError, DataFolderError) as error:
        raise click.ClickException(f"the key in {folder} cannot be read: {error}") from None
    if any(len(key) != data_folder.SECRET_BYTES for key in keys):
        raise click.ClickException(f"{MASTER_KEY} is not {2 * data_folder.SECRET_BYTES} hex digits")
    return b"".join(keys)


async def master_key_or_new(folder: Path, url: str) -> bytes:
    """Return the master key, made at first use unless the database names one already.

    Raises ClickException and WrongMasterKey.
    """
    if not has_master_key(folder):
        from rostra_adapters.composition.on_postgres import check_no_master_key

        await check_no_master_key(url)
    return master_key_of(folder)


def has_master_key(folder: Path) -> bool:
    """Return True if a master key is given by the environment or the data folder."""
    return bool(os.environ.get(MASTER_KEY)) or (folder / "master-key").exists()


def erasures_of(folder: Path) -> Path:
    """Return the path of the file of erasures, from the environment or in the data folder."""
    from rostra_adapters.data_folder import erasures_file

    named = os.environ.get(erasures_file.VARIABLE)
    return Path(named) if named else folder / erasures_file.FILE


def check_erasures_file(folder: Path) -> None:
    """Raise UsageError if the folder of the file of erasures does not exist."""
    if not erasures_of(folder).parent.is_dir():
        raise click.UsageError(
            f"there is no {folder}, in which the service keeps its file of erasures: name the "
            "service's folder by --data, or that file by ROSTRA_ERASURES"
        )


def make_erasures_folder(folder: Path) -> None:
    """Make the data folder if it holds the file of erasures. Raises ClickException."""
    from rostra_adapters.data_folder.folder import make_data_folder

    if erasures_of(folder).parent != folder:
        return
    try:
        make_data_folder(folder)
    except OSError as error:
        raise Misconfigured(
            f"the data folder cannot be made: {error}; name a folder that can be written by "
            "--data, or a file for erasures by ROSTRA_ERASURES"
        ) from None


def run(work: Callable[[], Any]) -> Any:
    """Run a coroutine on uvloop; what an operator can mend becomes a message.

    The exit code is 2 where settings or the database must change first, else 1.
    """
    import asyncio

    import uvloop

    from rostra.log import LogUnavailable
    from rostra_adapters import errors

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work())
    except (
        errors.DatabaseRefused,
        errors.InvalidDatabaseUrl,
        errors.InvalidOption,
        errors.KeysMissing,
        errors.NewerDatabase,
        errors.NoMasterKey,
        errors.NotInstalled,
        errors.PoolerRefused,
        errors.RebuildRefused,
        errors.RolesRefused,
        errors.UnfitDatabase,
        errors.UnfitTable,
        errors.ViewRefused,
        errors.WrongMasterKey,
    ) as error:
        raise Misconfigured(str(error)) from None
    except (
        errors.DataFolderError,
        errors.LocalPostgresError,
        errors.RestoreUnfinished,
        errors.ViewsNotMade,
    ) as error:
        raise click.ClickException(str(error)) from None
    except LogUnavailable as error:
        raise click.ClickException(f"the database is away: {error}") from None


@asynccontextmanager
async def open_app(
    where: DatabaseLocation,
    *,
    make: bool = False,
    read_only: bool = False,
    views: tuple[str, ...] = (),
) -> AsyncIterator[Any]:
    """Open the App for a command. It does not project: the service does.

    With `make`, views that do not exist are made. `views` are modules with views of one's own.
    Raises ClickException if there is no data folder.
    """
    import rostra_adapters

    check_data_folder(where)
    async with (
        database(where) as (url, _),
        rostra_adapters.open(
            url,
            master_key=master_key_of(where.data),
            project=False,
            make=make,
            read_only=read_only,
            erasures=erasures_of(where.data),
            views=views,
        ) as app,
    ):
        yield app


def check_data_folder(where: DatabaseLocation, *, is_key_needed: bool = True) -> None:
    """Raise UsageError if the command needs a data folder or key that does not exist."""
    missing = [
        name
        for name, is_needed in (
            ("postgres/cluster", where.database_url is None),
            ("master-key", is_key_needed and not has_master_key(where.data)),
        )
        if is_needed and not (where.data / name).exists()
    ]
    if missing:
        raise click.UsageError(
            f"there is no {' and no '.join(missing)} in {where.data}: --data names another "
            "folder, and `rostra serve` or `rostra init` makes one"
        )


def pooled_url(where: DatabaseLocation) -> str | None:
    """Return the URL of the pooler, if a direct one is given as well."""
    from rostra_adapters.postgres.database_url import with_schema

    if where.database_url is None or where.direct_url is None:
        return None
    return with_schema(where.database_url, where.schema)


@asynccontextmanager
async def database(where: DatabaseLocation) -> AsyncIterator[tuple[str, Any]]:
    """Yield the URL of the database, and the lease of the data folder's server if it is used."""
    from rostra_adapters.postgres.database_url import with_schema

    if where.database_url is not None:
        yield with_schema(where.direct_url or where.database_url, where.schema), None
        return
    from rostra_adapters.local_postgres.lease import local_postgres

    async with local_postgres(where.data) as lease:
        yield with_schema(lease.url, where.schema), lease
