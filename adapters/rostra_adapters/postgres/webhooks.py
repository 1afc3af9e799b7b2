"""Webhooks and their queue in PostgreSQL. Any number of senders empty it at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from rostra_adapters.application.webhooks.store import (
    ClaimedDelivery,
    QueuedDelivery,
    WaitingDeliveries,
    Webhook,
)
from rostra_adapters.postgres.checkpoint import PostgresCheckpoint
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.connection import Connection

_COLUMNS = Webhook.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_NAMES_OF_WEBHOOK = ", ".join(f"webhook.{name}" for name in _COLUMNS)
_SELECT = f"select {_NAMES} from public.rostra_webhooks"  # noqa: S608  # our own names
_ALL = f"{_SELECT} where $1::text is null or site = $1 order by added_at, id"
_FIND = f"{_SELECT} where id = $1"
_VALUES = ", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))
# Only the review of a site is added again. What waits for it stays, unless it was disabled.
_ADD = f"""
insert into public.rostra_webhooks as former ({_NAMES}) values ({_VALUES})
on conflict (id) do update
set networks = excluded.networks, secret = excluded.secret, error = null, state = 'active',
    former_secret = excluded.former_secret, former_until = excluded.former_until,
    log = case former.state when 'active' then former.log else excluded.log end,
    position = case former.state when 'active' then former.position else excluded.position end
"""  # noqa: S608
_ROTATE = """
update public.rostra_webhooks
set former_secret = secret, former_until = $3, secret = $2
where id = $1
"""
_DISABLE = """
update public.rostra_webhooks set state = 'disabled', error = $2
where id = $1 and state = 'active'
"""
_REMOVE = "delete from public.rostra_webhooks where id = $1"
_DROP_QUEUE = "delete from public.rostra_webhook_queue where webhook = $1"
_DROP_LANES = "delete from public.rostra_webhook_lanes where webhook = $1"
_WAITING = """
select waiting.webhook, waiting.deliveries, failing.since, failing.error
from (
    select webhook, count(*) as deliveries from public.rostra_webhook_queue group by webhook
) waiting left join lateral (
    select error, min(failing_since) over () as since
    from public.rostra_webhook_lanes lane
    where lane.webhook = waiting.webhook and error is not null
    order by due_at desc limit 1
) failing on true
"""

_CLEAR_QUEUE = "delete from public.rostra_webhook_queue"
_CLEAR_LANES = "delete from public.rostra_webhook_lanes"
# The lane is locked first, here and where a delivery is settled: a lane that is found empty and
# deleted meanwhile is made again. Rows of webhooks are locked before those of lanes.
# A webhook cannot be disabled while deliveries are queued for it.
_LOCK_ACTIVE = """
select id from public.rostra_webhooks
where id = any($1::uuid[]) and state = 'active' order by id for share
"""
_ADD_LANES = """
insert into public.rostra_webhook_lanes (webhook, lane, due_at)
select distinct webhook, lane, now()
from unnest($1::uuid[], $2::uuid[]) queued (webhook, lane)
order by webhook, lane
on conflict (webhook, lane) do update set lane = excluded.lane
"""
_ADD_DELIVERIES = """
insert into public.rostra_webhook_queue (webhook, lane, position)
select webhook, lane, position
from unnest($1::uuid[], $2::uuid[], $3::bigint[]) queued (webhook, lane, position)
on conflict do nothing
"""
# The clock is the database's, so that those of the processes may differ.
#
# An index has each webhook's first lane that is due: its other lanes are not read. Webhooks with
# fewer claims come first, so that none takes all slots; one that fails has one claim at a time.
_CLAIM = f"""
with waiting as materialized (
    select id from (
        select id, (
            select min(due_at) from public.rostra_webhook_lanes
            where webhook = id and due_at <= now()
                and (claimed_until is null or claimed_until <= now())
        ) as due_at, (
            select count(*) from public.rostra_webhook_lanes
            where webhook = id and claimed_until > now()
        ) as claims, (
            select min(failing_since) from public.rostra_webhook_lanes where webhook = id
        ) as failing_since
        from public.rostra_webhooks where state = 'active'
    ) webhook
    where due_at is not null and claims < case when failing_since is null then $3 else 1 end
        and exists (select from public.rostra_followers where name = $4 and log = $1)
    order by claims, due_at
), first as materialized (
    select lane.* from waiting cross join lateral (
        select webhook, lane from public.rostra_webhook_lanes
        where webhook = waiting.id and due_at <= now()
            and (claimed_until is null or claimed_until <= now())
        order by due_at limit 1 for update skip locked
    ) lane
    limit 1
), claimed as (
    update public.rostra_webhook_lanes lane set claimed_until = now() + $2::interval
    from first where lane.webhook = first.webhook and lane.lane = first.lane
    returning lane.*
)
select {_NAMES_OF_WEBHOOK}, claimed.lane, claimed.attempts,
    now() - claimed.failing_since as failing_for, (
        select min(position) from public.rostra_webhook_queue queue
        where queue.webhook = claimed.webhook and queue.lane = claimed.lane
    ) as first_position
from claimed join public.rostra_webhooks webhook on webhook.id = claimed.webhook
"""  # noqa: S608
_COMPLETE = """
with lane as materialized (
    select webhook, lane from public.rostra_webhook_lanes
    where webhook = $1 and lane = $2 for update
), done as (
    delete from public.rostra_webhook_queue
    where webhook = $1 and lane = $2 and position = $3 and exists (select from lane)
)
update public.rostra_webhooks
set delivered = delivered + $4, delivered_at = case $4 when 1 then now() else delivered_at end,
    error = $5
where id = $1 and state = 'active'
"""
# A statement of its own, so that it sees what was queued before the lane was locked.
_NEXT = """
with ended as (
    delete from public.rostra_webhook_lanes where webhook = $1 and lane = $2 and not exists (
        select from public.rostra_webhook_queue where webhook = $1 and lane = $2
    )
    returning webhook
)
update public.rostra_webhook_lanes
set due_at = now(), claimed_until = null, attempts = 0, failing_since = null, error = null
where webhook = $1 and lane = $2 and not exists (select from ended)
"""
_RETRY = """
update public.rostra_webhook_lanes
set due_at = now() + $3::interval, claimed_until = null, attempts = attempts + 1, error = $4,
    failing_since = coalesce(failing_since, now())
where webhook = $1 and lane = $2
"""
_RELEASE = """
update public.rostra_webhook_lanes set claimed_until = null where webhook = $1 and lane = $2
"""


class PostgresWebhooks(PostgresCheckpoint):
    """`application.webhooks.store.WebhookStore`. `schema.install` must have been run."""

    name = "webhooks"

    async def add(self, webhook: Webhook) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_ADD, *msgspec.structs.astuple(webhook))

    async def all(self, site: str | None = None) -> list[Webhook]:
        with raise_unavailable_if_lost():
            records = await self._pool.fetch(_ALL, site)
        return [_webhook(record) for record in records]

    async def find(self, webhook: UUID) -> Webhook | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_FIND, webhook)
        return None if record is None else _webhook(record)

    async def replace_secret(self, webhook: UUID, secret: bytes, former_until: datetime) -> bool:
        with raise_unavailable_if_lost():
            done = await self._pool.execute(_ROTATE, webhook, secret, former_until)
        return done == "UPDATE 1"

    async def disable(self, webhook: UUID, error: str) -> bool:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                done = await connection.execute(_DISABLE, webhook, error)
                await connection.execute(_DROP_LANES, webhook)
                await connection.execute(_DROP_QUEUE, webhook)
        return bool(done == "UPDATE 1")

    async def remove(self, webhook: UUID) -> bool:
        with raise_unavailable_if_lost():
            done = await self._pool.execute(_REMOVE, webhook)
        return done == "DELETE 1"

    async def waiting(self) -> Mapping[UUID, WaitingDeliveries]:
        with raise_unavailable_if_lost():
            records = await self._pool.fetch(_WAITING)
        return {webhook: WaitingDeliveries(*rest) for webhook, *rest in records}

    async def begin(self, log: UUID, position: int) -> None:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if await self._begin(connection, log, position):
                    await connection.execute(_CLEAR_LANES)
                    await connection.execute(_CLEAR_QUEUE)

    async def queue(
        self, deliveries: Sequence[QueuedDelivery], log: UUID, before: int, position: int
    ) -> bool:
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await self._move(connection, log, before, log, position):
                    return False
                if deliveries:
                    await _add_deliveries(connection, deliveries)
        return True

    async def claim(self, log: UUID, held: timedelta, claims_max: int) -> ClaimedDelivery | None:
        with raise_unavailable_if_lost():
            record = await self._pool.fetchrow(_CLAIM, log, held, claims_max, self.name)
        if record is None or record["first_position"] is None:
            return None
        return ClaimedDelivery(
            _webhook(record),
            record["lane"],
            record["first_position"],
            record["attempts"],
            record["failing_for"],
        )

    async def complete(
        self, claimed: ClaimedDelivery, *, is_sent: bool, error: str | None = None
    ) -> None:
        lane = claimed.webhook.id, claimed.lane
        with raise_unavailable_if_lost():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_COMPLETE, *lane, claimed.position, int(is_sent), error)
                await connection.execute(_NEXT, *lane)

    async def retry(self, claimed: ClaimedDelivery, wait: timedelta, error: str) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_RETRY, claimed.webhook.id, claimed.lane, wait, error)

    async def release(self, claimed: ClaimedDelivery) -> None:
        with raise_unavailable_if_lost():
            await self._pool.execute(_RELEASE, claimed.webhook.id, claimed.lane)


async def _add_deliveries(connection: Connection, deliveries: Sequence[QueuedDelivery]) -> None:
    """Add deliveries to webhooks that are active, in a transaction."""
    records = await connection.fetch(_LOCK_ACTIVE, list({one.webhook for one in deliveries}))
    active = {record["id"] for record in records}
    added = [one for one in deliveries if one.webhook in active]
    webhooks, lanes = [one.webhook for one in added], [one.lane for one in added]
    await connection.execute(_ADD_LANES, webhooks, lanes)
    positions = [one.position for one in added]
    await connection.execute(_ADD_DELIVERIES, webhooks, lanes, positions)


def _webhook(record: asyncpg.Record) -> Webhook:
    fields = {name: record[name] for name in _COLUMNS}
    return msgspec.convert(fields, Webhook, strict=False)
