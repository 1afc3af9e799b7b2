"""The operational tables in PostgreSQL, which all processes on one database share."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Self
from uuid import UUID, uuid4

import asyncpg

from rostra.times import Time, format_time, to_datetime
from rostra_adapters.aio.background import BackgroundTask, end_background, repeat
from rostra_adapters.application.notify.outbox import NOTICES_KEPT, REQUESTS_KEPT
from rostra_adapters.application.operational import (
    VOTES_KEPT_DAYS,
    Demand,
    Reservation,
    WriteRefused,
)
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.outbox import PRUNE_CONFIRMATIONS, PRUNE_NOTICES, PRUNE_REQUESTS

PRUNE_SECONDS = 300.0
PRUNED_AT_ONCE_MAX = 10_000
"""Rows deleted by one statement, so that none takes long."""
PRUNE_ROUNDS_MAX = 100

CHARGE = "select wait_seconds, refused from public.rostra_take($1, $2, $3)"
RESERVE = "select public.rostra_reserve_vote($1, $2, $3, $4, $5)"
RELEASE = """
delete from public.rostra_guest_votes where comment = $1 and guest = $2 and holder = $3"""
# Votes that an earlier version reserved have no site, until they expire.
FORGET_VOTES = """
delete from public.rostra_guest_votes as vote
using unnest($1::text[], $2::text[]) as erased (site, guest)
where vote.guest = erased.guest and (vote.site = erased.site or vote.site is null)
"""
FORGET_BUCKETS = "delete from public.rostra_write_limits where bucket = any($1::bytea[])"
NOTE_GUEST = "select public.rostra_note_guest($1, $2, $3)"
BAN_GUEST = """
insert into public.rostra_banned_addresses (site, address, guest, banned_until)
select site, address, guest, $3 from public.rostra_guest_addresses
where site = $1 and guest = $2
on conflict (site, address, guest) do update set banned_until = excluded.banned_until
"""
UNBAN_GUEST = "delete from public.rostra_banned_addresses where site = $1 and guest = $2"
FORGET_ADDRESSES = """
delete from public.rostra_guest_addresses as noted
using unnest($1::text[], $2::text[]) as erased (site, guest)
where noted.site = erased.site and noted.guest = erased.guest
"""
FORGET_BANS = """
delete from public.rostra_banned_addresses as ban
using unnest($1::text[], $2::text[]) as erased (site, guest)
where ban.site = erased.site and ban.guest = erased.guest
"""
PRUNE_ADDRESSES = """
delete from public.rostra_guest_addresses where (site, guest, address) in (
    select site, guest, address from public.rostra_guest_addresses
    where noted_at < clock_timestamp() - $2::interval
    order by noted_at limit $1 for update skip locked
)"""
PRUNE_BANS = """
delete from public.rostra_banned_addresses where (site, address, guest) in (
    select site, address, guest from public.rostra_banned_addresses
    where banned_until < clock_timestamp() limit $1 for update skip locked
)"""
PRUNE_BUCKETS = """
delete from public.rostra_write_limits where bucket in (
    select bucket from public.rostra_write_limits where full_at < clock_timestamp()
    limit $1 for update skip locked
)"""
PRUNE_VOTES = """
delete from public.rostra_guest_votes where (comment, guest) in (
    select comment, guest from public.rostra_guest_votes
    where reserved_at < clock_timestamp() - $2::interval
    order by reserved_at limit $1 for update skip locked
)"""


class PostgresOperational:
    """Limits of writes in PostgreSQL. As a context it deletes expired rows.

    `schema.install` must have been run.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._task: BackgroundTask | None = None

    async def __aenter__(self) -> Self:
        self._task = BackgroundTask(repeat(self.prune, PRUNE_SECONDS), "prune")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_background(self._task)

    async def charge(self, demands: Sequence[Demand]) -> WriteRefused | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(
                CHARGE,
                [each.bucket for each in demands],
                [each.cost for each in demands],
                [each.window for each in demands],
            )
        assert record is not None
        return None if record[1] is None else WriteRefused(record[1] - 1, record[0])

    async def reserve_vote(
        self, site: str, comment: UUID, addresses: Sequence[bytes], guest: str
    ) -> Reservation:
        holder = uuid4()
        with raise_unavailable_if_lost():
            outcome = await self._pool.fetchval(
                RESERVE, site, comment, list(addresses), guest, holder
            )
        return Reservation(outcome, comment, guest, holder)

    async def release_vote(self, reservation: Reservation) -> None:
        if reservation.outcome != "made":
            return
        with raise_unavailable_if_lost():
            await self._pool.execute(
                RELEASE, reservation.comment, reservation.guest, reservation.holder
            )

    async def note_guest(self, site: str, guest: str, addresses: Sequence[bytes]) -> Time | None:
        with raise_unavailable_if_lost():
            until = await self._pool.fetchval(NOTE_GUEST, site, guest, list(addresses))
        return None if until is None else format_time(until)

    async def ban_guest(self, site: str, guest: str, until: Time) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(BAN_GUEST, site, guest, to_datetime(until))

    async def unban_guest(self, site: str, guest: str) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(UNBAN_GUEST, site, guest)

    async def forget(
        self, persons: Collection[tuple[str, str]], buckets: Collection[bytes]
    ) -> None:
        sites, guests = [site for site, _ in persons], [guest for _, guest in persons]
        with raise_unavailable_if_lost():
            await self._pool.execute(FORGET_VOTES, sites, guests)
            await self._pool.execute(FORGET_ADDRESSES, sites, guests)
            await self._pool.execute(FORGET_BANS, sites, guests)
            await self._pool.execute(FORGET_BUCKETS, list(buckets))

    async def prune(self) -> None:
        """Delete rows that have expired."""
        await self._prune(PRUNE_BUCKETS)
        await self._prune(PRUNE_VOTES, timedelta(days=VOTES_KEPT_DAYS))
        await self._prune(PRUNE_ADDRESSES, timedelta(days=VOTES_KEPT_DAYS))
        await self._prune(PRUNE_BANS)
        await self._prune(PRUNE_NOTICES, NOTICES_KEPT)
        await self._prune(PRUNE_CONFIRMATIONS, REQUESTS_KEPT)
        await self._prune(PRUNE_REQUESTS, REQUESTS_KEPT)

    async def _prune(self, statement: str, *kept: timedelta) -> None:
        """Delete what a statement finds, some rows at a time."""
        for _ in range(PRUNE_ROUNDS_MAX):
            with raise_unavailable_if_lost():
                status = await self._pool.execute(statement, PRUNED_AT_ONCE_MAX, *kept)
            if int(status.rpartition(" ")[2]) < PRUNED_AT_ONCE_MAX:
                return
