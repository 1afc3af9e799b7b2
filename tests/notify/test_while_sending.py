"""Changes between the claim of a notice and the answer of the mail server."""

import asyncio
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.application.notify.links import address_hash
from rostra_adapters.application.people import People, PersonSettings
from support.databases import stalled_views
from support.mails import Notified, about, by, smtp_server
from support.service import Event, event, opened, posted, serving
from support.waiting import WAIT_SECONDS_MAX

DISCUSSION = ids.discussion_id("gazette", "/trams")


def erased(person: str) -> Event:
    made = event("person.erased")
    return {**made, "data": {"site": "gazette", "person": person}}


async def replied_to(notified: Notified) -> None:
    """Add two notices to the outbox, which are sent to Ann in one mail."""
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        posted("c1", author=by("ann")),
        posted("c2", author=by("bob"), parent="c1", body="Words of Bob."),
        posted("c3", author=by("cy"), parent="c1", body="Words of Cy."),
    )
    await notified.filler.catch_up()


async def stalling(notified: Notified, answer: str) -> asyncio.Task[bool]:
    """Send a mail to a server that has it and does not answer yet."""
    notified.inbox.answers = [f"stall {answer}"]
    sending = asyncio.create_task(notified.sender.send_next())
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await notified.inbox.stalled.wait()
    return sending


async def test_a_mail_with_erased_words_is_broken_off_and_made_anew(notified: Notified) -> None:
    await replied_to(notified)
    sending = await stalling(notified, "451 try later")
    await notified.service.given(erased("bob"))
    assert await sending
    assert not notified.inbox.resumed.is_set()
    (mail,) = await notified.mails()
    assert "Words of Cy." in mail.as_string() and "Words of Bob." not in mail.as_string()
    assert (await notified.service.app.outbox.status()).retried == 0


async def test_a_mail_that_is_broken_off_loses_no_notice(notified: Notified) -> None:
    """Also where the notice that names the mail need not be sent."""
    await notified.subscribe("ann", notify={"mentions": "off"})
    await notified.service.given(
        opened(),
        posted("c0", author=by("dan"), mentions=["ann"]),
        posted("c1", author=by("ann")),
        posted("c2", author=by("bob"), parent="c1"),
        posted("c3", author=by("cy"), parent="c1", body="Words of Cy."),
    )
    await notified.filler.catch_up()
    sending = await stalling(notified, "451 try later")
    await notified.service.given(erased("bob"))
    assert await sending
    (mail,) = await notified.mails()
    assert "Words of Cy." in mail.as_string()
    assert (await notified.service.app.outbox.status()).waiting == 0


async def test_a_mail_to_an_erased_person_is_broken_off_and_gone(notified: Notified) -> None:
    await replied_to(notified)
    sending = await stalling(notified, "451 try later")
    await notified.service.given(erased("ann"))
    assert await sending
    assert not notified.inbox.resumed.is_set()
    outbox = notified.service.app.outbox
    assert await outbox.notices_of(ids.person_id("gazette", "ann")) == []
    assert await notified.mails() == []


async def test_an_erasure_of_others_does_not_break_a_mail_off(notified: Notified) -> None:
    await replied_to(notified)
    sending = await stalling(notified, "250 OK")
    await notified.service.given(erased("zoe"))
    assert not sending.done()
    notified.inbox.resumed.set()
    assert await sending
    assert about(await notified.mails()) == [("ann@example.org", "2 new comments")]
    assert (await notified.service.app.outbox.status()).sent == 1


@pytest.mark.parametrize(
    "change",
    [
        event("subscription.ended", person="ann"),
        event("comment.removed", comment="c1", by="mod"),
        event("comment.held", comment="c1", by="mod"),
        {**event("person.banned"), "data": {"site": "gazette", "person": "ann", "by": "mod"}},
        {
            **event("person.configured"),
            "data": {"site": "gazette", "person": "ann", "notify": {"subscriptions": "off"}},
        },
        {
            **event("person.configured"),
            "data": {"site": "gazette", "person": "ann", "email": "other@example.org"},
        },
    ],
    ids=["unsubscribed", "removed", "held", "banned", "off", "another address"],
)
async def test_a_change_after_the_claim_is_heeded(
    notified: Notified, monkeypatch: pytest.MonkeyPatch, change: Event
) -> None:
    await notified.subscribe("ann")
    await notified.service.given(
        opened(),
        event("subscription.started", person="ann", to="comments"),
        posted("c1", author=by("bob")),
    )
    await notified.filler.catch_up()
    claim = notified.service.app.outbox.claim
    assert (await notified.service.app.outbox.status()).waiting == 1
    changed = {**change, "id": f"now {id(notified)}"}

    class Changed:
        """The claim, after which something changes at once."""

        def __init__(self) -> None:
            self._claim = claim()

        async def __aenter__(self) -> Any:
            claimed = await self._claim.__aenter__()
            if claimed is not None:
                await notified.service.given(changed)
            return claimed

        async def __aexit__(self, *raised: Any) -> Any:
            return await self._claim.__aexit__(*raised)

    monkeypatch.setattr(notified.service.app.outbox, "claim", Changed)
    assert await notified.mails() == []
    assert (await notified.service.app.outbox.status()).waiting == 0


async def test_the_views_have_read_a_removal_before_a_mail_is_made(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    settings = People.settings

    async def ask(self: People, site: str, person: str) -> PersonSettings:
        asked.set()
        return await settings(self, site, person)

    async with smtp_server() as (inbox, smtp), serving(database_url) as service:
        notified = Notified(service, inbox, smtp)
        await notified.filler.catch_up()
        await replied_to(notified)
        wait = service.app.wait

        async def waited(min_position: int, wait_seconds: float = 5.0) -> None:
            asked.set()
            await wait(min_position, wait_seconds)

        async with stalled_views(database_url):
            removed = [event("comment.removed", comment=key, by="mod") for key in ("c2", "c3")]
            await service.given(*removed)
            monkeypatch.setattr(People, "settings", ask)
            monkeypatch.setattr(service.app, "wait", waited)
            sending = asyncio.create_task(notified.sender.send_next())
            await asked.wait()
        assert await sending
        assert inbox.mails == []
        assert (await service.app.outbox.status()).waiting == 0


async def test_guests_are_mailed_no_words_of_a_private_discussion(notified: Notified) -> None:
    outbox = notified.service.app.outbox
    await notified.service.given(opened())
    for person in ("guest:gil", "ann"):
        stream, address = ids.person_id("gazette", person), f"{person[-3:]}@example.org"
        await outbox.confirm(stream, address_hash(stream, address, await outbox.link_key()))
        configured = event("person.configured")
        configured["data"] = {"site": "gazette", "person": person, "email": address}
        started = event("subscription.started", person=person, to="comments")
        await notified.service.given(
            {**configured, "source": "rostra:persons"}, {**started, "source": "rostra:persons"}
        )
    await notified.service.given(posted("c1", author=by("bob")))
    assert [to for to, _ in about(await notified.mails())] == ["ann@example.org", "gil@example.org"]
    private = event("discussion.opened", settings={"private": True})
    await notified.service.given(private, posted("c2", author=by("bob")))
    assert [to for to, _ in about(await notified.mails())] == ["ann@example.org"]


async def test_an_address_that_cannot_be_written_is_given_up_and_named_nowhere(
    notified: Notified, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    address = "secret@[secret"
    stream, outbox = ids.person_id("gazette", "ann"), notified.service.app.outbox
    await outbox.confirm(stream, address_hash(stream, address, await outbox.link_key()))
    configured = event("person.configured")
    configured["data"] = {"site": "gazette", "person": "ann", "email": address}
    await notified.service.given(
        configured,
        opened(),
        posted("c1", author=by("ann")),
        posted("c2", author=by("bob"), parent="c1"),
    )
    assert await notified.mails() == []
    status = await outbox.status()
    assert (status.waiting, status.given_up) == (0, 1)
    assert status.errors == ["the address cannot be written in a mail"]
    told = caplog.text + str(status)
    assert "secret" not in told


async def test_an_error_is_named_without_its_text(
    notified: Notified, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replied_to(notified)

    async def fail(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(People, "subscription", fail)
    assert await notified.sender.send_next()
    status = await notified.service.app.outbox.status()
    assert (status.waiting, status.retried) == (2, 1)
    assert {error.partition(":")[0] for error in status.errors} == {
        "KeyError at test_while_sending.py"
    }
    assert "KeyError at" in caplog.text
    assert "secret" not in caplog.text + str(status)
