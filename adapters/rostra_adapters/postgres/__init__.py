"""The log and the keys in PostgreSQL."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rostra_adapters.postgres.connect import create_pool
    from rostra_adapters.postgres.keys.ring import PostgresKeyRing
    from rostra_adapters.postgres.log.event_log import PostgresLog
    from rostra_adapters.postgres.schema import install

__all__ = ["PostgresKeyRing", "PostgresLog", "create_pool", "install"]

_MODULES = {
    "PostgresKeyRing": "keys.ring",
    "PostgresLog": "log.event_log",
    "create_pool": "connect",
    "install": "schema",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first read: a process that folds needs neither log nor keys."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
