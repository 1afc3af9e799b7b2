"""The page's token: given, renewed, refused; and streams that send it."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.reader_pages import COMMENT, ROOT, connected, said, shown, story, token
from support.service import SECRET, Service, event
from support.service import token as signed
from support.waiting import WAIT_SECONDS_MAX

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
ASKS = """
window.asked = 0;
document.querySelector("rostra-discussion").getToken = async () => {
  window.asked += 1;
  return (await (await fetch("/token")).json()).token;
};
"""


async def renewing(browser: Browser, service: Service, *tokens: str) -> Page:
    """A page that set its callback before our script came, and gives one token after another.

    It is returned once it knows its person: where a token is late, it shows nobody's form before.
    """
    given = iter(tokens)
    last = tokens[-1]
    context = await browser.new_context()
    page = await context.new_page()
    body = (
        f"<!doctype html><title>Story</title>{TAG}<script>{ASKS}</script>"
        "<script type=module src=/embed/rostra.js></script>"
    )
    await page.route("**/story", lambda it: it.fulfill(body=body, content_type="text/html"))
    await page.route("**/token", lambda it: it.fulfill(json={"token": next(given, last)}))
    await page.goto(service.url + "/story")
    await expect(page.locator(COMMENT).first).to_be_visible()
    await expect(page.get_by_role("button", name="Inbox")).to_be_visible()
    return page


@pytest.mark.slow
async def test_a_token_is_asked_for_when_it_is_needed_and_again_when_it_ends(
    browser: Browser, reader_service: Service
) -> None:
    page = await renewing(browser, reader_service, token(seconds=40), token())
    box = page.get_by_label("Write a comment")
    await expect(box).to_be_visible()
    assert await page.evaluate("window.asked") == 1
    async with asyncio.timeout(WAIT_SECONDS_MAX):  # it is renewed half a minute before it ends
        while await page.evaluate("window.asked") < 2:
            await page.locator(COMMENT).first.get_by_role("button", name="Vote for").click()
    await box.fill("With another token.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "With another token.")).to_be_visible()
    assert await page.evaluate("window.asked") == 2


async def test_a_token_that_is_refused_is_renewed_and_the_request_repeated(
    browser: Browser, reader_service: Service
) -> None:
    wrong = token().rsplit(".", 1)[0] + "." + "A" * 43
    page = await renewing(browser, reader_service, wrong, token())
    await page.get_by_label("Write a comment").fill("All the same.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "All the same.")).to_be_visible()


@pytest.mark.slow
async def test_an_attribute_that_has_ended_leaves_a_reader_like_any_other(
    browser: Browser, reader_service: Service
) -> None:
    for ended in (token(seconds=-5), "nonsense"):
        tag = TAG.replace(" site", f" token={ended} site")
        page = await story(browser, reader_service, tag)
        await expect(page.locator(COMMENT).first).to_be_visible()
        await expect(page.get_by_label("Your name")).to_be_visible()
        await connected(page)


@pytest.mark.slow
async def test_a_new_token_of_the_same_person_changes_nothing_on_the_page(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG.replace(" site", f" token={token()} site"))
    await said(page, "Two herons").get_by_role("button", name="Reply").click()
    await expect(page.get_by_label("Reply to Wim")).to_be_focused()
    await page.keyboard.type("In the middle of a wo")
    await page.evaluate(
        "(t) => document.querySelector('rostra-discussion').setAttribute('token', t)",
        token(seconds=7_200),
    )
    await page.keyboard.type("rd.")
    await expect(page.get_by_label("Reply to Wim")).to_have_value("In the middle of a word.")
    await page.evaluate("document.querySelector('rostra-discussion').removeAttribute('token')")
    await expect(page.get_by_label("Your name")).to_be_visible()


async def test_private_discussions_are_read_and_followed_with_the_token(
    browser: Browser, reader_service: Service
) -> None:
    about = {"site": SITE, "resource": "/private"}
    await reader_service.given(
        event("discussion.opened", **about, settings={"private": True}),
        event(
            "comment.posted",
            **about,
            comment="p1",
            author={"id": "x", "name": "X"},
            body="Among us.",
        ),
    )
    tag = f"<{ROOT} site={SITE} resource=/private token={signed('read', site=SITE)}></{ROOT}>"
    context = await browser.new_context()
    page = await context.new_page()
    asked: list[Any] = []

    def note(request: Any) -> None:
        asked.append(request)

    page.on("request", note)
    body = f"<!doctype html>{tag}<script type=module src=/embed/rostra.js></script>"
    await page.route("**/story", lambda it: it.fulfill(body=body, content_type="text/html"))
    await page.goto(reader_service.url + "/story")
    await expect(said(page, "Among us.")).to_be_visible()
    await connected(page)
    [stream] = [it for it in asked if "/v1/live?" in it.url]
    assert (await stream.all_headers())["authorization"].startswith("Bearer ")
    assert stream.resource_type == "fetch"
    assert SECRET not in body
    elsewhere = await shown(browser, reader_service)
    await elsewhere.evaluate(
        "document.querySelector('rostra-discussion').setAttribute('resource', '/private')"
    )
    await expect(elsewhere.get_by_text("No comments yet")).to_be_visible()


@pytest.mark.slow
async def test_a_token_that_comes_while_the_words_are_loaded_counts(
    browser: Browser, reader_service: Service
) -> None:
    tag = f"<{ROOT} site={SITE} resource={RESOURCE} lang=de></{ROOT}>"
    context = await browser.new_context()

    async def give_the_token_first(route: Route) -> None:
        element = context.pages[0].locator(ROOT)
        await element.evaluate("(one, token) => one.setAttribute('token', token)", token())
        await route.continue_()

    await context.route("**/languages/de.json", give_the_token_first)
    page = await story(browser, reader_service, tag, context=context)
    await expect(page.get_by_label("Kommentar schreiben")).to_be_visible()
