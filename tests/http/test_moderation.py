"""Moderators: what waits for them, what they do, and the log of it; a comment's history."""

import json
from typing import Any

import pytest

from rostra import ids
from support.flag_holds import hold_by_flags
from support.service import PLACE, Answer, Service, event, opened, posted, serving, token

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
LOG = f"/v1/discussions/{DISCUSSION}/moderation-log"
C1 = ids.comment_id(DISCUSSION, "c1")
ON_C1 = f"/v1/comments/{C1}"
MIA = token("moderate", site=SITE, person="mia")
ANN, BOB = (token("comment", site=SITE, person=name) for name in ("ann", "bob"))


@pytest.fixture(params=["memory", "postgres"])
async def anywhere(request: pytest.FixtureRequest) -> Any:
    """Both kinds of views."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


async def act(service: Service, method: str, path: str, who: str | None, **body: Any) -> Answer:
    headers = {"Content-Type": "application/json"}
    content = json.dumps(body).encode()
    return await service.ask(method, path, token=who, headers=headers, body=content)


async def rule(service: Service, action: str, key: str = "c1", **more: Any) -> Answer:
    path = f"/v1/comments/{ids.comment_id(DISCUSSION, key)}/moderation"
    return await act(service, "POST", path, MIA, action=action, **more)


async def queue(service: Service, status: str, **params: Any) -> Any:
    params = {"site": SITE, "status": status, "min_position": await service.app.head(), **params}
    answer = await service.ask("GET", "/v1/moderation", token=MIA, params=params)
    assert answer.status == 200, answer.body
    return answer.json


async def waiting(service: Service, status: str) -> list[str]:
    return [comment["key"] for comment in (await queue(service, status))["comments"]]


async def test_what_is_held_waits_until_a_moderator_rules_on_it(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        opened(settings={"moderation": "all"}), posted("c1"), posted("c2"), posted("c3")
    )
    assert await waiting(service, "held") == ["c1", "c2", "c3"]
    assert await waiting(service, "flagged") == []
    assert (await rule(service, "approve")).json["status"] == "published"
    assert (await rule(service, "reject", "c2", reason="Rude.")).json["status"] == "rejected"
    assert await waiting(service, "held") == ["c3"]
    await rule(service, "remove", "c3")
    assert await waiting(service, "held") == []
    restored = await rule(service, "restore", "c3")
    assert restored.json["status"] == "held"
    [held] = (await queue(service, "held"))["comments"]
    assert (held["key"], held["body"], held["status"]) == ("c3", "Yes.", "held")
    assert (held["discussion"], held["flags"]) == (str(DISCUSSION), [])


async def test_what_is_flagged_waits_until_a_moderator_rules_on_it(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted("c1"), posted("c2"))
    flag: dict[str, Any] = {
        "comment": "c2",
        "by": "bob",
        "reason": "Rude.",
        "time": "2026-11-22T08:00:00Z",
    }
    await service.given(event("comment.flagged", **flag))
    await act(service, "POST", f"{ON_C1}/flag", BOB, reason="Wrong.")
    assert await waiting(service, "flagged") == ["c2", "c1"]
    [first, _] = (await queue(service, "flagged"))["comments"]
    assert first["flags"] == [{"by": "bob", "reason": "Rude.", "at": "2026-11-22T08:00:00.000000Z"}]
    approved = await rule(service, "approve")
    assert (approved.status, approved.json["status"]) == (200, "published")
    assert await waiting(service, "flagged") == ["c2"]
    await service.given(event("comment.flagged", comment="c1", by="eve", reason="Again."))
    [_, again] = (await queue(service, "flagged"))["comments"]
    assert [one["by"] for one in again["flags"]] == ["eve"]
    await service.given(event("comment.removed", comment="c2", by="ann"))
    assert await waiting(service, "flagged") == ["c1"]


async def test_a_hold_by_flags_does_not_answer_them(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        opened(),
        posted("c1"),
        event("comment.flagged", comment="c1", by="bob", reason="Rude."),
    )
    await hold_by_flags(service, "c1")
    [held] = (await queue(service, "held"))["comments"]
    assert [one["by"] for one in held["flags"]] == ["bob"]
    assert await waiting(service, "flagged") == ["c1"]
    await rule(service, "reject")
    assert await waiting(service, "flagged") == await waiting(service, "held") == []


async def test_the_queue_is_read_in_pages(anywhere: Service) -> None:
    service = anywhere
    keys = [f"c{number}" for number in range(5)]
    await service.given(opened(settings={"moderation": "all"}), *(posted(key) for key in keys))
    await service.given(opened(site="herald"), posted(site="herald", status="held"))
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await queue(service, "held", limit=2, **cursor)
        found += [comment["key"] for comment in page["comments"]]
        if page["next"] is None:
            break
        await rule(service, "approve", found[-1])  # what has been seen does not shift the rest
        cursor = {"cursor": page["next"]}
    assert found == keys
    params = {"site": SITE, "status": "flagged", **cursor}
    other = await service.ask("GET", "/v1/moderation", token=MIA, params=params)
    assert (other.status, other.problem) == (400, "bad-cursor")


async def test_the_log_of_moderation_is_public_with_its_reasons(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted("c1"), posted("c2"))
    for action, reason in [("pin", None), ("remove", "Rude."), ("restore", "A mistake.")]:
        await rule(service, action, **({} if reason is None else {"reason": reason}))
    told = event("comment.removed", comment="c2", reason="Told.", time="2026-11-22T08:00:00Z")
    await service.given(told)
    await service.given(posted("c3"), event("comment.removed", comment="c3", by="ann"))
    public = (await service.get(LOG)).json
    assert [(one["by"], one["role"], one["reason"]) for one in public["acts"]] == [
        (None, "service", "Told."),
        (None, "moderator", "A mistake."),
        (None, "moderator", "Rude."),
        (None, "moderator", None),
    ]
    page = (await service.get(LOG, token=MIA)).json
    assert [(one["action"], one["by"], one["reason"]) for one in page["acts"]] == [
        ("remove", None, "Told."),
        ("restore", "mia", "A mistake."),
        ("remove", "mia", "Rude."),
        ("pin", "mia", None),
    ]
    assert page["acts"][0] == {
        "position": 7,
        "at": "2026-11-22T08:00:00.000000Z",
        "action": "remove",
        "comment": str(ids.comment_id(DISCUSSION, "c2")),
        "by": None,
        "role": "service",
        "reason": "Told.",
    }
    assert (page["position"], page["next"]) == (7, None)
    first = (await service.get(LOG, limit=3)).json
    rest = (await service.get(LOG, limit=3, cursor=first["next"])).json
    assert first["acts"] + rest["acts"] == public["acts"]
    await service.given(event("site.configured", settings={"moderators_named": True}))
    assert (await service.get(LOG)).json["acts"] == page["acts"]


async def test_moderators_act_whatever_a_publishers_clock_says(service: Service) -> None:
    from datetime import UTC, datetime, timedelta

    ahead = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    await service.given(opened(), posted(), event("comment.pinned", comment="c1", time=ahead))
    await rule(service, "unpin")
    assert not (await service.get(ON_C1)).json["pinned"]


async def test_moderation_is_for_moderators_of_the_site(service: Service) -> None:
    await service.given(opened(), posted())
    for who, status in [
        (None, 401),
        (ANN, 403),
        (token("moderate", site="herald", person="mia"), 403),
        (token("moderate", person="mia"), 200),
    ]:
        listed = await service.ask("GET", f"/v1/moderation?site={SITE}&status=held", token=who)
        assert listed.status == status
        ruled = await act(service, "POST", f"{ON_C1}/moderation", who, action="pin")
        assert ruled.status == status
    missing = await rule(service, "pin", "c9")
    assert (missing.status, missing.problem) == (404, "not-found")
    assert (await rule(service, "praise")).status == 422
    bad = await service.ask("GET", f"/v1/moderation?site={SITE}&status=new", token=MIA)
    assert (bad.status, bad.problem) == (400, "bad-query")


# -- history


async def test_a_comments_history_keeps_earlier_wordings_from_others(service: Service) -> None:
    times = [f"2026-11-22T0{hour}:00:00Z" for hour in range(3)]
    await service.given(
        opened(),
        posted(body="First.", time=times[0]),
        event("comment.edited", comment="c1", body="Second.", time=times[1], by="mia"),
        event("comment.pinned", comment="c1", time=times[2], by="mia"),
    )

    async def bodies(who: str | None) -> list[str | None]:
        page = (await service.get(f"{ON_C1}/history", token=who)).json
        return [one["body"] for one in page["events"]]

    public = (await service.get(f"{ON_C1}/history")).json
    assert [one["by"] for one in public["events"]] == ["ann", None, None]
    page = (await service.get(f"{ON_C1}/history", token=MIA)).json
    assert page["position"] == 4
    assert page["events"][1:] == [
        {
            "position": 3,
            "type": "comment.edited",
            "at": "2026-11-22T01:00:00.000000Z",
            "by": "mia",
            "body": "Second.",
        },
        {
            "position": 4,
            "type": "comment.pinned",
            "at": "2026-11-22T02:00:00.000000Z",
            "by": "mia",
            "body": None,
        },
    ]
    assert (page["events"][0]["type"], page["events"][0]["by"]) == ("comment.posted", "ann")
    assert await bodies(None) == await bodies(BOB) == [None, "Second.", None]
    assert await bodies(ANN) == await bodies(MIA) == ["First.", "Second.", None]
    await service.given(event("comment.removed", comment="c1", by="mia"))
    assert await bodies(BOB) == [None] * 4
    assert await bodies(MIA) == ["First.", "Second.", None, None]


@pytest.mark.parametrize("moderation", ["none", "all"])
async def test_the_history_of_what_is_shown_no_more_does_not_name_its_author(
    service: Service, moderation: str
) -> None:
    await service.given(opened(settings={"moderation": moderation}), posted())
    assert (await act(service, "DELETE", ON_C1, ANN)).status == 200
    assert (await service.get(ON_C1)).json["author"] is None
    for who, named in [(None, None), (BOB, None), (ANN, "ann"), (MIA, "ann")]:
        page = (await service.get(f"{ON_C1}/history", token=who)).json
        assert [one["by"] for one in page["events"]] == [named, named]


async def test_the_history_of_what_is_not_there_is_not_found(service: Service) -> None:
    await service.given(opened(settings={"moderation": "all"}), posted())
    for who, status in [(None, 404), (BOB, 404), (ANN, 200), (MIA, 200)]:
        assert (await service.get(f"{ON_C1}/history", token=who)).status == status
    missing = f"/v1/comments/{ids.comment_id(DISCUSSION, 'c9')}/history"
    assert (await service.get(missing)).status == 404
