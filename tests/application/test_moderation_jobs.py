"""Bans that remove and nullify, ends of bans that restore, and flags that hold."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

import rostra_adapters
from rostra import ids
from rostra.deciding.handle import Commanded, Outcome
from rostra.deciding.stream_states import fold_stream
from rostra.person import Person
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs import bans
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.application.queries.inbox import Inboxes
from rostra_adapters.application.stream_state_reader import events_of
from rostra_projections.query_port import POSITION_MAX

KEY = b"m" * 32
SITE = "gazette"
PLACE = {"site": SITE, "resource": "/trams"}
BOB = ids.person_id(SITE, "bob")
PERSONS = ("ann", "bob", "cy", "dan", "eve", "mia")


class Moderated:
    """An App with its follower, and events that have unlike ids and times."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.follower = ModerationFollower(app)
        self.number = 0

    def event(self, kind: str, **data: Any) -> dict[str, Any]:
        self.number += 1
        named = {"site": SITE} if kind.startswith(("person.", "site.")) else PLACE
        return {
            "specversion": "1.0",
            "source": "urn:cms",
            "id": f"e{self.number}",
            "type": kind,
            "data": {**named, **data},
        }

    def comment(self, key: str, author: str = "bob", **data: Any) -> dict[str, Any]:
        who = {"id": author, "name": author.title()}
        return self.event("comment.posted", comment=key, author=who, body=key, **data)

    def vote(self, key: str, voter: str = "bob", value: int = 1) -> dict[str, Any]:
        return self.event("vote.cast", comment=key, voter=voter, value=value)

    def ban(self, **data: Any) -> dict[str, Any]:
        return self.event("person.banned", person="bob", by="mia", **data)

    def unban(self, **data: Any) -> dict[str, Any]:
        return self.event("person.unbanned", person="bob", by="mia", **data)

    async def do(self, *events: dict[str, Any]) -> list[Outcome]:
        outcomes = await self.app.publish(events)
        assert [each.status for each in outcomes] == ["recorded"] * len(events), outcomes
        return outcomes

    async def settle(self) -> None:
        """Let the follower handle everything, and the views read what it made."""
        await self.follower.catch_up()
        await self.app.wait(await self.app.head(), 60)

    async def shown(self) -> list[tuple[str, str, int]]:
        """Return key, status and score of each comment, in order of the site's latest."""
        await self.app.wait(await self.app.head(), 60)
        _, queued = await self.app.views.reads.queue(
            SITE, "recent", limit=1_000, after=POSITION_MAX
        )
        return [(str(one.row.key), one.row.status, one.row.score) for one in queued]

    async def everything(self) -> tuple[object, ...]:
        """Return what readers see: the list, its orders and the counts."""
        await self.app.wait(await self.app.head(), 60)
        seen: list[object] = [await self.shown()]
        for order in ("newest", "most_voted", "best", "controversial"):
            page = await self.app.comments(SITE, "/trams", order=order, flat=True, limit=100)
            assert page is not None
            seen.append([(str(one.id), one.status, one.up, one.down) for one in page.comments])
            seen.append(page.total)
        seen.append((await self.app.counts(SITE, ["/trams"])).counts)
        return tuple(seen)

    async def inboxes(self) -> dict[str, list[tuple[object, ...]]]:
        """Return the items of each person, but for those that tell of moderators' decisions.

        Each such item tells of an act, which happened although it was taken back.
        """
        await self.app.wait(await self.app.head(), 60)
        found = {}
        for person in PERSONS:
            page = await Inboxes(self.app).page(
                SITE, person, limit=1_000, cursor=None, unread_only=False
            )
            told = [item for item in page.items if item.reason == "moderation"]
            found[person] = [
                (item.position, item.reason, item.comment, item.read)
                for item in page.items
                if item.reason != "moderation"
            ]
            unread = page.unread - sum(not item.read for item in told)
            assert unread == sum(not read for *_, read in found[person])
        return found

    async def trust(self) -> dict[str, bool]:
        """Return the trust of each person by the log, which the view shows, too."""
        await self.app.wait(await self.app.head(), 60)
        streams = {name: ids.person_id(SITE, name) for name in PERSONS}
        rows = await self.app.log.read_streams(list(streams.values()))
        shown = await self.app.views.reads.persons(list(streams.values()))
        found = {}
        for name, stream in streams.items():
            state: Person = fold_stream(stream, events_of(rows[stream]))
            found[name] = state.trusted
            assert (stream in shown and shown[stream].trusted) == state.trusted
        return found

    async def state(self) -> tuple[object, ...]:
        """Return all that acts and their inverses leave as it was."""
        return await self.everything(), await self.inboxes(), await self.trust()


@pytest.fixture(params=["memory", "postgres"])
async def moderated(request: pytest.FixtureRequest) -> AsyncIterator[Moderated]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=KEY, moderate=False) as app:
        yield Moderated(app)


async def filled(moderated: Moderated) -> None:
    """Publish comments of two persons with votes."""
    await moderated.do(
        moderated.event("discussion.opened"),
        *(moderated.comment(f"b{number}") for number in range(5)),
        *(moderated.comment(f"a{number}", "ann") for number in range(3)),
        *(moderated.vote(f"a{number}", value=1 - 2 * (number % 2)) for number in range(3)),
        moderated.vote("b0", "ann"),
        moderated.vote("a0", "cy"),
    )


async def test_a_ban_removes_and_nullifies_and_its_end_restores(moderated: Moderated) -> None:
    await filled(moderated)
    before = await moderated.everything()
    await moderated.do(moderated.ban(comments="remove", votes="nullify", reason="ads"))
    await moderated.settle()
    shown = {key: (status, score) for key, status, score in await moderated.shown()}
    assert {shown[f"b{number}"][0] for number in range(5)} == {"removed"}
    assert [shown[f"a{number}"] for number in range(3)] == [
        ("published", 1),
        ("published", 0),
        ("published", 0),
    ]
    (job,) = await moderated.app.moderation_jobs.of_person(BOB)
    assert (job.stage, job.comments, job.comments_total, job.votes) == ("done", 5, 5, 3)
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    assert await moderated.everything() == before


async def test_only_what_the_ban_took_away_comes_back(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(
        moderated.event("comment.removed", comment="b0", by="mia"),
        moderated.event("comment.held", comment="b1", by="mia"),
        moderated.event("vote.nullified", comment="a0", voter="bob", by="mia", reason="bought"),
    )
    before = await moderated.everything()
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    await moderated.settle()
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    assert await moderated.everything() == before


async def test_what_moderators_decided_after_a_ban_stays(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove"))
    await moderated.settle()
    await moderated.do(
        moderated.event("comment.restored", comment="b0", by="mia"),
        moderated.event("comment.restored", comment="b1", by="mia"),
        moderated.event("comment.removed", comment="b1", by="mia"),
        {
            **moderated.event("comment.removed", comment="b2", by="bob"),
            "source": "rostra:persons",
        },
    )
    await moderated.app.moderation_jobs.advance(await moderated.app.log.log_id(), 0)
    again = ModerationFollower(moderated.app)
    await moderated.app.moderation_jobs.forget([BOB])
    await again.catch_up()  # a job that runs again changes nothing
    shown = {key: status for key, status, _ in await moderated.shown()}
    assert (shown["b0"], shown["b1"]) == ("published", "removed")
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    shown = {key: status for key, status, _ in await moderated.shown()}
    assert [shown[f"b{number}"] for number in range(5)] == [
        "published",
        "removed",
        "deleted",
        "published",
        "published",
    ]


async def test_comments_after_a_ban_are_not_removed(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove", votes="nullify"), moderated.unban())
    await moderated.do(moderated.comment("b9"), moderated.vote("a2"))
    await moderated.settle()
    shown = {key: (status, score) for key, status, score in await moderated.shown()}
    assert shown["b9"] == ("published", 0)
    assert shown["b0"][0] == "removed"


async def test_a_job_that_is_broken_off_goes_on(
    moderated: Moderated, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(moderated)
    before = await moderated.everything()
    monkeypatch.setattr(bans, "BATCH_ACTS_MAX", 2)
    submit, calls = moderated.app.submit, 0

    async def failing(commands: list[Commanded]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError
        return await submit(commands)

    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    monkeypatch.setattr(moderated.app, "submit", failing)
    with pytest.raises(ConnectionError):
        await moderated.follower.catch_up()
    (job,) = await moderated.app.moderation_jobs.of_person(BOB)
    assert (job.stage, job.comments, job.comments_total) == ("comments", 2, 5)
    await moderated.do(moderated.unban(restore=True))  # while the job is half done
    await ModerationFollower(moderated.app).catch_up()
    assert await moderated.everything() == before
    removed = [job.comments for job in await moderated.app.moderation_jobs.of_person(BOB)]
    assert removed == [2, 2]  # the rest was never removed


async def test_two_processes_at_once_make_each_event_once(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    head = await moderated.app.head()
    await moderated.follower.catch_up()
    assert await moderated.app.head() == head + 8
    await moderated.app.moderation_jobs.forget([BOB])
    await moderated.app.moderation_jobs.advance(await moderated.app.log.log_id(), 0)
    await ModerationFollower(moderated.app).catch_up()
    assert await moderated.app.head() == head + 8


async def test_an_erased_moderators_ban_is_carried_out(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(
        moderated.ban(comments="remove", reason="ads"),
        moderated.event("person.erased", person="mia"),
    )
    await moderated.settle()
    shown = {key: status for key, status, _ in await moderated.shown()}
    assert shown["b0"] == "removed"


async def test_many_flags_hold_a_comment(moderated: Moderated) -> None:
    await filled(moderated)

    def flag(person: str, key: str = "b0") -> dict[str, Any]:
        return moderated.event("comment.flagged", comment=key, by=person, reason="rude")

    async def status() -> str:
        await moderated.settle()
        return {key: status for key, status, _ in await moderated.shown()}["b0"]

    await moderated.do(flag("ann"), flag("bea"), flag("cy"))
    assert await status() == "published"  # off by default
    await moderated.do(
        moderated.event("site.configured", settings={"flags_to_hold": 4}),
        {**flag("guest:1"), "source": "rostra:persons"},
    )
    assert await status() == "published"
    await moderated.do(flag("dan"))
    assert await status() == "held"
    row = (await moderated.app.log.read_after(await moderated.app.head() - 1, 1))[0]
    assert row.topic == "comment.held"
    assert b'"rule":"flags"' in row.state
    await moderated.do(moderated.event("comment.approved", comment="b0", by="mia"))
    await moderated.app.moderation_jobs.advance(await moderated.app.log.log_id(), 0)
    assert await status() == "published"  # an approval settles the flags


async def filled_with_inboxes(moderated: Moderated) -> None:
    """Publish comments of several persons that reply to, mention and follow each other.

    Some wait for a moderator, of persons who are not trusted yet.
    """
    event = moderated.event
    await filled(moderated)
    await moderated.do(
        event("site.configured", settings={"moderation": "first"}),
        event("subscription.started", person="dan", to="comments"),
        event("passage.marked", passage="p1", exact="the trams", by="cy"),
        event("person.trusted", person="bob", by="mia"),
        moderated.comment("r0", parent="a0"),
        moderated.comment("r1", parent="a1", mentions=["cy", "ann"]),
        moderated.comment("p0", passage="p1"),
        moderated.comment("r2", "cy", parent="b0", status="held"),
        moderated.comment("r3", "eve", parent="b1", mentions=["ann"]),
        moderated.comment("e1", "eve"),
    )
    await moderated.app.wait(await moderated.app.head(), 60)
    log = await moderated.app.log.history()
    half = await moderated.app.head() - 3
    await moderated.app.read_marks.read_inbox(ids.person_id(SITE, "ann"), log, up_to=half)


_Act = tuple[str, dict[str, Any]]


def pairs(moderated: Moderated, random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an act of a moderator and its inverse."""
    top = {"comment": random.choice(["b0", "b1", "b2", "a0", "a1"]), "by": "mia"}
    shown = {**top, "comment": random.choice(["b0", "b1", "a0", "a1", "r0", "r1", "p0"])}
    held = {**top, "comment": random.choice(["r2", "r3", "e1"])}
    vote = {**top, "comment": random.choice(["a0", "a1", "a2"]), "voter": "bob", "reason": "x"}
    bob = {"person": "bob", "by": "mia"}
    eve = {"person": "eve", "by": "mia"}
    kinds: list[tuple[_Act, _Act]] = [
        (("comment.removed", shown), ("comment.restored", shown)),
        (("comment.removed", held), ("comment.restored", held)),
        (("comment.held", shown), ("comment.approved", shown)),
        (("comment.rejected", shown), ("comment.approved", shown)),
        (("comment.approved", held), ("comment.held", held)),
        (("comment.rejected", held), ("comment.held", held)),
        (("comment.pinned", top), ("comment.unpinned", top)),
        (("vote.nullified", vote), ("vote.restored", vote)),
        (("person.distrusted", bob), ("person.trusted", bob)),
        (
            ("person.banned", {**bob, "comments": "remove", "votes": "nullify"}),
            ("person.unbanned", {**bob, "restore": True}),
        ),
        (
            ("person.banned", {**bob, "votes": random.choice(["keep", "nullify"])}),
            ("person.unbanned", {**bob, "restore": True}),
        ),
        (
            ("person.banned", {**eve, "comments": "remove"}),
            ("person.unbanned", {**eve, "restore": True}),
        ),
    ]
    (kind, data), (inverse, data_of_inverse) = random.choice(kinds)
    return moderated.event(kind, **data), moderated.event(inverse, **data_of_inverse)


def _subjects(act: dict[str, Any]) -> set[tuple[str, str]]:
    """Return what an act changes: two on the same are no act and inverse of their own."""
    kind, data = act["type"], act["data"]
    match kind.split("."):
        case ["comment", "removed"]:
            return {("removed", data["comment"])}
        case ["comment", "pinned"]:
            return {("pinned", data["comment"])}
        case ["comment", _]:
            return {("status", data["comment"])}
        case ["vote", _]:
            return {("vote", data["comment"])}
        case ["person", "banned"]:
            return {("banned", data["person"])}
    return {("trust", data["person"])}


ROUNDS = 12


@pytest.mark.parametrize(
    "seed", [25, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8))]
)
async def test_acts_and_their_inverses_leave_everything_as_it_was(
    moderated: Moderated, seed: int
) -> None:
    """Inverses come in any order after their acts, and jobs run between any two acts."""
    random = Random(seed)
    await filled_with_inboxes(moderated)
    before = await moderated.state()
    for _ in range(ROUNDS):
        open_acts: list[dict[str, Any]] = []
        done: list[dict[str, Any]] = []
        busy: set[tuple[str, str]] = set()
        for _ in range(random.randrange(1, 8)):
            act, inverse = pairs(moderated, random)
            if busy & _subjects(act):
                continue  # its inverse would be that of the first
            busy |= _subjects(act)
            done.append(act)
            await moderated.app.publish([act])
            open_acts.append(inverse)
            if random.random() < 0.5:
                await moderated.follower.catch_up()
            while open_acts and random.random() < 0.3:
                await moderated.app.publish([open_acts.pop(random.randrange(len(open_acts)))])
        while open_acts:
            await moderated.app.publish([open_acts.pop(random.randrange(len(open_acts)))])
            if random.random() < 0.5:
                await moderated.follower.catch_up()
        await moderated.settle()
        kinds = [(one["type"], one["data"]) for one in done]
        assert await moderated.state() == before, kinds
    await moderated.app.rebuild()
    assert await moderated.state() == before
    assert await moderated.app.verify() == []


@pytest.mark.slow
async def test_a_ban_of_thousands_of_comments_is_taken_back(database_url: str) -> None:
    """Progress is shown in batches, and every comment comes back."""
    async with rostra_adapters.open(database_url, master_key=KEY, moderate=False) as app:
        moderated = Moderated(app)
        await filled(moderated)
        for start in range(0, COMMENTS_MANY, 500):
            await moderated.do(
                *(moderated.comment(f"many {number}") for number in range(start, start + 500))
            )
        counts = (await app.counts(SITE, ["/trams"])).counts
        await app.wait(await app.head(), 60)
        before = (await app.counts(SITE, ["/trams"])).counts
        assert before["/trams"] == COMMENTS_MANY + 8, counts
        await moderated.do(moderated.ban(comments="remove"))
        await moderated.settle()
        assert (await app.counts(SITE, ["/trams"])).counts == {"/trams": 3}
        (job,) = await app.moderation_jobs.of_person(BOB)
        assert (job.comments, job.comments_total) == (COMMENTS_MANY + 5, COMMENTS_MANY + 5)
        await moderated.do(moderated.unban(restore=True))
        await moderated.settle()
        assert (await app.counts(SITE, ["/trams"])).counts == before
        assert await app.verify() == []


COMMENTS_MANY = 5_000
