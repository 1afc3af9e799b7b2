"""The newest comments of a whole site, in the shape of a list."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.effort import examples
from support.service import SECRET, Service, event, opened, posted, serving, token, voted

SITE = "gazette"
PATH = f"/v1/sites/{SITE}/comments"
READER = token("read", site=SITE)
JSON = {"Content-Type": "application/json"}
SOMEWHERE = {"X-Forwarded-For": "192.0.2.1"}
EMPTY = {"position": 0, "order": "newest", "total": 0, "comments": [], "next": None}


async def keys(service: Service, bearer: str | None = None, limit: int = 20) -> list[str]:
    """The keys of all comments that are listed, page by page."""
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await service.get(PATH, token=bearer, limit=limit, **cursor)).json
        found += [comment["key"] for comment in page["comments"]]
        assert len(page["comments"]) == limit or page["next"] is None
        if page["next"] is None:
            assert page["total"] == len(found)
            return found
        cursor = {"cursor": page["next"]}


async def test_it_lists_the_comments_of_every_discussion_by_time(durable_service: Service) -> None:
    service = durable_service
    await service.given(opened(), opened(resource="/b"), opened(resource="/c"))
    await service.given(posted("old", time="2020-01-01T00:00:00Z"))
    await service.given(posted("reply", parent="old"), posted("b", resource="/b"))
    await service.given(posted("older", resource="/c", time="2019-01-01T00:00:00Z"))
    await service.given(opened(site="herald"), posted("elsewhere", site="herald"))
    expected = ["b", "reply", "old", "older"]
    for limit in (1, 2, 3, 4, 20):
        assert await keys(service, limit=limit) == expected
    page = (await service.get(PATH)).json
    assert {name: page[name] for name in ("order", "total", "next")} == {
        "order": "newest",
        "total": 4,
        "next": None,
    }
    own = (await service.get(f"/v1/comments/{page['comments'][1]['id']}")).json
    assert own.pop("children") == []
    assert own.pop("next_children") is None
    assert page["comments"][1] == own


@pytest.mark.parametrize("backend", ["memory", "postgres"])
async def test_a_person_sees_which_comments_of_a_site_are_new(
    backend: str, request: pytest.FixtureRequest
) -> None:
    url = "memory:" if backend == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        places = ["/trams", "/b", "/c"]
        await service.given(*(opened(resource=place) for place in places))
        await service.given(*(posted("old", resource=place) for place in places))
        me, marked = token("comment", site=SITE, person="me"), await service.app.head()
        assert await new_keys(service, me) == []
        for place in places[:2]:
            path = f"/v1/discussions/{ids.discussion_id(SITE, place)}/read"
            await service.ask(
                "PUT", path, token=me, headers=JSON, body=b'{"position": %d}' % marked
            )
        own = {"id": "me", "name": "Me"}
        await service.given(*(posted("new", resource=place) for place in places))
        await service.given(posted("mine", resource="/b", author=own))
        assert await new_keys(service, me) == ["new", "new"]
        anybody = (await service.get(PATH)).json["comments"]
        assert not any("new" in comment for comment in anybody)


async def new_keys(service: Service, bearer: str) -> list[str]:
    page = (await service.get(PATH, token=bearer)).json
    return [comment["key"] for comment in page["comments"] if comment["new"]]


async def test_a_reader_is_charged_by_the_discussions_of_the_site() -> None:
    limits = HttpSettings(secret=SECRET, reader_rate=Rate(10, 0.001), site_discussions_a_request=2)
    async with serving(settings=limits) as service:
        await service.given(*(opened(resource=f"/{n}") for n in range(6)))
        for left in (6, 2, 0):  # one request, and three more
            await service.given(posted(f"c{left}", resource="/1"))  # or the page would be cached
            answer = await service.ask("GET", PATH, headers=SOMEWHERE)
            assert (answer.status, f"r={left}" in answer.headers["RateLimit"]) == (200, True)
        assert (await service.ask("GET", PATH, headers=SOMEWHERE)).status == 429


async def test_a_closed_site_is_charged_like_none() -> None:
    limits = HttpSettings(secret=SECRET, reader_rate=Rate(10, 0.001), site_discussions_a_request=2)
    async with serving(settings=limits) as service:
        configured = event("site.configured", settings={"private": True})
        await service.publish({**configured, "data": {"site": SITE, **configured["data"]}})
        await service.given(*(opened(resource=f"/{n}") for n in range(6)))
        closed = await service.ask("GET", PATH, headers=SOMEWHERE)
        unknown = await service.ask("GET", "/v1/sites/nowhere/comments", headers=SOMEWHERE)
        assert closed.json == unknown.json == EMPTY
        assert [answer.headers["RateLimit"].split(";")[1] for answer in (closed, unknown)] == [
            "r=9",
            "r=8",
        ]


async def test_comments_with_one_time_are_listed_by_position(durable_service: Service) -> None:
    service, time = durable_service, "2020-01-01T00:00:00Z"
    await service.given(*(opened(resource=f"/{n}") for n in range(6)))
    await service.given(*(posted(f"c{n}", resource=f"/{n % 6}", time=time) for n in range(12)))
    for limit in (1, 2, 5):
        assert await keys(service, limit=limit) == [f"c{n}" for n in reversed(range(12))]


async def test_comments_that_are_not_published_are_not_listed(durable_service: Service) -> None:
    service = durable_service
    await service.given(opened(), posted("c1"), posted("c2"), posted("c3"), posted("c4"))
    await service.given(posted("below", parent="c2"), posted("held", status="held"))
    await service.given(*(event("comment.removed", comment=key) for key in ("c1", "c2")))
    await service.given(event("comment.rejected", comment="c3"))
    for bearer in (None, token("moderate", site=SITE), token("comment", site=SITE, person="ann")):
        assert await keys(service, bearer) == ["below", "c4"]


async def test_a_person_sees_how_they_voted(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2"), voted(on="c1", voter="bob"))
    bearer = token("comment", site=SITE, person="bob")
    page = (await service.get(PATH, token=bearer)).json
    assert [comment["my_vote"] for comment in page["comments"]] == [0, 1]
    assert "my_vote" not in (await service.get(PATH)).json["comments"][0]


async def test_an_unknown_site_has_none_and_no_site_has_such_a_name(service: Service) -> None:
    answer = await service.get("/v1/sites/nobody/comments")
    assert (answer.status, answer.json) == (200, EMPTY)
    assert (await service.get("/v1/sites/%00/comments")).status == 404
    refused = await service.get(PATH, order="best")
    assert (refused.status, refused.problem) == (400, "bad-query")


async def test_a_cursor_is_of_one_site_one_list_and_one_limit(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2"), opened(resource="/b"))
    cursor = (await service.get(PATH, limit=1)).json["next"]
    discussions = (await service.get(f"/v1/sites/{SITE}/discussions", limit=1)).json["next"]
    here = f"/v1/discussions/{ids.discussion_id(SITE, '/trams')}/comments"
    listed = (await service.get(here, limit=1)).json["next"]
    for path, limit, given_cursor in (
        ("/v1/sites/herald/comments", 1, cursor),
        (PATH, 2, cursor),
        (f"/v1/sites/{SITE}/discussions", 1, cursor),
        (here, 1, cursor),
        (PATH, 1, discussions),
        (PATH, 1, listed),
        (PATH, 1, "x"),
    ):
        answer = await service.get(path, limit=limit, cursor=given_cursor)
        assert (answer.status, answer.problem) == (400, "bad-cursor"), path


async def test_a_private_site_answers_like_an_unknown_one(service: Service) -> None:
    await service.given(event("site.configured", settings={"private": True}), opened(), posted())
    assert (await service.get(PATH)).json == EMPTY
    assert (await service.get(PATH, token=token("read", site="herald"))).json == EMPTY
    assert await keys(service, READER) == ["c1"]


async def test_a_discussion_that_becomes_private_is_left_out_at_once(
    durable_service: Service,
) -> None:
    service = durable_service
    await service.given(opened(), opened(resource="/b"), posted("c1"), posted("b", resource="/b"))
    assert await keys(service) == ["b", "c1"]
    await service.publish(opened(resource="/b", settings={"private": True}))
    page = (await service.ask("GET", PATH)).json  # wherever the view is
    assert [comment["key"] for comment in page["comments"]] == ["c1"]
    assert await keys(service) == ["c1"]
    assert await keys(service, READER) == ["b", "c1"]


@settings(deadline=None, max_examples=examples(15))
@given(st.lists(st.booleans(), max_size=10), st.integers(1, 4))
async def test_a_list_is_that_of_a_site_without_its_private_discussions(
    private: list[bool], limit: int
) -> None:
    async with serving() as service:
        for number, hidden in enumerate(private):
            rules = {"settings": {"private": True}} if hidden else {}
            await service.given(opened(resource=f"/{number}", **rules))
            await service.given(posted(f"c{number}", resource=f"/{number}"))
        shown = [f"c{number}" for number, hidden in enumerate(private) if not hidden]
        assert await keys(service, limit=limit) == shown[::-1]
        assert len(await keys(service, READER, limit)) == len(private)
