"""Making the tables and roles of a database that no service has used yet."""

from rostra_adapters.postgres import roles, schema
from rostra_adapters.postgres.connect import raise_unavailable_if_lost
from rostra_adapters.postgres.views.patient import connect_patiently


async def make_tables(url: str) -> None:
    """Make the log's tables."""
    async with connect_patiently(url) as connection:
        await schema.install(connection)


async def make_owned_tables(url: str, serving_role: str | None) -> list[str]:
    """Make the log's tables as their owner, and the role that serves, if one is named.

    Return the owner's tables of views that were dropped. Raises LogUnavailable, RolesRefused.
    """
    with raise_unavailable_if_lost():
        async with connect_patiently(url) as connection:
            # Other roles may make functions in `public`; without it in the path, none is called.
            await connection.execute("set search_path = pg_catalog")
            if serving_role is not None:
                return await roles.make(connection, serving_role)
            await schema.install(connection)
            return []
