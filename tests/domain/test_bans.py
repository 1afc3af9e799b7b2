"""Bans and trust of persons."""

from collections.abc import Sequence
from typing import Any

import pytest

from rostra import ids
from rostra.deciding.handle import Commanded, handle
from rostra.log import NewEvents
from support.examples import SITE, at
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing
from support.published import OPEN, POST, event, posting, statuses, voting


def about(kind: str, name: str, minute: int, /, **data: Any) -> Commanded:
    """An event about Bob."""
    envelope = {"type": kind, "source": "urn:cms", "id": name, "time": at(minute)}
    given = {"site": SITE, "person": "bob", "by": "mia", **data}
    return commanded({**envelope, "data": given})


def acts_of_bob(name: str, minute: int) -> list[Commanded]:
    """Return a comment, a vote, a flag, an edit and a mark of Bob."""
    return [
        event(
            "comment.posted",
            f"{name} post",
            minute,
            comment=f"{name} c",
            author={"id": "bob", "name": "Bob"},
            body="Yes.",
        ),
        voting(1, f"{name} vote", minute),
        event("comment.flagged", f"{name} flag", minute, comment="c1", by="bob", reason="rude"),
        event("comment.edited", f"{name} edit", minute, comment="b1", body=f"{name}!"),
        event("passage.marked", f"{name} mark", minute, passage=name, exact="a word", by="bob"),
    ]


BOBS = posting("b1", "b1", author="bob")
GIVEN = [OPEN, POST, BOBS]
BANNED = ["person-banned"] * 5
RECORDED = ["recorded"] * 5


async def test_a_banned_person_does_not_write() -> None:
    outcomes = await handle(
        MemoryLog(),
        MemoryRing(),
        [*GIVEN, about("person.banned", "ban", 31), *acts_of_bob("x", 32)],
    )
    assert statuses(outcomes) == ["recorded"] * 4 + BANNED
    assert outcomes[-1].refusal is not None
    assert outcomes[-1].refusal.until is None


async def test_a_ban_ends_with_its_term() -> None:
    ban = about("person.banned", "ban", 31, until=at(40))
    outcomes = await handle(
        MemoryLog(), MemoryRing(), [*GIVEN, ban, *acts_of_bob("x", 39), *acts_of_bob("y", 40)]
    )
    assert statuses(outcomes) == ["recorded"] * 4 + BANNED + RECORDED
    assert outcomes[4].refusal is not None
    assert outcomes[4].refusal.until == at(40)


async def test_who_is_no_longer_banned_writes_again() -> None:
    acts = [about("person.banned", "ban", 31), about("person.unbanned", "end", 32)]
    outcomes = await handle(MemoryLog(), MemoryRing(), [*GIVEN, *acts, *acts_of_bob("x", 33)])
    assert statuses(outcomes) == ["recorded"] * 5 + RECORDED


async def test_a_ban_of_the_author_leaves_moderators_and_others_free() -> None:
    acts = [
        about("person.banned", "ban", 31),
        event("comment.edited", "edit", 32, comment="b1", body="Shorter.", by="mia"),
        event("comment.removed", "own", 33, comment="b1", by="bob"),
        voting(1, "v", 34, voter="cy"),
    ]
    assert statuses(await handle(MemoryLog(), MemoryRing(), [*GIVEN, *acts])) == ["recorded"] * 7


async def test_the_latest_act_on_a_ban_wins() -> None:
    acts = [
        about("person.banned", "1", 31),
        about("person.banned", "2", 33),
        about("person.banned", "3", 33, until=at(50)),
        about("person.unbanned", "4", 32),
        about("person.unbanned", "5", 34),
        about("person.unbanned", "6", 35),
        about("person.banned", "7", 33),
        about("person.banned", "1", 31),
        about("person.banned", "1", 31, comments="remove"),
    ]
    assert statuses(await handle(MemoryLog(), MemoryRing(), acts)) == [
        "recorded",
        "unchanged",
        "recorded",
        "unchanged",
        "recorded",
        "unchanged",
        "unchanged",
        "duplicate",
        "different-content",
    ]


class InterruptedLog(MemoryLog):
    """Log in which another command is handled between a decision and its append."""

    def __init__(self, ring: MemoryRing) -> None:
        super().__init__()
        self.meanwhile: Commanded | None = None
        self._ring = ring

    async def append(self, events: NewEvents) -> Sequence[int | None]:
        command, self.meanwhile = self.meanwhile, None
        if command is not None:
            assert statuses(await handle(self, self._ring, [command])) == ["recorded"]
        return await super().append(events)


async def test_a_ban_while_a_comment_is_decided_refuses_the_comment() -> None:
    ring = MemoryRing()
    log = InterruptedLog(ring)
    await handle(log, ring, GIVEN)
    log.meanwhile = about("person.banned", "ban", 31)
    assert statuses(await handle(log, ring, acts_of_bob("x", 32))) == BANNED


@pytest.mark.parametrize("kept", ["keep", "remove"])
async def test_an_end_of_a_ban_has_to_be_a_time(kept: str) -> None:
    with pytest.raises(Exception, match="until"):
        about("person.banned", "ban", 31, until="tomorrow", comments=kept)


FIRST = commanded(
    {
        "type": "site.configured",
        "source": "urn:cms",
        "id": "first",
        "time": at(0),
        "data": {"site": SITE, "settings": {"moderation": "first"}},
    }
)


async def status_of(log: MemoryLog, key: str) -> str:
    """Return the status with which a comment was posted."""
    stream = ids.comment_id(ids.discussion_id(SITE, "/trams"), key)
    (row, *_) = (await log.read_streams([stream]))[stream]
    return "held" if b'"status":"held"' in row.state else "published"


async def test_trust_is_given_and_taken_back() -> None:
    log, ring = MemoryLog(), MemoryRing()

    async def post(key: str) -> str:
        assert statuses(await handle(log, ring, [posting(key, key, author="bob")])) == ["recorded"]
        return await status_of(log, key)

    await handle(log, ring, [FIRST, OPEN])
    assert await post("1") == "held"
    await handle(log, ring, [event("comment.approved", "a", 31, comment="1", by="mia")])
    assert await post("2") == "published"
    outcomes = await handle(
        log,
        ring,
        [about("person.distrusted", "d", 32), about("person.distrusted", "d2", 33)],
    )
    assert statuses(outcomes) == ["recorded", "unchanged"]
    assert await post("3") == "held"
    await handle(log, ring, [about("person.trusted", "t", 34)])
    assert await post("4") == "published"


async def test_an_approval_gives_trust_only_once() -> None:
    log, ring = MemoryLog(), MemoryRing()
    acts = [
        FIRST,
        OPEN,
        posting("1", "1", author="bob"),
        event("comment.approved", "a", 31, comment="1", by="mia"),
        about("person.distrusted", "d", 32),
        event("comment.held", "h", 33, comment="1", by="mia"),
        event("comment.approved", "a2", 34, comment="1", by="mia"),
        posting("2", "2", author="bob"),
    ]
    assert statuses(await handle(log, ring, acts)) == ["recorded"] * 8
    assert await status_of(log, "2") == "held"
