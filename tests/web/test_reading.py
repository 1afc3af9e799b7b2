"""Reading: orders, pages, threads, permalinks, languages, and phones."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from rostra import ids
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import (
    COMMENT,
    PHONE,
    ROOT,
    TOP,
    about,
    all_loaded,
    caught_up,
    comment_id,
    connected,
    held_back,
    said,
    shown,
    story,
    thread,
    wrote,
)
from support.service import Service, event


async def expect_orders(page: Page, *names: str) -> None:
    await expect(page.locator(f"{ROOT} .tabs button")).to_have_text(list(names))


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
    await expect(page.get_by_role("button", name="Oldest")).to_have_attribute(
        "aria-pressed", "false"
    )


async def test_the_orders_are_those_that_the_site_offers(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await expect_orders(page, "Newest", "Oldest", "Most voted", "Best")
    configured = about("site.configured", "fewer", settings={"orders": ["oldest", "hot"]})
    del configured["data"]["resource"]
    await reader_service.given(configured)
    await caught_up(reader_service)
    await page.reload()
    await expect_orders(page, "Oldest", "Hot")
    await expect(page.get_by_role("button", name="Oldest")).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(page.locator(COMMENT).first).to_contain_text("ventilation")


async def test_a_page_asks_for_fewer_orders_and_for_one_to_begin_with(
    browser: Browser, reader_service: Service
) -> None:
    tag = f"<{ROOT} site={SITE} resource={RESOURCE} orders='best oldest hot' order=best></{ROOT}>"
    page = await story(browser, reader_service, tag)
    await expect(page.locator(COMMENT).first).to_contain_text("two ovens")
    await expect_orders(page, "Best", "Oldest")


async def test_more_is_loaded_when_it_is_asked_for_and_leads_to_what_came(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    page = await shown(browser, reader_service)
    top = page.locator(TOP)
    await expect(top).to_have_count(20)
    more = page.get_by_role("button", name="Load more")
    await more.focus()
    await page.keyboard.press("Enter")
    await expect(top).to_have_count(40)
    await expect(top.nth(20).locator("article").first).to_be_focused()
    await all_loaded(page, pages_max=5)
    await expect(top).to_have_count(48)
    await expect(more).to_be_hidden()
    words = await page.locator(f"{TOP} > article .words").all_text_contents()
    assert len(set(words)) == 48


@pytest.mark.slow
async def test_loading_more_that_fails_says_so_there_and_is_tried_again(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    page = await shown(browser, reader_service)
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Load more").click()
    trouble = page.locator(f"{ROOT} .trouble")
    await expect(trouble).to_contain_text("There is no connection")
    await expect(trouble).to_be_in_viewport()
    await expect(page.locator(TOP)).to_have_count(20)
    await page.context.set_offline(False)
    await trouble.get_by_role("button", name="Try again").click()
    await expect(page.locator(TOP)).to_have_count(40)
    await expect(trouble).to_be_empty()


async def test_a_page_of_the_order_before_changes_nothing_of_the_new_one(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    for answers in (True, False):
        page = await shown(browser, reader_service)
        async with held_back(page, "cursor=", answers=answers) as is_asked:
            await page.get_by_role("button", name="Load more").click()
            await is_asked.wait()
            await page.get_by_role("button", name="Oldest").click()
            await expect(page.locator(COMMENT).first).to_contain_text("ventilation")
        await page.evaluate("new Promise(requestAnimationFrame)")
        oldest = page.get_by_role("button", name="Oldest")
        await expect(oldest).to_have_attribute("aria-pressed", "true")
        await expect(page.locator(f"{ROOT} .trouble")).to_be_empty()
        await page.get_by_role("button", name="Load more").click()
        await expect(page.locator(TOP)).to_have_count(40)


async def test_replies_for_a_list_that_was_replaced_are_not_missing_in_the_new_one(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch(
        [wrote("top", "Who was there?")]
        + [wrote(f"r{n}", f"I was, number {n}.", parent="top") for n in range(10)]
    )
    page = await shown(browser, reader_service)
    asked = thread(page, "Who was there?")
    await asked.get_by_role("button", name="10 replies").click()
    async with held_back(page, "/replies?") as is_asked:
        await asked.get_by_role("button", name="More replies").click()
        await is_asked.wait()
        await page.get_by_role("button", name="Most voted").click()
        await expect(page.locator(COMMENT).first).to_contain_text("two ovens")
    await asked.get_by_role("button", name="10 replies").click()
    await asked.get_by_role("button", name="More replies").click()
    replies = asked.locator("> .children > li .words")
    await expect(replies).to_have_text([f"I was, number {n}." for n in range(10)])


async def test_replies_are_folded_and_open_by_keyboard(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    reply = page.get_by_text("What is the dog called?")
    await expect(reply).to_be_hidden()
    fold = thread(page, "Two herons").locator("> button.fold").first
    await expect(fold).to_have_text("1 reply")
    await fold.focus()
    await page.keyboard.press("Enter")
    await expect(reply).to_be_visible()
    await expect(fold).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Enter")
    await expect(reply).to_be_hidden()


async def test_many_replies_come_by_pages_each_once_and_in_order(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch(
        [wrote("top", "Who was there?")]
        + [wrote(f"r{n}", f"I was, number {n}.", parent="top") for n in range(30)]
    )
    page = await shown(browser, reader_service)
    asked = thread(page, "Who was there?")
    await asked.get_by_role("button", name="30 replies").click()
    replies = asked.locator("> .children > li")
    await expect(replies).to_have_count(3)
    for count in (23, 30):
        await asked.get_by_role("button", name="More replies").click()
        await expect(replies).to_have_count(count)
    await expect(replies.locator(".words")).to_have_text([f"I was, number {n}." for n in range(30)])
    await expect(asked.get_by_role("button", name="More replies")).to_be_hidden()


@pytest.mark.slow
async def test_a_reply_below_a_removed_one_is_reached_however_deep(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch(
        [wrote("d0", "Depth 0.")]
        + [wrote(f"d{n}", f"Depth {n}.", parent=f"d{n - 1}") for n in range(1, 6)]
        + [about("comment.removed", f"gone{n}", comment=f"d{n}", by="mod") for n in (2, 3, 4)]
    )
    page = await shown(browser, reader_service)
    deep = thread(page, "Depth 0.")
    for depth in range(1, 6):
        await deep.locator("button[aria-expanded=false]:visible").first.click()
        await expect(deep.locator("article")).to_have_count(depth + 1)
    await expect(deep.get_by_text("Depth 5.")).to_be_visible()


@pytest.mark.slow
async def test_a_permalink_leads_to_a_reply_deep_in_a_long_discussion(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(120)])
    await reader_service.batch(
        [
            wrote(f"d{n}", f"Depth {n + 1}.", parent="m0" if n == 0 else f"d{n - 1}")
            for n in range(6)
        ]
    )
    deep = await comment_id(reader_service, "d5")
    page = await shown(browser, reader_service, f"/demo#comment-{deep}")
    target = page.locator(f"#comment-{deep}")
    await expect(target).to_contain_text("Depth 6.")
    await expect(target).to_be_focused()
    await expect(target).to_be_in_viewport()
    await expect(page.locator(f"{ROOT} article.here")).to_have_count(1)
    await all_loaded(page, pages_max=10)  # and where it stands itself it does not come again
    await expect(said(page, "Depth 6.")).to_have_count(1)
    await expect(
        page.locator(f"{TOP} > article", has_text=re.compile(r"Comment 0\."))
    ).to_have_count(1)


@pytest.mark.slow
async def test_a_permalink_that_fails_is_tried_again_alone(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(60)])
    named = await comment_id(reader_service, "m0")
    context = await browser.new_context()
    await context.route(f"**/v1/comments/{named}*", lambda route: route.abort())
    tag = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
    path = f"/story#comment-{named}"
    page = await story(browser, reader_service, tag, path=path, context=context)
    trouble = page.locator(f"{ROOT} .trouble")
    await expect(trouble).to_contain_text("There is no connection")
    await context.unroute_all()
    await trouble.get_by_role("button", name="Try again").click()
    await expect(page.locator(f"#comment-{named}")).to_be_focused()
    await expect(page.locator(TOP)).to_have_count(21)  # no page of the list came besides
    await connected(page)


@pytest.mark.slow
async def test_a_list_and_a_permalink_that_both_fail_are_both_tried_again(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(60)])
    for key in ("m0", "nobody-wrote-it"):
        named = await comment_id(reader_service, key)
        context = await browser.new_context()
        await context.route("**/v1/discussions/*/comments*", lambda route: route.abort())
        if key == "m0":
            await context.route(f"**/v1/comments/{named}*", lambda route: route.abort())
        tag = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
        path = f"/story#comment-{named}"
        page = await story(browser, reader_service, tag, path=path, context=context)
        await connected(page)  # which begins after the link was tried
        await context.unroute_all()
        await page.locator(f"{ROOT} .trouble").get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("button", name="Load more")).to_be_visible()
        if key == "m0":
            await expect(page.locator(f"#comment-{named}")).to_be_focused()


@pytest.mark.slow
async def test_a_permalink_that_the_page_is_sent_to_later_is_followed(
    browser: Browser, reader_service: Service
) -> None:
    deep = await comment_id(reader_service, "garden-4")
    page = await shown(browser, reader_service)
    await page.evaluate("(id) => { location.hash = `comment-${id}` }", deep)
    await expect(page.locator(f"#comment-{deep}")).to_be_focused()
    await page.evaluate("() => { location.hash = 'comment-00000000-0000-8000-8000-000000000000' }")
    await expect(page.get_by_text("That comment is not here any more.")).to_be_visible()


@pytest.mark.slow
async def test_a_permalink_leads_to_a_reply_below_what_is_held(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(
        wrote("top", "Waits."),
        wrote("below", "Stays.", parent="top"),
        about("comment.held", "h", comment="top"),
    )
    reply = await comment_id(reader_service, "below")
    page = await shown(browser, reader_service, f"/demo#comment-{reply}")
    await expect(page.locator(f"#comment-{reply}")).to_be_focused()
    await expect(page.get_by_text("That comment is not here any more.")).to_have_count(0)
    above = await comment_id(reader_service, "top")
    await expect(page.locator(f"#comment-{above}")).to_contain_text("Waits for a moderator")
    await expect(said(page, "Waits.")).to_have_count(0)


@pytest.mark.slow
async def test_a_permalink_to_a_comment_of_another_discussion_shows_nothing_of_it(
    browser: Browser, reader_service: Service
) -> None:
    elsewhere = {"site": "gazette", "resource": "/trams"}
    opened = event("discussion.opened")
    lure = event(
        "comment.posted", comment="lure", author={"id": "eve", "name": "Ada"}, body="Lure."
    )
    await reader_service.given(opened, lure)
    other = ids.comment_id(ids.discussion_id(*elsewhere.values()), "lure")
    assert (await reader_service.get(f"/v1/comments/{other}")).status == 200
    page = await shown(browser, reader_service, f"/demo#comment-{other}")
    await expect(page.get_by_text("That comment is not here any more.")).to_be_visible()
    await expect(said(page, "Lure.")).to_have_count(0)
    await expect(page.locator(f"{ROOT} article.here")).to_have_count(0)
    own = await comment_id(reader_service, "garden-4")
    await page.evaluate("(id) => { location.hash = `comment-${id}` }", own)
    await expect(page.locator(f"#comment-{own}")).to_be_focused()
    await page.evaluate("(id) => { location.hash = `comment-${id}` }", str(other))
    await expect(page.get_by_text("That comment is not here any more.")).to_be_visible()
    await expect(said(page, "Lure.")).to_have_count(0)


async def test_a_link_to_a_comment_is_copied(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    herons = said(page, "Two herons")
    await herons.get_by_role("button", name="Link").click()
    await expect(herons.locator(".note")).to_have_text("Link copied")
    heron = await comment_id(reader_service, "heron")
    await expect(page).to_have_url(re.compile(f"#comment-{heron}$"))
    assert await page.evaluate("navigator.clipboard.readText()") == page.url


@pytest.mark.slow
async def test_the_deepest_thread_is_readable_on_a_phone(
    browser: Browser, reader_service: Service
) -> None:
    name = "X" * 60
    await reader_service.batch(
        [wrote("deep0", "Depth 0: " + "long" * 40, name=name)]
        + [
            wrote(f"deep{n}", f"Depth {n}: " + "long" * 40, name=name, parent=f"deep{n - 1}")
            for n in range(1, 13)
        ]
    )
    page = await shown(browser, reader_service, viewport=PHONE, is_mobile=True, has_touch=True)
    deep = thread(page, "Depth 0")
    for depth in range(1, 13):
        await deep.locator("button[aria-expanded=false]:visible").first.tap()
        await expect(deep.get_by_text(f"Depth {depth}:")).to_be_visible()
    box = await page.get_by_text("Depth 12:").bounding_box()
    assert box is not None
    assert box["width"] > PHONE["width"] * 0.6
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_languages_and_their_plurals(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service, "/demo?lang=de")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 Kommentare")
    fold = thread(page, "Two herons").locator("> button.fold").first
    await expect(fold).to_have_text("1 Antwort")
    await page.get_by_role("button", name="中文").click()
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 条评论")
    await expect(fold).to_have_text("1 条回复")


@pytest.mark.parametrize("lang", first_is_quick(["cy", "not a language"]))
async def test_a_language_without_words_falls_back_to_english_and_says_so(
    browser: Browser, reader_service: Service, lang: str
) -> None:
    page = await shown(browser, reader_service, f"/demo?lang={lang}&dir=rtl")
    section = page.locator(f"{ROOT} section")
    await expect(section).to_have_attribute("lang", "en")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("21 comments")
    await expect(page.locator(COMMENT).first.locator("time")).to_contain_text("ago")


@pytest.mark.slow
async def test_right_to_left_all_is_mirrored(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service, "/demo?dir=rtl")
    count = await page.locator(f"{ROOT} h2").bounding_box()
    tabs = await page.locator(f"{ROOT} .tabs").bounding_box()
    by = await page.locator(f"{ROOT} .by b").first.bounding_box()
    host = await page.locator(ROOT).bounding_box()
    badge = await page.locator(f"{ROOT} .badge").first.bounding_box()
    assert count and tabs and by and host and badge
    assert count["x"] > tabs["x"]
    assert by["x"] + by["width"] > host["x"] + host["width"] - 4
    assert badge["x"] < host["x"]


async def test_what_is_pinned_removed_and_erased_is_said(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(
        about("comment.pinned", "p", comment="cars", by="mod"),
        about("comment.removed", "r", comment="garden", by="mod"),
    )
    page = await shown(browser, reader_service)
    await expect(page.locator(COMMENT).first).to_contain_text("Pinned")
    await expect(page.get_by_text("Removed by a moderator")).to_be_visible()


async def test_a_page_without_a_discussion_says_that_there_is_nothing_yet(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, f"<{ROOT} site={SITE} resource=/nothing></{ROOT}>")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("0 comments")
    await expect(page.get_by_text("No comments yet. Begin the discussion.")).to_be_visible()


async def test_a_closed_discussion_is_read_and_voted_on(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(about("discussion.closed", "shut"))
    page = await shown(browser, reader_service, "/demo?as=ada")
    await expect(page.get_by_text("This discussion is closed.")).to_be_visible()
    await expect(page.get_by_role("button", name="Reply", exact=True)).to_have_count(0)
    await expect(page.get_by_role("textbox")).to_have_count(0)
    first = page.locator(COMMENT).first
    await first.get_by_role("button", name="Vote for").click()
    await expect(first.locator(".score")).to_have_text("43")
