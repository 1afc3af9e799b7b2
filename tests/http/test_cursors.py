"""Cursors belong to one list and to the parameters of its first page."""

from typing import Any

import msgspec
import pytest

import rostra_adapters
from rostra import ids
from rostra_projections.cursors import encode_cursor, peek_cursor
from support.service import (
    MASTER_KEY,
    PLACE,
    Answer,
    Service,
    event,
    opened,
    posted,
    serving,
    serving_app,
    token,
    voted,
)
from support.waiting import wait_until

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(**PLACE)
HERE = f"/v1/discussions/{DISCUSSION}"
COMMENTS = f"{HERE}/comments"
NAMED = "/v1/comments?site=gazette&resource=/trams"
MODERATOR = token("moderate", site=SITE, person="mia")

Given = dict[str, Any]


def assert_refused(answer: Answer, *names: str) -> None:
    assert (answer.status, answer.problem) == (400, "bad-cursor")
    detail = answer.json["detail"]
    assert detail.startswith("invalid cursor: ")
    for name in names:
        assert f"`{name}`" in detail


@pytest.fixture
async def talk(service: Service) -> Service:
    """A discussion of six comments, of which the first has five replies."""
    await service.given(opened(), event("passage.marked", passage="p", exact="trams"))
    await service.given(*(posted(f"c{n}", passage="p") for n in range(6)))
    await service.given(*(posted(f"r{n}", parent="c0") for n in range(5)))
    return service


@pytest.mark.parametrize("path", [COMMENTS, NAMED])
@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 3},
        {"limit": None},
        {"replies": 1},
        {"replies": None},
        {"order": "oldest"},
        {"order": None},
        {"flat": "true"},
        {"inline": "true"},
    ],
    ids=str,
)
async def test_a_list_goes_on_with_the_same_parameters_alone(
    talk: Service, path: str, changed: Given
) -> None:
    asked: Given = {"limit": 2, "replies": 2, "order": "best"}
    first = (await talk.get(path, **asked)).json
    following = {**asked, "cursor": first["next"]}
    assert (await talk.get(path, **following)).status == 200
    others = {name: value for name, value in {**following, **changed}.items() if value is not None}
    assert_refused(await talk.get(path, **others), *changed)


async def test_default_parameters_and_the_same_given_are_one(talk: Service) -> None:
    first = (await talk.get(COMMENTS, limit=2)).json
    same: Given = {"limit": 2, "order": "newest", "replies": 3, "flat": "false", "inline": "false"}
    answer = await talk.get(COMMENTS, **same, cursor=first["next"])
    assert answer.status == 200
    assert len(answer.json["comments"]) == 2


async def test_a_list_as_of_a_position_goes_on_there_alone(talk: Service) -> None:
    head = await talk.app.head()
    first = (await talk.get(COMMENTS, limit=2, as_of=head)).json
    answer = await talk.get(COMMENTS, limit=2, as_of=head - 1, cursor=first["next"])
    assert_refused(answer, "as_of")


async def test_a_cursor_of_replies_takes_its_limit_from_the_first_request(talk: Service) -> None:
    top = (await talk.get(COMMENTS, order="oldest", replies=1)).json["comments"][0]
    replies = f"/v1/comments/{top['id']}/replies"
    one, two = [
        (await talk.get(replies, limit=limit, cursor=top["next_children"])).json for limit in (1, 2)
    ]
    assert [it["key"] for it in one["comments"]] == ["r1"]
    assert [it["key"] for it in two["comments"]] == ["r1", "r2"]
    assert_refused(await talk.get(replies, limit=1, cursor=two["next"]), "limit")
    assert (await talk.get(replies, limit=2, cursor=two["next"])).status == 200
    answer = await talk.get(replies, order="newest", cursor=top["next_children"])
    assert_refused(answer, "order")
    assert_refused(await talk.get(COMMENTS, cursor=top["next_children"]))


async def test_lists_of_sites_and_moderators_go_on_with_the_same_limit(talk: Service) -> None:
    await talk.given(*(opened(resource=f"/{n}") for n in range(3)))
    for n in range(3):
        await talk.given(event("comment.removed", comment=f"c{n}", by="mia"))
        flag = event("comment.flagged", comment=f"c{n + 3}", by="bob", reason="rude")
        await talk.given(flag)
    for path, more in (
        (f"/v1/sites/{SITE}/discussions", {}),
        (f"{HERE}/moderation-log", {}),
        ("/v1/moderation", {"site": SITE, "status": "flagged"}),
    ):
        first = (await talk.get(path, token=MODERATOR, limit=1, **more)).json
        following = {**more, "token": MODERATOR, "cursor": first["next"]}
        assert (await talk.get(path, limit=1, **following)).status == 200
        assert_refused(await talk.get(path, limit=2, **following), "limit")
        assert_refused(await talk.get(path, **following), "limit")


async def test_the_page_without_script_goes_on_by_its_own_cursor(talk: Service) -> None:
    first = (await talk.get(COMMENTS, limit=2)).json
    assert_refused(await talk.get(f"{HERE}/page", cursor=first["next"]), "limit", "replies")


async def test_a_cursor_of_views_that_were_ahead_is_waited_for(database_url: str) -> None:
    """Another version of Rostra, with views of its own, may have read further."""
    async with serving(database_url) as writer:
        await writer.given(opened(), *(posted(f"c{n}") for n in range(6)))
        page = (await writer.get(NAMED, order="best", limit=2)).json
        await writer.catch_up()
    opening = rostra_adapters.open(database_url, master_key=MASTER_KEY, project=False)
    async with opening as app, serving_app(app) as service:
        await app.wait(0)
        await wait_until(lambda: app.views._watch._news.connected)  # type: ignore[attr-defined]
        await app.wait(0)
        await app.publish([voted(on="c5"), voted(on="c0")])
        head = await app.head()
        begun = peek_cursor(page["next"])
        for as_of, status in ((head - 2, 200), (head, 503), (head + 1, 200)):
            cursor = encode_cursor(msgspec.structs.replace(begun, as_of=as_of))
            params = {"order": "best", "limit": 2, "cursor": cursor, "wait": 0}
            answer = await service.ask("GET", NAMED, params=params)
            assert answer.status == status, (as_of, answer.body)


@pytest.mark.parametrize("path", ["/v1/moderation", "/v1/persons/ann/comments"])
async def test_a_token_is_asked_for_before_a_cursor_is_refused(service: Service, path: str) -> None:
    assert (await service.get(f"{path}?site={SITE}&cursor=0")).status == 401
    assert_refused(await service.get(f"{path}?site={SITE}&cursor=0", token=MODERATOR))
