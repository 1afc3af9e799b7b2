"""The outbox: notices that wait to be mailed, as ids and never as words.

It lies beside the log, which does not depend on it. A notice is known by its event and its
person. So none is added twice, also after a rebuild or a restore.

Requests to confirm an address are deleted after `REQUESTS_KEPT` though they wait. Notices that are
sent or given up are deleted after `NOTICES_KEPT`. By then no process adds them
again: events that were recorded before `GIVE_UP_AFTER` give rise to no notice, nor do events whose
time is long before they were recorded.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from rostra.commands import SubscriptionTo
from rostra_adapters.application.checkpoint import CheckpointedStore, MemoryCheckpoint
from rostra_adapters.clock import moment

GIVE_UP_AFTER = timedelta(days=3)
"""Time of attempts after which a mail is given up."""
ATTEMPTS_MIN = 10
"""Attempts before which no mail is given up, however long ago the first one was."""
ATTEMPTS_MAX = 50
"""Attempts after which a mail is given up though none of their results could be noted."""
CLAIM_TIME = timedelta(minutes=10)
"""Time of a claim, after which another sender makes the next attempt. It grows as waits do."""
NOTICES_KEPT = timedelta(days=30)
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
    """Notices of one person that are due, claimed by this sender alone.

    They are sent in one mail, also when it is tried again, so that its `Message-ID` is the same.
    """

    notices: list[Notice]
    attempts: int
    """Attempts before this one, the most of the notices'."""
    tried_for: timedelta
    """Time since the first attempt."""
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
        self.retry_after: timedelta | None = None
        """Wait before the next attempt, after one that failed."""
        self.error: str | None = None
        self.is_given_up = False
        self.is_handing_over = False
        """True if the mail server may have accepted the mail, which is not known."""
        self.mails = 0
        """Mails that were handed over."""

    def release(self) -> None:
        """Leave all notices due, in one mail, as if there had been no attempt."""
        self.done.clear()
        self.deferred.clear()
        self.retry_after = None

    def put_off(self, error: str) -> None:
        """Leave all notices due, after those of others: the error is not about this mail."""
        self.release()
        self.error = error

    def fail(self, error: str, *, is_final: bool = False) -> None:
        """Try all notices again after a wait that grows; give up after `GIVE_UP_AFTER`."""
        self.release()
        self.error = error
        attempts, tried_for = self.claimed.attempts + 1, self.claimed.tried_for
        is_over = attempts >= ATTEMPTS_MIN and tried_for >= GIVE_UP_AFTER
        self.is_given_up = is_final or is_over
        self.retry_after = retry_wait(self.claimed.attempts)


class NoticeState(msgspec.Struct, frozen=True):
    """Notice as the outbox holds it: it waits, or is sent or given up."""

    event: UUID
    reason: Reason
    state: str
    added_at: datetime
    due_at: datetime
    discussion: UUID | None
    comment: UUID | None


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
    """Notices that wait."""
    waiting_since: datetime | None
    """Time at which the oldest of them was added."""
    oldest_due: datetime | None
    """Time at which the next of them is due."""
    sent: int
    """Mails sent, of all times."""
    retried: int
    """Times that a mail was put off because of the mail server, of all times."""
    given_up: int
    """Mails given up, of all times."""
    errors: list[str] = []
    """Latest errors of notices that wait or were given up."""


class Outbox(CheckpointedStore, Protocol):
    """Port to the outbox of all processes. May raise LogUnavailable."""

    async def add(self, notices: Sequence[Notice]) -> None:
        """Add the notices that are new."""

    def claim(self) -> AbstractAsyncContextManager[Claim | None]:
        """Claim the notices of one person that are due; None where there are none.

        Confirmations are first, then what concerns a person directly, then new comments for
        subscribers, and digests. Within each of these the sites take turns.

        The claim is settled by its result when the block ends. An error in the block releases it,
        unless the mail server may have accepted the mail. A claim that is not settled is noted as
        an attempt, and ends by itself after `CLAIM_TIME` or more.
        """

    async def due(self) -> list[Claimed]:
        """Return the notices that are due, by person, without claiming them.

        They are of at most `PERSONS_SHOWN_MAX` persons.
        """

    async def notices_of(self, person: UUID) -> list[NoticeState]:
        """Return all notices of a person."""

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
        """Delete notices, confirmations and requests of persons."""


class _Entry(msgspec.Struct):
    notice: Notice
    added_at: datetime
    due_at: datetime
    mail: UUID | None = None
    attempts: int = 0
    tried_since: datetime | None = None
    state: str = "waiting"
    error: str | None = None
    is_deferred: bool = False
    is_claimed: bool = False


class MemoryOutbox(MemoryCheckpoint):
    """Outbox of one process: gone when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[tuple[UUID, UUID], _Entry] = {}
        self._totals = {"sent": 0, "retried": 0, "given_up": 0}
        self._confirmed: dict[UUID, bytes] = {}
        self._requests: dict[UUID, tuple[datetime, MailRequest]] = {}
        self._link_key = secrets.token_bytes(LINK_KEY_BYTES)
        self._site = ""

    async def add(self, notices: Sequence[Notice]) -> None:
        now = moment()
        self._prune(now)
        for notice in notices:
            self._entries.setdefault((notice.event, notice.person), _Entry(notice, now, now))

    def _prune(self, now: datetime) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if not _has_expired(entry, now):
                return
            del self._entries[key]

    @asynccontextmanager
    async def claim(self) -> AsyncIterator[Claim | None]:
        now = moment()
        entries = self._mail(now)
        if not entries:
            yield None
            return
        for entry in entries:
            entry.is_claimed = True
            entry.tried_since = entry.tried_since or now
        claim = Claim(claimed_of(_parts(entry, now) for entry in entries))
        self._site = entries[0].notice.site
        try:
            yield claim
        finally:
            for entry in entries:
                entry.is_claimed = False
                _settle(entry, claim)
            for name, count in claim_totals(claim).items():
                self._totals[name] += count

    async def due(self) -> list[Claimed]:
        now = moment()
        waiting = self._waiting(now)
        persons = list(dict.fromkeys(entry.notice.person for entry in waiting))
        return [
            claimed_of(_parts(one, now) for one in waiting if one.notice.person == person)
            for person in persons[:PERSONS_SHOWN_MAX]
        ]

    def _mail(self, now: datetime) -> list[_Entry]:
        """Return the notices of the mail that is due first, a new one where it has none yet."""
        waiting = self._waiting(now)
        if not waiting:
            return []
        first = waiting[0]
        if first.mail is None:
            mine = [one for one in waiting if one.mail is None and _is_mailed_with(one, first)]
            for entry in mine[:NOTICES_A_MAIL_MAX]:
                entry.mail = first.notice.event
        return [one for one in waiting if one.mail == first.mail and _is_mailed_with(one, first)]

    def _waiting(self, now: datetime) -> list[_Entry]:
        waiting = [
            entry
            for entry in self._entries.values()
            if entry.state == "waiting" and not entry.is_claimed and entry.due_at <= now
        ]
        return sorted(waiting, key=self._turn)

    def _turn(self, entry: _Entry) -> tuple[int, bool, str, datetime]:
        site = entry.notice.site
        return _rank(entry), site <= self._site, site, entry.due_at

    async def notices_of(self, person: UUID) -> list[NoticeState]:
        return [
            NoticeState(
                event=entry.notice.event,
                reason=entry.notice.reason,
                state=entry.state,
                added_at=entry.added_at,
                due_at=entry.due_at,
                discussion=entry.notice.discussion,
                comment=entry.notice.comment,
            )
            for entry in self._entries.values()
            if entry.notice.person == person
        ]

    async def status(self) -> OutboxStatus:
        entries = list(self._entries.values())
        waiting = [entry for entry in entries if entry.state == "waiting"]
        return OutboxStatus(
            waiting=len(waiting),
            waiting_since=min((entry.added_at for entry in waiting), default=None),
            oldest_due=min((entry.due_at for entry in waiting), default=None),
            errors=[entry.error for entry in entries if entry.error][-10:],
            **self._totals,
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
            self._requests.pop(person, None)


def retry_wait(attempts: int) -> timedelta:
    """Return the wait after an attempt that follows others."""
    return min(FIRST_RETRY * 2.0 ** min(attempts, 20), LONGEST_RETRY)


def claimed_of(rows: Iterable[tuple[Notice, int, timedelta, bool]]) -> Claimed:
    """Return claimed notices of their rows.

    A row is a notice, the attempts before this one, the time since the first, and whether it waited
    for a digest.
    """
    found = list(rows)
    return Claimed(
        notices=[notice for notice, _, _, _ in found],
        attempts=max(attempts for _, attempts, _, _ in found),
        tried_for=max(tried_for for _, _, tried_for, _ in found),
        are_deferred=frozenset(notice.event for notice, _, _, deferred in found if deferred),
    )


def claim_totals(claim: Claim) -> dict[str, int]:
    """Return by how much a claim raises each total of mails."""
    failed = claim.error is not None
    return {
        "sent": claim.mails,
        "retried": int(failed and not claim.is_given_up),
        "given_up": int(failed and claim.is_given_up),
    }


def _has_expired(entry: _Entry, now: datetime) -> bool:
    if entry.state == "waiting":
        return entry.notice.reason == "confirm" and entry.added_at < now - REQUESTS_KEPT
    return entry.added_at < now - NOTICES_KEPT


def _rank(entry: _Entry) -> int:
    if entry.notice.reason == "confirm":
        return 0
    return 2 if entry.notice.reason == "subscription" or entry.is_deferred else 1


def _is_mailed_with(entry: _Entry, first: _Entry) -> bool:
    """Return whether a notice may be in one mail with another: a confirmation is one of its own."""
    here, there = entry.notice, first.notice
    return (here.person, here.reason == "confirm") == (there.person, there.reason == "confirm")


def _parts(entry: _Entry, now: datetime) -> tuple[Notice, int, timedelta, bool]:
    tried_for = now - (entry.tried_since or now)
    return entry.notice, entry.attempts, tried_for, entry.is_deferred


def _settle(entry: _Entry, claim: Claim) -> None:
    event = entry.notice.event
    if event in claim.done:
        entry.state, entry.error = "done", None
    elif event in claim.deferred:
        entry.due_at, entry.is_deferred, entry.mail = claim.deferred[event], True, None
        entry.attempts, entry.tried_since = 0, None
    elif claim.retry_after is not None:
        entry.attempts += 1
        entry.error = claim.error
        entry.due_at = moment() + claim.retry_after
        entry.state = "given_up" if claim.is_given_up else "waiting"
    else:
        if claim.error is not None:
            entry.error, entry.due_at = claim.error, moment()
        entry.tried_since = entry.tried_since if entry.attempts else None
