"""A real browser: Debian's chromium (`apt-get install chromium`), driven by playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from rostra_adapters.http import HttpSettings, demo
from service import SECRET, Service, serving

CHROMIUM = os.environ.get("ROSTRA_TEST_CHROMIUM") or shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no browser: install chromium, or name one with ROSTRA_TEST_CHROMIUM")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=Path(CHROMIUM), args=ARGUMENTS)
        yield launched
        await launched.close()


@pytest.fixture
async def reader_service(database_url: str, browser: Browser) -> AsyncIterator[Service]:
    """With the demo's article and discussion."""
    settings = HttpSettings(secret=SECRET, demo=True)
    async with serving(database_url, settings) as service:
        await demo.publish(service.app)
        await service.app.wait(await service.app.head())
        yield service
        for context in browser.contexts:  # nobody listens any more to what is about to end
            await context.close()
