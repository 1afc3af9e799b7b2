"""`rostra drop-text`."""

import click

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say


@click.command("drop-text")
@click.argument("revision")
@option("--site", metavar="S", envvar="ROSTRA_SITE", required=True, help="Site of the article.")
@option(
    "--resource",
    metavar="R",
    envvar="ROSTRA_RESOURCE",
    required=True,
    help="Resource of the article's discussion.",
)
@place
def drop_text(*, revision: str, site: str, resource: str, where: DatabaseLocation) -> None:
    """Drop the text of an article's REVISION from the database and from all processes.

    Passages of the revision, their words and their comments do not change.

    \b
    For example:
      rostra drop-text r17 --site blog --resource /2026/trams
    """
    if not run(lambda: _drop(where, site, resource, revision)):
        raise click.ClickException(f"there is no text of the revision {revision!r}")
    say(f"the text of {revision} of {resource} is dropped")


async def _drop(where: DatabaseLocation, site: str, resource: str, revision: str) -> bool:
    async with open_app(where) as app:
        dropped: bool = await app.drop_text(site, resource, revision)
        return dropped
