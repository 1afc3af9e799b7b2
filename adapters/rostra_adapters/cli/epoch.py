"""`rostra epoch`."""

import click

from rostra_adapters.cli.options import (
    DatabaseLocation,
    check_data_folder,
    database,
    place,
    run,
)
from rostra_adapters.cli.terminal import say


@click.command()
@place
def epoch(*, where: DatabaseLocation) -> None:
    """Begin a new epoch of the log.

    Needed after a failover that lost the last events, where PostgreSQL does not report its
    timeline; otherwise Rostra begins one by itself. Positions up to the log's
    head stay valid in cursors and for followers of the feed, and later ones are refused.

    \b
    For example:
      rostra epoch --database-url postgresql://rostra@db/rostra
    """
    check_data_folder(where, is_key_needed=False)
    say(run(lambda: _begin(where)))


async def _begin(where: DatabaseLocation) -> str:
    from rostra_adapters.composition.epochs import begin_epoch

    async with database(where) as (url, _):
        identity, head = await begin_epoch(url)
    return f"the log goes on from position {head} as {identity}"
