"""A real browser: Debian's chromium (`apt-get install chromium`), driven by playwright.

Starting a browser takes longer than most tests, so each worker starts one, and each test gets
contexts of its own. All of these tests therefore share one event loop.
"""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

import rostra_adapters
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.routes import demo
from support.databases import Databases
from support.requirements import missing
from support.service import MASTER_KEY, SECRET, Service, serving
from support.waiting import WAIT_SECONDS_MAX

CHROMIUM = os.environ.get("ROSTRA_TEST_CHROMIUM") or shutil.which("chromium")
FEATURES_OFF = [
    # A page that a test makes up has no address, so that loopback would be out of its reach.
    "LocalNetworkAccessChecks",
    "BlockInsecurePrivateNetworkRequests",
    "SpareRendererForSitePerProcess",  # a process that the next page might need
    # Lists under the address bar, which nobody sees: a page in a process of its own in each
    # window. They took three fifths of the processor time of a test.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--host-resolver-rules=MAP *.example 127.0.0.1",  # pages that are no secure contexts
    f"--disable-features={','.join(FEATURES_OFF)}",
]
HERE = Path(__file__).parent

expect.set_options(timeout=WAIT_SECONDS_MAX * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _playwright() -> AsyncIterator[Playwright]:
    if CHROMIUM is None:
        missing("browser", "install chromium, or name one with ROSTRA_TEST_CHROMIUM")
    async with async_playwright() as playwright:
        yield playwright


async def _launched(playwright: Playwright) -> Browser:
    assert CHROMIUM is not None
    browser = await playwright.chromium.launch(executable_path=Path(CHROMIUM), args=ARGUMENTS)
    browser.on("context", lambda context: context.set_default_timeout(WAIT_SECONDS_MAX * 1000))
    return browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _browsers(_playwright: Playwright) -> AsyncIterator[list[Browser]]:
    """The worker's browser, and those that took its place after a crash."""
    browsers = [await _launched(_playwright)]
    yield browsers
    await browsers[-1].close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(_playwright: Playwright, _browsers: list[Browser]) -> AsyncIterator[Browser]:
    """A browser without open pages."""
    if not _browsers[-1].is_connected():
        _browsers.append(await _launched(_playwright))
    yield _browsers[-1]
    await _close_contexts(_browsers[-1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _demo(databases: Databases, _template: str) -> str:
    """Name of a database with the demo's article and discussion, for copies of it."""
    url = databases.copy(_template, is_kept=True)
    async with rostra_adapters.open(url, master_key=MASTER_KEY) as app:
        await demo.publish(app)
        await app.wait(await app.head(), WAIT_SECONDS_MAX)
    return urlsplit(url).path.removeprefix("/")


@pytest_asyncio.fixture(loop_scope="session")
async def reader_service(
    databases: Databases, _demo: str, browser: Browser
) -> AsyncIterator[Service]:
    """A service with the demo's article and discussion."""
    settings = HttpSettings(secret=SECRET, demo=True, mails=True)
    async with serving(databases.copy(_demo), settings) as service:
        yield service
        await _close_contexts(browser)  # before the service that their pages listen to ends


async def _close_contexts(browser: Browser) -> None:
    for context in browser.contexts:
        await context.close()
