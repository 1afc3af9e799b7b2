"""The outbox in PostgreSQL. Any number of senders empty it at once."""

import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from uuid import UUID

import asyncpg
import msgspec

from rostra_adapters.application.notify.outbox import (
    LINK_KEY_BYTES,
    NOTICES_A_MAIL_MAX,
    PERSONS_SHOWN_MAX,
    REQUESTS_KEPT,
    Claim,
    Claimed,
    MailRequest,
    Notice,
    OutboxStatus,
    claimed_of,
)
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection

FOLLOWER = "notify"
_COLUMNS = ("event", "person", "site", "person_id", "reason", "discussion", "comment")
_CHECKPOINT = "select log, position from public.rostra_followers where name = $1"
_ADVANCE = """
insert into public.rostra_followers as follower (name, log, position) values ($1, $2, $3)
on conflict (name) do update set log = excluded.log, position = excluded.position
where follower.log <> excluded.log or follower.position < excluded.position
"""
_ADD = """
insert into public.rostra_outbox (event, person, site, person_id, reason, discussion, comment)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[],
    $7::uuid[])
on conflict (event, person) do nothing
"""
# One person's notices are one claim: the first that is due names the person.
_CLAIM = """
with first as materialized (
    select event, person from public.rostra_outbox
    where state = 'waiting' and due_at <= clock_timestamp()
    order by due_at limit 1 for update skip locked
)
select event, person, site, person_id, reason, discussion, comment,
    attempts, added_at, is_deferred
from public.rostra_outbox
where person = (select person from first) and state = 'waiting'
    and due_at <= clock_timestamp()
order by added_at limit $1 for update skip locked
"""
_DUE = """
with persons as (
    select person from public.rostra_outbox
    where state = 'waiting' and due_at <= clock_timestamp()
    group by person order by min(due_at) limit $1
)
select event, person, site, person_id, reason, discussion, comment,
    attempts, added_at, is_deferred
from public.rostra_outbox join persons using (person)
where state = 'waiting' and due_at <= clock_timestamp()
order by person, added_at
"""
_DONE = """
update public.rostra_outbox set state = 'done', error = null
where person = $1 and event = any($2::uuid[])
"""
_DEFER = """
update public.rostra_outbox notice set due_at = until.due_at, is_deferred = true
from unnest($2::uuid[], $3::timestamptz[]) until (event, due_at)
where notice.person = $1 and notice.event = until.event
"""
_FAIL = """
update public.rostra_outbox set attempts = attempts + 1, error = $3, due_at = $4,
    state = case when $5 then 'given_up' else 'waiting' end
where person = $1 and event = any($2::uuid[])
"""
_STATUS = """
select count(*) filter (where state = 'waiting') as waiting,
    count(*) filter (where state = 'done') as sent,
    count(*) filter (where state = 'given_up') as given_up,
    min(due_at) filter (where state = 'waiting') as oldest_due
from public.rostra_outbox
"""
_ERRORS = """
select error from public.rostra_outbox where error is not null order by due_at desc limit 10
"""
_MAKE_KEY = "insert into public.rostra_link_key (key) values ($1) on conflict do nothing"
_KEY = "select key from public.rostra_link_key"
_CONFIRMED = "select address from public.rostra_mail_addresses where person = $1"
_CONFIRM = """
insert into public.rostra_mail_addresses (person, address) values ($1, $2)
on conflict (person) do update set address = excluded.address, confirmed_at = clock_timestamp()
"""
_ASK = """
insert into public.rostra_mail_requests
    (person, site, person_id, discussion, email, subscribe_to, language)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_REQUEST = """
select person, site, person_id, discussion, email, subscribe_to, language
from public.rostra_mail_requests
where person = $1 and asked_at > clock_timestamp() - $2::interval
"""
_END_REQUEST = "delete from public.rostra_mail_requests where person = $1"
_END_OLD_REQUESTS = """
delete from public.rostra_mail_requests where asked_at < clock_timestamp() - $1::interval
"""
_FORGET = "delete from public.rostra_outbox where person = any($1::uuid[])"
_FORGET_ADDRESSES = "delete from public.rostra_mail_addresses where person = any($1::uuid[])"


class PostgresOutbox:
    """`application.notify.outbox.Outbox`. `schema.install` must have been run."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def checkpoint(self) -> tuple[UUID, int] | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_CHECKPOINT, FOLLOWER)
        return None if record is None else (record["log"], record["position"])

    async def add(self, notices: Sequence[Notice], log: UUID, position: int) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if notices:
                    await connection.execute(_ADD, *_columns_of(notices))
                await connection.execute(_ADVANCE, FOLLOWER, log, position)

    async def add_now(self, notice: Notice) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_ADD, *_columns_of([notice]))

    @asynccontextmanager
    async def claim(self) -> AsyncIterator[Claim | None]:
        """Hold the claimed rows locked until the block ends: a sender that dies leaves them due."""
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                records = await connection.fetch(_CLAIM, NOTICES_A_MAIL_MAX)
                if not records:
                    yield None
                    return
                claim = Claim(claimed_of((Notice(*row[:7]), *row[7:]) for row in records))
                yield claim
                await _settle(connection, claim)

    async def due(self) -> list[Claimed]:
        with raise_unavailable_if_lost():
            records = await self._pool.fetch(_DUE, PERSONS_SHOWN_MAX)
        return [
            claimed_of((Notice(*row[:7]), *row[7:]) for row in rows)
            for _, rows in groupby(records, key=lambda row: row["person"])
        ]

    async def status(self) -> OutboxStatus:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_STATUS)
            errors = await self._pool.fetch(_ERRORS)
        assert record is not None
        return OutboxStatus(**dict(record), errors=[row["error"] for row in errors])

    async def link_key(self) -> bytes:
        with raise_unavailable_if_lost():
            await self._pool.execute(_MAKE_KEY, secrets.token_bytes(LINK_KEY_BYTES))
            key: bytes = await self._pool.fetchval(_KEY)
        return key

    async def confirmed_address(self, person: UUID) -> bytes | None:
        with raise_unavailable_if_lost():
            address: bytes | None = await self._pool.fetchval(_CONFIRMED, person)
        return address

    async def confirm(self, person: UUID, address: bytes) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_CONFIRM, person, address)

    async def ask(self, request: MailRequest) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_END_OLD_REQUESTS, REQUESTS_KEPT)
            await self._pool.execute(_ASK, *msgspec.structs.astuple(request))

    async def find_request(self, person: UUID) -> MailRequest | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_REQUEST, person, REQUESTS_KEPT)
        return None if record is None else MailRequest(*record)

    async def end_request(self, person: UUID) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_END_REQUEST, person)

    async def forget(self, persons: Collection[UUID]) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_FORGET, list(persons))
            await self._pool.execute(_FORGET_ADDRESSES, list(persons))


def _columns_of(notices: Sequence[Notice]) -> tuple[list[object], ...]:
    return tuple([getattr(notice, column) for notice in notices] for column in _COLUMNS)


async def _settle(connection: Connection, claim: Claim) -> None:
    notices = claim.claimed.notices
    person = notices[0].person
    left = [
        notice.event
        for notice in notices
        if notice.event not in claim.done and notice.event not in claim.deferred
    ]
    if claim.done:
        await connection.execute(_DONE, person, list(claim.done))
    if claim.deferred:
        events, until = list(claim.deferred), list(claim.deferred.values())
        await connection.execute(_DEFER, person, events, until)
    if left and claim.error is not None:
        await connection.execute(
            _FAIL, person, left, claim.error, claim.retry_at, claim.is_given_up
        )
