"""Persons as moderators see them: record, bans, trust and labels, and the log of such acts."""

import json
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.application.feed.events import Feed
from rostra_adapters.application.moderation_jobs.follower import ModerationFollower
from rostra_adapters.application.queries.replay import grown
from support.service import PLACE, Answer, Service, event, opened, posted, serving, token

SITE = PLACE["site"]
MIA = token("moderate", site=SITE, person="mia")
BOB = {"id": "bob", "name": "Bob"}
BOBS = token("comment", site=SITE, person="bob")
NOTHING = {"comments": 0, "removed": 0, "rejected": 0, "held": 0, "flagged": 0, "votes": 0}


@pytest.fixture(params=["memory", "postgres"])
async def anywhere(request: pytest.FixtureRequest) -> Any:
    """Both kinds of views."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


async def read(service: Service, path: str, *, who: str | None = MIA, **params: Any) -> Answer:
    params = {"min_position": await service.app.head(), **params}
    return await service.ask("GET", path, token=who, params=params)


async def person(service: Service, name: str = "bob") -> Any:
    answer = await read(service, f"/v1/persons/{name}", site=SITE)
    assert answer.status == 200, answer.body
    return answer.json


async def rule(service: Service, action: str, who: str | None = MIA, **more: Any) -> Answer:
    body = json.dumps({"action": action, **more}).encode()
    headers = {"Content-Type": "application/json"}
    path = f"/v1/persons/bob/moderation?site={SITE}"
    return await service.ask("POST", path, token=who, headers=headers, body=body)


async def test_the_record_counts_what_became_of_the_comments(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        event("site.configured", settings={"labels": ["Staff"]}),
        opened(),
        *(
            posted(f"c{n}", author=BOB, time=f"2026-11-2{n}T08:00:00Z", status=status)
            for n, status in enumerate(["published"] * 4 + ["held"] * 2)
        ),
        posted("other", author={"id": "zoe", "name": "Zoe"}),
        event("comment.removed", comment="c0", by="mia"),
        event("comment.rejected", comment="c1", by="mia"),
        event("comment.flagged", comment="c2", by="eve", reason="Rude."),
        event("vote.cast", comment="other", voter="bob", value=-1),
        event("vote.cast", comment="c3", voter="zoe", value=1),
    )
    counts = {"comments": 6, "removed": 1, "rejected": 1, "held": 2, "flagged": 1, "votes": 1}
    assert await person(service) == {
        "id": "bob",
        "name": "Bob",
        "label": None,
        "labels": ["Staff"],
        "banned": None,
        "trusted": False,
        "job": None,
        **counts,
        "first_at": "2026-11-20T08:00:00.000000Z",
        "last_at": "2026-11-25T08:00:00.000000Z",
    }
    stranger = await person(service, "nobody")
    assert stranger == {
        **stranger,
        **NOTHING,
        "id": "nobody",
        "name": None,
        "first_at": None,
        "banned": None,
    }
    await service.given(event("comment.restored", comment="c0", by="mia"))
    await service.given(event("comment.approved", comment="c1", by="mia"))
    assert {**await person(service), **counts, "removed": 0, "rejected": 0} == await person(service)


async def test_a_person_is_banned_and_unbanned(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted("c1", author=BOB))
    banned = await rule(service, "ban", reason="Spam.", until="2036-01-01T00:00:00+01:00")
    assert (banned.status, banned.json["result"]) == (200, "recorded")
    found = (await person(service))["banned"]
    assert (found["until"], found["by"]) == ("2035-12-31T23:00:00.000000Z", "mia")
    refused = await service.ask(
        "PUT",
        f"/v1/comments/{(await service.given(posted('c2')))[0]}/vote",
        token=BOBS,
        headers={"Content-Type": "application/json"},
        body=b'{"value": 1}',
    )
    assert refused.problem == "person-banned"
    assert (await rule(service, "unban")).json["result"] == "recorded"
    assert (await rule(service, "unban")).json["result"] == "unchanged"
    assert (await person(service))["banned"] is None


async def test_a_person_is_trusted_and_labelled(anywhere: Service) -> None:
    service = anywhere
    await service.given(
        event("site.configured", settings={"labels": ["Staff"]}), opened(), posted(author=BOB)
    )
    await rule(service, "trust")
    await rule(service, "label", label="Staff")
    found = await person(service)
    assert (found["trusted"], found["label"]) == (True, "Staff")
    await rule(service, "distrust")
    await rule(service, "label", label=None)
    found = await person(service)
    assert (found["trusted"], found["label"]) == (False, None)
    unknown = await rule(service, "label", label="King")
    assert (unknown.status, unknown.problem) == (422, "unknown-label")


async def test_an_approval_that_is_taken_back_leaves_no_trust(anywhere: Service) -> None:
    service = anywhere
    await service.given(event("site.configured", settings={"moderation": "first"}), opened())
    [comment] = await service.given(posted("c1", author=BOB))

    async def trusted_after(action: str) -> bool:
        body = json.dumps({"action": action}).encode()
        headers = {"Content-Type": "application/json"}
        path = f"/v1/comments/{comment}/moderation"
        done = await service.ask("POST", path, token=MIA, headers=headers, body=body)
        assert done.status == 200, done.body
        return bool((await person(service))["trusted"])

    acts = ("approve", "hold", "approve", "reject", "hold")
    assert [await trusted_after(one) for one in acts] == [True, False, True, False, False]
    log = (await read(service, f"/v1/sites/{SITE}/moderation-log")).json["acts"]
    assert [one["action"] for one in reversed(log)] == list(acts)  # and no act on the person
    feed = await service.ask("GET", "/v1/events?limit=100", token=token("feed"))
    assert b"person.trusted" not in feed.body
    assert b"person.distrusted" not in feed.body


async def test_only_moderators_see_acts_on_persons_in_the_log(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted(author=BOB))
    await rule(service, "ban", reason="Spam.")
    await service.given(event("comment.removed", comment="c1", by="mia"))
    await rule(service, "unban")
    path = f"/v1/sites/{SITE}/moderation-log"
    acts = (await read(service, path)).json["acts"]
    assert [(one["action"], one.get("person")) for one in acts] == [
        ("unban", "bob"),
        ("remove", None),
        ("ban", "bob"),
    ]
    assert (acts[2]["comment"], acts[2]["by"], acts[2]["reason"]) == (None, "mia", "Spam.")
    for who in (None, token("read", site=SITE, person="ann")):
        shown = (await read(service, path, who=who)).json["acts"]
        assert [one["action"] for one in shown] == ["remove"]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "ban", "restore": True},
        {"action": "unban", "until": None},
        {"action": "trust", "label": "Staff"},
        {"action": "label"},
        {"action": "ban", "until": "tomorrow"},
        {"action": "praise"},
    ],
)
async def test_acts_that_do_not_fit_are_refused(service: Service, body: dict[str, Any]) -> None:
    answer = await rule(service, **body)
    assert (answer.status, answer.problem) == (422, "invalid-body")


async def test_persons_are_for_moderators_of_the_site(service: Service) -> None:
    await service.given(opened(), posted(author=BOB))
    for who, status in [
        (None, 401),
        (BOBS, 403),
        (token("moderate", site="herald", person="mia"), 403),
        (token("moderate", person="mia"), 200),
    ]:
        read_answer = await service.ask("GET", f"/v1/persons/bob?site={SITE}", token=who)
        assert read_answer.status == status
        assert (await rule(service, "trust", who)).status == status
    no_person = await service.ask("GET", f"/v1/persons/a%40b?site={SITE}", token=MIA)
    assert no_person.status == 404
    slash = await service.ask("GET", f"/v1/persons/a%2Fb?site={SITE}", token=MIA)
    assert slash.json["id"] == "a/b"


async def test_the_progress_of_a_bans_job_is_shown(anywhere: Service) -> None:
    service = anywhere
    await service.given(opened(), posted("c1", author=BOB), posted("c2", author=BOB))
    assert (await rule(service, "ban", comments="remove")).status == 200
    await ModerationFollower(service.app).catch_up()
    assert (await person(service))["job"] == {
        "state": "done",
        "comments": 2,
        "comments_total": 2,
        "votes": 0,
    }


async def test_a_bans_acts_are_history(anywhere: Service) -> None:
    """Readers see roles, the person all that was decided, and a replay how it went."""
    service = anywhere
    await service.given(opened(), posted("c1", author=BOB), posted("c2", author=BOB), posted("a1"))
    await rule(service, "ban", comments="remove", votes="nullify", reason="Spam.")
    follower = ModerationFollower(service.app)
    await follower.catch_up()
    await rule(service, "unban", restore=True)
    await follower.catch_up()
    public = (await read(service, f"/v1/sites/{SITE}/moderation-log", who=None)).json["acts"]
    assert [(one["action"], one["by"], one["role"]) for one in public] == [
        *[("restore", None, "moderator")] * 2,
        *[("remove", None, "moderator")] * 2,
    ]
    assert {one["reason"] for one in public} == {None, "Spam."}
    own = (await read(service, "/v1/me/inbox", who=BOBS)).json["items"]
    assert [one["reason"] for one in own] == ["moderation"] * 4
    discussion = ids.discussion_id(SITE, PLACE["resource"])
    grew = [
        (event.topic, comments)
        async for event, comments in grown(
            service.app.log,
            Feed(service.app.log, service.app.ring, service.app.articles),
            discussion,
        )
    ]
    assert [comments for topic, comments in grew if topic != "discussion.opened"] == [
        1, 2, 3, 2, 1, 2, 3
    ]  # fmt: skip
