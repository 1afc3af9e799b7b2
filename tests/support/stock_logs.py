"""The stock library's recorder for PostgreSQL, beside our log in one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def stock_datastore(url: str, *, pool_size: int = 10) -> Iterator[PostgresDatastore]:
    named = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        dbname=str(named["dbname"]),
        host=str(named["host"]),
        port=str(named.get("port", "")),
        user=str(named["user"]),
        password=str(named.get("password", "")),
        pool_size=pool_size,
    )
    with datastore:
        yield datastore


@contextmanager
def stock_recorder(url: str, *, pool_size: int = 2) -> Iterator[PostgresApplicationRecorder]:
    with stock_datastore(url, pool_size=pool_size) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        yield recorder


def stored(stream: UUID, version: int = 1, *, topic: str = "foreign") -> StoredEvent:
    return StoredEvent(stream, version, topic, b"not even json")
