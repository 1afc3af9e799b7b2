"""What axe-core finds (nothing), what the keyboard reaches (everything), and what is preferred."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from support.reader_pages import COMMENT, PANEL, PHONE, ROOT, said, shown, sound, thread, wrote
from support.service import Service

LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "light": ("/demo?as=ada", {}),
    "dark": ("/demo?as=ada", {"color_scheme": "dark"}),
    "phone": ("/demo?as=ada", {"viewport": PHONE, "is_mobile": True, "has_touch": True}),
    "right to left": ("/demo?as=ada&dir=rtl", {}),
    "Chinese": ("/demo?as=ada&lang=zh", {}),
    "nobody signed in": ("/demo", {}),
    "forced colours": ("/demo?as=ada", {"forced_colors": "active"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_in_any_state(
    browser: Browser, reader_service: Service, look: str
) -> None:
    path, given = LOOKS[look]
    mine = wrote(
        "mine", "My own, with `code` and [a link](https://x.example).", by="ada", name="Ada"
    )
    await reader_service.batch([mine, *(wrote(f"m{n}", f"Comment {n}.") for n in range(35))])
    page = await shown(browser, reader_service, path, bypass_csp=True, **given)
    await expect(page.locator(".badge")).to_have_count(3)
    await sound(page, "as it comes")
    if "as=ada" in path and "lang" not in path:
        await states_of_a_writer(page)
    await page.context.set_offline(True)
    await page.locator(f"{ROOT} .more:visible").last.click()
    await expect(page.locator(f"{ROOT} .trouble button")).to_be_visible()
    await sound(page, "an error")
    await page.context.set_offline(False)
    await page.locator(".badge").first.click()
    await expect(page.locator(f"{PANEL} article").first).to_be_visible()
    await sound(page, "a passage")


async def states_of_a_writer(page: Page) -> None:
    await page.get_by_role("button", name="Load more").click()
    await thread(page, "Two herons").locator("> button.fold").first.click()
    herons = said(page, "Two herons")
    await herons.get_by_role("button", name="Vote for").click()
    await herons.get_by_role("button", name="Reply").click()
    await herons.get_by_role("textbox").fill("*Look*, " + "x" * 20_000)
    await sound(page, "replying, and too long")
    await herons.get_by_role("textbox").fill("*Look*")
    await herons.get_by_role("button", name="Preview").click()
    await expect(herons.locator(".shown em")).to_be_visible()
    await sound(page, "a preview")
    mine = said(page, "My own")
    await mine.get_by_role("button", name="Edit").click()
    await sound(page, "editing")
    await page.keyboard.press("Escape")
    await mine.get_by_role("button", name="Delete").click()
    await sound(page, "deleting")
    await page.keyboard.press("Escape")
    await mine.get_by_role("button", name="Link").click()
    await sound(page, "pointed at")


async def focus_by_tab(page: Page, name: str, *, most: int = 60) -> None:
    """The Tab key alone, until what is called so has the focus."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if name in await page.evaluate(
            """() => {
                const one = document.activeElement?.shadowRoot?.activeElement;
                return one ? (one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent
                  ?? one.textContent) : '';
            }"""
        ):
            return
    pytest.fail(f"the Tab key does not reach {name!r}")


@pytest.mark.slow
async def test_every_action_is_done_by_keyboard_alone(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(wrote("own", "Mine to change.", by="ada", name="Ada"))
    page = await shown(browser, reader_service, "/demo?as=ada")
    await expect(page.locator(".badge")).to_have_count(3)
    await page.locator("body").press("Tab")
    await focus_by_tab(page, "3 comments on")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{PANEL} blockquote")).to_be_focused()
    await focus_by_tab(page, "View all comments")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{ROOT} h2")).to_be_focused()
    await focus_by_tab(page, "Oldest")
    await page.keyboard.press("Space")
    await expect(page.locator(COMMENT).first).to_contain_text("ventilation")
    await focus_by_tab(page, "Write a comment")
    await page.keyboard.type("By *keys*.")
    await focus_by_tab(page, "Preview")
    await page.keyboard.press("Enter")
    await expect(page.locator(".shown em")).to_have_text("keys")
    await focus_by_tab(page, "Post")
    await page.keyboard.press("Enter")
    await expect(said(page, "By keys.")).to_be_focused()
    for name, done in (
        ("Reply", "Reply to Ada"),
        ("Edit", "Edit ·"),
        ("Delete", "Delete this comment?"),
    ):
        await focus_by_tab(page, name)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(done).or_(page.get_by_label(done)).first).to_be_visible()
        await page.keyboard.press("Escape")
    await focus_by_tab(page, "Vote for")
    await page.keyboard.press("Space")
    pressed = page.locator(f"{ROOT} .vote [aria-pressed=true]")
    await expect(pressed).to_be_focused()
    await focus_by_tab(page, "Report")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("What is wrong with it?")).to_be_focused()
    await page.keyboard.press("Escape")
    await focus_by_tab(page, "1 reply")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("That is one more reason")).to_be_visible()


@pytest.mark.slow
async def test_what_changes_is_said_politely(browser: Browser, reader_service: Service) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada")
    aloud = page.locator(f"{ROOT} [aria-live]")
    await expect(aloud).to_have_count(1)
    await expect(aloud).to_have_attribute("aria-live", "polite")
    await expect(aloud).to_have_attribute("role", "status")


async def test_nothing_moves_for_those_who_want_it_still(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, reduced_motion="reduce")
    moving = await page.evaluate(
        """() => [...document.querySelector('rostra-discussion').shadowRoot.querySelectorAll('*')]
          .filter((one) => getComputedStyle(one).transitionDuration !== '0s'
            || getComputedStyle(one).animationName !== 'none').length"""
    )
    assert moving == 0


async def test_forced_colours_still_show_what_is_chosen(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, "/demo?as=ada", forced_colors="active")
    await expect(page.locator(f"{ROOT} .tabs button")).to_have_count(4)
    edges = await page.locator(f"{ROOT} .tabs button").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).borderBlockEndColor)"
    )
    assert edges[0] not in edges[1:]
    top = page.locator(COMMENT).first
    up = top.get_by_role("button", name="Vote for")
    await up.click()
    await expect(up).to_have_attribute("aria-pressed", "true")
    fills = await top.locator("svg").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).fill)"
    )
    assert fills[1] == "none"
    assert fills[0] != "none"


@pytest.mark.slow
async def test_text_at_twice_its_size_needs_no_sideways_scrolling(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(
        browser, reader_service, "/demo?as=ada", viewport={"width": 320, "height": 600}
    )
    await said(page, "Two herons").get_by_role("button", name="Reply").click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
