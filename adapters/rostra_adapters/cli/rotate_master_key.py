"""`rostra rotate-master-key`."""

import os

import click

from rostra_adapters.cli.options import (
    MASTER_KEY,
    DatabaseLocation,
    check_data_folder,
    master_key_of,
    open_app,
    place,
    run,
)
from rostra_adapters.cli.terminal import say


@click.command("rotate-master-key")
@place
def rotate_master_key(*, where: DatabaseLocation) -> None:
    """Replace the master key in two steps.

    The first run makes a new key. Restart every service. The second run wraps all persons' keys
    with the new key and drops the former one. It writes only the table of keys.

    Backups and old files of the database need the former key. Nobody can open them once it is
    deleted everywhere.

    \b
    For example:
      rostra rotate-master-key
      systemctl restart rostra
      rostra rotate-master-key
    """
    from rostra_adapters.data_folder import folder as data_folder

    check_data_folder(where)
    several = len(master_key_of(where.data)) > data_folder.SECRET_BYTES
    if several:
        count = run(lambda: _rewrap(where))
        say(f"{count} keys are wrapped with the new master key; the former one may be deleted")
    if os.environ.get(MASTER_KEY):
        if not several:
            raise click.UsageError(
                f"put a new key before the one in {MASTER_KEY}, with a comma between them, "
                "for every service; restart every service; then run this command again"
            )
        say(f"leave only the first key in {MASTER_KEY}")
        return
    try:
        if several:
            data_folder.drop_former_master_keys(where.data)
        else:
            data_folder.add_master_key(where.data)
            say("there is a new master key: restart every service, then run this command again")
    except OSError as error:
        raise click.ClickException(
            f"the file of the master key cannot be written: {error}"
        ) from None


async def _rewrap(where: DatabaseLocation) -> int:
    async with open_app(where) as app:
        if others := await app.ring.of_other_masters():
            raise click.ClickException(
                f"{others} processes do not have the new master key: restart them first"
            )
        return int(await app.ring.rewrap())
