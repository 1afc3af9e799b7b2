"""Passages in the article: shown where they stand, opened, and marked by readers."""

import asyncio
import json
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.demo import RESOURCE, SITE
from service import Service

ROOT = "rostra-discussion"
COMMENT = f"{ROOT} article"
VECTORS = Path(__file__).parents[1] / "anchoring/vectors.json"


async def shown(
    browser: Browser, service: Service, path: str = "/demo", *, bypass_csp: bool = False
) -> Page:
    page = await browser.new_page(bypass_csp=bypass_csp)
    await page.goto(service.url + path)
    await expect(page.locator(".rostra-badge")).to_have_count(3)
    return page


async def highlighted(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(
        "() => [...CSS.highlights.get('rostra-passage')].map((range) => range.toString())"
    )
    return found


async def discussion(service: Service) -> str:
    return str((await service.get("/v1/discussions", site=SITE, resource=RESOURCE)).json["id"])


async def test_the_text_of_a_page_is_what_the_service_counts(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, bypass_csp=True)  # HTML is put in as a string
    entry = (await reader_service.ask("GET", "/embed/rostra.js")).body.decode()
    folder = entry.split('"./')[1].split("/")[0]
    for case in json.loads(VECTORS.read_text("utf-8"))["html"]:
        text = await page.evaluate(
            """async ([path, html]) => {
                const { textOf } = await import(path);
                const read = document.implementation.createHTMLDocument("");
                read.body.innerHTML = html;
                return textOf(read.body).points.join("");
            }""",
            [f"/embed/{folder}/text.js", case["html"]],
        )
        assert text == case["text"], case["html"]


async def test_marked_passages_are_highlighted_with_their_counts(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    marked = await reader_service.get(
        f"/v1/discussions/{await discussion(reader_service)}/passages"
    )
    assert await highlighted(page) == [one["exact"] for one in marked.json["passages"]]
    counts = [one["comments"] + one["replies"] for one in marked.json["passages"]]
    badges = page.locator(".rostra-badge")
    assert [await one.get_attribute("data-count") for one in await badges.all()] == [
        str(count) for count in counts
    ]


async def test_a_passage_opens_its_comments_and_is_left_again(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    badge = page.get_by_role("button", name="3 comments on this passage")
    await badge.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Have you lived through one of the floods?")).to_be_visible()
    await expect(page.locator(COMMENT).first).to_contain_text("two ovens")
    await expect(page.locator(f"{ROOT} .list > li")).to_have_count(1)
    await page.get_by_label("Comment on this passage").fill("I was seven.")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(f"{ROOT} .list > li")).to_have_count(2)
    await page.get_by_role("button", name="View all comments").click()
    await expect(page.locator(f"{ROOT} .list > li")).to_have_count(9)


async def test_selecting_words_offers_to_comment_on_them(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    words = "Herons have been seen at the weir already."
    await page.evaluate(
        """(words) => {
            const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const at = node.data.indexOf(words);
                if (at < 0) continue;
                document.getSelection().setBaseAndExtent(node, at, node, at + words.length);
            }
        }""",
        words,
    )
    await page.get_by_role("button", name="Comment on this", exact=True).click()
    await expect(page.locator(f"{ROOT} blockquote").first).to_have_text(words)
    await page.get_by_label("Comment on this passage").fill("So have I.")
    await page.get_by_role("button", name="Post").click()
    await expect(page.locator(COMMENT, has_text="So have I.")).to_be_visible()
    await expect(page.locator(".rostra-badge")).to_have_count(4)
    assert words in await highlighted(page)
    marked = await reader_service.get(
        f"/v1/discussions/{await discussion(reader_service)}/passages"
    )
    [passage] = [one for one in marked.json["passages"] if one["exact"] == words]
    assert passage["state"] == "anchored"
    assert (passage["comments"], passage["suffix"][:5]) == (1, " They")


async def test_a_passage_is_found_in_an_article_that_has_changed(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await page.evaluate(
        """() => {
            const first = article.querySelector('p');
            const news = document.createElement('p');
            news.textContent = 'News. '.repeat(50);
            first.before(news);
            for (const node of article.querySelectorAll('p')) {
                for (const text of node.childNodes) {
                    if (text.data?.includes('river with banks')) {
                        text.data = text.data.replace('river with banks', 'river with its banks');
                    }
                }
            }
        }"""
    )
    await expect(page.locator(".rostra-badge")).to_have_count(3)
    async with asyncio.timeout(10):
        while sum("its banks" in words for words in await highlighted(page)) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
