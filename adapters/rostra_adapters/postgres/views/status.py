"""Status of the views of a lineage, for operators."""

from rostra.codec import TYPES
from rostra_adapters.application.ports import (
    FOREIGN_TOPICS_MAX,
    ForeignEvents,
    RebuildStatus,
    ViewStatus,
)
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.views.lease import read_projector
from rostra_adapters.postgres.views.lineage import Lineage
from rostra_adapters.postgres.views.projector import read_parked, states

_HAS_REBUILDS = "select to_regclass('public.rostra_rebuilds') is not null"
_REBUILDS = """
select view, ended_at, seconds, events, result from public.rostra_rebuilds where lineage = $1"""
# See `rostra.ids.is_ours`.
_FOREIGN = """
select topic, count(*), max(notification_id) from public.stored_events
where topic <> all($1::text[]) or get_byte(uuid_send(originator_id), 6) >> 4 <> 8
    or get_byte(uuid_send(originator_id), 8) >> 6 <> 2
group by topic order by 2 desc, 1 limit $2"""


async def read_status(connection: Connection, lineage: Lineage, head: int) -> list[ViewStatus]:
    """Return the status of each view that is made."""
    rebuilds: dict[str, RebuildStatus] = {}
    if await connection.fetchval(_HAS_REBUILDS):  # made when a service of this version starts
        for view, *rebuilt in await connection.fetch(_REBUILDS, lineage.name):
            rebuilds[view] = RebuildStatus(*rebuilt)
    projector = await read_projector(connection, lineage)
    return [
        ViewStatus(
            state.name,
            state.version,
            state.position,
            max(head - state.position, 0),
            await read_parked(connection, state),
            lineage.is_own,
            projector=projector,
            last_rebuild=rebuilds.get(state.name),
        )
        for state in await states(connection, lineage)
    ]


async def count_foreign_events(connection: Connection) -> list[ForeignEvents]:
    """Count the events of other programs, by topic, the most frequent first."""
    records = await connection.fetch(_FOREIGN, list(TYPES), FOREIGN_TOPICS_MAX)
    return [ForeignEvents(*record) for record in records]
