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
def backup(*, folder: Path, data: Path, database_url: str | None) -> None:
    """Save the log and the keys into FOLDER, each in a file of its own, as of one moment.

    Keep the keys for a short time only: with them, words come back that were erased since.
    The master key is in neither.

    \b
    For example:
      rostra backup /backups/rostra-monday
    """
    run(lambda: _backup(DatabaseLocation(data, database_url), folder))


async def _backup(where: DatabaseLocation, folder: Path) -> None:
    from rostra_adapters import restore as restoring
    from rostra_adapters.errors import BackupRefused

    check_data_folder(where, is_key_needed=False)
    check_erasures_file(where.data)
    try:
        async with database(where) as (url, _):
            saved = await restoring.save(url, folder, erasures_of(where.data))
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
    help="The newest file of erasures; by default the one that is appended to.",
)
@option(
    "--keys",
    metavar="FILE",
    envvar="ROSTRA_KEYS",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Keys of another backup, which may be newer than the log's.",
)
@place
def restore(
    *,
    folder: Path,
    erasures: Path | None,
    keys: Path | None,
    data: Path,
    database_url: str | None,
) -> None:
    """Take a backup back into an empty database.

    Nothing is served before everybody is erased again who was erased since the backup was
    made: that is what the file of erasures is for. The log gets a new id.

    \b
    For example:
      rostra restore /backups/rostra-monday --erasures /safe/erasures.ndjson
    """
    run(lambda: _restore(DatabaseLocation(data, database_url), folder, erasures, keys))


async def _restore(
    where: DatabaseLocation, folder: Path, erasures: Path | None, keys: Path | None
) -> None:
    from rostra_adapters import restore as restoring
    from rostra_adapters.errors import BackupRefused, ErasuresUnreadable

    kept = erasures_of(where.data)
    file = erasures or kept
    try:
        restoring.check_newest(file, kept)
        async with database(where) as (url, _):
            restored = await restoring.restore(
                url,
                folder,
                erasures=file,
                master_key=await master_key_or_new(where.data, url),
                keys=keys,
            )
        restoring.continue_with(file, kept)
    except (BackupRefused, ErasuresUnreadable, OSError) as error:
        raise click.ClickException(str(error)) from None
    say(
        f"log {restored.log} up to {restored.head}, {restored.erasures} erasures and returns "
        "applied; the views are made when it is served"
    )
