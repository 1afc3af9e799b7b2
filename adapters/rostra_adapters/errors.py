"""Errors of the adapters that callers catch, all of them a `RostraError`.

Importing this module imports no driver. `rostra_adapters` exports each error.

Errors of the domain stay where the domain raises them, and are no `RostraError`:

- `rostra.Refusal`: a command is refused; `name` is the type of the problem.
- `rostra.log.LogBusy`: too many commands wait, or writes conflict; retry.
- `rostra.log.LogUnavailable`: the log cannot be reached; retry later.
- `rostra.Erased`, `rostra.Damaged`: sealed words whose key is destroyed; that do not open.
- `rostra_projections.cursors.CursorRefused`: a page cannot be read from this cursor.

`rostra_adapters.client.publisher.PublishingRefused` stays with the client, which imports the
domain alone.
"""

from pathlib import Path

from rostra.log import LogUnavailable

__all__ = [
    "BackupRefused",
    "DataFolderError",
    "DatabaseRefused",
    "ErasuresUnreadable",
    "FoldingFailed",
    "InvalidDatabaseUrl",
    "InvalidOption",
    "JwksError",
    "KeysMissing",
    "LocalPostgresError",
    "NeedsPostgres",
    "NewerDatabase",
    "NoMasterKey",
    "NotInstalled",
    "PoolerRefused",
    "ReadOnly",
    "RebuildRefused",
    "RestoreUnfinished",
    "RolesRefused",
    "RostraError",
    "SqliteFileError",
    "TracingError",
    "UnfitDatabase",
    "UnfitTable",
    "ViewBehind",
    "ViewRefused",
    "ViewsNotMade",
    "WrongMasterKey",
]


class RostraError(Exception):
    """Base class of the errors in this module."""


# Opening a Rostra.


class InvalidDatabaseUrl(RostraError, ValueError):
    """The URL of a database cannot be used; the message does not show its password."""


class InvalidOption(RostraError, ValueError):
    """An environment variable or an option has no such value; the message names it."""


class DatabaseRefused(RostraError, LogUnavailable):
    """The server refuses the connection, for example for a wrong password.

    The message says what to change.
    """


class NeedsPostgres(RostraError):
    """A capability is asked for that neither memory nor SQLite has."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} need PostgreSQL: open a postgresql:// URL")


class KeysMissing(RostraError):
    """The database has a log without the tables of persons' keys, as from a partial dump."""

    def __init__(self, schema: str) -> None:
        super().__init__(
            f"the database has a log but no schema {schema} with persons' keys, without which no "
            "word can be read: restore that schema from the same dump; or, to go on without the "
            f"words of before, `create schema {schema}` and start again"
        )


class PoolerRefused(RostraError):
    """The database URL leads to a pooler whose mode Rostra cannot use, or not alone."""

    def __init__(self, *, is_by_statement: bool = False) -> None:
        super().__init__(
            "the database URL leads to a pooler in statement mode, which has no transactions: set "
            "`pool_mode = session`, or `transaction` with --direct-database-url"
            if is_by_statement
            else "the database URL leads to a pooler in transaction mode, where LISTEN and session "
            "locks do not work: give PostgreSQL's own URL, too, by --direct-database-url "
            "(ROSTRA_DIRECT_DATABASE_URL), or let the pooler use session mode"
        )


class UnfitDatabase(RostraError):
    """The database cannot hold a log, because it is not encoded in UTF-8.

    The message says what to do.
    """


class NoMasterKey(RostraError):
    """PostgreSQL keeps persons' keys sealed with a master key, and none was given."""

    def __init__(self) -> None:
        super().__init__("give master_key, or set ROSTRA_MASTER_KEY to 64 hex digits")


class WrongMasterKey(RostraError):
    """Persons' keys are damaged, or sealed with a master key that was not given.

    The message names the master key by its fingerprint.
    """


class RestoreUnfinished(RostraError):
    """A restore did not finish: persons erased since the backup would come back."""

    def __init__(self) -> None:
        super().__init__("a backup was taken back, but not to the end: `rostra restore` again")


class NotInstalled(RostraError):
    """A database lacks tables or functions of the log; the message says which version it has."""

    def __init__(self, version: int, needed: int) -> None:
        super().__init__(
            "there is no log of Rostra in this database: `rostra serve` or `rostra init` makes one"
            if version == 0
            else f"the log's tables are of version {version}, not {needed}, and only their owner "
            "may change them: `rostra init --owner-url URL --serving-role ROLE`, or `rostra "
            "serve` as the owner, brings them up to date"
        )


class NewerDatabase(RostraError):
    """A newer version of Rostra made the database; the message names both schemas."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(
            f"a newer Rostra made this database: its schema is {version}, and this version knows "
            f"those up to {known}; install the newer version again"
        )


class UnfitTable(RostraError):
    """The database has a table of another program with a name that Rostra needs.

    The message names it.
    """


class RolesRefused(RostraError):
    """A role lacks privileges; the message lists them and says how to grant them."""


class ViewsNotMade(RostraError, LogUnavailable):
    """The database has no views of this version of the code."""

    def __init__(self) -> None:
        super().__init__(
            "there are no views of this version of Rostra: `rostra serve`, `rostra project` or "
            "`rostra rebuild` makes them"
        )


class ViewRefused(RostraError):
    """A view of one's own cannot be used: its module, name, tables or events are wrong.

    The message says what to change.
    """


class SqliteFileError(InvalidDatabaseUrl):
    """A file of SQLite cannot be used: its folder is missing, it is broken or read-only."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the SQLite file {path} cannot be used: {reason}")


class ReadOnly(RostraError, LogUnavailable):
    """A Rostra that was opened only to read is asked to write."""

    def __init__(self) -> None:
        super().__init__("this Rostra was opened read-only: open it without `read_only` to write")


# Reading.


class ViewBehind(RostraError):
    """The views have not read as far as the caller asked for; retry."""

    position: int
    """The position up to which the views have read."""
    retry_after_seconds: float

    def __init__(self, position: int, wanted: int, retry_after_seconds: float) -> None:
        super().__init__(f"the views have read up to {position}, not {wanted}")
        self.position = position
        self.retry_after_seconds = retry_after_seconds


# Operating: rebuilds, backups, the data folder, a PostgreSQL of Rostra's own, `rostra serve`.


class RebuildRefused(RostraError):
    """Another rebuild of the views is under way."""


class FoldingFailed(RostraError):
    """A process that folds views for a rebuild failed; the message says how."""


class BackupRefused(RostraError):
    """A backup cannot be made or restored; the message says why."""


class ErasuresUnreadable(RostraError):
    """A line of a file of erasures cannot be decoded; the message names it."""


class DataFolderError(RostraError, RuntimeError):
    """The data folder cannot be used; the message says why."""


class LocalPostgresError(RostraError, RuntimeError):
    """The PostgreSQL of the data folder cannot be run; the message says why."""


class JwksError(RostraError):
    """A file or URL of public keys (JWKS) cannot be used; the message says why."""


class TracingError(RostraError):
    """Traces cannot be exported as the OTEL_… variables ask; the message says why."""
