"""Key rings: one AES-256-GCM key for each owner, sealed with a master key.

This module seals, opens and caches. Subclasses store the keys: `rostra_adapters.stock.keys` in
memory and SQLite, `rostra_adapters.postgres.keys.ring` in PostgreSQL.
"""

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rostra.sealing import NEVER, Damaged, Erased
from rostra_adapters.errors import WrongMasterKey

FORMAT = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
KEYS_LOADED_MAX = 20_000
REWRAPPED_AT_ONCE = 1_000

_ID_END = len(FORMAT) + KEY_ID_BYTES
_NONCE_END = _ID_END + NONCE_BYTES


class MasterKeys:
    """The master key that seals new keys, and former ones that older keys are sealed with."""

    def __init__(self, current: bytes, *former: bytes) -> None:
        if any(len(key) != KEY_BYTES for key in (current, *former)):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self.current = fingerprint(current)
        self.former = fingerprint(former[0]) if former else None
        self._ciphers = {fingerprint(key): AESGCM(key) for key in (*former, current)}

    def check(self, used: Iterable[bytes]) -> None:
        """Raise WrongMasterKey if a fingerprint in `used` is of a key that was not given."""
        check_masters(used, self._ciphers)

    def wrap(self, owner: UUID, key_id: bytes, key: bytes, master: bytes) -> bytes:
        """Return nonce, ciphertext and tag of a key, bound to its owner and id.

        `master` is the fingerprint of the master key to use.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[master].encrypt(nonce, key, _place(owner, key_id))

    def unwrap(self, kept: "StoredKey") -> bytes:
        """Return the key. Raises WrongMasterKey."""
        try:
            cipher = self._ciphers[kept.master]
            nonce, sealed = kept.wrapped[:NONCE_BYTES], kept.wrapped[NONCE_BYTES:]
            return cipher.decrypt(nonce, sealed, _place(kept.owner, kept.key_id))
        except (KeyError, InvalidTag) as error:
            raise WrongMasterKey(
                f"the key of {kept.owner} does not open with the master key {kept.master.hex()}"
            ) from error


def fingerprint(master: bytes) -> bytes:
    """Return a fingerprint of a master key, which does not reveal the key."""
    return hashlib.sha256(b"rostra master key\n" + master).digest()[:KEY_ID_BYTES]


def check_masters(used: Iterable[bytes], given: Collection[bytes]) -> None:
    """Raise WrongMasterKey if a fingerprint in `used` is not among those `given`."""
    if missing := sorted(set(used) - set(given)):
        raise WrongMasterKey(
            f"persons' keys are wrapped with the master key {_listed(missing)}, which was not "
            f"given ({_listed(given) or 'none'} was): give it by ROSTRA_MASTER_KEY or in the file "
            "`master-key` of the data folder; without it words stay unreadable"
        )


def _listed(fingerprints: Iterable[bytes]) -> str:
    return " and ".join(each.hex() for each in fingerprints)


def _place(owner: UUID, key_id: bytes) -> bytes:
    return msgspec.json.encode(["person-key", owner, key_id.hex()])


class StoredKey(msgspec.Struct, frozen=True):
    """Row of a stored key.

    `master` is the fingerprint of the key that seals it. `erasures` is the number of its owner's
    erasures when it was made.
    """

    owner: UUID
    key_id: bytes
    wrapped: bytes
    master: bytes
    erasures: int = 0


class PlainKey(msgspec.Struct, frozen=True):
    """Key on its way to a process that opens words. It is never stored."""

    owner: UUID
    key_id: bytes
    key: bytes


class GivenKeys:
    """Keys that another process has given: a `rostra.sealing.Opener`."""

    def __init__(self, keys: Iterable[PlainKey]) -> None:
        self._keys = {given.owner: _Key(given.key_id, given.key, 0) for given in keys}

    def open(self, owner: UUID, sealed: bytes, associated: bytes) -> bytes:
        return _open(self._keys.get(owner), owner, sealed, associated)


class _Key:
    __slots__ = ("cipher", "erasures", "key_id")

    def __init__(self, key_id: bytes, key: bytes, erasures: int) -> None:
        self.key_id = key_id
        self.erasures = erasures
        self.cipher = AESGCM(key)


def _open(key: _Key | None, owner: UUID, sealed: bytes, associated: bytes) -> bytes:
    if len(sealed) < _NONCE_END or sealed[: len(FORMAT)] != FORMAT:
        raise Damaged(f"not a sealed field of {owner}")
    if key is None or key.key_id != sealed[len(FORMAT) : _ID_END]:
        raise Erased(f"the key of {owner} is gone")
    try:
        return key.cipher.decrypt(sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:], associated)
    except InvalidTag:
        raise Damaged(f"a sealed field of {owner} does not open") from None


Listener = Callable[[Collection[UUID] | None], None]
"""Called with the owners whose keys are or may be destroyed; None for all owners."""


class StoredKeyRing(ABC):
    """A `rostra.sealing.KeyRing` over stored keys.

    Loaded keys stay loaded at least until the next call that loads more. Callers use them before
    they wait for anything.
    """

    def __init__(self, masters: MasterKeys) -> None:
        self._masters = masters
        self._loaded: dict[UUID, _Key | None] = {}  # None: it was looked for, there is none
        self._listeners: list[Listener] = []
        self._forgotten = 0

    @abstractmethod
    async def _find(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        """Return the stored keys of owners."""

    @abstractmethod
    async def _store(self, keys: Sequence[StoredKey]) -> None:
        """Store keys durably, in the order given.

        A stored key that saw the same number of erasures stays. If a later erasure is known, no key
        is stored.
        """

    @abstractmethod
    async def _destroy(self, erasures: Mapping[UUID, int]) -> None:
        """Destroy each key that saw fewer erasures, durably and in one transaction.

        The erasure is recorded, so that no older key is stored later.
        """

    @abstractmethod
    async def _rewrap(self, limit: int) -> int:
        """Wrap some keys of former master keys with the current one. Return their number."""

    async def make(
        self, owners: Collection[UUID], erasures: Mapping[UUID, int] = NEVER
    ) -> frozenset[UUID]:
        await self.load(owners)
        missing = [
            owner
            for owner in sorted(owners)
            if self._loaded[owner] is None or self._is_older(owner, erasures)
        ]
        if missing:
            await self._store([self._new(owner, erasures.get(owner, 0)) for owner in missing])
            self.forget(missing)
            await self.load(owners)  # another process may have been first: then its key
        return frozenset(owner for owner in owners if self._loaded[owner] is None)

    def _is_older(self, owner: UUID, erasures: Mapping[UUID, int]) -> bool:
        key = self._loaded.get(owner)
        return key is not None and key.erasures < erasures.get(owner, 0)

    async def destroy(self, erasures: Mapping[UUID, int]) -> None:
        await self._destroy(erasures)
        self.receive(erasures)

    async def wait_for_destruction(self) -> None:  # noqa: B027  # where nobody else has these keys
        """Wait until no other process holds a key that has been destroyed so far."""

    async def of_other_masters(self) -> int:
        """Return the number of processes with another current master key."""
        return 0

    async def rewrap(self) -> int:
        """Wrap all keys with the current master key. Return the number of changed ones."""
        count = 0
        while done := await self._rewrap(REWRAPPED_AT_ONCE):
            count += done
        return count

    def on_destruction(self, listener: Listener) -> None:
        """Register a listener for the owners of destroyed keys, for caches of words."""
        self._listeners.append(listener)

    def receive(self, owners: Collection[UUID] | None) -> None:
        """Keys are gone, or may be: forget them, and all that they opened."""
        self.forget(list(self._loaded) if owners is None else owners)
        for listener in self._listeners:
            listener(owners)

    @property
    def is_current(self) -> bool:
        """True if all destroyed keys are known.

        Otherwise no loaded key and no cached word is used.
        """
        return True

    async def load(self, owners: Collection[UUID]) -> None:
        if not owners:
            return
        while True:
            forgotten = self._forgotten
            loaded = self._loaded if self.is_current else {}
            had = {owner: key for owner in owners if (key := loaded.get(owner)) is not None}
            wanted = [owner for owner in owners if owner not in had]
            found = {kept.owner: kept for kept in await self._find(wanted)} if wanted else {}
            if forgotten == self._forgotten:  # else what we hold may be destroyed by now
                break
        for owner in owners:
            self._loaded.pop(owner, None)  # to the end: the first is forgotten first
            self._loaded[owner] = had.get(owner) or self._opened(found.get(owner))
        excess = len(self._loaded) - max(KEYS_LOADED_MAX, len(owners))
        for owner in list(islice(self._loaded, max(excess, 0))):
            del self._loaded[owner]

    def forget(self, owners: Collection[UUID]) -> None:
        """Drop loaded keys, such as destroyed ones."""
        self._forgotten += 1
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
        return _open(self._loaded[owner], owner, sealed, associated)

    async def plain_keys(self, owners: Collection[UUID]) -> list["PlainKey"]:
        """Return the keys there are, for a process that opens words and has no key ring."""
        found = await self._find(list(owners))
        return [PlainKey(kept.owner, kept.key_id, self._masters.unwrap(kept)) for kept in found]

    def _opened(self, kept: StoredKey | None) -> _Key | None:
        return (
            None if kept is None else _Key(kept.key_id, self._masters.unwrap(kept), kept.erasures)
        )

    def _new(self, owner: UUID, erasures: int) -> StoredKey:
        key_id, key = secrets.token_bytes(KEY_ID_BYTES), secrets.token_bytes(KEY_BYTES)
        wrapped = self._masters.wrap(owner, key_id, key, self._masters.current)
        return StoredKey(owner, key_id, wrapped, self._masters.current, erasures)

    def _wrapped_afresh(self, kept: StoredKey, master: bytes) -> StoredKey:
        key = self._masters.unwrap(kept)
        wrapped = self._masters.wrap(kept.owner, kept.key_id, key, master)
        return msgspec.structs.replace(kept, wrapped=wrapped, master=master)
