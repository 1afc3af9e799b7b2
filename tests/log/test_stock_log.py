"""What is particular to the log over a stock recorder."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

import rostra_adapters
from rostra.ids import Position, StreamId
from rostra.log import LogBusy, LogUnavailable, Recorded
from rostra.times import Time, format_time
from rostra_adapters.stock import log as stock_log
from rostra_adapters.stock.keys import SqliteKeyRing
from rostra_adapters.stock.log import StockLog
from support.appending import Appended, Stale, append
from support.log_examples import event, followed, group, one
from support.stock_logs import stock_recorder, stored


@contextmanager
def sqlite_recorder(path: Path) -> Iterator[SQLiteApplicationRecorder]:
    datastore = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    yield recorder
    datastore.close()


async def test_sqlite_keeps_the_logs_id_and_its_events(tmp_path: Path) -> None:
    stream = uuid4()
    seen: list[tuple[UUID, list[Recorded]]] = []
    for _ in range(2):
        with sqlite_recorder(tmp_path / "log") as recorder:
            async with StockLog(recorder) as log:
                await append(log, [one(stream)])
                seen.append((await log.log_id(), await log.read_after(0, 10)))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) == 1


async def test_a_recorder_in_memory_has_an_id_of_its_own() -> None:
    recorder = POPOApplicationRecorder()
    ids = [
        await StockLog(given).log_id() for given in (recorder, recorder, POPOApplicationRecorder())
    ]
    assert ids[0] == ids[1] != ids[2]


async def test_what_travels_in_the_state_is_this() -> None:
    recorder = POPOApplicationRecorder()
    moment = Time("2026-01-02T03:04:05.000006Z")
    told = group(
        event(UUID(int=1), 1, state=b'{"value":1}'),
        event(UUID(int=1), 2),
        metadata=b'{"source":"cms"}',
    )
    async with StockLog(recorder, clock=lambda: moment) as log:
        await append(log, [told])

    front = (
        f'{{"$event_id":"{told.event_id}",'
        '"$metadata":{"source":"cms","at":"2026-01-02T03:04:05.000006Z"}'
    )
    first, second = recorder.select_events(UUID(int=1))
    assert first.state.decode() == front + ',"value":1}'
    assert second.state.decode() == front + "}"


async def test_a_clock_that_goes_back_is_not_followed() -> None:
    recorder = POPOApplicationRecorder()
    years = iter([2030, 2020, 2010])

    def clock() -> Time:
        return format_time(datetime(next(years), 1, 1, tzinfo=UTC))

    for _ in range(3):  # each a process of its own
        async with StockLog(recorder, clock=clock) as log:
            await append(log, [one(uuid4())])
            recorder.insert_events([stored(uuid4())])

    rows = [row for row in await _all(recorder) if row.metadata]
    assert {msgspec.json.decode(row.metadata or "")["at"][:4] for row in rows} == {"2030"}


async def _all(recorder: POPOApplicationRecorder) -> list[Recorded]:
    async with StockLog(recorder) as log:
        return await log.read_after(0, 100)


@pytest.mark.parametrize(
    "state", [b"not json", b"", b'{"a":1}', b'{"$event_id":"7"}', b'{"$event_id":"\xff']
)
async def test_what_others_recorded_is_read_as_it_is(state: bytes) -> None:
    recorder = POPOApplicationRecorder()
    stream = uuid4()
    recorder.insert_events([StoredEvent(stream, 1, "foreign", state)])
    async with StockLog(recorder) as log:
        expected = Recorded(Position(1), StreamId(stream), 1, "foreign", state, None, None)
        assert await log.read_after(0, 10) == [expected]
        assert (await log.read_streams([stream]))[stream] == [expected]
        assert await append(log, [one(stream, 2)]) == [Appended(2, 2)]


async def test_where_another_process_was_first_it_is_stale(tmp_path: Path) -> None:
    with sqlite_recorder(tmp_path / "log") as ours, sqlite_recorder(tmp_path / "log") as theirs:
        async with StockLog(ours) as log, StockLog(theirs) as another:
            stream = uuid4()
            for version in range(1, 11):
                both = await asyncio.gather(
                    *(append(each, [one(stream, version)]) for each in (log, another))
                )
                assert sorted(type(answer).__name__ for [answer] in both) == ["Appended", "Stale"]


async def test_a_follower_sees_what_another_process_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_log, "POLL_SECONDS", 0.001)
    with sqlite_recorder(tmp_path / "log") as ours, sqlite_recorder(tmp_path / "log") as theirs:
        async with StockLog(ours) as log, StockLog(theirs) as another:
            following = asyncio.create_task(followed(log, 0, 3))
            await append(another, [one(uuid4()) for _ in range(3)])
            assert len(await following) == 3


async def test_any_stock_recorder_will_do(empty_database_url: str) -> None:
    stream = uuid4()
    with stock_recorder(empty_database_url) as recorder:
        async with StockLog(recorder) as log:
            answers = await append(log, [one(stream), one(uuid4()), one(stream, 2), one(stream, 2)])
            assert answers == [Appended(1, 1), Appended(2, 2), Appended(3, 3), Stale()]
            assert [row.position for row in (await log.read_streams([stream]))[stream]] == [1, 3]


async def test_a_database_away_is_unavailable_and_a_full_queue_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_recorder(tmp_path / "log") as recorder:
        async with StockLog(recorder) as log:
            monkeypatch.setattr(stock_log, "QUEUED_EVENTS_MAX", 1)
            first = asyncio.create_task(append(log, [one(uuid4())]))
            await asyncio.sleep(0)
            with pytest.raises(LogBusy):
                await append(log, [one(uuid4())])
            assert await first == [Appended(1, 1)]

            def away(*_: object, **__: object) -> None:
                raise OperationalError

            monkeypatch.setattr(recorder, "select_events", away)
            with pytest.raises(LogUnavailable):
                await append(log, [one(uuid4())])
        with pytest.raises(LogUnavailable):
            await log.head()


async def test_closing_waits_for_reads_whose_callers_went_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = threading.Event(), threading.Event()
    with sqlite_recorder(tmp_path / "log") as recorder:
        log = StockLog(recorder)
        select = recorder.select_notifications

        def slowly(*given: Any, **named: Any) -> Any:
            begun.set()
            assert released.wait(60)
            return select(*given, **named)

        monkeypatch.setattr(recorder, "select_notifications", slowly)
        reading = asyncio.create_task(log.read_after(0, 10))
        assert await asyncio.to_thread(begun.wait, 60)
        reading.cancel()
        await asyncio.wait([reading])
        closing = asyncio.create_task(log.close())
        await asyncio.wait([closing], timeout=0.1)
        assert not closing.done()
        released.set()
        await closing


async def test_a_datastore_is_closed_once_no_thread_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = threading.Event(), threading.Event()
    keys: list[asyncio.Task[Any]] = []
    used: list[SQLiteDatastore] = []
    connections_in_use: list[int] = []

    def slowly(self: SqliteKeyRing, owners: Any) -> Any:
        used.append(self._datastore)
        with self._datastore.transaction(commit=False):
            begun.set()
            assert released.wait(60)
        return {}

    close = SQLiteDatastore.close

    def noted(self: SQLiteDatastore) -> None:
        if self in used:  # those of earlier tests are closed when they are collected
            connections_in_use.append(self.pool.num_in_use)
        close(self)

    monkeypatch.setattr(SqliteKeyRing, "_find_now", slowly)
    monkeypatch.setattr(SQLiteDatastore, "close", noted)
    async with rostra_adapters.open(f"sqlite:{tmp_path / 'db'}") as app:
        keys.append(asyncio.create_task(app.ring.load([uuid4()])))
        assert await asyncio.to_thread(begun.wait, 60)
        keys[0].cancel()
        await asyncio.wait(keys)
        asyncio.get_running_loop().call_later(0.1, released.set)
    assert connections_in_use == [0]
