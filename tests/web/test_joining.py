"""The joined files do what a browser does with the plain modules that they are made of."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from rostra_adapters.http.routes.embed import MEDIA_TYPES, WORDS, compact_code, read
from support.reader_pages import PANEL, ROOT, caught_up, connected, until
from support.service import Service

PACKAGE = "rostra_adapters.web"
PASSAGES = 3
# Ids of form fields are made at random, once a page.
RANDOM_ID = re.compile(r"\bw[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

LOOK = """() => {
    const root = document.querySelector("rostra-discussion").shadowRoot;
    // Custom properties keep the white space that they are written with.
    const rules = (sheet) => [...sheet.cssRules].map((rule) => rule.cssText.replace(/\\s+/g, " "));
    const drawn = ["h2", ".vote svg", ".panel", ".badge", "form.write"].map((selector) => {
        const style = getComputedStyle(root.querySelector(selector));
        return [style.color, style.backgroundColor, style.font, style.display, style.border];
    });
    return {
        markup: root.innerHTML,
        sheets: root.adoptedStyleSheets.map(rules),
        pageSheets: document.adoptedStyleSheets.map(rules),
        highlights: [...CSS.highlights].map(([name, ranges]) => [name, [...ranges].map(String)]),
        drawn,
    };
}"""

EXPORTS = """async (paths) => {
    const found = {};
    for (const path of paths) {
        for (const [name, value] of Object.entries(await import(path))) found[name] = String(value);
    }
    return found;
}"""


@pytest.mark.slow
async def test_joined_files_show_what_plain_modules_show(
    browser: Browser, reader_service: Service
) -> None:
    await caught_up(reader_service)
    joined = await _look(await _opened(browser, reader_service, plain=False))
    plain = await _look(await _opened(browser, reader_service, plain=True))
    assert len(joined["sheets"][0]) > 50
    assert len(joined["pageSheets"][0]) == 3
    assert len(joined["highlights"]) == 2
    assert joined == plain


@pytest.mark.slow
async def test_joined_files_export_what_plain_modules_export(
    browser: Browser, reader_service: Service
) -> None:
    entry = (await reader_service.ask("GET", "/embed/rostra.js")).body.decode()
    [folder] = re.findall(r'"\./([0-9a-f]+)/rostra\.js"', entry)
    page = await _opened(browser, reader_service, plain=False)
    joined = await page.evaluate(
        EXPORTS,
        [
            f"/embed/{folder}/{name}"
            for name in ("rostra.js", "passages.js", "people.js", "mention.js", "count.js")
        ],
    )
    page = await _opened(browser, reader_service, plain=True)
    modules = [name for name in read(PACKAGE) if name.endswith(".js")]
    plain = await page.evaluate(EXPORTS, [f"/plain/{name}" for name in modules])
    for name, value in plain.items():
        assert joined[name] == compact_code(value.encode()).decode(), name
    # Style sheets and words are exported by the joined files alone, for each other.
    assert {name: joined[name] for name in joined.keys() - plain.keys()} == {
        "en": "[object Object]",
        "style": "[object CSSStyleSheet]",
        "marks": "[object CSSStyleSheet]",
        "people": "[object CSSStyleSheet]",
        "mention": "[object CSSStyleSheet]",
    }


async def _opened(browser: Browser, service: Service, *, plain: bool) -> Page:
    """Open the demo, on request with the modules as they are instead of the joined files."""
    context = await browser.new_context(bypass_csp=plain)  # the policy forbids fetched styles
    page = await context.new_page()
    if plain:
        await page.route("**/embed/**", _lead_to_plain)
        await page.route("**/plain/**", _answer_plain)
    await page.goto(f"{service.url}/demo")
    await connected(page)
    await expect(page.locator(f"{ROOT} .badge")).to_have_count(PASSAGES)
    return page


async def _look(page: Page) -> dict[str, Any]:
    """Return all that is drawn with the first passage's panel open."""
    await page.locator(f"{ROOT} .badge").first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    await until(page, "() => CSS.highlights.get('rostra-open')?.size === 1")
    looks: dict[str, Any] = await page.evaluate(LOOK)
    looks["markup"] = RANDOM_ID.sub("random", looks["markup"])
    return looks


async def _lead_to_plain(route: Route) -> None:
    await route.fulfill(body='export * from "/plain/rostra.js";\n', content_type=MEDIA_TYPES[".js"])


async def _answer_plain(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    media_type = MEDIA_TYPES[name[name.rindex(".") :]]
    folder = route.request.url.rpartition("/")[0].partition("/plain")[2]
    package = {"": PACKAGE, **{f"/{name}": words for name, words in WORDS.items()}}[folder]
    await route.fulfill(
        body=read(package)[name].decode(), content_type=f"{media_type}; charset=utf-8"
    )
