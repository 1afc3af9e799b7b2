"""Pictures of the demo, taken by Debian's chromium from a service that runs with `--demo`.

python docs/screenshots/take.py http://127.0.0.1:8080
"""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

HERE = Path(__file__).parent
DESK = {"viewport": {"width": 860, "height": 1000}}
PHONE = {
    "viewport": {"width": 390, "height": 780},
    "device_scale_factor": 1.5,
    "is_mobile": True,
    "has_touch": True,
}
WIDE = {"viewport": {"width": 1360, "height": 820}}
PICTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # name: address, what to scroll to, the browser
    "article": ("/demo?as=ada", "#article p:nth-of-type(3)", DESK),
    "passage": ("/demo?as=ada", "#article p:nth-of-type(2)", WIDE),
    "light": ("/demo?as=ada", "rostra-discussion", DESK),
    "dark": ("/demo?as=ben&lang=de", "rostra-discussion", {**DESK, "color_scheme": "dark"}),
    "phone": ("/demo?as=ben", "rostra-discussion", PHONE),
    "right-to-left": ("/demo?dir=rtl", "rostra-discussion", DESK),
}


async def take(browser: Browser, base: str, name: str) -> None:
    address, place, given = PICTURES[name]
    page = await (await browser.new_context(**given, reduced_motion="reduce")).new_page()
    await page.goto(base + address)
    await expect(page.locator(".badge")).to_have_count(3)
    threads = page.locator("rostra-discussion section .list > li", has_text="Two herons")
    await threads.locator("button.fold").first.click()
    await page.locator(place).evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
    if name == "passage":
        await page.locator(".badge").first.click()
        await expect(page.locator(".panel article").first).to_be_visible()
    await page.mouse.move(0, 0)
    await page.screenshot(path=HERE / f"{name}.png")


async def main(base: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name in PICTURES:
            await take(browser, base, name)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
