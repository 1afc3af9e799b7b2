"""Environment of the processes that Rostra starts."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECRET_PREFIXES = ("ROSTRA_", "PGPASS", "PGSSLPASSWORD", "OTEL_EXPORTER_OTLP")
"""Prefixes of the names of variables that may hold a secret. All of Rostra's own count, so that a
new secret is hidden from children without being listed here."""
DATABASE_PASSWORDS = ("PGPASSWORD", "PGPASSFILE")
"""Variables that a child process needs to connect to PostgreSQL by itself."""


def environment_without_secrets(*needed: str) -> dict[str, str]:
    """Return this process's environment without secrets, except for the `needed` variables."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in needed or not name.startswith(SECRET_PREFIXES)
    }


def python_environment(*needed: str) -> dict[str, str]:
    """Return the environment of a child that runs Python with this process's import path.

    Secrets are left out, except for the `needed` variables.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return environment_without_secrets(*needed) | {"PYTHONPATH": path}


@contextmanager
def hide_secrets() -> Iterator[None]:
    """Remove the secrets from this process's environment while the block runs.

    For starting children through an interface that takes no environment.
    """
    hidden = os.environ.keys() - environment_without_secrets().keys()
    kept = {name: os.environ.pop(name) for name in hidden}
    try:
        yield
    finally:
        os.environ.update(kept)
