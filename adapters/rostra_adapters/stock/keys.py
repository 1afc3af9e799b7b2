"""Key rings of one process: in memory, and in SQLite."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from eventsourcing.sqlite import SQLiteDatastore

from rostra_adapters.keys.ring import KEY_BYTES, MasterKeys, StoredKey, StoredKeyRing
from rostra_adapters.stock import schema


class MemoryKeyRing(StoredKeyRing):
    """Gone with the process, as the log it is for."""

    def __init__(self) -> None:
        super().__init__(MasterKeys(secrets.token_bytes(KEY_BYTES)))
        self._stored: dict[UUID, StoredKey] = {}
        self._erasures: dict[UUID, int] = {}

    async def _find(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        return [self._stored[owner] for owner in owners if owner in self._stored]

    async def _store(self, keys: Sequence[StoredKey]) -> None:
        for key in keys:
            stored = self._stored.get(key.owner)
            newer = stored is None or stored.erasures < key.erasures
            if newer and key.erasures >= self._erasures.get(key.owner, 0):
                self._stored[key.owner] = key

    async def _destroy(self, erasures: Mapping[UUID, int]) -> None:
        for owner, count in erasures.items():
            self._erasures[owner] = max(count, self._erasures.get(owner, 0))
            if owner in self._stored and self._stored[owner].erasures < count:
                del self._stored[owner]

    async def _rewrap(self, limit: int) -> int:  # noqa: ARG002  # as the others
        return 0


class SqliteKeyRing(StoredKeyRing):
    """A table beside the events of a stock SQLite recorder.

    Raises WrongMasterKey and NewerDatabase.
    """

    _INSERT = """
    insert into rostra_person_keys (owner, key_id, wrapped, master, erasures)
    values (?, ?, ?, ?, ?)
    on conflict (owner) do update set key_id = excluded.key_id, wrapped = excluded.wrapped,
        master = excluded.master, erasures = excluded.erasures
    where rostra_person_keys.erasures < excluded.erasures
        or rostra_person_keys.wrapped is null
        and rostra_person_keys.erasures = excluded.erasures
    """
    _SELECT = """
    select owner, key_id, wrapped, master, erasures from rostra_person_keys
    where owner = ? and wrapped is not null
    """
    _DESTROY = """
    insert into rostra_person_keys (owner, erasures) values (?, ?)
    on conflict (owner) do update set key_id = null, wrapped = null, master = null,
        erasures = excluded.erasures
    where rostra_person_keys.erasures < excluded.erasures
    """
    _FORMER = """
    select owner, key_id, wrapped, master, erasures from rostra_person_keys
    where master <> ? limit ?
    """
    _REWRAP = """
    update rostra_person_keys set wrapped = ?, master = ? where owner = ? and key_id = ?
    """

    _MASTERS = "select distinct master from rostra_person_keys where wrapped is not null"
    _EXISTS = "select 1 from sqlite_master where name = 'rostra_person_keys'"

    def __init__(self, datastore: SQLiteDatastore, masters: MasterKeys) -> None:
        super().__init__(masters)
        self._datastore = datastore
        schema.install(datastore)
        masters.check(self.used_masters(datastore))

    @classmethod
    def used_masters(cls, datastore: SQLiteDatastore) -> list[bytes]:
        """Return the fingerprints of the master keys without which words stay unreadable."""
        with datastore.transaction(commit=False) as cursor:
            cursor.execute(cls._EXISTS)
            if not cursor.fetchall():
                return []
            cursor.execute(cls._MASTERS)
            return [row[0] for row in cursor.fetchall()]

    async def _find(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        return await asyncio.to_thread(self._find_now, owners)

    async def _store(self, keys: Sequence[StoredKey]) -> None:
        rows = [
            (key.owner.bytes, key.key_id, key.wrapped, key.master, key.erasures) for key in keys
        ]
        await asyncio.to_thread(self._write, self._INSERT, rows)

    async def _destroy(self, erasures: Mapping[UUID, int]) -> None:
        rows = [(owner.bytes, count) for owner, count in erasures.items()]
        await asyncio.to_thread(self._destroy_now, rows)

    async def _rewrap(self, limit: int) -> int:
        former = await asyncio.to_thread(self._former, limit)
        fresh = [self._wrapped_afresh(kept, self._masters.current) for kept in former]
        rows = [(kept.wrapped, kept.master, kept.owner.bytes, kept.key_id) for kept in fresh]
        await asyncio.to_thread(self._write, self._REWRAP, rows)
        return len(former)

    def _find_now(self, owners: Sequence[UUID]) -> list[StoredKey]:
        found: list[StoredKey] = []
        with self._datastore.transaction(commit=False) as cursor:
            for owner in owners:
                cursor.execute(self._SELECT, (owner.bytes,))
                found += [StoredKey(owner, *row[1:]) for row in cursor.fetchall()]
        return found

    def _former(self, limit: int) -> list[StoredKey]:
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute(self._FORMER, (self._masters.current, limit))
            return [StoredKey(UUID(bytes=row[0]), *row[1:]) for row in cursor.fetchall()]

    def _destroy_now(self, rows: Sequence[Sequence[object]]) -> None:
        """Delete keys, and overwrite them with zeros in the file and in its write-ahead log."""
        with self._datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute("pragma secure_delete = on")
            cursor.fetchall()  # a statement with unfetched rows is still in progress
            with connection.transaction(commit=True) as writing:
                writing.executemany(self._DESTROY, rows)
            cursor.execute("pragma wal_checkpoint(truncate)")
            cursor.fetchall()

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        with self._datastore.transaction(commit=True) as cursor:
            cursor.executemany(statement, rows)
