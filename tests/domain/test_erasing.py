"""Erasing a person: their key goes first, then it is said, and nothing more is taken of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from rostra import codec
from rostra.deciding.handle import Commanded, Outcome, handle
from rostra.log import NewEvents, Recorded
from rostra.sealing import NEVER, Erased, associated_data
from support.examples import SITE, at, comment, person
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing

PLACE = {"site": SITE, "resource": "/trams"}


def event(kind: str, name: str = "e1", minute: int = 30, **data: Any) -> Commanded:
    envelope = {"type": kind, "source": "urn:cms", "id": name, "time": at(minute)}
    return commanded({**envelope, "data": {**PLACE, **data}})


def about(kind: str, name: str, who: str = "ann") -> Commanded:
    envelope = {"type": f"person.{kind}", "source": "urn:cms", "id": name, "time": at(30)}
    return commanded({**envelope, "data": {"site": SITE, "person": who}})


def posting(key: str, *, author: str = "ann", body: str = "Yes.", **data: Any) -> Commanded:
    who = {"id": author, "name": author.title()}
    return event("comment.posted", key, comment=key, author=who, body=body, **data)


OPEN = event("discussion.opened", "open")
POST = posting("c1")
ERASE, RETURN = about("erased", "erase"), about("returned", "return")


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [it.refusal.name if it.refusal else it.status for it in outcomes]


async def body_of(ring: MemoryRing, row: Recorded, owner: UUID | None = None) -> str | None:
    """What a row of the log says, None where that is erased."""
    owner = person("ann") if owner is None else owner
    await ring.load([owner])
    said: Any = codec.decode(row.topic, row.state)
    assert row.event_id is not None
    place = associated_data(row.stream, row.topic, row.event_id, codec.PERSONAL)
    try:
        return codec.open_words(said.personal, ring, owner, place).body
    except Erased:
        return None


async def test_the_words_of_who_is_erased_are_gone_and_those_of_others_stay() -> None:
    log, ring = MemoryLog(), MemoryRing()
    edit = event("comment.edited", "edit", comment="c1", body="No.", by="mia")
    outcomes = await handle(log, ring, [OPEN, POST, edit, posting("c2", author="bob"), ERASE])
    assert statuses(outcomes) == ["recorded"] * 5
    assert outcomes[4].id == person("ann")
    row = log.rows[4]
    assert (row.topic, row.stream) == ("person.erased", person("ann"))
    assert [await body_of(ring, row) for row in log.rows[1:3]] == [None, None]
    assert await body_of(ring, log.rows[3], person("bob")) == "Yes."


ACTS = {
    "posts": posting("c9"),
    "replies": posting("c9", parent="b1"),
    "votes": event("vote.cast", comment="b1", voter="ann", value=1),
    "flags": event("comment.flagged", comment="b1", by="ann", reason="spam"),
    "edits": event("comment.edited", comment="b1", body="x", by="ann"),
    "removes": event("comment.removed", comment="b1", by="ann"),
    "closes": event("discussion.closed", by="ann"),
    "is edited": event("comment.edited", comment="c1", body="x", by="mia"),
}


@pytest.mark.parametrize("what", ACTS)
async def test_who_is_erased_does_nothing_until_they_return(what: str) -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST, posting("b1", author="bob"), ERASE])
    assert statuses(await handle(log, ring, [ACTS[what]])) == ["person-erased"]
    assert person("ann") not in ring.keys
    returned, again = await handle(log, ring, [RETURN, ACTS[what]])
    assert returned.status == "recorded"
    assert statuses([again]) == ["comment-erased" if what == "is edited" else "recorded"]


async def test_others_still_vote_on_and_moderate_what_they_wrote() -> None:
    log, ring = MemoryLog(), MemoryRing()
    held = posting("h1", status="held")
    await handle(log, ring, [OPEN, POST, held, posting("b1", author="bob"), ERASE])
    acts = [
        event("vote.cast", "v", comment="c1", voter="bob", value=1),
        event("comment.flagged", "f", comment="c1", by="bob", reason="spam"),
        event("comment.approved", "a", comment="h1", by="mia"),
        event("comment.removed", "r", comment="c1", by="mia", reason="spam"),
        posting("b2", author="bob", parent="h1"),
    ]
    assert statuses(await handle(log, ring, acts)) == ["recorded"] * 5
    assert person("ann") not in ring.keys


async def test_an_id_means_somebody_within_one_site_only() -> None:
    log, ring = MemoryLog(), MemoryRing()
    elsewhere = event("discussion.opened", "o", site="herald")
    outcomes = await handle(log, ring, [ERASE, elsewhere, posting("c1", site="herald")])
    assert statuses(outcomes) == ["recorded"] * 3


async def test_who_returns_has_a_new_key_and_old_words_stay_erased() -> None:
    log, ring = MemoryLog(), MemoryRing()
    batch = [OPEN, POST, ERASE, posting("x"), RETURN, posting("c2"), about("returned", "again")]
    outcomes = await handle(log, ring, batch)
    assert statuses(outcomes) == [
        *["recorded"] * 3,
        "person-erased",
        *["recorded"] * 2,
        "unchanged",
    ]
    assert [await body_of(ring, log.rows[index]) for index in (1, 4)] == [None, "Yes."]
    await handle(log, ring, [about("erased", "second")])
    assert [await body_of(ring, log.rows[index]) for index in (1, 4)] == [None, None]


async def test_erased_again_they_stay_erased_and_nothing_is_recorded() -> None:
    log, ring = MemoryLog(), MemoryRing()
    again = await handle(log, ring, [OPEN, POST, ERASE, ERASE, about("erased", "other")])
    assert statuses(again) == [*["recorded"] * 3, "duplicate", "unchanged"]
    assert again[3].position == again[2].position == 3
    assert len(log.rows) == 3


async def test_who_returned_is_not_erased_by_the_same_event_told_again() -> None:
    log, ring = MemoryLog(), MemoryRing()
    await handle(log, ring, [OPEN, POST, ERASE, RETURN, posting("c2")])
    assert statuses(await handle(log, ring, [ERASE, RETURN])) == ["duplicate"] * 2
    assert await body_of(ring, log.rows[4]) == "Yes."


async def test_who_was_never_heard_of_can_be_erased() -> None:
    log, ring = MemoryLog(), MemoryRing()
    assert statuses(await handle(log, ring, [about("returned", "r")])) == ["unchanged"]
    assert statuses(await handle(log, ring, [ERASE, OPEN, POST])) == [
        "recorded",
        "recorded",
        "person-erased",
    ]


# -- broken off, and at once


class Failing(MemoryLog):
    """A log that goes away when somebody is to be erased."""

    failing = True

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        topics = set(events.topics)
        if self.failing and "person.erased" in topics:
            raise ConnectionError
        return await super().append(events)


async def test_broken_off_before_the_event_the_words_are_gone_and_again_completes_it() -> None:
    log, ring = Failing(), MemoryRing()
    await handle(log, ring, [OPEN, POST])
    with pytest.raises(ConnectionError):
        await handle(log, ring, [ERASE])
    assert await body_of(ring, log.rows[1]) is None
    assert statuses(await handle(log, ring, [posting("c2")])) == ["person-erased"]
    assert statuses(await handle(log, ring, [posting("b", author="bob")])) == ["recorded"]
    log.failing = False
    assert statuses(await handle(log, ring, [ERASE, posting("c2")])) == [
        "recorded",
        "person-erased",
    ]
    assert statuses(await handle(log, ring, [RETURN, posting("c2")])) == ["recorded"] * 2


class Meanwhile(MemoryLog):
    """A log in which others handle commands right before our groups come in."""

    def __init__(self, ring: MemoryRing) -> None:
        super().__init__()
        self._ring = ring
        self.others: list[Commanded] = []

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        if self.others:
            between, self.others = self.others, []
            theirs = MemoryLog()
            theirs.rows, theirs._streams = self.rows, self._streams
            await handle(theirs, self._ring, between)
        return await super().append(events)


async def test_what_was_being_decided_while_its_author_is_erased_is_refused() -> None:
    ring = MemoryRing()
    log = Meanwhile(ring)
    await handle(log, ring, [OPEN, posting("b0", author="bob")])
    log.others = [ERASE]
    vote = event("vote.cast", comment="b0", voter="ann", value=1)
    outcomes = await handle(log, ring, [posting("c2"), vote, posting("b1", author="bob")])
    assert statuses(outcomes) == ["person-erased", "person-erased", "recorded"]
    assert person("ann") not in ring.keys


async def test_what_is_written_between_the_key_and_the_event_is_refused() -> None:
    ring = MemoryRing()
    log = Meanwhile(ring)
    await handle(log, ring, [OPEN])
    log.others = [posting("c2"), posting("b1", author="bob")]
    assert statuses(await handle(log, ring, [ERASE])) == ["recorded"]
    assert [row.topic for row in log.rows[1:]] == ["comment.posted", "person.erased"]
    assert log.rows[1].stream == comment("b1")
    assert person("ann") not in ring.keys


class Slow(MemoryRing):
    """A ring that is asked for a key, and gives it after others had their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog()
        self.others: list[Commanded] = []

    async def make(
        self, owners: Collection[UUID], erasures: Mapping[UUID, int] = NEVER
    ) -> frozenset[UUID]:
        made = await super().make(owners, erasures)
        if self.others and owners:
            between, self.others = self.others, []
            await handle(self.log, self, between)
            self._loaded.update(owners)  # in hand before it was destroyed
            self.keys.update(dict.fromkeys(owners, 0))
        return made


async def test_words_sealed_with_a_key_that_goes_meanwhile_do_not_come_in() -> None:
    ring = Slow()
    await handle(ring.log, ring, [OPEN])
    ring.others = [ERASE]
    (outcome,) = await handle(ring.log, ring, [POST])
    assert statuses([outcome]) == ["person-erased"]
    assert [row.topic for row in ring.log.rows] == ["discussion.opened", "person.erased"]


# -- what another Rostra has erased


async def test_words_that_were_erased_elsewhere_come_as_such() -> None:
    log, ring = MemoryLog(), MemoryRing()
    gone = [
        event("comment.posted", "p", comment="c1", author={"id": "ann"}, erased=True),
        event("comment.edited", "e", comment="c1", erased=True),
        event("comment.flagged", "f", comment="c1", by="bob", erased=True),
        event("comment.removed", "r", comment="c1", by="mia", erased=True),
        event("comment.restored", "s", comment="c1", by="mia"),
        event("comment.edited", "n", comment="c1", body="New.", by="mia"),
    ]
    outcomes = await handle(log, ring, [OPEN, *gone])
    assert statuses(outcomes) == [*["recorded"] * 6, "comment-erased"]
    assert all(b"personal" not in row.state for row in log.rows)
    assert not ring.keys


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("comment.posted", {"author": {"id": "ann", "name": "Ann"}, "erased": True}),
        ("comment.posted", {"author": {"id": "ann"}, "body": "b", "erased": True}),
        ("comment.posted", {"author": {"id": "ann", "name": "Ann"}}),
        ("comment.posted", {"author": {"id": "ann"}, "body": "b"}),
        ("comment.edited", {"comment": "c1"}),
        ("comment.edited", {"comment": "c1", "body": "b", "erased": True}),
        ("comment.flagged", {"comment": "c1", "by": "bob"}),
        ("comment.flagged", {"comment": "c1", "by": "bob", "reason": "r", "erased": True}),
        ("comment.removed", {"comment": "c1", "reason": "r", "erased": True}),
        ("discussion.closed", {"reason": "r", "erased": True}),
        ("vote.nullified", {"comment": "c1", "voter": "bob", "by": "mia"}),
    ],
)
def test_words_are_there_or_are_erased(kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        event(kind, **data)
