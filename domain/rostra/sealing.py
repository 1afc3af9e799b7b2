"""Port of the key ring, which seals a person's words with that person's key.

A sealed field is bytes: one format byte (1), 8 bytes of key id, 12 bytes of random nonce, then
AES-256-GCM ciphertext and tag. The associated data binds the field to its event. A sealed field
that was moved to another event does not open.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import msgspec


class Erased(Exception):
    """The key that sealed this is destroyed: the words are gone for ever."""


class Damaged(Exception):
    """Sealed bytes that are not those of this event: they were altered or moved."""


def associated_data(stream: UUID, topic: str, event_id: UUID, field: str) -> bytes:
    """Return the compact JSON array that binds a sealed field to its event."""
    return msgspec.json.encode([stream, topic, event_id, field])


NEVER: Mapping[UUID, int] = MappingProxyType({})
"""Erasures of a log in which nobody was erased."""


class Opener(Protocol):
    """Keys that are ready to open sealed fields."""

    def open(self, owner: UUID, sealed: bytes, associated: bytes) -> bytes:
        """Return the plain bytes. Raises Erased if there is no key, Damaged if they are altered."""


class KeyRing(Opener, Protocol):
    """Keys by owner: the stream id of a person (or of a site, for its own acts)."""

    async def make(
        self, owners: Collection[UUID], erasures: Mapping[UUID, int] = NEVER
    ) -> frozenset[UUID]:
        """Load each owner's key and durably make missing ones, so that `seal` can follow.

        `erasures` says how often each owner was erased, according to the log. A key older than the
        last erasure is replaced. Return the owners who get no key: their key was destroyed by an
        erasure that the log does not have yet.
        """

    async def destroy(self, erasures: Mapping[UUID, int]) -> None:
        """Durably destroy each owner's key that is older than their n-th erasure.

        From then on no key is made by a caller who does not know of that erasure. Destroying again
        changes nothing.
        """

    async def wait_for_destruction(self) -> None:
        """Wait until no process holds a key that has been destroyed so far."""

    async def load(self, owners: Collection[UUID]) -> None:
        """Load the keys there are, making none, so that `open` can follow."""

    def seal(self, owner: UUID, plain: bytes, associated: bytes) -> bytes:
        """Seal with the owner's key; LookupError if it is not loaded."""
