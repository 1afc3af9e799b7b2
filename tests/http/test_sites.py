"""A site's settings hold at once in every process, and a discussion overrides them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from support.listening import Listener, listening
from support.service import Answer, Event, Service, event, opened, posted, serving, token, voted

DISCUSSION = ids.discussion_id("gazette", "/trams")
HERE = f"/v1/discussions/{DISCUSSION}"
READER = token("read", site="gazette")


def configured(**settings: Any) -> Event:
    return event("site.configured", settings=settings)


@pytest.fixture
async def both(database_url: str) -> AsyncIterator[tuple[Service, Service]]:
    """Two processes' worth of services on one database: nothing is shared between them."""
    async with serving(database_url) as one, serving(database_url) as other:
        yield one, other


async def kept(service: Service, path: str) -> Answer:
    """Read until it comes from the page cache, too."""
    assert (await service.get(path)).status == 200
    assert (await service.get(path)).status == 200
    return await service.get(path)


@pytest.mark.parametrize("path", [HERE, f"{HERE}/comments", f"{HERE}/passages"])
async def test_what_becomes_private_is_shown_to_nobody_any_more(
    both: tuple[Service, Service], path: str
) -> None:
    one, other = both
    await one.given(opened(), posted())
    for service in both:
        await kept(service, path)
    await one.given(configured(private=True))
    for service in both:
        assert (await service.get(path)).status == 404
        assert (await service.get(path, token=READER)).status == 200
        past = f"{path}?as_of=2"
        assert (await service.get(past)).status == 404
    await other.given(opened(settings={"private": False}))
    for service in both:
        assert (await service.get(path)).status == 200


async def _heard(live: Listener, heard: list[Any]) -> None:
    while True:
        heard.append(await live.next())


async def test_who_may_not_read_any_more_hears_no_more(both: tuple[Service, Service]) -> None:
    one, other = both
    await one.given(opened(), posted())
    await kept(other, HERE)
    async with listening(f"{other.url}{HERE}/live") as live:
        await one.given(configured(private=True))
        await one.given(posted("secret"))
        heard: list[Any] = []
        async with asyncio.timeout(60):
            with pytest.raises(EOFError):
                await _heard(live, heard)
        assert "secret" not in str(heard)
        answer = await other.get(f"{HERE}/live")
        assert answer.status == 404


async def test_orders_that_are_not_offered_are_refused(both: tuple[Service, Service]) -> None:
    one, other = both
    [_, comment] = await one.given(opened(), posted())
    for order in ("best", "hot", "controversial", "newest"):
        await kept(other, f"{HERE}/comments?order={order}")
    await one.given(configured(orders=["most_voted", "oldest"]))
    for service in both:
        for path in (f"{HERE}/comments", f"/v1/comments/{comment}/replies"):
            refused = await service.get(path, order="best")
            assert (refused.status, refused.problem) == (400, "bad-query")
            assert (await service.get(path, order="oldest")).status == 200
        assert (await service.get(f"{HERE}/comments")).json["order"] == "most_voted"
        assert (await service.get(f"/v1/comments/{comment}/replies")).json["order"] == "oldest"
    assert (await one.publish(configured(orders=[]))).status == 422
    assert (await one.publish(configured(orders=["loudest"]))).status == 422


async def test_replies_go_on_where_the_site_does_not_offer_the_oldest_first(
    both: tuple[Service, Service],
) -> None:
    one, _ = both
    replies = [posted(f"r{number}", parent="c1") for number in range(4)]
    await one.given(configured(orders=["best", "newest"]), opened(), posted(), *replies)
    page = await one.get(f"{HERE}/comments")
    [comment] = page.json["comments"]
    assert (page.json["order"], len(comment["children"])) == ("newest", 3)
    path = f"/v1/comments/{comment['id']}/replies"
    rest = await one.get(path, cursor=comment["next_children"])
    assert (rest.status, [reply["key"] for reply in rest.json["comments"]]) == (200, ["r3"])
    for asked in ({}, {"order": "oldest"}):
        listed = await one.get(path, **asked)
        assert [reply["key"] for reply in listed.json["comments"]] == ["r0", "r1", "r2", "r3"]
    assert (await one.get(path, order="hot")).problem == "bad-query"
    assert (await one.get(f"{HERE}/comments", order="oldest")).problem == "bad-query"


async def test_rules_of_the_site_hold_for_the_next_event_anywhere(
    both: tuple[Service, Service],
) -> None:
    one, other = both
    await one.given(opened(), posted(), posted("c2", parent="c1"), posted("c3", parent="c2"))
    await one.given(configured(voting="off", depth=1, moderation="all"))
    assert (await other.publish(voted())).problem == "voting-off"
    await other.given(posted("c4", parent="c2"))
    found = await other.get(
        f"/v1/comments/{ids.comment_id(DISCUSSION, 'c4')}", token=token("moderate")
    )
    assert (found.json["depth"], found.json["status"]) == (1, "held")
    await other.given(opened(settings={"voting": "up", "moderation": "none"}))
    assert (await one.publish(voted(-1))).problem == "voting-up-only"
    await one.given(voted(1))
    await one.given(posted("c5"))
    shown = await one.get(f"/v1/comments/{ids.comment_id(DISCUSSION, 'c5')}")
    assert shown.json["status"] == "published"
    await one.given(configured(self_votes=True))
    await other.given(voted(1, voter="ann"))


async def test_origins_change_at_once(both: tuple[Service, Service]) -> None:
    one, _ = both
    await one.given(opened(), posted())
    origin = {"Origin": "https://elsewhere.example"}
    allowed = "Access-Control-Allow-Origin"
    for service in both:
        await kept(service, f"{HERE}/comments")
    await one.given(configured(origins=["https://gazette.example"]))
    for service in both:
        await service.get(HERE)
        answer = await service.ask("GET", f"{HERE}/comments", headers=origin)
        assert allowed not in answer.headers
        own = {"Origin": "https://gazette.example"}
        answer = await service.ask("GET", f"{HERE}/comments", headers=own)
        assert answer.headers[allowed] == own["Origin"]


async def test_the_same_again_changes_nothing_and_the_rest_stands(service: Service) -> None:
    await service.given(opened(), configured(private=True, edit_seconds=5))
    answer = await service.publish(configured(edit_seconds=5))
    assert answer.json["status"] == "unchanged"
    await service.given(configured(edit_seconds=6))
    assert (await service.app.lookup.site_rules("gazette")).private
    assert (await service.get(HERE)).status == 404


async def test_single_newlines_break_lines_unless_the_settings_join_them(
    both: tuple[Service, Service],
) -> None:
    one, other = both
    broken, joined = "<p>One.<br>\nTwo.</p>\n", "<p>One.\nTwo.</p>\n"
    await one.given(opened(), opened(resource="/buses"), posted(body="One.\nTwo."))
    await one.given(posted("c2", body="One.\nTwo.", resource="/buses"))
    paths = (f"{HERE}/comments", "/v1/sites/gazette/comments")

    async def shown(service: Service, path: str) -> list[str]:
        return [comment["html"] for comment in (await kept(service, path)).json["comments"]]

    async def previewed(**where: str) -> str:
        body = json.dumps({"body": "One.\nTwo.", **where}).encode()
        bearer, headers = token("comment", site="gazette"), {"Content-Type": "application/json"}
        answer = await one.ask("POST", "/v1/preview", token=bearer, headers=headers, body=body)
        return str(answer.json["html"])

    for service in both:
        assert [await shown(service, path) for path in paths] == [[broken], [broken] * 2]
    assert await previewed() == await previewed(discussion=str(DISCUSSION)) == broken
    await other.given(configured(breaks=False))
    for service in both:
        assert [await shown(service, path) for path in paths] == [[joined], [joined] * 2]
    assert await previewed() == joined
    await one.given(opened(settings={"breaks": True}))
    for service in both:
        assert [await shown(service, path) for path in paths] == [[broken], [joined, broken]]
        page = await service.get(f"{HERE}/page")
        assert broken.encode() in page.body
        assert b"One.&lt;br" in (await service.get(f"{HERE}/feed.atom")).body
    assert await previewed() == joined
    assert await previewed(discussion=str(DISCUSSION)) == broken
