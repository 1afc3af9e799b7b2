"""Rows with tags of ours that another writer has damaged are passed over by those who follow."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

import rostra_adapters
from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.application.feed.names import Names
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.application.moderation_jobs.vote_counter import VoteCounter
from rostra_adapters.application.notify.follower import OutboxFiller
from rostra_adapters.application.people import People
from rostra_adapters.clock import now
from support.service import event, opened, posted, voted

SITE = "gazette"
DISCUSSION = ids.discussion_id(SITE, "/trams")
OTHER = ids.discussion_id(SITE, "/buses")
NOT_OURS = {"x": 1}
WITHOUT_TIME = {"time": "yesterday", "site": SITE, "person": "guest:gus", "by": "mia"}


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with rostra_adapters.open("memory:", moderate=False) as opened_app:
        await opened_app.publish([opened(), posted("c1"), voted(on="c1", voter="bob")])
        yield opened_app


def damaged(stream: UUID, topic: str, fields: dict[str, Any], version: int = 1) -> StoredEvent:
    named = {"$event_id": str(uuid4()), "$metadata": {"at": now()}}
    return StoredEvent(stream, version, topic, msgspec.json.encode({**named, **fields}))


def insert(app: App, *events: StoredEvent) -> None:
    cast(Any, app.log)._recorder.insert_events(events)


async def test_notices_go_on(app: App) -> None:
    filler = OutboxFiller(app, app.outbox)
    await filler.catch_up()
    gone = ids.comment_id(DISCUSSION, "gone")
    held = {"time": "yesterday", "comment": str(gone), "by": "mia", "was": "published"}
    insert(
        app,
        damaged(gone, "comment.posted", NOT_OURS),
        damaged(gone, "comment.held", held, 2),
        damaged(ids.comment_id(OTHER, "c1"), "comment.posted", NOT_OURS),
    )
    await filler.catch_up()
    checkpoint = await app.outbox.checkpoint()
    assert checkpoint is not None
    assert checkpoint.position == await app.head()


async def test_bans_go_on(app: App) -> None:
    insert(
        app,
        damaged(ids.comment_id(OTHER, "c1"), "comment.flagged", NOT_OURS),
        damaged(ids.person_id(SITE, "guest:gus"), "person.banned", WITHOUT_TIME),
        damaged(ids.person_id(SITE, "zoe"), "person.banned", NOT_OURS),
    )
    ban = event("person.banned")
    ban["data"] = {"site": SITE, "person": "ann", "by": "mia", "comments": "remove"}
    (outcome,) = await app.publish([ban])
    assert outcome.status == "recorded"
    await ModerationFollower(app).catch_up()
    found = await app.views.reads.comment(ids.comment_id(DISCUSSION, "c1"))
    assert found is not None
    assert found[1].status == "removed"


async def test_votes_are_counted_on(app: App) -> None:
    cast_on = ids.comment_id(OTHER, "c1")
    (vote,) = [row for row in await app.log.read_after(0, 10) if row.topic == "vote.cast"]
    insert(
        app,
        damaged(OTHER, "discussion.opened", NOT_OURS),
        damaged(ids.vote_id(cast_on, "bob"), "vote.cast", msgspec.json.decode(vote.state)),
        damaged(ids.vote_id(cast_on, "zoe"), "vote.cast", NOT_OURS),
        damaged(ids.vote_id(cast_on, "zoe"), "vote.cast", msgspec.json.decode(vote.state), 2),
    )
    await app.publish([posted("c2"), voted(on="c2", voter="bob")])
    assert await VoteCounter(app).of_person(ids.person_id(SITE, "bob")) == 2


@pytest.mark.parametrize(
    "state", [b'{"voter": "J\xf6rg"}', b'{"x": ' + 5_000 * b"[" + 5_000 * b"]}"]
)
async def test_votes_and_notices_go_on_past_what_is_not_utf_8_or_nested_deeply(
    app: App, state: bytes
) -> None:
    stream = ids.vote_id(ids.comment_id(OTHER, "c1"), "zoe")
    insert(app, StoredEvent(stream, 1, "vote.cast", state))
    filler = OutboxFiller(app, app.outbox)
    await filler.catch_up()
    checkpoint = await app.outbox.checkpoint()
    assert checkpoint is not None
    assert checkpoint.position == await app.head()
    assert await VoteCounter(app).of_person(ids.person_id(SITE, "bob")) == 1


async def test_a_stream_whose_first_row_is_damaged_has_no_name(app: App) -> None:
    insert(app, damaged(OTHER, "discussion.opened", NOT_OURS))
    assert (await Names(app.log).of([DISCUSSION, OTHER])).keys() == {DISCUSSION}


async def test_settings_are_read_from_the_other_rows_of_a_person(app: App) -> None:
    configured = event("person.configured")
    configured["data"] = {"site": SITE, "person": "ann", "name": "Ann B."}
    await app.publish([configured])
    stream = ids.person_id(SITE, "ann")
    insert(app, damaged(stream, "person.configured", NOT_OURS, 2))
    assert (await People(app.log, app.ring).settings(SITE, "ann")).words.name == "Ann B."
