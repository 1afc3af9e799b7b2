"""Thousands of comments: they come soon, and scrolling through them never blocks."""

import pytest
from playwright.async_api import Browser, expect

from support.reader_pages import COMMENT, ROOT, all_loaded, wrote
from support.service import Service

LONG_TASK_MS_MAX = 50
ATTEMPTS_MAX = 40
WATCH = """
window.long = [];
new PerformanceObserver((list) => { for (const one of list.getEntries()) long.push(one.duration) })
  .observe({ type: 'longtask', buffered: true })
"""


@pytest.mark.slow
async def test_many_comments_come_and_scroll_smoothly(
    browser: Browser, reader_service: Service
) -> None:
    events = [
        wrote(
            f"m{number}", f"Comment {number}. " + "Some *words* to read. " * 8,
            by=f"p{number % 50}", name=f"Person {number % 50}",
        )
        for number in range(5_000)
    ]  # fmt: skip
    await reader_service.batch(events)
    await reader_service.catch_up()
    context = await browser.new_context()
    await context.add_init_script(WATCH)
    page = await context.new_page()
    await page.goto(reader_service.url + "/demo")
    await expect(page.locator(COMMENT).first).to_be_visible()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("5,021 comments")
    await all_loaded(page, pages_max=10)
    assert await page.locator(COMMENT).count() >= 220
    longest = []
    await page.mouse.move(300, 300)
    for _ in range(ATTEMPTS_MAX):  # other work on the machine only ever adds
        await page.evaluate("long.length = 0")
        for way in (400, -400):
            for _ in range(20):
                await page.mouse.wheel(0, way)
                await page.evaluate("new Promise(requestAnimationFrame)")
        longest.append(max(await page.evaluate("long"), default=0))
        if longest[-1] <= LONG_TASK_MS_MAX:
            break
    assert min(longest) <= LONG_TASK_MS_MAX, longest
