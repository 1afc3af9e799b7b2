"""Settings and labels of persons, and their subscriptions."""

from typing import Any

import msgspec

from rostra import codec, ids, person
from rostra.deciding.handle import Commanded, handle
from rostra.events import Words
from rostra.limits import PERSON_CHANGES_MAX, SUBSCRIPTION_CHANGES_MAX
from rostra.settings import NotifySettings
from support.examples import DISCUSSION, at
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing
from support.published import OPEN, POST, event, statuses

ANN = ids.person_id("gazette", "ann")
SUBSCRIPTION = ids.subscription_id(DISCUSSION, "ann")
LABELS = commanded(
    {
        "type": "site.configured",
        "source": "urn:cms",
        "id": "labels",
        "time": at(0),
        "data": {"site": "gazette", "settings": {"labels": ["Staff"]}},
    }
)


def about(kind: str, name: str, minute: int, /, **data: Any) -> Commanded:
    """An event about Ann herself."""
    envelope = {"type": kind, "source": "urn:cms", "id": name, "time": at(minute)}
    return commanded({**envelope, "data": {"site": "gazette", "person": "ann", **data}})


async def words_of(log: MemoryLog, ring: MemoryRing) -> Words:
    """Return Ann's settings as her latest event has them."""
    rows = (await log.read_streams([ANN]))[ANN]
    row = [each for each in rows if each.topic == "person.configured"][-1]
    found = codec.decode(row.topic, row.state)
    assert isinstance(found, person.PersonConfigured)
    assert isinstance(found.personal, bytes)
    assert row.event_id is not None
    await ring.load([ANN])
    return codec.open_words(
        found.personal, ring, ANN, codec.words_place(ANN, row.topic, row.event_id)
    )


async def test_settings_that_are_not_named_stay() -> None:
    log, ring = MemoryLog(), MemoryRing()
    first = about(
        "person.configured", "1", 1, name="Ann", email="ann at example", notify={"replies": "daily"}
    )
    second = about("person.configured", "2", 2, email=None, hour=7, notify={"mentions": "off"})
    assert statuses(await handle(log, ring, [first, second])) == ["recorded", "recorded"]
    notify = NotifySettings(replies="daily", mentions="off")
    assert await words_of(log, ring) == Words(name="Ann", hour=7, notify=notify)


async def test_no_setting_is_readable_in_the_log() -> None:
    log, ring = MemoryLog(), MemoryRing()
    secret = about(
        "person.configured", "1", 1, name="Annabel", email="ann at example", time_zone="Asia/Tokyo"
    )
    await handle(log, ring, [secret])
    (row,) = await log.read_after(0, 10)
    for word in (b"Annabel", b"example", b"Tokyo"):
        assert word not in row.state


async def test_the_same_settings_again_change_nothing() -> None:
    log, ring = MemoryLog(), MemoryRing()
    outcomes = await handle(
        log,
        ring,
        [
            about("person.configured", "1", 1, name="Ann"),
            about("person.configured", "2", 2, name="Ann"),
            about("person.configured", "1", 1, name="Ann"),
            about("person.configured", "3", 0, name="Anna"),
        ],
    )
    assert statuses(outcomes) == ["recorded", "unchanged", "duplicate", "unchanged"]


async def test_settings_of_an_erased_person_are_gone() -> None:
    log, ring = MemoryLog(), MemoryRing()
    outcomes = await handle(
        log,
        ring,
        [
            about("person.configured", "1", 1, name="Ann", email="ann at example"),
            about("person.erased", "2", 2),
            about("person.configured", "3", 3, name="Ann"),
            about("person.returned", "4", 4),
            about("person.configured", "5", 5, name="Ann"),
        ],
    )
    assert statuses(outcomes) == ["recorded", "recorded", "person-erased", "recorded", "recorded"]
    assert await words_of(log, ring) == Words(name="Ann")


async def test_settings_change_only_so_often() -> None:
    log, ring = MemoryLog(), MemoryRing()
    names = [
        about("person.configured", str(n), 1, name=f"Ann {n}")
        for n in range(PERSON_CHANGES_MAX + 1)
    ]
    outcomes = statuses(await handle(log, ring, names))
    assert outcomes == ["recorded"] * PERSON_CHANGES_MAX + ["too-many-changes"]
    acts = [
        about("person.configured", "some", 2, notify={"mentions": "off"}),
        about("person.configured", "all", 3, notify={"replies": "off", "subscriptions": "off"}),
        about("person.configured", "again", 4, notify={"replies": "off"}),
        about("person.configured", "on", 5, notify={"replies": "off", "mentions": "now"}),
        about("person.configured", "name", 6, name="Ann", notify={"replies": "off"}),
    ]
    refused = ["too-many-changes"] * 2
    outcomes = statuses(await handle(log, ring, acts))
    assert outcomes == ["recorded", "recorded", "unchanged", *refused]


async def test_a_label_is_one_of_the_site() -> None:
    log, ring = MemoryLog(), MemoryRing()
    staff = about("person.labelled", "1", 1, label="Staff", by="mia")
    assert statuses(await handle(log, ring, [staff])) == ["unknown-label"]
    outcomes = await handle(
        log,
        ring,
        [
            LABELS,
            staff,
            about("person.labelled", "2", 2, label="Staff", by="mia"),
            about("person.labelled", "3", 0, label=None, by="mia"),
            about("person.labelled", "4", 3, label=None, by="mia"),
        ],
    )
    expected = ["recorded", "recorded", "unchanged", "unchanged", "recorded"]
    assert statuses(outcomes) == expected


async def test_the_latest_act_on_a_subscription_wins() -> None:
    log, ring = MemoryLog(), MemoryRing()
    start = event("subscription.started", "1", 10, person="ann", to="replies")
    outcomes = await handle(
        log,
        ring,
        [
            start,
            OPEN,
            start,
            event("subscription.started", "2", 11, person="ann", to="replies"),
            event("subscription.ended", "3", 9, person="ann"),
            event("subscription.started", "4", 12, person="ann", to="comments"),
            event("subscription.started", "4", 12, person="ann", to="replies"),
            event("subscription.ended", "5", 13, person="ann"),
            event("subscription.ended", "6", 14, person="ann"),
        ],
    )
    assert statuses(outcomes) == [
        "unknown-discussion",
        "recorded",
        "recorded",
        "unchanged",
        "unchanged",
        "recorded",
        "different-content",
        "recorded",
        "unchanged",
    ]


async def test_a_subscription_changes_only_so_often_but_always_ends() -> None:
    log, ring = MemoryLog(), MemoryRing()
    turns = [OPEN]
    for number in range(SUBSCRIPTION_CHANGES_MAX + 1):
        to = "comments" if number % 2 else "replies"
        turns.append(event("subscription.started", str(number), 1, person="ann", to=to))
    turns.append(event("subscription.ended", "end", 2, person="ann"))
    outcomes = statuses(await handle(log, ring, turns))
    assert outcomes[1:-2] == ["recorded"] * SUBSCRIPTION_CHANGES_MAX
    assert outcomes[-2:] == ["too-many-changes", "recorded"]


async def test_mentions_are_in_the_comment() -> None:
    log, ring = MemoryLog(), MemoryRing()
    mentioning = msgspec.structs.replace(
        POST, command=msgspec.structs.replace(POST.command, mentions=("bob",))
    )
    await handle(log, ring, [OPEN, mentioning])
    rows = await log.read_after(0, 10)
    posted = [codec.decode(row.topic, row.state) for row in rows if row.topic == "comment.posted"]
    assert [each.mentions for each in posted] == [("bob",)]  # type: ignore[union-attr]
