"""Notices by mail, from the log to an SMTP server."""

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra import ids
from rostra.deciding.handle import Outcome
from rostra.refusals import Refusal
from rostra_adapters.application.notify import sender
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.notify.outbox import ATTEMPTS_MIN, GIVE_UP_AFTER
from rostra_adapters.application.notify.sender import Sender, ServerAway
from rostra_adapters.http import HttpSettings
from support.mails import BASE, JSON, MAILING, Notified, about, by, elapse, link_in, smtp_server
from support.service import event, opened, posted, serving, token

THE_SERVERS_LOG = "mail.log"
DISCUSSION = ids.discussion_id("gazette", "/trams")


async def test_a_reply_is_mailed_to_the_author_once(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(opened(title="Trams"), posted("c1", author=by("ann")))
    await notified.service.given(posted("c2", author=by("bob"), parent="c1", body="No *way*."))
    mails = await notified.mails()
    assert about(mails) == [("ann@example.org", "Bob answered your comment")]
    (mail,) = mails
    plain = mail.get_body(("plain",))
    assert plain is not None
    text = plain.get_content()
    comment = ids.comment_id(DISCUSSION, "c2")
    assert "> No *way*." in text
    assert "On “Trams”" in text
    assert f"{BASE}/v1/discussions/{DISCUSSION}/page?comment={comment}" in text
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(mail["List-Unsubscribe"]).startswith(f"<{BASE}/mail/")
    assert await notified.mails() == []


async def test_who_replies_to_themselves_gets_no_mail(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("ann")),
        posted("c2", author=by("ann"), parent="c1"),
    )
    assert await notified.mails() == []


async def test_a_subscriber_hears_of_every_new_comment_until_they_unsubscribe(
    notified: Notified,
) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        posted("before", author=by("bob")),
        event("subscription.started", person="ann", to="comments"),
    )
    await notified.service.given(posted("c1", author=by("bob")))
    assert about(await notified.mails()) == [("ann@example.org", "Bob commented")]
    await notified.service.given(
        posted("c2", author=by("ann")), event("subscription.ended", person="ann")
    )
    await notified.service.given(posted("c3", author=by("bob"), parent="c2"))
    assert await notified.mails() == []


async def test_who_turned_a_discussion_off_hears_nothing_of_it(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(), posted("c1", author=by("ann")), event("subscription.ended", person="ann")
    )
    await notified.service.given(posted("c2", author=by("bob"), parent="c1"))
    assert await notified.mails() == []


async def test_who_is_both_replied_to_and_subscribed_gets_one_mail(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        posted("c1", author=by("ann")),
        event("subscription.started", person="ann", to="comments"),
        posted("c2", author=by("bob"), parent="c1", mentions=["ann"]),
    )
    assert about(await notified.mails()) == [("ann@example.org", "Bob answered your comment")]


async def test_feedback_on_a_passage_is_mailed_to_who_marked_it(notified: Notified) -> None:
    service = notified.service
    await notified.subscribe("ann")
    text = "Trams are loud in the morning, and quiet at night."
    settings = {"marking": "persons"}
    await service.given(
        opened(settings=settings), event("article.revised", revision="1", text=text)
    )
    marked = await service.ask(
        "POST",
        f"/v1/discussions/{DISCUSSION}/passages",
        token=token("comment", site="gazette", person="ann"),
        headers=JSON,
        body=json.dumps({"exact": "loud in the morning"}).encode(),
    )
    assert marked.status == 201, marked.body
    passage = marked.json["id"]
    await service.given(
        posted("c1", author=by("ann"), passage_id=passage),
        posted("c2", author=by("bob"), passage_id=passage),
    )
    head = await service.app.head()
    bearer = token("comment", site="gazette", person="ann")
    inbox = await service.ask(
        "GET", "/v1/me/inbox", token=bearer, params={"min_position": str(head)}
    )
    comment = str(ids.comment_id(DISCUSSION, "c2"))
    assert [(one["reason"], one["comment"]) for one in inbox.json["items"]] == [
        ("passage", comment)
    ]
    (mail,) = await notified.mails()
    assert mail["To"] == "ann@example.org"
    assert comment in text_of(mail)


async def test_addresses_of_authors_are_never_written_to(notified: Notified) -> None:
    ann = {"id": "ann", "name": "Ann", "email": "ann@example.org"}
    await notified.service.given(
        opened(),
        posted("c1", author=ann),
        event("subscription.started", person="ann", to="comments"),
        posted("c2", author=by("bob"), parent="c1", mentions=["ann"]),
    )
    assert await notified.mails() == []
    assert (await notified.service.app.outbox.status()).waiting == 0


async def test_links_in_mails_hold_no_address_and_outlive_the_secret(database_url: str) -> None:
    async with smtp_server() as (inbox, smtp):
        async with serving(database_url, MAILING) as service:
            notified = Notified(service, inbox, smtp)
            await notified.filler.catch_up()
            await service.given(opened())
            body = b'{"email": "gil@example.org", "to": "comments"}'
            path = f"/v1/discussions/{DISCUSSION}/subscriptions"
            assert (await service.ask("POST", path, headers=JSON, body=body)).status == 202
            (mail,) = await notified.mails()
        link = link_in(mail)
        raw = link.rpartition("/")[2]
        decoded = urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
        assert b"gil" not in decoded and b"example" not in decoded
        settings = HttpSettings(secret="another secret, which is long enough as well")
        async with serving(database_url, settings) as service:
            assert (await service.ask("POST", link)).status == 200
            notified = Notified(service, inbox, smtp)
            await service.app.publish([posted("c1", author=by("bob"))])
            assert about(await notified.mails()) == [("gil@example.org", "Bob commented")]


async def test_an_address_is_confirmed_by_the_button_of_its_mail(notified: Notified) -> None:
    service = notified.service
    await service.given(opened(), posted("c1", author=by("ann")))
    bearer = token("comment", site="gazette", person="ann")
    body = b'{"email": "ann@example.org", "language": "de"}'
    answer = await service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=body)
    assert answer.json["email_confirmed"] is False
    await service.given(posted("c2", author=by("bob"), parent="c1"))
    (mail,) = await notified.mails()
    assert mail["Subject"] == "Bestätigen Sie Ihre E-Mail-Adresse"
    link = link_in(mail)
    page = await service.ask("GET", link, headers={"Accept-Language": "de-AT,en;q=0.5"})
    assert (page.status, page.media_type) == (200, "text/html")
    assert "<button>Bestätigen</button>" in page.body.decode()
    assert (await service.ask("GET", "/v1/me", token=bearer)).json["email_confirmed"] is False
    assert (await service.ask("POST", link)).status == 200
    assert (await service.ask("GET", "/v1/me", token=bearer)).json["email_confirmed"] is True
    await service.given(posted("c3", author=by("bob"), parent="c1"))
    assert about(await notified.mails()) == [
        ("ann@example.org", "Bob hat auf Ihren Kommentar geantwortet")
    ]


async def test_an_address_that_is_no_longer_theirs_is_not_confirmed(notified: Notified) -> None:
    service, outbox = notified.service, notified.service.app.outbox
    bearer = token("comment", site="gazette", person="ann")
    links = []
    for address in ("old@example.org", "new@example.org"):
        body = json.dumps({"email": address}).encode()
        await service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=body)
        (mail,) = await notified.mails()
        links.append(link_in(mail))
    assert "not valid" in (await service.ask("POST", links[0])).body.decode()
    assert "not valid" not in (await service.ask("POST", links[1])).body.decode()
    assert "not valid" in (await service.ask("POST", links[0])).body.decode()
    assert (await service.ask("GET", "/v1/me", token=bearer)).json["email_confirmed"]
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "ann"}
    await service.given(erased)
    assert "not valid" in (await service.ask("POST", links[1])).body.decode()
    assert await outbox.confirmed_address(ids.person_id("gazette", "ann")) is None


async def test_a_bare_post_unsubscribes_and_a_get_changes_nothing(notified: Notified) -> None:
    service = notified.service
    await notified.subscribe("ann")
    await service.given(opened(), posted("c1", author=by("ann")))
    await service.given(posted("c2", author=by("bob"), parent="c1"))
    (mail,) = await notified.mails()
    link = link_in(mail)
    assert str(mail["List-Unsubscribe"]) == f"<{BASE}{link}>"
    assert f"List-Unsubscribe: <{BASE}{link}>".encode() in notified.inbox.contents[-1]
    assert (await service.ask("GET", link)).status == 200
    await service.given(posted("c3", author=by("bob"), parent="c1"))
    assert len(await notified.mails()) == 1
    assert (await service.ask("POST", link)).status == 200
    assert (await service.ask("POST", link)).status == 200
    await service.given(posted("c4", author=by("bob"), parent="c1"))
    assert await notified.mails() == []


async def test_a_mail_about_a_decision_is_unsubscribed_from(notified: Notified) -> None:
    await notified.subscribe("ann", notify={"moderation": "now"})
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(event("comment.held", comment="c1", by="mod"))
    (mail,) = await notified.mails()
    await notified.service.given(event("comment.approved", comment="c1", by="mod"))
    await notified.filler.catch_up()
    assert (await notified.service.ask("POST", link_in(mail))).status == 200
    assert await notified.mails() == []
    await notified.service.given(event("comment.removed", comment="c1", by="mod"))
    assert await notified.mails() == []


async def test_links_are_short_and_work_for_the_longest_ids(notified: Notified) -> None:
    person, address = "😀" * 200, "long@example.org"
    stream, outbox = ids.person_id("gazette", person), notified.service.app.outbox
    await outbox.confirm(stream, address_hash(stream, address, await outbox.link_key()))
    configured = event("person.configured")
    configured["data"] = {"site": "gazette", "person": person, "email": address}
    started = event("subscription.started", person=person, to="comments")
    await notified.service.given(configured, opened(), started, posted("c1", author=by("bob")))
    (mail,) = await notified.mails()
    assert all(len(line) < 998 for line in notified.inbox.contents[-1].split(b"\r\n"))
    assert (await notified.service.ask("POST", link_in(mail))).status == 200
    await notified.service.given(posted("c2", author=by("bob")))
    assert await notified.mails() == []


async def test_nobody_is_told_of_an_end_that_was_refused(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = notified.service
    await notified.subscribe("ann")
    await service.given(opened(), posted("c1", author=by("ann")))
    await service.given(posted("c2", author=by("bob"), parent="c1"))
    (mail,) = await notified.mails()
    refusal = Outcome("rejected", refusal=Refusal("stream-full", "full"))

    async def refuse(commands: Sequence[object]) -> list[Outcome]:
        return [refusal for _ in commands]

    monkeypatch.setattr(service.app, "submit", refuse)
    answer = await service.ask("POST", link_in(mail))
    assert "This link is not valid" in answer.body.decode()


async def test_a_guest_subscribes_by_mail_alone(notified: Notified) -> None:
    service = notified.service
    await service.given(opened())
    head = await service.app.head()

    async def ask(address: str) -> int:
        body = json.dumps({"email": address, "to": "comments", "language": "fr"}).encode()
        path = f"/v1/discussions/{DISCUSSION}/subscriptions"
        return (await service.ask("POST", path, headers=JSON, body=body)).status

    assert [await ask("gil@example.org") for _ in range(5)] == [202] * 5
    mails = await notified.mails()
    assert about(mails) == [("gil@example.org", "Confirmez votre adresse électronique")] * 3
    assert await service.app.head() == head
    link = link_in(mails[0])
    assert (await service.ask("GET", link)).status == 200
    assert await service.app.head() == head
    for _ in range(2):
        assert (await service.ask("POST", link)).status == 200
    assert await service.app.head() == head + 2
    await service.given(posted("c1", author=by("bob")))
    assert about(await notified.mails()) == [("gil@example.org", "Bob a commenté")]
    for row in await service.app.log.read_after(0, 100):
        assert b"gil" not in row.state


async def test_without_mails_no_address_waits_to_be_confirmed(database_url: str) -> None:
    async with serving(database_url) as service:
        await service.given(opened())
        body = b'{"email": "gil@example.org", "to": "comments"}'
        path = f"/v1/discussions/{DISCUSSION}/subscriptions"
        assert (await service.ask("POST", path, headers=JSON, body=body)).status == 202
        bearer = token("comment", site="gazette", person="ann")
        for _ in range(5):
            body = b'{"email": "ann@example.org"}'
            answer = await service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=body)
            assert (answer.status, answer.json["email"]) == (200, "ann@example.org")
        assert (await service.app.outbox.status()).waiting == 0
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("select count(*) from rostra_mail_requests") == 0
    finally:
        await connection.close()


async def test_one_reader_subscribes_few_addresses(notified: Notified) -> None:
    await notified.service.given(opened())
    path = f"/v1/discussions/{DISCUSSION}/subscriptions"
    found = []
    for number in range(6):
        body = json.dumps({"email": f"p{number}@example.org", "to": "comments"}).encode()
        headers = JSON | {"X-Forwarded-For": "192.0.2.7"}
        answer = await notified.service.ask("POST", path, headers=headers, body=body)
        found.append(answer.status)
    assert found == [202] * 5 + [429]


async def test_nobody_subscribes_by_mail_to_what_they_may_not_read(notified: Notified) -> None:
    body = b'{"email": "gil@example.org", "to": "comments"}'
    path = f"/v1/discussions/{DISCUSSION}/subscriptions"
    missing = await notified.service.ask("POST", path, headers=JSON, body=body)
    await notified.service.given(opened(settings={"private": True}))
    private = await notified.service.ask("POST", path, headers=JSON, body=body)
    assert (missing.status, private.status) == (404, 404)


async def test_a_link_that_was_not_signed_does_nothing(notified: Notified) -> None:
    for link in ("/mail/x", "/mail/" + "A" * 300, "/mail/%00"):
        assert (await notified.service.ask("POST", link)).status == 404


async def test_an_address_gets_few_confirmations_a_day(notified: Notified) -> None:
    found = []
    for number in range(4):
        answer = await notified.service.ask(
            "PATCH",
            "/v1/me",
            token=token("comment", site="gazette", person=f"p{number}"),
            headers=JSON,
            body=b'{"email": "victim@example.org"}',
        )
        found.append(answer.status)
    assert found == [200, 200, 200, 429]
    assert len(await notified.mails()) == 3


async def test_spellings_of_one_address_share_its_confirmations(notified: Notified) -> None:
    await notified.service.given(opened())
    path = f"/v1/discussions/{DISCUSSION}/subscriptions"
    spellings = (
        "victim@example.org",
        "Victim@Example.org.",
        "victim@\uff25xample.org",
        "victim@ex\u00adample.org",
        "victim@example\u3002org",
    )
    for spelling in spellings:
        body = json.dumps({"email": spelling, "to": "comments"}).encode()
        assert (await notified.service.ask("POST", path, headers=JSON, body=body)).status == 202
    mails = await notified.mails()
    assert len(mails) == 3
    assert {str(mail["To"]).lower() for mail in mails} == {"victim@example.org"}


async def test_a_domain_is_kept_as_it_is_written_in_mails(notified: Notified) -> None:
    async def configure(email: str) -> Any:
        bearer = token("comment", site="gazette", person="ann")
        body = json.dumps({"email": email}).encode()
        return await notified.service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=body)

    answer = await configure("Anna@B\u00fccher.Example.")
    assert answer.json["email"] == "Anna@xn--bcher-kva.example"
    for email in ("anna@b\u00fccher..example", "anna@."):
        assert (await configure(email)).problem == "invalid-body"


async def test_what_is_no_longer_shown_is_not_sent(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        posted("c1", author=by("ann")),
        posted("c2", author=by("bob"), parent="c1"),
        posted("c3", author=by("cy"), parent="c1"),
    )
    await notified.filler.catch_up()
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "cy"}
    await notified.service.given(event("comment.removed", comment="c2", by="mod"), erased)
    assert await notified.mails() == []


async def test_a_held_comment_is_mailed_when_it_is_approved_and_never_again(
    notified: Notified,
) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("bob"), status="held"),
    )
    assert await notified.mails() == []
    await notified.service.given(event("comment.approved", comment="c1", by="mod"))
    assert about(await notified.mails()) == [("ann@example.org", "Bob commented")]
    await notified.service.given(
        event("comment.removed", comment="c1", by="mod"),
        event("comment.restored", comment="c1", by="mod"),
    )
    assert await notified.mails() == []


async def test_imported_comments_are_not_mailed(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        posted("c1", author=by("ann")),
        posted("c2", author=by("bob"), parent="c1", time="2020-01-01T00:00:00Z"),
    )
    assert await notified.mails() == []


async def test_digests_gather_until_the_persons_hour(notified: Notified) -> None:
    await notified.subscribe("ann", notify={"replies": "daily"}, time_zone="Europe/Vienna", hour=7)
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(
        posted("c2", author=by("bob"), parent="c1"), posted("c3", author=by("cy"), parent="c1")
    )
    assert await notified.mails() == []
    status = await notified.service.app.outbox.status()
    assert status.waiting == 2
    assert status.oldest_due is not None
    local = status.oldest_due.astimezone(UTC)
    assert local > notified.now
    assert local - notified.now <= timedelta(days=1)
    assert local.minute == 0


async def test_a_server_that_delays_is_tried_again_and_one_that_refuses_is_not(
    notified: Notified,
) -> None:
    await notified.subscribe("ann")
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(posted("c2", author=by("bob"), parent="c1"))
    outbox = notified.service.app.outbox
    notified.inbox.answers = ["451 try later", "drop", "250 OK"]
    await notified.filler.catch_up()
    for _ in range(3):
        assert await notified.sender.send_next()
        await elapse(outbox, timedelta(hours=1))
    assert len(notified.inbox.mails) == 1
    await notified.service.given(posted("c3", author=by("bob"), parent="c1"))
    notified.inbox.answers = ["550 no such user"]
    await notified.filler.catch_up()
    assert await notified.sender.send_next()
    status = await outbox.status()
    assert (status.waiting, status.given_up) == (0, 1)
    assert status.errors == ["the server refuses the mail (550)"]


async def test_a_mail_is_given_up_after_three_days(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(), posted("c1", author=by("ann")), posted("c2", author=by("bob"), parent="c1")
    )
    await notified.filler.catch_up()
    outbox = notified.service.app.outbox
    for attempt in range(ATTEMPTS_MIN):
        assert (await outbox.status()).given_up == 0, attempt
        notified.inbox.answers = ["451 try later"]
        assert await notified.sender.send_next()
        await elapse(outbox, GIVE_UP_AFTER)
    assert (await outbox.status()).given_up == 1


class Away:
    """A mail server that cannot be reached until it is back."""

    def __init__(self) -> None:
        self.attempts = 0
        self.is_back = False
        self.mails: list[EmailMessage] = []

    async def send(self, mail: EmailMessage, _: UUID, /) -> None:
        self.attempts += 1
        if not self.is_back:
            raise ServerAway("the mail server is not there")
        self.mails.append(mail)


async def test_a_server_that_is_away_is_asked_less_often_and_no_mail_pays(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    outbox, away = notified.service.app.outbox, Away()
    monkeypatch.setattr(notified.sender, "_transport", away)
    await notified.service.given(opened())
    for person in ("ann", "cy"):
        await notified.subscribe(person)
        await notified.service.given(event("subscription.started", person=person, to="comments"))
    await notified.service.given(posted("c1", author=by("bob")))
    assert await notified.mails() == []
    assert (away.attempts, (await outbox.status()).errors) == (1, ["the mail server is not there"])

    monkeypatch.setattr(sender, "AWAY_SECONDS_MIN", 0.001)
    monkeypatch.setattr(sender, "AWAY_SECONDS_MAX", 0.008)
    notified.sender._away_seconds = 0.0
    async with aclosing(notified.sender.run()) as steps:
        async for _ in steps:
            waits.append(notified.sender._away_seconds)
            away.is_back = len(waits) >= 3 * ATTEMPTS_MIN
            if len(away.mails) == 2:
                break
    status = await outbox.status()
    assert (status.waiting, status.sent, status.given_up) == (0, 2, 0)
    assert status.retried == away.attempts - 2
    assert waits[:4] == [0.001, 0.002, 0.004, 0.008]
    assert set(waits[4:-2]) == {0.008} and waits[-2:] == [0, 0]


async def test_hostile_names_make_no_header_of_their_own(notified: Notified) -> None:
    await notified.subscribe("ann")
    title = "Trams\r\nBcc: eve@example.org \u202e" + "x" * 400
    await notified.service.given(opened(title=title), posted("c1", author=by("ann")))
    author = {"id": "eve", "name": "Eve Bcc: eve@example.org" + "e" * 70}
    await notified.service.given(
        posted("c2", author=author, parent="c1", body="<script>alert(1)</script>\u202e")
    )
    (mail,) = await notified.mails()
    assert mail["Bcc"] is None
    assert len(str(mail["Subject"])) <= 200
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "\u202e" not in html.get_content()


async def test_erasing_a_person_deletes_their_notices(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(), posted("c1", author=by("ann")), posted("c2", author=by("bob"), parent="c1")
    )
    await notified.filler.catch_up()
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "ann"}
    await notified.service.given(erased)
    assert (await notified.service.app.outbox.status()).waiting == 0
    assert await notified.mails() == []


async def test_two_senders_send_each_mail_once(database_url: str) -> None:
    async with smtp_server() as (inbox, smtp), serving(database_url, MAILING) as service:
        one, other = Notified(service, inbox, smtp), Notified(service, inbox, smtp)
        await one.filler.catch_up()
        await service.given(opened())
        for number in range(12):
            await one.subscribe(f"p{number}")
            await service.given(event("subscription.started", person=f"p{number}", to="comments"))
        await service.given(posted("c1", author=by("bob")))
        await asyncio.gather(one.filler.catch_up(), other.filler.catch_up())

        async def send(sender: Sender) -> None:
            while await sender.send_next():
                pass

        await asyncio.gather(send(one.sender), send(other.sender))
        assert sorted(str(mail["To"]) for mail in inbox.mails) == sorted(
            f"p{number}@example.org" for number in range(12)
        )


async def test_a_scanner_that_opens_every_link_changes_nothing(notified: Notified) -> None:
    service = notified.service
    await service.given(opened(), posted("c1", author=by("ann")))
    bearer = token("comment", site="gazette", person="ann")
    body = b'{"email": "ann@example.org"}'
    await service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=body)
    asked = json.dumps({"email": "gil@example.org", "to": "comments"}).encode()
    path = f"/v1/discussions/{DISCUSSION}/subscriptions"
    await service.ask("POST", path, headers=JSON, body=asked)
    mails = await notified.mails()
    await notified.subscribe("cy")
    await service.given(event("subscription.started", person="cy", to="comments"))
    await service.given(posted("c2", author=by("bob")))
    mails += await notified.mails()
    assert len(mails) == 3
    links = {
        link.removeprefix(BASE)
        for mail in mails
        for link in re.findall(
            rf"{BASE}/[^\s<>\"]+", mail.as_string(policy=mail.policy) + text_of(mail)
        )
    }
    assert len([link for link in links if link.startswith("/mail/")]) >= 3

    async def state() -> list[Any]:
        me = (await service.ask("GET", "/v1/me", token=bearer)).json
        return [await service.app.head(), me, await service.app.outbox.status()]

    before = await state()
    for link in links:
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = await service.ask(method, link)
            assert answer.status < 500
    assert await state() == before
    assert await notified.mails() == []


def text_of(mail: EmailMessage) -> str:
    return "".join(part.get_content() for part in mail.walk() if not part.is_multipart())


@pytest.mark.slow
async def test_no_word_of_a_mail_is_in_tables_files_or_logs(
    database_url: str, run_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = {name: f"{name}-{uuid4().hex}" for name in ("body", "author", "reader", "address")}
    caplog.set_level("DEBUG")
    async with smtp_server() as (inbox, smtp), serving(database_url, MAILING) as service:
        notified = Notified(service, inbox, smtp)
        await notified.filler.catch_up()
        address = f"{words['address']}@example.org"
        bearer = token("comment", site="gazette", person="ann")
        settings = json.dumps({"email": address, "name": words["reader"]}).encode()
        await service.given(event("site.configured", settings={"names": "person"}))
        await service.ask("PATCH", "/v1/me", token=bearer, headers=JSON, body=settings)
        (confirmation,) = await notified.mails()
        assert (await service.ask("POST", link_in(confirmation))).status == 200
        await service.given(opened(), posted("c1", author={"id": "ann", "name": words["reader"]}))
        author = {"id": "bob", "name": words["author"]}
        inbox.answers = ["451 try later", "550 never"]
        mails: list[EmailMessage] = []
        for key in ("c2", "c3", "c4"):
            await service.given(posted(key, author=author, parent="c1", body=words["body"]))
            mails = await notified.mails()
            await elapse(service.app.outbox, timedelta(hours=1))
        assert all(words[name] in text_of(mails[0]) for name in ("body", "author"))
        assert mails[0]["To"] == address
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("checkpoint")
    finally:
        await connection.close()
    told = [record.getMessage() for record in caplog.records if record.name != THE_SERVERS_LOG]
    assert told
    for word in words.values():
        assert [one for one in told if word in one] == []
        # Other tests drop their databases meanwhile: `-s` passes over files that are gone.
        command = ("grep", "-rlsF", word, str(run_folder))
        found = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert (await found.communicate())[0] == b"", f"{word} is on disk"


@pytest.mark.parametrize("address", ["jörg@example.org", "anna@bücher.example"])
async def test_addresses_of_other_scripts_are_mailed(notified: Notified, address: str) -> None:
    body = json.dumps({"email": address, "to": "comments"}).encode()
    await notified.service.given(opened())
    path = f"/v1/discussions/{DISCUSSION}/subscriptions"
    assert (await notified.service.ask("POST", path, headers=JSON, body=body)).status == 202
    (mail,) = await notified.mails()
    domain = str(mail["To"]).partition("@")[2]
    assert domain in ("example.org", "xn--bcher-kva.example")
