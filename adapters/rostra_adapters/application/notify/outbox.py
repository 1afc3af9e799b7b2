"""The outbox: notices that wait to be mailed, as ids and never as words.

It lies beside the log, which does not depend on it. A notice is known by the event that gave rise
to it and the person it is for, so that none is added twice, also after a rebuild or a restore.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from rostra.commands import SubscriptionTo
from rostra_adapters.clock import moment

GIVE_UP_AFTER = timedelta(days=3)
REQUESTS_KEPT = timedelta(days=7)
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=4)
LINK_KEY_BYTES = 32
NOTICES_A_MAIL_MAX = 100
PERSONS_SHOWN_MAX = 100

Reason = Literal["reply", "mention", "passage", "moderation", "subscription", "confirm"]


class Notice(msgspec.Struct, frozen=True):
    """Comment for a person, or without one the request to confirm an address."""

    event: UUID
    """Id of the event that gave rise to it."""
    person: UUID
    """The person's stream."""
    site: str
    person_id: str
    reason: Reason
    discussion: UUID | None = None
    comment: UUID | None = None


class Claimed(msgspec.Struct, frozen=True):
    """Notices of one person that are due, claimed by this sender alone."""

    notices: list[Notice]
    attempts: int
    """Failed attempts so far, the greatest of the notices'."""
    added_at: datetime
    """Time at which the first of them was added."""
    are_deferred: frozenset[UUID] = frozenset()
    """Events of those that waited for a digest."""


class Claim:
    """Result of a claim, set by the sender. Without a result the notices are due again."""

    def __init__(self, claimed: Claimed) -> None:
        self.claimed = claimed
        self.done: set[UUID] = set()
        """Events whose notices are sent, or need not be."""
        self.deferred: dict[UUID, datetime] = {}
        """Times until which notices wait for a digest, by event."""
        self.retry_at: datetime | None = None
        self.error: str | None = None
        self.is_given_up = False

    def fail(self, error: str, now: datetime, *, is_final: bool = False) -> None:
        """Try again after a wait that grows; give up after `GIVE_UP_AFTER`."""
        self.error = error
        self.is_given_up = is_final or now - self.claimed.added_at >= GIVE_UP_AFTER
        self.retry_at = now + min(FIRST_RETRY * 2**self.claimed.attempts, LONGEST_RETRY)


class MailRequest(msgspec.Struct, frozen=True):
    """Subscription that somebody without an account asked for.

    The person is made when the address is confirmed.
    """

    person: UUID
    """The stream of the person to be made."""
    site: str
    person_id: str
    discussion: UUID
    email: str
    subscribe_to: SubscriptionTo
    language: str | None


class OutboxStatus(msgspec.Struct, frozen=True):
    """State of an outbox, for `rostra notify --status` and metrics."""

    waiting: int
    sent: int
    given_up: int
    oldest_due: datetime | None
    errors: list[str] = []
    """Latest errors of notices that wait or were given up."""


class Outbox(Protocol):
    """Port to the outbox of all processes. May raise LogUnavailable."""

    async def checkpoint(self) -> tuple[UUID, int] | None:
        """Return the log and the position up to which notices were added."""

    async def add(self, notices: Sequence[Notice], log: UUID, position: int) -> None:
        """Add the notices that are new, and move the checkpoint on: both, or neither."""

    async def add_now(self, notice: Notice) -> None:
        """Add a notice that no event of the log gives rise to."""

    def claim(self) -> AbstractAsyncContextManager[Claim | None]:
        """Claim the notices of one person that are due; None where there are none.

        The claim is settled when the block ends, by its result, also after an error.
        """

    async def due(self) -> list[Claimed]:
        """Return the notices that are due, by person, without claiming them.

        They are of at most `PERSONS_SHOWN_MAX` persons.
        """

    async def status(self) -> OutboxStatus:
        """Return counts and latest errors."""

    async def link_key(self) -> bytes:
        """Return the key that signs links in mails, made at first use."""

    async def confirmed_address(self, person: UUID) -> bytes | None:
        """Return the hash of the address that a person has confirmed."""

    async def confirm(self, person: UUID, address: bytes) -> None:
        """Note that a person has confirmed the address of this hash."""

    async def ask(self, request: MailRequest) -> None:
        """Keep a subscription that is to be confirmed, for `REQUESTS_KEPT`."""

    async def find_request(self, person: UUID) -> MailRequest | None:
        """Return the subscription that a person to be made has asked for."""

    async def end_request(self, person: UUID) -> None:
        """Delete a subscription that was confirmed."""

    async def forget(self, persons: Collection[UUID]) -> None:
        """Delete notices and confirmations of persons."""


class _Entry(msgspec.Struct):
    notice: Notice
    added_at: datetime
    due_at: datetime
    attempts: int = 0
    state: str = "waiting"
    error: str | None = None
    is_deferred: bool = False
    is_claimed: bool = False


class MemoryOutbox:
    """Outbox of one process: gone when it ends."""

    def __init__(self) -> None:
        self._entries: dict[tuple[UUID, UUID], _Entry] = {}
        self._checkpoint: tuple[UUID, int] | None = None
        self._confirmed: dict[UUID, bytes] = {}
        self._requests: dict[UUID, tuple[datetime, MailRequest]] = {}
        self._link_key = secrets.token_bytes(LINK_KEY_BYTES)

    async def checkpoint(self) -> tuple[UUID, int] | None:
        return self._checkpoint

    async def add(self, notices: Sequence[Notice], log: UUID, position: int) -> None:
        for notice in notices:
            await self.add_now(notice)
        before = self._checkpoint
        if before is None or before[0] != log or before[1] < position:
            self._checkpoint = log, position

    async def add_now(self, notice: Notice) -> None:
        now = moment()
        self._entries.setdefault((notice.event, notice.person), _Entry(notice, now, now))

    @asynccontextmanager
    async def claim(self) -> AsyncIterator[Claim | None]:
        entries = self._due(moment())
        if not entries:
            yield None
            return
        claim = Claim(claimed_of(_parts(entry) for entry in entries))
        for entry in entries:
            entry.is_claimed = True
        try:
            yield claim
        finally:
            for entry in entries:
                entry.is_claimed = False
                _settle(entry, claim)

    async def due(self) -> list[Claimed]:
        waiting = self._waiting(moment())
        persons = list(dict.fromkeys(entry.notice.person for entry in waiting))
        return [
            claimed_of(_parts(one) for one in waiting if one.notice.person == person)
            for person in persons[:PERSONS_SHOWN_MAX]
        ]

    def _due(self, now: datetime) -> list[_Entry]:
        waiting = self._waiting(now)
        mine = [one for one in waiting if one.notice.person == waiting[0].notice.person]
        return mine[:NOTICES_A_MAIL_MAX]

    def _waiting(self, now: datetime) -> list[_Entry]:
        waiting = [
            entry
            for entry in self._entries.values()
            if entry.state == "waiting" and not entry.is_claimed and entry.due_at <= now
        ]
        return sorted(waiting, key=lambda entry: entry.due_at)

    async def status(self) -> OutboxStatus:
        entries = list(self._entries.values())
        waiting = [entry for entry in entries if entry.state == "waiting"]
        return OutboxStatus(
            waiting=len(waiting),
            sent=sum(entry.state == "done" for entry in entries),
            given_up=sum(entry.state == "given_up" for entry in entries),
            oldest_due=min((entry.due_at for entry in waiting), default=None),
            errors=[entry.error for entry in entries if entry.error][-10:],
        )

    async def link_key(self) -> bytes:
        return self._link_key

    async def confirmed_address(self, person: UUID) -> bytes | None:
        return self._confirmed.get(person)

    async def confirm(self, person: UUID, address: bytes) -> None:
        self._confirmed[person] = address

    async def ask(self, request: MailRequest) -> None:
        least = moment() - REQUESTS_KEPT
        self._requests = {k: each for k, each in self._requests.items() if each[0] > least}
        self._requests[request.person] = moment(), request

    async def find_request(self, person: UUID) -> MailRequest | None:
        found = self._requests.get(person)
        return None if found is None or found[0] < moment() - REQUESTS_KEPT else found[1]

    async def end_request(self, person: UUID) -> None:
        self._requests.pop(person, None)

    async def forget(self, persons: Collection[UUID]) -> None:
        gone = set(persons)
        for key in [key for key in self._entries if key[1] in gone]:
            del self._entries[key]
        for person in gone:
            self._confirmed.pop(person, None)


def claimed_of(rows: Iterable[tuple[Notice, int, datetime, bool]]) -> Claimed:
    """Return claimed notices of their rows.

    A row is a notice, its attempts, its time, and whether it waited for a digest.
    """
    found = list(rows)
    return Claimed(
        notices=[notice for notice, _, _, _ in found],
        attempts=max(attempts for _, attempts, _, _ in found),
        added_at=min(added for _, _, added, _ in found),
        are_deferred=frozenset(notice.event for notice, _, _, deferred in found if deferred),
    )


def _parts(entry: _Entry) -> tuple[Notice, int, datetime, bool]:
    return entry.notice, entry.attempts, entry.added_at, entry.is_deferred


def _settle(entry: _Entry, claim: Claim) -> None:
    event = entry.notice.event
    if event in claim.done:
        entry.state, entry.error = "done", None
    elif event in claim.deferred:
        entry.due_at, entry.is_deferred = claim.deferred[event], True
    elif claim.error is not None:
        entry.attempts += 1
        entry.error = claim.error
        entry.due_at = claim.retry_at or entry.due_at
        entry.state = "given_up" if claim.is_given_up else "waiting"
