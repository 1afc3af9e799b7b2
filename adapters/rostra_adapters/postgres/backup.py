"""Backups of the log and the keys at one moment, each in a file of its own.

    FOLDER/log.copy.gz       the rows of the log, in PostgreSQL's binary copy format
    FOLDER/texts.copy.gz     the texts of articles, in the same format
    FOLDER/webhooks.copy.gz  the webhooks with their sealed secrets, in the same format
    FOLDER/keys.copy.gz      the keys, wrapped by the master key, in the same format
    FOLDER/mails.copy.gz     confirmed addresses as hashes, and the key of links, in the same format
    FOLDER/manifest.json     description of the backup

Views are not saved, because they are made from the log. A folder with its final name is complete.
"""

import gzip
import os
import shutil
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec

from rostra_adapters.data_folder.erasures_file import EMPTY_DIGEST, ErasuresDigest
from rostra_adapters.data_folder.folder import private_file, rename_durably, write_durably
from rostra_adapters.errors import BackupRefused
from rostra_adapters.postgres import schema
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.keys.erasures import GRACE_SECONDS, IS_AWAITED

FORMAT = 1
LOG, TEXTS, KEYS = "log.copy.gz", "texts.copy.gz", "keys.copy.gz"
WEBHOOKS = "webhooks.copy.gz"
MAILS = "mails.copy.gz"
MANIFEST = "manifest.json"
CHUNK_BYTES = 1024 * 1024
COMPRESSION = 5

LOG_COLUMNS = (
    "originator_id", "originator_version", "topic", "state", "notification_id", "event_id",
    "metadata",
)  # fmt: skip
TEXT_COLUMNS = ("discussion", "hash", "text", "kept_at")
WEBHOOK_COLUMNS = (
    "id", "site", "kind", "url", "types", "with_held", "with_email", "networks", "secret",
    "former_secret", "former_until", "log", "position", "state", "error", "delivered",
    "delivered_at", "added_at",
)  # fmt: skip
MAIL_COLUMNS = ("person", "address", "confirmed_at")
KEY_COLUMNS = ("owner", "key_id", "wrapped", "master", "made_at", "erasures")

_HEAD = """
select id, coalesce((select max(notification_id) from public.stored_events), 0)
from public.rostra_log
"""
_LOG_ROWS = """
select originator_id, originator_version, topic, state, notification_id, event_id, metadata
from public.stored_events
order by notification_id
"""
_TEXT_ROWS = """
select discussion, hash, text, kept_at from public.rostra_article_texts order by discussion, hash
"""
_WEBHOOK_ROWS = f"select {', '.join(WEBHOOK_COLUMNS)} from public.rostra_webhooks order by id"  # noqa: S608
_KEY_ROWS = """
select owner, key_id, wrapped, master, made_at, erasures
from rostra_keys.person_keys
order by owner
"""
NOBODY = UUID(int=0)
"""Person whose address is the key of links, in the file of mails."""
_MAIL_ROWS = f"""
select person, address, confirmed_at from public.rostra_mail_addresses
union all
select '{NOBODY}', key, now() from public.rostra_link_key
order by person
"""  # noqa: S608
_TAKE_LINK_KEY = """
with nobody as (delete from public.rostra_mail_addresses where person = $1 returning address)
insert into public.rostra_link_key (key) select address from nobody
on conflict (id) do update set key = excluded.key
"""
# The file of mails may be older than the log, as that of keys may.
_FORGET_ERASED = """
delete from public.rostra_mail_addresses confirmed where not exists (
    select from rostra_keys.person_keys key
    where key.owner = confirmed.person and key.wrapped is not null and key.erasures >= (
        select count(*) from public.stored_events
        where originator_id = confirmed.person and topic = 'person.erased'
    )
)
"""
_SERVED = f"select exists (select from rostra_keys.key_readers where {IS_AWAITED})"  # noqa: S608
_LAST = "select coalesce(max(notification_id), 0) from public.stored_events"
_EMPTY = """
select not exists (select from public.stored_events)
    and not exists (select from rostra_keys.person_keys)
"""
_SEQUENCE = """
select setval('public.stored_events_notification_id_seq', max(notification_id))
from public.stored_events having max(notification_id) is not null
"""
_NEW_ID = "update public.rostra_log set id = gen_random_uuid(), erasures_due = true returning id"
# Webhooks are sent what is recorded from now on. What waited for them is lost.
_BEGIN_WEBHOOKS = "update public.rostra_webhooks set log = $1, position = $2"
# The fingerprints of the master keys are those of the keys that the backup holds.
_FORGET_MASTERS = "delete from rostra_keys.master_keys"
# Number of erasures of each person by the log; the backup of the keys may be older.
ERASED = """
select originator_id, count(*) from public.stored_events where topic = 'person.erased' group by 1
"""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a backup. `erasures` is the size of the file of erasures at its start."""

    format: int
    log: UUID
    head: int
    keys: int
    erasures: ErasuresDigest
    webhooks: int | None = None
    """None in a backup of a version that did not save webhooks."""
    mails: int | None = None
    """None in a backup of a version that did not save mails."""


async def save(
    connection: Connection, folder: Path, erasures: ErasuresDigest = EMPTY_DIGEST
) -> Manifest:
    """Save all files as of one moment. Raises BackupRefused, OSError."""
    draft = _draft(folder)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            head = await connection.fetchrow(_HEAD)
            assert head is not None
            await _copy_out(connection, _LOG_ROWS, draft / LOG)
            await _copy_out(connection, _TEXT_ROWS, draft / TEXTS)
            webhooks = await _copy_out(connection, _WEBHOOK_ROWS, draft / WEBHOOKS)
            mails = await _copy_out(connection, _MAIL_ROWS, draft / MAILS)
            copied = await _copy_out(connection, _KEY_ROWS, draft / KEYS)
        manifest = Manifest(
            format=FORMAT,
            log=head[0],
            head=head[1],
            keys=copied,
            erasures=erasures,
            webhooks=webhooks,
            mails=mails,
        )
        _complete(draft, folder, manifest)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


async def _copy_out(connection: Connection, rows: str, file: Path) -> int:
    """Write rows to a file, never all in memory. Returns their number."""
    with os.fdopen(private_file(file, os.O_WRONLY | os.O_EXCL), "wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=COMPRESSION, mtime=0) as packed:

            async def take(part: bytes) -> None:
                packed.write(part)

            done = await connection.copy_from_query(rows, output=take, format="binary")
        raw.flush()
        os.fsync(raw.fileno())
    return int(done.rpartition(" ")[2])


def _draft(folder: Path) -> Path:
    if folder.exists():
        raise BackupRefused(f"{folder} exists already: name a new folder")
    draft = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    draft.mkdir(mode=0o700, parents=True)
    return draft


def _complete(draft: Path, folder: Path, manifest: Manifest) -> None:
    """Put the whole backup on the disk before it has its name."""
    write_durably(draft / MANIFEST, msgspec.json.encode(manifest))
    rename_durably(draft, folder)


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises BackupRefused."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupRefused(f"{folder} is no backup: {error}") from None
    if manifest.format != FORMAT:
        raise BackupRefused(f"{folder} has the form {manifest.format}, which is not known here")
    return manifest


async def load(connection: Connection, folder: Path, keys: Path | None = None) -> UUID:
    """Load a backup into an empty database, in one transaction. Return the new log's id.

    Mails are those beside the keys. The database cannot be opened until `restoring.finish`. Raises
    BackupRefused.
    """
    manifest = manifest_of(folder)
    await schema.install(connection)
    if await connection.fetchval(_SERVED, GRACE_SECONDS):
        raise BackupRefused("a service uses this database: stop it first")
    try:
        async with connection.transaction():
            await connection.execute(
                "lock table public.stored_events, rostra_keys.person_keys in exclusive mode"
            )
            if not await connection.fetchval(_EMPTY):
                raise BackupRefused("there is a log in this database already")
            log: UUID = await connection.fetchval(_NEW_ID)
            await connection.copy_to_table(
                "stored_events", schema_name="public", columns=LOG_COLUMNS, format="binary",
                source=_parts(folder / LOG),
            )  # fmt: skip
            await connection.execute(_SEQUENCE)
            await connection.copy_to_table(
                "rostra_article_texts", schema_name="public", columns=TEXT_COLUMNS,
                format="binary", source=_parts(folder / TEXTS),
            )  # fmt: skip
            if manifest.webhooks is not None:
                await connection.copy_to_table(
                    "rostra_webhooks", schema_name="public", columns=WEBHOOK_COLUMNS,
                    format="binary", source=_parts(folder / WEBHOOKS),
                )  # fmt: skip
                await connection.execute(_BEGIN_WEBHOOKS, log, manifest.head)
            await connection.copy_to_table(
                "person_keys", schema_name="rostra_keys", columns=KEY_COLUMNS, format="binary",
                source=_parts(keys or folder / KEYS),
            )  # fmt: skip
            await _load_mails(connection, folder, keys, manifest)
            await connection.execute(_FORGET_MASTERS)
            await connection.execute(schema.statement("master_keys_used"))
            if await connection.fetchval(_LAST) != manifest.head:
                raise BackupRefused(f"{folder} lacks rows that its manifest counts")
    except (EOFError, OSError, zlib.error, asyncpg.DataError) as error:
        raise BackupRefused(f"{folder} is damaged: {error}") from None
    return log


async def _load_mails(
    connection: Connection, folder: Path, keys: Path | None, manifest: Manifest
) -> None:
    """Load the mails of the backup. With `keys`, those beside them, if there are any."""
    file = (keys or folder / KEYS).with_name(MAILS)
    if not (file.exists() if keys else manifest.mails is not None):
        return
    await connection.copy_to_table(
        "rostra_mail_addresses", schema_name="public", columns=MAIL_COLUMNS, format="binary",
        source=_parts(file),
    )  # fmt: skip
    await connection.execute(_TAKE_LINK_KEY, NOBODY)
    await connection.execute(_FORGET_ERASED)


async def _parts(file: Path) -> AsyncIterator[bytes]:
    with gzip.open(file) as packed:
        while part := packed.read(CHUNK_BYTES):
            yield part
