"""Mark of a database whose backup was restored, until erasures since then are applied again."""

from rostra_adapters.postgres.connection import Connection

_DUE = "select erasures_due from public.rostra_log"
_DONE = "update public.rostra_log set erasures_due = false"


async def is_due(connection: Connection) -> bool:
    """Return whether a backup was restored and erasures have to be applied again."""
    return bool(await connection.fetchval(_DUE))


async def finish(connection: Connection) -> None:
    """Let the database be opened."""
    await connection.execute(_DONE)
