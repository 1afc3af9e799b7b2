"""`rostra backup` and `rostra restore`."""

from pathlib import Path

import click

from rostra_adapters.cli.options import (
    DatabaseLocation,
    check_data_folder,
    check_erasures_file,
    database,
    erasures_of,
    master_key_or_new,
    option,
    place,
    run,
)
from rostra_adapters.cli.terminal import say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@place
def backup(*, folder: Path, where: DatabaseLocation) -> None:
    """Save the log, the webhooks and the keys of one moment into FOLDER, each in its own file.

    Keep the file of keys for a short time only: it opens words that are erased later. Keep that
    of mails as long: it holds hashes of addresses. No file holds the master key.

    \b
    For example:
      rostra backup /backups/rostra-monday
    """
    run(lambda: _backup(where, folder))


async def _backup(where: DatabaseLocation, folder: Path) -> None:
    from rostra_adapters.composition import backups
    from rostra_adapters.errors import BackupRefused

    check_data_folder(where, is_key_needed=False)
    check_erasures_file(where.data)
    try:
        async with database(where) as (url, _):
            saved = await backups.save(url, folder, erasures_of(where.data))
    except (BackupRefused, OSError) as error:
        raise click.ClickException(str(error)) from None
    say(f"{folder}: log {saved.log} up to {saved.head}, {saved.keys} keys")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@option(
    "--erasures",
    metavar="FILE",
    envvar="ROSTRA_ERASURES",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Newest file of erasures. By default the file that the service writes.",
)
@option(
    "--keys",
    metavar="FILE",
    envvar="ROSTRA_KEYS",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of keys from another backup, which may be newer than the log.",
)
@place
def restore(
    *,
    folder: Path,
    erasures: Path | None,
    keys: Path | None,
    where: DatabaseLocation,
) -> None:
    """Restore a backup from FOLDER into an empty database.

    The file of erasures names everybody who was erased since the backup. The command erases
    them again before a service can start. The log gets a new id.

    \b
    For example:
      rostra restore /backups/rostra-monday --erasures /safe/erasures.ndjson
    """
    run(lambda: _restore(where, folder, erasures, keys))


async def _restore(
    where: DatabaseLocation, folder: Path, erasures: Path | None, keys: Path | None
) -> None:
    from rostra_adapters.composition import backups
    from rostra_adapters.errors import BackupRefused, ErasuresUnreadable

    kept = erasures_of(where.data)
    file = erasures or kept
    try:
        backups.check_newest(file, kept)
        async with database(where) as (url, _):
            restored = await backups.restore(
                url,
                folder,
                erasures=file,
                master_key=await master_key_or_new(where.data, url),
                keys=keys,
            )
        backups.continue_with(file, kept)
    except (BackupRefused, ErasuresUnreadable, OSError) as error:
        raise click.ClickException(str(error)) from None
    say(
        f"log {restored.log} up to {restored.head}, {restored.erasures} erasures and returns "
        "applied; the views are made when it is served"
    )
