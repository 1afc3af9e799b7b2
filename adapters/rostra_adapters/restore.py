"""Taking a backup back: whoever was erased since is erased again before anybody reads."""

from pathlib import Path
from uuid import UUID

import msgspec

import rostra_adapters
from rostra_adapters.application.app import App
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.data_folder.folder import PRIVATE_FOLDER, write_durably
from rostra_adapters.errors import BackupRefused
from rostra_adapters.postgres import backup, schema
from rostra_adapters.postgres.views.patient import connected

LINES_AT_ONCE = 500
# So that a master key that was not given is noticed now.
_A_KEY_OF_EACH = """
select distinct on (master) owner from rostra_keys.person_keys where wrapped is not null
"""


class Restored(msgspec.Struct, frozen=True):
    """What came back. `erasures`: how many lines of the file were applied."""

    log: UUID
    head: int
    erasures: int


async def save(url: str, folder: Path, erasures: Path) -> backup.Manifest:
    """Make a backup. Raises BackupRefused, OSError."""
    written = ErasuresFile(erasures).written()
    async with connected(url) as connection:
        await schema.check(connection)
        return await backup.save(connection, folder, written)


async def restore(
    url: str, folder: Path, *, erasures: Path, master_key: bytes, keys: Path | None = None
) -> Restored:
    """Take a backup into an empty database, or go on where that was broken off. Raises
    BackupRefused, ErasuresUnreadable, WrongMasterKey."""
    file = _newest(folder, erasures)
    async with connected(url) as connection:
        await schema.install(connection)
        if not await backup.is_due(connection):
            await backup.load(connection, folder, keys)
        async with rostra_adapters.open(
            url, master_key=master_key, project=False, make=False, restoring=True
        ) as app:
            await app.ring.load([row[0] for row in await connection.fetch(_A_KEY_OF_EACH)])
            count = await _erase_again(app, file)
            erased = await connection.fetch(backup.ERASED)
            await app.ring.destroy({row[0]: row[1] for row in erased})
            restored = Restored(await app.log.log_id(), await app.log.head(), count)
        await backup.finish(connection)
    return restored


def _newest(folder: Path, erasures: Path) -> ErasuresFile:
    """The file, at least as new as the backup."""
    manifest, file = backup.manifest_of(folder), ErasuresFile(erasures)
    if not erasures.exists():
        raise BackupRefused(
            f"who was erased since the backup must not come back: {erasures} is not there; "
            "name the newest file of erasures (an empty one if nobody ever was)"
        )
    if not file.goes_on_from(manifest.erasures):
        raise BackupRefused(f"{erasures} is older than the backup, or is not of this Rostra")
    return file


async def _erase_again(app: App, file: ErasuresFile) -> int:
    count = 0
    lines = list(file.lines())
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        outcomes = await app.submit([line.commanded() for line in some])
        for line, outcome in zip(some, outcomes, strict=True):
            if outcome.refusal is not None:
                raise BackupRefused(f"{line.person} of {line.site}: {outcome.refusal}")
        count += len(some)
    return count


def check_newest(erasures: Path, place: Path) -> None:
    """Refuse a file of erasures that lacks what the one that is appended to has: it is not the
    newest. Raises BackupRefused, OSError."""
    if erasures.exists() and not ErasuresFile(erasures).goes_on_from(ErasuresFile(place).written()):
        raise BackupRefused(
            f"{erasures} is not the newest: {place} holds erasures that it lacks; if that is of "
            "another Rostra, put it elsewhere"
        )


def keep(erasures: Path, place: Path) -> None:
    """Go on with this file of erasures, which holds all that is in the one that is there."""
    if place.exists() and place.samefile(erasures):
        return
    place.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    write_durably(place, erasures.read_bytes())
