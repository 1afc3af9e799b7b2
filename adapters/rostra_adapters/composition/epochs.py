"""Beginning of a new epoch of the log by hand."""

from uuid import UUID

from rostra_adapters.postgres import schema
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.log.event_log import PostgresLog
from rostra_adapters.postgres.views.patient import connect_patiently


async def begin_epoch(url: str) -> tuple[UUID, int]:
    """Give the log a new id. Return the id and the log's head.

    Raises LogUnavailable and the errors of `rostra_adapters.postgres.schema.check`.
    """
    with raise_unavailable_if_lost():
        async with connect_patiently(url) as connection:
            await schema.check(connection)
    async with await PostgresLog.open(url) as log:
        return await log.follow_timeline(is_forced=True), await log.head()
