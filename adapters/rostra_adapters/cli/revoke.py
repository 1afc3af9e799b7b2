"""`rostra revoke`."""

from datetime import UTC, datetime
from time import time

import click

from rostra_adapters.cli.options import DatabaseLocation, open_app, option, place, run
from rostra_adapters.cli.terminal import say


@click.command()
@click.argument("sub")
@option(
    "--site",
    metavar="S",
    envvar="ROSTRA_SITE",
    required=True,
    help="Site of the tokens, * for every site.",
)
@place
def revoke(*, sub: str, site: str, where: DatabaseLocation) -> None:
    """Refuse the tokens of SUB, a person or a service, issued until now.

    Tokens without a time of issue and tokens for every site (*) are refused as well. Running
    services apply this within 5 seconds. They end the streams of these tokens.

    \b
    For example:
      rostra revoke u1234 --site blog
      rostra revoke cms --site "*"
    """
    from rostra.limits import PERSON_CHARACTERS_MAX, SITE_CHARACTERS_MAX

    for text, most in ((sub, PERSON_CHARACTERS_MAX), (site, SITE_CHARACTERS_MAX)):
        if not 0 < len(text) <= most or not text.isprintable():
            raise click.UsageError(f"SUB and --site have 1 to {most} printable characters")
    run(lambda: _revoke(where, sub, site))


async def _revoke(where: DatabaseLocation, sub: str, site: str) -> None:
    async with open_app(where) as app:
        if not app.revocations.is_shared:
            raise click.ClickException(
                "tokens can be revoked on PostgreSQL alone; replace the secret instead"
            )
        now = time()
        await app.revocations.revoke(sub, site, now)
    until = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    say(f"tokens of {sub} for {site} that were issued until {until} are refused")
