"""What is typed: with an input method, kept apart by person, and forgotten after a while."""

import json
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.problems import KINDS
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from rostra_adapters.web import languages
from support.cases import first_is_quick
from support.reader_pages import ROOT, about, said, story, token, until
from support.service import Service

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
GERMAN = json.loads((files(languages) / "de.json").read_text("utf-8"))
DAY_MS = 86_400_000
DRAFTS = "Object.keys(localStorage).filter((place) => place.startsWith('rostra:draft:'))"


async def until_drafts(page: Page, count: int) -> None:
    await until(page, f"(count) => {DRAFTS}.length === count", count)


def signed_in(person: str = "ada", name: str = "Ada") -> str:
    return TAG.replace(" site", f" token={token(person, name)} site")


async def test_escape_that_ends_a_composition_leaves_the_form_open(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, signed_in())
    await said(page, "Two herons").get_by_role("button", name="Reply").click()
    box = page.get_by_label("Reply to Wim")
    await expect(box).to_be_focused()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send(
        "Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1}
    )
    await box.evaluate(
        """(one) => {
            const given = { isComposing: true, bubbles: true, composed: true };
            for (const key of [{ key: "Escape" }, { key: "Enter", ctrlKey: true }])
                one.dispatchEvent(new KeyboardEvent("keydown", { ...key, ...given }));
        }"""
    )
    await expect(box).to_be_visible()
    await devtools.send("Input.insertText", {"text": "日本"})
    await expect(box).to_have_value("日本")
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)


@pytest.mark.slow
async def test_a_draft_is_gone_once_it_is_posted_whatever_is_read_then(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, signed_in())
    box = page.get_by_label("Write a comment")
    await box.fill("Once only.")
    assert len(await page.evaluate(DRAFTS)) == 1
    await page.route("**/v1/comments/*", lambda route: route.abort())
    await page.get_by_role("button", name="Post").click()
    await expect(box).to_have_value("")
    await until_drafts(page, 0)
    await expect(page.locator(f"{ROOT} .error:not(:empty)")).to_have_count(0)
    await page.unroute("**/v1/comments/*")
    await reader_service.catch_up()  # the list has it by now
    await page.locator(f"{ROOT} .announce button").click()
    await expect(said(page, "Once only.")).to_have_count(1)


async def test_what_is_typed_while_another_comment_is_sent_stays(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, signed_in())
    box = page.get_by_label("Write a comment")

    async def slow(route: Any) -> None:
        await box.fill("The second.")
        await route.continue_()

    await page.route("**/v1/discussions/*/comments", slow)
    await box.fill("The first.")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "The first.")).to_be_visible()
    await expect(box).to_have_value("The second.")
    await page.unroute("**/v1/discussions/*/comments")
    await page.get_by_role("button", name="Post").click()
    await expect(said(page, "The second.")).to_be_visible()


@pytest.mark.slow
async def test_drafts_are_kept_apart_by_person(browser: Browser, reader_service: Service) -> None:
    page = await story(browser, reader_service, signed_in())
    box = page.get_by_label("Write a comment")
    await box.fill("Of Ada's.")
    for person, name, text in (("ben", "Ben", ""), ("ada", "Ada", "Of Ada's.")):
        await page.evaluate(
            "(given) => { document.querySelector('rostra-discussion').token = given }",
            token(person, name),
        )
        await expect(box).to_have_value(text)
    await page.evaluate("document.querySelector('rostra-discussion').token = null")
    for name, text in (("Gus", ""), ("Gia", ""), ("Gus", "Of Gus.")):
        await page.get_by_label("Your name").fill(name)
        await page.get_by_role("button", name="Go on as a guest").click()
        await expect(box).to_have_value(text)
        await box.fill(f"Of {name}.")
        await page.get_by_role("button", name="Not you?").click()
        await expect(page.get_by_label("Your name")).to_be_visible()


@pytest.mark.slow
async def test_drafts_are_forgotten_after_thirty_days(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    page = await story(browser, reader_service, signed_in(), context=context)
    await page.get_by_label("Write a comment").fill("Old.")
    [place] = await page.evaluate(DRAFTS)
    for days, left in ((29, 1), (31, 0)):
        await page.evaluate(
            """([place, days]) => {
                const draft = JSON.parse(localStorage.getItem(place));
                draft.at = Date.now() - days;
                localStorage.setItem(place, JSON.stringify(draft));
            }""",
            [place, days * DAY_MS],
        )
        await page.reload()
        await expect(page.get_by_label("Write a comment")).to_be_visible()
        await until_drafts(page, left)


@pytest.mark.parametrize(
    ("lang", "said_so"),
    first_is_quick(
        [("de", "Das war zu oft."), ("ja", "操作が多すぎます"), ("fr", "C’était trop souvent.")]
    ),
)
async def test_errors_are_in_the_pages_language(
    browser: Browser, reader_service: Service, lang: str, said_so: str
) -> None:
    page = await story(browser, reader_service, signed_in().replace(" site", f" lang={lang} site"))
    problem = {"type": "/problems/too-many-requests", "title": "Too many requests", "status": 429}

    async def refuse(route: Any) -> None:
        if route.request.method == "POST":
            await route.fulfill(
                status=429, content_type="application/problem+json", body=json.dumps(problem)
            )
        else:
            await route.continue_()

    await page.route("**/v1/discussions/*/comments", refuse)
    await page.locator("textarea").fill("Words.")
    await page.locator("form.write .primary").click()
    await expect(page.locator(f"{ROOT} .error:not(:empty)")).to_contain_text(said_so)


@pytest.mark.slow
async def test_every_problem_of_the_service_is_said_in_the_pages_language(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, signed_in().replace(" site", " lang=de site"))
    said = [words for words in GERMAN.values() if isinstance(words, str)]
    problem = ""

    async def refuse(route: Any) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        kind = KINDS[problem]
        body = {
            "type": f"/problems/{problem}", "title": kind.title, "status": kind.status,
            "detail": "A detail in English.",
            "errors": [{"path": "body", "message": "A message in English"}],
        }  # fmt: skip
        await route.fulfill(
            status=kind.status, content_type="application/problem+json", body=json.dumps(body)
        )

    await page.route("**/v1/discussions/*/comments", refuse)
    await page.locator("textarea").fill("Words.")
    error = page.locator(f"{ROOT} form.write .error")
    for problem, kind in KINDS.items():
        if kind.status == 401:  # the reader goes on without the token
            continue
        await error.evaluate("(one) => { one.textContent = ''; }")
        await page.locator("form.write .primary").click()
        await expect(error).not_to_be_empty()
        shown = (await error.inner_text()).removeprefix("Nicht gesendet: ")
        assert any(shown.startswith(words) for words in said if len(words) > 10), (problem, shown)


@pytest.mark.slow
async def test_each_language_is_fetched_once_and_shown(
    browser: Browser, reader_service: Service
) -> None:
    asked: list[str] = []
    for lang, count in (
        ("ar", "21"),
        ("es-MX", "21 comentarios"),
        ("pl", "21 komentarzy"),
        ("ru", "21 комментарий"),
    ):
        context = await browser.new_context()
        context.on("request", lambda request: asked.append(request.url))
        tag = TAG.replace(" site", f" lang={lang} site")
        page = await story(browser, reader_service, tag + tag, context=context)
        await expect(page.locator(f"{ROOT} h2").first).to_contain_text(count)
        await expect(page.locator(f"{ROOT} section").first).to_have_attribute("lang", lang)
        code = lang.partition("-")[0]
        assert sum(url.endswith(f"/languages/{code}.json") for url in asked) == 1
        direction = page.locator(f"{ROOT} section").first
        wanted = "rtl" if lang == "ar" else "ltr"
        assert await direction.evaluate("(one) => getComputedStyle(one).direction") == wanted


async def test_a_language_that_does_not_come_is_english(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    await context.route("**/languages/*", lambda route: route.abort())
    page = await story(
        browser, reader_service, TAG.replace(" site", " lang=fr site"), context=context
    )
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 comments")
    await expect(page.locator(f"{ROOT} section")).to_have_attribute("lang", "en")


# -- guests


@pytest.mark.slow
async def test_a_guest_is_known_in_a_new_tab_and_in_all_discussions_of_a_page(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    page = await story(browser, reader_service, TAG + TAG, context=context)
    first, second = page.locator(ROOT).first, page.locator(ROOT).last
    await second.scroll_into_view_if_needed()
    await expect(second.locator("article").first).to_be_attached()
    await first.get_by_label("Your name").fill("Gus")
    await first.get_by_role("button", name="Go on as a guest").click()
    await expect(first.get_by_label("Write a comment")).to_be_focused()
    await expect(first.get_by_text("You write as Gus (guest).")).to_be_visible()
    await expect(second.get_by_label("Write a comment")).to_be_visible()
    await first.get_by_label("Write a comment").fill("From one tab.")
    await first.get_by_role("button", name="Post").click()
    await expect(first.locator("article", has_text="From one tab.")).to_be_visible()

    other = await story(browser, reader_service, TAG, context=context)
    mine = said(other, "From one tab.")
    await expect(mine.locator(".by")).to_contain_text("guest")
    await expect(mine.locator(".by")).to_contain_text("you")
    await mine.get_by_role("button", name="Edit").click()
    await mine.get_by_role("textbox").fill("From another tab.")
    await mine.get_by_role("button", name="Save").click()
    mine = said(other, "From another tab.")
    await mine.get_by_role("button", name="Delete").click()
    await mine.get_by_role("button", name="Yes, delete it").click()
    await expect(other.locator(".gone").get_by_text("Deleted by its author")).to_be_visible()

    await other.get_by_role("button", name="Not you?").click()
    await expect(other.get_by_label("Your name")).to_be_visible()
    await expect(first.get_by_label("Your name")).to_be_visible()
    await expect(second.get_by_label("Your name")).to_be_visible()


async def test_a_reserved_name_is_refused_in_the_pages_language(
    browser: Browser, reader_service: Service
) -> None:
    named = about("site.configured", "names", settings={"reserved_names": ["Editor"]})
    del named["data"]["resource"]
    await reader_service.given(named)
    page = await story(browser, reader_service, TAG.replace(" site", " lang=de site"))
    await page.get_by_label("Ihr Name").fill("Editor")
    await page.get_by_role("button", name="Als Gast weiter").click()
    await expect(page.locator(f"{ROOT} .error")).to_contain_text("Dieser Name ist vergeben.")
