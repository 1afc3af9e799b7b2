"""Pages with Vue, with React, and with neither, under a strict policy and a sub-path."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from demo.frameworks import serve
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.javascript import require_packages
from support.reader_pages import COMMENT, ROOT, caught_up, connected, said, token
from support.service import Service, event

FRAMEWORKS = ("vue", "react")
WAYS = ("", "by=attribute", "late")
CASES = first_is_quick([(name, way) for name in FRAMEWORKS for way in WAYS])
WORDS = {RESOURCE: "Two herons", "/herons": "Of herons.", "/parking": "Of parking."}
"""Words of each article's comments."""
WATCH = """
window.violations = []; window.shown = [];
document.addEventListener("securitypolicyviolation", (it) => violations.push(it.violatedDirective));
(function look() {
    for (const one of document.querySelectorAll("rostra-discussion")) {
        const words = one.shadowRoot?.querySelector(".list")?.textContent;
        if (words) shown.push([one.getAttribute("resource"), words]);
    }
    requestAnimationFrame(look);
})();
"""
ONE = "document.querySelector('rostra-discussion')"
QUICKLY = """async () => {
    const buttons = {};
    for (const one of document.querySelectorAll("nav button")) buttons[one.textContent] = one;
    const names = ["Herons", "River", "Parking", "Show or hide", "Herons", "Show or hide", "River"];
    for (let n = 0; n < 42; n += 1) {
        buttons[names[n % names.length]].click();
        if (n % 3 === 0) await new Promise((done) => setTimeout(done, n));
    }
    buttons.Herons.click();
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def pages_url(reader_service: Service) -> AsyncIterator[str]:
    """The pages over the service with the demo's discussion and two others."""
    await asyncio.to_thread(require_packages, serve.FOLDER)
    for resource in ("/herons", "/parking"):
        about = {"site": SITE, "resource": resource}
        await reader_service.given(
            event("discussion.opened", **about),
            event("comment.posted", **about, author={"id": "x", "name": "X"}, body=WORDS[resource]),
        )
    await caught_up(reader_service)
    async with serve.serving(reader_service.url) as url:
        yield url


async def shown(browser: Browser, url: str, name: str, query: str = "") -> Page:
    """A page on which the demo's discussion is shown."""
    page = await (await browser.new_context()).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.add_init_script(WATCH)
    await page.goto(f"{url}/pages/{name}.html?token={token()}&{query}")
    await expect(said(page, WORDS[RESOURCE])).to_be_visible()
    return page


async def choose(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def other_words(page: Page) -> list[str]:
    """Return what was ever shown under the name of another article."""
    seen = await page.evaluate("shown")
    return [
        f"{resource}: {words}"
        for resource, words in seen
        for other, theirs in WORDS.items()
        if other != resource and theirs in words
    ]


async def bodies(service: Service, resource: str) -> list[str]:
    found = await service.get("/v1/comments", site=SITE, resource=resource, limit=100)
    return [comment["body"] for comment in found.json["comments"]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), CASES)
async def test_another_article_is_shown_and_posted_to(
    browser: Browser, reader_service: Service, pages_url: str, name: str, way: str
) -> None:
    page = await shown(browser, pages_url, name, way)
    await choose(page, "Herons")
    await expect(said(page, WORDS["/herons"])).to_be_visible()
    await expect(page.locator(COMMENT)).to_have_count(1)
    await page.get_by_label("Write a comment").fill("There are three.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "There are three.")).to_be_visible()
    assert "There are three." in await bodies(reader_service, "/herons")
    assert "There are three." not in await bodies(reader_service, RESOURCE)
    assert await other_words(page) == []
    assert await page.evaluate("violations") == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), CASES)
async def test_of_quick_changes_removals_and_returns_the_last_one_stands(
    browser: Browser, reader_service: Service, pages_url: str, name: str, way: str
) -> None:
    page = await shown(browser, pages_url, name, way)
    await page.evaluate(QUICKLY)
    await expect(page.locator(ROOT)).to_have_count(1)
    await expect(said(page, WORDS["/herons"])).to_be_visible()
    await expect(page.locator(COMMENT)).to_have_count(1)
    await connected(page)
    assert await page.evaluate(f"[{ONE}.resource, {ONE}.getAttribute('resource')]") == [
        "/herons",
        "/herons",
    ]
    assert await other_words(page) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), CASES)
async def test_drafts_stay_with_their_article_whatever_the_framework_does(
    browser: Browser, reader_service: Service, pages_url: str, name: str, way: str
) -> None:
    page = await shown(browser, pages_url, name, way)
    box = page.get_by_label("Write a comment")
    await box.fill("Of the river.")
    await choose(page, "Herons")
    await expect(said(page, WORDS["/herons"])).to_be_visible()
    await expect(box).to_have_value("")
    await box.fill("Of a heron.")
    await choose(page, "Show or hide")
    await expect(page.locator(ROOT)).to_have_count(0)
    await choose(page, "River")
    await choose(page, "Show or hide")
    await expect(box).to_have_value("Of the river.")
    await choose(page, "Herons")
    await expect(box).to_have_value("Of a heron.")


async def test_a_plain_page_under_a_sub_path_needs_no_base(
    browser: Browser, reader_service: Service, pages_url: str
) -> None:
    page = await shown(browser, pages_url, "plain")
    await connected(page)
    herons = said(page, WORDS[RESOURCE])
    await herons.get_by_role("button", name="Vote for").click()
    await expect(herons.get_by_role("button", name="Vote for")).to_have_attribute(
        "aria-pressed", "true"
    )
    await page.get_by_label("Write a comment").fill("Under a path.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "Under a path.")).to_be_visible()
    assert "Under a path." in await bodies(reader_service, RESOURCE)
    await page.wait_for_function(
        "document.querySelector('rostra-count').shadowRoot.textContent === '1 comment'"
    )
    assert await page.evaluate("violations") == []


def test_the_lock_file_pins_versions_and_names_no_registry() -> None:
    lock = json.loads((serve.FOLDER / "package-lock.json").read_text("utf-8"))
    wanted = json.loads((serve.FOLDER / "package.json").read_text("utf-8"))["dependencies"]
    assert wanted.keys() == {"vue", "react", "react-dom"}
    for name, version in wanted.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"], name
