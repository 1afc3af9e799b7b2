"""Bans that remove and nullify, ends of bans that restore, and flags that hold."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

import rostra_adapters
from rostra import ids
from rostra.deciding.handle import Commanded, Outcome
from rostra.limits import DAY_SECONDS
from rostra.times import later
from rostra_adapters.application.moderation_jobs import bans
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.clock import now
from support.checkpoints import follow_another_log
from support.moderated import BOB, SITE, Moderated, filled

KEY = b"m" * 32


@pytest.fixture(params=["memory", "postgres"])
async def moderated(request: pytest.FixtureRequest) -> AsyncIterator[Moderated]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=KEY, moderate=False) as app:
        yield Moderated(app)


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
    await follow_another_log(moderated.app.moderation_jobs)
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
    await follow_another_log(moderated.app.moderation_jobs)
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
    await follow_another_log(moderated.app.moderation_jobs)
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


@pytest.mark.parametrize(
    ("days_ago", "term_days", "ends_in_days"), [(20, None, 10), (20, 25, 5), (40, None, None)]
)
async def test_addresses_are_banned_for_thirty_days_from_the_ban_on(
    moderated: Moderated,
    monkeypatch: pytest.MonkeyPatch,
    days_ago: int,
    term_days: int | None,
    ends_in_days: int | None,
) -> None:
    """Also where the log is handled again from its start, as after a restore."""
    ends: list[str] = []

    async def ban_guest(_site: str, _guest: str, until: str) -> None:
        ends.append(until)

    monkeypatch.setattr(moderated.app.operational, "ban_guest", ban_guest)
    banned_at = later(now(), -days_ago * DAY_SECONDS)
    event = moderated.event("person.banned", person="guest:gus", by="mia")
    if term_days is not None:
        event["data"]["until"] = later(banned_at, term_days * DAY_SECONDS)
    await moderated.do({**event, "time": banned_at})
    await moderated.settle()
    await follow_another_log(moderated.app.moderation_jobs)
    await moderated.settle()
    expected = later(banned_at, (days_ago + (ends_in_days or 0)) * DAY_SECONDS)
    assert ends == ([] if ends_in_days is None else [expected, expected])
