"""Permalinks on pages that have an address, a history and a router of their own."""

import re

import pytest
from playwright.async_api import Browser, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import ROOT, about, comment_id, said, story, wrote
from support.service import Service

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"


async def test_the_pages_own_state_of_the_history_stays(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    await page.evaluate("history.replaceState({ position: 3, back: '/' }, '')")
    length = await page.evaluate("history.length")
    for name in ("link", "time"):
        herons = said(page, "Two herons")
        if name == "link":
            await herons.get_by_role("button", name="Link").click()
        else:
            await herons.locator("time").click()
        await expect(page).to_have_url(re.compile("#comment-"))
        assert await page.evaluate("history.state") == {"position": 3, "back": "/"}
    assert await page.evaluate("history.length") == length


@pytest.mark.slow
async def test_a_base_of_the_page_leads_no_link_elsewhere(
    browser: Browser, reader_service: Service
) -> None:
    head = '<base href="https://cdn.example/assets/">'
    path = "/story?a=b%20c&d"
    tag = TAG.replace(" site", f" base={reader_service.url} site")
    script = f"<script type=module src={reader_service.url}/embed/rostra.js></script>"
    page = await story(browser, reader_service, tag, script, head=head, path=path)
    heron = await comment_id(reader_service, "heron")
    wanted = f"{reader_service.url}{path}#comment-{heron}"
    link = said(page, "Two herons").locator(".by a")
    await expect(link).to_have_attribute("href", wanted)
    await link.click()
    await expect(page).to_have_url(wanted)
    await page.goto("about:blank")
    await page.goto(wanted)
    await expect(page.locator(f"#comment-{heron}")).to_be_focused()


@pytest.mark.slow
@pytest.mark.parametrize("route", first_is_quick(["#/articles/5", "#!/articles/5"]))
async def test_a_routers_address_in_the_fragment_stays(
    browser: Browser, reader_service: Service, route: str
) -> None:
    context = await browser.new_context()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await story(browser, reader_service, TAG, path=f"/story?x=1{route}", context=context)
    await said(page, "Two herons").locator("time").click()
    assert page.url.endswith(f"/story?x=1{route}")
    await said(page, "Two herons").get_by_role("button", name="Link").click()
    assert page.url.endswith(f"/story?x=1{route}")
    await expect(page.locator(".note", has_text="Link copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    heron = await comment_id(reader_service, "heron")
    assert copied == f"{reader_service.url}/story?x=1&rostra-comment={heron}{route}"
    await page.goto(copied)
    await expect(page.locator(f"#comment-{heron}")).to_be_focused()
    again = said(page, "Two herons").locator(".by a")
    await expect(again).to_have_attribute("href", copied)


async def test_a_link_is_opened_in_another_tab_as_any_other(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    async with page.context.expect_page() as opened:
        await said(page, "Two herons").locator(".by a").click(modifiers=["ControlOrMeta"])
    other = await opened.value
    await expect(other).to_have_url(re.compile("#comment-"))
    assert "#comment-" not in page.url


async def test_a_published_reply_below_a_held_comment_is_reached(
    browser: Browser, reader_service: Service
) -> None:
    """Also where no tombstone stands for what it answers."""
    await reader_service.given(
        wrote("top", "Waits."),
        wrote("below", "Stays.", parent="top"),
        about("comment.held", "h", comment="top"),
    )
    reply, above = [await comment_id(reader_service, key) for key in ("below", "top")]
    context = await browser.new_context()
    problem = {"type": "/problems/not-found", "title": "Not found", "status": 404}
    await context.route(
        f"**/v1/comments/{above}*",
        lambda it: it.fulfill(status=404, content_type="application/problem+json", json=problem),
    )
    await context.route(
        "**/v1/discussions/*/comments*",
        lambda it: it.fulfill(
            json={"comments": [], "next": None, "order": "newest", "position": 1, "total": 0}
        ),
    )
    page = await story(
        browser, reader_service, TAG, path=f"/story#comment-{reply}", context=context
    )
    await expect(page.locator(f"#comment-{reply}")).to_be_focused()


async def test_a_permalink_opens_what_the_discussion_is_folded_into(
    browser: Browser, reader_service: Service
) -> None:
    heron = await comment_id(reader_service, "heron")
    tag = f"<details><summary>More</summary><details>{TAG}</details></details>"
    page = await story(browser, reader_service, tag, path=f"/story#comment-{heron}")
    await expect(page.locator(f"#comment-{heron}")).to_be_focused()
    await expect(page.locator(f"#comment-{heron}")).to_be_in_viewport()
