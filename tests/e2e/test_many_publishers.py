"""A hundred publishers on two services that share one database.

What was recorded is read from the log itself, and judged by the independent model.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from support import model_ids
from support.crowd import DISCUSSIONS, SITE, SOURCE, Answered, Crowd
from support.effort import examples
from support.model import Model
from support.running import Rostra, Service, contiguous

pytestmark = pytest.mark.slow  # its publishers take ten seconds; quicker: tests/log, tests/views
SEED = 2
PUBLISHERS = 100
REQUESTS = max(6, examples(15))
LOG = """
select notification_id, originator_id, originator_version, topic,
    convert_from(state, 'utf8')::jsonb, metadata ->> 'source', metadata ->> 'id'
from stored_events order by notification_id"""
CONCLUDED = ("person.trusted", "article.marked")  # by Rostra itself, in another event's group


class Row(NamedTuple):
    """An event as the log has it."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: dict[str, Any]
    source: str
    name: str


class Afterwards(NamedTuple):
    """Both services still running, when all was published."""

    rostra: Rostra
    services: Sequence[Service]
    answered: list[Answered]
    log: list[Row]
    model: Model
    """What the log's events come to, one after another, each recorded in its turn."""


@pytest.fixture(scope="module")
def afterwards(shared_folder: Path) -> Iterator[Afterwards]:
    rostra = Rostra(shared_folder / "data")
    with rostra.serving() as one, rostra.serving() as other:
        crowd = Crowd([one.url, other.url], rostra.token(), seed=SEED)
        asyncio.run(crowd.publish(publishers=PUBLISHERS, requests=REQUESTS))
        log = [Row(*row) for row in rostra.rows(LOG)]
        yield Afterwards(rostra, (one, other), crowd.answered, log, replayed(rostra, log))


def replayed(rostra: Rostra, log: Sequence[Row]) -> Model:
    """Every event decided again, upon those before it: what was recorded could be."""
    model = Model()
    for act in rostra.export():
        assert model.apply(act) == "recorded", act
        assert model.first_position(act) == int(act["sequence"])
    assert model.position == len(log)
    return model


def test_much_happened_at_the_same_time(afterwards: Afterwards) -> None:
    became = Counter(it.status for it in afterwards.answered)
    assert set(became) == {"recorded", "duplicate", "unchanged", "rejected"}
    problems = {it.problem for it in afterwards.answered if it.status == "rejected"}
    assert problems >= {"comment-removed", "discussion-closed", "unknown-comment", "self-vote"}
    topics = Counter(row.topic for row in afterwards.log)
    assert min(topics[each] for each in ("discussion.closed", "comment.removed")) > 10


def test_positions_and_versions_are_contiguous(afterwards: Afterwards) -> None:
    assert contiguous([row.position for row in afterwards.log])
    versions = defaultdict(list)
    for row in afterwards.log:
        versions[row.stream].append(row.version)
    assert all(contiguous(each) for each in versions.values())


def test_every_recorded_event_is_in_the_log_once_where_it_was_answered(
    afterwards: Afterwards,
) -> None:
    told = {it.event["id"]: it for it in afterwards.answered if it.status == "recorded"}
    rows = {row.name: row for row in afterwards.log if row.topic not in CONCLUDED}
    assert len(rows) == sum(row.topic not in CONCLUDED for row in afterwards.log)
    assert told.keys() == rows.keys()
    for it in afterwards.answered:
        if it.status in ("recorded", "duplicate"):
            row = rows[it.event["id"]]
            assert row.position == it.result["position"]
            assert (str(row.stream), row.topic) == (it.result["id"], it.event["type"])
            assert (row.source, row.state["time"]) == (SOURCE, it.event["time"])


def test_an_event_was_answered_recorded_once(afterwards: Afterwards) -> None:
    times = Counter(it.event["id"] for it in afterwards.answered if it.status == "recorded")
    assert set(times.values()) == {1}


def test_what_had_been_recorded_before_it_was_sent_again_is_answered_duplicate(
    afterwards: Afterwards,
) -> None:
    at = {row.name: row.position for row in afterwards.log if row.topic not in CONCLUDED}
    again = [
        it
        for it in afterwards.answered
        if at.get(it.event["id"], it.head_before + 1) <= it.head_before
    ]
    assert len(again) > 100
    assert {it.status for it in again} == {"duplicate"}


def test_what_each_vote_was_before_is_what_stood(afterwards: Afterwards) -> None:
    standing: dict[UUID, int] = defaultdict(int)
    values: dict[UUID, int] = defaultdict(int)
    nullified: dict[UUID, bool] = defaultdict(bool)
    for row in afterwards.log:
        vote, state = row.stream, row.state
        match row.topic:
            case "vote.cast":
                values[vote] = state["value"]
            case "vote.nullified" | "vote.restored":
                nullified[vote] = row.topic == "vote.nullified"
            case _:
                continue
        assert state["was"] == standing[vote], row
        standing[vote] = 0 if nullified[vote] else values[vote]
        assert state["now"] == standing[vote], row


def test_nothing_was_recorded_after_the_removal_or_closing_that_forbids_it(
    afterwards: Afterwards,
) -> None:
    removed: set[UUID] = set()
    closed: set[int] = set()
    for row in afterwards.log:
        match row.topic:
            case "comment.removed":
                removed.add(row.stream)
            case "comment.restored":
                removed.remove(row.stream)
            case "discussion.closed":
                closed.add(_prefix(row.stream))
            case "discussion.reopened":
                closed.remove(_prefix(row.stream))
            case "vote.cast":
                assert UUID(row.state["comment"]) not in removed, row
            case "comment.posted":
                assert _prefix(row.stream) not in closed, row


def test_what_was_refused_was_so_at_the_time(afterwards: Afterwards) -> None:
    """Somewhere between the head told before it was sent and the one told in its answer."""
    removed = _spans(afterwards.log, "comment.removed", "comment.restored")
    closed = _spans(afterwards.log, "discussion.closed", "discussion.reopened")
    posted = {row.stream: row.position for row in afterwards.log if row.topic == "comment.posted"}
    looked_at: Counter[str] = Counter()
    for it in afterwards.answered:
        if it.status != "rejected" or "comment" not in (data := it.event["data"]):
            continue
        comment = model_ids.comment(SITE, data["resource"], data["comment"])
        match it.problem:
            case "comment-removed":
                spans = removed[comment]
            case "discussion-closed":
                spans = closed[model_ids.discussion(SITE, data["resource"])]
            case "unknown-comment":
                spans = [(0, posted.get(comment, len(afterwards.log) + 1))]
            case _:
                continue
        last = it.head_after or len(afterwards.log)
        assert any(begun <= last and ended > it.head_before for begun, ended in spans), it
        looked_at[it.problem] += 1
    assert min(looked_at.values()) > 10
    assert len(looked_at) == 3


def test_a_vote_that_changed_nothing_was_older_than_the_one_that_stood(
    afterwards: Afterwards,
) -> None:
    latest: dict[UUID, list[tuple[int, tuple[str, str, str]]]] = defaultdict(list)
    for row in afterwards.log:
        if row.topic == "vote.cast":
            order = (row.state["time"], row.state["source"], row.state["id"])
            latest[row.stream].append((row.position, order))
    for it in afterwards.answered:
        if it.status == "unchanged" and it.event["type"] == "vote.cast":
            until = it.head_after or len(afterwards.log)
            stood = [order for at, order in latest[UUID(it.result["id"])] if at <= until]
            assert (it.event["time"], it.event["source"], it.event["id"]) <= max(stood), it


@pytest.mark.parametrize("number", [0, 1])
def test_each_service_shows_what_the_model_says(afterwards: Afterwards, number: int) -> None:
    service, model = afterwards.services[number], afterwards.model
    fresh: dict[str, Any] = {"min_position": len(afterwards.log), "wait": 30}
    for resource in DISCUSSIONS:
        discussion = model_ids.discussion(SITE, resource)
        told = service.get("/v1/discussions", site=SITE, resource=resource, **fresh)
        right = model.totals(discussion)
        assert {field: told[field] for field in right} == _plain(right)
        shown: list[dict[str, Any]] = []
        for order in ("newest", "oldest", "most_voted"):
            shown = service.comments(discussion, order=order, flat="true", **fresh)
            listed = model.listing(discussion, order, flat=True)
            assert [it["id"] for it in shown] == [str(one) for one in listed]
            top = service.comments(discussion, order=order, **fresh)
            assert [it["id"] for it in top] == [
                str(one) for one in model.listing(discussion, order)
            ]
        for comment in shown:
            row = _plain(model.comment(UUID(comment["id"])))
            assert {field: comment[field] for field in row} == row
        passages = service.get(f"/v1/discussions/{discussion}/passages", **fresh)["passages"]
        for passage, marked in zip(passages, model.marked(discussion), strict=True):
            assert {field: passage[field] for field in marked} == _plain(marked)


def test_views_equal_a_fresh_fold_before_and_after_a_rebuild(afterwards: Afterwards) -> None:
    assert afterwards.rostra.must("verify") == ""
    rebuilt = afterwards.rostra.must("rebuild", "--jobs", "2").splitlines()
    assert all(line.endswith(", equal") for line in rebuilt), rebuilt
    assert afterwards.rostra.must("verify") == ""


def _prefix(stream: UUID) -> int:
    """What all streams of a discussion share: the first 48 bits of the design's section 3."""
    return stream.int >> 80


def _spans(log: Sequence[Row], begins: str, ends: str) -> dict[UUID, list[tuple[int, int]]]:
    """From which position to which something stood."""
    spans: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for row in log:
        if row.topic == begins:
            spans[row.stream].append((row.position, len(log) + 1))
        elif row.topic == ends:
            begun, _ = spans[row.stream].pop()
            spans[row.stream].append((begun, row.position))
    return spans


def _plain(row: dict[str, Any]) -> Any:
    """With ids as text, as JSON has them."""
    return json.loads(json.dumps(row, default=str))
