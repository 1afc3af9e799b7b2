"""Passages in the article: shown where they stand, opened, and marked by readers."""

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.reader_pages import (
    COMMENT,
    PANEL,
    PHONE,
    ROOT,
    TOP,
    connected,
    discussion,
    shown,
    token,
    until,
    wrote,
)
from support.reader_pages import about as event
from support.service import Service
from support.service import token as signed
from support.waiting import WAIT_SECONDS_MAX

BADGE = f"{ROOT} .badge"
HERONS = "Herons have been seen at the weir already."
SELECT = """(words) => {
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const at = node.data.indexOf(words);
        if (at >= 0) getSelection().setBaseAndExtent(node, at, node, at + words.length);
    }
}"""
WIDE = {"width": 1_400, "height": 900}


async def article(browser: Browser, service: Service, path: str = "/demo", **given: Any) -> Page:
    page = await shown(browser, service, path, **given)
    await expect(page.locator(BADGE)).to_have_count(3)
    return page


async def highlighted(page: Page, name: str = "rostra-passage") -> list[str]:
    found: list[str] = await page.evaluate(
        "(name) => [...CSS.highlights.get(name)].map((range) => range.toString())", name
    )
    return found


async def expect_highlights(page: Page, count: int) -> None:
    await until(page, "(count) => CSS.highlights.get('rostra-passage').size === count", count)


async def passages(service: Service) -> list[dict[str, Any]]:
    page = await service.get(f"/v1/discussions/{await discussion(service)}/passages")
    return list(page.json["passages"])


async def box_of(page: Page, selector: str) -> dict[str, float]:
    box = await page.locator(selector).first.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


async def words_at(page: Page, words: str) -> dict[str, float]:
    """Where words of the article stand on the screen."""
    found: dict[str, float] = await page.evaluate(
        """(words) => {
            const range = [...CSS.highlights.get('rostra-passage')]
              .find((one) => one.toString().startsWith(words));
            const { left, top, width, height } = range.getClientRects()[0];
            return { x: left, y: top, width, height };
        }""",
        words,
    )
    return found


async def test_marked_passages_are_highlighted_with_their_counts(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    marked = await passages(reader_service)
    await expect_highlights(page, 3)
    assert await highlighted(page) == [one["exact"] for one in marked]
    counts = [str(one["comments"] + one["replies"]) for one in marked]
    await expect(page.locator(BADGE)).to_have_text(counts)
    column = await box_of(page, "#article")
    for badge in await page.locator(BADGE).all():
        box = await badge.bounding_box()
        assert box is not None
        assert box["width"] >= 24
        assert box["height"] >= 24
        assert box["x"] >= column["x"] + column["width"]  # in the margin, not over words


async def test_the_articles_own_nodes_are_left_as_they_are(
    browser: Browser, reader_service: Service
) -> None:
    page = await browser.new_page()
    await page.add_init_script(
        """addEventListener('DOMContentLoaded', () => {
            window.html = article.innerHTML;
            window.nodes = [...article.querySelectorAll('p')].map((one) => one.firstChild);
            window.changes = [];
            new MutationObserver((all) => changes.push(...all)).observe(article,
              { subtree: true, childList: true, characterData: true, attributes: true });
        })"""
    )
    await page.goto(f"{reader_service.url}/demo?as=ada")
    await page.locator(BADGE).first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    await page.keyboard.press("Escape")
    await page.evaluate("document.querySelector('rostra-discussion').remove()")
    assert await page.evaluate("changes.length") == 0
    assert await page.evaluate("article.innerHTML === html")
    assert await page.evaluate(
        "[...article.querySelectorAll('p')].every((one, i) => one.childNodes.length === 1"
        " && one.firstChild === nodes[i])"
    )
    assert await highlighted(page) == []


async def test_a_click_on_the_words_opens_their_comments_and_question_beside_them(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada", viewport=WIDE)
    await page.locator("#article p").nth(2).scroll_into_view_if_needed()
    at = await words_at(page, "A pipe")
    await page.mouse.click(at["x"] + 20, at["y"] + at["height"] / 2)
    panel = page.locator(PANEL)
    await expect(panel.get_by_text("Have you lived through one of the floods?")).to_be_visible()
    await expect(panel.locator("article").first).to_contain_text("two ovens")
    await expect(panel.locator(".list > li")).to_have_count(1)
    async with asyncio.timeout(WAIT_SECONDS_MAX):  # the page may still be laid out
        while True:
            column, box = await box_of(page, "#article"), await box_of(page, PANEL)
            at = await words_at(page, "A pipe")
            if abs(box["y"] - at["y"]) < 40:
                break
            await page.evaluate("new Promise(requestAnimationFrame)")
    assert box["x"] > column["x"] + column["width"]
    assert box["x"] + box["width"] <= WIDE["width"]
    assert [words[:6] for words in await highlighted(page, "rostra-open")] == ["A pipe"]
    # The rest of the discussion is where it was.
    await expect(page.locator(TOP)).to_have_count(8)


async def test_the_panel_is_beside_the_article_of_a_page_that_is_scrolled_sideways(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, viewport=WIDE)
    await page.evaluate(
        """() => {
            const wide = document.body.appendChild(document.createElement("div"));
            Object.assign(wide.style, { width: "3000px", height: "1px" });
            scrollTo(100, 0);
        }"""
    )
    await page.locator(BADGE).first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    column, panel = await box_of(page, "#article"), await box_of(page, PANEL)
    assert panel["x"] >= column["x"] + column["width"]


async def test_where_there_is_no_room_the_panel_comes_from_below_and_leaves_the_words(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(
        browser, reader_service, "/demo?as=ada", viewport=PHONE, is_mobile=True, has_touch=True
    )
    await page.locator(BADGE).nth(2).tap()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    box = await box_of(page, PANEL)
    assert box["y"] + box["height"] == PHONE["height"]
    await until(
        page,
        """(lowest) => {
            const [words] = CSS.highlights.get('rostra-open');
            const { top, bottom } = words.getBoundingClientRect();
            return top > 0 && bottom < lowest;
        }""",
        box["y"],
    )
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await page.get_by_role("button", name="Close").tap()
    await expect(page.locator(PANEL)).to_have_count(0)


@pytest.mark.slow
async def test_a_passage_is_opened_answered_and_left_by_keyboard(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada")
    badge = page.get_by_role("button", name="3 comments on “A pipe can")
    await badge.focus()
    await page.keyboard.press("Enter")
    panel = page.locator(PANEL)
    await expect(panel.locator("blockquote")).to_be_focused()
    await panel.get_by_label("Comment on this passage").focus()
    await page.keyboard.type("I was seven.")
    await page.keyboard.press("Control+Enter")
    await expect(panel.locator("article", has_text="I was seven.")).to_be_focused()
    await expect(page.locator(f"{ROOT} section article", has_text="I was seven.")).to_have_count(1)
    await expect(page.locator(BADGE).first).to_have_text("4")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await expect(page.locator(BADGE).first).to_be_focused()
    await page.keyboard.press("Enter")
    await panel.get_by_role("button", name="View all comments").focus()
    await page.keyboard.press("Enter")
    await expect(panel).to_have_count(0)
    await expect(page.locator(f"{ROOT} h2")).to_be_focused()
    await expect(page.locator(f"{ROOT} h2")).to_be_in_viewport()
    await expect(page.locator(TOP)).to_have_count(9)


async def test_a_comment_says_which_words_it_is_about_and_leads_to_them(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    quote = page.locator(COMMENT, has_text="two ovens").locator(".quote")
    await expect(quote).to_contain_text("On “A pipe can hold")
    await quote.click()
    await expect(page.locator(f"{PANEL} .question")).to_contain_text("floods")


async def test_selecting_words_offers_to_comment_on_them(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada", viewport=WIDE)
    last = page.locator("#article p").last
    await last.scroll_into_view_if_needed()
    await page.evaluate(SELECT, HERONS)
    offer = page.get_by_role("button", name="Comment on this", exact=True)
    box, words = await offer.bounding_box(), await last.bounding_box()
    assert box is not None
    assert words is not None
    assert words["y"] < box["y"] < words["y"] + words["height"] + 60  # beside the words
    await offer.click()
    panel = page.locator(PANEL)
    await expect(panel.locator("blockquote").first).to_have_text(HERONS)
    await expect(panel.get_by_label("Comment on this passage")).to_be_focused()
    assert len(await passages(reader_service)) == 3  # nothing is marked before there is a comment
    await page.keyboard.type("So have I.")
    await panel.get_by_role("button", name="Post").click()
    await expect(panel.locator("article", has_text="So have I.")).to_be_visible()
    await expect(page.locator(BADGE)).to_have_count(4)
    await expect_highlights(page, 4)
    assert HERONS in await highlighted(page)
    [passage] = [one for one in await passages(reader_service) if one["exact"] == HERONS]
    assert passage["state"] == "anchored"
    assert (passage["comments"], passage["suffix"][:5]) == (1, " They")


@pytest.mark.slow
async def test_words_are_dragged_over_by_mouse(browser: Browser, reader_service: Service) -> None:
    page = await article(browser, reader_service, "/demo?as=ada")
    await page.locator("#article p").last.scroll_into_view_if_needed()
    box = await page.locator("#article p").last.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 5, box["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 200, box["y"] + 12, steps=5)
    await page.mouse.up()
    await page.get_by_role("button", name="Comment on this", exact=True).click()
    await expect(page.locator(f"{PANEL} blockquote").first).to_contain_text("What the study")


@pytest.mark.slow
async def test_a_press_of_the_offer_that_is_no_click_does_not_end_it(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada", viewport=WIDE)
    last = page.locator("#article p").last
    await last.scroll_into_view_if_needed()
    offer = page.get_by_role("button", name="Comment on this", exact=True)

    async def press_beside(words: str) -> None:
        await page.evaluate(SELECT, words)
        await expect(offer).to_be_visible()
        await offer.hover()
        await page.mouse.down()
        await page.mouse.move(5, 5)
        await page.mouse.up()

    await press_beside(HERONS)
    await last.click()
    await expect(offer).to_be_hidden()
    await press_beside(HERONS)
    await page.keyboard.press("Escape")
    await expect(offer).to_be_hidden()
    await press_beside("Herons have been seen")
    await offer.click()
    await expect(page.locator(f"{PANEL} blockquote").first).to_have_text("Herons have been seen")


@pytest.mark.slow
async def test_words_are_selected_by_keyboard_and_the_tab_key_leads_to_the_offer(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada")
    await page.evaluate(SELECT, "Herons")
    for _ in range(10):
        await page.keyboard.press("Shift+ArrowRight")
    offer = page.get_by_role("button", name="Comment on this", exact=True)
    await expect(page.locator(f"{ROOT} [role=status]")).to_have_text("Comment on this: press Tab")
    await page.keyboard.press("Tab")
    await expect(offer).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{PANEL} blockquote").first).to_have_text("Herons have been")
    await expect(page.locator(f"{PANEL} textarea")).to_be_focused()


@pytest.mark.slow
async def test_words_are_selected_by_touch(browser: Browser, reader_service: Service) -> None:
    page = await article(
        browser, reader_service, "/demo?as=ada", viewport=PHONE, is_mobile=True, has_touch=True
    )
    await page.locator("#article p").last.scroll_into_view_if_needed()
    await page.evaluate(SELECT, HERONS)
    offer = page.get_by_role("button", name="Comment on this", exact=True)
    box = await offer.bounding_box()
    assert box is not None
    assert box["height"] >= 40
    assert box["x"] + box["width"] <= PHONE["width"]
    await offer.tap()
    await expect(page.locator(f"{PANEL} blockquote").first).to_have_text(HERONS)


async def test_those_who_may_not_write_are_not_offered_to(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    await page.evaluate(SELECT, HERONS)
    await expect(page.locator(f"{ROOT} .pick")).to_be_hidden()


@pytest.mark.slow
async def test_words_that_the_service_cannot_find_are_not_offered_to_be_marked(
    browser: Browser, reader_service: Service
) -> None:
    assert await reader_service.app.drop_text(SITE, RESOURCE, "1")
    page = await article(browser, reader_service, "/demo?as=ada")
    await page.locator("article[data-comment] button[data-does=reply]").first.wait_for()
    await page.evaluate(SELECT, HERONS)
    await expect(page.locator(f"{ROOT} .pick")).to_be_hidden()
    await reader_service.given(event("article.revised", "again", revision="2", text=HERONS))
    page = await article(browser, reader_service, "/demo?as=ada")
    await page.evaluate(SELECT, HERONS)
    await expect(page.locator(f"{ROOT} .pick")).to_be_visible()


@pytest.mark.slow
async def test_what_is_typed_about_selected_words_is_there_when_they_are_selected_again(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada")
    offer = page.get_by_role("button", name="Comment on this", exact=True)
    for typed in ("", "Half a thou"):
        await page.evaluate(SELECT, HERONS)
        await offer.click()
        box = page.locator(f"{PANEL} textarea")
        await expect(box).to_have_value(typed)
        await box.fill("Half a thou")
        await page.reload()
        await expect(page.locator(BADGE)).to_have_count(3)


@pytest.mark.slow
async def test_a_passage_that_takes_no_more_comments_says_so(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(event("passage.closed", "shut", passage="pipe"))
    page = await article(browser, reader_service, "/demo?as=ada")
    await page.locator(BADGE).first.click()
    await expect(page.get_by_text("This passage takes no more comments.")).to_be_visible()
    await expect(page.locator(f"{PANEL} textarea")).to_have_count(0)


async def test_passages_and_their_comments_are_live(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    await connected(page)
    await page.locator(BADGE).first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    await reader_service.given(
        wrote("p1", "Knee deep, at ours.", passage="pipe"),
        wrote("p2", "Of something else."),
        event("passage.marked", "new", passage="new", exact="the car park"),
    )
    await expect(page.locator(BADGE)).to_have_count(4)
    await page.locator(PANEL).get_by_role("button", name="1 new comment").click()
    await expect(page.locator(f"{PANEL} article").first).to_contain_text("Knee deep")
    await expect(page.locator(f"{BADGE}[data-passage]", has_text="4")).to_have_count(1)
    await reader_service.given(event("passage.unmarked", "gone", passage="new"))
    await expect(page.locator(BADGE)).to_have_count(3)
    await expect_highlights(page, 3)


async def ask(service: Service, path: str, bearer: str, **body: Any) -> str:
    """Send a request with a JSON body. Return the id in the answer."""
    answer = await service.ask(
        "POST",
        path,
        token=bearer,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )
    assert answer.status < 300, answer.body
    return str(answer.json["id"])


@pytest.mark.slow
async def test_quotes_of_comments_follow_their_passage(
    browser: Browser, reader_service: Service
) -> None:
    ben, moderator = token("ben", "Ben"), signed("moderate", site=SITE, person="mod")
    here = f"/v1/discussions/{await discussion(reader_service)}"
    passage = await ask(reader_service, f"{here}/passages", ben, exact=HERONS)
    about = {"body": "I saw one.", "passage": passage}
    comment = await ask(reader_service, f"{here}/comments", ben, **about)
    page = await shown(browser, reader_service)
    await connected(page)
    quote = page.locator(f"{ROOT} [data-comment='{comment}'] .quote")
    await quote.click()
    await expect(page.locator(f"{PANEL} article")).to_contain_text("I saw one.")
    # A passage that a person marked is listed only while it has a comment.
    await ask(reader_service, f"/v1/comments/{comment}/moderation", moderator, action="remove")
    await expect(quote).to_have_count(0)
    await expect(page.locator(PANEL)).to_have_count(0)
    await ask(reader_service, f"/v1/comments/{comment}/moderation", moderator, action="restore")
    await expect(quote).to_contain_text("Herons have been seen")
    await reader_service.given(event("passage.unmarked", "gone", passage="pipe"))
    others = page.locator(COMMENT, has_text="two ovens").locator(".quote")
    await expect(others).to_have_count(0)


@pytest.mark.slow
async def test_a_panel_with_a_text_stays_open_when_its_passage_is_unmarked(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada")
    await connected(page)
    await page.locator(BADGE).first.click()
    box = page.locator(f"{PANEL} textarea")
    await box.fill("Half a thought")
    await reader_service.given(event("passage.unmarked", "gone", passage="pipe"))
    await expect(page.locator(BADGE)).to_have_count(2)
    await expect(box).to_have_value("Half a thought")


async def test_a_passage_is_found_in_an_article_that_has_changed(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    await page.evaluate(
        """() => {
            const news = document.createElement('p');
            news.textContent = 'News. '.repeat(50);
            article.querySelector('p').before(news);
            for (const node of article.querySelectorAll('p')) {
                for (const text of node.childNodes) {
                    if (text.data?.includes('river with banks')) {
                        text.data = text.data.replace('river with banks', 'river with its banks');
                    }
                }
            }
        }"""
    )
    await until(
        page,
        "[...CSS.highlights.get('rostra-passage')].some((it) => `${it}`.includes('its banks'))",
    )
    await expect(page.locator(BADGE)).to_have_count(3)


@pytest.mark.slow
async def test_an_article_that_is_drawn_anew_or_comes_late_is_marked_as_well(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    await page.evaluate("article.replaceWith(window.copy = article.cloneNode(true))")
    await until(
        page,
        """() => {
            const found = [...CSS.highlights.get('rostra-passage')];
            return found.length === 3 && found.every((it) => copy.contains(it.startContainer));
        }""",
    )
    await page.evaluate("copy.remove()")
    await expect(page.locator(BADGE)).to_have_count(0)
    await page.evaluate("document.querySelector('rostra-discussion').before(copy)")
    await expect(page.locator(BADGE)).to_have_count(3)


@pytest.mark.slow
async def test_two_discussions_of_one_page_keep_their_own_highlights(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service)
    await page.evaluate(
        """([site, resource]) => {
            const other = article.cloneNode(true);
            other.id = 'other';
            const tag = document.createElement('rostra-discussion');
            for (const [name, value] of Object.entries({ site, resource, for: '#other' })) {
                tag.setAttribute(name, value);
            }
            document.querySelector('main').append(other, tag);
        }""",
        [SITE, RESOURCE],
    )
    await expect(page.locator(BADGE)).to_have_count(3)
    await page.locator("#other").scroll_into_view_if_needed()  # only then it is loaded
    await expect(page.locator(BADGE)).to_have_count(6)
    await expect_highlights(page, 6)
    await page.locator(ROOT).last.evaluate("(one) => one.remove()")
    await expect_highlights(page, 3)


@pytest.mark.slow
async def test_a_triple_click_on_the_last_paragraph_offers_its_words(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada", viewport=WIDE)
    last = page.locator("#article > p").last
    await last.scroll_into_view_if_needed()
    # A browser selects to the start of what follows, which may lie outside of the article.
    await page.evaluate(
        """() => {
            const range = document.createRange();
            const last = document.querySelector("#article > p:last-of-type");
            range.setStart(last.firstChild, 0);
            range.setEnd(document.querySelector("rostra-discussion"), 0);
            getSelection().removeAllRanges();
            getSelection().addRange(range);
        }"""
    )
    await page.get_by_role("button", name="Comment on this", exact=True).click()
    await expect(page.locator(f"{PANEL} blockquote")).to_have_text(await last.inner_text())


@pytest.mark.slow
async def test_too_many_words_are_cut_between_words_and_it_is_said(
    browser: Browser, reader_service: Service
) -> None:
    page = await article(browser, reader_service, "/demo?as=ada", viewport=WIDE)
    await page.evaluate("getSelection().selectAllChildren(article)")
    await page.get_by_role("button", name="Comment on this", exact=True).click()
    quote = await page.locator(f"{PANEL} blockquote").text_content() or ""
    whole = await page.locator("#article").evaluate("(one) => one.textContent.trim()")
    assert 900 < len(quote) <= 1_000
    assert whole.startswith(quote)
    assert not (quote[-1].isalnum() and whole[len(quote)].isalnum())
    said_so = f"Only the first {len(quote)} characters are taken."
    await expect(page.locator(f"{PANEL} .cut")).to_have_text(said_so)
