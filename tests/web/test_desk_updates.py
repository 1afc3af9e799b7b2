"""The page for moderators while tokens, lists and the log change under it."""

import re
from typing import Any

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


PAGE_ACTS = 50
LOG = re.compile("/moderation-log")
ROWS = f"{DESK} .log tbody tr"
POSITIONS = f"""() => Array.from(
    document.querySelector("{DESK}").shadowRoot.querySelectorAll(".log tbody tr"),
    (row) => Number(row.dataset.position),
)"""


class Acts:
    """A moderators' log of acts whose positions are 1 to `head`. Its pages can be held back."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.waiting: list[Route] | None = None
        """Requests that are held back; None if each is answered at once."""

    async def answer(self, route: Route) -> None:
        if self.waiting is None:
            await self.fulfill(route)
        else:
            self.waiting.append(route)

    async def fulfill(self, route: Route) -> None:
        [cursor] = re.findall(r"cursor=(\d+)", route.request.url) or [str(self.head)]
        last = max(0, int(cursor) - PAGE_ACTS)
        acts: list[dict[str, Any]] = [
            {
                "position": position,
                "at": "2026-01-01T00:00:00.000000Z",
                "action": "pin",
                "comment": None,
                "by": "mia",
                "reason": None,
            }
            for position in range(int(cursor), last, -1)
        ]
        await route.fulfill(json={"acts": acts, "next": str(last) if last else None})

    async def release(self) -> None:
        """Answer all requests that were held back, the latest first."""
        waiting, self.waiting = self.waiting or [], None
        for route in reversed(waiting):
            await self.fulfill(route)


async def log_page(browser: Browser, service: Service, acts: Acts) -> Page:
    page = await desk(browser, service)
    await page.route(LOG, acts.answer)
    await page.keyboard.press("6")
    return page


async def test_the_log_has_no_gap_after_many_acts_of_others(
    browser: Browser, reader_service: Service
) -> None:
    acts = Acts(200)
    page = await log_page(browser, reader_service, acts)
    await expect(page.locator(ROWS)).to_have_count(PAGE_ACTS)
    for head in (203, 320):
        acts.head = head
        await look_again(page)
        await expect(page.locator(ROWS).first).to_have_attribute("data-position", str(head))
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator(ROWS)).to_have_count(2 * PAGE_ACTS)
    assert await page.evaluate(POSITIONS) == list(range(320, 220, -1))


@pytest.mark.slow
async def test_a_second_click_loads_no_page_of_the_log_twice(
    browser: Browser, reader_service: Service
) -> None:
    acts = Acts(200)
    page = await log_page(browser, reader_service, acts)
    await page.get_by_role("button", name="Load more").dblclick()
    await expect(page.locator(ROWS)).to_have_count(2 * PAGE_ACTS)
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator(ROWS)).to_have_count(3 * PAGE_ACTS)
    assert await page.evaluate(POSITIONS) == list(range(200, 50, -1))


@pytest.mark.slow
async def test_a_refresh_before_the_first_page_shows_no_act_twice(
    browser: Browser, reader_service: Service
) -> None:
    acts = Acts(80)
    acts.waiting = []
    page = await log_page(browser, reader_service, acts)
    for requests in (1, 2):
        while len(acts.waiting) < requests:
            await page.evaluate("new Promise(requestAnimationFrame)")
        await look_again(page)
    await acts.release()
    await expect(page.locator(ROWS).last).to_have_attribute("data-position", "31")
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator(ROWS).last).to_have_attribute("data-position", "1")
    assert await page.evaluate(POSITIONS) == list(range(80, 0, -1))
