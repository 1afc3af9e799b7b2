"""The page for moderators while tokens, lists and the log change under it."""

import re

import pytest
from playwright.async_api import Browser, Route, expect

from rostra_adapters.http.routes.demo import SITE
from support.moderation_pages import DESK, ITEM, held, moderator
from support.reader_pages import caught_up
from support.service import Service


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
