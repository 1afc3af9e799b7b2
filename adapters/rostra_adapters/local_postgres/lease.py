"""A local PostgreSQL in a data folder, shared by all processes that use the folder.

    DATA/lock               locked exclusively while the server is started or stopped
    DATA/postgres/holders   locked shared by each process that uses the server
    DATA/postgres/cluster   PostgreSQL's data
    DATA/postgres/log       PostgreSQL's log
    DATA/postgres/run       the Unix socket; the server listens nowhere else

Processes are not counted. A process that releases its lease stops the server if no other process
holds `holders`. The kernel releases the lock of a killed process. If that was the last one, the
server runs until the next process releases its lease.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rostra_adapters.data_folder.folder import (
    acquire_shared_lock,
    exclusive_lock,
    is_locked,
    make_data_folder,
)
from rostra_adapters.errors import LocalPostgresError
from rostra_adapters.local_postgres.cluster import Cluster, open_cluster, postmaster_pid

__all__ = ["Lease", "LocalPostgresError", "local_postgres", "postmaster_pid", "start"]

START_SECONDS_MAX = 120.0  # after a crash PostgreSQL replays its WAL first


@dataclass(slots=True)
class Lease:
    """Use of the server by one process; the server runs at least until the lease is released."""

    data: Path
    cluster: Cluster
    _holder: int | None = field(repr=False)

    @property
    def url(self) -> str:
        """URL of the database, for asyncpg and psycopg."""
        return self.cluster.url

    def revive(self, *, wait_seconds_max: float = START_SECONDS_MAX) -> None:
        """Start the server again if it has died.

        Raises LocalPostgresError, and DataFolderError if the lock is not free in time.
        """
        with exclusive_lock(self.data / "lock", wait_seconds_max=wait_seconds_max):
            self.cluster.start_unless_answering(wait_seconds_max=wait_seconds_max)

    def release(self) -> bool:
        """Release the lease; stop the server and return True if no other process uses it.

        Raises LocalPostgresError, and DataFolderError if the lock is not free in time.
        """
        if self._holder is None:
            return False
        with exclusive_lock(self.data / "lock", wait_seconds_max=START_SECONDS_MAX):
            # Closed, not unlocked: a forked child that has the same descriptor holds on.
            os.close(self._holder)
            self._holder = None
            if is_locked(_holders(self.data)):
                return False
            self.cluster.stop()
            return True


def start(
    data: Path, *, durable: bool = True, wait_seconds_max: float = START_SECONDS_MAX
) -> Lease:
    """Lease the server of a data folder; make and start it if needed.

    `durable=False` is for tests: fsync is off. It has no effect on a server that runs already.
    Raises LocalPostgresError, and DataFolderError if the lock is not free in time.
    """
    make_data_folder(data)
    data = data.resolve()
    with exclusive_lock(data / "lock", wait_seconds_max=wait_seconds_max):
        cluster = open_cluster(data, durable=durable)
        holder = acquire_shared_lock(_holders(data))
        try:
            cluster.make_unless_there()
            cluster.start_unless_answering(wait_seconds_max=wait_seconds_max)
        except BaseException:
            os.close(holder)
            raise
        return Lease(data, cluster, holder)


@asynccontextmanager
async def local_postgres(
    data: Path, *, durable: bool = True, wait_seconds_max: float = START_SECONDS_MAX
) -> AsyncIterator[Lease]:
    """Lease the server while the block runs, without blocking the event loop.

    Raises the errors of `start`.
    """
    starting = asyncio.ensure_future(
        asyncio.to_thread(start, data, durable=durable, wait_seconds_max=wait_seconds_max)
    )
    try:
        lease = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread cannot be cancelled: wait for its lease and release it.
        lease = await starting
        await asyncio.to_thread(lease.release)
        raise
    try:
        yield lease
    finally:
        await asyncio.to_thread(lease.release)


def _holders(data: Path) -> Path:
    return data / "postgres" / "holders"
