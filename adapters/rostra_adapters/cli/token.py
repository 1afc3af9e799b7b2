"""`rostra token`."""

from pathlib import Path

import click

from rostra_adapters.cli.options import data, option, secret_of
from rostra_adapters.cli.terminal import say


@click.command()
@option(
    "--scope",
    required=True,
    envvar="ROSTRA_SCOPE",
    help="One or more of publish, feed, comment, read, moderate and admin, separated by spaces.",
)
@option("--sub", metavar="ID", envvar="ROSTRA_SUB", help="Subject of the token (`sub` claim).")
@option("--name", metavar="NAME", envvar="ROSTRA_NAME", help="Name of the person (`name` claim).")
@option(
    "--site",
    default="*",
    envvar="ROSTRA_SITE",
    show_default=True,
    help="Site of the token, * for every site.",
)
@option(
    "--days",
    type=click.FloatRange(min=0, max=36_500, min_open=True),
    default=30.0,
    envvar="ROSTRA_DAYS",
    show_default=True,
    help="Days until the token expires.",
)
@data
def token(
    *, scope: str, sub: str | None, name: str | None, site: str, days: float, data: Path
) -> None:
    """Print a new token.

    \b
    For example:
      rostra token --scope "publish admin" --days 90
      rostra token --scope comment --sub u1 --name Ann --site blog
    """
    from rostra.names import OUR_IDS
    from rostra_adapters.http.auth import tokens

    scopes = scope.split()
    if unknown := set(scopes) - set(tokens.SCOPES) or (not scopes and {""}):
        raise click.UsageError(
            f"unknown scope: {', '.join(sorted(unknown))}; scopes are {', '.join(tokens.SCOPES)}"
        )
    if "comment" in scopes and (sub is None or site == tokens.EVERY_SITE):
        raise click.UsageError("the scope `comment` is a person's: give --sub and one --site")
    if (sub or "").startswith(OUR_IDS):
        raise click.UsageError(f"ids that begin with {' or '.join(OUR_IDS)} are Rostra's own")
    secret = secret_of(data, make=True)
    assert secret is not None
    signed = tokens.sign(
        secret, scope=" ".join(scopes), person=sub or "service", name=name, site=site, days=days
    )
    say(signed)
