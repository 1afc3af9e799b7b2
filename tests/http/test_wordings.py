"""Wordings that wait: what an edit is worth before a moderator has seen it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from support.flag_holds import hold_by_flags
from support.listening import listening
from support.service import (
    BATCHED,
    PLACE,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
    voted,
)

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
HERE = f"/v1/discussions/{DISCUSSION}"
C1 = ids.comment_id(DISCUSSION, "c1")
ON_C1 = f"/v1/comments/{C1}"
MIA = token("moderate", site=SITE, person="mia")
ANN, BOB = (token("comment", site=SITE, person=name) for name in ("ann", "bob"))
GOOD, SPAM, WORSE = "Good words.", "Buy-my-pills.", "Buy-more-pills."


@pytest.fixture(params=["memory", "postgres"])
async def anywhere(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """Both kinds of views."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


async def act(
    service: Service, method: str, path: str, who: str, headers: Any = None, **body: Any
) -> Answer:
    given = {"Content-Type": "application/json", **(headers or {})}
    content = json.dumps(body).encode() if body else None
    return await service.ask(method, path, token=who, headers=given, body=content)


async def edit(service: Service, body: str, who: str = ANN) -> Answer:
    return await act(service, "PATCH", ON_C1, who, body=body)


async def rule(service: Service, action: str, headers: Any = None, **more: Any) -> Answer:
    return await act(service, "POST", f"{ON_C1}/moderation", MIA, headers, action=action, **more)


async def queue(service: Service, status: str) -> list[Any]:
    params = {"site": SITE, "status": status, "min_position": await service.app.head()}
    answer = await service.ask("GET", "/v1/moderation", token=MIA, params=params)
    assert answer.status == 200, answer.body
    found: list[Any] = answer.json["comments"]
    return found


async def shown(service: Service, who: str | None = None) -> Any:
    return (await service.get(ON_C1, token=who)).json


async def public(service: Service) -> dict[str, Any]:
    """The answers to everybody, each with its tag, but for how far the views have read."""
    paths = [
        ON_C1,
        HERE,
        f"{ON_C1}/history",
        f"{HERE}/comments",
        f"{HERE}/comments?flat=true",
        f"{HERE}/page",
        f"{HERE}/feed.atom",
        f"/v1/counts?site={SITE}&resource={PLACE['resource']}",
    ]
    found = {path: await service.get(path) for path in paths}
    assert {answer.status for answer in found.values()} == {200}
    return {path: (answer.headers["ETag"], answer.body) for path, answer in found.items()}


async def published(service: Service, **settings: Any) -> None:
    """A comment of Ann's that a moderator has approved."""
    given = {"moderation": "all", **settings}
    await service.given(opened(settings=given), posted(body=GOOD))
    assert (await rule(service, "approve")).json["status"] == "published"


async def test_an_approved_comment_is_not_edited_to_spam(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    before = await public(service)
    edited = await edit(service, SPAM)
    assert (edited.status, edited.json["status"], edited.json["pending"]) == (
        200,
        "published",
        True,
    )
    assert await public(service) == before
    for who in (None, BOB):
        page = await service.get(f"{HERE}/comments", token=who)
        assert SPAM not in page.body.decode()
        assert "pending" not in page.json["comments"][0]
    for who in (ANN, MIA):
        comment = await shown(service, who)
        assert (comment["body"], comment["edited_at"]) == (GOOD, None)
        pending = comment["pending"]
        assert (pending["body"], pending["html"]) == (SPAM, f"<p>{SPAM}</p>\n")
        [listed] = (await service.get(f"{HERE}/comments", token=who)).json["comments"]
        assert listed["pending"] == pending


async def test_a_waiting_wording_is_in_the_queue_until_it_is_decided_on(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    assert await queue(service, "held") == await queue(service, "pending") == []
    await edit(service, SPAM)
    [held], [pending] = await queue(service, "held"), await queue(service, "pending")
    assert held == pending
    assert (held["body"], held["status"]) == (GOOD, "published")
    assert held["pending"]["body"] == SPAM
    assert held["wording"] == held["pending"]["wording"]
    approved = await rule(service, "approve", wording=held["wording"])
    assert (approved.status, approved.json["status"]) == (200, "published")
    assert await queue(service, "held") == await queue(service, "pending") == []
    comment = await shown(service)
    assert (comment["body"], comment["edited_at"]) == (SPAM, held["pending"]["at"])
    assert "pending" not in await shown(service, MIA)


async def test_a_rejected_wording_leaves_the_approved_one(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    before = await public(service)
    await edit(service, SPAM)
    rejected = await rule(service, "reject", reason="Spam.")
    assert (rejected.status, rejected.json["status"]) == (200, "published")
    assert await public(service) == before
    assert "pending" not in await shown(service, ANN)
    assert await queue(service, "held") == await queue(service, "pending") == []
    log = (await service.get(f"{HERE}/moderation-log", token=MIA)).json
    assert [(one["action"], one["by"], one["reason"]) for one in log["acts"]] == [
        ("reject", "mia", "Spam."),
        ("approve", "mia", None),
    ]


async def test_a_second_edit_takes_the_place_of_the_first(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    await edit(service, SPAM)
    [first] = await queue(service, "pending")
    await edit(service, WORSE)
    [second] = await queue(service, "pending")
    assert second["pending"]["body"] == WORSE
    for more in ({"wording": first["wording"]}, {}):
        refused = await rule(service, "approve", **more)
        assert (refused.status, refused.problem) == (412, "precondition-failed")
    assert (await shown(service))["body"] == GOOD
    await rule(service, "approve", wording=second["wording"])
    assert (await shown(service))["body"] == WORSE


@pytest.mark.parametrize("action", ["approve", "reject"])
async def test_who_decides_on_flags_does_not_decide_on_a_new_wording_unseen(
    anywhere: Service, action: str
) -> None:
    service = anywhere
    await published(service)
    await service.given(event("comment.flagged", comment="c1", by="bob", reason="Rude."))
    assert [one["key"] for one in await queue(service, "flagged")] == ["c1"]
    await edit(service, SPAM)
    refused = await rule(service, action)
    assert (refused.status, refused.problem) == (412, "precondition-failed")
    [flagged] = await queue(service, "flagged")
    assert flagged["pending"]["body"] == SPAM
    assert (await rule(service, "reject", wording=flagged["wording"])).status == 200
    [flagged] = await queue(service, "flagged")  # the flags are of what is shown
    assert (await rule(service, action, wording=flagged["wording"])).status == 200
    assert await queue(service, "flagged") == []


@pytest.mark.parametrize("first", ["approve", "reject"])
async def test_a_second_moderator_does_not_approve_what_came_after_the_first(
    anywhere: Service, first: str
) -> None:
    service = anywhere
    await published(service)
    if first == "reject":
        await edit(service, "Better words.")
        await rule(service, "reject")
    await edit(service, SPAM)
    refused = await rule(service, "approve")  # by somebody who looked at the words before
    assert (refused.status, refused.problem) == (412, "precondition-failed")
    assert (await shown(service))["body"] == GOOD
    [pending] = await queue(service, "pending")
    assert (await rule(service, "approve", wording=pending["wording"])).status == 200
    assert (await shown(service))["body"] == SPAM


async def test_a_comment_edited_and_held_again_is_not_approved_for_its_first_words(
    service: Service,
) -> None:
    await published(service, moderation="first")
    assert "pending" not in (await edit(service, SPAM)).json  # its author is trusted now
    await rule(service, "hold")
    refused = await rule(service, "approve")
    assert (refused.status, refused.problem) == (412, "precondition-failed")
    [held] = await queue(service, "held")
    assert (await rule(service, "approve", wording=held["wording"])).status == 200


async def test_a_flagged_comment_edited_while_held_is_not_approved_for_its_first_words(
    service: Service,
) -> None:
    await service.given(opened(settings={"moderation": "none"}), posted(body=GOOD))
    await service.given(event("comment.flagged", comment="c1", by="bob", reason="Rude."))
    await hold_by_flags(service, "c1")
    await edit(service, SPAM)
    refused = await rule(service, "approve")
    assert (refused.status, refused.problem) == (412, "precondition-failed")


async def test_the_first_wording_that_ever_waited_needs_no_name(service: Service) -> None:
    await service.given(opened(), posted(body=GOOD), opened(settings={"moderation": "all"}))
    await edit(service, "Better words.")
    assert (await rule(service, "approve")).status == 200
    assert (await shown(service))["body"] == "Better words."


async def test_two_rejections_of_a_wording_do_not_reject_the_comment(service: Service) -> None:
    await published(service)
    await edit(service, SPAM)
    [pending] = await queue(service, "pending")
    assert (await rule(service, "reject")).status == 200
    for more in ({}, {"wording": pending["wording"]}):
        again = await rule(service, "reject", **more)
        assert (again.status, again.problem) == (412, "precondition-failed")
    assert (await shown(service))["body"] == GOOD
    looked = await service.get(ON_C1, token=MIA)
    meant = await rule(service, "reject", {"If-Match": looked.headers["ETag"]})
    assert (meant.status, meant.json["status"]) == (200, "rejected")


@pytest.mark.parametrize("status", ["held", "published"])
async def test_an_edit_between_the_look_and_the_approval_is_not_approved(
    service: Service, status: str
) -> None:
    await service.given(opened(settings={"moderation": "all"}), posted(body=GOOD))
    if status == "published":
        await rule(service, "approve")
        await edit(service, "Better words.")
    looked = await service.get(ON_C1, token=MIA)
    tag = {"If-Match": looked.headers["ETag"]}
    await edit(service, SPAM)
    refused = await rule(service, "approve", tag)
    assert (refused.status, refused.problem) == (412, "precondition-failed")
    assert SPAM not in (await service.get(f"{HERE}/comments")).body.decode()
    looked = await service.get(ON_C1, token=MIA)
    assert SPAM in looked.body.decode()
    tag = {"If-Match": looked.headers["ETag"]}
    approved = await rule(service, "approve", tag)
    assert (approved.status, approved.json["status"]) == (200, "published")
    assert (await shown(service))["body"] == SPAM


async def test_an_edited_comment_of_the_queue_is_approved_by_its_wording(
    anywhere: Service,
) -> None:
    service = anywhere
    await service.given(opened(settings={"moderation": "all"}), posted(body=GOOD))
    [held] = await queue(service, "held")
    first = held["wording"]
    assert first["source"] == "urn:cms"
    edited = await edit(service, SPAM)
    assert (edited.json["status"], "pending" in edited.json) == ("held", False)
    [held] = await queue(service, "held")
    assert (held["body"], held["status"], "pending" in held) == (SPAM, "held", False)
    assert await queue(service, "pending") == []
    for more in ({}, {"wording": first}):
        assert (await rule(service, "approve", **more)).status == 412
    wrong = await rule(service, "approve", wording={"source": "urn:cms", "id": "nothing"})
    assert (wrong.status, wrong.problem) == (422, "unknown-wording")
    assert (await rule(service, "approve", wording=held["wording"])).status == 200
    assert (await shown(service))["body"] == SPAM


async def test_a_moderator_holds_a_comment_again(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    held = await rule(service, "hold", reason="A second look.")
    assert (held.status, held.json["status"]) == (200, "held")
    assert (await service.get(ON_C1)).status == 404
    assert (await service.get(f"{HERE}/comments")).json["total"] == 0
    assert [one["key"] for one in await queue(service, "held")] == ["c1"]
    assert (await rule(service, "hold")).status == 200
    log = (await service.get(f"{HERE}/moderation-log")).json
    last = log["acts"][0]
    assert (last["action"], last["reason"]) == ("hold", "A second look.")
    assert (await rule(service, "approve")).json["status"] == "published"
    assert (await shown(service))["body"] == GOOD


async def test_held_with_a_wording_that_waits_a_comment_has_that_wording(
    anywhere: Service,
) -> None:
    service = anywhere
    await published(service)
    await edit(service, SPAM)
    await rule(service, "hold")
    [held] = await queue(service, "held")
    assert (held["body"], held["status"], "pending" in held) == (SPAM, "held", False)
    assert await queue(service, "pending") == []
    assert (await rule(service, "approve")).status == 412  # the look may have been at the other
    assert (await rule(service, "approve", wording=held["wording"])).status == 200
    assert (await shown(service))["body"] == SPAM


async def test_removed_a_comment_leaves_the_queue_and_restored_it_is_back(
    anywhere: Service,
) -> None:
    service = anywhere
    await published(service)
    await edit(service, SPAM)
    await rule(service, "remove")
    assert await queue(service, "held") == await queue(service, "pending") == []
    assert SPAM not in (await service.get(ON_C1, token=ANN)).body.decode()
    await rule(service, "restore")
    [pending] = await queue(service, "pending")
    assert (pending["body"], pending["pending"]["body"]) == (GOOD, SPAM)
    assert (await shown(service))["body"] == GOOD


async def test_only_words_that_the_policy_would_hold_wait(service: Service) -> None:
    await service.given(opened(settings={"moderation": "first"}), posted(body=GOOD))
    await rule(service, "approve")  # which is trust in Ann
    edited = await edit(service, "Better words.")
    assert "pending" not in edited.json
    assert (await shown(service))["body"] == "Better words."
    told = posted("c2", author={"id": "bob", "name": "Bob"}, status="published")
    await service.given(told)
    on_c2 = f"/v1/comments/{ids.comment_id(DISCUSSION, 'c2')}"
    assert (await act(service, "PATCH", on_c2, BOB, body=SPAM)).json["pending"] is True


async def test_publishers_say_whether_an_edit_waits(anywhere: Service) -> None:
    service = anywhere
    await published(service)

    async def tell(body: str, **more: Any) -> str:
        await service.given(event("comment.edited", comment="c1", body=body, **more))
        return str((await shown(service))["body"])

    assert await tell("One.", status="published") == "One."
    assert await tell("Two.") == "One."  # the policy decides
    assert await tell("Three.", by="editor") == "Three."  # no author's words
    assert await queue(service, "pending") == []
    assert await tell("Four.", status="held") == "Three."
    assert await tell("Five.", status="published") == "Five."
    assert await queue(service, "held") == []
    await service.given(event("comment.held", comment="c1", by="mia", rule="links"))
    await service.given(event("comment.edited", comment="c1", body="Six.", status="published"))
    assert (await service.get(ON_C1)).status == 404


async def test_nobody_edits_in_a_closed_discussion(service: Service) -> None:
    await published(service, moderation="none")
    await service.given(event("discussion.closed"))
    refused = await edit(service, SPAM)
    assert (refused.status, refused.problem) == (422, "discussion-closed")
    await service.given(event("comment.edited", comment="c1", body="Told.", by="editor"))
    assert (await shown(service))["body"] == "Told."


async def test_no_moderator_restores_what_its_author_deleted(service: Service) -> None:
    await published(service)
    await act(service, "DELETE", ON_C1, ANN)
    refused = await rule(service, "restore")
    assert (refused.status, refused.problem) == (422, "comment-deleted")
    assert (await shown(service))["status"] == "deleted"
    await service.given(event("comment.restored", comment="c1"))
    await rule(service, "remove")
    assert (await shown(service))["status"] == "removed"
    deleted = await act(service, "DELETE", ON_C1, ANN)  # also what was removed
    assert (deleted.status, deleted.json["status"]) == (200, "deleted")
    assert (await rule(service, "restore")).problem == "comment-deleted"


async def test_the_history_shows_everybody_only_what_was_published(service: Service) -> None:
    await published(service)
    await edit(service, SPAM)
    await rule(service, "reject")
    await edit(service, "Better words.")
    await edit(service, "The best words.")
    [pending] = await queue(service, "pending")
    await rule(service, "approve", wording=pending["wording"])
    await edit(service, WORSE)

    async def told(who: str | None) -> list[tuple[str, str | None]]:
        page = (await service.get(f"{ON_C1}/history", token=who)).json
        return [(one["type"].removeprefix("comment."), one["body"]) for one in page["events"]]

    everything = [
        ("posted", GOOD),
        ("approved", None),
        ("edited", SPAM),
        ("rejected", None),
        ("edited", "Better words."),
        ("edited", "The best words."),
        ("approved", None),
        ("edited", WORSE),
    ]
    assert await told(ANN) == await told(MIA) == everything
    assert (
        await told(None)
        == await told(BOB)
        == [
            ("posted", None),
            ("approved", None),
            ("edited", "The best words."),
            ("approved", None),
        ]
    )


async def test_as_of_shows_a_waiting_wording_to_those_who_may_see_it(service: Service) -> None:
    await published(service)
    await edit(service, SPAM)
    then = await service.app.head()
    await rule(service, "reject")
    for who, pending in [(None, None), (BOB, None), (ANN, SPAM), (MIA, SPAM)]:
        [comment] = (await service.get(f"{HERE}/comments", token=who, as_of=then)).json["comments"]
        assert comment["body"] == GOOD
        assert comment.get("pending", {}).get("body") == pending


async def test_live_readers_hear_nothing_of_what_waits(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    url = f"{service.url}{HERE}/live?min_position={await service.app.head()}"
    async with listening(url, token=MIA) as listener, asyncio.timeout(60):
        await edit(service, SPAM)
        await service.given(voted())
        assert (await listener.next())[1] == "vote"
        [pending] = await queue(service, "pending")
        await rule(service, "approve", wording=pending["wording"])
        _, name, data = await listener.next()
        assert (name, data["body"]) == ("comment", SPAM)
        await rule(service, "hold")
        _, name, data = await listener.next()
        assert (name, data["status"]) == ("removed", "held")


async def test_the_feed_tells_of_wordings_as_publishers_do(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    await edit(service, SPAM)
    await rule(service, "reject", reason="Spam.")
    await edit(service, "Better words.")
    [pending] = await queue(service, "pending")
    await rule(service, "approve", wording=pending["wording"])
    await rule(service, "hold")
    await edit(service, "Still better.")
    [held] = await queue(service, "held")
    await rule(service, "approve", wording=held["wording"])
    await edit(service, WORSE)
    feed = (await service.ask("GET", "/v1/events", token=token())).json
    told = [(one["type"].removeprefix("comment."), one["data"]) for one in feed[3:]]
    edits = [one for one in feed if one["type"] == "comment.edited"]
    names = [{"source": one["source"], "id": one["id"]} for one in edits]
    assert [(kind, data.get("status"), data.get("wording")) for kind, data in told] == [
        ("edited", "held", None),
        ("rejected", None, names[0]),
        ("edited", "held", None),
        ("approved", None, names[1]),
        ("held", None, None),
        ("edited", "held", None),
        ("approved", None, names[2]),
        ("edited", "held", None),
    ]
    only = await service.ask("GET", "/v1/events", token=token(), params={"type": "comment.edited"})
    assert only.json == edits
    async with serving() as other:
        body = json.dumps(feed).encode()
        again = await other.post(body, media_type=BATCHED)
        assert {one["status"] for one in again.json["results"]} == {"recorded"}
        assert (await other.post(body, media_type=BATCHED)).json["results"][0]["status"] == (
            "duplicate"
        )
        copied = (await other.ask("GET", "/v1/events", token=token())).json
        assert copied == feed
        for who in (None, ANN, BOB, MIA):
            assert await shown(other, who) == await shown(service, who)
        for status in ("held", "pending", "flagged"):
            assert await queue(other, status) == await queue(service, status)


async def test_after_erasure_a_waiting_wording_is_nowhere(anywhere: Service) -> None:
    service = anywhere
    await published(service)
    await edit(service, SPAM)
    paths = [ON_C1, f"{HERE}/comments", f"{ON_C1}/history"]
    paths.append(f"/v1/moderation?site={SITE}&status=pending")
    for path in paths:
        assert SPAM in (await service.get(path, token=MIA)).body.decode()
    gone = {**event("person.erased"), "data": {"site": SITE, "person": "ann"}}
    assert (await service.publish(gone)).status == 201
    for path in [*paths, "/v1/events"]:
        bearer = token() if path == "/v1/events" else MIA
        answer = await service.get(path, token=bearer)
        assert SPAM not in answer.body.decode()
    [pending] = await queue(service, "pending")
    assert pending["pending"]["body"] is pending["pending"]["html"] is None
    await rule(service, "approve")
    assert (await shown(service))["status"] == "erased"


# -- votes


async def test_the_same_vote_again_is_not_recorded(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted())

    async def vote(value: int) -> tuple[Any, int]:
        answer = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=value)
        assert answer.status == 200
        numbers = {name: it for name, it in answer.json.items() if name != "position"}
        return numbers, await service.app.head()

    start = await service.app.head()
    nothing = {"up": 0, "down": 0, "score": 0, "my_vote": 0}
    assert await vote(0) == (nothing, start)
    numbers = {"up": 1, "down": 0, "score": 1, "my_vote": 1}
    assert await vote(1) == await vote(1) == (numbers, start + 1)
    assert await vote(0) == await vote(0) == (nothing, start + 2)
    await service.given(voted(voter="eve"), voted(voter="eve"))  # publishers' times decide
    assert await service.app.head() == start + 4
