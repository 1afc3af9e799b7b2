"""Webhooks: events of the log reach receivers, signed, in order, and at least once."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

import rostra_adapters
from rostra import ids
from rostra_adapters import clock
from rostra_adapters.application.webhooks import follower
from rostra_adapters.application.webhooks.follower import DeliveryQueuer
from rostra_adapters.application.webhooks.registry import add_webhook, replace_secret
from rostra_adapters.application.webhooks.sender import WebhookSender
from rostra_adapters.errors import NeedsPostgres
from support.backlogs import Backlog
from support.service import Event, event, opened, posted, token, voted
from support.waiting import wait_until
from support.webhooks import ANN, DISCUSSION, JSON, Hooked

BLOCKED = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""
BOB = {"id": "bob", "name": "Bob", "email": "bob@example.org"}


def about_person(type_: str, person: str, *, called: str | None = None, **data: Any) -> Event:
    """Return an event about a person; `called` is the name that it gives them."""
    made = event(type_, **data)
    del made["data"]["resource"]
    made["data"] |= {"person": person} | ({} if called is None else {"name": called})
    return made


def erased(person: str) -> Event:
    return about_person("person.erased", person)


async def test_events_after_its_addition_are_sent_as_in_the_feed(hooked: Hooked) -> None:
    await hooked.service.given(opened(), posted("before"))
    _, secret = await hooked.add(with_email=True)
    await hooked.service.given(posted("c1", author=BOB), voted(on="c1", voter="eve"))
    await hooked.deliver()
    feed = (await hooked.service.get("/v1/events", after=2, token=token("feed"))).json
    assert [one.event for one in hooked.receiver.accepted] == feed
    assert [one.verify(secret)["type"] for one in hooked.receiver.accepted] == [
        "comment.posted",
        "vote.cast",
    ]
    await hooked.deliver()
    assert len(hooked.receiver.seen) == 2
    status = await hooked.status()
    assert (status.delivered, status.waiting, status.error) == (2, 0, None)


async def test_queuing_and_sending_work_again_after_one_page(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hooked.add()
    await hooked.queuer.catch_up()
    await hooked.service.given(opened(), *(posted(f"c{number}") for number in range(3)))
    with monkeypatch.context() as patched:
        patched.setattr(follower, "PAGE_EVENTS", 1)
        backlog = Backlog()
        backlog.slow_down(patched, hooked.store, "queue")
        assert await backlog.error_of(hooked.queuer.run) is None
    await hooked.queuer.catch_up()
    backlog = Backlog()
    backlog.slow_down(monkeypatch, hooked.store, "claim")
    assert await backlog.error_of(hooked.sender.run) is None


async def test_only_the_types_of_its_own_site_are_sent(hooked: Hooked) -> None:
    await hooked.add(types=("vote.cast", "person.erased"))
    await hooked.add(site="herald")
    await hooked.service.given(opened(), posted("c1"), voted(on="c1"), erased("eve"))
    await hooked.deliver()
    types = {one.event["type"] for one in hooked.receiver.accepted}
    assert types == {"vote.cast", "person.erased"}
    assert len(hooked.receiver.seen) == 2


async def test_email_addresses_are_sent_only_if_asked_for(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.service.given(opened(), posted("c1", author=BOB))
    await hooked.deliver()
    assert hooked.receiver.accepted[1].data["author"] == {"id": "bob", "name": "Bob"}


async def test_a_signature_of_another_secret_or_body_does_not_verify(hooked: Hooked) -> None:
    _, secret = await hooked.add()
    await hooked.service.given(opened())
    await hooked.deliver()
    (received,) = hooked.receiver.accepted
    with pytest.raises(WebhookVerificationError):
        received.verify("whsec_" + "QUFB" * 10)
    received.body += b" "
    with pytest.raises(WebhookVerificationError):
        received.verify(secret)


async def test_both_secrets_sign_for_a_day_after_the_rotation(hooked: Hooked) -> None:
    webhook, first = await hooked.add()
    second = await replace_secret(hooked.app, webhook)
    await hooked.service.given(opened())
    await hooked.deliver()
    for secret in (first, second):
        hooked.receiver.accepted[0].verify(secret)
    await hooked.later(timedelta(days=1, minutes=1))
    await hooked.service.given(posted())
    await hooked.deliver()
    signatures = hooked.receiver.accepted[1].headers["webhook-signature"].split()
    assert len(signatures) == 1


async def test_secrets_are_not_stored_in_plain(hooked: Hooked) -> None:
    import base64

    webhook, secret = await hooked.add()
    plain = base64.b64decode(secret.removeprefix("whsec_"))
    assert plain not in webhook.secret
    found = await hooked.store.find(webhook.id)
    assert found == webhook


# -- words


async def words_of(hooked: Hooked) -> list[tuple[str, Any, Any]]:
    """Return id, body and name of each comment's event that was received."""
    await hooked.deliver()
    found = [
        (one.name, one.data.get("body"), one.data.get("author", {}).get("name"))
        for one in hooked.receiver.accepted
        if one.event["type"].startswith("comment.")
    ]
    hooked.receiver.accepted.clear()
    return found


@pytest.mark.parametrize("with_held", [False, True])
async def test_words_that_the_public_is_not_shown_are_sent_only_if_asked_for(
    hooked: Hooked, *, with_held: bool
) -> None:
    await hooked.add(with_held=with_held)
    await hooked.service.given(
        opened(),
        posted("shown", name="1", body="Shown."),
        posted("held", name="2", body="Hidden.", status="held"),
        posted("gone", name="3", body="Hidden."),
        event("comment.removed", name="4", comment="gone", reason="Public."),
        posted("edited", name="5", body="Hidden."),
        event("comment.edited", name="6", comment="edited", body="Shown."),
        event("comment.edited", name="7", comment="edited", body="Hidden.", status="held"),
        event("comment.flagged", name="8", comment="shown", by="bob", reason="Hidden."),
        about_person("person.banned", "eve", name="9", by="mia", reason="Hidden."),
        about_person("person.configured", "ann", name="10", called="Shown."),
    )
    await hooked.deliver()
    received = {one.name: one for one in hooked.receiver.accepted}
    text = {name: str(one.event) for name, one in received.items()}
    assert all(("Hidden." in each) <= with_held for each in text.values())
    assert sorted(name for name, each in text.items() if "Shown." in each) == ["1", "10", "6"]
    assert received["4"].data["reason"] == "Public."
    withheld = sorted(name for name, one in received.items() if one.data.get("withheld"))
    assert withheld == ([] if with_held else ["2", "3", "5", "7", "8", "9"])
    if not with_held:
        assert received["2"].data["body"] is None
        assert received["2"].data["author"] == {"id": "ann"}


@pytest.mark.parametrize("with_held", [False, True])
async def test_a_private_site_has_no_words_unless_asked_for(
    hooked: Hooked, *, with_held: bool
) -> None:
    await hooked.add(with_held=with_held)
    marked = {"passage": "p1", "exact": "Secret exact", "question": "Secret question?"}
    await hooked.service.given(
        event("site.configured", settings={"private": True}),
        opened(title="Secret title", url="https://example.org/secret"),
        posted("c1", body="Secret body", author={"id": "bob", "name": "Secret name"}),
        event("article.revised", revision="1", text="Secret exact text"),
        event("passage.marked", **marked),
        event("comment.pinned", comment="c1", by="mia", reason="Secret reason"),
        about_person("person.configured", "bob", called="Secret name"),
    )
    await hooked.deliver()
    assert len(hooked.receiver.accepted) == 7
    told = [one.name for one in hooked.receiver.accepted if "ecret" in str(one.event)]
    assert len(told) == (6 if with_held else 0)


@pytest.mark.parametrize("with_held", [False, True])
async def test_replaced_titles_texts_and_questions_are_sent_only_if_asked_for(
    hooked: Hooked, *, with_held: bool
) -> None:
    """The receiver was away meanwhile."""
    await hooked.add(with_held=with_held)
    page = "https://example.org/"
    await hooked.service.given(
        opened(name="1", title="Hidden."),
        opened(name="2", title="Shown.", url=page + "hidden"),
        opened(name="3", url=page + "shown"),
        event("article.revised", name="4", revision="1", text="Tea. Milk. Hidden."),
        event("article.revised", name="5", revision="2", text="Tea. Milk. Shown."),
        event("passage.marked", name="6", passage="p1", exact="Tea.", question="Hidden?"),
        event("passage.marked", name="7", passage="p1", exact="Tea.", question="Shown?"),
        event("passage.marked", name="8", passage="p2", exact="Milk.", question="Shown?"),
        event("passage.unmarked", name="9", passage="p2"),
    )
    await hooked.deliver()
    received = {one.name: one for one in hooked.receiver.accepted}
    withheld = sorted(name for name, one in received.items() if one.data.get("withheld"))
    assert withheld == ([] if with_held else ["1", "2", "4", "6", "8"])
    assert ("idden" in str([one.event for one in received.values()])) == with_held
    assert ("Milk." in str(received["8"].event)) == with_held
    assert all("hown" in str(received[name].event) for name in ("3", "5", "7"))


async def marked(hooked: Hooked, exact: str, start: int) -> str:
    """Mark a passage as a person. Return its id."""
    quote = {"exact": exact, "prefix": "", "suffix": ""}
    answer = await hooked.service.ask(
        "POST",
        f"/v1/discussions/{DISCUSSION}/passages",
        token=ANN,
        headers=JSON,
        body=json.dumps({**quote, "start": start, "end": start + len(exact)}).encode(),
    )
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def test_a_passage_of_a_person_is_sent_once_a_comment_on_it_is_shown(
    hooked: Hooked,
) -> None:
    await hooked.add(types=("passage.marked",))
    await hooked.service.given(opened(), event("article.revised", revision="1", text="Tea. Milk."))
    await marked(hooked, "Tea.", 0)
    passage = await marked(hooked, "Milk.", 5)
    await hooked.service.given(posted("c1", passage_id=passage))
    await hooked.deliver()
    assert [one.data.get("exact") for one in hooked.receiver.accepted] == [None, "Milk."]


async def test_words_of_an_erased_person_are_never_sent(hooked: Hooked) -> None:
    await hooked.add(with_held=True, with_email=True)
    await hooked.service.given(opened(), posted("c1", author=BOB, body="Gone."))
    await hooked.queuer.catch_up()
    await hooked.service.given(erased("bob"))
    await hooked.deliver()
    assert "Gone." not in str([one.event for one in hooked.receiver.seen])
    (comment,) = [one for one in hooked.receiver.accepted if one.event["type"] == "comment.posted"]
    assert comment.data["erased"] is True


async def test_a_delivery_that_waits_while_words_are_erased_is_written_anew(
    hooked: Hooked,
) -> None:
    """The message was made; the receiver has not taken it yet."""
    await hooked.add(types=("comment.posted",))
    begun, bodies = asyncio.Event(), []
    original = hooked.poster.post

    async def post(url: str, body: bytes, *rest: Any, **named: Any) -> Any:
        bodies.append(body)
        begun.set()
        if len(bodies) == 1:
            await asyncio.Event().wait()
        return await original(url, body, *rest, **named)

    hooked.poster.post = post  # type: ignore[method-assign]
    await hooked.service.given(opened(), posted("c1", author=BOB, body="Gone."))
    await hooked.queuer.catch_up()
    sending = asyncio.create_task(hooked.sender.send_due())
    await begun.wait()
    await hooked.service.given(erased("bob"))
    await sending
    assert b"Gone." in bodies[0]
    assert b"Gone." not in bodies[1]
    assert [one.data["body"] for one in hooked.receiver.seen] == [None]


# -- order and failures


async def test_a_failing_delivery_holds_back_its_discussion_alone(hooked: Hooked) -> None:
    await hooked.add(types=("comment.posted",))
    failing = True

    async def accept(received: dict[str, Any]) -> web.Response | None:
        return web.Response(status=503) if failing and received["id"] == "a1" else None

    hooked.receiver.accept = accept
    await hooked.service.given(
        opened(),
        opened(resource="/other"),
        posted("a1", name="a1"),
        posted("b1", name="b1", resource="/other"),
        posted("a2", name="a2"),
        posted("b2", name="b2", resource="/other"),
        posted("a3", name="a3"),
    )
    await hooked.deliver()
    assert hooked.receiver.names == ["b1", "b2"]
    status = await hooked.status()
    assert (status.waiting, status.error) == (3, "the receiver answers 503")
    await hooked.deliver()  # it is not due yet
    assert [one.name for one in hooked.receiver.seen].count("a1") == 1
    failing = False
    await hooked.later(timedelta(minutes=1))
    await hooked.deliver()
    assert hooked.receiver.names == ["b1", "b2", "a1", "a2", "a3"]
    assert len({one.id for one in hooked.receiver.seen if one.name == "a1"}) == 1


async def test_another_webhook_is_not_held_back(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.add(url=hooked.receiver.url + "/broken")
    await hooked.service.given(opened(), posted("c1"))

    async def accept(_: dict[str, Any]) -> web.Response | None:
        return None

    hooked.receiver.accept = accept
    await hooked.deliver()
    assert len(hooked.receiver.accepted) == 4
    ids = [one.id for one in hooked.receiver.accepted]
    assert len(set(ids)) == 4


async def claimed_by_webhook(hooked: Hooked, number: int) -> list[UUID | None]:
    """Claim deliveries, and return their webhooks."""
    found = [await hooked.claim() for _ in range(number)]
    return [None if one is None else one.webhook.id for one in found]


async def queue_in_discussions(hooked: Hooked, site: str, number: int) -> None:
    """Open discussions of a site, and queue the events."""
    await hooked.service.given(*(opened(resource=f"/{n}", site=site) for n in range(number)))
    await hooked.queuer.catch_up()


async def test_webhooks_are_claimed_for_by_turns(hooked: Hooked) -> None:
    """The deliveries of the first have waited longer."""
    slow, fast = (await hooked.add())[0].id, (await hooked.add(site="herald"))[0].id
    await queue_in_discussions(hooked, "gazette", 6)
    await queue_in_discussions(hooked, "herald", 2)
    assert await claimed_by_webhook(hooked, 7) == [slow, fast, slow, fast, slow, slow, None]


async def test_a_webhook_that_fails_is_claimed_for_once_at_a_time(hooked: Hooked) -> None:
    failing, other = (await hooked.add())[0].id, (await hooked.add(site="herald"))[0].id
    await queue_in_discussions(hooked, "gazette", 6)
    first = await hooked.claim()
    assert first is not None
    await hooked.store.retry(first, timedelta(hours=1), "no answer")
    await queue_in_discussions(hooked, "herald", 2)
    assert await claimed_by_webhook(hooked, 4) == [failing, other, other, None]


async def test_errors_for_three_days_disable_it(hooked: Hooked) -> None:
    async def accept(_: dict[str, Any]) -> web.Response:
        return web.Response(status=500)

    hooked.receiver.accept = accept
    await hooked.add()
    await hooked.service.given(opened(), posted("c1"))
    attempts = 0
    while (await hooked.status()).state == "active":
        await hooked.deliver()
        attempts += 1
        await hooked.later(timedelta(hours=1))
        assert attempts < 100
    assert hooked.passed > timedelta(days=3)
    assert 20 < len(hooked.receiver.seen) < 60  # waits grow to four hours
    status = await hooked.status()
    assert (status.waiting, status.error) == (0, "the receiver answers 500")
    seen = len(hooked.receiver.seen)
    await hooked.service.given(posted("c2"))
    await hooked.deliver()
    assert len(hooked.receiver.seen) == seen


async def test_days_without_an_attempt_do_not_disable_it(hooked: Hooked) -> None:
    """All senders were stopped after the first attempt."""
    answers = [503, 503, 204]

    async def accept(_: dict[str, Any]) -> web.Response:
        return web.Response(status=answers.pop(0))

    hooked.receiver.accept = accept
    await hooked.add()
    await hooked.service.given(opened())
    await hooked.deliver()
    await hooked.later(timedelta(days=4))
    await hooked.deliver()
    assert (await hooked.status()).state == "active"
    await hooked.later(timedelta(minutes=1))
    await hooked.deliver()
    assert len(hooked.receiver.accepted) == 1


async def test_a_receiver_that_is_gone_for_good_disables_it_at_once(hooked: Hooked) -> None:
    async def accept(_: dict[str, Any]) -> web.Response:
        return web.Response(status=410)

    hooked.receiver.accept = accept
    await hooked.add()
    await hooked.service.given(opened())
    await hooked.deliver()
    assert (await hooked.status()).state == "disabled"


async def test_a_webhook_that_is_disabled_while_events_are_queued_is_sent_none(
    hooked: Hooked, database_url: str
) -> None:
    """A row of another transaction holds up the queuing."""
    webhook, _ = await hooked.add()
    await hooked.service.given(opened())
    other, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        first = webhook.id, ids.discussion_id("gazette", "/trams"), await hooked.app.head()
        await other.execute("insert into rostra_webhook_queue values ($1, $2, $3)", *first)
        queuing = asyncio.create_task(hooked.queuer.catch_up())

        async def are_waiting(number: int) -> bool:
            return bool(await watcher.fetchval(BLOCKED) >= number)

        await wait_until(lambda: are_waiting(1))
        disabling = asyncio.create_task(hooked.store.disable(webhook.id, "by an operator"))

        async def is_next() -> bool:
            return disabling.done() or await are_waiting(2)

        await wait_until(is_next)
        await transaction.rollback()
        await asyncio.gather(queuing, disabling)
    finally:
        await asyncio.gather(other.close(), watcher.close())
    await hooked.deliver()
    assert hooked.receiver.seen == []
    assert (await hooked.status()).waiting == 0


async def test_a_lane_of_a_disabled_webhook_is_not_claimed(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.service.given(opened())
    await hooked.queuer.catch_up()
    await hooked.app.log._pool.execute(  # type: ignore[attr-defined]
        "update rostra_webhooks set state = 'disabled'"
    )
    await hooked.deliver()
    assert hooked.receiver.seen == []


async def test_killed_before_it_is_recorded_it_is_sent_again_with_the_same_id(
    hooked: Hooked,
) -> None:
    await hooked.add()
    await hooked.service.given(opened(), posted("c1", name="c1"))

    async def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    complete, hooked.store.complete = hooked.store.complete, die  # type: ignore[method-assign]
    await hooked.queuer.catch_up()
    claimed = await hooked.claim()
    assert claimed is not None
    await hooked.sender._send(claimed)  # and it is killed here
    hooked.store.complete = complete  # type: ignore[method-assign]
    hooked.sender = hooked.another_sender()
    await hooked.deliver()
    assert len(hooked.receiver.seen) == 1  # the claim holds
    await hooked.later(timedelta(seconds=91))
    await hooked.deliver()
    assert [one.event["type"] for one in hooked.receiver.seen] == [
        "discussion.opened",
        "discussion.opened",
        "comment.posted",
    ]
    assert hooked.receiver.seen[0].id == hooked.receiver.seen[1].id


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_processes_with_other_clocks_send_once_and_at_once(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    await hooked.add()
    await hooked.service.given(opened(), opened(resource="/other"))
    await hooked.queuer.catch_up()
    assert await hooked.claim() is not None
    skewed = Mock(now=lambda zone: datetime.now(zone) + timedelta(minutes=minutes))
    monkeypatch.setattr(clock, "datetime", skewed)
    await WebhookSender(hooked.app, hooked.store, hooked.poster).send_due()
    assert len(hooked.receiver.seen) == 1


async def test_two_senders_keep_the_order_and_send_each_event_once(hooked: Hooked) -> None:
    await hooked.add(types=("comment.posted",))
    names = [f"{resource}{number}" for number in range(10) for resource in ("/a", "/b", "/c")]
    await hooked.service.given(
        *(opened(resource=resource) for resource in ("/a", "/b", "/c")),
        *(posted(name, name=name, resource=name[:2]) for name in names),
    )
    await hooked.queuer.catch_up()
    other = hooked.another_sender()
    await asyncio.gather(hooked.sender.send_due(), other.send_due())
    assert sorted(hooked.receiver.names) == sorted(names)
    for resource in ("/a", "/b", "/c"):
        mine = [name for name in hooked.receiver.names if name.startswith(resource)]
        assert mine == [name for name in names if name.startswith(resource)]
    assert hooked.receiver.most_under_way <= 4


async def test_nothing_of_an_earlier_log_is_sent(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.service.given(opened(), posted("c1", name="c1"))
    await hooked.queuer.catch_up()
    from uuid import uuid4

    await hooked.app.log._pool.execute(  # type: ignore[attr-defined]
        "update public.rostra_followers set log = $1", uuid4()
    )
    await hooked.sender.send_due()
    await hooked.deliver()
    assert hooked.receiver.seen == []
    await hooked.service.given(posted("c2", name="c2"))
    await hooked.deliver()
    assert hooked.receiver.names == ["c2"]


async def test_a_process_that_begins_after_another_drops_nothing(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.service.given(opened(), posted("c1"))
    await hooked.queuer.catch_up()
    before = await hooked.store.checkpoint(), await hooked.store.waiting()
    for position in (0, await hooked.app.head() + 5):
        await hooked.store.begin(await hooked.app.log.log_id(), position)
    assert (await hooked.store.checkpoint(), await hooked.store.waiting()) == before


async def test_a_row_of_another_program_stops_nothing(hooked: Hooked) -> None:
    """It has the name of an event, and is none."""
    await hooked.add()
    await hooked.add(kind="review", url="")
    await hooked.service.given(opened())
    insert = """
        insert into stored_events
            (originator_id, originator_version, topic, state, event_id, metadata)
        values ($1, 1, $2, '{"no": "event"}', $1, '{"source": "urn:other", "id": "x"}')
    """
    place = ids.discussion_id("gazette", "/trams")
    for number, topic in enumerate(("comment.posted", "comment.edited", "discussion.opened")):
        stream = ids.comment_id(place, f"other{number}")
        await hooked.app.log._pool.execute(insert, stream, topic)  # type: ignore[attr-defined]
    await hooked.service.given(posted("c1", name="c1"))
    await hooked.deliver()
    assert hooked.receiver.names[-1] == "c1"
    assert len(hooked.receiver.names) == 2


async def test_a_message_that_cannot_be_made_disables_nothing(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hooked.add(types=("comment.posted",))
    await hooked.service.given(opened(), posted("c1", name="c1"), posted("c2", name="c2"))
    message = hooked.sender._messages.message

    async def fail(row: Any, webhook: Any) -> bytes | None:
        if row.stream == ids.comment_id(ids.discussion_id("gazette", "/trams"), "c1"):
            raise ValueError("no such thing")
        return await message(row, webhook)

    monkeypatch.setattr(hooked.sender._messages, "message", fail)
    while (await hooked.status()).waiting or not hooked.passed:
        await hooked.deliver()
        await hooked.later(timedelta(hours=5))
        assert hooked.passed < timedelta(days=5)
    assert hooked.receiver.names == ["c2"]
    assert (await hooked.status()).state == "active"


async def test_two_followers_queue_each_event_once(hooked: Hooked) -> None:
    await hooked.add()
    await hooked.service.given(opened(), *(posted(f"c{number}") for number in range(30)))
    others = [DeliveryQueuer(hooked.app.log, hooked.store) for _ in range(3)]
    await asyncio.gather(*(one.catch_up() for one in (hooked.queuer, *others)))
    await hooked.queuer.catch_up()
    assert (await hooked.status()).waiting == 31
    await hooked.deliver()
    assert len(hooked.receiver.seen) == 31


async def test_webhooks_need_postgresql() -> None:
    async with rostra_adapters.open("memory:") as app:
        with pytest.raises(NeedsPostgres, match="webhooks need PostgreSQL"):
            await add_webhook(app, site="gazette", url="https://example.org/")


async def test_metrics_name_webhooks_that_fail_or_are_disabled(hooked: Hooked) -> None:
    answers = [503, 503, 410]

    async def accept(_: dict[str, Any]) -> web.Response:
        return web.Response(status=answers.pop(0))

    async def metrics() -> list[str]:
        text = (await hooked.service.ask("GET", "/metrics")).body.decode()
        return [line for line in text.splitlines() if line.startswith("rostra_webhook")]

    hooked.receiver.accept = accept
    await hooked.add()
    assert 'rostra_webhooks{state="active"} 1.0' in await metrics()
    await hooked.service.given(opened(), posted("c1"))
    await hooked.deliver()
    found = await metrics()
    assert "rostra_webhook_waiting_events 2.0" in found
    (failing,) = [line for line in found if line.startswith("rostra_webhook_failing_seconds")]
    assert 0 < float(failing.split()[1]) < 60
    await hooked.later(timedelta(minutes=1))
    await hooked.deliver()
    await hooked.later(timedelta(minutes=1))
    await hooked.deliver()
    found = await metrics()
    assert 'rostra_webhooks{state="disabled"} 1.0' in found
    assert "rostra_webhook_waiting_events 0.0" in found
