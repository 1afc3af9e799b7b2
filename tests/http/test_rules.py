"""What holds for a discussion, as readers are told."""

from typing import Any

from support.service import PLACE, Service, event, opened, token


async def rules(service: Service, *, by: str | None = None, **about: str) -> Any:
    position = await service.app.head()
    params = {**PLACE, **about, "min_position": position}
    answer = await service.ask("GET", "/v1/rules", token=by, params=params)
    assert answer.status == 200
    return answer.json


async def test_the_defaults_hold_where_nothing_is_known(service: Service) -> None:
    found = await rules(service)
    assert found == {
        "orders": ["newest", "oldest", "most_voted", "best", "controversial", "hot"],
        "voting": "both",
        "self_votes": False,
        "edit_seconds": 900,
        "body_bytes_max": 16_384,
        "moderation": "none",
        "guests": False,
        "guest_votes": "address",
        "open_on_first": False,
        "may_mark": False,
        "mails": False,
    }


async def test_a_discussion_overrides_its_site_and_a_change_is_told_at_once(
    service: Service,
) -> None:
    site = {"guests": True, "orders": ["oldest", "best"], "edit_seconds": 60}
    await service.given(event("site.configured", settings=site))
    before = await rules(service)
    assert (before["guests"], before["orders"]) == (True, ["oldest", "best"])
    await service.given(opened(settings={"edit_seconds": 5, "voting": "up"}))
    found = await rules(service)
    assert (found["edit_seconds"], found["voting"], found["guests"]) == (5, "up", True)
    assert (await rules(service, resource="/other"))["edit_seconds"] == 60
    await service.given(event("site.configured", settings={"guests": False}))
    assert (await rules(service))["guests"] is False


async def test_it_tells_whether_persons_may_mark_passages(service: Service) -> None:
    async def may_mark(**about: str) -> bool:
        return bool((await rules(service, **about))["may_mark"])

    await service.given(opened())
    assert not await may_mark()
    await service.given(event("article.revised", revision="r1", text="The trams are late."))
    assert await may_mark()
    assert not await may_mark(resource="/other")
    await service.given(opened(settings={"marking": "publisher"}))
    assert not await may_mark()
    await service.given(opened(settings={"marking": "persons"}))
    await service.app.drop_text(PLACE["site"], PLACE["resource"], "r1")
    await service.given(event("discussion.closed"))  # a page that was kept is dropped
    assert not await may_mark()


async def test_what_is_private_answers_like_what_is_not_there(service: Service) -> None:
    await service.given(opened(settings={"private": True, "edit_seconds": 5}))
    assert (await rules(service))["edit_seconds"] == 900
    assert (await rules(service, by=token("read")))["edit_seconds"] == 5
    await service.given(event("site.configured", settings={"private": True, "guests": True}))
    assert await rules(service, resource="/x") == await rules(service, site="unknown")


async def test_it_needs_a_site_and_a_resource(service: Service) -> None:
    for params in ({}, {"site": "gazette"}, {**PLACE, "else": "x"}):
        assert (await service.ask("GET", "/v1/rules", params=params)).status == 400
