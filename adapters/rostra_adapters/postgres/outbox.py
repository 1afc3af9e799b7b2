"""The outbox in PostgreSQL. Any number of senders empty it at once."""

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from uuid import UUID

import asyncpg
import msgspec

from rostra.log import LogUnavailable
from rostra_adapters.application.notify.outbox import (
    CLAIM_TIME,
    FIRST_RETRY,
    LINK_KEY_BYTES,
    LONGEST_RETRY,
    NOTICES_A_MAIL_MAX,
    PERSONS_SHOWN_MAX,
    REQUESTS_KEPT,
    Claim,
    Claimed,
    MailRequest,
    Notice,
    NoticeState,
    OutboxStatus,
    claim_totals,
    claimed_of,
)
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.checkpoint import PostgresCheckpoint
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection

_COLUMNS = ("event", "person", "site", "person_id", "reason", "discussion", "comment")
_ADD = """
insert into public.rostra_outbox (event, person, site, person_id, reason, discussion, comment)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[],
    $7::uuid[])
on conflict (event, person) do nothing
"""
_LOCK = f"select pg_advisory_xact_lock({locks.OUTBOX_CLAIM})"
# As in the index `rostra_outbox_turns`.
_RANK = """(case when reason = 'confirm' then 0 when reason = 'subscription' or is_deferred then 2
        else 1 end)"""
_UNCLAIMED = "(claimed_until is null or claimed_until <= statement_timestamp())"
# `clock_timestamp()` would keep the index from finding what is due.
# The first notice is of the next site after the last one, so that sites take turns. The notices of
# one mail are named by the first of them. A confirmation is in a mail of its own.
CLAIM = f"""
with recursive turns as (
    select rank, '' as site from generate_series(0, 2) rank
    union all
    select rank, (
        select site from public.rostra_outbox
        where state = 'waiting' and {_RANK} = turns.rank and site > turns.site
        order by site limit 1
    ) from turns where site is not null
), first as materialized (
    select due.* from (
        select rank, site from turns where site <> '' order by rank, site <= $5, site
    ) turn cross join lateral (
        select event, person, reason, mail from public.rostra_outbox
        where state = 'waiting' and {_RANK} = turn.rank and site = turn.site
            and due_at <= statement_timestamp() and {_UNCLAIMED}
        order by due_at limit 1
    ) due limit 1
), mine as materialized (
    select notice.event, notice.person, coalesce(first.mail, first.event) as mail
    from first join public.rostra_outbox notice using (person)
    where notice.state = 'waiting' and (
        notice.mail = first.mail
        or first.mail is null and notice.mail is null and notice.due_at <= statement_timestamp()
            and (notice.reason = 'confirm') = (first.reason = 'confirm')
    )
    order by notice.event <> first.event, notice.added_at limit $1
)
update public.rostra_outbox notice
set mail = mine.mail, attempts = attempts + 1,
    tried_since = coalesce(tried_since, statement_timestamp()),
    claimed_until = statement_timestamp()
        + greatest($2::interval, least($3::interval * 2 ^ least(attempts, 20), $4::interval))
from mine
where notice.event = mine.event and notice.person = mine.person and notice.state = 'waiting'
returning notice.event, notice.person, site, person_id, reason, discussion, comment,
    attempts - 1 as attempts, statement_timestamp() - tried_since as tried_for, is_deferred,
    added_at
"""  # noqa: S608
_DUE = """
with persons as (
    select person from public.rostra_outbox
    where state = 'waiting' and due_at <= clock_timestamp()
    group by person order by min(due_at) limit $1
)
select event, person, site, person_id, reason, discussion, comment,
    attempts, clock_timestamp() - coalesce(tried_since, clock_timestamp()), is_deferred
from public.rostra_outbox join persons using (person)
where state = 'waiting' and due_at <= clock_timestamp()
order by person, added_at
"""
_DONE = """
update public.rostra_outbox set state = 'done', error = null, claimed_until = null
where person = $1 and event = any($2::uuid[])
"""
_DEFER = """
update public.rostra_outbox notice
set due_at = until.due_at, is_deferred = true, mail = null, attempts = 0, tried_since = null,
    claimed_until = null
from unnest($2::uuid[], $3::timestamptz[]) until (event, due_at)
where notice.person = $1 and notice.event = until.event
"""
_FAIL = """
update public.rostra_outbox
set error = $3, due_at = clock_timestamp() + $4::interval, claimed_until = null,
    state = case when $5 then 'given_up' else 'waiting' end
where person = $1 and event = any($2::uuid[])
"""
_RELEASE = """
update public.rostra_outbox
set attempts = attempts - 1, claimed_until = null, error = coalesce($3, error),
    due_at = case when $3::text is null then due_at else clock_timestamp() end,
    tried_since = case attempts when 1 then null else tried_since end
where person = $1 and event = any($2::uuid[])
"""
_COUNT = """
insert into public.rostra_mail_totals as total (name, count)
select * from unnest($1::text[], $2::bigint[])
on conflict (name) do update set count = total.count + excluded.count
"""
_STATUS = """
select count(*) as waiting, min(added_at) as waiting_since, min(due_at) as oldest_due
from public.rostra_outbox where state = 'waiting'
"""
_NOTICES_OF = """
select event, reason, state, added_at, due_at, discussion, comment
from public.rostra_outbox where person = $1 order by added_at
"""
_TOTALS = "select name, count from public.rostra_mail_totals"
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
PRUNE_NOTICES = """
delete from public.rostra_outbox where (event, person) in (
    select event, person from public.rostra_outbox
    where state <> 'waiting' and added_at < clock_timestamp() - $2::interval
    order by added_at limit $1 for update skip locked
)"""
PRUNE_CONFIRMATIONS = """
delete from public.rostra_outbox where (event, person) in (
    select event, person from public.rostra_outbox
    where state = 'waiting' and reason = 'confirm'
        and added_at < clock_timestamp() - $2::interval
    order by added_at limit $1 for update skip locked
)"""
PRUNE_REQUESTS = """
delete from public.rostra_mail_requests where person in (
    select person from public.rostra_mail_requests
    where asked_at < clock_timestamp() - $2::interval
    order by asked_at limit $1 for update skip locked
)"""
_FORGET = "delete from public.rostra_outbox where person = any($1::uuid[])"
_FORGET_REQUESTS = "delete from public.rostra_mail_requests where person = any($1::uuid[])"
_FORGET_ADDRESSES = "delete from public.rostra_mail_addresses where person = any($1::uuid[])"


class PostgresOutbox(PostgresCheckpoint):
    """`application.notify.outbox.Outbox`. `schema.install` must have been run."""

    name = "notify"

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self._link_key: bytes | None = None
        self._site = ""
        """Site of the last mail that was claimed here."""

    async def add(self, notices: Sequence[Notice]) -> None:
        if notices:
            with raise_unavailable_if_lost():
                await self._pool.execute(_ADD, *_columns_of(notices))

    @asynccontextmanager
    async def claim(self) -> AsyncIterator[Claim | None]:
        """Claim a mail, in a transaction of its own. The next sender takes the same notices."""
        records = await self._claimed()
        if not records:
            yield None
            return
        claim = Claim(_claimed_of(records))
        self._site = records[0]["site"]
        try:
            yield claim
        except BaseException:
            if not claim.is_handing_over and not claim.mails:
                claim.release()
                with suppress(LogUnavailable):
                    await self._settle(claim)
            raise
        await self._settle(claim)

    async def _claimed(self) -> list[asyncpg.Record]:
        waits = CLAIM_TIME, FIRST_RETRY, LONGEST_RETRY
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_LOCK)
                records = await connection.fetch(CLAIM, NOTICES_A_MAIL_MAX, *waits, self._site)
        return sorted(records, key=lambda row: (row["added_at"], row["event"]))

    async def _settle(self, claim: Claim) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await _settle(connection, claim)

    async def due(self) -> list[Claimed]:
        with raise_unavailable_if_lost():
            records = await self._pool.fetch(_DUE, PERSONS_SHOWN_MAX)
        return [_claimed_of(rows) for _, rows in groupby(records, key=lambda row: row["person"])]

    async def notices_of(self, person: UUID) -> list[NoticeState]:
        with raise_unavailable_if_lost():
            return [NoticeState(*row) for row in await self._pool.fetch(_NOTICES_OF, person)]

    async def status(self) -> OutboxStatus:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_STATUS)
            totals = dict(map(tuple, await self._pool.fetch(_TOTALS)))
            errors = await self._pool.fetch(_ERRORS)
        assert record is not None
        return OutboxStatus(
            **dict(record),
            sent=totals.get("sent", 0),
            retried=totals.get("retried", 0),
            given_up=totals.get("given_up", 0),
            errors=[row["error"] for row in errors],
        )

    async def link_key(self) -> bytes:
        if self._link_key is None:
            with raise_unavailable_if_lost():
                self._link_key = await self._pool.fetchval(_KEY)
                if self._link_key is None:
                    await self._pool.execute(_MAKE_KEY, secrets.token_bytes(LINK_KEY_BYTES))
                    self._link_key = await self._pool.fetchval(_KEY)
        assert self._link_key is not None
        return self._link_key

    async def confirmed_address(self, person: UUID) -> bytes | None:
        with raise_unavailable_if_lost():
            address: bytes | None = await self._pool.fetchval(_CONFIRMED, person)
        return address

    async def confirm(self, person: UUID, address: bytes) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_CONFIRM, person, address)

    async def ask(self, request: MailRequest) -> None:
        with raise_unavailable_if_lost():
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
            await self._pool.execute(_FORGET_REQUESTS, list(persons))


def _columns_of(notices: Sequence[Notice]) -> tuple[list[object], ...]:
    return tuple([getattr(notice, column) for notice in notices] for column in _COLUMNS)


def _claimed_of(rows: Iterable[asyncpg.Record]) -> Claimed:
    return claimed_of((Notice(*row[:7]), *row[7:10]) for row in rows)


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
    if left and claim.retry_after is not None:
        await connection.execute(
            _FAIL, person, left, claim.error, claim.retry_after, claim.is_given_up
        )
    elif left:
        await connection.execute(_RELEASE, person, left, claim.error)
    totals = {name: count for name, count in claim_totals(claim).items() if count}
    if totals:  # last: all senders count in the same rows
        await connection.execute(_COUNT, list(totals), list(totals.values()))
