"""Voting: at once, corrected by the service, and the last click stands."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from support.reader_pages import COMMENT, about, caught_up, comment_id, said, shown, wrote
from support.service import Service
from support.waiting import wait_until


async def test_a_vote_changes_sides_in_one_click_and_outlives_a_reload(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    top = page.locator(COMMENT).first
    score, up = top.locator(".score"), top.get_by_role("button", name="Vote for")
    await expect(score).to_have_text("42")
    for button, expected in (("for", "43"), ("against", "41"), ("against", "42"), ("for", "43")):
        async with page.expect_response("**/vote"):
            await top.get_by_role("button", name=f"Vote {button}").click()
            await expect(score).to_have_text(expected)
    await expect(up).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(up).to_have_attribute("aria-pressed", "true")
    await expect(score).to_have_text("43")


async def test_a_vote_shows_before_the_service_answers_and_the_last_click_stands(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    let, asked = asyncio.Event(), []

    async def hold(route: Any) -> None:
        asked.append(route.request.post_data_json["value"])
        await let.wait()
        await route.continue_()

    await page.route("**/vote", hold)
    top = page.locator(COMMENT).first
    score = top.locator(".score")
    await top.get_by_role("button", name="Vote for").click()
    await expect(score).to_have_text("43")
    await wait_until(lambda: bool(asked))
    await top.get_by_role("button", name="Vote against").click()
    await expect(score).to_have_text("41")
    await top.get_by_role("button", name="Vote for").click()
    await top.get_by_role("button", name="Vote against").click()
    assert asked == [1]  # the others wait for their turn, and all but the last for nothing
    async with page.expect_response(lambda it: it.url.endswith("/vote") and len(asked) == 2):
        let.set()
    assert asked == [1, -1]
    await expect(score).to_have_text("41")
    lid = await reader_service.get(f"/v1/comments/{await comment_id(reader_service, 'spring')}")
    assert (lid.json["up"], lid.json["down"]) == (44, 3)


async def test_a_vote_that_fails_is_taken_back_and_said_where_it_was_made(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    herons = said(page, "Two herons")
    await page.route("**/vote", lambda route: route.abort())
    await herons.get_by_role("button", name="Vote for").click()
    await expect(herons.locator(".note")).to_contain_text("There is no connection")
    await expect(herons.locator(".score")).to_have_text("52")
    await expect(herons.get_by_role("button", name="Vote for")).to_have_attribute(
        "aria-pressed", "false"
    )


@pytest.mark.slow
async def test_a_vote_that_the_service_refuses_is_corrected(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(wrote("own", "My own.", by="ada", name="Ada"))
    page = await shown(browser, reader_service)

    async def lenient(route: Any) -> None:  # the page believes that one may
        answer = await route.fetch()
        await route.fulfill(json={**await answer.json(), "self_votes": True})

    await page.route("**/v1/rules*", lenient)
    await page.get_by_role("button", name="Ada", exact=True).click()
    own = said(page, "My own.")
    await own.get_by_role("button", name="Vote for").click()
    await expect(own.locator(".note")).to_contain_text("That did not work")
    await expect(own.locator(".score")).to_have_text("0")


async def test_only_what_the_site_allows_is_offered(
    browser: Browser, reader_service: Service
) -> None:
    opened = about("discussion.opened", "upward", settings={"voting": "up"})
    await reader_service.given(opened)
    page = await shown(browser, reader_service, "/demo?as=ada")
    await expect(page.get_by_role("button", name="Vote against")).to_have_count(0)
    await page.get_by_label("Write a comment").fill("Mine.")
    await page.get_by_role("button", name="Post").click()
    own = said(page, "Mine.").get_by_role("button", name="Vote for")
    await expect(own).to_be_disabled()
    await reader_service.given(about("discussion.opened", "no", settings={"voting": "off"}))
    await caught_up(reader_service)
    await page.reload()
    await expect(page.locator(COMMENT).first).to_be_visible()
    await expect(page.get_by_role("button", name="Vote for")).to_have_count(0)
