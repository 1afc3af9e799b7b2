"""Names and labels of persons, as readers see them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra import ids
from rostra_adapters.http.auth.tokens import sign
from support.service import SECRET, Event, Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
COMMENTS = f"/v1/discussions/{DISCUSSION}/comments"


@pytest.fixture(params=["memory", "postgres"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service over views in memory, and over those of PostgreSQL."""
    url = "memory:" if request.param == "memory" else request.getfixturevalue("database_url")
    async with serving(url) as service:
        yield service


def about(type_: str, person: str = "ann", **data: Any) -> Event:
    """Return an event about a person of the site."""
    made = event(type_, **data)
    made["data"] = {"site": "gazette", "person": person, **data}
    return made


async def authors(service: Service, **params: Any) -> list[dict[str, Any]]:
    answer = await service.get(COMMENTS, order="oldest", **params)
    assert answer.status == 200, answer.body
    return [comment["author"] for comment in answer.json["comments"]]


async def test_a_changed_name_is_shown_on_old_comments(service: Service) -> None:
    await service.given(opened(), posted("c1"), posted("c2", author={"id": "bob", "name": "Bob"}))
    assert await authors(service) == [{"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}]
    await service.given(about("person.configured", name="Ann Bell"))
    named = [{"id": "ann", "name": "Ann Bell"}, {"id": "bob", "name": "Bob"}]
    assert await authors(service) == named
    assert await authors(service, as_of=3) == named


async def test_settings_without_a_name_leave_the_name_of_the_comment(service: Service) -> None:
    await service.given(opened(), posted("c1"), about("person.configured", language="de"))
    assert await authors(service) == [{"id": "ann", "name": "Ann"}]


async def test_a_name_taken_back_leaves_the_name_of_the_comment(service: Service) -> None:
    await service.given(
        opened(),
        posted("c1"),
        about("person.configured", name="Ann Bell"),
        about("person.configured", name=None),
    )
    assert await authors(service) == [{"id": "ann", "name": "Ann"}]


async def test_a_label_is_shown_until_it_is_taken_away(service: Service) -> None:
    await service.given(
        event("site.configured", settings={"labels": ["Staff"]}),
        opened(),
        posted("c1"),
        about("person.labelled", label="Staff", by="mia"),
    )
    assert await authors(service) == [{"id": "ann", "name": "Ann", "label": "Staff"}]
    await service.given(about("person.labelled", label=None, by="mia"))
    assert await authors(service) == [{"id": "ann", "name": "Ann"}]


async def test_an_erased_person_has_neither_name_nor_label(service: Service) -> None:
    await service.given(
        event("site.configured", settings={"labels": ["Staff"]}),
        opened(),
        posted("c1"),
        about("person.configured", name="Ann Bell"),
        about("person.labelled", label="Staff", by="mia"),
        about("person.erased"),
    )
    assert await authors(service) == [{"id": "ann", "name": None}]


async def test_the_feed_has_the_name_and_no_other_setting(service: Service) -> None:
    await service.given(
        opened(),
        about("person.configured", name="Ann", email="ann at example", time_zone="Asia/Tokyo"),
        event("subscription.started", person="ann", to="comments"),
    )
    feed = await service.ask("GET", "/v1/events", token=token("feed"))
    assert [one["type"] for one in feed.json] == ["discussion.opened", "person.configured"]
    assert feed.json[1]["data"] == {"site": "gazette", "person": "ann", "name": "Ann"}
    asked = await service.ask(
        "GET", "/v1/events", token=token("feed"), params={"type": "subscription.started"}
    )
    assert asked.status == 400


# -- a person's own settings


def as_person(person: str = "ann", site: str = "gazette") -> str:
    return token("comment", site=site, person=person)


async def me(service: Service, body: Any = None, *, bearer: str | None = None) -> Any:
    """Change settings, or read them."""
    method = "GET" if body is None else "PATCH"
    answer = await service.ask(
        method,
        "/v1/me",
        token=bearer or as_person(),
        headers={"Content-Type": "application/json"},
        body=None if body is None else json.dumps(body).encode(),
    )
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


async def test_settings_begin_empty_and_are_changed_one_by_one(service: Service) -> None:
    begun = await me(service)
    assert begun.json == {
        "id": "ann",
        "name": None,
        "email": None,
        "email_confirmed": False,
        "language": None,
        "time_zone": None,
        "hour": None,
        "notify": {
            "replies": "now",
            "mentions": "now",
            "subscriptions": "now",
            "moderation": "off",
        },
        "label": None,
        "position": 0,
    }
    first = {"email": "ann@example.org", "time_zone": "Europe/Vienna", "hour": 0}
    changed = await me(service, first)
    assert changed.json == begun.json | first | {"position": 1}
    second = await me(service, {"email": None, "notify": {"replies": "daily"}})
    notify = begun.json["notify"] | {"replies": "daily"}
    expected = begun.json | first | {"email": None, "notify": notify, "position": 2}
    assert second.json == expected
    assert (await me(service)).json == expected


async def test_settings_are_a_persons_own_on_one_site(service: Service) -> None:
    await me(service, {"language": "de"})
    assert (await me(service, bearer=as_person("bob"))).json["language"] is None
    assert (await me(service, bearer=as_person(site="other"))).json["language"] is None
    assert (await me(service, bearer=as_person(site="*"))).status == 403
    assert (await me(service, bearer=token("read", site="gazette", person="ann"))).status == 403


async def test_a_person_sets_their_name_where_the_site_says_so(service: Service) -> None:
    refused = await me(service, {"name": "Ann Bell"})
    assert (refused.status, refused.problem) == (422, "name-from-token")
    await service.given(event("site.configured", settings={"names": "person"}))
    named = await me(service, {"name": "  Ann   Bell "})
    assert named.json["name"] == "Ann Bell"
    await service.given(opened(), posted("c1"))
    assert await authors(service) == [{"id": "ann", "name": "Ann Bell"}]


async def test_a_person_takes_their_name_back_where_names_come_from_tokens(
    service: Service,
) -> None:
    await service.given(event("site.configured", settings={"names": "person"}), opened())
    await me(service, {"name": "Old"})
    await service.given(event("site.configured", settings={"names": "token"}))
    bearer = sign(SECRET, scope="comment", site="gazette", person="ann", name="New")
    headers, body = {"Content-Type": "application/json"}, b'{"body": "Yes."}'
    await service.ask("POST", COMMENTS, token=bearer, headers=headers, body=body)
    assert (await me(service, bearer=bearer)).json["name"] == "Old"
    assert await authors(service) == [{"id": "ann", "name": "Old"}]
    assert (await me(service, {"name": "Other"}, bearer=bearer)).problem == "name-from-token"
    assert (await me(service, {"name": None}, bearer=bearer)).json["name"] == "New"
    assert await authors(service) == [{"id": "ann", "name": "New"}]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "\u202eAnn"},
        {"name": " "},
        {"email": "ann"},
        {"email": "Ann <ann@example.org>"},
        {"email": "ann@example.org\r\nBcc: bob@example.org"},
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../../etc/passwd"},
        {"language": "deutsch bitte"},
        {"hour": 24},
        {"notify": {"replies": "weekly"}},
        {"notify": {"everything": "now"}},
        {"password": "x"},
    ],
)
async def test_settings_that_do_not_fit_are_refused(service: Service, body: Any) -> None:
    refused = await me(service, body)
    assert (refused.status, refused.problem) == (422, "invalid-body")
    assert (await me(service)).json["position"] == 0


# -- subscriptions

SUBSCRIPTION = f"/v1/discussions/{DISCUSSION}/subscription"


async def subscription(
    service: Service, method: str = "GET", body: Any = None, bearer: str | None = None
) -> Any:
    return await service.ask(
        method,
        SUBSCRIPTION,
        token=bearer or as_person(),
        headers={"Content-Type": "application/json"},
        body=None if body is None else json.dumps(body).encode(),
    )


async def test_a_subscription_starts_changes_and_ends(service: Service) -> None:
    await service.given(opened())
    assert (await subscription(service)).json == {"to": None, "position": 0}
    for method, body, expected in (
        ("PUT", {"to": "comments"}, {"to": "comments", "position": 2}),
        ("PUT", {"to": "replies"}, {"to": "replies", "position": 3}),
        ("DELETE", None, {"to": None, "position": 4}),
    ):
        assert (await subscription(service, method, body)).json == expected
        assert (await subscription(service)).json == expected
    assert (await subscription(service, bearer=as_person("bob"))).json["to"] is None


async def test_a_person_who_was_erased_and_returned_subscribes_anew(service: Service) -> None:
    await service.given(opened())
    put = {"to": "comments"}
    assert (await subscription(service, "PUT", put)).json == {"to": "comments", "position": 2}
    await service.given(about("person.erased"), about("person.returned"))
    assert (await subscription(service)).json["to"] is None
    again = (await subscription(service, "PUT", put)).json
    assert again["to"] == "comments" and again["position"] > 2
    assert (await subscription(service, "PUT", put)).json == again
    assert (await subscription(service)).json == again


async def test_nobody_subscribes_to_what_they_may_not_read(service: Service) -> None:
    assert (await subscription(service, "PUT", {"to": "comments"})).status == 404
    await service.given(opened())
    assert (await subscription(service, "PUT", {"to": "votes"})).status == 422
    other = as_person(site="other")
    assert (await subscription(service, "PUT", {"to": "comments"}, other)).status == 403
