"""Tables of Rostra beside the events of a stock SQLite recorder, made by numbered migrations."""

from typing import NamedTuple

from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore

from rostra_adapters.errors import NewerDatabase


class SqliteMigration(NamedTuple):
    """A numbered step, run in one transaction. Its statements never change after a release."""

    number: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    SqliteMigration(
        1,
        "the log's id, persons' keys and texts of articles",
        (
            "create table if not exists rostra_log (one integer primary key, id text not null)",
            """
            create table if not exists rostra_person_keys (
                owner blob primary key,
                key_id blob,
                wrapped blob,
                master blob,
                erasures integer not null default 0
            ) without rowid
            """,
            """
            create table if not exists rostra_article_texts (
                discussion blob not null, hash blob not null, text text not null,
                primary key (discussion, hash)
            )
            """,
        ),
    ),
)
"""All migrations, oldest first. The first one makes what the last release had."""
TABLES_BEFORE_MIGRATIONS = ("rostra_log", "rostra_person_keys", "rostra_article_texts")
"""Tables of a file that was made before migrations were recorded."""

_EXISTING = "select count(*) from sqlite_master where type = 'table' and name in ({marks})"
_CREATE = "create table if not exists rostra_migrations (number integer primary key, name text)"
_LAST = "select max(number) from rostra_migrations"
_RECORD = "insert or ignore into rostra_migrations values (?, ?)"


def install(datastore: SQLiteDatastore) -> None:
    """Run the missing migrations. Write nothing if none is missing.

    Raises NewerDatabase if a newer version of Rostra made the tables.
    """
    newest = MIGRATIONS[-1].number
    with datastore.transaction(commit=False) as cursor:
        version = _version(cursor)
    if version > newest:
        raise NewerDatabase(version, newest)
    if version < newest:
        with datastore.transaction(commit=True) as cursor:
            _run_missing(cursor)


def _run_missing(cursor: SQLiteCursor) -> None:
    cursor.execute(_CREATE)  # from here on no other process writes
    version = _version(cursor)
    for migration in MIGRATIONS:
        if migration.number > version:
            for statement in migration.statements:
                cursor.execute(statement)
        cursor.execute(_RECORD, (migration.number, migration.name))


def _version(cursor: SQLiteCursor) -> int:
    """Return the number of the last migration, 0 if there was none."""
    if _has_tables(cursor, "rostra_migrations"):
        cursor.execute(_LAST)
        if recorded := cursor.fetchone()[0]:
            return int(recorded)
    return 1 if _has_tables(cursor, *TABLES_BEFORE_MIGRATIONS) else 0


def _has_tables(cursor: SQLiteCursor, *names: str) -> bool:
    cursor.execute(_EXISTING.format(marks=", ".join("?" for _ in names)), names)
    return bool(cursor.fetchone()[0] == len(names))
