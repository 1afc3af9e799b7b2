"""Pages that hinder: no secure context, no storage, a sign-in that is down, a wrong clock."""

import re
import time
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import COMMENT, ROOT, connected, insecure, said, story, token
from support.service import Service

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
HOUR_MS = 3_600_000


async def enter(page: Page, name: str = "Passer-by") -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Go on as a guest").click()
    await expect(page.get_by_label("Write a comment")).to_be_focused()


async def post(page: Page, words: str) -> None:
    await page.get_by_label("Write a comment").fill(words)
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, words)).to_be_visible()


@pytest.mark.slow
async def test_on_a_page_that_is_no_secure_context_guests_take_part(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG, origin=insecure(reader_service))
    assert await page.evaluate("isSecureContext") is False
    await connected(page)
    await enter(page)
    await post(page, "From afar.")
    await said(page, "From afar.").get_by_role("button", name="Link").click()
    await expect(page).to_have_url(re.compile("#comment-"))


@pytest.mark.slow
@pytest.mark.parametrize("forbidden", ["sandbox", "throws", "full"])
async def test_where_storage_is_forbidden_guests_take_part_all_the_same(
    browser: Browser, reader_service: Service, forbidden: str
) -> None:
    before = {
        "sandbox": "",
        "throws": """<script>for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, {
                get() { throw new DOMException("no", "SecurityError"); } });</script>""",
        "full": """<script>Storage.prototype.setItem = () => {
            throw new DOMException("full", "QuotaExceededError"); };</script>""",
    }[forbidden]
    headers = {"Content-Security-Policy": "sandbox allow-scripts allow-forms"}
    sandboxed = headers if forbidden == "sandbox" else None
    page = await story(browser, reader_service, TAG, before, headers=sandboxed)
    await expect(page.locator(COMMENT).first).to_be_visible()
    await connected(page)
    await enter(page)
    await page.get_by_label("Write a comment").fill("Kept while")
    herons = said(page, "Two herons")
    await herons.get_by_role("button", name="Link").click()
    await post(page, "Not stored anywhere.")
    await expect(said(page, "Not stored").locator(".by")).to_contain_text("you")


@pytest.mark.parametrize(
    "callback",
    first_is_quick(
        [
            "() => { throw new Error('down'); }",
            "async () => { throw new Error('down'); }",
            "() => new Promise(() => {})",
            "() => undefined",
            "async () => ({ token: 'x' })",
            "() => 'no.token.atall'",
        ]
    ),
)
async def test_a_sign_in_that_is_down_keeps_nobody_from_reading(
    browser: Browser, reader_service: Service, callback: str
) -> None:
    before = f"<script>document.querySelector('{ROOT}').getToken = {callback};</script>"
    page = await story(browser, reader_service, TAG, before)
    await expect(page.locator(COMMENT).first).to_be_visible()
    await connected(page)
    await said(page, "Two herons").get_by_role("button", name="Link").click()
    await expect(page.get_by_label("Your name")).to_be_visible()


@pytest.mark.slow
async def test_a_sign_in_that_answers_late_is_taken_up(
    browser: Browser, reader_service: Service
) -> None:
    before = f"""<script>document.querySelector('{ROOT}').getToken = () =>
        new Promise((done) => (window.answer = () => done('{token()}')));</script>"""
    page = await story(browser, reader_service, TAG, before)
    await expect(page.locator(COMMENT).first).to_be_visible()
    await page.evaluate("answer()")
    await expect(page.get_by_label("Write a comment")).to_be_visible()
    await post(page, "At last.")


@pytest.mark.slow
async def test_a_token_of_another_site_keeps_nobody_from_reading(
    browser: Browser, reader_service: Service
) -> None:
    from support.service import token as signed

    other = signed("comment", site="elsewhere", person="ada")
    page = await story(browser, reader_service, TAG.replace(" site", f" token={other} site"))
    await expect(page.locator(COMMENT).first).to_be_visible()
    await connected(page)
    await expect(page.get_by_label("Write a comment")).to_have_count(0)


async def test_a_token_without_the_scope_for_it_shows_no_form(
    browser: Browser, reader_service: Service
) -> None:
    from support.service import token as signed

    reading = signed("read", site=SITE, person="ada")
    page = await story(browser, reader_service, TAG.replace(" site", f" token={reading} site"))
    await connected(page)
    await expect(page.get_by_label("Write a comment")).to_have_count(0)
    for name in ("Reply", "Report"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await expect(page.get_by_role("button", name="Vote for").first).to_be_disabled()


# -- clocks


async def skewed(browser: Browser, service: Service, hours: float, tag: str = TAG) -> Page:
    """A page on a device whose clock is wrong."""
    before = f"""<script>{{
        const skew = {hours * HOUR_MS}, RealDate = Date;
        const now = () => RealDate.now() + skew;
        window.Date = class extends RealDate {{
            constructor(...given) {{ if (given.length) super(...given); else super(now()); }}
            static now() {{ return now(); }}
        }};
    }}</script>"""
    return await story(browser, service, tag, head=before)


@pytest.mark.slow
@pytest.mark.parametrize("hours", first_is_quick([13, -13, 24 * 400]))
async def test_a_guest_with_a_wrong_clock_writes_edits_and_comes_back(
    browser: Browser, reader_service: Service, hours: float
) -> None:
    page = await skewed(browser, reader_service, hours)
    await enter(page)
    await post(page, "By my clock.")
    mine = said(page, "By my clock.")
    await expect(mine.locator("time")).to_have_text(
        re.compile(r"^(now|\d+ (second|minute)s? ago)$")
    )
    await mine.get_by_role("button", name="Edit").click()
    await expect(mine.locator("label")).to_contain_text(re.compile("1[45] minutes left"))
    await mine.get_by_role("textbox").fill("By your clock.")
    await mine.get_by_role("button", name="Save").click()
    await expect(said(page, "By your clock.")).to_be_visible()
    await page.reload()
    await expect(said(page, "By your clock.").locator(".by")).to_contain_text("you")
    await expect(page.get_by_label("Write a comment")).to_be_visible()


async def test_ages_are_those_of_the_services_clock(
    browser: Browser, reader_service: Service
) -> None:
    from support.reader_pages import wrote

    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 2 * 3600))
    await reader_service.given({**wrote("two", "Two hours old."), "time": past})
    page = await skewed(browser, reader_service, 13)
    await expect(said(page, "Two hours old.").locator("time")).to_have_text("2 hours ago")


# -- the wrong address


@pytest.mark.parametrize("answer", first_is_quick(["page", "404", "elsewhere"]))
async def test_a_base_that_leads_elsewhere_is_an_error_and_no_empty_discussion(
    browser: Browser, reader_service: Service, answer: str
) -> None:
    context = await browser.new_context()

    async def other(route: Any) -> None:
        if answer == "elsewhere":
            await route.abort()
        else:
            status = 200 if answer == "page" else 404
            await route.fulfill(status=status, content_type="text/html", body="<p>Hello</p>")

    await context.route("**/wrong/**", other)
    tag = TAG.replace(" site", " base=/wrong site")
    page = await story(browser, reader_service, tag, context=context)
    await expect(page.locator(f"{ROOT} .trouble button")).to_be_visible()
    await expect(page.get_by_text("No comments yet")).to_have_count(0)


@pytest.mark.parametrize("base", first_is_quick(["{}/", "{}", "/", "./", "{}///"]))
async def test_a_base_is_taken_with_and_without_slashes_at_its_end(
    browser: Browser, reader_service: Service, base: str
) -> None:
    tag = TAG.replace(" site", f' base="{base.format(reader_service.url)}" site')
    page = await story(browser, reader_service, tag)
    await expect(page.locator(COMMENT).first).to_be_visible()
