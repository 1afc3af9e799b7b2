"""Environment of the processes that Rostra starts."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECRET_PREFIXES = ("ROSTRA_", "PGPASS", "PGSSLPASSWORD", "OTEL_EXPORTER_OTLP")
"""Beginnings of the names of variables that may hold a secret. All of Rostra's own are left out,
so that a new one is kept from children without being listed here."""
DATABASE_PASSWORDS = ("PGPASSWORD", "PGPASSFILE")
"""Variables that a child needs that connects to PostgreSQL by itself."""


def environment_without_secrets(*needed: str) -> dict[str, str]:
    """Return this process's environment without secrets, apart from the `needed` names."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in needed or not name.startswith(SECRET_PREFIXES)
    }


def python_environment(*needed: str) -> dict[str, str]:
    """Return the environment of a child that runs Python with this process's import path."""
    path = os.pathsep.join(filter(None, sys.path))
    return environment_without_secrets(*needed) | {"PYTHONPATH": path}


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Take the secrets out of this process's environment while the block runs: for children
    whose environment cannot be given."""
    hidden = os.environ.keys() - environment_without_secrets().keys()
    kept = {name: os.environ.pop(name) for name in hidden}
    try:
        yield
    finally:
        os.environ.update(kept)
