"""Databases of tests: copies of a template, dropped once they are no longer used."""

from collections import deque
from itertools import count

import psycopg

from rostra_adapters.local_postgres.lease import Lease

USED_KEPT = 8


class Databases:
    """Databases of one worker on the run's server."""

    def __init__(self, server: Lease, operator: psycopg.Connection, worker: str) -> None:
        self._server = server
        self._operator = operator
        self._worker = worker
        self._numbers = count(1)
        self._used: deque[str] = deque()

    def copy(self, template: str, *, is_kept: bool = False) -> str:
        """Copy a database and return the copy's URL.

        The copy is dropped a few tests later, unless it is kept until the server ends.
        """
        # Not at once: a session takes a moment to end, and a drop waits 0.1 s for it.
        if len(self._used) > USED_KEPT:
            self._execute(f"drop database {self._used.popleft()} with (force)")
        name = f"test_{self._worker}_{next(self._numbers)}"
        # Five times as quick as the default, which writes the copy into the WAL as well.
        self._execute(f"create database {name} template {template} strategy file_copy")
        if not is_kept:
            self._used.append(name)
        return url_of(self._server, name)

    def _execute(self, statement: str) -> None:
        self._operator.execute(statement.encode())


def url_of(server: Lease, database: str) -> str:
    """Return the URL of another database of a server."""
    return server.url.replace("/rostra?", f"/{database}?")
