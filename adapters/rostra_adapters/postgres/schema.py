"""The log's tables, functions and triggers, made by numbered migrations."""

import logging
from importlib import resources
from typing import NamedTuple

import asyncpg

from rostra_adapters.errors import (
    KeysMissing,
    NewerDatabase,
    NotInstalled,
    RolesRefused,
    UnfitDatabase,
    UnfitTable,
)
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of

logger = logging.getLogger(__name__)

_INSTALLING = f"select pg_advisory_xact_lock({locks.LOG_INSTALLER})"
_LOG_TABLE_EXISTS = "select to_regclass('public.rostra_log') is not null"
_INSTALLED_VERSION = "select schema_version from public.rostra_log"
_RECORD = """
insert into public.rostra_migrations (number, name) values ($1, $2) on conflict do nothing
"""
_STORED_EVENTS = """
select attname, format_type(atttypid, null) from pg_attribute
where attrelid = to_regclass('public.stored_events') and attnum > 0 and not attisdropped
"""
_STOCK_COLUMNS = {
    "originator_id": {"uuid"},
    "originator_version": {"bigint", "integer"},
    "topic": {"text"},
    "state": {"bytea"},
    "notification_id": {"bigint"},
}
"""Types of the columns that a stock recorder makes."""
_KEY_TABLES = """
select to_regnamespace('rostra_keys') is not null,
    to_regclass('rostra_keys.person_keys') is not null
"""
_KEY_FILES = (
    "person_keys",
    "person_keys_erased",
    "erased_keys",
    "key_readers",
    "key_readers_trust",
    "master_keys",
)
_SCHEMA_EXISTS = "select to_regnamespace($1) is not null"
_ENCODING = "select getdatabaseencoding(), current_database(), current_user"
_MAY_INSTALL = """
select pg_has_role(relowner, 'usage') from pg_class where oid = 'public.stored_events'::regclass
"""


class Migration(NamedTuple):
    """A numbered step. `files` are statements in `sql/`, run in one transaction.

    Each statement may run again. A file of a table is never edited after a release: a later
    migration alters the table. A function's file is edited, and a new migration names it again.
    """

    number: int
    name: str
    files: tuple[str, ...]


MIGRATIONS = (
    Migration(
        6,
        "the log, keys and texts of articles",
        (
            "stored_events",
            "stored_events_columns",
            "stored_events_index",
            "stored_events_storage",
            "log_table",
            "log_row",
            "log_restored",
            "one_writer",
            "one_writer_trigger",
            "announce",
            "announce_trigger",
            "immutable",
            "no_change_trigger",
            "no_truncate_trigger",
            "triggers_always",
            "refused",
            "arrays",
            "keys_schema",
            "person_keys",
            "person_keys_erased",
            "erased_keys",
            "key_readers",
            "article_texts",
        ),
    ),
    Migration(7, "revoked tokens", ("revocations",)),
    Migration(
        8,
        "limits of writes and of guests' votes",
        (
            "write_limits",
            "take",
            "guest_votes",
            "guest_votes_addresses",
            "guest_votes_ages",
            "guest_votes_guests",
            "reserve_vote",
        ),
    ),
    Migration(
        9,
        "a serving role that cannot change the log",
        ("one_writer", "announce", "immutable"),
    ),
    Migration(10, "a table of migrations", ("migrations",)),
    Migration(11, "fingerprints of the master keys", ("master_keys", "master_keys_used")),
    Migration(12, "read marks", ("read_marks",)),
    Migration(13, "read items of inboxes", ("inbox_marks",)),
    Migration(
        14,
        "an outbox of mails",
        (
            "outbox",
            "outbox_due",
            "outbox_persons",
            "followers",
            "link_key",
            "mail_addresses",
        ),
    ),
    Migration(16, "subscriptions by mail", ("mail_requests", "mail_requests_ages")),
    Migration(17, "heartbeats of projectors", ("projectors",)),
    Migration(
        18,
        "webhooks",
        (
            "webhooks",
            "webhooks_reviews",
            "webhook_lanes",
            "webhook_lanes_due",
            "webhook_queue",
        ),
    ),
    Migration(
        19,
        "mails that stay the same, and their numbers",
        (
            "outbox_mail",
            "outbox_ages",
            "outbox_errors",
            "followers_log_since",
            "mail_totals",
        ),
    ),
    Migration(
        20,
        "a heartbeat of the primary, and readers on standbys",
        ("heartbeat", "heartbeat_row", "key_readers_trust"),
    ),
    Migration(21, "jobs of bans", ("ban_jobs", "ban_jobs_persons")),
    Migration(
        22,
        "bans of guests' addresses",
        (
            "guest_addresses",
            "guest_addresses_ages",
            "banned_addresses",
            "banned_addresses_guests",
            "note_guest",
        ),
    ),
    Migration(
        23,
        "epochs of the log",
        (
            "epochs",
            "log_timeline",
            "append_on",
            "append_on_owner",
            "open_epoch",
            "open_epoch_owner",
        ),
    ),
    Migration(24, "numbers of persons' votes", ("vote_counts",)),
    Migration(25, "append functions of earlier versions", ("append_dropped",)),
    Migration(
        26,
        "sites of guests' votes",
        ("guest_votes_sites", "reserve_vote_dropped", "reserve_vote"),
    ),
    Migration(27, "bans of an address by several guests", ("banned_addresses_key",)),
    Migration(28, "servers that do not report their timeline", ("append_on", "open_epoch")),
    Migration(
        29,
        "claims of webhooks' deliveries by index",
        ("webhook_lanes_next", "webhook_lanes_claimed", "webhook_lanes_due_dropped"),
    ),
    Migration(30, "webhooks that fail by index", ("webhook_lanes_failing",)),
    Migration(
        31,
        "attempts to mail that are noted before they are made, and their order",
        ("outbox_attempts", "outbox_turns"),
    ),
)
"""All migrations, oldest first. The first one makes what the last release had, also from what
earlier versions or a stock recorder made."""
VERSION = MIGRATIONS[-1].number
RECORDED_FROM = 10
"""Number of the migration that makes the table of migrations."""
OPERATIONAL_TABLES = (
    "rostra_write_limits",
    "rostra_guest_votes",
    "rostra_revocations",
    "rostra_read_marks",
    "rostra_inbox_marks",
    "rostra_outbox",
    "rostra_followers",
    "rostra_link_key",
    "rostra_mail_addresses",
    "rostra_mail_requests",
    "rostra_mail_totals",
    "rostra_projectors",
    "rostra_webhooks",
    "rostra_webhook_lanes",
    "rostra_webhook_queue",
    "rostra_heartbeat",
    "rostra_ban_jobs",
    "rostra_vote_counts",
    "rostra_guest_addresses",
    "rostra_banned_addresses",
)
"""Tables whose rows a service inserts, updates and deletes."""
OPERATIONAL_FUNCTIONS = (
    "rostra_take(bytea[], double precision[], double precision[])",
    "rostra_reserve_vote(text, uuid, bytea[], text, uuid)",
    "rostra_note_guest(text, text, bytea[])",
)


async def install(connection: Connection) -> None:
    """Run the missing migrations, also over the tables of a stock recorder.

    An upgrade is logged in one line. If nothing is missing, only other installers are locked out.

    - Raises UnfitTable if the table of events belongs to another program.
    - Raises NotInstalled if only another role may change the tables.
    - Raises RolesRefused if the role may not make them.
    - Raises UnfitDatabase and NewerDatabase.
    """
    await check_encoding(connection)
    before = None
    ran: list[Migration] = []
    while True:
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(_INSTALLING)
            await _make_schema(connection)
            version = await _known_version(connection)
            before = version if before is None else before
            if version:
                await _make_key_tables(connection)
            missing = [migration for migration in MIGRATIONS if migration.number > version]
            if not missing:
                break
            await _run(connection, missing[0], version)
            ran.append(missing[0])
    if before and ran:
        names = "; ".join(f"{migration.number} {migration.name}" for migration in ran)
        logger.info("database upgraded from schema %d to %d: %s", before, VERSION, names)


async def _make_key_tables(connection: Connection) -> None:
    """Make the tables of keys in a schema that an operator has made for a log without keys.

    Raises KeysMissing if there is no such schema.
    """
    has_schema, has_table = await _find_keys(connection)
    if has_table:
        return
    if not has_schema:
        raise KeysMissing(names_of(connection).keys)
    for name in _KEY_FILES:
        await connection.execute(statement(name))
    logger.warning("persons' keys are missing: words that were sealed with them read as erased")


async def _find_keys(connection: Connection) -> tuple[bool, bool]:
    """Return whether there is the schema of keys, and whether it has its tables."""
    (record,) = await connection.fetch(_KEY_TABLES)
    has_schema, has_table = record
    return has_schema, has_table


async def _make_schema(connection: Connection) -> None:
    """Make a schema of one's own; `public` is there, and may have been taken away on purpose."""
    names = names_of(connection)
    if not names.is_default and not await connection.fetchval(_SCHEMA_EXISTS, names.schema):
        try:
            await connection.execute(f'create schema "{names.schema}"')
        except asyncpg.InsufficientPrivilegeError as error:
            raise RolesRefused(
                f"the schema {names.schema} cannot be made ({error}): as the database's owner, "
                f"`create schema {names.schema} authorization ROLE`"
            ) from None


async def _run(connection: Connection, migration: Migration, version: int) -> None:
    if version and not await connection.fetchval(_MAY_INSTALL):
        raise NotInstalled(version, VERSION)
    await _check_stored_events(connection)
    _, database, role = await _database(connection)
    try:
        for name in migration.files:
            await connection.execute(statement(name))
    except asyncpg.InsufficientPrivilegeError as error:
        raise RolesRefused(
            f"the role {role} may not make the log's tables ({error}): as the database's owner, "
            f"`grant create on database {database} to {role}; grant usage, create on schema "
            f"{names_of(connection).schema} to {role}`, or `rostra init --owner-url URL "
            f"--serving-role {role}`"
        ) from None
    await connection.execute(statement("log_version"), migration.number)
    if migration.number >= RECORDED_FROM:
        for each in MIGRATIONS:
            if each.number <= migration.number:
                await connection.execute(_RECORD, each.number, each.name)


async def _check_stored_events(connection: Connection) -> None:
    """Raise UnfitTable if there is a table that a stock recorder has not made."""
    found = dict(map(tuple, await connection.fetch(_STORED_EVENTS)))
    unfit = [
        f"{name} is {found.get(name, 'missing')}"
        for name, types in _STOCK_COLUMNS.items()
        if found and found.get(name) not in types
    ]
    if unfit:
        raise UnfitTable(
            f"the database has a table {names_of(connection).schema}.stored_events of something "
            f"else ({', '.join(unfit)}): give Rostra another database, or a schema by --schema"
        )


async def check_encoding(connection: Connection) -> None:
    """Raise UnfitDatabase unless the database can hold every text."""
    encoding, database, _ = await _database(connection)
    if encoding != "UTF8":
        raise UnfitDatabase(
            f"the database {database} is encoded in {encoding}, which cannot hold every text: "
            "`create database NAME encoding 'UTF8' template template0`, and give that one"
        )


async def _database(connection: Connection) -> tuple[str, str, str]:
    """Return the encoding and name of the database, and the role."""
    (record,) = await connection.fetch(_ENCODING)
    encoding, database, role = record
    return encoding, database, role


async def check(connection: Connection) -> None:
    """Check that the database has all migrations of this version.

    Raises NotInstalled if some are missing, NewerDatabase if there are unknown ones, and
    UnfitDatabase.
    """
    await check_encoding(connection)
    if not all(await _find_keys(connection)) and await _installed_version(connection):
        raise KeysMissing(names_of(connection).keys)
    if (version := await _known_version(connection)) < VERSION:
        raise NotInstalled(version, VERSION)


async def _known_version(connection: Connection) -> int:
    if (version := await _installed_version(connection)) > VERSION:
        raise NewerDatabase(version, VERSION)
    return version


async def _installed_version(connection: Connection) -> int:
    if not await connection.fetchval(_LOG_TABLE_EXISTS):
        return 0
    return int(await connection.fetchval(_INSTALLED_VERSION) or 0)


def statement(name: str) -> str:
    """Return a statement in `sql/`."""
    return resources.files(__package__).joinpath(f"sql/{name}.sql").read_text("utf-8")
