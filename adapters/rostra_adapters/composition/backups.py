"""Backups with their erasures: made, and restored with every later erasure applied again."""

from pathlib import Path
from uuid import UUID

import msgspec

from rostra_adapters.application.app import App
from rostra_adapters.composition import opening
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.data_folder.folder import PRIVATE_FOLDER, write_durably
from rostra_adapters.errors import BackupRefused
from rostra_adapters.postgres import backup, restoring, schema
from rostra_adapters.postgres.views.patient import connect_patiently

LINES_AT_ONCE = 500


class Restored(msgspec.Struct, frozen=True):
    """Result of a restore."""

    log: UUID
    """Id of the log."""
    head: int
    """Position of the log's last event."""
    erasures: int
    """Lines of the file of erasures that were applied."""


async def save(url: str, folder: Path, erasures: Path) -> backup.Manifest:
    """Back up the database into `folder`, with the digest of the file of erasures.

    Raises BackupRefused, OSError.
    """
    written = ErasuresFile(erasures).digest()
    async with connect_patiently(url) as connection:
        await schema.check(connection)
        return await backup.save(connection, folder, written)


async def restore(
    url: str, folder: Path, *, erasures: Path, master_key: bytes, keys: Path | None = None
) -> Restored:
    """Restore a backup into an empty database, or resume a restore that was interrupted.

    Erasures are applied before the database may be opened by others. Raises BackupRefused,
    ErasuresUnreadable, WrongMasterKey.
    """
    file = _newest(folder, erasures)
    async with connect_patiently(url) as connection:
        await schema.install(connection)
        if not await restoring.is_due(connection):
            await backup.load(connection, folder, keys)
        async with opening.open(
            url, master_key=master_key, project=False, make=False, restoring=True
        ) as app:
            count = await _erase_again(app, file)
            erased = await connection.fetch(backup.ERASED)
            await app.ring.destroy({row[0]: row[1] for row in erased})
            restored = Restored(await app.log.log_id(), await app.log.head(), count)
        await restoring.finish(connection)
    return restored


def _newest(folder: Path, erasures: Path) -> ErasuresFile:
    """Return the file of erasures. Raises BackupRefused if it is missing or too old."""
    manifest, file = backup.manifest_of(folder), ErasuresFile(erasures)
    if not erasures.exists():
        raise BackupRefused(
            f"the file of erasures {erasures} is missing, and without it persons erased since the "
            "backup would come back; name the newest one (an empty file if nobody was ever erased)"
        )
    if not file.has_prefix(manifest.erasures):
        raise BackupRefused(
            f"the file of erasures {erasures} is older than the backup, or belongs to another "
            "Rostra; name the newest one"
        )
    return file


async def _erase_again(app: App, file: ErasuresFile) -> int:
    count = 0
    lines = list(file.lines())
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        outcomes = await app.submit([line.to_command() for line in some])
        for line, outcome in zip(some, outcomes, strict=True):
            if outcome.refusal is not None:
                raise BackupRefused(f"{line.person} of {line.site}: {outcome.refusal}")
        count += len(some)
    return count


def check_newest(erasures: Path, place: Path) -> None:
    """Refuse a file of erasures that lacks erasures of `place`, the file that is appended to.

    Raises BackupRefused, OSError.
    """
    if erasures.exists() and not ErasuresFile(erasures).has_prefix(ErasuresFile(place).digest()):
        raise BackupRefused(
            f"{erasures} is not the newest file of erasures: {place} holds some that it lacks; "
            f"restore with the newest one, or move {place} away if it belongs to another Rostra"
        )


def continue_with(erasures: Path, place: Path) -> None:
    """Replace the file at `place` by the newer file of erasures, durably. Raises OSError."""
    if place.exists() and place.samefile(erasures):
        return
    place.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    write_durably(place, erasures.read_bytes())
