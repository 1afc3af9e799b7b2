"""Readers page through a long discussion while votes land, through a restart and a rebuild."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from support import model_ids
from support.running import Rostra, Service
from support.waiting import WAIT_SECONDS_MAX, block_until

COMMENTS, LIMIT = 1_000, 20
PAGES = COMMENTS // LIMIT
VOTES_A_SECOND, BATCHES_A_SECOND = 50, 10
VOTES_A_PAGE = 5
ORDERS = ("most_voted", "best", "hot")
PLACE = {"site": "gazette", "resource": "/trams"}
LIST = f"/v1/discussions/{model_ids.discussion(PLACE['site'], PLACE['resource'])}/comments"


def event(name: str, kind: str, **data: Any) -> dict[str, Any]:
    about = {"specversion": "1.0", "source": "urn:cms", "id": name, "type": kind}
    return {**about, "data": {**PLACE, **data}}


def vote(number: int, chance: Random) -> dict[str, Any]:
    """Some comments are voted on much more than others, so that they move far."""
    on = f"c{int(COMMENTS * chance.random() ** 2)}"
    value = chance.choice([1, 1, -1])
    return event(f"v{number}", "vote.cast", comment=on, voter=f"p{number}", value=value)


def conversation(chance: Random) -> list[dict[str, Any]]:
    author = {"id": "ann", "name": "Ann"}
    posted = [
        event(f"c{n}", "comment.posted", comment=f"c{n}", author=author, body="Yes.")
        for n in range(COMMENTS)
    ]
    return [event("o", "discussion.opened"), *posted, *(vote(n, chance) for n in range(2_000))]


class Votes:
    """Lands votes at a steady rate, whether or not somebody listens; `landed` are recorded."""

    def __init__(self, service: Service, token: str, chance: Random) -> None:
        self._url = f"{service.url}/v1/events"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        self._chance = chance
        self._numbers = count(10_000)
        self._stop = Event()
        self.landed = 0

    @contextmanager
    def landing(self) -> Iterator[None]:
        thread = Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / BATCHES_A_SECOND):
            each = range(VOTES_A_SECOND // BATCHES_A_SECOND)
            self._publish([vote(next(self._numbers), self._chance) for _ in each])

    def _publish(self, votes: Sequence[dict[str, Any]]) -> None:
        request = Request(self._url, json.dumps(votes).encode(), self._headers)
        try:
            with urlopen(request, timeout=WAIT_SECONDS_MAX) as answer:
                results = json.load(answer)["results"]
        except (URLError, ConnectionError):
            return
        self.landed += sum(result["status"] == "recorded" for result in results)


class Reader:
    """Follows `next` from the first page to the last."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._cursor: dict[str, str] = {}
        self.seen: list[str] = []
        self.pages = 0

    def read(self, service: Service) -> None:
        page = service.get(LIST, order=self._order, limit=LIMIT, replies=0, **self._cursor)
        self.seen += [comment["key"] for comment in page["comments"]]
        self.pages += 1
        assert (page["next"] is None) == (self.pages == PAGES)
        self._cursor = {"cursor": page["next"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_comment_is_seen_exactly_once(folder: Path) -> None:
    rostra, chance = Rostra(folder / "data"), Random(11)
    file = folder / "conversation.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in conversation(chance)))
    service = rostra.serve()
    assert rostra.publish(service, file)["rejected"] == 0
    head = service.head()
    before = service.get(LIST, order="most_voted", limit=100, min_position=head)["comments"]
    readers = [Reader(order) for order in ORDERS]
    votes = Votes(service, rostra.token(), chance)
    began = time.monotonic()
    with votes.landing():
        for number in range(PAGES):
            if number == PAGES // 3:
                assert service.stop() == 0
                service = rostra.serve(port=service.port)
            if number == 2 * PAGES // 3:
                assert rostra.must("rebuild").count("equal") >= 4
            for reader in readers:
                reader.read(service)
            landed = votes.landed
            block_until(lambda landed=landed: votes.landed >= landed + VOTES_A_PAGE)  # type: ignore[misc]
    after = service.get(LIST, order="most_voted", limit=100)["comments"]
    assert service.stop() == 0
    assert [each["key"] for each in before] != [each["key"] for each in after]
    assert votes.landed >= PAGES * VOTES_A_PAGE
    assert votes.landed / (time.monotonic() - began) <= VOTES_A_SECOND
    every = sorted(f"c{number}" for number in range(COMMENTS))
    for reader in readers:
        assert sorted(reader.seen) == every
    print(f"{votes.landed} votes in {time.monotonic() - began:.1f} s")  # noqa: T201  # with -rP
