"""The stock library's `ProjectionRunner` with an equal view: the same rows in tables of the
same shape, by the same fold, but an event at a time as the library has it.
"""

import time
from copy import copy
from typing import Any
from uuid import UUID

import asyncpg
from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict

from bench.peers import compared
from rostra import codec, ids
from rostra.mapper import StreamEvent, Unknown
from rostra.times import format_time
from rostra_adapters.postgres.views import row_store, schema
from rostra_projections.comments import fold as comments
from rostra_projections.comments.rows import COUNTS
from rostra_projections.tables import Fact, Fragment, Key, Rows, Table
from rostra_projections.views import View

VERSION = 900
"""Version of the tables, beside those that are served."""
SECONDS_MAX = 600.0

_ALL = tuple(codec.TYPES)
_LATEST = f"""
select max(posted_at) from public.comments_v{VERSION}
where status = 'published'
    and (discussion = %s or passage = %s or (discussion = %s and passage is not null))"""  # noqa: S608  # our own names


class Rostra(Application[UUID]):
    """Our log, as the stock library reads it."""

    name = "stored"


class TheView(PostgresTrackingRecorder):
    """Loads the rows an event touches, folds it, writes them, and tracks it, in one
    transaction.
    """

    def apply(self, fact: Fact, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            for view in compared.views():
                self._fold(cursor, view, fact)
            self._insert_tracking(cursor, tracking)

    def _fold(self, cursor: Any, view: View, fact: Fact) -> None:
        touched = set(view.touches(fact))
        if not touched:
            return
        rows = Rows(view.tables)
        loaded: dict[str, dict[Key, Any]] = {table.name: {} for table in view.tables}
        for table, key in touched:
            self._load(cursor, table, key, rows, loaded[table.name])
        view.fold(rows, fact)
        view.settle(rows, {table.name: rows.of(table) for table in view.tables})
        for table in view.tables:
            if table is COUNTS:
                self._mend(cursor, rows)
            for fragment in table.fragments:
                changed = _changed(fragment, rows.of(table), loaded[table.name])
                for record in row_store.to_records(table, fragment, changed):
                    cursor.execute(_SAVE[fragment.name], record)

    def _mend(self, cursor: Any, rows: Rows) -> None:
        """Find the latest comment of each group whose latest one is removed."""
        for group in comments.stale_groups(rows):
            cursor.execute(_LATEST, _latest_of(group))
            latest = next(iter(cursor.fetchone().values()))
            counts = rows.of(COUNTS)[group]
            comments.set_latest(counts, None if latest is None else format_time(latest))

    def _load(
        self, cursor: Any, table: Table[Any], key: Key, rows: Rows, loaded: dict[Key, Any]
    ) -> None:
        cursor.execute(_LOAD[table.name], key if isinstance(key, tuple) else (key,))
        for found in cursor.fetchall():
            row = rows.of(table)[key] = row_store.to_row(table, found.values())
            loaded[key] = copy(row)


class Comments(Projection[TheView]):
    """Projection that is compared with Rostra's."""

    name = "bench"
    topics = _ALL

    def process_event(self, domain_event: StreamEvent, tracking: Tracking) -> None:
        payload = domain_event.payload
        if isinstance(payload, Unknown):
            return
        stream = domain_event.originator_id
        fact = Fact(stream, payload, tracking.notification_id, ids.event_id("bench", str(stream)))
        self.view.apply(fact, tracking)


async def prepare(url: str) -> None:
    """Fresh tables for it."""
    connection = await asyncpg.connect(url)
    try:
        for table in compared.tables():
            await schema.create(connection, table, VERSION)
            await schema.index(connection, table, VERSION)
        await connection.execute("drop table if exists bench_tracking")
    finally:
        await connection.close()


def project(url: str, events: int) -> float:
    """The seconds it takes to project the first events of a prepared database's log."""
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Rostra,
        projection_class=Comments,
        view_class=TheView,
        env=_environment(url),
    ) as runner:
        runner.wait(events, timeout=SECONDS_MAX)
        return time.perf_counter() - began


def _environment(url: str) -> dict[str, str]:
    named = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": named["dbname"],
        "POSTGRES_HOST": named["host"],
        "POSTGRES_PORT": named.get("port", "5432"),
        "POSTGRES_USER": named["user"],
        "POSTGRES_PASSWORD": named.get("password", "none"),
        "POSTGRES_SINGLE_ROW_TRACKING": "y",
        "MAPPER_TOPIC": "rostra.mapper:Mapper",
    }


def _changed(fragment: Fragment, rows: dict[Key, Any], loaded: dict[Key, Any]) -> list[Any]:
    """Rows of which a fragment is not as it was loaded."""
    names = (*fragment.own, *fragment.copies)
    return [
        row
        for key, row in rows.items()
        if key not in loaded or any(getattr(row, it) != getattr(loaded[key], it) for it in names)
    ]


def _latest_of(group: UUID) -> tuple[UUID | None, ...]:
    """The discussion whole, the passage, or the discussion whose passages are meant."""
    if group == comments.inline_group(group):
        return None, None, ids.discussion_of(group)
    return group, group, None


def _load(table: Table[Any]) -> str:
    columns = ", ".join(f'p{table.home_of(column)}."{column}"' for column in table.types)
    names = [schema.versioned_name(fragment, VERSION) for fragment in table.fragments]
    tables = " natural join ".join(  # by the key, which is all that is listed twice
        f"(select {_listed(table, fragment)} from public.{name}) p{number}"  # noqa: S608  # our own names
        for number, (fragment, name) in enumerate(zip(table.fragments, names, strict=True))
    )
    same = " and ".join(f"p0.{column} = %s" for column in table.key)
    return f"select {columns} from {tables} where {same}"  # noqa: S608  # our own names


def _listed(table: Table[Any], fragment: Fragment) -> str:
    return ", ".join(f'"{column}"' for column in (*table.key, *fragment.own))


def _save(table: Table[Any], fragment: Fragment) -> str:
    columns = [f'"{column}"' for column in table.columns_of(fragment)]
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    values = ", ".join(["%s"] * len(columns))
    name, listed = schema.versioned_name(fragment, VERSION), ", ".join(columns)
    key = ", ".join(table.key)
    return f"insert into public.{name} ({listed}) values ({values}) on conflict ({key}) do update set {changes}"  # noqa: E501, S608  # our own names


_LOAD = {table.name: _load(table) for table in compared.tables()}
_SAVE = {
    fragment.name: _save(table, fragment)
    for table in compared.tables()
    for fragment in table.fragments
}
