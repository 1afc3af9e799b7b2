"""A mail on a phone of 320 pixels is read without scrolling sideways."""

import pytest
from playwright.async_api import Browser

from notify.test_composed_mails import composed, html_of

WIDTH = 320


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_nothing_is_wider_than_the_screen(browser: Browser, language: str) -> None:
    page = await browser.new_page(viewport={"width": WIDTH, "height": 640})
    text = "Trams are loud. " + "x" * 400
    mail = composed(text, language=language, count=3, name="Bob" + "b" * 90)
    await page.set_content(html_of(mail))
    widest = "Math.max(...[...document.querySelectorAll('*')].map((it) => it.scrollWidth))"
    assert await page.evaluate(widest) <= WIDTH
    smallest = (
        "Math.min(...[...document.querySelectorAll('p, a, blockquote')]"
        ".map((it) => parseFloat(getComputedStyle(it).fontSize)))"
    )
    assert await page.evaluate(smallest) >= 13
    await page.close()
