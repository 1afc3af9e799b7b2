"""Live: two browsers side by side."""

import pytest
from playwright.async_api import Browser, Page, expect

from support.reader_pages import COMMENT, ROOT, TOP, about, connected, said, shown, thread, wrote
from support.service import Service


async def place_of(page: Page, words: str) -> float:
    box = await said(page, words).bounding_box()
    assert box is not None
    return box["y"]


@pytest.mark.slow
async def test_two_readers_see_each_other(browser: Browser, reader_service: Service) -> None:
    ada = await shown(browser, reader_service, "/demo?as=ada")
    ben = await shown(browser, reader_service, "/demo?as=ben")
    await connected(ben)
    first = ben.locator(COMMENT).first
    await ada.get_by_label("Write a comment").fill("Is anybody there?")
    await ada.get_by_role("button", name="Post").click()
    news = ben.get_by_role("button", name="1 new comment")
    await expect(news).to_be_visible()
    await expect(first).to_contain_text("first lid")  # nothing was shoved
    await expect(ben.locator(f"{ROOT} h2")).to_have_text("22 comments")
    await expect(ben.locator(f"{ROOT} [role=status]")).to_have_text("1 new comment")
    await news.click()
    await expect(first).to_contain_text("Is anybody there?")
    await expect(first).to_be_focused()
    await expect(news).to_be_hidden()
    await first.get_by_role("button", name="Vote for").click()
    await expect(said(ada, "Is anybody").locator(".score")).to_have_text("1")
    await expect(ada.get_by_role("button", name="new comment")).to_have_count(0)


async def test_new_comments_are_counted_and_come_to_their_places(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await connected(page)
    await page.get_by_role("button", name="Most voted").click()
    await expect(page.locator(COMMENT).first).to_contain_text("two ovens")
    heron = said(page, "Two herons")
    await heron.scroll_into_view_if_needed()
    before = await place_of(page, "Two herons")
    await reader_service.given(
        wrote("n1", "A new thread."),
        wrote("n2", "A reply to it.", parent="n1"),
        wrote("n3", "I saw them, too.", parent="heron"),
    )
    news = page.get_by_role("button", name="3 new comments")
    await expect(news).to_be_attached()
    at_once = page.locator(f"{ROOT} .announce").bounding_box
    announced = await at_once()
    assert announced is not None
    # What the reader looks at stays where it was.
    assert abs(await place_of(page, "Two herons") - before) < announced["height"] + 20
    await news.click()
    await expect(said(page, "A new thread.")).to_be_focused()
    await expect(page.locator(TOP).first).to_contain_text("A new thread.")
    await expect(thread(page, "A new thread.").get_by_text("A reply to it.")).to_be_visible()
    await expect(thread(page, "Two herons").get_by_text("I saw them, too.")).to_be_visible()
    pressed = page.get_by_role("button", name="Most voted")
    await expect(pressed).to_have_attribute("aria-pressed", "true")


async def test_what_is_edited_removed_and_erased_elsewhere_changes_here(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await connected(page)
    await reader_service.given(about("comment.edited", "e", comment="heron", body="Three herons."))
    await expect(said(page, "Three herons.")).to_be_visible()
    await reader_service.given(about("comment.removed", "r", comment="heron", by="mod"))
    await expect(page.get_by_text("Removed by a moderator")).to_be_visible()
    erased = about("person.erased", "x", person="gregor")
    del erased["data"]["resource"]
    await reader_service.given(erased)
    await expect(page.get_by_text("The author's words were erased").first).to_be_visible()
    await expect(page.get_by_text("212 spaces")).to_have_count(0)


@pytest.mark.slow
async def test_what_is_folded_changes_too_and_is_not_new(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await connected(page)
    vote = about("vote.cast", "v", comment="heron-1", voter="somebody", value=1)
    edit = about("comment.edited", "e", comment="heron-1", body="And what is *his* name?")
    await reader_service.given(vote, edit, wrote("n1", "Really new."))
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    herons = thread(page, "Two herons")
    await herons.get_by_role("button", name="1 reply").first.click()
    await expect(herons.get_by_text("And what is his name?")).to_be_visible()
    await expect(said(page, "his name?").locator(".score")).to_have_text("12")


@pytest.mark.slow
async def test_a_new_comment_that_is_removed_before_it_was_read_is_not_announced(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await connected(page)
    await reader_service.given(wrote("n1", "Hasty."))
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await reader_service.given(about("comment.removed", "r", comment="n1", by="mod"))
    await expect(page.locator(f"{ROOT} .announce button")).to_have_count(0)
