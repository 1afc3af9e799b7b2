"""Sizes and colours follow the page that the reader stands on."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import COMMENT, ROOT, said, story, token, until, wrote
from support.service import Service

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
SIZES = f"""() => [".words", "textarea, input", ".by", "h2"].map((one) => parseFloat(
    getComputedStyle(document.querySelector("{ROOT}").shadowRoot.querySelector(one)).fontSize))"""


async def scheme(page: Page) -> str:
    found = await page.evaluate(
        f"""() => {{
            const one = document.querySelector("{ROOT}");
            const scheme = getComputedStyle(one).colorScheme;
            const probe = document.createElement("p");
            probe.style.color = "light-dark(rgb(1, 1, 1), rgb(2, 2, 2))";
            one.shadowRoot.append(probe);
            const used = getComputedStyle(probe).color === "rgb(2, 2, 2)" ? "dark" : "light";
            probe.remove();
            return [scheme, used];
        }}"""
    )
    assert found[0] in (found[1], "light dark"), found
    return str(found[1])


@pytest.mark.parametrize(
    ("style", "size"),
    first_is_quick(
        [
            ("html{font-size:62.5%} body{font-size:1.6rem}", 16),
            ("html{font-size:62.5%} body{font-size:18px}", 18),
            ("", 16),
            ("html{font-size:125%}", 20),
            (f"{ROOT}{{font-size:0.8em}}", 12.8),
        ]
    ),
)
async def test_sizes_follow_the_pages_text(
    browser: Browser, reader_service: Service, style: str, size: float
) -> None:
    tag = TAG.replace(" site", f" token={token()} site")
    page = await story(browser, reader_service, tag, head=f"<style>{style}</style>")
    await expect(page.locator(COMMENT).first).to_be_visible()
    await expect(page.get_by_label("Write a comment")).to_be_visible()
    sizes = await page.evaluate(SIZES)
    assert sizes == pytest.approx([size, size, size * 0.875, size * 1.375], rel=0.01)
    arrow = await page.locator(f"{ROOT} .vote svg").first.bounding_box()
    assert arrow is not None
    assert arrow["width"] == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    ("head", "device", "wanted"),
    first_is_quick(
        [
            ("", "dark", "light"),  # such a page is white
            ("<style>body{background:#fff}</style>", "dark", "light"),
            ("<style>html{background:#fdf6e3}</style>", "dark", "light"),
            ("<style>body{background:#111;color:#eee}</style>", "light", "dark"),
            ("<style>main{background:oklch(0.2 0.02 260)}</style>", "light", "dark"),
            ("<style>main{background:rgb(0 0 0 / 0.05)}</style>", "dark", "light"),
            ("<style>:root{color-scheme:dark}</style>", "light", "dark"),
            ("<style>:root{color-scheme:light dark}</style>", "dark", "dark"),
            ("<style>:root{color-scheme:light dark}</style>", "light", "light"),
            (
                "<style>:root{color-scheme:light dark}body{background:white}</style>",
                "dark",
                "light",
            ),
            ('<meta name="color-scheme" content="dark">', "light", "dark"),
            (
                "<style>body{background:linear-gradient(#000,#111);color:#fff}</style>",
                "light",
                "dark",
            ),
        ]
    ),
)
async def test_light_and_dark_are_the_pages_and_then_the_devices(
    browser: Browser, reader_service: Service, head: str, device: Any, wanted: str
) -> None:
    page = await story(browser, reader_service, TAG, head=head, color_scheme=device)
    await expect(page.locator(COMMENT).first).to_be_visible()
    assert await scheme(page) == wanted


@pytest.mark.slow
async def test_a_page_that_turns_dark_takes_the_reader_along(
    browser: Browser, reader_service: Service
) -> None:
    head = """<style>body{background:#fff;transition:background 0.1s}
        .dark body{background:#000;color:#fff}</style>"""
    page = await story(browser, reader_service, TAG, head=head)
    await expect(page.locator(COMMENT).first).to_be_visible()
    assert await scheme(page) == "light"
    await page.evaluate("document.documentElement.classList.add('dark')")
    colour = f"getComputedStyle(document.querySelector('{ROOT}')).colorScheme"
    await until(page, f"() => {colour} === 'dark'")
    await page.evaluate("document.documentElement.classList.remove('dark')")
    await until(page, f"() => {colour} === 'light'")
    for theme in ("dark", "light"):
        await page.evaluate(f"document.querySelector('{ROOT}').theme = '{theme}'")
        assert await scheme(page) == theme
    await page.evaluate("document.documentElement.classList.add('dark')")
    await page.evaluate(f"document.querySelector('{ROOT}').theme = 'auto'")
    await until(page, f"() => {colour} === 'dark'")


@pytest.mark.parametrize(
    ("head", "seen", "padding"),
    first_is_quick(
        [
            ("", "rgb(255, 255, 255)", "0px"),
            ("<style>html{background:#fdf6e3}</style>", "rgb(253, 246, 227)", "0px"),
            ("<style>body{background:#123}</style>", "rgb(17, 34, 51)", "0px"),
            ("<style>main{background:rgb(0 0 0 / 0.05)}</style>", "rgb(242, 242, 242)", "0px"),
            ("<style>:root{color-scheme:dark}</style>", "rgb(18, 18, 18)", "0px"),
            ("<style>body{background:#bbb}</style>", "rgb(255, 255, 255)", "16px"),
            ("<style>body{background:#555}</style>", "rgb(23, 22, 20)", "16px"),
            (
                "<style>body{background:linear-gradient(red,blue);color:#fff}</style>",
                "rgb(23, 22, 20)",
                "16px",
            ),
            (f"<style>{ROOT}{{--rostra-paper:rgb(1 2 3)}}</style>", "rgb(1, 2, 3)", "0px"),
        ]
    ),
)
async def test_the_background_is_the_pages_where_words_are_clear_on_it(
    browser: Browser, reader_service: Service, head: str, seen: str, padding: str
) -> None:
    page = await story(browser, reader_service, TAG, head=head)
    await expect(page.locator(COMMENT).first).to_be_visible()
    drawn = await page.locator(ROOT).evaluate(
        "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).paddingLeft]"
    )
    assert drawn == [seen, padding]


@pytest.mark.slow
async def test_what_reaches_over_the_edge_of_a_list_is_not_clipped(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    drawn = await page.locator(f"{ROOT} .list").first.evaluate(
        """(one) => {
            const style = getComputedStyle(one);
            return [style.contentVisibility, parseFloat(style.overflowClipMargin)];
        }"""
    )
    assert drawn == ["auto", pytest.approx(0.7 * 16, abs=0.1)]


@pytest.mark.slow
async def test_stacked_accents_cover_no_other_comment(
    browser: Browser, reader_service: Service
) -> None:
    tower = "Z" + "\u0301\u0302\u0303" * 120
    await reader_service.given(wrote("z", f"{tower} tower", name="Cy"), wrote("a", "Above it."))
    page = await story(browser, reader_service, TAG)
    words = said(page, "tower").locator(".words")
    await expect(words).to_be_visible()
    drawn = await words.evaluate(
        """(one) => {
            const style = getComputedStyle(one);
            return [style.overflowX, style.overflowY, parseFloat(style.overflowClipMargin)];
        }"""
    )
    assert drawn[:2] == ["clip", "clip"]
    assert drawn[2] < 10
    bold = said(page, "tower").locator(".by b")
    assert await bold.evaluate("(one) => getComputedStyle(one).overflowY") == "clip"


async def test_a_title_of_the_element_is_no_tooltip_over_everything(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG.replace(" site", ' title="Talk" site'))
    await expect(page.locator(COMMENT).first).to_be_visible()
    # The nearest title counts, and an empty one says that there is none (HTML, 3.2.6.1).
    untitled = await page.evaluate(
        f"""() => [...document.querySelector("{ROOT}").shadowRoot.children]
            .filter((one) => one.getAttribute("title") !== "" && !one.matches(".badges, .pick"))
            .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert untitled == []


@pytest.mark.parametrize(
    ("head", "given"),
    first_is_quick(
        [
            ("<style>html{font-size:62.5%}body{font-size:1.6rem}</style>", {}),
            ("", {"color_scheme": "dark"}),
            ("<style>body{background:#111;color:#eee}</style>", {}),
            ("<style>body{background:#fdf6e3}</style>", {}),
            ("<style>body{background:#123;color:#eee}</style>", {}),
            ("<style>body{background:#eee}</style>", {}),
            ("<style>body{background:#2a2a2a;color:#eee}</style>", {}),
            ("<style>body{background:#777}</style>", {}),
        ]
    ),
    ids=[
        "62.5 %",
        "a light page on a dark device",
        "a dark page",
        "cream",
        "blue",
        "grey",
        "dark grey",
        "neither light nor dark",
    ],
)
async def test_axe_finds_nothing_on_other_pages(
    browser: Browser, reader_service: Service, head: str, given: dict[str, Any]
) -> None:
    tag = f"<h1>Story</h1>{TAG.replace(' site', f' token={token()} site')}"
    page = await story(browser, reader_service, tag, head=head, bypass_csp=True, **given)
    await expect(page.locator(COMMENT).first).to_be_visible()
    rules = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
    found = await Axe().run(page, options=rules)
    assert found.response["violations"] == [], found.generate_report()
