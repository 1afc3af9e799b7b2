"""Real conversations, published to a running service: readers see exactly the right tallies.

With ROSTRA_TEST_LARGE set, both conversations go through every order and batch.
Data was gathered using the Polis software (see the folder's README), CC BY 4.0.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rostra import ids
from support.cases import first_is_quick
from support.running import PROJECT, Rostra, Service, contiguous, counts, ended
from support.waiting import block_until

CONVERT = PROJECT / "infra/polis/convert.py"
SMALL = "15-per-hour-seattle"
LARGE = "scoop-hivemind.biodiversity"
SITE = "polis"
NAMES = {1: "agree", -1: "disagree", 0: "pass"}
ORDERS = ("time", "file", "reverse", "shuffled", "backwards")

large_too = pytest.mark.skipif(
    "ROSTRA_TEST_LARGE" not in os.environ, reason="takes minutes: set ROSTRA_TEST_LARGE"
)

ONE_BY_ONE = 500

Tallies = dict[str, dict[str, int]]

_numbers = count(1)


class Conversation:
    """A conversation of the test data under a name of its own, as a file of events."""

    def __init__(self, test_data: Path, which: str, folder: Path, order: str) -> None:
        source = test_data / "polis" / which
        self.right: Tallies = json.loads((source / "tally_last_vote_wins.json").read_text())
        self.resource = f"{which}-{next(_numbers)}"
        self.discussion = ids.discussion_id(SITE, self.resource)
        copy = shutil.copytree(source, folder / self.resource)
        options = ["--order", "time" if order == "backwards" else order, "--seed", "5"]
        told = subprocess.run(
            [sys.executable, CONVERT, copy, *options], check=True, stdout=subprocess.PIPE
        )
        lines = told.stdout.splitlines(keepends=True)
        if order == "backwards":  # votes come before their comments, the opening is the last
            lines.reverse()
        self.events = len(lines)
        self.file = folder / f"{self.resource}.ndjson"
        self.file.write_bytes(b"".join(lines))

    def assert_right(self, service: Service, token: str) -> None:
        """What readers count, and in the feed what each voter's last recorded vote says."""
        head = service.head()
        shown = service.comments(self.discussion, flat="true", min_position=head)
        assert {it["key"]: (it["up"], it["down"], it["score"]) for it in shown} == {
            key: (it["agree"], it["disagree"], it["agree"] - it["disagree"])
            for key, it in self.right.items()
        }
        assert self._fed(service, token, head) == self.right

    def _fed(self, service: Service, token: str, head: int) -> Tallies:
        votes: dict[str, dict[str, int]] = defaultdict(dict)
        wanted = {"site": SITE, "resource": self.resource, "type": "vote.cast", "limit": 5_000}
        after = 0
        while after < head:  # of a page the filter may have taken all away
            answer = service.ask("/v1/events", token=token, after=after, **wanted)
            for event in answer.json:
                data = event["data"]
                votes[data["comment"]][data["voter"]] = data["value"]
            after = int(answer.headers["Rostra-Position"])
        tallied = {key: Counter(votes[key].values()) for key in self.right}
        return {
            key: {name: it[value] for value, name in NAMES.items()} for key, it in tallied.items()
        }


@pytest.fixture(scope="module")
def shared(shared_folder: Path) -> Rostra:
    return Rostra(shared_folder / "data")


@pytest.fixture(scope="module")
def service(shared: Rostra) -> Iterator[Service]:
    with shared.serving() as it:
        yield it


@pytest.fixture(scope="module")
def token(shared: Rostra, service: Service) -> str:
    return shared.token()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "batch"),
    first_is_quick(
        [
            ("backwards", 1_000),
            ("time", 10_000),
            ("file", 100),
            ("reverse", 10_000),
            ("shuffled", 100),
        ]
    ),
)
def test_in_any_order_and_in_batches_of_any_size_the_tallies_are_right(
    test_data: Path,
    folder: Path,
    shared: Rostra,
    service: Service,
    token: str,
    order: str,
    batch: int,
) -> None:
    conversation = Conversation(test_data, SMALL, folder, order)
    became = shared.publish(service, conversation.file, "--batch", batch)
    assert became["rejected"] == became["duplicate"] == 0
    assert became["recorded"] + became["unchanged"] == conversation.events
    conversation.assert_right(service, token)


def test_its_beginning_one_by_one_and_then_the_whole_is_the_same(
    test_data: Path, folder: Path, shared: Rostra, service: Service, token: str
) -> None:
    conversation = Conversation(test_data, SMALL, folder, "shuffled")
    beginning = folder / "beginning.ndjson"
    lines = conversation.file.read_bytes().splitlines(keepends=True)[:ONE_BY_ONE]
    beginning.write_bytes(b"".join(lines))
    first = shared.publish(service, beginning, "--batch", 1)
    assert first["recorded"] + first["unchanged"] == ONE_BY_ONE
    whole = shared.publish(service, conversation.file)
    assert whole["duplicate"] == first["recorded"]
    conversation.assert_right(service, token)


@pytest.mark.slow
def test_published_twice_the_tallies_and_the_log_stay_as_they_are(
    test_data: Path, folder: Path, shared: Rostra, service: Service, token: str
) -> None:
    conversation = Conversation(test_data, SMALL, folder, "shuffled")
    first = shared.publish(service, conversation.file, "--batch", 100)
    head = service.head()
    again = shared.publish(service, conversation.file, "--batch", 10_000)
    assert first["unchanged"] > 0
    assert again == {**first, "recorded": 0, "duplicate": first["recorded"]}
    assert service.head() == head
    conversation.assert_right(service, token)


@large_too
@pytest.mark.timeout(600)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("which", "batch"), [(SMALL, 1), (SMALL, 100), (SMALL, 10_000), (LARGE, 100), (LARGE, 10_000)]
)
def test_so_it_is_in_every_order_with_every_batch(
    test_data: Path, folder: Path, rostra: Rostra, which: str, order: str, batch: int
) -> None:
    conversation = Conversation(test_data, which, folder, order)
    with rostra.serving() as service:
        for _ in range(2):
            rostra.publish(service, conversation.file, "--batch", batch)
            conversation.assert_right(service, rostra.token())
        assert all(line.endswith(", equal") for line in rostra.must("rebuild").splitlines())
        conversation.assert_right(service, rostra.token())
        rostra.must("verify")


@pytest.mark.slow
def test_the_service_and_postgresql_killed_amid_publishing_lose_nothing_that_was_answered(
    test_data: Path, folder: Path, rostra: Rostra
) -> None:
    conversation = Conversation(test_data, LARGE, folder, "shuffled")
    with ExitStack() as stack:
        service = stack.enter_context(rostra.serving())
        reached = random.Random(6).randrange(3_000, 12_000)
        command = ["publish", conversation.file, "--url", service.url, "--batch", 500]
        publishing = stack.enter_context(rostra.started(*command))
        block_until(lambda: _head(rostra) > reached)
        rostra.kill_postgres()
        service.kill()
        assert publishing.poll() is None

        service = stack.enter_context(rostra.serving(port=service.port))
        went_on = ended(publishing)  # it kept asking for as long as nobody answered
        assert went_on.code == 0, went_on
        became = counts(went_on.out)
        assert became["rejected"] == 0
        assert became["recorded"] + became["duplicate"] + became["unchanged"] == conversation.events

        again = rostra.publish(service, conversation.file)
        assert again["recorded"] == again["rejected"] == 0
        conversation.assert_right(service, rostra.token())
        positions = "select notification_id from stored_events order by 1"
        assert contiguous([row[0] for row in rostra.rows(positions)])
        assert all(line.endswith(", equal") for line in rostra.must("rebuild").splitlines())
        conversation.assert_right(service, rostra.token())
        rostra.must("verify")


@pytest.mark.slow
def test_the_demo_prints_the_five_most_voted(test_data: Path) -> None:
    demo = PROJECT / "infra/polis/demo.py"
    environment = {name: it for name, it in os.environ.items() if not name.startswith("ROSTRA_")}
    told = subprocess.run(
        [sys.executable, demo, test_data / "polis" / SMALL],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    right = json.loads((test_data / "polis" / SMALL / "tally_last_vote_wins.json").read_text())
    tallies = [(it["agree"] - it["disagree"], it["agree"], it["disagree"]) for it in right.values()]
    shown = re.findall(r"^\d\. ([+-]\d+) +\((\d+) for, (\d+) against\)$", told.stdout, re.MULTILINE)
    assert [int(score) for score, *_ in shown] == sorted((it[0] for it in tallies), reverse=True)[
        :5
    ]
    assert {tuple(map(int, it)) for it in shown} <= set(tallies)


def _head(rostra: Rostra) -> int:
    head: Any = rostra.rows("select coalesce(max(notification_id), 0) from stored_events")[0][0]
    return int(head)
