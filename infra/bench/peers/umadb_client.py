"""Appends events to an UmaDB, each by itself and each on the condition that nothing is tagged
as it is yet: a vote whose stream must be new. Prints the events a second.

    python umadb_client.py URL EVENTS CLIENTS

EVENTS is a file of lines `tag<tab>payload`. It runs where UmaDB is installed, and is no module of
the benches.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from umadb import AppendCondition, Client, Event, Query, QueryItem


def main(url: str, events: str, clients: str) -> None:
    lines = [line.split("\t", 1) for line in Path(events).read_text().splitlines()]
    shares = [lines[number :: int(clients)] for number in range(int(clients))]
    connected = [Client(url) for _ in shares]

    def append(client: Client, share: list[list[str]]) -> None:
        for tag, payload in share:
            never = AppendCondition(Query(items=[QueryItem(tags=[tag])]), after=None)
            client.append([Event("vote.cast", payload.encode(), tags=[tag])], condition=never)

    with ThreadPoolExecutor(len(shares)) as threads:
        began = time.perf_counter()
        list(threads.map(append, connected, shares))
        print(len(lines) / (time.perf_counter() - began))


if __name__ == "__main__":
    main(*sys.argv[1:])
