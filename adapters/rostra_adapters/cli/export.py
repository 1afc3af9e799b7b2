"""`rostra export`."""

import os
import sys

import click
import msgspec

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import write_json_lines


@click.command()
@option("--site", metavar="S", envvar="ROSTRA_SITE", help="Only events of this site.")
@option(
    "--resource",
    metavar="R",
    envvar="ROSTRA_RESOURCE",
    help="Only events of the discussion of this resource.",
)
@option(
    "--person",
    metavar="P",
    envvar="ROSTRA_PERSON",
    help="Only events of this person of the site, and all other records about them.",
)
@place
def export(
    *,
    site: str | None,
    resource: str | None,
    person: str | None,
    where: DatabaseLocation,
) -> None:
    """Write the feed, one CloudEvent a line. `rostra publish` reads this format.

    With --person, lines with a field `record` follow: settings, subscriptions, read marks, inbox
    and notices of the person.

    \b
    For example:
      rostra export --site blog | gzip > blog.ndjson.gz
      rostra export --site blog --person u1234
    """
    if site is None and (resource is not None or person is not None):
        raise click.UsageError("--resource and --person need a --site")
    try:
        run(lambda: _export(where, site, resource, person))
    except BrokenPipeError:  # the reader, for example `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _export(
    where: DatabaseLocation, site: str | None, resource: str | None, person: str | None
) -> None:
    from rostra_adapters.application.feed.events import Feed, Wanted
    from rostra_adapters.application.personal_records import personal_records

    async with open_app(where, read_only=True) as app:
        wanted = await Wanted(site=site, resource=resource, person=person).resolve(
            app.lookup.discussion_of
        )
        async for page in Feed(app.log, app.ring, app.articles).pages(wanted=wanted):
            write_json_lines([event.json for event in page.events])
        if site is not None and person is not None and resource is None:
            async for record in personal_records(app, site, person):
                write_json_lines([msgspec.json.encode(record)])
