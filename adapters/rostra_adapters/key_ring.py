"""Key rings: one AES-256-GCM key an owner, itself sealed with a master key where it is kept.

This file seals and opens, and holds what was loaded; where keys are kept is
the subclasses' business: in memory here, in SQLite here, in PostgreSQL in
`rostra_adapters.postgres.key_ring`.
"""

import asyncio
import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.sqlite import SQLiteDatastore

from rostra.sealing import Damaged, Erased

FORMAT = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
KEYS_LOADED_MAX = 20_000

_ID_END = len(FORMAT) + KEY_ID_BYTES
_NONCE_END = _ID_END + NONCE_BYTES


class WrongMasterKey(Exception):
    """A person's key is sealed with a master key that was not given, or is damaged."""


class MasterKeys:
    """The master key that seals new keys, and former ones that older keys are sealed with."""

    def __init__(self, current: bytes, *former: bytes) -> None:
        if any(len(key) != KEY_BYTES for key in (current, *former)):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self.current = fingerprint(current)
        self._ciphers = {fingerprint(key): AESGCM(key) for key in (*former, current)}

    def wrap(self, owner: UUID, key_id: bytes, key: bytes) -> bytes:
        """Nonce, ciphertext and tag; opens only as this owner's key of this id."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, _place(owner, key_id))

    def unwrap(self, kept: "KeptKey") -> bytes:
        """The key. Raises WrongMasterKey."""
        try:
            cipher = self._ciphers[kept.master]
            nonce, sealed = kept.wrapped[:NONCE_BYTES], kept.wrapped[NONCE_BYTES:]
            return cipher.decrypt(nonce, sealed, _place(kept.owner, kept.key_id))
        except (KeyError, InvalidTag) as error:
            raise WrongMasterKey(f"the key of {kept.owner}") from error


def fingerprint(master: bytes) -> bytes:
    """Which master key it is, without telling the key."""
    return hashlib.sha256(b"rostra master key\n" + master).digest()[:KEY_ID_BYTES]


def _place(owner: UUID, key_id: bytes) -> bytes:
    return msgspec.json.encode(["person-key", owner, key_id.hex()])


class KeptKey(msgspec.Struct, frozen=True):
    """A row of wherever keys are kept. `master` is the fingerprint of what seals it."""

    owner: UUID
    key_id: bytes
    wrapped: bytes
    master: bytes


class _Key:
    __slots__ = ("cipher", "key_id")

    def __init__(self, key_id: bytes, key: bytes) -> None:
        self.key_id = key_id
        self.cipher = AESGCM(key)


class KeptKeyRing(ABC):
    """A `rostra.sealing.KeyRing`. What one call loads stays loaded at least until
    another call loads more; it is used at once, before anything is waited for."""

    def __init__(self, masters: MasterKeys) -> None:
        self._masters = masters
        self._loaded: dict[UUID, _Key | None] = {}  # None: it was looked for, there is none

    @abstractmethod
    async def _find(self, owners: Sequence[UUID]) -> Iterable[KeptKey]:
        """The keys there are."""

    @abstractmethod
    async def _keep(self, keys: Sequence[KeptKey]) -> None:
        """Durably, in the order given; where an owner has a key by then, that one stays."""

    async def make(self, owners: Collection[UUID]) -> None:
        await self.load(owners)
        missing = [owner for owner in sorted(owners) if self._loaded.get(owner) is None]
        if missing:
            await self._keep([self._new(owner) for owner in missing])
            await self.load(owners)  # another process may have been first: then its key

    async def load(self, owners: Collection[UUID]) -> None:
        had = {owner: key for owner in owners if (key := self._loaded.get(owner)) is not None}
        wanted = [owner for owner in owners if owner not in had]
        found = {kept.owner: kept for kept in await self._find(wanted)} if wanted else {}
        for owner in owners:
            self._loaded.pop(owner, None)  # to the end: the first is forgotten first
            self._loaded[owner] = had.get(owner) or self._opened(found.get(owner))
        excess = len(self._loaded) - max(KEYS_LOADED_MAX, len(owners))
        for owner in list(islice(self._loaded, max(excess, 0))):
            del self._loaded[owner]

    def forget(self, owners: Collection[UUID]) -> None:
        """Drop what is loaded, such as keys that were destroyed."""
        for owner in owners:
            self._loaded.pop(owner, None)

    def seal(self, owner: UUID, plain: bytes, associated: bytes) -> bytes:
        key = self._loaded.get(owner)
        if key is None:
            raise LookupError(f"no key of {owner} is loaded")
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORMAT + key.key_id + nonce + key.cipher.encrypt(nonce, plain, associated)

    def open(self, owner: UUID, sealed: bytes, associated: bytes) -> bytes:
        """LookupError if it was not even looked for whether there is a key."""
        if len(sealed) < _NONCE_END or sealed[: len(FORMAT)] != FORMAT:
            raise Damaged(f"not a sealed field of {owner}")
        key = self._loaded[owner]
        if key is None or key.key_id != sealed[len(FORMAT) : _ID_END]:
            raise Erased(f"the key of {owner} is gone")
        try:
            return key.cipher.decrypt(sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:], associated)
        except InvalidTag:
            raise Damaged(f"a sealed field of {owner} does not open") from None

    def _opened(self, kept: KeptKey | None) -> _Key | None:
        return None if kept is None else _Key(kept.key_id, self._masters.unwrap(kept))

    def _new(self, owner: UUID) -> KeptKey:
        key_id, key = secrets.token_bytes(KEY_ID_BYTES), secrets.token_bytes(KEY_BYTES)
        wrapped = self._masters.wrap(owner, key_id, key)
        return KeptKey(owner, key_id, wrapped, self._masters.current)


class MemoryKeyRing(KeptKeyRing):
    """Gone with the process, as the log it is for."""

    def __init__(self) -> None:
        super().__init__(MasterKeys(secrets.token_bytes(KEY_BYTES)))
        self._kept: dict[UUID, KeptKey] = {}

    async def _find(self, owners: Sequence[UUID]) -> Iterable[KeptKey]:
        return [self._kept[owner] for owner in owners if owner in self._kept]

    async def _keep(self, keys: Sequence[KeptKey]) -> None:
        for key in keys:
            self._kept.setdefault(key.owner, key)


class SqliteKeyRing(KeptKeyRing):
    """A table beside the events of a stock SQLite recorder."""

    _CREATE = """
    create table if not exists rostra_person_keys (
        owner blob primary key, key_id blob not null, wrapped blob not null, master blob not null
    ) without rowid
    """
    _INSERT = "insert or ignore into rostra_person_keys values (?, ?, ?, ?)"
    _SELECT = "select owner, key_id, wrapped, master from rostra_person_keys where owner = ?"

    def __init__(self, datastore: SQLiteDatastore, masters: MasterKeys) -> None:
        super().__init__(masters)
        self._datastore = datastore
        with datastore.transaction(commit=True) as cursor:
            cursor.execute(self._CREATE)

    async def _find(self, owners: Sequence[UUID]) -> Iterable[KeptKey]:
        return await asyncio.to_thread(self._find_now, owners)

    async def _keep(self, keys: Sequence[KeptKey]) -> None:
        await asyncio.to_thread(self._keep_now, keys)

    def _find_now(self, owners: Sequence[UUID]) -> list[KeptKey]:
        found: list[KeptKey] = []
        with self._datastore.transaction(commit=False) as cursor:
            for owner in owners:
                cursor.execute(self._SELECT, (owner.bytes,))
                found += [KeptKey(owner, *row[1:]) for row in cursor.fetchall()]
        return found

    def _keep_now(self, keys: Sequence[KeptKey]) -> None:
        rows = [(key.owner.bytes, key.key_id, key.wrapped, key.master) for key in keys]
        with self._datastore.transaction(commit=True) as cursor:
            cursor.executemany(self._INSERT, rows)
