"""Checks of a database before it is used, and the making of its tables."""

import asyncpg

from rostra_adapters.errors import RestoreUnfinished, RolesRefused
from rostra_adapters.postgres import roles, schema
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.restoring import is_due


async def prepare_database(
    connection: Connection,
    *,
    make: bool = True,
    read_only: bool = False,
    restoring: bool = False,
) -> None:
    """Make the log's tables, or with `make` false check them, and check the role's privileges.

    Raises RolesRefused, RestoreUnfinished unless it is `restoring`, and errors of
    `rostra_adapters.postgres.schema`.
    """
    check = roles.check_reading if read_only else roles.check
    try:
        await (schema.install(connection) if make else schema.check(connection))
    except (asyncpg.InsufficientPrivilegeError, RolesRefused):
        await check(connection)  # which names all that the role lacks
        raise
    await check(connection)
    if not restoring and await is_due(connection):
        raise RestoreUnfinished
