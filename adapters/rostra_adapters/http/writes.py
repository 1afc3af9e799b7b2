"""Limits of persons' writes, by person and by address, and guests' votes.

They hold for all processes on one database (see `operational`). Reads have other limits (see
`limits`).
"""

import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from math import ceil
from uuid import UUID

import msgspec
from aiohttp import web

from rostra.commands import CastVote, Command, EditComment, MarkPassage, PostComment
from rostra.events import CommandContext
from rostra.log import LogBusy
from rostra.names import is_guest
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
from rostra_adapters.http.settings import HttpSettings, Rate

HASH_BYTES = 16
THIS_MACHINE = "this machine"
"""Address of guests whose requests come from the service's own machine."""
DAY_CHARACTERS = 10


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

    async def admit(self, request: web.Request, command: Command, act: CommandContext) -> None:
        """Take room for a person's command. Raises the problem `too-many-requests`.

        Moderators and services that publish are not limited here.
        """
        token = tokens.of(request)
        if act.person is None or act.moderates or token is None or "publish" in token.scopes:
            return
        person = command.site, act.person
        address = self._limits.address_of(request)
        demands: list[tuple[str, Rate, Demand]] = []
        for kind, units in _units(command):
            if (rate := self._of_persons.get(kind)) is not None:
                demand = _demand(person_bucket(kind, *person), rate, units)
                demands.append((f"{kind} of a person", rate, demand))
            if address and (rate := self._of_addresses[kind]) is not None:
                demand = _demand(self._address_bucket(kind, address), rate, units)
                demands.append((f"{kind} from an address", rate, demand))
        await self._charge(demands)

    async def admit_guest(self, request: web.Request) -> None:
        """Take room for a new guest. Raises the problem `too-many-requests`."""
        rate, address = self._settings.guest_rate, self._limits.address_of(request)
        if rate is not None and address:
            demand = _demand(self._address_bucket("guests", address), rate, 1)
            await self._charge([("new guests from an address", rate, demand)])

    async def _charge(self, demands: list[tuple[str, Rate, Demand]]) -> None:
        if not demands:
            return
        refused = await self._app.operational.charge([demand for _, _, demand in demands])
        if refused is None:
            return
        limit, rate, _ = demands[refused.number]
        raise Problem(
            "too-many-requests",
            f"the limit on {limit} is {rate.burst} at once and {rate.per_second:g} a second",
            headers=retry_after(ceil(refused.wait_seconds)),
        )

    def _address_bucket(self, kind: str, address: str) -> bytes:
        return f"{kind}:".encode() + _keyed(self._settings.secret, kind, address)

    @asynccontextmanager
    async def guest_vote(
        self, request: web.Request, person: str, comment: UUID, discussion: UUID, now: Time
    ) -> AsyncIterator[None]:
        """Reserve a guest's vote while it is appended.

        A refused vote releases the reservation. If it is unknown whether a vote was recorded, the
        reservation stays: its guest may vote again, and no other guest from the address.

        Raises the problems `guest-votes-off` and `address-voted`.
        """
        access = await self._app.lookup.current_access(discussion) if is_guest(person) else None
        if access is None or access.rules.guest_votes == "name":
            yield
            return
        if access.rules.guest_votes == "off":
            raise Problem("guest-votes-off", f"guests do not vote on {access.site}")
        address = self._limits.address_of(request) or THIS_MACHINE
        hashes = address_hashes(self._settings.secrets, address, now)
        operational = self._app.operational
        reservation = await operational.reserve_vote(comment, hashes, person)
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


def _demand(bucket: bytes, rate: Rate, units: int) -> Demand:
    """Return the demand on a bucket; more units than the bucket holds take all of it."""
    window = rate.burst / rate.per_second
    return Demand(bucket, min(units / rate.per_second, window), window)


def _keyed(secret: str, *about: str) -> bytes:
    """Return a keyed hash of the last part. The key depends on the secret and the other parts."""
    *purpose, value = about
    key = hmac.digest(secret.encode(), msgspec.json.encode(purpose), "sha256")
    return hmac.digest(key, value.encode(), "sha256")[:HASH_BYTES]
