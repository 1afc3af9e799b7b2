"""The two roles: the owner of the log, and the role that serves and cannot change the log.

The serving role reads the log and appends to it by `rostra_append_on`, which runs with the
owner's rights. It has the rows of the keys, of texts and of operational tables. It owns the tables
of the views, which it makes in schema `public` beside the log.
"""

import asyncpg
import msgspec

from rostra_adapters.errors import RolesRefused
from rostra_adapters.postgres import schema
from rostra_adapters.postgres.connection import Connection
from rostra_adapters.postgres.namespace import names_of
from rostra_adapters.postgres.views import schema as views_schema
from rostra_projections.views import VIEWS

ROWS = "select, insert, update, delete"
TABLES = {
    "public.stored_events": "select",
    "public.rostra_log": "select",
    "public.rostra_migrations": "select",
    "public.rostra_log_epochs": "select",
    "public.rostra_article_texts": "select, insert, delete",
    "rostra_keys.person_keys": ROWS,
    "rostra_keys.erased_keys": ROWS,
    "rostra_keys.key_readers": ROWS,
    "rostra_keys.master_keys": "select, insert, delete",
    **{f"public.{name}": ROWS for name in schema.OPERATIONAL_TABLES},
}
"""Rights of the serving role on each table that it does not own. Add each new table here, or the
service cannot use it. A test compares this with the tables of the database."""
APPEND = """public.rostra_append_on(
    uuid, uuid[], bigint[], uuid[], bigint[], text[], bytea[], uuid[], text[], integer[], integer[],
    integer[], bigint[], integer[], integer[]
)"""
FUNCTIONS = (
    APPEND,
    "public.rostra_open_epoch(boolean, boolean)",
    *(f"public.{each}" for each in schema.OPERATIONAL_FUNCTIONS),
)
SCHEMAS = {"public": "usage, create", "rostra_keys": "usage"}

_EXISTS = "select exists (select from pg_roles where rolname = $1)"
_IS_OWNER = "select $1 = current_user"
_QUOTED = "select quote_ident($1)"
_HAS_VIEWS = """
select exists (
    select from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relname = 'rostra_views'
        and pg_get_userbyid(c.relowner) = current_user
)"""
# Tables of views made before there was a serving role. They are made again from the log. Of earlier
# versions, tables have no comment, and `rostra_views` may not name them.
_VIEWS_OF_OTHERS = """
with known (base, versions) as (
    select base, max(v.versions)
    from public.rostra_views v, jsonb_array_elements_text(
        coalesce(to_jsonb(v) -> 'tables', $1::jsonb -> v.name)
    ) base
    group by base
)
select c.relname from pg_class c
left join known on known.base = regexp_replace(c.relname, '_v\\d{1,9}$', '')
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and pg_get_userbyid(c.relowner) = current_user
    and (
        c.relname in (
            'rostra_views', 'rostra_lineages', 'rostra_parked', 'rostra_rebuilds',
            'comment_moves', 'comment_moves_gone'
        )
        or obj_description(c.oid, 'pg_class') = $2
        or substring(c.relname from '_v(\\d{1,9})$')::integer <= known.versions
    )
order by 1"""
_LACKS_TABLES = """
select format('%s on %s', upper(it.privilege), it.name)
from unnest($2::text[], $3::text[]) it (name, privilege)
where not coalesce(has_table_privilege($1, to_regclass(it.name)::oid, it.privilege), false)"""
_LACKS_FUNCTIONS = """
select 'EXECUTE on ' || it.name from unnest($2::text[]) it (name)
where not coalesce(has_function_privilege($1, to_regprocedure(it.name)::oid, 'execute'), false)"""
_LACKS_SCHEMAS = """
select format('%s on schema %s', upper(it.privilege), it.name)
from unnest($2::text[], $3::text[]) it (name, privilege)
where not coalesce(has_schema_privilege($1, to_regnamespace(it.name)::oid, it.privilege), false)"""
_LACKS_VIEWS = """
select 'ownership of ' || c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relname = 'rostra_views'
    and not pg_has_role($1, c.relowner, 'usage')"""
_CURRENT = "select current_user::text"


async def make(connection: Connection, role: str) -> list[str]:
    """Make the log's tables as their owner, and let `role` serve them.

    The role is made if it does not exist. Return the names of dropped tables of views, which
    belonged to the owner. Raises RolesRefused.
    """
    if await connection.fetchval(_IS_OWNER, role):
        raise RolesRefused(f"the serving role must be another than the owner, not {role}")
    await schema.install(connection)
    try:
        return await _grant(connection, role)
    except asyncpg.InsufficientPrivilegeError as error:
        raise RolesRefused(
            f"{error}: give --owner-url with the owner of the log's tables"
        ) from None


async def _grant(connection: Connection, role: str) -> list[str]:
    quoted = await connection.fetchval(_QUOTED, role)
    async with connection.transaction():
        if not await connection.fetchval(_EXISTS, role):
            await _create(connection, quoted)
        for name, privileges in SCHEMAS.items():
            await connection.execute(f"grant {privileges} on schema {name} to {quoted}")
        for name, privileges in TABLES.items():
            await connection.execute(f"revoke all on {name} from {quoted}")
            await connection.execute(f"grant {privileges} on {name} to {quoted}")
        for name in FUNCTIONS:
            await connection.execute(f"grant execute on function {name} to {quoted}")
        dropped = await _views_of_owner(connection)
        for name in dropped:
            await connection.execute(f"drop table public.{name}")
        await check(connection, role)
    return dropped


async def _views_of_owner(connection: Connection) -> list[str]:
    """Return the names of the tables of views that belong to the owner."""
    if not await connection.fetchval(_HAS_VIEWS):
        return []
    bases = {view.name: views_schema.names_of(view) for view in VIEWS.values()}
    records = await connection.fetch(
        _VIEWS_OF_OTHERS, msgspec.json.encode(bases).decode(), views_schema.MARK
    )
    return [record[0] for record in records]


async def _create(connection: Connection, quoted: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"create role {quoted} login")
    except asyncpg.InsufficientPrivilegeError:
        raise RolesRefused(
            f"there is no role {quoted}, and the owner may not make one: as one who may, "
            f"`create role {quoted} login`; then do this again"
        ) from None


async def check_reading(connection: Connection) -> None:
    """Raise RolesRefused where the connection's role may not read the log and its keys."""
    names = names_of(connection)
    role = await connection.fetchval(_CURRENT)
    schemas = [names.schema_of(name) for name in SCHEMAS]
    tables = [names.translate(name) for name in TABLES]
    missing = await connection.fetch(_LACKS_SCHEMAS, role, schemas, ["usage"] * len(schemas))
    if not missing:
        missing = await connection.fetch(_LACKS_TABLES, role, tables, ["select"] * len(tables))
    if missing:
        listed = ", ".join(record[0] for record in missing)
        raise RolesRefused(f"the role {role} lacks {listed}: grant it as the log's owner")


async def check(connection: Connection, role: str | None = None) -> None:
    """Raise RolesRefused if a role, by default the connection's own, lacks a privilege.

    A service needs privileges on the log's tables.
    """
    names = names_of(connection)
    role = role or await connection.fetchval(_CURRENT)
    tables = [
        (names.translate(name), one)
        for name, several in TABLES.items()
        for one in several.split(", ")
    ]
    schemas = [
        (names.schema_of(name), one)
        for name, several in SCHEMAS.items()
        for one in several.split(", ")
    ]
    missing = await connection.fetch(_LACKS_SCHEMAS, role, *map(list, zip(*schemas, strict=True)))
    if not missing:  # names within a schema cannot be looked up without it
        missing = await connection.fetch(_LACKS_TABLES, role, *map(list, zip(*tables, strict=True)))
        missing += await connection.fetch(
            _LACKS_FUNCTIONS, role, [names.translate(name) for name in FUNCTIONS]
        )
        missing += await connection.fetch(_LACKS_VIEWS, role)
    if missing:
        listed = ", ".join(record[0] for record in missing)
        raise RolesRefused(
            f"the role {role} lacks {listed}: `rostra init --owner-url URL --serving-role {role}` "
            "grants it"
        )
