"""State that is kept beside the log for a while: room for writes, and addresses that voted.

None of it is history. The log and the views do not depend on it, and it may be lost.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from time import time
from typing import Literal, Protocol, get_args
from uuid import UUID, uuid4

import msgspec

from rostra import ids
from rostra.limits import DAY_SECONDS
from rostra.times import Time, format_time
from rostra_adapters.lru_cache import LruCache

WriteKind = Literal[
    "comments",
    "votes",
    "acts",
    "bytes",
    "marks",
    "slow comments",
    "comments a day",
    "votes a day",
    "marks a day",
]
WRITE_KINDS: tuple[WriteKind, ...] = get_args(WriteKind)
VOTES_KEPT_DAYS = 30
BUCKETS_KEPT_MAX = 100_000
VOTES_KEPT_MAX = 100_000
GUESTS_KEPT_MAX = 100_000
ADDRESSES_OF_GUEST_MAX = 100
ADDRESS_BAN_DAYS_MAX = VOTES_KEPT_DAYS
"""Longest ban of an address: hashes by older keys are not compared."""
TOLERANCE_SECONDS = 0.001
"""Tolerance for rounding: the last write of a burst needs exactly the rest of the bucket."""


def person_bucket(kind: WriteKind, site: str, person: str) -> bytes:
    """Return the name of a person's bucket."""
    return f"{kind}:".encode() + ids.person_id(site, person).bytes


class Demand(msgspec.Struct, frozen=True):
    """Part of a bucket that one write uses, as the seconds in which the bucket refills it."""

    bucket: bytes
    cost: float
    """Less than 0 to give back what another demand took."""
    window: float
    """Seconds in which an empty bucket fills."""


class WriteRefused(msgspec.Struct, frozen=True):
    """A write for which there is no room."""

    number: int
    """Index of the demand to wait longest for."""
    wait_seconds: float


class Reservation(msgspec.Struct, frozen=True):
    """A guest's vote on a comment from an address."""

    outcome: Literal["made", "own", "taken"]
    """`made`: the address had no vote before. `own`: this guest had voted already. `taken`: another
    guest has voted from the address."""
    comment: UUID
    guest: str
    holder: UUID


class Operational(Protocol):
    """Counters that all writing processes share. May raise LogUnavailable."""

    async def charge(self, demands: Sequence[Demand]) -> WriteRefused | None:
        """Take from every bucket, or from none where one of them has too little."""

    async def reserve_vote(
        self, site: str, comment: UUID, addresses: Sequence[bytes], guest: str
    ) -> Reservation:
        """Reserve a guest's vote. `addresses` are all hashes of one address, today's first."""

    async def release_vote(self, reservation: Reservation) -> None:
        """Release a reservation, unless the guest has reserved again since."""

    async def note_guest(self, site: str, guest: str, addresses: Sequence[bytes]) -> Time | None:
        """Record the address that a guest writes from. `addresses` are as in `reserve_vote`.

        Return the end of a ban of the address, None if it is not banned.
        """

    async def ban_guest(self, site: str, guest: str, until: Time) -> None:
        """Ban the addresses that a guest has written from."""

    async def unban_guest(self, site: str, guest: str) -> None:
        """End the ban of a guest's addresses."""

    async def forget(
        self, persons: Collection[tuple[str, str]], buckets: Collection[bytes]
    ) -> None:
        """Delete the stored rows of persons, each named by the site and the id there."""


class MemoryOperational:
    """For one process: gone when it ends."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._full_at: LruCache[bytes, float] = LruCache(BUCKETS_KEPT_MAX)
        self._votes: OrderedDict[tuple[UUID, str], _Vote] = OrderedDict()
        self._by_address: dict[tuple[UUID, bytes], str] = {}
        self._addresses: LruCache[tuple[str, str], set[bytes]] = LruCache(GUESTS_KEPT_MAX)
        self._banned: LruCache[tuple[str, bytes], dict[str, Time]] = LruCache(GUESTS_KEPT_MAX)
        """Ends of the bans of each address, by guest."""

    async def charge(self, demands: Sequence[Demand]) -> WriteRefused | None:
        now = self._clock()
        full_at = [max(self._full_at.peek(each.bucket) or now, now) for each in demands]
        waits = [
            at - now + each.cost - each.window for at, each in zip(full_at, demands, strict=True)
        ]
        if (longest := max(waits, default=0.0)) > TOLERANCE_SECONDS:
            return WriteRefused(waits.index(longest), longest)
        for at, each in zip(full_at, demands, strict=True):
            self._full_at.put(each.bucket, at + each.cost)
        return None

    async def reserve_vote(
        self, site: str, comment: UUID, addresses: Sequence[bytes], guest: str
    ) -> Reservation:
        self._expire()
        holder = uuid4()
        if (vote := self._votes.get((comment, guest))) is not None:
            vote.holder = holder
            return Reservation("own", comment, guest, holder)
        if any((comment, address) in self._by_address for address in addresses):
            return Reservation("taken", comment, guest, holder)
        self._votes[comment, guest] = _Vote(site, addresses[0], holder, self._clock())
        self._by_address[comment, addresses[0]] = guest
        return Reservation("made", comment, guest, holder)

    async def release_vote(self, reservation: Reservation) -> None:
        key = reservation.comment, reservation.guest
        vote = self._votes.get(key)
        if reservation.outcome == "made" and vote and vote.holder == reservation.holder:
            self._drop(key)

    async def note_guest(self, site: str, guest: str, addresses: Sequence[bytes]) -> Time | None:
        noted = self._addresses.peek((site, guest)) or set()
        if len(noted) < ADDRESSES_OF_GUEST_MAX:
            self._addresses.put((site, guest), noted | {addresses[0]})
        return max(
            (until for address in addresses for until in self._bans(site, address).values()),
            default=None,
        )

    async def ban_guest(self, site: str, guest: str, until: Time) -> None:
        for address in self._addresses.peek((site, guest)) or ():
            self._banned.put((site, address), self._bans(site, address) | {guest: until})

    async def unban_guest(self, site: str, guest: str) -> None:
        for address in self._addresses.peek((site, guest)) or ():
            if (bans := self._banned.peek((site, address))) is not None:
                bans.pop(guest, None)

    def _bans(self, site: str, address: bytes) -> dict[str, Time]:
        """Return the ends of the bans of an address, by guest, without those that have ended."""
        now = format_time(datetime.fromtimestamp(self._clock(), UTC))
        bans = self._banned.peek((site, address)) or {}
        return {guest: until for guest, until in bans.items() if until > now}

    async def forget(
        self, persons: Collection[tuple[str, str]], buckets: Collection[bytes]
    ) -> None:
        for key in [key for key, vote in self._votes.items() if (vote.site, key[1]) in persons]:
            self._drop(key)
        for site, guest in persons:
            await self.unban_guest(site, guest)
            self._addresses.drop((site, guest))
        for bucket in buckets:
            self._full_at.drop(bucket)

    def _expire(self) -> None:
        """Drop the oldest votes that are too old, or too many."""
        least = self._clock() - VOTES_KEPT_DAYS * DAY_SECONDS
        while self._votes:
            key, vote = next(iter(self._votes.items()))
            if vote.at >= least and len(self._votes) < VOTES_KEPT_MAX:
                return
            self._drop(key)

    def _drop(self, key: tuple[UUID, str]) -> None:
        vote = self._votes.pop(key)
        del self._by_address[key[0], vote.address]


class _Vote(msgspec.Struct):
    site: str
    address: bytes
    holder: UUID
    at: float
