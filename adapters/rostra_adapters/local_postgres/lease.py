"""A PostgreSQL of our own in a data folder, shared by all processes that use the folder.

    DATA/lock               held alone while the server is started or stopped
    DATA/postgres/holders   held with others for as long as the server is used
    DATA/postgres/cluster   PostgreSQL's data
    DATA/postgres/log       what PostgreSQL says
    DATA/postgres/run       its socket, the only way in

Nobody is counted: who can hold `holders` alone is the last, and stops the server. The kernel lets
go for a process that was killed; if that was the last one, the server runs on until another
process has come and gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rostra_adapters.data_folder.folder import exclusively, is_shared, make_data_folder, share
from rostra_adapters.errors import LocalPostgresError
from rostra_adapters.local_postgres.cluster import Cluster, open_cluster, postmaster_pid

__all__ = ["Lease", "LocalPostgresError", "local_postgres", "postmaster_pid", "start"]

START_SECONDS_MAX = 120.0  # a crash's WAL may have to be read again


@dataclass(slots=True)
class Lease:
    """One process's part in the server, which stays at least until the lease is released."""

    data: Path
    cluster: Cluster
    _holder: int | None = field(repr=False)

    @property
    def url(self) -> str:
        """What asyncpg and psycopg connect to."""
        return self.cluster.url

    def revive(self, *, wait_seconds_max: float = START_SECONDS_MAX) -> None:
        """Starts the server again if it has died; does nothing if it answers."""
        with exclusively(self.data / "lock", wait_seconds_max=wait_seconds_max):
            self.cluster.start_unless_answering(wait_seconds_max=wait_seconds_max)

    def release(self) -> bool:
        """Stops the server if nobody else uses it, and says whether it did so."""
        if self._holder is None:
            return False
        with exclusively(self.data / "lock", wait_seconds_max=START_SECONDS_MAX):
            # Closed, not unlocked: a forked child that has the same descriptor holds on.
            os.close(self._holder)
            self._holder = None
            if is_shared(_holders(self.data)):
                return False
            self.cluster.stop()
            return True


def start(
    data: Path, *, durable: bool = True, wait_seconds_max: float = START_SECONDS_MAX
) -> Lease:
    """Joins the server of a data folder, after making and starting it if need be.

    `durable=False` is for tests: fsync is off. Who starts the server decides that for all.
    Raises LocalPostgresError, or DataFolderError where another process never lets go of the lock.
    """
    make_data_folder(data)
    data = data.resolve()
    with exclusively(data / "lock", wait_seconds_max=wait_seconds_max):
        cluster = open_cluster(data, durable=durable)
        holder = share(_holders(data))
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
    """The same for as long as the block lasts, without holding up the event loop."""
    starting = asyncio.ensure_future(
        asyncio.to_thread(start, data, durable=durable, wait_seconds_max=wait_seconds_max)
    )
    try:
        lease = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread cannot be stopped half-way: what it will have started is given back.
        lease = await starting
        await asyncio.to_thread(lease.release)
        raise
    try:
        yield lease
    finally:
        await asyncio.to_thread(lease.release)


def _holders(data: Path) -> Path:
    return data / "postgres" / "holders"
