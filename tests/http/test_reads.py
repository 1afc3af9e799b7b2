"""The reads: what they show, how they wait, and who may."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from rostra import ids
from support.service import ANN, PLACE, Service, event, opened, posted, token, voted

DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"


async def keys(service: Service, path: str = COMMENTS, **params: Any) -> list[str]:
    answer = await service.get(path, **params)
    assert answer.status == 200, answer.body
    return [comment["key"] for comment in answer.json["comments"]]


# -- what they show


async def test_a_discussion_is_found_by_its_resource_and_by_its_id(service: Service) -> None:
    await service.given(opened(title="Trams"), posted(time="2026-11-22T08:00:00Z"))
    by_name = await service.get("/v1/discussions", **PLACE)
    by_id = await service.get(f"/v1/discussions/{DISCUSSION}")
    assert by_name.json == by_id.json
    assert by_id.json == {
        "id": str(DISCUSSION),
        "site": "gazette",
        "resource": "/trams",
        "title": "Trams",
        "url": None,
        "open": True,
        "comments": 1,
        "replies": 0,
        "participants": 1,
        "latest_at": "2026-11-22T08:00:00.000000Z",
        "position": 2,
    }


async def test_the_discussions_of_a_site_are_listed_in_pages(service: Service) -> None:
    resources = [f"/{number}" for number in range(5)]
    await service.given(
        *(
            one
            for hour, resource in enumerate(resources)
            for one in (
                opened(resource=resource, time="2026-11-22T00:00:00Z"),
                posted(resource=resource, time=f"2026-11-22T0{hour + 1}:00:00Z"),
            )
        )
    )
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await service.get("/v1/sites/gazette/discussions", limit=2, **cursor)).json
        found += [one["resource"] for one in page["discussions"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == resources[::-1]


async def test_the_list_of_an_unknown_site_is_empty(service: Service) -> None:
    page = (await service.get("/v1/sites/nobody/discussions")).json
    assert (page["discussions"], page["next"]) == ([], None)


async def test_a_comment_has_the_shape_of_the_contract(service: Service) -> None:
    [_, passage, comment, reply, _, _] = await service.given(
        opened(),
        event("passage.marked", passage="p1", exact="trams"),
        posted(passage="p1", body="*Yes*", time="2026-11-22T08:00:00Z"),
        posted("c2", parent="c1", time="2026-11-22T09:00:00Z"),
        voted(1),
        voted(-1, voter="eve"),
    )
    page = (await service.get(COMMENTS)).json
    assert (page["position"], page["order"], page["total"], page["next"]) == (7, "newest", 1, None)
    [shown] = page["comments"]
    [child] = shown.pop("children")
    assert shown == {
        "id": comment,
        "key": "c1",
        "parent": None,
        "depth": 0,
        "author": {"id": "ann", "name": "Ann"},
        "body": "*Yes*",
        "html": "<p><em>Yes</em></p>\n",
        "posted_at": "2026-11-22T08:00:00.000000Z",
        "edited_at": None,
        "up": 1,
        "down": 1,
        "score": 0,
        "replies": 1,
        "descendants": 1,
        "status": "published",
        "pinned": False,
        "passage": passage,
        "next_children": None,
    }
    assert (child["id"], child["parent"], child["depth"]) == (reply, comment, 1)
    alone = (await service.get(f"/v1/comments/{comment}")).json
    replies = ("children", "next_children")
    assert {name: alone[name] for name in shown if name not in replies} == {
        name: shown[name] for name in shown if name not in replies
    }


async def test_comments_come_in_the_order_asked_for(service: Service) -> None:
    await service.given(
        opened(),
        *(posted(f"c{hour}", time=f"2026-11-22T0{hour}:00:00Z") for hour in (1, 2, 3)),
        voted(1, on="c2"),
        voted(-1, on="c3"),
        event("passage.marked", passage="p1", exact="trams"),
        posted("c4", passage="p1", time="2026-11-22T04:00:00Z"),
        posted("c5", parent="c1", time="2026-11-22T05:00:00Z"),
    )
    passage = str(ids.passage_id(DISCUSSION, "p1"))
    assert await keys(service) == ["c4", "c3", "c2", "c1"]
    assert await keys(service, order="oldest") == ["c1", "c2", "c3", "c4"]
    assert await keys(service, order="most_voted") == ["c2", "c4", "c1", "c3"]
    assert await keys(service, flat="true") == ["c5", "c4", "c3", "c2", "c1"]
    assert await keys(service, inline="true") == ["c4"]
    assert await keys(service, passage=passage) == ["c4"]
    [first] = (await service.get(COMMENTS, flat="true", limit=1)).json["comments"]
    assert not {"children", "next_children"} & set(first)


async def test_pages_follow_next_and_replies_follow_next_children(service: Service) -> None:
    await service.given(
        opened(),
        *(posted(f"c{n}") for n in range(5)),
        *(posted(f"r{n}", parent="c0", time=f"2026-11-22T0{n}:00:00Z") for n in range(5)),
    )
    found: list[str] = []
    children: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await service.get(COMMENTS, limit=2, replies=2, **cursor)).json
        found += [comment["key"] for comment in page["comments"]]
        for comment in page["comments"]:
            children += [child["key"] for child in comment["children"]]
            if comment["next_children"] is not None:
                path = f"/v1/comments/{comment['id']}/replies"
                children += await keys(service, path, cursor=comment["next_children"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(found) == [f"c{n}" for n in range(5)]
    assert children == [f"r{n}" for n in range(5)]


async def test_a_cursor_comes_back_with_the_parameters_it_was_given_for(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2"))
    page = (await service.get(COMMENTS, limit=1)).json
    other = await service.get(COMMENTS, limit=1, order="oldest", cursor=page["next"])
    assert (other.status, other.problem) == (400, "bad-cursor")


async def test_passages_tell_how_much_feedback_they_have(service: Service) -> None:
    await service.given(
        opened(),
        event("passage.marked", passage="p1", exact="trams", start=3, end=8, question="More?"),
        posted(passage="p1", time="2026-11-22T08:00:00Z"),
        posted("c2", parent="c1", time="2026-11-22T09:00:00Z"),
    )
    page = (await service.get(f"/v1/discussions/{DISCUSSION}/passages")).json
    assert page["position"] == await service.app.head()
    [passage] = page["passages"]
    assert passage == {
        "id": str(ids.passage_id(DISCUSSION, "p1")),
        "key": "p1",
        "exact": "trams",
        "prefix": None,
        "suffix": None,
        "start": 3,
        "end": 8,
        "state": "anchored",
        "question": "More?",
        "open": True,
        "comments": 1,
        "replies": 1,
        "latest_at": "2026-11-22T09:00:00.000000Z",
    }


async def test_counts_are_told_for_every_resource_asked_for(service: Service) -> None:
    await service.given(opened(), posted(), posted("c2", parent="c1"))
    asked = [("site", "gazette"), ("resource", "/trams"), ("resource", "/buses")]
    answer = await service.ask("GET", "/v1/counts", params=[*asked, ("min_position", "3")])
    assert answer.json == {"position": 3, "counts": {"/trams": 2, "/buses": 0}}


# -- what is not there


@pytest.mark.parametrize(
    "path",
    [
        "/v1/discussions/{unknown}",
        "/v1/discussions/{unknown}/comments",
        "/v1/discussions/{unknown}/passages",
        "/v1/discussions/{comment}",
        "/v1/discussions/abc",
        "/v1/discussions/{foreign}",
        "/v1/discussions?site=gazette&resource=/buses",
        "/v1/comments/{missing}",
        "/v1/comments/{missing}/replies",
        "/v1/comments/{unknown}",
        "/v1/comments/1",
        "/v1/nothing",
        "/v1",
    ],
)
async def test_what_the_url_names_and_is_not_there_is_not_found(
    service: Service, path: str
) -> None:
    [_, comment] = await service.given(opened(), posted())
    named = path.format(
        unknown=ids.discussion_id("gazette", "/buses"),
        missing=ids.comment_id(DISCUSSION, "c9"),
        comment=comment,
        foreign=uuid4(),
    )
    answer = await service.ask("GET", named)
    assert (answer.status, answer.problem) == (404, "not-found")


# -- reading what was written


async def test_a_read_waits_until_the_view_has_read_so_far(durable_service: Service) -> None:
    await durable_service.given(opened())
    for number in range(20):
        recorded = (await durable_service.publish(posted(f"c{number}"))).json
        answer = await durable_service.get(COMMENTS, min_position=recorded["position"], limit=1)
        assert answer.json["comments"][0]["key"] == f"c{number}"
        assert int(answer.headers["Rostra-Position"]) >= recorded["position"]


async def test_every_read_says_how_far_the_view_has_read(durable_service: Service) -> None:
    await durable_service.given(opened(), posted(), voted())
    async with asyncio.timeout(60):
        while (await durable_service.ask("GET", COMMENTS)).headers.get("Rostra-Position") != "3":
            pass
    shown = (await durable_service.ask("GET", COMMENTS)).json["comments"][0]
    assert shown["up"] == 1


async def test_a_position_beyond_the_head_is_refused_at_once(service: Service) -> None:
    await service.given(opened())
    async with asyncio.timeout(25):  # less than it is asked to wait
        answer = await service.get(COMMENTS, min_position=2, wait=30)
    assert (answer.status, answer.problem) == (503, "view-behind")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_page_that_has_not_changed_answers_304(service: Service) -> None:
    await service.given(opened(), posted())
    first = await service.ask("GET", COMMENTS, params={"min_position": 2})
    unchanged = {"If-None-Match": first.headers["ETag"]}
    again = await service.ask("GET", COMMENTS, params={"min_position": 2}, headers=unchanged)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    await service.given(voted())
    await service.app.wait(3, 60)
    changed = await service.ask("GET", COMMENTS, params={"min_position": 2}, headers=unchanged)
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


async def test_pages_for_a_person_are_theirs_alone(service: Service) -> None:
    await service.given(opened(), posted(), voted(1, voter="bob"))
    bob = token("comment", site="gazette", person="bob")
    theirs, anyones = await service.get(COMMENTS, token=bob), await service.get(COMMENTS)
    assert theirs.json["comments"][0]["my_vote"] == 1
    assert "my_vote" not in anyones.json["comments"][0]
    assert theirs.headers["Vary"] == "Authorization"
    assert "private" in theirs.headers["Cache-Control"]
    assert theirs.headers["ETag"] != anyones.headers["ETag"]


# -- who may


async def test_a_token_for_every_site_is_no_author_on_any(service: Service) -> None:
    [_, held] = await service.given(opened(), posted(status="held"))
    for site, status in (("gazette", 200), ("*", 404)):
        who = token("comment", site=site, person="ann")
        assert (await service.get(f"/v1/comments/{held}", token=who)).status == status


async def test_what_is_held_is_seen_by_moderators_and_its_author_alone(service: Service) -> None:
    [_, comment] = await service.given(opened(settings={"moderation": "all"}), posted())
    path = f"/v1/comments/{comment}"
    moderator = token("moderate", site="gazette")
    ann, bob = (token("comment", site="gazette", person=person) for person in ("ann", "bob"))
    for bearer, status in [
        (None, 404),
        (bob, 404),
        (token("moderate", site="herald"), 404),
        (ann, 200),
        (moderator, 200),
    ]:
        answer = await service.get(path, token=bearer)
        assert answer.status == status
    assert (await service.get(COMMENTS)).json["comments"] == []
    [shown] = (await service.get(COMMENTS, token=moderator)).json["comments"]
    assert shown["status"] == "held"


PRIVATE = [
    f"/v1/discussions/{DISCUSSION}",
    COMMENTS,
    f"/v1/discussions/{DISCUSSION}/passages",
    f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}",
    f"/v1/comments/{ids.comment_id(DISCUSSION, 'c1')}/replies",
    "/v1/discussions?site=gazette&resource=/trams",
]


@pytest.mark.parametrize("private", ["site", "discussion"])
async def test_what_is_private_answers_like_what_is_unknown(service: Service, private: str) -> None:
    settings = {"private": True}
    await service.given(
        event("site.configured", settings=settings if private == "site" else {"guests": True}),
        opened(settings=settings if private == "discussion" else {"voting": "up"}),
        posted(),
    )
    await service.app.wait(3, 60)
    for bearer, status in [
        (None, 404),
        (token("comment", site="gazette", person="ann"), 404),
        (token("read", site="herald"), 404),
        (token("read", site="gazette"), 200),
        (token("moderate", site="gazette"), 200),
        (token("publish"), 200),
    ]:
        for path in PRIVATE:
            assert (await service.ask("GET", path, token=bearer)).status == status, path
        counts = await service.get("/v1/counts", token=bearer, **PLACE)
        assert counts.json["counts"] == {"/trams": 1 if status == 200 else 0}
        listed = await service.get("/v1/sites/gazette/discussions", token=bearer)
        assert len(listed.json["discussions"]) == (1 if status == 200 else 0)


async def test_the_list_of_a_private_site_is_that_of_an_unknown_one(service: Service) -> None:
    await service.given(event("site.configured", settings={"private": True}), opened(), posted())
    private = await service.get("/v1/sites/gazette/discussions")
    unknown = await service.get("/v1/sites/nobody/discussions")
    assert private.json == unknown.json


async def test_a_bad_token_is_refused_even_where_none_is_needed(service: Service) -> None:
    await service.given(opened())
    answer = await service.get(COMMENTS, token="abc")
    assert (answer.status, answer.problem) == (401, "unauthorized")


async def _walked(service: Service, path: str, name: str) -> list[str]:
    """Return the ids of a list that is read by pages of one."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while len(found) < 9:
        page = (await service.get(path, limit=1, **cursor)).json
        found += [one["id"] for one in page[name]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    return found


async def test_the_first_moment_of_all_is_a_time_like_others(durable_service: Service) -> None:
    """asyncpg makes an infinity of it, which it reads without an offset."""
    service, first = durable_service, "0001-01-01T00:00:00.000000Z"
    await service.given(
        event("discussion.opened", time=first),
        event("comment.posted", time=first, comment="c1", author=ANN, body="Yes."),
        event("comment.posted", time=first, comment="c2", author=ANN, body="Yes.", parent="c1"),
        event("comment.flagged", time=first, comment="c1", by="bob", reason="Rude."),
    )
    await service.given(voted(time=first), event("comment.removed", time=first, comment="c2"))
    listed = await service.get("/v1/comments", **PLACE)
    assert [comment["posted_at"] for comment in listed.json["comments"]] == [first]
    discussion = await service.get("/v1/discussions", **PLACE)
    assert discussion.json["latest_at"] == first
    page = await service.get("/v1/sites/gazette/discussions", limit=1)
    assert [one["latest_at"] for one in page.json["discussions"]] == [first]
    await service.given(
        event("discussion.opened", time=first, resource="/other"),
        event(
            "comment.posted", time=first, comment="c3", author=ANN, body="Yes.", resource="/other"
        ),
        event(
            "comment.posted", time=first, comment="c4", author=ANN, body="Yes.", resource="/other"
        ),
    )
    for path, name, length in (("discussions", "discussions", 2), ("comments", "comments", 3)):
        walked = await _walked(service, f"/v1/sites/gazette/{path}", name)
        assert len(walked) == len(set(walked)) == length
    assert await service.app.verify() == []
