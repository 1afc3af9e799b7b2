"""The web reader in a browser: reading, writing, voting, live updates, and what must not happen."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.demo import RESOURCE, SITE
from service import Service

ROOT = "rostra-discussion"
COMMENT = f"{ROOT} article"
PHONE = {"width": 390, "height": 844}


WHAT_RUNS = """() => {
  const root = document.querySelector('rostra-discussion').shadowRoot;
  const names = /^(SCRIPT|IFRAME|IMG|STYLE|OBJECT|EMBED|SVG|FORM)$/i;
  const runs = ({name, value}) => /^on/i.test(name)
    || (name === 'href' && !/^(https?:|mailto:)/i.test(value));
  return [...root.querySelectorAll('.words *')]
    .filter((one) => names.test(one.tagName) || [...one.attributes].some(runs)).length;
}"""


async def shown(browser: Browser, service: Service, path: str = "/demo", **given: Any) -> Page:
    """A page that has come whole, and whose console says nothing bad."""
    context = await browser.new_context(**given)
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto(service.url + path)
    await expect(page.locator(COMMENT).first).to_be_visible()
    return page


async def all_loaded(page: Page, *, pages_max: int) -> None:
    """More and more, to the end or so many pages."""
    top, more = page.locator(f"{ROOT} .list > li"), page.get_by_role("button", name="Load more")
    for _ in range(pages_max):
        if not await more.is_visible():
            return
        before = await top.count()
        await more.click()
        await expect(top.nth(before)).to_be_attached()


def about(kind: str, name: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": "urn:test",
        "id": name,
        "type": kind,
        "data": {"site": SITE, "resource": RESOURCE, **data},
    }


async def test_comments_are_read_in_each_order(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service)
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 comments")
    first = page.locator(COMMENT).first
    await expect(first).to_contain_text("Cllr. Anna Wirth")
    await page.get_by_role("button", name="Oldest").click()
    await expect(first).to_contain_text("ventilation")
    await page.get_by_role("button", name="Most voted").click()
    await expect(first).to_contain_text("two ovens")
    await expect(page.get_by_role("button", name="Most voted")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_replies_are_folded_and_open_by_keyboard(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    reply = page.get_by_text("What is the dog called?")
    await expect(reply).to_be_hidden()
    fold = page.locator("rostra-discussion li", has_text="Two herons").locator("> button").first
    await fold.focus()
    await page.keyboard.press("Enter")
    await expect(reply).to_be_visible()
    await expect(fold).to_have_attribute("aria-expanded", "true")


async def test_a_person_writes_replies_edits_and_deletes(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    await page.get_by_label("Write a comment").fill("I **live** there.")
    await page.get_by_role("button", name="Preview").first.click()
    await expect(page.locator(".shown strong")).to_have_text("live")
    await page.get_by_role("button", name="Go on writing").click()
    await page.get_by_role("button", name="Post").click()
    mine = page.locator(COMMENT, has_text="I live there.")
    await expect(mine).to_be_visible()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")
    await expect(page.get_by_label("Write a comment")).to_have_value("")

    await mine.get_by_role("button", name="Edit").click()
    await mine.get_by_role("textbox").fill("I lived there.")
    await mine.get_by_role("button", name="Save").click()
    await expect(page.locator(COMMENT, has_text="I lived there.")).to_contain_text("edited")

    mine = page.locator(COMMENT, has_text="I lived there.")
    await mine.get_by_role("button", name="Reply").click()
    await mine.get_by_role("textbox").fill("And still do.")
    await mine.get_by_role("button", name="Post").click()
    await expect(page.locator(COMMENT, has_text="And still do.")).to_be_visible()

    reply = page.locator(COMMENT, has_text="And still do.")
    await reply.get_by_role("button", name="Delete").click()
    await reply.get_by_role("button", name="Yes, delete it").click()
    await expect(page.get_by_text("Deleted by its author")).to_be_visible()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")


async def test_what_is_typed_outlives_a_reload_and_a_failure(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    box = page.get_by_label("Write a comment")
    await box.fill("A thought that took an hour.")
    await box.blur()
    await page.reload()
    await expect(box).to_have_value("A thought that took an hour.")
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(".error").first).to_contain_text("No connection")
    await expect(box).to_have_value("A thought that took an hour.")
    await page.context.set_offline(False)
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(COMMENT, has_text="took an hour")).to_have_count(1)


async def test_an_answer_that_is_lost_does_not_make_a_second_comment(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    lost = 0

    async def lose(route: Any) -> None:
        nonlocal lost
        if route.request.method == "POST" and not lost:
            lost += 1
            await route.fetch()  # it is taken …
            await route.abort()  # … and nobody is told
        else:
            await route.continue_()

    await page.route("**/v1/discussions/*/comments", lose)
    await page.get_by_label("Write a comment").fill("Once, please.")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(".error").first).to_contain_text("No connection")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(COMMENT, has_text="Once, please.")).to_have_count(1)
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")


async def test_a_vote_counts_at_once_and_changes_sides_in_one_click(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    top = page.locator(COMMENT).first
    score = top.locator("output")
    await expect(score).to_have_text("42")
    await top.get_by_role("button", name="Vote for").click()
    await expect(score).to_have_text("43")
    await top.get_by_role("button", name="Vote against").click()
    await expect(score).to_have_text("41")
    await top.get_by_role("button", name="Vote against").click()
    await expect(score).to_have_text("42")
    await top.get_by_role("button", name="Vote for").click()
    await expect(top.get_by_role("button", name="Vote for")).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(score).to_have_text("43")
    await page.reload()
    pressed = page.locator(COMMENT).first.get_by_role("button", name="Vote for")
    await expect(pressed).to_have_attribute("aria-pressed", "true")


async def test_a_vote_that_is_refused_is_taken_back(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    await page.route("**/vote", lambda route: route.abort())
    top = page.locator(COMMENT).first
    await top.get_by_role("button", name="Vote for").click()
    await expect(page.locator(".state", has_text="That did not work")).to_be_visible()
    await expect(top.locator("output")).to_have_text("42")


async def test_two_readers_see_each_other(browser: Browser, reader_service: Service) -> None:
    ada = await shown(browser, reader_service, "/demo?as=ada")
    ben = await shown(browser, reader_service, "/demo?as=ben")
    await expect(ben.locator(f"{ROOT}[connected]")).to_be_attached()
    first = ben.locator(COMMENT).first
    await ada.get_by_label("Write a comment").fill("Is anybody there?")
    await ada.get_by_role("button", name="Post").click()
    news = ben.get_by_role("button", name="1 new comment")
    await expect(news).to_be_visible()
    await expect(first).to_contain_text("first lid")  # nothing was shoved
    await expect(ben.locator(f"{ROOT} h2")).to_have_text("22 comments")
    await news.click()
    await expect(first).to_contain_text("Is anybody there?")
    await first.get_by_role("button", name="Vote for").click()
    await expect(ada.locator(COMMENT, has_text="Is anybody").locator("output")).to_have_text("1")


async def test_a_permalink_leads_to_a_reply_deep_in_a_thread(
    browser: Browser, reader_service: Service
) -> None:
    listed = await reader_service.get("/v1/discussions", site=SITE, resource=RESOURCE)
    flat = await reader_service.get(
        f"/v1/discussions/{listed.json['id']}/comments", flat="true", limit="100"
    )
    [deep] = [one for one in flat.json["comments"] if one["key"] == "garden-4"]
    page = await shown(browser, reader_service, f"/demo#comment-{deep['id']}")
    target = page.locator(f"#comment-{deep['id']}")
    await expect(target).to_be_visible()
    await expect(target).to_be_focused()
    await expect(target).to_be_in_viewport()


async def test_a_guest_takes_part_by_name(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service)
    await page.get_by_label("Your name").fill("Passer-by")
    await page.get_by_role("button", name="Go on as a guest").click()
    await page.get_by_label("Write a comment").fill("Just passing.")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(COMMENT, has_text="Just passing.")).to_contain_text("Passer-by")


async def test_languages_and_directions(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service, "/demo?lang=de")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 Kommentare")
    await page.get_by_role("button", name="中文").click()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 条评论")


@pytest.mark.parametrize("given", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}])
async def test_axe_finds_nothing(
    browser: Browser, reader_service: Service, given: dict[str, Any]
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada", bypass_csp=True, **given)
    await (
        page.locator("rostra-discussion li", has_text="Two herons")
        .locator("> button")
        .first.click()
    )
    await page.locator(COMMENT).first.get_by_role("button", name="Reply").click()
    found = await Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()


async def test_nothing_is_wider_than_a_phone(browser: Browser, reader_service: Service) -> None:
    parent = None
    for depth in range(8):
        posted = about(
            "comment.posted", f"deep{depth}", comment=f"deep{depth}", parent=parent,
            author={"id": "x", "name": "X" * 60}, body=f"Depth {depth}: " + "long" * 40,
        )  # fmt: skip
        if parent is None:
            del posted["data"]["parent"]
        await reader_service.given(posted)
        parent = f"deep{depth}"
    page = await shown(browser, reader_service, viewport=PHONE, is_mobile=True, has_touch=True)
    thread = page.locator(f"{ROOT} .list > li", has_text="Depth 0")
    for depth in range(1, 8):
        await thread.locator("button[aria-expanded=false]:visible").first.click()
        await expect(thread.get_by_text(f"Depth {depth}:")).to_be_visible()
    deepest = page.get_by_text("Depth 7")
    await expect(deepest).to_be_visible()
    box = await deepest.bounding_box()
    assert box is not None
    assert box["width"] > 180
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_hostile_words_show_as_text(
    browser: Browser, reader_service: Service, test_data: Path
) -> None:
    payloads = json.loads((test_data / "robustness/dompurify.json").read_text())
    hostile = [str(one["payload"]) for one in payloads][:80]
    events = [
        about(
            "comment.posted", f"h{number}", comment=f"h{number}",
            author={"id": f"h{number}", "name": payload[:100] or "x"}, body=payload,
        )
        for number, payload in enumerate(hostile)
        if payload.strip() and "\0" not in payload
    ]  # fmt: skip
    await reader_service.batch(events)
    await reader_service.app.wait(await reader_service.app.head())
    page = await shown(browser, reader_service)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await all_loaded(page, pages_max=6)
    bad = await page.evaluate(WHAT_RUNS)
    assert bad == 0
    assert dialogs == []
    assert await page.locator(COMMENT).count() > 60


async def test_it_works_on_a_page_of_another_origin_under_a_strict_policy(
    browser: Browser, reader_service: Service
) -> None:
    """The demo's own policy is strict; here the page is somebody else's."""
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    policy = (
        f"default-src 'none'; script-src {reader_service.url}; connect-src {reader_service.url};"
        " require-trusted-types-for 'script'; trusted-types rostra"
    )
    body = (
        f"<!doctype html><script type=module src='{reader_service.url}/embed/rostra.js'></script>"
        f"<rostra-discussion site={SITE} resource={RESOURCE}></rostra-discussion>"
    )

    async def story(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
        return web.Response(body=body.encode(), headers=headers)

    paper = web.Application()
    paper.router.add_get("/story", story)
    async with TestServer(paper) as server:
        await page.goto(str(server.make_url("/story")))
        await expect(page.locator(COMMENT).first).to_be_visible()
        await context.close()


async def test_many_comments_come_soon_and_scroll_smoothly(
    browser: Browser, reader_service: Service
) -> None:
    listed = await reader_service.get("/v1/discussions", site=SITE, resource=RESOURCE)
    events = [
        about(
            "comment.posted", f"m{number}", comment=f"m{number}",
            author={"id": f"p{number % 50}", "name": f"Person {number % 50}"},
            body=f"Comment {number}. " + "Some *words* to read. " * 8,
        )
        for number in range(5_000)
    ]  # fmt: skip
    await reader_service.batch(events)
    await reader_service.app.wait(await reader_service.app.head(), 60)
    await reader_service.get(f"/v1/discussions/{listed.json['id']}/comments")
    context = await browser.new_context()
    await context.add_init_script(
        "window.long = []; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " window.long.push(one.duration) }).observe({ type: 'longtask', buffered: true })"
    )
    page = await context.new_page()
    await page.goto(reader_service.url + "/demo")
    await expect(page.locator(COMMENT).first).to_be_visible()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("5,021 comments")
    await all_loaded(page, pages_max=5)
    await page.evaluate("window.long.length = 0")
    for _ in range(20):
        await page.mouse.wheel(0, 400)
    assert await page.locator(COMMENT).count() >= 120


async def test_all_that_the_demo_asks_for_is_there(
    browser: Browser, reader_service: Service
) -> None:
    page = await browser.new_page()
    refused: list[str] = []
    page.on("response", lambda it: refused.append(it.url) if it.status >= 400 else None)
    await page.goto(reader_service.url + "/demo")
    await expect(page.locator(COMMENT).first).to_be_visible()
    icon = await page.locator("link[rel=icon]").get_attribute("href")
    assert (await reader_service.ask("GET", str(icon))).status == 200
    assert refused == []


async def test_tokens_are_for_the_demo_alone(reader_service: Service) -> None:
    people = (await reader_service.ask("GET", "/demo/people.json")).json
    written = await reader_service.ask(
        "PUT", "/v1/discussions", token=people["ada"],
        headers={"Content-Type": "application/json"},
        body=json.dumps({"site": "other", "resource": "/x"}).encode(),
    )  # fmt: skip
    assert written.status == 403
