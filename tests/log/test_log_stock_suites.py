"""The stock library's own suites: on our log, and on its recorder in our database."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator, Sequence
from threading import Thread
from typing import Any, TypeVar
from unittest.mock import Mock, patch
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresTrackingRecorder

from rostra.log import Recorded
from rostra_adapters.postgres import PostgresLog
from support.appending import Appended, Group, append
from support.log_examples import event, group
from support.stock_logs import stock_datastore

# The module of the suites also imports a cipher, whose library we would need for nothing else.
with patch.dict(sys.modules, {"eventsourcing.cipher": Mock()}):
    from eventsourcing.tests.persistence import (
        ApplicationRecorderTestCase,
        NonInterleavingNotificationIDsBaseCase,
        TrackingRecorderTestCase,
    )

T = TypeVar("T")

VERSIONS_BEGIN = 1
"""The suites also number a stream's events from 0, which for us means that there is none."""


class Bridge(ApplicationRecorder):
    """Our log as a stock recorder, its event loop in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._log = self._run(PostgresLog.open(url))

    def close(self) -> None:
        self._run(self._log.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        if not stored_events:
            return []
        try:
            answers = self._run(append(self._log, [_group(stored_events)]))
        except ValueError as error:
            raise IntegrityError from error
        if not isinstance(answers[0], Appended):
            raise IntegrityError
        return list(range(answers[0].first, answers[0].last + 1))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        assert isinstance(originator_id, UUID)
        rows = self._run(self._log.read_streams([originator_id]))[originator_id]
        events = [_notification(row) for row in (reversed(rows) if desc else rows)]
        return [
            event
            for event in events
            if (gt is None or event.originator_version > gt)
            and (lte is None or event.originator_version <= lte)
        ][:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if start and inclusive_of_start else 0)
        found: list[Notification] = []
        while len(found) < limit:
            page = self._run(self._log.read_after(after, limit))
            found += [
                _notification(row)
                for row in page
                if (not topics or row.topic in topics) and (stop is None or row.position <= stop)
            ]
            if len(page) < limit:
                break
            after = page[-1].position
        return found[:limit]

    def max_notification_id(self) -> int | None:
        return self._run(self._log.head()) or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        raise NotImplementedError


def _group(stored_events: Sequence[StoredEvent]) -> Group:
    return group(
        *(
            event(
                UUID(str(stored.originator_id)),
                stored.originator_version + VERSIONS_BEGIN,
                topic=stored.topic,
                state=stored.state,
            )
            for stored in stored_events
        )
    )


def _notification(row: Recorded) -> Notification:
    return Notification(
        id=row.position,
        originator_id=row.stream,
        originator_version=row.version - VERSIONS_BEGIN,
        topic=row.topic,
        state=row.state,
    )


class OnOurLog:
    """Its recorder is the bridge. Streams are numbered from 0, since the bridge adds 1."""

    INITIAL_VERSION = 0

    @pytest.fixture(autouse=True)
    def _bridge(self, database_url: str) -> Iterator[None]:
        self._recorder = Bridge(database_url)
        yield
        self._recorder.close()

    def create_recorder(self) -> Bridge:
        return self._recorder


class OnOurDatabase:
    """Its recorder is the stock one, on the table that our schema made."""

    @pytest.fixture(autouse=True)
    def _datastore(self, database_url: str) -> Iterator[None]:
        with stock_datastore(database_url) as datastore:
            self._stock = datastore
            yield

    def create_recorder(self) -> PostgresApplicationRecorder:
        recorder = PostgresApplicationRecorder(self._stock)
        recorder.create_table()
        return recorder


class TestApplicationOnOurLog(OnOurLog, ApplicationRecorderTestCase[Bridge]):
    pass


class TestNonInterleavingOnOurLog(OnOurLog, NonInterleavingNotificationIDsBaseCase):
    pass


class TestApplicationBesideUs(
    OnOurDatabase, ApplicationRecorderTestCase[PostgresApplicationRecorder]
):
    def test_subscription(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingBesideUs(OnOurDatabase, NonInterleavingNotificationIDsBaseCase):
    pass


class TestTrackingBesideUs(TrackingRecorderTestCase):
    @pytest.fixture(autouse=True)
    def _datastore(self, database_url: str) -> Iterator[None]:
        with stock_datastore(database_url) as datastore:
            self._stock = datastore
            yield

    def create_recorder(self) -> PostgresTrackingRecorder:
        recorder = PostgresTrackingRecorder(self._stock)
        recorder.create_table()
        return recorder
