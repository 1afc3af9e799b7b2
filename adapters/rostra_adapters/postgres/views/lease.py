"""Lease of the process that projects: a session lock and a visible heartbeat.

The lock is free as soon as the connection of its holder ends. A holder that is stopped keeps its
connection, so a heartbeat shows that it lives. Once that is older than the lease, a waiting process
ends the connection on the server. That rolls back an unfinished page and frees the lock. The
checkpoint fences every projector as well.
"""

import os
import socket
from uuid import uuid4

import asyncpg

from rostra_adapters.application.ports import ProjectorStatus
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of
from rostra_adapters.postgres.views.lineage import OURS, Lineage

LEASE_SECONDS = 10.0
BEATS_A_LEASE = 4

_TRY_LOCK = "select pg_try_advisory_lock($1)"
_HOLDS_LOCK = """
l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32 | l.objid::bigint) = $2"""
_TAKE = """
insert into public.rostra_projectors as held
    (lineage, process, host, pid, backend, since, beat_at, lease_seconds, position,
    events_per_second)
values ($1, $2, $3, $4, pg_backend_pid(), clock_timestamp(), clock_timestamp(), $5, 0, 0)
on conflict (lineage) do update set
    process = excluded.process, host = excluded.host, pid = excluded.pid,
    backend = excluded.backend, since = excluded.since, beat_at = excluded.beat_at,
    lease_seconds = excluded.lease_seconds, position = 0, events_per_second = 0"""
# A new holder has another backend than the row of the last one.
_END_STOPPED = f"""
select held.host, held.pid, pg_terminate_backend(l.pid)
from public.rostra_projectors held
join pg_locks l on l.pid = held.backend
where held.lineage = $1
    and held.beat_at < clock_timestamp() - held.lease_seconds * interval '1 second'
    and {_HOLDS_LOCK}"""
_BEAT = f"""
update public.rostra_projectors held set
    events_per_second = case when held.position > 0
        then greatest($4 - held.position, 0)
            / greatest(extract(epoch from clock_timestamp() - held.beat_at), 0.001)
        else 0 end,
    position = $4, beat_at = clock_timestamp()
where lineage = $1 and process = $3
    and exists (select from pg_locks l where l.pid = held.backend and {_HOLDS_LOCK})
returning true"""
_STATUS = """
select host, pid, since, extract(epoch from clock_timestamp() - beat_at)::float8, lease_seconds,
    events_per_second
from public.rostra_projectors where lineage = $1"""


class ProjectorLease:
    """Lease as one process takes and keeps it. `seconds` bound the time without a heartbeat."""

    def __init__(self, pool: asyncpg.Pool, seconds: float, lineage: Lineage = OURS) -> None:
        self._pool = pool
        self._lineage = lineage
        self._seconds = seconds
        self._process = uuid4()

    @property
    def beat_seconds(self) -> float:
        """Seconds between heartbeats."""
        return self._seconds / BEATS_A_LEASE

    async def acquire(self, connection: Connection) -> bool:
        """Take the lease for the time of a connection. Return whether it was free."""
        if not await connection.fetchval(_TRY_LOCK, self._lock(connection)):
            return False
        await connection.execute(
            _TAKE,
            self._lineage.name,
            self._process,
            socket.gethostname(),
            os.getpid(),
            self._seconds,
        )
        return True

    async def end_holder(self, connection: Connection) -> str | None:
        """End the connection of a holder without heartbeat. Return the holder's name, if any."""
        record = await connection.fetchrow(_END_STOPPED, self._lineage.name, self._lock(connection))
        return None if record is None else f"{record[0]}:{record[1]}"

    async def beat(self, position: int) -> bool:
        """Record a heartbeat. Return False if the lock is lost."""
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection:
                beat = self._lineage.name, self._lock(connection), self._process, position
                return bool(await connection.fetchval(_BEAT, *beat))

    def _lock(self, connection: Connection) -> int:
        return names_of(connection).lock(self._lineage.lock)


async def read_projector(connection: Connection, lineage: Lineage = OURS) -> ProjectorStatus | None:
    """Return the last holder of the lease; None before the first."""
    record = await connection.fetchrow(_STATUS, lineage.name)
    return None if record is None else ProjectorStatus(*record)
