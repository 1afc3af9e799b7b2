"""What a person does themselves: comments, votes, flags, passages, and opening a discussion."""

import asyncio
import json
from typing import Any

import pytest

from rostra import ids
from support.service import (
    BATCHED,
    PLACE,
    Answer,
    Event,
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
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"
PASSAGES = f"/v1/discussions/{DISCUSSION}/passages"
C1 = ids.comment_id(DISCUSSION, "c1")
ON_C1 = f"/v1/comments/{C1}"


def person(name: str, scope: str = "comment") -> str:
    return token(scope, site=SITE, person=name)


ANN, BOB, EVE = person("ann"), person("bob"), person("eve")
MIA = person("mia", "moderate")


CONFIGURED = ("site.configured", "article.revised")


def revised(text: str = "On the trams, and off them.") -> Event:
    return event("article.revised", revision="r1", text=text)


async def act(
    service: Service,
    method: str,
    path: str,
    who: str | None,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> Answer:
    given = {"Content-Type": "application/json", **(headers or {})}
    content = None if method == "DELETE" else json.dumps(body).encode()
    return await service.ask(method, path, token=who, headers=given, body=content)


async def say(service: Service, who: str | None, key: str | None = None, **body: Any) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await act(service, "POST", COMMENTS, who, headers, **{"body": "I say.", **body})


async def shown(service: Service, comment: str, who: str | None = None) -> Any:
    return (await service.get(f"/v1/comments/{comment}", token=who)).json


# -- comments


async def test_a_person_posts_a_comment_and_finds_it_where_the_answer_says(
    service: Service,
) -> None:
    await service.given(opened(), posted(), event("passage.marked", passage="p1", exact="trams"))
    answer = await say(service, BOB, body="*No*", parent=str(C1))
    assert (answer.status, answer.json["status"]) == (201, "published")
    assert answer.json["position"] == await service.app.head()
    assert answer.headers["Location"] == f"/v1/comments/{answer.json['id']}"
    comment = await shown(service, answer.json["id"])
    assert comment["author"] == {"id": "bob", "name": "bob"}
    assert (comment["body"], comment["parent"], comment["key"]) == ("*No*", str(C1), None)
    passage = str(ids.passage_id(DISCUSSION, "p1"))
    on_passage = await say(service, BOB, passage=passage)
    assert (await shown(service, on_passage.json["id"]))["passage"] == passage


async def test_a_comment_posted_again_under_its_key_is_the_same_for_ever(service: Service) -> None:
    await service.given(opened())
    first = await say(service, ANN, "k1")
    assert first.json["id"] == str(ids.comment_id_of_person(DISCUSSION, "ann", "k1"))
    again = await say(service, ANN, "k1")
    assert (again.status, again.json, again.headers["Location"]) == (
        201,
        first.json,
        first.headers["Location"],
    )
    other = await say(service, ANN, "k1", body="Something else.")
    assert (other.status, other.problem) == (409, "different-content")
    assert (await say(service, BOB, "k1")).json["id"] != first.json["id"]
    assert (await say(service, ANN)).json["id"] != (await say(service, ANN)).json["id"]
    assert await service.app.head() == 5


async def test_the_policy_decides_whether_a_comment_is_held(service: Service) -> None:
    await service.given(opened(settings={"moderation": "first"}))
    held = await say(service, ANN)
    assert held.json["status"] == "held"
    path = f"/v1/comments/{held.json['id']}"
    assert (await service.get(path, token=BOB)).status == 404
    assert (await act(service, "PUT", f"{path}/vote", BOB, value=1)).status == 404
    assert (await act(service, "POST", f"{path}/flag", BOB, reason="No")).status == 404
    assert (await service.get(f"{path}/history", token=BOB)).status == 404
    unknown = await say(service, BOB, parent=held.json["id"])
    assert (unknown.status, unknown.problem) == (422, "unknown-parent")
    own = await say(service, ANN, parent=held.json["id"])
    assert own.problem == "parent-not-published"
    await act(service, "POST", f"{path}/moderation", MIA, action="approve")
    assert (await say(service, ANN)).json["status"] == "published"


async def test_nobody_answers_what_is_removed_nor_in_what_is_closed(service: Service) -> None:
    await service.given(opened(), posted(), event("comment.removed", comment="c1"))
    assert (await say(service, BOB, parent=str(C1))).problem == "parent-not-published"
    missing = str(ids.comment_id(DISCUSSION, "c9"))
    assert (await say(service, BOB, parent=missing)).problem == "unknown-parent"
    await service.given(event("discussion.closed"))
    assert (await say(service, BOB)).problem == "discussion-closed"
    assert (await act(service, "POST", PASSAGES, BOB, exact="x")).problem == "discussion-closed"


async def test_an_author_edits_for_a_while_and_a_publisher_for_ever(service: Service) -> None:
    await service.given(opened(settings={"edit_seconds": 60}))
    mine = (await say(service, ANN)).json["id"]
    edited = await act(service, "PATCH", f"/v1/comments/{mine}", ANN, body="Better.")
    assert (edited.status, edited.json["status"]) == (200, "published")
    assert (await shown(service, mine))["body"] == "Better."
    others = await act(service, "PATCH", f"/v1/comments/{mine}", BOB, body="Mine.")
    assert (others.status, others.problem) == (403, "not-yours")
    await service.given(posted("old", time="2020-01-01T00:00:00Z"))
    old = ids.comment_id(DISCUSSION, "old")
    late = await act(service, "PATCH", f"/v1/comments/{old}", ANN, body="Late.")
    assert (late.status, late.problem) == (422, "edit-too-late")
    await service.given(event("comment.edited", comment="old", body="Late."))


async def test_an_edit_may_ask_that_nothing_changed_since(service: Service) -> None:
    await service.given(opened())
    mine = (await say(service, ANN)).json["id"]
    path = f"/v1/comments/{mine}"
    tag = (await service.get(path, token=ANN)).headers["ETag"]

    async def edit(tag: str, body: str) -> int:
        return (await act(service, "PATCH", path, ANN, {"If-Match": tag}, body=body)).status

    assert await edit('"other"', "One.") == 412
    assert await edit("no tag", "One.") == 412
    assert await edit(tag, "One.") == 200
    assert await edit(tag, "Two.") == 412
    assert await edit("*", "Two.") == 200
    assert (await shown(service, mine))["body"] == "Two."


async def test_of_two_edits_that_saw_the_same_one_is_done(service: Service) -> None:
    await service.given(opened())
    path = f"/v1/comments/{(await say(service, ANN)).json['id']}"
    tag = {"If-Match": (await service.get(path, token=ANN)).headers["ETag"]}
    edits = [act(service, "PATCH", path, ANN, tag, body=f"Edit {n}.") for n in range(10)]
    statuses = [answer.status for answer in await asyncio.gather(*edits)]
    assert sorted(statuses) == [200] + [412] * 9


async def test_an_author_deletes_what_is_theirs(service: Service) -> None:
    await service.given(opened())
    mine = (await say(service, ANN)).json["id"]
    await say(service, BOB, parent=mine)
    assert (await act(service, "DELETE", f"/v1/comments/{mine}", BOB)).problem == "not-yours"
    gone = await act(service, "DELETE", f"/v1/comments/{mine}", ANN)
    assert (gone.status, gone.json["status"]) == (200, "deleted")
    again = await act(service, "DELETE", f"/v1/comments/{mine}", ANN)
    assert (again.status, again.json["status"]) == (200, "deleted")
    tombstone = await shown(service, mine)
    assert (tombstone["status"], tombstone["body"]) == ("deleted", None)
    edit = await act(service, "PATCH", f"/v1/comments/{mine}", ANN, body="Back.")
    assert edit.problem == "comment-removed"


# -- votes, flags, passages


async def test_a_vote_sets_the_standing_outright(service: Service) -> None:
    ahead = "2026-11-22T08:00:00.000000Z"
    await service.given(opened(), posted(), voted(1, voter="eve"), voted(-1, time=ahead))
    up = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=1)
    assert up.json == {"up": 2, "down": 0, "score": 2, "my_vote": 1, "position": 5}
    none = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=0)
    assert none.json == {"up": 1, "down": 0, "score": 1, "my_vote": 0, "position": 6}
    assert (await shown(service, str(C1), BOB))["my_vote"] == 0


async def test_what_shows_a_view_says_how_far_it_has_read(durable_service: Service) -> None:
    service = durable_service
    await service.given(
        event("site.configured", settings={"open_on_first": True}), opened(), posted()
    )
    vote = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=1)
    assert vote.status == 200
    assert int(vote.headers["Rostra-Position"]) >= vote.json["position"] == 4
    for status in (201, 200):
        opened_one = await act(service, "PUT", "/v1/discussions", BOB, site=SITE, resource="/buses")
        assert opened_one.status == status
        assert int(opened_one.headers["Rostra-Position"]) >= opened_one.json["position"] == 5


async def test_a_vote_counts_though_a_publishers_clock_runs_ahead(service: Service) -> None:
    from datetime import UTC, datetime, timedelta

    ahead = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    await service.given(opened(), posted(), voted(-1, time=ahead))
    up = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=1)
    assert (up.json["up"], up.json["down"]) == (1, 0)


async def test_votes_keep_to_the_settings(service: Service) -> None:
    await service.given(opened(settings={"voting": "up"}), posted())
    assert (await act(service, "PUT", f"{ON_C1}/vote", ANN, value=1)).problem == "self-vote"
    against = await act(service, "PUT", f"{ON_C1}/vote", BOB, value=-1)
    assert against.problem == "voting-up-only"
    unknown = f"/v1/comments/{ids.comment_id(DISCUSSION, 'c9')}/vote"
    assert (await act(service, "PUT", unknown, BOB, value=1)).status == 404


async def test_a_person_flags_a_comment_once(service: Service) -> None:
    await service.given(opened(), posted())
    first = await act(service, "POST", f"{ON_C1}/flag", BOB, reason="Rude.")
    assert (first.status, first.json["position"]) == (200, 3)
    assert (await act(service, "POST", f"{ON_C1}/flag", BOB, reason="Still rude.")).status == 200
    assert await service.app.head() == 3


async def test_a_person_marks_a_passage(service: Service) -> None:
    await service.given(opened(), revised())
    words: dict[str, Any] = {"exact": "the trams", "prefix": "on ", "start": 3, "end": 12}
    key = {"Idempotency-Key": "p"}
    first = await act(service, "POST", PASSAGES, ANN, key, **words)
    assert first.status == 201
    assert (await act(service, "POST", PASSAGES, ANN, key, **words)).json == first.json
    other = await act(service, "POST", PASSAGES, ANN, key, exact="other")
    assert other.problem == "different-content"
    await say(service, BOB, passage=first.json["id"])
    [passage] = (await service.get(PASSAGES)).json["passages"]
    assert passage["id"] == first.json["id"]
    assert (passage["key"], passage["exact"], passage["comments"]) == (None, "the trams", 1)


# -- opening


async def test_readers_open_a_discussion_where_the_site_says_so(service: Service) -> None:
    async def open_(**more: Any) -> Answer:
        body: dict[str, Any] = {**PLACE, **more}
        return await act(service, "PUT", "/v1/discussions", ANN, **body)

    assert (await open_()).problem == "not-opened-by-readers"
    await service.given(event("site.configured", settings={"open_on_first": True}))
    first = await open_(title="Trams", url="https://eve.example/")
    assert (first.status, first.json["title"], first.json["url"]) == (201, None, None)
    assert first.headers["Location"] == f"/v1/discussions/{DISCUSSION}"
    again = await open_(title="Buses")
    assert (again.status, again.json["title"]) == (200, None)
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/page")).body.decode()
    assert f"<title>{PLACE['resource']}</title>" in page
    assert "canonical" not in page
    assert "eve.example" not in page
    await service.given(opened(title="Trams", url="https://gazette.example/trams"))
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/page")).body.decode()
    assert '<link rel="canonical" href="https://gazette.example/trams">' in page
    assert (await say(service, ANN)).status == 201


# -- who may


WRITES = [
    ("PUT", "/v1/discussions", {**PLACE, "title": "T"}),
    ("POST", COMMENTS, {"body": "B"}),
    ("POST", PASSAGES, {"exact": "trams"}),
    ("PATCH", ON_C1, {"body": "B"}),
    ("DELETE", ON_C1, {}),
    ("PUT", f"{ON_C1}/vote", {"value": 1}),
    ("POST", f"{ON_C1}/flag", {"reason": "R"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_a_person_needs_a_token_to_comment_on_this_one_site(
    service: Service, method: str, path: str, body: dict[str, Any]
) -> None:
    await service.given(opened(), posted())
    for who, status in [
        (None, 401),
        ("abc", 401),
        (person("ann", "read"), 403),
        (token("comment", site="herald", person="ann"), 403),
        (token("comment", site="*", person="ann"), 403),
        (person("ann@gazette.example"), 403),
    ]:
        answer = await act(service, method, path, who, **body)
        assert answer.status == status, (who, answer.body)
    assert await service.app.head() == 2


@pytest.mark.parametrize(("method", "path", "body"), WRITES[1:])
async def test_what_is_private_is_not_there_for_others(
    service: Service, method: str, path: str, body: dict[str, Any]
) -> None:
    await service.given(opened(settings={"private": True}), posted(), revised())
    assert (await act(service, method, path, BOB, **body)).status == 404
    reader = person("eve" if "vote" in path or "flag" in path else "ann", "comment read")
    assert (await act(service, method, path, reader, **body)).status in (200, 201)


async def test_a_body_that_does_not_fit_says_where(service: Service) -> None:
    await service.given(opened(), posted())
    answer = await act(service, "POST", COMMENTS, ANN, body=" ", parent="c1", colour="red")
    assert (answer.status, answer.problem) == (422, "invalid-body")
    assert {fault["path"] for fault in answer.json["errors"]} == {"body", "parent", "colour"}
    long = await say(service, ANN, body="é" * 8_193)
    assert long.status == 422
    text = await service.ask("POST", COMMENTS, token=ANN, body=b"{}")
    assert text.problem == "unsupported-media-type"
    headers = {"Content-Type": "application/json"}
    half = await service.ask("POST", COMMENTS, token=ANN, headers=headers, body=b'{"body":')
    assert half.problem == "not-json"
    assert (await say(service, ANN, key="k" * 201)).status == 400
    assert (await act(service, "PUT", f"{ON_C1}/vote", BOB, value=2)).status == 422


# -- the feed


async def test_the_feed_of_what_persons_did_makes_the_same_elsewhere(
    service: Service, database_url: str
) -> None:
    configured = event("site.configured", settings={"open_on_first": True, "moderation": "first"})
    await service.given(configured)
    place: dict[str, Any] = {**PLACE, "title": "Trams"}
    await act(service, "PUT", "/v1/discussions", ANN, **place)
    await service.given(revised())
    passage = (await act(service, "POST", PASSAGES, ANN, exact="trams")).json["id"]
    mine = (await say(service, ANN, "k", passage=passage)).json["id"]
    approve: dict[str, Any] = {"action": "approve", "reason": "Fine."}
    await act(service, "POST", f"/v1/comments/{mine}/moderation", MIA, **approve)
    await say(service, BOB, parent=mine)
    await act(service, "PUT", f"/v1/comments/{mine}/vote", BOB, value=1)
    await act(service, "PUT", f"/v1/comments/{mine}/vote", EVE, value=-1)
    await act(service, "PATCH", f"/v1/comments/{mine}", ANN, body="Better.")
    await act(service, "POST", f"/v1/comments/{mine}/flag", EVE, reason="Rude.")
    await act(service, "POST", f"/v1/comments/{mine}/moderation", MIA, **approve)
    feed = (await service.ask("GET", "/v1/events", token=token())).json
    assert {one["source"] for one in feed if one["type"] not in CONFIGURED} == {"rostra:persons"}
    assert len({one["id"] for one in feed}) == len(feed)
    async with serving(database_url) as other:
        answer = await other.post(json.dumps(feed).encode(), media_type=BATCHED)
        assert [one["status"] for one in answer.json["results"]] == ["recorded"] * len(feed)
        again = await other.post(json.dumps(feed).encode(), media_type=BATCHED)
        assert {one["status"] for one in again.json["results"]} == {"duplicate"}
        for path in (COMMENTS, PASSAGES, f"/v1/discussions/{DISCUSSION}/moderation-log"):
            here, there = [
                _without_positions((await one.get(path, token=MIA)).json)
                for one in (service, other)
            ]
            assert here == there
        repeated = await say(other, ANN, "k", passage=passage)
        assert (repeated.status, repeated.json["id"]) == (201, mine)


def _without_positions(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_without_positions(one) for one in shape]
    if isinstance(shape, dict):
        return {
            name: _without_positions(value)
            for name, value in shape.items()
            if name not in ("position", "next", "next_children")
        }
    return shape


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (rb'{"body": "\ud800"}', "not-json"),
        (b'{"body": "\xff"}', "not-json"),
        (rb'{"body": "a\u0000b"}', "invalid-body"),
        (b'{"body": NaN}', "not-json"),
        (b"[" * 101 + b"]" * 101, "not-json"),
        (b"[]", "invalid-body"),
        (b'{"body": "' + b"x" * 2**20 + b'"}', "too-large"),
    ],
)
async def test_hostile_bodies_are_refused_with_a_reason(
    service: Service, body: bytes, problem: str
) -> None:
    await service.given(opened())
    headers = {"Content-Type": "application/json"}
    answer = await service.ask("POST", COMMENTS, token=ANN, headers=headers, body=body)
    assert answer.problem == problem
    assert await service.app.head() == 1
