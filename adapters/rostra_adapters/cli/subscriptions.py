"""`rostra subscriptions`."""

from uuid import UUID

import click
import msgspec

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say, write_json_lines

SHOWN_MAX = 10_000


class ListedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Subscription of a person, as a line of JSON."""

    discussion: UUID
    resource: str | None
    title: str | None
    to: str
    """Every new comment (`comments`), or `replies` to the person's own."""
    position: int
    """Position of the event that started it."""


@click.command()
@option("--person", metavar="ID", envvar="ROSTRA_PERSON", required=True, help="Id of the person.")
@option("--site", metavar="S", envvar="ROSTRA_SITE", required=True, help="Site of the person.")
@option("--json", "as_json", is_flag=True, envvar="ROSTRA_JSON", help="Print a line of JSON each.")
@place
def subscriptions(*, where: DatabaseLocation, person: str, site: str, as_json: bool) -> None:
    """List the discussions that a person subscribes to, the earliest first.

    At most 10,000 are listed. Those that ended are left out.

    \b
    For example:
      rostra subscriptions --person u1234 --site blog
    """
    run(lambda: _list(where, site, person, as_json=as_json))


async def _list(where: DatabaseLocation, site: str, person: str, *, as_json: bool) -> None:
    async with open_app(where, read_only=True) as app:
        reads = app.views.reads
        found = await reads.subscriptions_of(site, person, limit=SHOWN_MAX + 1)
        for each in found[:SHOWN_MAX]:
            read = await reads.discussion(each.discussion)
            row = None if read is None else read[1].row
            listed = ListedSubscription(
                discussion=each.discussion,
                resource=None if row is None else row.resource,
                title=None if row is None else row.title,
                to=each.to or "",
                position=each.since,
            )
            if as_json:
                write_json_lines([msgspec.json.encode(listed)])
            else:
                say(f"{listed.to:8}  {listed.resource or listed.discussion}")
    if len(found) > SHOWN_MAX:
        say(f"only the first {SHOWN_MAX} are listed", err=True)
