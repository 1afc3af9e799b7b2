"""The page for moderators while tokens, lists and the log change under it."""

import re

import pytest
from playwright.async_api import Browser, Page, Route, expect

from rostra_adapters.http.routes.demo import SITE
from support.moderation_pages import DESK, ITEM, desk, held, moderator
from support.reader_pages import about, caught_up, wrote
from support.service import Event, Service


@pytest.mark.slow
async def test_a_moderator_stays_signed_in_while_the_page_renews_the_token(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 1)
    await caught_up(reader_service)
    page = await (await browser.new_context()).new_page()
    body = f"""<!doctype html><html lang=en><title>Admin</title><main>
        <{DESK} site={SITE}></{DESK}></main>
        <script>
            window.token = "ended";
            document.querySelector("{DESK}").getToken = async () => window.token;
        </script>
        <script type=module src=/moderate/moderate.js></script>"""
    await page.route(
        re.compile("/admin$"), lambda it: it.fulfill(body=body, content_type="text/html")
    )

    async def renew(route: Route) -> None:
        await page.evaluate("(token) => { window.token = token }", moderator())
        await route.continue_()

    await page.route(re.compile(r"/v1/moderation\?"), renew, times=1)
    await page.goto(f"{reader_service.url}/admin")
    await expect(page.locator(ITEM)).to_have_count(1)
    await expect(page.locator(f"{DESK} nav button").first).to_be_visible()


async def look_again(page: Page) -> None:
    """Refresh the view, as a page does that comes into view, unless a refresh is running."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def flagged(person: str) -> Event:
    return about("comment.flagged", f"f-{person}", comment="c1", by=person, reason="Odd")


async def test_further_reports_and_an_erasure_are_shown_without_loading_again(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(wrote("c1", "Some words.", by="eve", name="Eve"), flagged("ada"))
    page = await desk(browser, reader_service)
    await page.keyboard.press("2")
    item = page.locator(ITEM)
    await expect(item.locator(".flags li")).to_have_text(["ada: Odd"])
    await item.get_by_role("checkbox").focus()
    await reader_service.given(flagged("bob"), flagged("cem"))
    await caught_up(reader_service)
    await look_again(page)
    await expect(item.locator(".flags li")).to_have_count(3)
    await expect(item.get_by_role("checkbox")).to_be_focused()
    erased = about("person.erased", "gone", person="eve")
    del erased["data"]["resource"]
    await reader_service.given(erased)
    await caught_up(reader_service)
    await look_again(page)
    await expect(item.locator(".words")).not_to_contain_text("Some words.")
    await expect(item).not_to_contain_text("Eve")


@pytest.mark.slow
async def test_keys_follow_the_list_after_an_undo(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 4)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(4)
    for key in ("j", "a"):
        await page.keyboard.press(key)
    await expect(page.locator(ITEM)).to_have_count(3)
    await page.keyboard.press("z")
    await expect(page.locator(ITEM).first).to_be_focused()
    await expect(page.locator(ITEM).first).to_contain_text("Waiting 0")
    await page.keyboard.press("j")
    await expect(page.locator(ITEM, has_text="Waiting 1")).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.locator(ITEM, has_text="Waiting 0")).to_be_focused()
