"""The tables of the views, and where each view stands."""

from typing import Any

import asyncpg

from rostra_adapters.postgres.connection import Connection
from rostra_projections.tables import Fragment, Table
from rostra_projections.views import VIEWS, View

_INSTALLING = "select pg_advisory_xact_lock(5940093377497353329)"

# `versions`: the greatest that a rebuild has ever claimed. `moves_from`: from where on
# `comment_moves` is whole, but for what is gone by its age. `history`: how many rebuilds found
# other rows, so that nobody reads a list on that was begun in one that is gone.
_STATE = """
create table if not exists public.rostra_views (
    name text primary key,
    version integer not null,
    shape integer not null,
    position bigint not null,
    moves_from bigint not null,
    history integer not null,
    versions integer not null
)"""

_PARKED = """
create table if not exists public.rostra_parked (
    view text not null,
    version integer not null,
    discussion uuid not null,
    position bigint not null,
    error text not null,
    primary key (view, version, discussion)
)"""

_MOVES = """
create table if not exists public.comment_moves (
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
    (
        "create index if not exists comment_moves_of"
        " on public.comment_moves (discussion, comment, position)"
    ),
    "create index if not exists comment_moves_age on public.comment_moves (moved_at)",
)

_EXISTS = "select exists (select from public.rostra_views where name = $1)"
_BEGIN = """
insert into public.rostra_views (name, version, shape, position, moves_from, history, versions)
values ($1, $2, $3, 0, 0, 0, $2)"""

FIRST_VERSION = 1


async def install(connection: Connection) -> None:
    """Make what is missing; a new view begins empty and catches up."""
    async with connection.transaction():
        await connection.execute(_INSTALLING)
        for statement in (_STATE, _PARKED, _MOVES, _MOVES_GONE, *_MOVES_INDEXES):
            await connection.execute(statement)
        for view in VIEWS.values():
            if not await connection.fetchval(_EXISTS, view.name):
                await _begin(connection, view)


async def _begin(connection: Connection, view: View) -> None:
    for table in view.tables:
        await create(connection, table, FIRST_VERSION)
        await index(connection, table, FIRST_VERSION)
    await connection.execute(_BEGIN, view.name, FIRST_VERSION, view.shape)


def versioned(fragment: Fragment, version: int) -> str:
    """The name of a version of a fragment of a table."""
    return f"{fragment.name}_v{version}"


async def create(connection: Connection, table: Table[Any], version: int) -> None:
    """An empty table without its indexes."""
    for fragment in table.fragments:
        name = versioned(fragment, version)
        columns = ", ".join(
            f'"{column}" {table.types[column]}' + (" not null" if column in table.key else "")
            for column in table.columns_of(fragment)
        )
        await connection.execute(f"drop table if exists public.{name}")
        # Room on each page lets a row that changes often stay there, its indexes untouched.
        await connection.execute(f"create table public.{name} ({columns}) with (fillfactor = 85)")


async def index(connection: Connection, table: Table[Any], version: int) -> None:
    """The primary keys and the other indexes."""
    for statement in (*indexes(table, version), *keys(table, version)):
        await connection.execute(statement)


def indexes(table: Table[Any], version: int) -> list[str]:
    """Statements that may run side by side: of each fragment the key's index, then the others."""
    columns, found = ", ".join(table.key), []
    for fragment in table.fragments:
        name = versioned(fragment, version)
        found.append(f"create unique index {name}_pkey on public.{name} ({columns})")
        found += [statement.replace("{v}", str(version)) for statement in fragment.indexes]
    return found


def keys(table: Table[Any], version: int) -> list[str]:
    """The statements that make the keys' indexes primary keys."""
    names = [versioned(fragment, version) for fragment in table.fragments]
    return [f"alter table public.{name} add primary key using index {name}_pkey" for name in names]


def analyses(table: Table[Any], version: int) -> list[str]:
    """The statements that let the planner know what the table holds."""
    return [f"analyze public.{versioned(fragment, version)}" for fragment in table.fragments]


async def drop(connection: Connection, table: Table[Any], version: int) -> None:
    """A version that is served no more."""
    names = ", ".join(f"public.{versioned(fragment, version)}" for fragment in table.fragments)
    await connection.execute(f"drop table if exists {names}")


async def exists(pool: asyncpg.Pool) -> bool:
    """Whether the views have been installed."""
    return bool(await pool.fetchval("select to_regclass('public.rostra_views') is not null"))
