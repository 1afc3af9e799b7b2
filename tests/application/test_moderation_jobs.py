"""Bans that remove and nullify, ends of bans that restore, and flags that hold."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rostra_adapters
from rostra import ids
from rostra.deciding.handle import Commanded, Outcome
from rostra_adapters.application.app import App
from rostra_adapters.application.moderation_jobs import bans
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_projections.query_port import POSITION_MAX

KEY = b"m" * 32
SITE = "gazette"
PLACE = {"site": SITE, "resource": "/trams"}
BOB = ids.person_id(SITE, "bob")


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


@pytest.fixture(params=["memory", "postgres"])
async def moderated(request: pytest.FixtureRequest) -> AsyncIterator[Moderated]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=KEY) as app:
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
