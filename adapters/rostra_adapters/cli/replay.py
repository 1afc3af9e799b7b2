"""`rostra replay`."""

from typing import Any

import click

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say, say_json

SAID_CHARACTERS_MAX = 60


@click.command()
@option("--site", metavar="S", envvar="ROSTRA_SITE", required=True, help="Site of the discussion.")
@option(
    "--resource",
    metavar="R",
    envvar="ROSTRA_RESOURCE",
    required=True,
    help="Resource of the discussion.",
)
@option(
    "--json", "as_json", is_flag=True, envvar="ROSTRA_JSON", help="Print one CloudEvent a line."
)
@place
def replay(*, site: str, resource: str, as_json: bool, where: DatabaseLocation) -> None:
    """Print a discussion's events in order, each with the number of comments after it.

    \b
    For example:
      rostra replay --site blog --resource /2026/trams
    """
    if not run(lambda: _replay(where, site, resource, as_json=as_json)):
        raise click.ClickException(f"there is no discussion of {resource!r} on {site!r}")


async def _replay(where: DatabaseLocation, site: str, resource: str, *, as_json: bool) -> bool:
    import msgspec

    from rostra_adapters.application.feed.events import Feed
    from rostra_adapters.application.queries.replay import grown

    found = False
    async with open_app(where, read_only=True) as app:
        discussion = await app.lookup.discussion_of(site, resource)
        async for event, comments in grown(
            app.log, Feed(app.log, app.ring, app.articles), discussion
        ):
            found = True
            if as_json:
                say_json(event.json)
            else:
                say(_line(msgspec.json.decode(event.json), event.position, comments))
    return found


def _line(event: dict[str, Any], position: int, comments: int) -> str:
    """Format an event as a line: position, time, type, author and words."""
    data = event["data"]
    author = data.get("author", {})
    who = author.get("name") or author.get("id") or data.get("by") or data.get("voter")
    about = data.get("comment") or data.get("passage") or data.get("to")
    said = data.get("body") or data.get("reason") or data.get("question") or data.get("title")
    parts = [event["type"]]
    parts += [str(about)] if about else []
    parts += [f"{data['value']:+d}"] if "value" in data else []
    parts += [f"by {who}"] if who else []
    parts += [f"“{_short(said)}”"] if said else []
    parts += [f"held by the rule {data['rule']}"] if data.get("rule") else []
    return f"{position:>9}  {event['time']}  {comments:>6}  {' '.join(parts)}"


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    if len(one_line) <= SAID_CHARACTERS_MAX:
        return one_line
    return f"{one_line[:SAID_CHARACTERS_MAX]}…"
