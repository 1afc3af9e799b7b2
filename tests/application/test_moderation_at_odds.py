"""Moderators and their jobs at odds: with each other, with authors, and with what moved."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import rostra_adapters
from rostra import ids
from rostra.times import Time
from rostra_adapters.application.moderation_jobs import bans
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from support.moderated import BOB, SITE, Moderated, filled
from support.service import MASTER_KEY


@pytest.fixture(params=["memory", "postgres"])
async def moderated(request: pytest.FixtureRequest) -> AsyncIterator[Moderated]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=MASTER_KEY, moderate=False) as app:
        yield Moderated(app)


async def statuses(moderated: Moderated) -> dict[str, str]:
    return {key: status for key, status, _ in await moderated.shown()}


async def outcome(moderated: Moderated, event: dict[str, Any]) -> str:
    (found,) = await moderated.app.publish([event])
    return found.status if found.refusal is None else found.refusal.name


async def test_an_end_of_a_ban_that_is_sent_twice_restores_once(moderated: Moderated) -> None:
    await filled(moderated)
    before = await moderated.everything()
    ban, end = moderated.ban(comments="remove", votes="nullify"), moderated.unban(restore=True)
    await moderated.do(ban)
    await moderated.settle()
    await moderated.do(end)
    await moderated.settle()
    head = await moderated.app.head()
    assert await outcome(moderated, end) == "duplicate"
    assert await outcome(moderated, moderated.unban(restore=True)) == "unchanged"
    assert await outcome(moderated, ban) == "duplicate"
    await moderated.settle()
    assert await moderated.app.head() == head
    assert await moderated.everything() == before


async def test_an_erased_person_is_banned_and_unbanned(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.event("person.erased", person="bob"))
    await moderated.settle()
    before = await moderated.everything()
    await moderated.do(moderated.ban(comments="remove", votes="nullify", reason="ads"))
    await moderated.settle()
    assert {(await statuses(moderated))[f"b{n}"] for n in range(5)} == {"removed"}
    await moderated.do(moderated.event("person.returned", person="bob"))
    assert await outcome(moderated, moderated.comment("again")) == "person-banned"
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    assert await moderated.everything() == before
    assert await outcome(moderated, moderated.comment("again")) == "recorded"


async def test_a_person_who_is_erased_while_banned_comes_back_without_words(
    moderated: Moderated,
) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    await moderated.settle()
    await moderated.do(moderated.event("person.erased", person="bob"))
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    page = await moderated.app.comments(SITE, "/trams", flat=True, limit=100)
    assert page is not None
    theirs = [one for one in page.comments if str(one.key).startswith("b")]
    assert len(theirs) == 5
    assert {(one.status, one.body) for one in theirs} == {("erased", None)}
    assert await moderated.app.verify() == []


async def test_an_erased_moderators_end_of_a_ban_restores(moderated: Moderated) -> None:
    await filled(moderated)
    before = await moderated.everything()
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    await moderated.settle()
    await moderated.do(
        moderated.unban(restore=True), moderated.event("person.erased", person="mia")
    )
    await moderated.settle()
    assert await moderated.everything() == before


async def test_comments_of_a_moved_discussion_come_back(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    await moderated.settle()
    await moderated.do(moderated.event("discussion.moved", to="/tramways"))
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    assert set((await statuses(moderated)).values()) == {"published"}
    scores = {key: score for key, _, score in await moderated.shown()}
    assert (scores["a0"], scores["a1"], scores["a2"]) == (2, -1, 1)


async def test_comments_that_others_removed_before_the_job_came_to_them_stay(
    moderated: Moderated,
) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove"))
    await moderated.do(
        moderated.event("comment.removed", comment="b0", by="max"),
        {
            **moderated.event("comment.removed", comment="b1", by="bob"),
            "source": "rostra:persons",
        },
    )
    await moderated.settle()
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    found = await statuses(moderated)
    assert [found[f"b{n}"] for n in range(5)] == ["removed", "deleted", *["published"] * 3]


async def test_acts_of_moderators_while_a_job_runs_stand(
    moderated: Moderated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second moderator restores and rejects what the job has just removed, batch by batch."""
    await filled(moderated)
    monkeypatch.setattr(bans, "BATCH_ACTS_MAX", 1)
    await moderated.do(moderated.ban(comments="remove"))
    submit = moderated.app.submit
    removed: list[str] = []

    async def meddling(commands: Any) -> Any:
        outcomes = await submit(commands)
        for each in commands:
            if each.command.topic == "comment.removed":
                removed.append(str(each.command.comment_id))
                kind = "comment.restored" if len(removed) % 2 else "comment.rejected"
                act = moderated.event(kind, comment_id=str(each.command.comment_id), by="max")
                (done,) = await moderated.app.publish([act])
                assert done.status == "recorded"
        return outcomes

    with monkeypatch.context() as patch:
        patch.setattr(moderated.app, "submit", meddling)
        await moderated.follower.catch_up()
    assert len(removed) == 5
    found = await statuses(moderated)
    assert sorted(found[f"b{n}"] for n in range(5)) == ["published"] * 3 + ["removed"] * 2
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    found = await statuses(moderated)
    assert sorted(found[f"b{n}"] for n in range(5)) == ["published"] * 3 + ["rejected"] * 2


async def test_followers_of_several_processes_and_a_moderator_at_once(
    moderated: Moderated,
) -> None:
    await filled(moderated)
    before = await moderated.everything()
    await moderated.do(moderated.ban(comments="remove", votes="nullify"))
    followers = [ModerationFollower(moderated.app) for _ in range(3)]
    await asyncio.gather(
        *(follower.catch_up() for follower in followers),
        moderated.do(moderated.unban(restore=True)),
    )
    await asyncio.gather(*(follower.catch_up() for follower in followers))
    await moderated.settle()
    assert await moderated.everything() == before
    assert await moderated.app.verify() == []


async def test_a_ban_with_other_terms_is_taken_back_whole(moderated: Moderated) -> None:
    await filled(moderated)
    before = await moderated.everything()
    for terms in ({"votes": "nullify"}, {"comments": "remove"}, {"until": "2099-01-01T00:00:00Z"}):
        await moderated.do(moderated.ban(**terms))
        await moderated.settle()
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    assert await moderated.everything() == before


async def test_what_a_ban_removed_comes_back_after_its_term(moderated: Moderated) -> None:
    await filled(moderated)
    before = await moderated.everything()
    started = moderated.ban(comments="remove", until="2026-11-02T00:00:00Z")
    started["time"] = "2026-11-01T00:00:00Z"
    await moderated.do(started)
    await moderated.settle()
    assert await outcome(moderated, moderated.vote("a2")) == "recorded"  # the term is over
    await moderated.do(moderated.vote("a2", value=1))
    await moderated.do(moderated.unban(restore=True))
    await moderated.settle()
    found = await statuses(moderated)
    assert {found[f"b{n}"] for n in range(5)} == {"published"}
    assert len(found) == len(before[0])  # type: ignore[arg-type]


async def test_a_ban_ends_at_the_instant_that_its_event_names(moderated: Moderated) -> None:
    """The log and the view agree, to the microsecond."""
    until, before = "2026-11-02T00:00:00.000000Z", "2026-11-01T23:59:59.999999Z"
    await filled(moderated)
    await moderated.do({**moderated.ban(until=until), "time": "2026-11-01T00:00:00Z"})
    assert await outcome(moderated, {**moderated.vote("a2"), "time": before}) == "person-banned"
    await moderated.do({**moderated.comment("late"), "time": until})
    await moderated.app.wait(await moderated.app.head(), 60)
    row = (await moderated.app.views.reads.persons([BOB]))[BOB]
    assert (row.is_banned(Time(before)), row.is_banned(Time(until))) == (True, False)


async def test_rules_that_change_within_a_batch_hold_from_there_on(moderated: Moderated) -> None:
    def ruled(*words: str) -> dict[str, Any]:
        rules = [{"when": {"words": list(words)}, "then": "hold"}] if words else []
        return moderated.event("site.configured", settings={"rules": rules})

    await moderated.do(moderated.event("discussion.opened"))
    await moderated.do(
        moderated.comment("spam 1"),
        ruled("spam"),
        moderated.comment("spam 2"),
        ruled("eggs"),
        moderated.comment("spam 3"),
        moderated.comment("eggs 4"),
        ruled(),
        moderated.comment("spam 5"),
    )
    assert [status for _, status, _ in reversed(await moderated.shown())] == [
        "published",
        "held",
        "published",
        "held",
        "published",
    ]


async def test_rules_that_change_while_comments_come_in_hold_or_not(moderated: Moderated) -> None:
    """Each comment is judged by the rules before or after it in the log."""
    await moderated.do(moderated.event("discussion.opened"))
    rules = [{"when": {"words": ["spam"]}, "then": "hold"}]
    batches = [[moderated.comment(f"spam {n} {m}") for m in range(20)] for n in range(6)]
    ruled = moderated.event("site.configured", settings={"rules": rules})
    await asyncio.gather(
        *(moderated.do(*batch) for batch in batches[:3]),
        moderated.do(ruled),
        *(moderated.do(*batch) for batch in batches[3:]),
    )
    rows = await moderated.app.log.read_after(0, 1_000)
    at = next(row.position for row in rows if row.topic == "site.configured")
    held = {
        row.position: b'"status":"held"' in row.state
        for row in rows
        if row.topic == "comment.posted"
    }
    assert held == {position: position > at for position in held}
    assert len(held) == 120


async def test_a_ban_is_of_one_site(moderated: Moderated) -> None:
    await filled(moderated)
    await moderated.do(moderated.ban(comments="remove"))
    other = {"site": "herald", "resource": "/trams"}
    await moderated.do(
        {**moderated.event("discussion.opened"), "data": other},
        {
            **moderated.comment("b0"),
            "data": {**moderated.comment("b0")["data"], **other},
        },
    )
    await moderated.settle()
    discussion = ids.discussion_id("herald", "/trams")
    found = await moderated.app.views.reads.comment(ids.comment_id(discussion, "b0"))
    assert found is not None and found[1].status == "published"
    assert (await moderated.app.moderation_jobs.of_person(BOB))[0].comments == 5
