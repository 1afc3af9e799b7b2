"""Rostra's adapters: PostgreSQL, stock recorders, HTTP, and the command line.

`async with rostra_adapters.open(url) as app` is all of it for an app of your own. The errors
that it catches are here too; each is a `RostraError` (see `rostra_adapters.errors`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rostra_adapters.application.app import App
    from rostra_adapters.composition.opening import open  # noqa: A004  # it opens a Rostra
    from rostra_adapters.errors import (
        BackupRefused,
        DatabaseRefused,
        DataFolderError,
        ErasuresUnreadable,
        FoldingFailed,
        InvalidDatabaseUrl,
        InvalidOption,
        JwksError,
        KeysMissing,
        LocalPostgresError,
        NeedsPostgres,
        NewerDatabase,
        NoMasterKey,
        NotInstalled,
        PoolerRefused,
        ReadOnly,
        RebuildRefused,
        RestoreUnfinished,
        RolesRefused,
        RostraError,
        SqliteFileError,
        TracingError,
        UnfitDatabase,
        UnfitTable,
        ViewBehind,
        ViewRefused,
        ViewsNotMade,
        WrongMasterKey,
    )

__all__ = [
    "App",
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
    "open",
]

_MODULES = {"App": "application.app", "open": "composition.opening"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first read: `rostra --help` needs no driver."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
