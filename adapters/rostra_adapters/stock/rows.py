"""Positions of a stream's events and a log id, which stock recorders do not give by themselves."""

from collections import defaultdict
from collections.abc import Iterable
from threading import Lock
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from eventsourcing.persistence import ApplicationRecorder, Notification
from eventsourcing.sqlite import SQLiteApplicationRecorder

from rostra_adapters.stock import schema

PAGE_EVENTS = 5_000

_ids_of_others: WeakKeyDictionary[ApplicationRecorder, UUID] = WeakKeyDictionary()


class StreamRows:
    """Events of streams with their positions, from any recorder.

    The log is read once, and the position of each event stays in memory.
    """

    def __init__(self, recorder: ApplicationRecorder) -> None:
        self._recorder = recorder
        self._positions: dict[UUID, dict[int, int]] = defaultdict(dict)
        self._seen = 0
        self._lock = Lock()

    def of(self, stream: UUID) -> list[Notification]:
        events = self._recorder.select_events(stream)
        with self._lock:
            self._catch_up()
            positions = self._positions.get(stream, {})
        return [
            Notification(
                originator_id=event.originator_id,
                originator_version=event.originator_version,
                topic=event.topic,
                state=event.state,
                id=positions[event.originator_version],
            )
            for event in events
        ]

    def between(self, first: UUID, last: UUID, up_to: int) -> list[Notification]:
        """Return the events of the streams in a range of ids, in order of position."""
        with self._lock:
            self._catch_up()
            streams = [stream for stream in self._positions if first <= stream <= last]
        rows = [row for stream in streams for row in self.of(stream) if row.id <= up_to]
        return sorted(rows, key=lambda row: row.id)

    def log_id(self) -> UUID:
        """Return the id of the log, which lasts as long as the recorder."""
        return _ids_of_others.setdefault(self._recorder, uuid4())

    def _catch_up(self) -> None:
        while page := self._page():
            for row in page:
                self._positions[to_uuid(row.originator_id)][row.originator_version] = row.id
            self._seen = page[-1].id

    def _page(self) -> list[Notification]:
        return list(
            self._recorder.select_notifications(self._seen, PAGE_EVENTS, inclusive_of_start=False)
        )


class SqliteRows(StreamRows):
    """From SQLite, whose table has the positions."""

    _INSERT = "insert into rostra_log values (1, ?)"
    _SELECT = "select id from rostra_log"

    def __init__(self, recorder: SQLiteApplicationRecorder) -> None:
        super().__init__(recorder)
        self._datastore = recorder.datastore
        self._to_id = recorder.convert_originator_id
        # The recorder's own statement, which asks for all columns but the row's id.
        self._stream = recorder.select_events_statement.replace("SELECT *", "SELECT rowid, *")
        self._range = self._stream.replace("=?", " BETWEEN ? AND ?") + "AND rowid <= ? "

    def of(self, stream: UUID) -> list[Notification]:
        return self._select(self._stream + "ORDER BY originator_version", stream.hex)

    def between(self, first: UUID, last: UUID, up_to: int) -> list[Notification]:
        return self._select(self._range + "ORDER BY rowid", first.hex, last.hex, up_to)

    def _select(self, statement: str, *given: str | int) -> list[Notification]:
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, given)
            rows: Iterable[tuple[int, str, int, str, bytes]] = cursor.fetchall()
        return [
            Notification(
                id=position,
                originator_id=self._to_id(originator_id),
                originator_version=version,
                topic=topic,
                state=state,
            )
            for position, originator_id, version, topic, state in rows
        ]

    def log_id(self) -> UUID:
        """Return the id that is stored beside the events; make it at first use."""
        schema.install(self._datastore)
        with self._datastore.transaction(commit=True) as cursor:
            cursor.execute(self._SELECT)
            if (row := cursor.fetchone()) is None:
                row = (str(uuid4()),)
                cursor.execute(self._INSERT, row)
            return UUID(row[0])


def rows_of(recorder: ApplicationRecorder) -> StreamRows:
    if isinstance(recorder, SQLiteApplicationRecorder):
        return SqliteRows(recorder)
    return StreamRows(recorder)


def to_uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
