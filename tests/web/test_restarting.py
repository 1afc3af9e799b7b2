"""A page that stays open while the service is killed and comes back."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.running import Rostra

ROOT = "rostra-discussion"


@pytest.mark.slow
async def test_a_page_goes_on_when_the_service_comes_back(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    rostra = Rostra(tmp_path / "data", database_url, ROSTRA_DEMO="1")
    service = await asyncio.to_thread(rostra.serve)
    page = await browser.new_page()
    await page.goto(f"{service.url}/demo?as=ada")
    await expect(page.locator(f"{ROOT}[connected]")).to_be_attached()
    service.kill()
    await expect(page.locator(f"{ROOT}[connected]")).not_to_be_attached()
    box = page.get_by_label("Write a comment")
    await box.fill("Written while nobody was there.")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(".error").first).to_contain_text("There is no connection")
    again = await asyncio.to_thread(rostra.serve, port=service.port)
    try:
        await expect(page.locator(f"{ROOT}[connected]")).to_be_attached()
        said = {
            "specversion": "1.0",
            "source": "urn:test",
            "id": "1",
            "type": "comment.posted",
            "data": {
                "site": SITE,
                "resource": RESOURCE,
                "author": {"id": "cy", "name": "Cy"},
                "body": "It is back.",
            },
        }
        line = json.dumps(said).encode()
        await asyncio.to_thread(rostra.must, "publish", "-", "--url", again.url, stdin=line)
        await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
        await page.get_by_role("button", name="Post").click()
        mine = page.locator(f"{ROOT} article", has_text="while nobody was there")
        await expect(mine).to_have_count(1)
    finally:
        await asyncio.to_thread(again.stop)
