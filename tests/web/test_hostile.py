"""What must not happen: nothing runs that was written, nothing is asked of another host."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from rostra.names import cleaned_name, has_visible
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import COMMENT, PANEL, ROOT, all_loaded, said, shown, wrote
from support.service import Service

CARELESS = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
WHAT_RUNS = """() => {
  const root = document.querySelector('rostra-discussion').shadowRoot;
  const names = /^(SCRIPT|IFRAME|IMG|STYLE|OBJECT|EMBED|SVG|FORM|MATH|VIDEO|AUDIO|LINK|BASE)$/i;
  const runs = ({name, value}) => /^on/i.test(name) || name === 'style'
    || (name === 'href' && !/^(https?:|mailto:)/i.test(value));
  return [...root.querySelectorAll('.words *')]
    .filter((one) => names.test(one.tagName) || [...one.attributes].some(runs))
    .map((one) => one.outerHTML.slice(0, 100));
}"""
NAMES = """() => Object.fromEntries(
  [...document.querySelector('rostra-discussion').shadowRoot.querySelectorAll('.list article')]
    .map((one) => [one.id, [one.querySelector('.by b').textContent,
      one.querySelector('.by b').childElementCount, one.querySelector('.words').textContent]]))"""


def hostile(folder: Path) -> list[str]:
    naughty = json.loads((folder / "robustness/naughty-strings.json").read_text())
    payloads = json.loads((folder / "robustness/dompurify.json").read_text())
    written = [str(one["payload"]) for one in payloads] + [str(one) for one in naughty]
    return [one for one in written if has_visible(one) and "\0" not in one]


@pytest.mark.slow
async def test_hostile_words_and_names_show_as_text(
    browser: Browser, reader_service: Service, test_data: Path
) -> None:
    written = hostile(test_data)
    events = [
        wrote(f"h{number}", one, by=f"h{number}", name=one[:100])
        for number, one in enumerate(written)
    ]
    results = await reader_service.batch(events)
    taken = {
        f"comment-{result['id']}": cleaned_name(event["data"]["author"]["name"])
        for result, event in zip(results, events, strict=True)
        if result["status"] == "recorded"
    }
    assert len(taken) > 500
    await reader_service.catch_up()
    page = await shown(browser, reader_service)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url))
    await all_loaded(page, pages_max=60)
    assert await page.evaluate(WHAT_RUNS) == []
    seen = await page.evaluate(NAMES)
    assert set(taken) <= set(seen)
    assert all(seen[comment][1] == 0 for comment in taken)
    differ = {c: (n, seen[c][0]) for c, n in taken.items() if seen[c][0].strip() != n.strip()}
    assert differ == {}
    assert sum(bool(words.strip()) for _, _, words in seen.values()) > 450
    assert dialogs == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(reader_service.url).netloc}


async def refused(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("window.refused")
    return found


@pytest.mark.slow
async def test_the_demo_runs_under_a_strict_policy_with_trusted_types(
    browser: Browser, reader_service: Service
) -> None:
    answer = await reader_service.ask("GET", "/demo")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    context = await browser.new_context()
    await context.add_init_script(
        "window.refused = []; document.addEventListener('securitypolicyviolation',"
        " (one) => refused.push(`${one.violatedDirective} ${one.blockedURI} ${one.sample}`))"
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    asked: list[Any] = []
    page.on("response", lambda it: asked.append((it.url, it.status)))
    await page.goto(f"{reader_service.url}/demo?as=ada")
    await expect(page.locator(".badge")).to_have_count(3)
    await page.get_by_label("Write a comment").fill("Under *policy*.")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator(".shown em")).to_have_text("policy")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "Under policy.")).to_be_visible()
    await page.locator(".badge").first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    assert await refused(page) == []
    own = urlsplit(reader_service.url).netloc
    assert [(url, status) for url, status in asked if urlsplit(url).netloc != own] == []
    assert [(url, status) for url, status in asked if status >= 400] == []
    icon = await page.locator("link[rel=icon]").evaluate("(one) => one.href")
    assert (await reader_service.ask("GET", urlsplit(icon).path)).status == 200


@pytest.mark.parametrize(
    "trusted", first_is_quick(["trusted-types rostra", "trusted-types 'none'"])
)
async def test_it_works_on_a_page_of_another_origin_under_a_strict_policy(
    browser: Browser, reader_service: Service, trusted: str
) -> None:
    """Where the page forbids our policy of types, comments are shown as they were typed."""
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    policy = (
        f"default-src 'none'; script-src {reader_service.url}; connect-src {reader_service.url};"
        f" require-trusted-types-for 'script'; {trusted}"
    )
    body = (
        f"<!doctype html><script type=module src='{reader_service.url}/embed/rostra.js'></script>"
        f"{CARELESS}"
    )

    async def story(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
        return web.Response(body=body.encode(), headers=headers)

    paper = web.Application()
    paper.router.add_get("/story", story)
    async with TestServer(paper) as server:
        await page.goto(str(server.make_url("/story")))
        first = page.locator(COMMENT).first
        date = "14 April" if "rostra" in trusted else "**14 April**"
        await expect(first).to_contain_text(f"comes off on {date}")
        await context.close()


async def test_the_script_twice_on_a_page_and_an_id_of_the_pages_own_are_borne(
    browser: Browser, reader_service: Service
) -> None:
    page = await browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    body = (
        f"<!doctype html>{CARELESS.replace(' site', ' id=talk site', 1)}"
        "<script type=module src=/embed/rostra.js></script>"
        "<script type=module src=/embed/rostra.js?again></script>"
    )
    await page.route("**/story", lambda it: it.fulfill(body=body, content_type="text/html"))
    await page.goto(f"{reader_service.url}/story")
    await expect(page.locator("#talk article").first).to_be_visible()


async def test_tokens_are_for_the_demo_alone(reader_service: Service) -> None:
    people = (await reader_service.ask("GET", "/demo/people.json")).json
    written = await reader_service.ask(
        "PUT", "/v1/discussions", token=people["ada"],
        headers={"Content-Type": "application/json"},
        body=json.dumps({"site": "other", "resource": "/x"}).encode(),
    )  # fmt: skip
    assert written.status == 403
