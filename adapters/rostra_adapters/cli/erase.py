"""`rostra erase`."""

from uuid import uuid4

import click
import msgspec

from rostra_adapters.cli.options import (
    DatabaseLocation,
    check_erasures_file,
    open_app,
    option,
    place,
    run,
)
from rostra_adapters.cli.terminal import say

OPERATOR = "rostra:operator"
"""Source of events that the command line publishes."""


@click.command()
@click.argument("person")
@option("--site", metavar="S", envvar="ROSTRA_SITE", required=True, help="Site of the person.")
@place
def erase(*, person: str, site: str, where: DatabaseLocation) -> None:
    """Erase the words of PERSON: destroy the key of their names, bodies and reasons.

    Threads, counts and votes do not change. The command returns when no process holds any of
    these words.

    \b
    For example:
      rostra erase u1234 --site blog
    """
    run(lambda: _erase(where, person, site))


async def _erase(where: DatabaseLocation, person: str, site: str) -> None:
    from rostra.commands import ErasePerson
    from rostra.deciding.handle import Commanded
    from rostra.events import CommandContext
    from rostra_adapters.clock import now
    from rostra_adapters.mail.folder import MAIL_FOLDER, MailFolder

    try:
        command = msgspec.convert({"site": site, "person": person}, ErasePerson)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    check_erasures_file(where.data)
    async with open_app(where) as app:
        act = CommandContext(OPERATOR, str(uuid4()), now())
        (outcome,) = await app.submit([Commanded(command, act)])
        if outcome.refusal is not None:
            raise click.ClickException(str(outcome.refusal))
        MailFolder(where.data / MAIL_FOLDER).forget([command.target])
        erased = "is erased" if outcome.status == "recorded" else "was erased before"
        say(f"{person} of {site} {erased}: none of their words can be read")
