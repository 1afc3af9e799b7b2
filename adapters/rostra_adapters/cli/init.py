"""`rostra init`."""

from pathlib import Path

import click

from rostra_adapters.cli.options import (
    DatabaseLocation,
    data,
    database,
    master_key_of,
    option,
    run,
    schema,
    secret_of,
)
from rostra_adapters.cli.terminal import say


@click.command()
@option(
    "--owner-url",
    metavar="URL",
    envvar="ROSTRA_OWNER_URL",
    help="URL of your own PostgreSQL, as the role that owns the log's tables. Give a URL with a "
    "password by the variable.",
)
@option(
    "--serving-role",
    metavar="ROLE",
    envvar="ROSTRA_SERVING_ROLE",
    help="Role that services use. It is made if it does not exist. It cannot change the log.",
)
@schema
@data
def init(*, owner_url: str | None, serving_role: str | None, schema: str, data: Path) -> None:
    """Make a data folder, or the tables and roles in your own database.

    \b
    For example:
      rostra init
      rostra init --owner-url postgresql://owner@db/rostra --serving-role rostra_serving
    """
    if owner_url is None:
        if serving_role is not None:
            raise click.UsageError("--serving-role needs a database of your own: give --owner-url")
        run(lambda: _make_data_folder(data, schema))
        say(f"{data} is ready: `rostra serve`")
        return
    dropped = run(lambda: _make_tables(owner_url, schema, serving_role))
    if serving_role is None:
        say("the log's tables are ready")
        return
    say(f"the log's tables are ready, and {serving_role} may serve them")
    if dropped:
        say(f"{len(dropped)} tables of views were the owner's and are dropped: `rostra serve` or "
            "`rostra rebuild` makes them again")  # fmt: skip


async def _make_data_folder(folder: Path, schema: str) -> None:
    from rostra_adapters.composition.installing import make_tables

    secret_of(folder, make=True)
    master_key_of(folder)
    async with database(DatabaseLocation(folder, None, schema)) as (url, _):
        await make_tables(url)


async def _make_tables(url: str, schema: str, role: str | None) -> list[str]:
    from rostra_adapters.composition.installing import make_owned_tables
    from rostra_adapters.postgres.database_url import with_schema

    return await make_owned_tables(with_schema(url, schema), role)
