"""Tables and positions of the views."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg

from rostra_adapters.errors import UnfitTable, ViewRefused
from rostra_adapters.postgres import locks
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of as names_in
from rostra_adapters.postgres.views.lineage import OURS, Lineage, lineage_of
from rostra_projections.tables import Fragment, Table
from rostra_projections.views import VIEWS, View

_INSTALLING = f"select pg_advisory_xact_lock({locks.VIEWS_INSTALLER})"


UNSEEN_SECONDS_MAX = 3_600.0
"""Seconds without a process of their lineage after which views are dropped."""
DROP_ATTEMPTS_MAX = 50
DROP_WAIT_SECONDS = 0.1
MARK = "rows of a view of Rostra, made from its log"
"""Comment on each table of a view, by which it is known from other programs' tables."""

logger = logging.getLogger(__name__)

# `versions`: the greatest that a rebuild has ever claimed. `moves_from`: from where on
# `comment_moves` is whole, but for what is gone by its age. `history`: how many rebuilds found
# other rows, so that nobody reads a list on that was begun in one that is gone.
_STATE = """
create table if not exists public.rostra_views (
    lineage text not null,
    name text not null,
    version integer not null,
    shape integer not null,
    position bigint not null,
    moves_from bigint not null,
    history integer not null,
    versions integer not null,
    tables text[] not null,
    primary key (lineage, name)
)"""
_IS_WITHOUT_LINEAGES = """
select not exists (
    select from pg_attribute
    where attrelid = 'public.{}'::regclass and attname = 'lineage' and not attisdropped
)"""
_ADD_LINEAGES = """
alter table public.rostra_views
    add column lineage text,
    add column tables text[] not null default '{}',
    drop constraint rostra_views_pkey"""
_SHAPES = "select name, shape from public.rostra_views"
_SET_LINEAGE = "update public.rostra_views set lineage = $1"
_SET_TABLES = "update public.rostra_views set tables = $2 where name = $1"
_KEY_LINEAGES = """
alter table public.rostra_views
    alter column lineage set not null, alter column tables drop default,
    add primary key (lineage, name)"""
# No cursor names a lineage that has no name.
_ADD_LINEAGES_OF_MOVES = (
    "alter table public.comment_moves add column lineage text not null default ''",
    "alter table public.comment_moves alter column lineage drop default",
)

# When a process of each lineage was last there.
_LINEAGES = """
create table if not exists public.rostra_lineages (
    lineage text primary key,
    seen_at timestamptz not null default clock_timestamp()
)"""
_SEEN = """
insert into public.rostra_lineages (lineage) values ($1)
on conflict (lineage) do update set seen_at = clock_timestamp()"""
_FORGET_UNSEEN = """
with gone as (
    delete from public.rostra_lineages
    where lineage <> $1 and seen_at < clock_timestamp() - $2::float8 * interval '1 second'
    returning lineage
), rebuilds as (
    delete from public.rostra_rebuilds where lineage in (table gone)
)
delete from public.rostra_views where lineage in (table gone)
returning name, version, tables"""
_FORGET_PARKED = "delete from public.rostra_parked where view = $1 and version = $2"

_PARKED = """
create table if not exists public.rostra_parked (
    view text not null,
    version integer not null,
    discussion uuid not null,
    position bigint not null,
    error text not null,
    primary key (view, version, discussion)
)"""

# The last rebuild of each view.
_REBUILDS = """
create table if not exists public.rostra_rebuilds (
    lineage text not null,
    view text not null,
    ended_at timestamptz not null,
    seconds double precision not null,
    events bigint not null,
    result text not null,
    primary key (lineage, view)
)"""

_MOVES = """
create table if not exists public.comment_moves (
    lineage text not null,
    discussion uuid not null,
    position bigint not null,
    comment uuid not null,
    shown smallint not null,
    pinned boolean not null,
    score integer not null,
    best double precision not null,
    controversial double precision not null,
    hot double precision not null,
    moved_at timestamptz not null default clock_timestamp()
)"""

# Up to where a discussion's moves are no longer kept.
_MOVES_GONE = """
create table if not exists public.comment_moves_gone (
    discussion uuid primary key,
    position bigint not null
)"""

_MOVES_INDEXES = (
    "create index if not exists comment_moves_since on public.comment_moves (discussion, position)",
    "create index if not exists comment_moves_age on public.comment_moves (moved_at)",
    "drop index if exists public.comment_moves_of",
)

_TABLES = (_STATE, _LINEAGES, _PARKED, _REBUILDS, _MOVES, _MOVES_GONE, *_MOVES_INDEXES)
_EXISTS = "select exists (select from public.rostra_views where lineage = $1 and name = $2)"
_BEGIN = """
insert into public.rostra_views
    (lineage, name, version, shape, position, moves_from, history, versions, tables)
values ($1, $2, $3, $4, 0, 0, 0, $3, $5)"""
_NEXT_VERSION = "select coalesce(max(versions), 0) + 1 from public.rostra_views where name = $1"
_CLAIM = """
update public.rostra_views set versions = $3 where lineage = $1 and name = $2
returning versions, version, shape, position"""
_OWNER_OF_TABLE = """
select name from public.rostra_views where name <> $1 and tables && $2::text[] limit 1"""
# Of earlier versions, tables have no comment. Their version is one that a rebuild has claimed.
_TABLES_OF_VIEW = """
select c.relname, substring(c.relname from '_v(\\d{1,9})$')::integer
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and regexp_replace(c.relname, '_v\\d{1,9}$', '') = any($2::text[])
    and (
        obj_description(c.oid, 'pg_class') = $3
        or substring(c.relname from '_v(\\d{1,9})$')::integer <= (
            select max(versions) from public.rostra_views where name = $1
        )
    )
order by 2, 1"""
_IS_FOREIGN = """
select exists (
    select from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relname = $1
        and (c.relkind <> 'r' or obj_description(c.oid, 'pg_class') is distinct from $2)
)"""
_MADE = """
select count(*) from public.rostra_views where lineage = $1 and name = any($2::text[])"""


async def install(connection: Connection, lineage: Lineage = OURS) -> None:
    """Make missing tables. A new view begins empty and catches up.

    Tables of another version of the code do not change. Raises ViewRefused for a view of one's own
    that would share a table with another view, and UnfitTable for one of another program.
    """
    async with connection.transaction():
        await connection.execute(_INSTALLING)
        for statement in _TABLES:
            await connection.execute(statement)
        await _add_lineages(connection)
        for view in lineage.views.values():
            if not await connection.fetchval(_EXISTS, lineage.name, view.name):
                await _begin(connection, lineage, view)
        await record_presence(connection, lineage)


async def _add_lineages(connection: Connection) -> None:
    """Let tables of before lineages have them: all views belong to one."""
    if await connection.fetchval(_IS_WITHOUT_LINEAGES.format("comment_moves")):
        for statement in _ADD_LINEAGES_OF_MOVES:
            await connection.execute(statement)
    if not await connection.fetchval(_IS_WITHOUT_LINEAGES.format("rostra_views")):
        return
    await connection.execute(_ADD_LINEAGES)
    shapes = dict(map(tuple, await connection.fetch(_SHAPES)))
    for name in shapes.keys() & VIEWS.keys():
        await connection.execute(_SET_TABLES, name, names_of(VIEWS[name]))
    await connection.execute(_SET_LINEAGE, lineage_of(shapes))
    await connection.execute(_KEY_LINEAGES)
    await connection.execute(_SEEN, lineage_of(shapes))


async def is_made(connection: Connection, lineage: Lineage = OURS) -> bool:
    """Return whether there are views of these shapes."""
    names = list(lineage.views)
    try:
        return bool(await connection.fetchval(_MADE, lineage.name, names) == len(names))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return False


async def record_presence(connection: Connection, lineage: Lineage = OURS) -> None:
    """Record that a process of this lineage is there."""
    await connection.execute(_SEEN, lineage.name)


async def drop_unseen(connection: Connection, lineage: Lineage = OURS) -> None:
    """Drop the views of lineages of which no process has been there for long."""
    async with connection.transaction():
        await connection.execute(_INSTALLING)
        gone = await connection.fetch(_FORGET_UNSEEN, lineage.name, UNSEEN_SECONDS_MAX)
        for name, version, _ in gone:
            await connection.execute(_FORGET_PARKED, name, version)
    for name, version, tables in gone:
        logger.info(
            "%s: version %d belongs to a version of the code that no process runs", name, version
        )
        for table in tables:
            await drop_unless_read(connection, [f"{table}_v{version}"])


async def claim(connection: Connection, lineage: Lineage, view: View) -> asyncpg.Record:
    """Take a version that no table has had: it, and the version, shape and position served."""
    async with connection.transaction():
        await connection.execute(_INSTALLING)
        version = await connection.fetchval(_NEXT_VERSION, view.name)
        claimed = await connection.fetchrow(_CLAIM, lineage.name, view.name, version)
    assert claimed is not None
    return claimed


async def _begin(connection: Connection, lineage: Lineage, view: View) -> None:
    owner = await connection.fetchval(_OWNER_OF_TABLE, view.name, names_of(view))
    if owner is not None and lineage.is_own:
        raise ViewRefused(
            f"the view {owner!r} of this database has a table of the view {view.name!r}: rename it"
        )
    version = await connection.fetchval(_NEXT_VERSION, view.name)
    for table in view.tables:
        await create(connection, table, version)
        await index(connection, table, version)
    await connection.execute(_BEGIN, lineage.name, view.name, version, view.shape, names_of(view))


def names_of(view: View) -> list[str]:
    """Names of a view's tables, without their version."""
    return [fragment.name for table in view.tables for fragment in table.fragments]


def versioned_name(fragment: Fragment, version: int) -> str:
    """Return the name of a version of a fragment of a table."""
    return f"{fragment.name}_v{version}"


async def create(connection: Connection, table: Table[Any], version: int) -> None:
    """Create an empty table without its indexes. Raises UnfitTable."""
    for fragment in table.fragments:
        name = versioned_name(fragment, version)
        columns = ", ".join(
            f'"{column}" {table.types[column]}' + (" not null" if column in table.key else "")
            for column in table.columns_of(fragment)
        )
        await _check_unused(connection, name)
        await connection.execute(f"drop table if exists public.{name}")
        # Room on each page lets a row that changes often stay there, its indexes untouched.
        await connection.execute(f"create table public.{name} ({columns}) with (fillfactor = 85)")
        await connection.execute(f"comment on table public.{name} is '{MARK}'")


async def _check_unused(connection: Connection, name: str) -> None:
    """Raise UnfitTable if another program has a table of this name."""
    if await connection.fetchval(_IS_FOREIGN, name, MARK):
        raise UnfitTable(
            f"the database has a table {names_in(connection).schema}.{name} that Rostra has not "
            "made: rename or drop it, or give Rostra another database, or a schema by --schema"
        )


async def index(connection: Connection, table: Table[Any], version: int) -> None:
    """Create the primary keys and the other indexes."""
    for statement in (*indexes(table, version), *keys(table, version)):
        await connection.execute(statement)


def indexes(table: Table[Any], version: int) -> list[str]:
    """Statements that may run side by side: of each fragment the key's index, then the others."""
    columns, found = ", ".join(table.key), []
    for fragment in table.fragments:
        name = versioned_name(fragment, version)
        found.append(f"create unique index {name}_pkey on public.{name} ({columns})")
        for index in fragment.indexes:
            statement = index.replace("{v}", str(version))
            found.append(statement.replace(f" on {name}", f" on public.{name}", 1))
    return found


def keys(table: Table[Any], version: int) -> list[str]:
    """Return the statements that make the keys' indexes primary keys."""
    names = [versioned_name(fragment, version) for fragment in table.fragments]
    return [f"alter table public.{name} add primary key using index {name}_pkey" for name in names]


def analyses(table: Table[Any], version: int) -> list[str]:
    """Return the statements that give the planner the statistics of the table."""
    return [f"analyze public.{versioned_name(fragment, version)}" for fragment in table.fragments]


async def list_tables(connection: Connection, view: View) -> list[tuple[str, int]]:
    """Return the names and versions of a view's tables, also of interrupted rebuilds."""
    records = await connection.fetch(_TABLES_OF_VIEW, view.name, names_of(view), MARK)
    return [(record[0], record[1]) for record in records]


async def drop(connection: Connection, table: Table[Any], version: int) -> None:
    """Drop a version that is served no more."""
    await drop_tables(
        connection, [versioned_name(fragment, version) for fragment in table.fragments]
    )


async def drop_tables(connection: Connection, names: Sequence[str]) -> None:
    await connection.execute(f"drop table if exists {', '.join(f'public.{it}' for it in names)}")


async def drop_unless_read(connection: Connection, names: Sequence[str]) -> None:
    """Drop tables as soon as nobody reads them. Leave them if a read takes long.

    Waiting in the queue for the lock would make all other readers wait.
    """
    for _ in range(DROP_ATTEMPTS_MAX):
        try:
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '50ms'")
                await drop_tables(connection, names)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(DROP_WAIT_SECONDS)
        else:
            return
    logger.warning("%s is still being read", names[0])
