"""The page for moderators, with real keys: queues, acts, undo, persons, the log, search."""

import asyncio
import re
from importlib.resources import files
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, Route, expect

from rostra import ids
from rostra_adapters.application.moderation_jobs.store import BanJob
from rostra_adapters.http.routes.demo import SITE
from rostra_adapters.web import languages, moderate
from rostra_adapters.web.moderate import languages as moderate_languages
from support.moderation_pages import DESK, ITEM, TOKEN, desk, held, moderator, waiting
from support.reader_pages import PHONE, about, caught_up, until, wrote
from support.service import Service
from support.waiting import WAIT_SECONDS_MAX

RULES = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
TOAST = f"{DESK} .toast"


async def expect_focus(page: Page, words: str) -> None:
    """Wait until the comment with these words has the focus."""
    await expect(page.locator(ITEM, has_text=words)).to_be_focused()


# -- signing in


async def test_a_moderator_signs_in_by_a_token_that_stays_in_the_tab(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 1)
    await caught_up(reader_service)
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{reader_service.url}/moderate?site={SITE}")
    await expect(page.locator(TOKEN)).to_be_focused()
    for wrong in ("nonsense", moderator(scope="comment"), moderator(site="elsewhere")):
        await page.locator(TOKEN).fill(wrong)
        await page.keyboard.press("Enter")
        await expect(page.locator(f"{DESK} [role=alert].error")).to_contain_text("refused")
    await page.locator(TOKEN).fill(moderator())
    await page.keyboard.press("Enter")
    await expect(page.locator(ITEM)).to_have_count(1)
    assert moderator()[:10] not in page.url
    assert await page.evaluate("Object.keys(localStorage).length") == 0
    await page.reload()
    await expect(page.locator(ITEM)).to_have_count(1)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator(TOKEN)).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0
    await page.locator(TOKEN).fill(moderator(site="*"))
    await expect(page.locator(f"{DESK} input[name=site]")).to_have_value(SITE)


async def test_a_page_of_others_signs_its_moderators_in(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 1)
    await caught_up(reader_service)
    page = await (await browser.new_context()).new_page()
    body = f"""<!doctype html><html lang=en><title>Admin</title><main>
        <{DESK} site={SITE}></{DESK}></main>
        <script>document.querySelector("{DESK}").getToken = async () => "{moderator()}";</script>
        <script type=module src=/moderate/moderate.js></script>"""
    await page.route(
        re.compile("/admin$"), lambda it: it.fulfill(body=body, content_type="text/html")
    )
    await page.goto(f"{reader_service.url}/admin")
    await expect(page.locator(ITEM)).to_have_count(1)
    await expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


async def test_the_page_loads_nothing_of_others_and_runs_nothing_inline(
    service_page: Page, reader_service: Service
) -> None:
    answer = await reader_service.ask("GET", "/moderate")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    sources = await service_page.evaluate(
        "performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)"
    )
    assert set(sources) == {reader_service.url}


@pytest_asyncio.fixture(loop_scope="session")
async def service_page(browser: Browser, reader_service: Service) -> Page:
    await held(reader_service, 3)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(3)
    return page


async def test_the_demo_leads_to_its_desk(browser: Browser, reader_service: Service) -> None:
    await held(reader_service, 1)
    await caught_up(reader_service)
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{reader_service.url}/demo")
    await page.get_by_role("link", name="Moderate").click()
    await expect(page.locator(ITEM)).to_have_count(1)


# -- acts


async def test_keys_decide_one_after_another_and_undo(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 4)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(4)
    await page.keyboard.press("j")
    await expect_focus(page, "Waiting 0")
    await page.keyboard.press("a")
    await expect(page.locator(TOAST)).to_contain_text("1 comment approved.")
    await expect_focus(page, "Waiting 1")
    await page.keyboard.press("r")
    await expect(page.locator(TOAST)).to_contain_text("1 comment rejected.")
    assert await waiting(reader_service) == ["h2", "h3"]
    await page.keyboard.press("z")
    await expect(page.locator(TOAST)).to_contain_text("as it was")
    assert await waiting(reader_service) == ["h2", "h3", "h1"]
    await expect_focus(page, "Waiting 1")
    await expect(page.locator(f"{DESK} nav button").first).to_contain_text("3")


async def test_a_selection_is_decided_on_at_once(browser: Browser, reader_service: Service) -> None:
    await held(reader_service, 5)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(5)
    for key in ("j", "x", "j", "j", "x"):
        await page.keyboard.press(key)
    await expect(page.locator(f"{DESK} .bulk")).to_contain_text("2 selected")
    await page.locator(f"{DESK} .bulk").get_by_role("button", name="Remove").click()
    await expect(page.locator(TOAST)).to_contain_text("2 comments removed.")
    assert await waiting(reader_service) == ["h1", "h3", "h4"]
    assert await waiting(reader_service, "removed") == ["h2", "h0"]
    await page.locator(TOAST).get_by_role("button").click()
    await expect(page.locator(ITEM)).to_have_count(5)
    assert await waiting(reader_service, "removed") == []
    await page.keyboard.press("*")
    await page.keyboard.press("w")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.type("Off topic")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(TOAST)).to_contain_text("5 comments rejected.")
    await page.keyboard.press("6")
    await expect(page.locator(f"{DESK} .log tbody tr").first).to_contain_text("Off topic")


@pytest.mark.slow
async def test_the_second_moderator_is_told_and_nothing_is_decided_twice(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 2)
    first = await desk(browser, reader_service)
    second = await desk(browser, reader_service, person="max")
    for page in (first, second):
        await expect(page.locator(ITEM)).to_have_count(2)
    await second.route(re.compile(r"/v1/moderation\?"), lambda it: it.abort())
    await first.keyboard.press("a")
    await expect(first.locator(TOAST)).to_contain_text("1 comment approved.")
    await second.keyboard.press("r")
    await expect(second.locator(TOAST)).to_contain_text("has changed meanwhile")
    await expect(second.locator(f"{ITEM}.gone .note")).to_contain_text("Somebody else")
    log = await reader_service.ask(
        "GET", f"/v1/sites/{SITE}/moderation-log?min_position={await reader_service.app.head()}"
    )
    assert [one["action"] for one in log.json["acts"]] == ["approve"]
    await second.keyboard.press("*")
    await second.keyboard.press("r")
    await expect(second.locator(TOAST)).to_contain_text("1 comment rejected.")


@pytest.mark.slow
async def test_what_others_do_is_seen_without_loading_again(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 2)
    first = await desk(browser, reader_service)
    second = await desk(browser, reader_service, person="max")
    await expect(second.locator(ITEM)).to_have_count(2)
    await second.keyboard.press("j")
    await held(reader_service, 3, first=2)
    await expect(second.locator(ITEM)).to_have_count(3)
    await expect_focus(second, "Waiting 0")  # which has not moved
    await expect(first.locator(ITEM)).to_have_count(3)
    for key in ("j", "a"):
        await first.keyboard.press(key)
    await expect(first.locator(ITEM)).to_have_count(2)
    await expect(second.locator(f"{ITEM}.gone")).to_contain_text("Waiting 0")
    await first.keyboard.press("a")
    await expect(second.locator(ITEM, has_text="Waiting 1")).to_have_count(0)


async def test_a_look_at_an_unchanged_list_is_answered_without_its_bytes(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 3)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(3)

    async def looks() -> list[int]:
        lines = await reader_service.lines()
        return [line["status"] for line in lines if line.get("route") == "/v1/moderation"]

    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while 304 not in await looks():
            await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator(ITEM)).to_have_count(3)
    await held(reader_service, 4, first=3)
    await caught_up(reader_service)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator(ITEM)).to_have_count(4)


async def test_an_edit_is_shown_beside_what_it_replaces(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(
        wrote("e1", "The first words."),
        about("comment.edited", "e1-edit", comment="e1", body="The next words.", status="held"),
        about("comment.flagged", "e1-flag", comment="e1", by="ada", reason="Odd"),
    )
    page = await desk(browser, reader_service)
    await page.keyboard.press("3")
    item = page.locator(ITEM)
    await expect(item).to_contain_text("Shown now")
    await expect(item.locator(".pending")).to_contain_text("The next words.")
    await expect(item.locator(".flags")).to_have_text("ada: Odd")
    await page.keyboard.press("a")
    await expect(page.locator(ITEM)).to_have_count(0)
    await expect(page.locator(f"{DESK} .state")).to_be_visible()
    await expect(page.locator(TOAST)).to_be_visible()
    await expect(page.locator(f"{TOAST} button")).to_have_count(0)  # nothing is exactly opposite


async def test_a_reply_shows_what_it_answers(browser: Browser, reader_service: Service) -> None:
    await reader_service.given(
        wrote("top", "A question?"), wrote("reply", "An answer.", parent="top", status="held")
    )
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(1)
    await page.keyboard.press("t")
    await expect(page.locator(f"{ITEM} blockquote")).to_contain_text("A question?")


async def test_single_keys_can_be_switched_off(service_page: Page) -> None:
    await service_page.keyboard.press("?")
    box = service_page.get_by_label("Single keys act")
    await box.uncheck()
    await service_page.keyboard.press("Escape")
    await service_page.keyboard.press("a")
    await service_page.keyboard.press("j")
    await expect(service_page.locator(TOAST)).to_be_hidden()
    await expect(service_page.locator(ITEM)).to_have_count(3)


# -- persons, the log, search


async def test_a_person_is_banned_and_the_ban_undone(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 3, by="eve", name="Eve")
    page = await desk(browser, reader_service)
    await expect(page.locator(f"{ITEM} .record").first).to_contain_text("3 comments")
    await page.keyboard.press("o")
    await expect(page.locator(f"{DESK} h3")).to_have_text("Eve")
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Not yet trusted")
    await expect(page.locator(ITEM)).to_have_count(3)
    await page.keyboard.press("b")
    dialog = page.get_by_role("dialog", name="Ban Eve")
    await dialog.get_by_label("Term").select_option("7")
    await dialog.get_by_label("Reason").fill("Spam")
    await dialog.get_by_role("button", name="Ban").click()
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Banned until")
    await page.keyboard.press("z")
    await expect(page.locator(f"{DESK} .facts")).not_to_contain_text("Banned until")
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Not yet trusted")
    await page.get_by_role("button", name="Trust", exact=True).click()
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Trusted")
    await page.keyboard.press("6")
    rows = page.locator(f"{DESK} .log tbody tr")
    await expect(rows).to_have_count(3)
    await expect(rows.last).to_contain_text("Spam")


@pytest.mark.slow
async def test_words_are_searched_and_decided_on(browser: Browser, reader_service: Service) -> None:
    await reader_service.given(
        *(wrote(f"s{n}", f"Cheap watches {n}", by="eve", name="Eve") for n in range(3))
    )
    page = await desk(browser, reader_service)
    await page.keyboard.press("/")
    await page.keyboard.type("watches cheap")
    await page.keyboard.press("Enter")
    await expect(page.locator(ITEM)).to_have_count(3)
    await expect(page.locator(f"{DESK} .state").first).to_contain_text("3 found in the newest")
    await expect(page.get_by_role("button", name="Load more")).to_be_hidden()
    await page.keyboard.press("*")
    await page.keyboard.press("d")
    await expect(page.locator(TOAST)).to_contain_text("3 comments removed.")
    assert await waiting(reader_service, "removed") == ["s0", "s1", "s2"]
    await expect(page.locator(f"{ITEM} .by").first).to_contain_text("removed")


async def test_what_is_typed_while_a_list_loads_stays_in_the_search(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 2)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(2)
    asked: list[Route] = []

    def delay(route: Route) -> None:
        asked.append(route)

    removed = re.compile(r"/v1/moderation\?.*status=removed")
    await page.route(removed, delay)
    await page.keyboard.press("4")
    await page.keyboard.press("/")
    await page.keyboard.type("r")
    while not asked:
        await page.evaluate("new Promise(requestAnimationFrame)")
    async with page.expect_response(removed):
        await asked[0].continue_()
    await expect(page.locator(ITEM)).to_have_count(0)
    await page.evaluate("new Promise(requestAnimationFrame)")
    await page.keyboard.type("aw")
    await expect(page.get_by_label("Words in a comment")).to_have_value("raw")
    assert await waiting(reader_service) == ["h0", "h1"]


async def test_the_history_of_a_comment_is_shown_from_the_log(
    browser: Browser, reader_service: Service
) -> None:
    await held(reader_service, 1)
    page = await desk(browser, reader_service)
    await expect(page.locator(ITEM)).to_have_count(1)
    await page.keyboard.press("r")
    await expect(page.locator(TOAST)).to_contain_text("1 comment rejected.")
    await page.keyboard.press("6")
    await page.locator(f"{DESK} .log").get_by_role("button", name="Show").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Waiting 0.")


# -- how it looks and sounds

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
    "forced colours": {"forced_colors": "active"},
}


async def sound(page: Page, state: str) -> None:
    found = await Axe().run(page, options=RULES)
    wrong = [
        (one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]
    ]
    assert wrong == [], state
    width = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, state


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_in_any_state(
    browser: Browser, reader_service: Service, look: str
) -> None:
    await held(reader_service, 3, by="eve", name="Eve")
    await reader_service.given(
        wrote("f", "Flagged."),
        about("comment.flagged", "flag", comment="f", by="ada", reason="Odd"),
        wrote("e", "First."),
        about("comment.edited", "edit", comment="e", body="Next.", status="held"),
    )
    page = await desk(browser, reader_service, bypass_csp=True, **LOOKS[look])
    await expect(page.locator(f"{ITEM} .record").first).to_contain_text("comments")
    await sound(page, "held")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await sound(page, "selected")
    await page.keyboard.press("a")
    await expect(page.locator(TOAST)).to_be_visible()
    await sound(page, "told")
    for key, view in (("2", "flagged"), ("3", "pending"), ("5", "recent"), ("6", "log")):
        await page.keyboard.press(key)
        await expect(page.locator(f"{DESK} [data-view={view}]")).to_have_attribute(
            "aria-pressed", "true"
        )
        await expect(page.locator(f"{DESK} [aria-busy]")).to_have_count(0)
        await expect(page.locator(f"{ITEM}, {DESK} .log tbody tr").first).to_be_visible()
        await sound(page, view)
    await page.keyboard.press("?")
    await sound(page, "keys")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("5")
    await expect(page.locator(ITEM).first).to_be_visible()
    await page.keyboard.press("o")
    await expect(page.locator(f"{DESK} .facts div").first).to_be_visible()
    await sound(page, "a person")
    await page.keyboard.press("b")
    await sound(page, "a ban")
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await sound(page, "search")


@pytest.mark.slow
async def test_browsers_get_the_words_of_their_language(
    browser: Browser, reader_service: Service
) -> None:
    page = await desk(browser, reader_service, locale="de-AT")
    await expect(page.locator(f"{DESK} h2")).to_have_text(f"Moderation von {SITE}")
    await expect(page.locator("html")).to_have_attribute("lang", "de-AT")
    await held(reader_service, 3)
    await caught_up(reader_service)
    shown = {
        "pt": (f"Moderação de {SITE}", "Retidos", None),
        "ja": (f"{SITE} のモデレーション", "保留中", None),
        "ar": (f"الإشراف على {SITE}", "المحتجزة", "rtl"),
        "cy": (f"Moderation of {SITE}", "Held", None),
    }
    for language, (title, queue, direction) in shown.items():
        await page.goto(f"{reader_service.url}/moderate?lang={language}")
        await expect(page.locator(f"{DESK} h2")).to_have_text(title)
        await expect(page.locator(f"{DESK} nav button").first).to_contain_text(queue)
        await expect(page.locator(ITEM)).to_have_count(3)
        assert await page.locator(f"{DESK} section").first.get_attribute("dir") == direction
        width = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, language


def test_the_page_knows_the_languages_of_the_reader() -> None:
    """A word list for each, known to the page that chooses one, and to the element."""
    readers, own = (
        {one.name.removesuffix(".json") for one in files(package).iterdir() if "json" in one.name}
        for package in (languages, moderate_languages)
    )
    assert own == readers
    for name, besides in (("page.js", set[str]()), ("words.js", {"en"})):
        text = (files(moderate) / name).read_text("utf-8")
        (listed,) = re.findall(r"LANGUAGES = \[(.*?)\]", text)
        assert set(re.findall(r'"(\w+)"', listed)) | besides == own, name


@pytest.mark.slow
async def test_a_person_has_the_number_of_votes_and_the_progress_of_a_ban(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(
        wrote("e", "Cheap watches.", by="eve", name="Eve"),
        about("vote.cast", "v", comment="cars", voter="eve", value=1),
    )
    app = reader_service.app
    job = BanJob(
        act=uuid4(),
        person=ids.person_id(SITE, "eve"),
        log=await app.log.log_id(),
        position=1,
        comments=2,
        comments_total=5,
    )
    await app.moderation_jobs.save(job)
    page = await desk(browser, reader_service)
    await page.keyboard.press("5")
    await expect(page.locator(ITEM).first).to_contain_text("Cheap watches.")
    await page.keyboard.press("o")
    facts = page.locator(f"{DESK} .facts")
    await expect(facts).to_contain_text("Votes1")
    await expect(facts).to_contain_text("2 of 5 comments, 0 votes")
    await app.moderation_jobs.save(msgspec.structs.replace(job, stage="done"))
    await expect(facts).not_to_contain_text("2 of 5 comments")


# -- a moderator's morning


class Typist:
    """Presses keys, and counts them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)
            self.count += 1

    async def type(self, text: str) -> None:
        await self.press(*text)


@pytest.mark.slow
async def test_a_morning_is_done_by_keyboard_alone(
    browser: Browser, reader_service: Service
) -> None:
    """Clear 200 held comments, find a spammer's record, ban them and undo the ban."""
    await held(reader_service, 200)
    await reader_service.given(wrote("spam", "Cheap watches!", by="eve", name="Eve"))
    page = await desk(browser, reader_service)
    typist = Typist(page)
    for left in (150, 100, 50, 0):
        await expect(page.locator(ITEM)).to_have_count(50)
        await typist.press("*", "a")
        await until(
            page,
            f"() => !document.querySelector('{DESK}').shadowRoot.querySelector('.selected')",
        )
        await expect(page.locator(f"{DESK} nav .count").first).to_have_text(
            str(left) if left else ""
        )
    assert await waiting(reader_service) == []
    cleared = typist.count
    await typist.press("/")
    await typist.type("watches")
    await typist.press("Enter")
    await expect(page.locator(ITEM)).to_have_count(1)
    await typist.press("o")
    await expect(page.locator(f"{DESK} h3")).to_have_text("Eve")
    found = typist.count
    await typist.press("b")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await typist.press("Enter")
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Banned for good")
    await typist.press("b")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await typist.press("Enter")
    await expect(page.locator(f"{DESK} .facts")).to_contain_text("Not yet trusted")
    assert (cleared, found - cleared, typist.count - found) == (8, 10, 4)
