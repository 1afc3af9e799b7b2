"""The key ring in PostgreSQL: schema `rostra_keys`, which a backup of the log may leave out."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg

from rostra.log import LogUnavailable
from rostra_adapters.keys.ring import MasterKeys, StoredKey, StoredKeyRing
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.keys.erasures import STALE_SECONDS, Erasures
from rostra_adapters.postgres.namespace import names_of

FIND = """
select owner, key_id, wrapped, master, erasures
from rostra_keys.person_keys
where owner = any($1::uuid[]) and wrapped is not null
"""
# In one snapshot: a standby that has an erasure has no key from before it.
FIND_REPLAYED = """
select last.number, owner, key_id, wrapped, master, erasures
from (select coalesce(max(number), 0) as number from rostra_keys.erased_keys) last
left join rostra_keys.person_keys on owner = any($1::uuid[]) and wrapped is not null
"""
# In order of owner everywhere, so that two processes never wait for each other.
STORE = """
insert into rostra_keys.person_keys (owner, key_id, wrapped, master, erasures)
select owner, key_id, wrapped, master, erasures
from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[])
    as made (owner, key_id, wrapped, master, erasures)
order by owner
on conflict (owner) do update
set key_id = excluded.key_id, wrapped = excluded.wrapped, master = excluded.master,
    made_at = clock_timestamp(), erasures = excluded.erasures
where person_keys.erasures < excluded.erasures
    or person_keys.wrapped is null and person_keys.erasures = excluded.erasures
"""
# A caller that makes such a key meanwhile waits for this row, and then finds the erasure.
DESTROY = """
insert into rostra_keys.person_keys (owner, erasures)
select owner, erasures from unnest($1::uuid[], $2::bigint[]) as erased (owner, erasures)
order by owner
on conflict (owner) do update
set key_id = null, wrapped = null, master = null, erasures = excluded.erasures
where person_keys.erasures < excluded.erasures
"""
FLUSHED = """
select set_config('synchronous_commit', 'on', true)
where current_setting('synchronous_commit') in ('off', 'local')
"""
ONE_AT_A_TIME = "lock table rostra_keys.erased_keys in share row exclusive mode"
ANNOUNCE = """
insert into rostra_keys.erased_keys (number, owner)
select coalesce((select max(number) from rostra_keys.erased_keys), 0) + row_number() over (), owner
from unnest($1::uuid[]) as erased (owner)
"""
FORMER = """
select owner, key_id, wrapped, master, erasures
from rostra_keys.person_keys
where master <> $1
order by owner
limit $2
for update
"""
# Once this lock is held, keys in the making are stored, and later makers see these rows.
MAKING = "lock table rostra_keys.person_keys in row exclusive mode"
MADE = "lock table rostra_keys.person_keys in share mode"
MASTERS = "select master from rostra_keys.master_keys"
# For databases that were made before the table `master_keys`.
MASTERS_OF_KEYS = """
select distinct master from rostra_keys.person_keys where wrapped is not null
"""
# One process after the other: two new master keys of one new database would be refused later.
ONE_NOTES = "lock table rostra_keys.master_keys in share row exclusive mode"
NOTE = "insert into rostra_keys.master_keys (master) values ($1) on conflict do nothing"
FORGET_FORMER = "delete from rostra_keys.master_keys where master <> $1"
REWRAP = """
update rostra_keys.person_keys as kept
set wrapped = fresh.wrapped, master = fresh.master
from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as fresh (owner, wrapped, master)
where kept.owner = fresh.owner
"""


class PostgresKeyRing(StoredKeyRing):
    """Keys in PostgreSQL. `schema.install` must have been run.

    Opened as a context manager, it learns of keys that other processes destroy; else it is for one
    process alone. With `is_read_only` it loads keys anew each time, since no process waits for it
    when keys are destroyed. With a `primary`, `pool` leads to a standby of it: keys are used for
    `stale_seconds` after the last erasures that the standby is known to have; then loading them
    raises LogUnavailable.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        masters: MasterKeys,
        *,
        listening: asyncpg.Pool | None = None,
        is_read_only: bool = False,
        primary: asyncpg.Pool | None = None,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        super().__init__(masters)
        self._pool = pool
        self._primary = primary
        if primary is None:
            self._erasures = Erasures(pool, masters.current, self.receive, listening)
        else:
            self._erasures = Erasures(
                primary,
                masters.current,
                self.receive,
                standby=pool,
                trusted_seconds=stale_seconds,
            )
        self._is_read_only = is_read_only

    async def __aenter__(self) -> "PostgresKeyRing":
        if self._is_read_only:
            with raise_unavailable_if_lost():
                async with self._pool.acquire() as connection:
                    self._masters.check(await used_masters(connection))
            if self._primary is None:
                return self
        else:
            await self._check_masters()
        await self._erasures.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._erasures.close()

    @property
    def is_current(self) -> bool:
        if self._primary is not None:
            return self._erasures.is_current
        return not self._is_read_only and self._erasures.is_current

    def note_log(self, log: UUID) -> None:
        """Use no keys before it is known what was erased in this log."""
        self._erasures.note_log(log)

    async def behind_seconds(self) -> float:
        """Age of the newest state of the primary that is known to have been replayed here."""
        return self._erasures.behind_seconds

    async def wait_for_destruction(self) -> None:
        await self._erasures.wait_for_destruction()

    async def of_other_masters(self) -> int:
        return await self._erasures.of_other_masters()

    async def _check_masters(self) -> None:
        """Note the master key. Raises WrongMasterKey if one that was noted is not given."""
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(ONE_NOTES)
                self._masters.check(await used_masters(connection))
                await connection.execute(NOTE, self._masters.current)

    async def _find(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        if self._primary is not None:
            return await self._find_replayed(owners)
        with raise_unavailable_if_lost():
            rows = await self._pool.fetch(FIND, owners)
        return [StoredKey(*row) for row in rows]

    async def _find_replayed(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        """Find keys on a standby that has all erasures whose keys this process has dropped.

        Raises LogUnavailable. The standby may be another one than at the last look.
        """
        forgotten = self._erasures.forgotten
        if self._erasures.is_current:
            with raise_unavailable_if_lost():
                rows = await self._pool.fetch(FIND_REPLAYED, owners)
            if rows[0][0] >= forgotten:
                return [StoredKey(*row[1:]) for row in rows if row[1] is not None]
        raise LogUnavailable("words are not shown: the standby may lack erasures of its primary")

    async def _store(self, keys: Sequence[StoredKey]) -> None:
        former = self._masters.former
        with raise_unavailable_if_lost():
            if former is None:
                await _insert(self._pool, keys)
                return
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(MAKING)
                if await self._erasures.of_master(connection, former):  # it must open them, too
                    keys = [self._wrapped_afresh(key, former) for key in keys]
                await _insert(connection, keys)

    async def _destroy(self, erasures: Mapping[UUID, int]) -> None:
        owners = list(erasures)
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(FLUSHED)
                await connection.execute(ONE_AT_A_TIME)
                await connection.execute(DESTROY, owners, [erasures[owner] for owner in owners])
                await connection.execute(ANNOUNCE, owners)
                channel = names_of(connection).channel(locks.ERASURES)
                await connection.execute("select pg_notify($1, '')", channel)

    async def _rewrap(self, limit: int) -> int:
        current = self._masters.current
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                former = await connection.fetch(FORMER, current, limit)
                if not former:
                    await connection.execute(MADE)
                    former = await connection.fetch(FORMER, current, limit)
                if not former:
                    await connection.execute(FORGET_FORMER, current)
                fresh = [self._wrapped_afresh(StoredKey(*row), current) for row in former]
                await connection.execute(
                    REWRAP,
                    [key.owner for key in fresh],
                    [key.wrapped for key in fresh],
                    [key.master for key in fresh],
                )
        return len(former)


async def used_masters(connection: Connection) -> list[bytes]:
    """Return the fingerprints of the master keys without which words stay unreadable."""
    for statement in (MASTERS, MASTERS_OF_KEYS):
        with suppress(asyncpg.UndefinedTableError):
            return [record[0] for record in await connection.fetch(statement)]
    return []


async def _insert(asked: asyncpg.Pool | Connection, keys: Sequence[StoredKey]) -> None:
    await asked.execute(
        STORE,
        [key.owner for key in keys],
        [key.key_id for key in keys],
        [key.wrapped for key in keys],
        [key.master for key in keys],
        [key.erasures for key in keys],
    )
