"""Attributes and properties, which pages and frameworks change whenever they like."""

import pytest
from playwright.async_api import Browser, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import COMMENT, ROOT, about, connected, said, story, token, until
from support.service import Service, event

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
ELEMENT = "document.querySelector('rostra-discussion')"
REFLECTED = ("site", "resource", "base", "token", "orders", "order", "for", "guests", "theme")


async def other_article(service: Service) -> None:
    at = {"site": SITE, "resource": "/other"}
    await service.given(
        event("discussion.opened", **at),
        event("comment.posted", **at, author={"id": "x", "name": "X"}, body="Of the other."),
    )


async def bodies(service: Service, resource: str) -> list[str]:
    found = await service.get("/v1/comments", site=SITE, resource=resource, limit=100)
    return [comment["body"] for comment in found.json["comments"]]


async def test_a_property_changes_the_article_that_is_shown_and_posted_to(
    browser: Browser, reader_service: Service
) -> None:
    await other_article(reader_service)
    page = await story(browser, reader_service, TAG.replace(" site", f" token={token()} site"))
    await expect(said(page, "Two herons")).to_be_visible()
    left = await page.evaluate(  # before anything else can be loaded, which takes tasks
        f"""async () => {{
            {ELEMENT}.resource = '/other';
            for (let n = 0; n < 20; n += 1) await null;
            return {ELEMENT}.shadowRoot.querySelectorAll('.list article').length;
        }}"""
    )
    assert left == 0
    await expect(said(page, "Of the other.")).to_be_visible()
    await expect(said(page, "Two herons")).to_have_count(0)
    await page.get_by_label("Write a comment").fill("To the other.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "To the other.")).to_be_visible()
    assert "To the other." in await bodies(reader_service, "/other")
    assert "To the other." not in await bodies(reader_service, RESOURCE)


async def test_every_attribute_has_a_property_that_reflects_it(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    await expect(page.locator(COMMENT).first).to_be_visible()
    observed = await page.evaluate(
        "customElements.get('rostra-discussion').observedAttributes.toSorted()"
    )
    assert observed == sorted({*REFLECTED, "lang"} - {"theme"})
    for name in (*REFLECTED, "lang"):
        found = await page.evaluate(
            """(name) => {
                const one = document.createElement("rostra-discussion");
                const seen = [name in one];
                one[name] = "x"; seen.push(one.getAttribute(name));
                one.setAttribute(name, "y"); seen.push(one[name]);
                one[name] = name === "lang" ? "" : null;
                seen.push(one.getAttribute(name) || null);
                one.setAttribute(name, "z"); one.removeAttribute(name);
                seen.push(one[name] || null);
                return seen;
            }""",
            name,
        )
        assert found == [True, "x", "y", None, None], name


@pytest.mark.parametrize("first", first_is_quick(["connected", "changed"]))
async def test_properties_that_were_set_before_the_script_came_count(
    browser: Browser, reader_service: Service, first: str
) -> None:
    before = f"""<script>
        const one = document.createElement("rostra-discussion");
        if ("{first}" === "connected") document.querySelector("main").append(one);
        Object.assign(one, {{ site: "{SITE}", resource: "{RESOURCE}", order: "oldest", lang: "de",
            strings: {{ none: "Still hier" }}, getToken: () => "{token()}" }});
        if (!one.isConnected) document.querySelector("main").append(one);
    </script>"""
    page = await story(browser, reader_service, "", before)
    await expect(page.locator(COMMENT).first).to_be_visible()
    pressed = page.locator(f"{ROOT} .tabs [aria-pressed=true]")
    await expect(pressed).to_have_text("Älteste")
    await expect(page.get_by_label("Kommentar schreiben")).to_be_visible()
    given = await page.evaluate(f"[{ELEMENT}.getAttribute('resource'), {ELEMENT}.order]")
    assert given == [RESOURCE, "oldest"]
    await page.evaluate(f"{ELEMENT}.resource = '/nothing'")
    await expect(page.get_by_text("Still hier")).to_be_visible()


@pytest.mark.slow
async def test_of_quick_changes_the_last_one_stands(
    browser: Browser, reader_service: Service
) -> None:
    await other_article(reader_service)
    page = await story(browser, reader_service, TAG)
    await expect(said(page, "Two herons")).to_be_visible()
    await page.evaluate(
        f"""async () => {{
            const one = {ELEMENT};
            for (let n = 0; n < 40; n += 1) {{
                one.resource = n % 2 ? "/other" : "{RESOURCE}";
                if (n % 3 === 0) await new Promise((done) => setTimeout(done, n));
                if (n % 7 === 0) {{ const home = one.parentNode; one.remove(); home.append(one); }}
            }}
        }}"""
    )
    await expect(page.locator(COMMENT)).to_have_count(1)
    await expect(said(page, "Of the other.")).to_be_visible()
    await connected(page)


async def test_drafts_are_kept_by_discussion(browser: Browser, reader_service: Service) -> None:
    await other_article(reader_service)
    page = await story(browser, reader_service, TAG.replace(" site", f" token={token()} site"))
    box = page.get_by_label("Write a comment")
    await box.fill("Here.")
    await page.evaluate(f"{ELEMENT}.resource = '/other'")
    await expect(said(page, "Of the other.")).to_be_visible()
    await expect(box).to_have_value("")
    await box.fill("There.")
    await page.evaluate(f"{ELEMENT}.resource = '{RESOURCE}'")
    await expect(said(page, "Two herons")).to_be_visible()
    await expect(box).to_have_value("Here.")


async def test_an_element_that_is_moved_about_goes_on_as_it_is(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG.replace(" site", f" token={token()} site"))
    await connected(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    herons = said(page, "Two herons")
    await herons.get_by_role("button", name="Reply").click()
    await page.keyboard.type("In the mid")
    await page.evaluate(f"document.body.append({ELEMENT})")
    await page.get_by_label("Reply to Wim").focus()
    await page.keyboard.press("End")
    await page.keyboard.type("dle.")
    await expect(page.get_by_label("Reply to Wim")).to_have_value("In the middle.")
    # That the list has been in sight for a while is reported whether or not it was moved.
    assert [url for url in asked if not url.endswith("/read")] == []


async def test_an_element_that_was_removed_comes_back_and_asks_nothing_meanwhile(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    await connected(page)
    await page.evaluate(f"window.one = {ELEMENT}; one.remove()")
    await until(page, "!one.shadowRoot.childElementCount && !one.hasAttribute('connected')")
    await reader_service.given(about("comment.edited", "e", comment="heron", body="Three herons."))
    await reader_service.catch_up()
    await page.evaluate("document.querySelector('main').append(one)")
    await expect(said(page, "Three herons.")).to_be_visible()
    await connected(page)


async def test_the_page_has_words_of_its_own(browser: Browser, reader_service: Service) -> None:
    page = await story(browser, reader_service, TAG)
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 comments")
    await page.evaluate(
        f"""{ELEMENT}.strings = {{
            comments: {{ one: "1 letter", other: "{{n}} letters to us" }}, reply: "Write back" }}"""
    )
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 letters to us")
    await expect(page.get_by_role("button", name="Best")).to_be_visible()
    await page.evaluate(f"{ELEMENT}.strings = null")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 comments")


@pytest.mark.slow
async def test_what_is_no_function_and_no_words_is_borne(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    await page.evaluate(
        f"Object.assign({ELEMENT}, {{ getToken: 'x', strings: 7, orders: undefined, theme: 1 }})"
    )
    await expect(page.locator(COMMENT).first).to_be_visible()


@pytest.mark.slow
async def test_of_a_page_that_shows_many_each_shows_its_own(
    browser: Browser, reader_service: Service
) -> None:
    await other_article(reader_service)
    other = TAG.replace(RESOURCE, "/other")
    page = await story(browser, reader_service, TAG + other)
    await expect(page.locator(ROOT).first.locator("article").first).to_be_visible()
    await page.locator(ROOT).last.scroll_into_view_if_needed()
    await expect(page.locator(ROOT).last.locator("article")).to_have_count(1)
