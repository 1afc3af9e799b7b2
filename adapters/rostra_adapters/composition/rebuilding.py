"""Rebuild of the views on PostgreSQL by a process of its own.

No App is opened: it would need the master key, and its imports take longer than a short log.
"""

from collections.abc import Sequence

from rostra_adapters.application.own_views import own_views
from rostra_adapters.application.ports import Progress, Rebuilt
from rostra_adapters.composition.prepare_database import prepare_database
from rostra_adapters.errors import PoolerRefused, ViewRefused
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.pooler import has_shared_sessions
from rostra_adapters.postgres.rebuild.rebuilding import rebuild as rebuild_views
from rostra_adapters.postgres.views import schema
from rostra_adapters.postgres.views.lineage import OURS, Lineage, lineage_of_own
from rostra_adapters.postgres.views.patient import connect_patiently


async def rebuild(
    url: str,
    names: Sequence[str] = (),
    *,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
    own: Sequence[str] = (),
) -> list[Rebuilt]:
    """Rebuild the named views from the log, all of them by default.

    Tables that are missing are made. `own` are modules with views of one's own. Raises ViewRefused,
    PoolerRefused, RebuildRefused, LogUnavailable and the errors of `prepare_database`.
    """
    lineages = [OURS, *map(lineage_of_own, own_views(own))]
    _check_names(names, lineages)
    if await has_shared_sessions(url):
        raise PoolerRefused
    with raise_unavailable_if_lost():
        async with connect_patiently(url) as connection:
            await prepare_database(connection)
            for lineage in lineages:
                await schema.install(connection, lineage)
        return await rebuild_views(url, names, lineages=lineages, jobs=jobs, progress=progress)


def _check_names(names: Sequence[str], lineages: Sequence[Lineage]) -> None:
    """Raise ViewRefused for a view that does not exist, or that is named twice."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ViewRefused(f"named twice: {', '.join(repeated)}; name each view once")
    known = [name for lineage in lineages for name in lineage.views]
    if unknown := sorted(set(names) - set(known)):
        raise ViewRefused(f"not a view: {', '.join(unknown)}; there are {', '.join(known)}")
