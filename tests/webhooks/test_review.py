"""Review by a service: what it decides is recorded, and without a decision words stay held."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from support.service import Event, event, opened, posted, token
from support.webhooks import Hooked, Reviewed


@pytest.fixture
async def reviewed(hooked: Hooked) -> Reviewed:
    _, secret = await hooked.add(kind="review", url="")
    review = {"url": hooked.receiver.url, "seconds": 2}
    await hooked.service.given(event("site.configured", settings={"review": review}), opened())
    return Reviewed(hooked, secret)


async def test_a_comment_is_shown_once_the_service_says_so(reviewed: Reviewed) -> None:
    reviewed.answer({"decision": "publish", "score": 0.1})
    comment = await reviewed.comment("Good.")
    assert await reviewed.shown() == []
    await reviewed.hooked.deliver()
    assert await reviewed.shown() == ["Good."]
    assert await reviewed.acts() == [("approve", "rostra:review", None)]
    (received,) = reviewed.receiver.seen
    assert received.verify(reviewed.secret)["type"] == "comment.review"
    assert received.headers["content-type"] == "application/json"
    data = received.data
    assert (data["comment"], data["body"]) == (comment, "Good.")
    assert data["author"] == {"id": "ann", "name": "ann"}
    assert (data["site"], data["resource"]) == ("gazette", "/trams")
    assert data["is_edit"] is False
    await reviewed.hooked.deliver()
    assert len(reviewed.receiver.seen) == 1


async def test_a_comment_is_rejected_with_a_reason(reviewed: Reviewed) -> None:
    reviewed.answer({"decision": "reject", "reason": "Spam. " + "x" * 1_000})
    comment = await reviewed.comment("Buy!")
    await reviewed.hooked.deliver()
    assert await reviewed.shown() == []
    assert await reviewed.status(comment) == "rejected"
    ((action, by, reason),) = await reviewed.acts()
    assert (action, by) == ("reject", "rostra:review")
    assert reason is not None and reason.startswith("Spam. ")
    assert len(reason) == 500


@pytest.mark.parametrize(
    "answer",
    [
        {"decision": "hold", "reason": "unsure"},
        {"decision": "PUBLISH"},
        {"decision": "approve"},
        {"decision": None},
        {"decision": ["publish"]},
        {"reason": "no decision"},
        {"decision": "publish", "reason": 7},
        ["publish"],
        "publish",
        b"",
        b"publish",
        b"\xff\xfe",
        b'{"decision":"publish"',
        b'{"decision":"publish"} or not',
        b"[" * 10_000,
        b'{"decision":"publish","padding":"' + b"x" * 70_000 + b'"}',
    ],
)
async def test_any_other_answer_leaves_it_held(reviewed: Reviewed, answer: Any) -> None:
    reviewed.answer(answer, {"decision": "publish"})
    comment = await reviewed.comment()
    for _ in range(2):
        await reviewed.hooked.deliver()
        await reviewed.hooked.later(timedelta(hours=5))
    assert await reviewed.status(comment) == "held"
    assert await reviewed.shown() == []
    assert len(reviewed.receiver.seen) == 1  # it has decided
    if answer != {"decision": "hold", "reason": "unsure"}:
        assert "answer" in str((await reviewed.hooked.status()).error)


@pytest.mark.parametrize(
    "answer",
    [{"decision": "I would reject «Hm.»"}, {"decision": "«Hm.»\0"}, {"decision": 1, "«Hm.»\0": 2}],
)
async def test_an_answer_is_neither_stored_nor_logged(
    reviewed: Reviewed, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It may hold words of the comment."""
    reviewed.answer(answer)
    comment = await reviewed.comment("Hm.")
    for _ in range(2):
        await reviewed.hooked.deliver()
        await reviewed.hooked.later(timedelta(hours=5))
    assert len(reviewed.receiver.seen) == 1
    assert await reviewed.status(comment) == "held"
    assert (await reviewed.hooked.status()).error == "the answer is no decision"
    assert "Hm." not in caplog.text


async def test_a_reason_has_no_nul(reviewed: Reviewed) -> None:
    """The feed would refuse it where it is imported."""
    reviewed.answer({"decision": "reject", "reason": "Spam\0."})
    await reviewed.comment("Buy!")
    await reviewed.hooked.deliver()
    assert await reviewed.acts() == [("reject", "rostra:review", "Spam.")]


@pytest.mark.parametrize("status", [301, 401, 404, 410, 429, 500])
async def test_a_service_that_refuses_is_asked_again_later(reviewed: Reviewed, status: int) -> None:
    reviewed.answer({"decision": "publish"}, status=status)
    comment = await reviewed.comment()
    await reviewed.hooked.deliver()
    assert await reviewed.status(comment) == "held"
    reviewed.answer({"decision": "publish"})
    await reviewed.hooked.later(timedelta(minutes=1))
    await reviewed.hooked.deliver()
    assert await reviewed.status(comment) == "published"
    assert (await reviewed.hooked.status()).state == "active"


async def test_a_service_that_is_down_for_days_leaves_it_held(reviewed: Reviewed) -> None:
    reviewed.answer({"decision": "publish"}, status=503)
    comment = await reviewed.comment()
    while (await reviewed.hooked.status()).waiting or not reviewed.receiver.seen:
        await reviewed.hooked.deliver()
        await reviewed.hooked.later(timedelta(hours=2))
        assert reviewed.hooked.passed < timedelta(days=5)
    assert reviewed.hooked.passed > timedelta(days=3)
    assert await reviewed.status(comment) == "held"
    reviewed.answer({"decision": "publish"})
    other = await reviewed.comment()  # the review goes on
    await reviewed.hooked.deliver()
    assert await reviewed.status(other) == "published"
    assert await reviewed.status(comment) == "held"


async def test_a_slow_service_holds_nobody_up(reviewed: Reviewed) -> None:
    asked, answering = asyncio.Event(), asyncio.Event()

    async def accept(_: Event) -> web.Response:
        asked.set()
        await answering.wait()
        return web.json_response({"decision": "publish"})

    reviewed.receiver.accept = accept
    comment = await reviewed.comment()
    await reviewed.hooked.queuer.catch_up()
    sending = asyncio.create_task(reviewed.hooked.sender.send_due())
    await asked.wait()
    other = await reviewed.comment()
    assert await reviewed.status(other) == "held"
    await sending  # no answer within two seconds
    assert await reviewed.status(comment) == "held"
    assert "no answer within 2 s" in (await reviewed.hooked.status()).error
    answering.set()


async def test_a_moderators_decision_meanwhile_stands(reviewed: Reviewed) -> None:
    decided = asyncio.Event()

    async def accept(_: Event) -> web.Response:
        await decided.wait()
        return web.json_response({"decision": "publish"})

    reviewed.receiver.accept = accept
    comment = await reviewed.comment()
    await reviewed.hooked.queuer.catch_up()
    sending = asyncio.create_task(reviewed.hooked.sender.send_due())
    await reviewed.receiver.changed.wait()
    assert await reviewed.moderate(comment, "reject") == 200
    decided.set()
    await sending
    assert await reviewed.status(comment) == "rejected"


async def test_an_answer_after_the_comment_was_removed_changes_nothing(
    reviewed: Reviewed,
) -> None:
    """Neither is it published by the answer, nor by a moderator who restores it."""
    comment = await reviewed.comment("Buy!")

    async def accept(_: Event) -> web.Response:
        await reviewed.moderate(comment, "remove")
        return web.json_response({"decision": "publish"})

    reviewed.receiver.accept = accept
    await reviewed.hooked.deliver()
    assert await reviewed.moderate(comment, "restore") == 200
    await reviewed.hooked.deliver()
    assert [action for action, *_ in await reviewed.acts()] == ["remove", "restore"]
    assert await reviewed.status(comment) == "held"
    assert await reviewed.shown() == []


async def test_a_pin_meanwhile_does_not_lose_the_decision(reviewed: Reviewed) -> None:
    comment = await reviewed.comment()

    async def accept(_: Event) -> web.Response:
        await reviewed.moderate(comment, "pin")
        return web.json_response({"decision": "publish"})

    reviewed.receiver.accept = accept
    await reviewed.hooked.deliver()
    assert await reviewed.status(comment) == "published"


async def test_words_that_were_edited_meanwhile_are_decided_on_anew(reviewed: Reviewed) -> None:
    comment = await reviewed.comment("Nice.")

    async def accept(received: Event) -> web.Response:
        if received["data"]["body"] == "Nice.":
            await reviewed.edit(comment, "Buy!")
            return web.json_response({"decision": "publish"})
        return web.json_response({"decision": "hold"})

    reviewed.receiver.accept = accept
    await reviewed.hooked.deliver()
    await reviewed.hooked.deliver()
    assert [one.data["body"] for one in reviewed.receiver.seen] == ["Nice.", "Buy!"]
    assert await reviewed.status(comment) == "held"


async def test_a_new_wording_of_a_published_comment_waits_alone(reviewed: Reviewed) -> None:
    reviewed.answer({"decision": "publish"}, {"decision": "reject"}, {"decision": "publish"})
    comment = await reviewed.comment("One.")
    await reviewed.hooked.deliver()
    await reviewed.edit(comment, "Buy!")
    assert await reviewed.shown() == ["One."]
    await reviewed.hooked.deliver()
    assert await reviewed.shown() == ["One."]
    await reviewed.edit(comment, "Two.")
    await reviewed.hooked.deliver()
    assert await reviewed.shown() == ["Two."]
    assert [one.data["is_edit"] for one in reviewed.receiver.seen] == [False, True, True]


async def test_answering_twice_changes_nothing(reviewed: Reviewed) -> None:
    """The sender was killed after the decision was recorded; the service then says otherwise."""
    reviewed.answer({"decision": "reject"}, {"decision": "publish"})
    comment = await reviewed.comment()
    hooked = reviewed.hooked
    await hooked.queuer.catch_up()
    claimed = await hooked.claim()
    assert claimed is not None
    row = (await hooked.app.log.read_after(claimed.position - 1, 1))[0]
    reviewer = hooked.sender._reviewer
    waiting = await reviewer.find(row)
    assert waiting is not None
    await hooked.sender._send(claimed)  # and it is killed here
    head = await hooked.app.head()
    await hooked.later(timedelta(seconds=91))
    await hooked.deliver()
    from rostra_adapters.application.webhooks.transport import Answer

    await reviewer.decide(waiting, Answer(200, b'{"decision":"publish"}'))
    assert await hooked.app.head() == head
    assert await reviewed.status(comment) == "rejected"


async def test_words_that_moderators_hold_or_that_are_erased_are_not_sent(
    reviewed: Reviewed,
) -> None:
    reviewed.answer({"decision": "publish"})
    held = posted("c1", author={"id": "bob", "name": "Bob"}, status="held")
    await reviewed.service.given(held)
    await reviewed.comment()
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "ann"}
    await reviewed.hooked.queuer.catch_up()
    await reviewed.service.given(erased)
    await reviewed.hooked.deliver()
    assert reviewed.receiver.seen == []
    assert await reviewed.shown() == []


async def test_a_comment_that_a_moderator_holds_again_is_not_published(reviewed: Reviewed) -> None:
    reviewed.answer({"decision": "publish"})
    comment = await reviewed.comment()
    assert await reviewed.moderate(comment, "approve") == 200
    assert await reviewed.moderate(comment, "hold") == 200
    await reviewed.hooked.deliver()
    assert reviewed.receiver.seen == []
    assert await reviewed.status(comment) == "held"


async def test_a_service_at_a_private_address_is_not_asked(hooked: Hooked) -> None:
    await hooked.add(kind="review", url="", networks=())
    review = {"url": hooked.receiver.url}
    await hooked.service.given(event("site.configured", settings={"review": review}), opened())
    reviewed = Reviewed(hooked, "")
    comment = await reviewed.comment()
    await hooked.deliver()
    assert hooked.receiver.seen == []
    assert "not public" in (await hooked.status()).error
    assert await reviewed.status(comment) == "held"


async def test_words_that_a_rule_holds_are_not_published_by_the_service(
    reviewed: Reviewed,
) -> None:
    """An author may change harmless words while they wait."""
    reviewed.answer({"decision": "publish"})
    rules = [{"when": {"words": ["spam"]}, "then": "hold"}]
    await reviewed.service.given(event("site.configured", settings={"rules": rules}))
    comment = await reviewed.comment("Nice.")
    await reviewed.edit(comment, "Spam!")
    other = await reviewed.comment("Spam, too.")
    await reviewed.hooked.deliver()
    assert reviewed.receiver.seen == []
    assert [await reviewed.status(one) for one in (comment, other)] == ["held", "held"]
    moderator = token("moderate", site="gazette", person="mia")
    queue = await reviewed.service.ask(
        "GET", "/v1/moderation?site=gazette&status=held", token=moderator
    )
    found = {one["id"]: one["rule"] for one in queue.json["comments"]}
    assert found == {comment: "1: words", other: "1: words"}
