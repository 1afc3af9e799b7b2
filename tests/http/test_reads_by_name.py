"""Reads without a look-up of our ids: by site, resource and key."""

import json
from typing import Any

import pytest

from support.service import Service, event, opened, posted, token, voted

SITE, RESOURCE = "gazette", "/trams"


async def given(service: Service) -> dict[str, Any]:
    """Record a small discussion and return it as it is read."""
    await service.given(
        opened(),
        posted("c1"),
        posted("c2", parent="c1", body="Why?"),
        voted(),
    )
    answer = await service.get("/v1/discussions", site=SITE, resource=RESOURCE)
    found: dict[str, Any] = answer.json
    return found


async def test_comments_are_listed_by_the_name_of_their_resource(service: Service) -> None:
    discussion = await given(service)
    by_id = await service.get(f"/v1/discussions/{discussion['id']}/comments", order="most_voted")
    by_name = await service.get("/v1/comments", site=SITE, resource=RESOURCE, order="most_voted")
    assert by_name.status == 200
    assert by_name.json == by_id.json
    assert by_name.json["comments"][0]["key"] == "c1"
    assert by_name.headers["ETag"]


async def test_one_comment_is_read_by_its_key(service: Service) -> None:
    await given(service)
    answer = await service.get("/v1/comments", site=SITE, resource=RESOURCE, key="c2")
    assert answer.status == 200
    assert (answer.json["key"], answer.json["body"]) == ("c2", "Why?")
    by_id = await service.get(f"/v1/comments/{answer.json['id']}")
    assert by_id.json == answer.json


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"site": SITE, "resource": RESOURCE, "key": "none"}, 404),
        ({"site": SITE, "resource": "/none"}, 404),
        ({"site": "none", "resource": RESOURCE}, 404),
        ({"site": SITE}, 400),
        ({"resource": RESOURCE}, 400),
        ({"site": SITE, "resource": RESOURCE, "key": "c1", "limit": "3"}, 400),
        ({"site": SITE, "resource": RESOURCE, "order": "best", "wrong": "1"}, 400),
    ],
)
async def test_what_is_not_there_or_not_asked_rightly_is_said(
    service: Service, params: dict[str, str], status: int
) -> None:
    await given(service)
    assert (await service.get("/v1/comments", **params)).status == status


async def test_private_discussions_are_read_by_name_with_a_token_alone(service: Service) -> None:
    await service.given(event("site.configured", settings={"private": True}), opened(), posted())
    asked = {"site": SITE, "resource": RESOURCE}
    private = await service.get("/v1/comments", **asked)
    unknown = await service.get("/v1/comments", site=SITE, resource="/unknown")
    assert (private.status, private.json) == (404, unknown.json)
    answer = await service.get("/v1/comments", token=token("read", site=SITE), **asked)
    assert answer.json["total"] == 1


async def test_a_list_by_name_is_continued_and_stays_after_a_move(service: Service) -> None:
    await service.given(opened(), *(posted(f"c{number}") for number in range(5)))
    await service.given(event("discussion.moved", resource=RESOURCE, to="/buses"))
    found: list[str] = []
    cursor: dict[str, str] = {}
    for resource in (RESOURCE, "/buses", RESOURCE):
        asked = {"site": SITE, "resource": resource, "limit": "2", **cursor}
        page = (await service.get("/v1/comments", **asked)).json
        found += [comment["key"] for comment in page["comments"]]
        cursor = {"cursor": page["next"]}
    assert sorted(found) == [f"c{number}" for number in range(5)]


@pytest.mark.parametrize("site", [SITE, "a b/c?d", "ünï"])
async def test_the_earlier_address_of_a_sites_list_redirects(service: Service, site: str) -> None:
    await service.given(opened(site=site))
    params = {"site": site, "limit": "1"}
    answer = await service.ask("GET", "/v1/discussions", params=params, redirects=False)
    assert answer.status == 308
    followed = await service.ask("GET", answer.headers["Location"])
    assert [one["site"] for one in followed.json["discussions"]] == [site]


async def test_counts_are_asked_for_in_a_body_too(service: Service) -> None:
    await given(service)
    long = "/" + "x" * 1_999
    body = json.dumps({"site": SITE, "resources": [RESOURCE, long]}).encode()
    sent = {"Content-Type": "application/json"}
    position = await service.app.head()
    path = f"/v1/counts?min_position={position}"
    answer = await service.ask("POST", path, headers=sent, body=body)
    assert answer.status == 200
    assert answer.json["counts"] == {RESOURCE: 2, long: 0}
    assert int(answer.headers["Rostra-Position"]) >= position
    by_query = await service.get("/v1/counts", site=SITE, resource=RESOURCE)
    assert by_query.json["position"] == answer.json["position"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"site": SITE, "resources": []}, 422),
        ({"site": SITE, "resources": ["/a"] * 101}, 422),
        ({"site": SITE, "resources": ["/a"], "more": 1}, 422),
        ({"resources": ["/a"]}, 422),
    ],
)
async def test_counts_that_do_not_fit_are_refused(
    service: Service, body: dict[str, Any], status: int
) -> None:
    sent = {"Content-Type": "application/json"}
    answer = await service.ask("POST", "/v1/counts", headers=sent, body=json.dumps(body).encode())
    assert answer.status == status
    assert answer.problem == "invalid-body"


@pytest.mark.parametrize("wrong", ["limit=0", "limit=x", "as_of=1", "more=1", "wait=-1"])
async def test_the_earlier_address_of_a_list_refuses_what_the_list_would(
    service: Service, wrong: str
) -> None:
    path = f"/v1/discussions?site={SITE}&{wrong}"
    assert (await service.ask("GET", path, redirects=False)).status == 400
