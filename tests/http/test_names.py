"""Names and bodies over HTTP: what tokens give, what the log holds from before, the feed."""

import json
from typing import Any
from uuid import UUID

import pytest

from rostra import codec, ids
from rostra.codec import AnyEvent
from rostra.comment import CommentPosted
from rostra.discussion import DiscussionOpened
from rostra.events import Words
from rostra.names import cleaned_name
from rostra.times import Time
from rostra_adapters.http.auth.tokens import sign
from support.appending import Group, NewEvent, append
from support.service import (
    BATCHED,
    PLACE,
    SECRET,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    token,
)

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"
TIME = Time("2026-11-22T15:16:10.000001Z")


async def say(service: Service, who: str, body: str = "Hello.") -> Answer:
    headers = {"Content-Type": "application/json"}
    content = json.dumps({"body": body}).encode()
    return await service.ask("POST", COMMENTS, token=who, headers=headers, body=content)


def named(name: str, person: str = "ann") -> str:
    return sign(SECRET, scope="comment", site=SITE, person=person, name=name)


async def authors(service: Service) -> list[Any]:
    return [one["author"] for one in (await service.get(COMMENTS, order="oldest")).json["comments"]]


async def test_the_name_in_a_token_is_composed_or_refused(service: Service) -> None:
    await service.given(opened(), posted())
    assert (await say(service, named(" Zoe\u0308  Lee "))).status == 201
    assert (await authors(service))[-1] == {"id": "ann", "name": "Zoë Lee"}
    for name in ("\u200b", "An\u202en", "Ann\nLee", "x" * 101, "A" + "\u0301" * 4):
        refused = await say(service, named(name))
        assert (refused.status, refused.problem) == (403, "forbidden"), name
    c1 = ids.comment_id(DISCUSSION, "c1")
    vote = await service.ask(
        "PUT",
        f"/v1/comments/{c1}/vote",
        token=named("\u200b", "bob"),
        headers={"Content-Type": "application/json"},
        body=b'{"value": 1}',
    )
    assert vote.status == 200  # nobody reads the voter's name


async def test_a_token_without_a_name_shows_the_persons_id(service: Service) -> None:
    await service.given(opened())
    person = "an\u200bn"
    unnamed = sign(SECRET, scope="comment", site=SITE, person=person)
    assert (await say(service, unnamed)).status == 201
    assert await authors(service) == [{"id": person, "name": "ann"}]


@pytest.mark.parametrize("body", ["\u200b", "\u2800", "\u3164", "\u0301", " \u200d\n"])
async def test_a_body_that_shows_nothing_is_blank_for_everybody(
    service: Service, body: str
) -> None:
    await service.given(opened())
    mine = (await say(service, named("Ann"))).json["id"]
    refused = await say(service, named("Ann"), body)
    assert (refused.status, refused.problem) == (422, "invalid-body")
    edited = await service.ask(
        "PATCH",
        f"/v1/comments/{mine}",
        token=named("Ann"),
        headers={"Content-Type": "application/json"},
        body=json.dumps({"body": body}).encode(),
    )
    assert (edited.status, edited.problem) == (422, "invalid-body")
    for told in (posted("c9", body=body), event("comment.edited", comment_id=mine, body=body)):
        answer = await service.publish(told)
        assert (answer.status, answer.problem) == (422, "invalid-event")


async def recorded_before(service: Service, *happened: tuple[UUID, AnyEvent]) -> None:
    """Append as an older Rostra did, around every check."""
    app = service.app
    for number, (stream, one) in enumerate(happened):
        event_id = ids.event_id("urn:old", str(number))
        if (words := codec.plain_words(one)) is not None and words.name is not None:
            owner = codec.words_owner(one, SITE)
            await app.ring.make({owner}, {owner: 0})
        sealed = codec.seal(one, app.ring, stream=stream, event_id=event_id, site=SITE)
        row = NewEvent(ids.StreamId(stream), 1, one.topic, codec.encode(sealed))
        metadata = json.dumps({"source": "urn:old", "id": str(number)}).encode()
        await append(app.log, [Group((row,), {stream: 0}, event_id, metadata)])


async def test_rows_from_before_names_were_cleaned_decode_fold_and_show(
    database_url: str,
) -> None:
    async with serving(database_url) as service:
        app = service.app
        odd = "\u202eAnn\u200b\n"
        words = Words(name=odd, body="\u200b")
        post = CommentPosted(
            time=TIME, author="guest:x", status="published", key="c1", personal=words
        )
        opening = DiscussionOpened(time=TIME, site=SITE, resource=PLACE["resource"])
        c1 = ids.comment_id(DISCUSSION, "c1")
        await recorded_before(service, (DISCUSSION, opening), (c1, post))
        page = (await service.get(COMMENTS)).json
        assert [(one["author"], one["body"]) for one in page["comments"]] == [
            ({"id": "guest:x", "name": cleaned_name(odd), "guest": True}, "\u200b")
        ]
        await app.rebuild()
        assert (await service.get(COMMENTS)).json["comments"] == page["comments"]
        assert await app.verify() == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//eve.example"])
async def test_a_discussion_whose_recorded_url_is_no_link_is_shown_without(
    database_url: str, url: str
) -> None:
    async with serving(database_url) as service:
        opening = DiscussionOpened(
            time=TIME, site=SITE, resource=PLACE["resource"], title="Trams", url=url
        )
        await recorded_before(service, (DISCUSSION, opening))
        assert (await service.get(f"/v1/discussions/{DISCUSSION}")).json["url"] is None
        page = (await service.get(f"/v1/discussions/{DISCUSSION}/page")).body.decode()
        assert "canonical" not in page
        assert url not in page
        await service.given(event("passage.marked", passage="p1", exact="trams"))
        notes = await service.get(f"/v1/discussions/{DISCUSSION}/passages", format="annotation")
        assert notes.json["items"][0]["target"]["source"] == PLACE["resource"]
        feed = (await service.ask("GET", "/v1/events", token=token())).json
        async with serving() as other:
            await other.given(*feed)
            [there] = (await other.get("/v1/discussions", site=SITE)).json["discussions"]
            assert (there["title"], there["url"]) == ("Trams", None)
        refused = await service.publish(opened(url=url))
        assert (refused.status, refused.problem) == (422, "invalid-event")
        assert refused.json["errors"][0]["path"] == "data.url"


async def test_the_feed_with_guests_in_it_makes_the_same_elsewhere(service: Service) -> None:
    await service.given(event("site.configured", settings={"guests": True}), opened(), posted())
    entered = await service.ask(
        "POST",
        "/v1/guests",
        headers={"Content-Type": "application/json"},
        body=json.dumps({"site": SITE, "name": "Zoë"}).encode(),
    )
    guest = entered.json["token"]
    assert (await say(service, guest)).status == 201
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/page")).body.decode()
    assert page.count("(guest)") == 1
    c1 = ids.comment_id(DISCUSSION, "c1")
    await service.ask(
        "PUT",
        f"/v1/comments/{c1}/vote",
        token=guest,
        headers={"Content-Type": "application/json"},
        body=b'{"value": 1}',
    )
    mine = (await service.get(COMMENTS)).json["comments"][0]["id"]
    await service.given(event("comment.removed", comment_id=mine, by="mia"))
    feed = (await service.ask("GET", "/v1/events", token=token())).json
    async with serving() as other:
        answer = await other.post(json.dumps(feed).encode(), media_type=BATCHED)
        assert {one["status"] for one in answer.json["results"]} == {"recorded"}
        shapes = [(await one.get(COMMENTS)).json["comments"] for one in (service, other)]
        assert shapes[0] == shapes[1]


async def test_a_publisher_speaks_for_no_guest(service: Service) -> None:
    await service.given(opened(), posted())
    author = {"id": "guest:0a1b", "name": "Zoë"}
    for told in (
        posted("c2", author=author),
        event("vote.cast", comment="c1", voter="guest:0a1b", value=1),
        event("comment.removed", comment="c1", by="rostra:review"),
    ):
        answer = await service.publish(told)
        assert (answer.status, answer.problem) == (422, "id-reserved")
