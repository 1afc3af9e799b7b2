"""The log's tables, functions and triggers, and how they come to be in a database."""

from importlib import resources

from rostra_adapters.errors import NotInstalled, UnfitTable
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connection import Connection

VERSION = 9
"""Raised with every change to a file in `sql/`, so that it is installed again."""

_INSTALLING = f"select pg_advisory_xact_lock({locks.LOG_INSTALLER})"
_LOG_TABLE_EXISTS = "select to_regclass('public.rostra_log') is not null"
_INSTALLED_VERSION = "select schema_version from public.rostra_log"
_ID_TYPE = """
select format_type(atttypid, atttypmod)
from pg_attribute
where attrelid = to_regclass('public.stored_events') and attname = 'originator_id'
"""
_MAY_INSTALL = """
select pg_has_role(relowner, 'usage') from pg_class where oid = 'public.stored_events'::regclass
"""
_STATEMENTS = (
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
    "append",
    "append_owner",
    "keys_schema",
    "person_keys",
    "person_keys_erased",
    "erased_keys",
    "key_readers",
    "article_texts",
    "revocations",
    "write_limits",
    "take",
    "guest_votes",
    "guest_votes_addresses",
    "guest_votes_ages",
    "guest_votes_guests",
    "reserve_vote",
)
OPERATIONAL_TABLES = ("rostra_write_limits", "rostra_guest_votes", "rostra_revocations")
"""Tables whose rows a service inserts, updates and deletes."""
OPERATIONAL_FUNCTIONS = (
    "rostra_take(bytea[], double precision[], double precision[])",
    "rostra_reserve_vote(uuid, bytea[], text, uuid)",
)


async def install(connection: Connection) -> None:
    """Make what is missing, also in a database that a stock recorder has written to.

    Where everything is there, nothing is locked but other installers. Raises
    UnfitTable where the streams of an existing table are not named by UUIDs.
    """
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(_INSTALLING)
        version = await _installed_version(connection)
        if version >= VERSION:
            return
        if version and not await connection.fetchval(_MAY_INSTALL):
            raise NotInstalled(version, VERSION)
        if await connection.fetchval(_ID_TYPE) not in (None, "uuid"):
            raise UnfitTable("public.stored_events exists and its originator_id is not a uuid")
        for name in _STATEMENTS:
            await connection.execute(_sql(name))
        await connection.execute(_sql("log_version"), VERSION)


async def check(connection: Connection) -> None:
    """Raise NotInstalled where `install` would have something to do."""
    if (version := await _installed_version(connection)) < VERSION:
        raise NotInstalled(version, VERSION)


async def _installed_version(connection: Connection) -> int:
    if not await connection.fetchval(_LOG_TABLE_EXISTS):
        return 0
    return int(await connection.fetchval(_INSTALLED_VERSION) or 0)


def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(f"sql/{name}.sql").read_text("utf-8")
