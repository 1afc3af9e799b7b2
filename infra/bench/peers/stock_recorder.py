"""The stock library's recorder, asked by many threads at a time."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from bench.votes import Ballot
from rostra.vote import VoteCast

THREADS = 32


@contextmanager
def recorder(url: str) -> Iterator[PostgresApplicationRecorder]:
    """Yield a recorder on a database of its own."""
    named = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    datastore = PostgresDatastore(
        dbname=named["dbname"],
        host=named["host"],
        port=named.get("port", ""),
        user=named["user"],
        password=named.get("password", ""),
        pool_size=THREADS,
    )
    with datastore:
        made = PostgresApplicationRecorder(datastore)
        made.create_table()
        yield made


def rate(recorder: PostgresApplicationRecorder, ballots: Sequence[Ballot]) -> float:
    """Events a second, each inserted by itself."""
    events = [StoredEvent(b.stream, 1, VoteCast.topic, b.state()) for b in ballots]
    shares = [events[number::THREADS] for number in range(THREADS)]

    def insert(share: Sequence[StoredEvent]) -> None:
        for event in share:
            recorder.insert_events([event])

    with ThreadPoolExecutor(THREADS) as threads:
        began = time.perf_counter()
        list(threads.map(insert, shares))
        return len(events) / (time.perf_counter() - began)
