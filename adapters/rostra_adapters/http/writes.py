"""Limits of persons' writes, by person and by address, and guests' votes.

They hold for all processes on one database (see `application.operational`). Reads have other
limits (see `middleware.limits`).
"""

import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from math import ceil
from uuid import UUID

import msgspec
from aiohttp import web

from rostra import ids
from rostra.commands import (
    AnyCommand,
    CastVote,
    Command,
    EditComment,
    FlagComment,
    MarkPassage,
    PostComment,
)
from rostra.deciding.handle import Commanded, Outcome
from rostra.events import CommandContext
from rostra.limits import DAY_SECONDS
from rostra.log import LogBusy
from rostra.names import is_guest
from rostra.settings import Rules
from rostra.times import Time
from rostra_adapters.application.app import App
from rostra_adapters.application.operational import (
    VOTES_KEPT_DAYS,
    Demand,
    WriteKind,
    person_bucket,
)
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.middleware.limits import Limits
from rostra_adapters.http.problems import Problem, retry_after
from rostra_adapters.http.request_state import STATE
from rostra_adapters.http.settings import HttpSettings
from rostra_adapters.http_limits import Rate

HASH_BYTES = 16
THIS_MACHINE = "this machine"
"""Address of guests whose requests come from the service's own machine."""
DAY_CHARACTERS = 10
FORBIDDEN_TO_BANNED = (PostComment, EditComment, CastVote, FlagComment, MarkPassage)


class Writes:
    """Admits the writes of persons and guests."""

    def __init__(self, app: App, settings: HttpSettings, limits: Limits) -> None:
        self._app = app
        self._settings = settings
        self._limits = limits
        self._of_persons: dict[WriteKind, Rate | None] = {
            "comments": settings.comments_per_person,
            "votes": settings.votes_per_person,
            "acts": settings.acts_per_person,
            "bytes": settings.bytes_per_person,
        }
        self._of_addresses: dict[WriteKind, Rate | None] = {
            "comments": settings.comments_per_address,
            "votes": settings.votes_per_address,
            "acts": settings.acts_per_address,
            "marks": settings.marks_per_address,
            "bytes": settings.bytes_per_address,
        }

    async def submit(
        self,
        request: web.Request,
        command: AnyCommand,
        act: CommandContext,
        made: UUID | None = None,
    ) -> Outcome:
        """Submit a command if there is room for it.

        The site's limits count only what is recorded. `made` is the stream that the command makes,
        if its id follows from an idempotency key: a repeat needs no room.

        Raises LogBusy, and the problems of `admit`.
        """
        taken = await self._admit_or_repeat(request, command, act, made)
        try:
            (outcome,) = await self._app.submit([Commanded(command, act, is_checked=True)])
        except LogBusy:
            await self._give_back(taken)
            raise
        if outcome.status != "recorded":
            await self._give_back(taken)
        return outcome

    async def _admit_or_repeat(
        self, request: web.Request, command: Command, act: CommandContext, made: UUID | None
    ) -> list[Demand]:
        try:
            return await self.admit(request, command, act)
        except Problem:
            if made is None or not (await self._app.log.read_streams([made]))[made]:
                raise
            return []

    async def _give_back(self, taken: Sequence[Demand]) -> None:
        if taken:
            back = [msgspec.structs.replace(each, cost=-each.cost) for each in taken]
            await self._app.operational.charge(back)

    async def admit(
        self, request: web.Request, command: Command, act: CommandContext
    ) -> list[Demand]:
        """Take room for a person's command. Return what it took of the site's limits.

        Raises the problems `too-many-requests`, and `person-banned` for a guest's address.

        Moderators and services that publish are not limited here.
        """
        token = tokens.of(request)
        if act.person is None or act.moderates or token is None or "publish" in token.scopes:
            return []
        address = self._limits.address_of(request)
        if is_guest(act.person) and address:
            until = await self._address_banned_until(command.site, act.person, address, act.time)
            if until is not None and isinstance(command, FORBIDDEN_TO_BANNED):
                detail = f"guests from here are banned until {until}"
                raise Problem("person-banned", detail, until=until)
        rules = request[STATE].rules or await self._app.lookup.current_site_rules(command.site)
        of_site = list(self._demands_of_site(command, act.person, address, rules))
        await self._charge([*self._demands(command, act.person, address), *of_site])
        return [demand for _, demand in of_site]

    def _demands_of_site(
        self, command: Command, person: str, address: str, rules: Rules
    ) -> Iterator[tuple[str, Demand]]:
        """Yield the demands of a command on the site's limits."""
        for kind, limit, demand in _of_site(command, rules):
            mine = person_bucket(kind, command.site, person)
            yield f"of a person is {limit}", msgspec.structs.replace(demand, bucket=mine)
            if address:
                there = self._address_bucket(kind, address, command.site)
                yield f"from an address is {limit}", msgspec.structs.replace(demand, bucket=there)

    def _demands(self, command: Command, person: str, address: str) -> Iterator[tuple[str, Demand]]:
        """Yield the demands of a command on the service's own limits."""
        for kind, units in _units(command):
            if (rate := self._of_persons.get(kind)) is not None:
                bucket = person_bucket(kind, command.site, person)
                limit = f"on {kind} of a person is {_rate_text(rate)}"
                yield limit, _demand(bucket, rate, units)
            if address and (rate := self._of_addresses.get(kind)) is not None:
                limit = f"on {kind} from an address is {_rate_text(rate)}"
                yield limit, _demand(self._address_bucket(kind, address), rate, units)

    async def _address_banned_until(
        self, site: str, guest: str, address: str, now: Time
    ) -> Time | None:
        """Record the address of a guest. Return the end of its ban, None if it is not banned."""
        hashes = address_hashes(self._settings.secrets, address, now)
        return await self._app.operational.note_guest(site, guest, hashes)

    async def admit_guest(self, request: web.Request) -> None:
        """Take room for a new guest. Raises the problem `too-many-requests`."""
        rate, address = self._settings.guest_rate, self._limits.address_of(request)
        if rate is not None and address:
            demand = _demand(self._address_bucket("guests", address), rate, 1)
            limit = f"on new guests from an address is {_rate_text(rate)}"
            await self._charge([(limit, demand)])

    async def _charge(self, demands: Sequence[tuple[str, Demand]]) -> None:
        if not demands:
            return
        refused = await self._app.operational.charge([demand for _, demand in demands])
        if refused is None:
            return
        limit, _ = demands[refused.number]
        raise Problem(
            "too-many-requests",
            f"the limit {limit}",
            headers=retry_after(ceil(refused.wait_seconds)),
        )

    def _address_bucket(self, kind: str, address: str, *of: str) -> bytes:
        return f"{kind}:".encode() + _keyed(self._settings.secret, kind, *of, address)

    @asynccontextmanager
    async def guest_vote(
        self, request: web.Request, person: str, comment: UUID, value: int, now: Time
    ) -> AsyncIterator[None]:
        """Reserve a guest's vote while it is appended. Taking a vote back needs no reservation.

        A refused vote releases the reservation. If it is unknown whether a vote was recorded, the
        reservation stays: its guest may vote again, and no other guest from the address.

        Raises the problems `guest-votes-off` and `address-voted`.
        """
        discussion = ids.discussion_of(comment)
        access = await self._app.lookup.current_access(discussion) if is_guest(person) else None
        if access is None or access.rules.guest_votes == "name":
            yield
            return
        if access.rules.guest_votes == "off":
            raise Problem("guest-votes-off", f"guests do not vote on {access.site}")
        if value == 0:
            yield
            return
        address = self._limits.address_of(request) or THIS_MACHINE
        hashes = address_hashes(self._settings.secrets, address, now)
        operational = self._app.operational
        reservation = await operational.reserve_vote(access.site, comment, hashes, person)
        if reservation.outcome == "taken":
            raise Problem("address-voted", "another guest has voted on this from your address")
        try:
            yield
        except (Problem, LogBusy):
            await operational.release_vote(reservation)
            raise


WRITES = web.AppKey("writes", Writes)


def address_hashes(secrets: Sequence[str], address: str, now: Time) -> list[bytes]:
    """Hash an address by the keys of today and of each day that votes are kept for.

    The first is today's, by the first secret.
    """
    today = date.fromisoformat(now[:DAY_CHARACTERS])
    days = [(today - timedelta(days=ago)).isoformat() for ago in range(VOTES_KEPT_DAYS + 1)]
    return [_keyed(secret, "guest votes", day, address) for secret in secrets for day in days]


def _units(command: Command) -> Iterator[tuple[WriteKind, int]]:
    """Yield the limits that a command counts against, with its units."""
    match command:
        case PostComment() | EditComment():
            yield "comments", 1
            yield "bytes", len((command.body or "").encode())
        case CastVote():
            yield "votes", 1
        case MarkPassage():  # of a person the domain counts them, a day and article
            yield "acts", 1
            yield "marks", 1
        case _:
            yield "acts", 1


def _of_site(command: Command, rules: Rules) -> Iterator[tuple[WriteKind, str, Demand]]:
    """Yield the site's limits that a command counts against: kind, text, and demand."""
    match command:
        case PostComment():
            if rules.slow_seconds:
                seconds = float(rules.slow_seconds)
                text = f"a comment every {rules.slow_seconds} s"
                yield "slow comments", text, Demand(b"", seconds, seconds)
            if rules.per_day.comments:
                yield "comments a day", *_per_day(rules.per_day.comments, "comments")
        case CastVote() if rules.per_day.votes:
            yield "votes a day", *_per_day(rules.per_day.votes, "votes")
        case MarkPassage() if rules.per_day.marks:
            yield "marks a day", *_per_day(rules.per_day.marks, "marks")


def _per_day(most: int, what: str) -> tuple[str, Demand]:
    return f"{most} {what} a day", Demand(b"", DAY_SECONDS / most, float(DAY_SECONDS))


def _rate_text(rate: Rate) -> str:
    return f"{rate.burst} at once and {rate.per_second:g} a second"


def _demand(bucket: bytes, rate: Rate, units: int) -> Demand:
    """Return the demand on a bucket; more units than the bucket holds take all of it."""
    window = rate.burst / rate.per_second
    return Demand(bucket, min(units / rate.per_second, window), window)


def _keyed(secret: str, *about: str) -> bytes:
    """Return a keyed hash of the last part. The key depends on the secret and the other parts."""
    *purpose, value = about
    key = hmac.digest(secret.encode(), msgspec.json.encode(purpose), "sha256")
    return hmac.digest(key, value.encode(), "sha256")[:HASH_BYTES]
