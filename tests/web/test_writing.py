"""Writing, replying, editing, deleting, reporting, as a person or a guest; nothing is lost."""

import asyncio
import re
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from rostra.limits import BODY_BYTES_MAX
from rostra_adapters.http.routes.demo import SITE
from support.reader_pages import (
    COMMENT,
    ROOT,
    about,
    caught_up,
    connected,
    said,
    shown,
    story,
    thread,
    token,
    wrote,
)
from support.service import Service
from support.service import token as signed

ALOUD = f"{ROOT} [role=status]"


async def as_ada(browser: Browser, service: Service) -> Page:
    return await shown(browser, service, "/demo?as=ada")


async def press(where: Page | Locator, name: str) -> None:
    await where.get_by_role("button", name=name).click()


async def edit(comment: Locator, words: str) -> None:
    await press(comment, "Edit")
    await comment.get_by_role("textbox").fill(words)
    await press(comment, "Save")


async def hold_until(is_over: asyncio.Event, page: Page) -> None:
    """Hold comments that the page sends until the event is set."""

    async def hold(route: Route) -> None:
        await is_over.wait()
        await route.continue_()

    await page.route("**/v1/discussions/*/comments", hold)


async def queue(service: Service, status: str) -> list[dict[str, Any]]:
    """Return the comments that wait for a moderator."""
    await service.catch_up()
    path = f"/v1/moderation?site={SITE}&status={status}"
    answer = await service.ask("GET", path, token=signed("moderate", site=SITE))
    return list(answer.json["comments"])


async def post(page: Page, words: str) -> None:
    await page.get_by_label("Write a comment").fill(words)
    await press(page, "Post")
    await expect(said(page, words)).to_be_visible()


async def test_a_comment_is_previewed_and_posted_and_the_focus_goes_to_it(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    box = page.get_by_label("Write a comment")
    await box.fill("I **live** there.")
    await press(page, "Preview")
    await expect(page.locator(".shown strong")).to_have_text("live")
    await expect(page.locator(".shown")).to_be_focused()
    await press(page, "Go on writing")
    await expect(box).to_be_focused()
    await press(page, "Post")
    await expect(said(page, "I live there.")).to_be_focused()
    await expect(said(page, "I live there.").locator(".by")).to_contain_text("you")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")
    await expect(page.locator(ALOUD)).to_have_text("Your comment was posted")
    await expect(box).to_have_value("")
    await page.reload()
    await expect(box).to_have_value("")


async def test_one_replies_edits_with_the_time_left_and_deletes(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    await post(page, "I live there.")
    mine = said(page, "I live there.")
    await expect(mine.get_by_role("button", name="Edit")).to_contain_text(re.compile("1[45] min"))
    await press(mine, "Edit")
    await expect(mine.locator("label")).to_have_text(
        re.compile("Edit · 1[45] minutes left to edit")
    )
    await mine.get_by_role("textbox").fill("I lived there.")
    await press(mine, "Save")
    mine = said(page, "I lived there.")
    await expect(mine.locator(".by")).to_contain_text("edited")
    await expect(mine).to_be_focused()

    await press(mine, "Reply")
    await expect(mine.get_by_label("Reply to Ada")).to_be_focused()
    await page.keyboard.type("And still do.")
    await page.keyboard.press("Control+Enter")
    reply = said(page, "And still do.")
    await expect(reply).to_be_focused()
    await expect(
        thread(page, "I lived there.").get_by_role("button", name="Hide replies")
    ).to_be_visible()

    await press(reply, "Delete")
    await expect(reply.get_by_role("button", name="Yes, delete it")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(reply.get_by_role("button", name="Delete")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(reply.get_by_role("button", name="Yes, delete it")).to_be_focused()
    await page.keyboard.press("Enter")
    gone = page.locator(COMMENT, has_text="Deleted by its author")
    await expect(gone).to_be_focused()
    await expect(page.locator(ALOUD)).to_have_text("Deleted by its author")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")


async def test_what_may_be_edited_no_more_is_not_offered(
    browser: Browser, reader_service: Service
) -> None:
    # The reader knows the service's time to a second, and shows 59.5 s as a minute.
    opened = about("discussion.opened", "brief", settings={"edit_seconds": 55})
    await reader_service.given(opened)
    page = await as_ada(browser, reader_service)
    await post(page, "Too late soon.")
    edit = said(page, "Too late soon.").get_by_role("button", name="Edit")
    await expect(edit).to_contain_text("sec")
    await page.clock.install()
    await page.reload()
    await expect(edit).to_be_visible()
    await edit.focus()
    await page.clock.fast_forward(61_000)
    await expect(edit).to_have_count(0)
    await expect(said(page, "Too late soon.")).to_be_focused()


async def test_an_open_form_is_left_by_escape_and_keeps_what_was_typed(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    herons = said(page, "Two herons")
    reply = herons.get_by_role("button", name="Reply")
    await reply.click()
    await page.keyboard.type("Half a thou")
    await page.keyboard.press("Escape")
    await expect(herons.get_by_role("textbox")).to_have_count(0)
    await expect(reply).to_be_focused()
    await reply.click()
    await expect(herons.get_by_role("textbox")).to_have_value("Half a thou")
    await press(herons, "Cancel")
    await reply.click()
    await expect(herons.get_by_role("textbox")).to_have_value("")


async def test_a_sent_text_leaves_a_second_form_that_has_it_too(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    other = await page.context.new_page()
    await other.goto(page.url)
    for sent, typed in (("Once.", ""), ("Twice.", " And more.")):
        herons, elsewhere = said(page, "Two herons"), said(other, "Two herons")
        is_accepted = asyncio.Event()
        await hold_until(is_accepted, page)
        await page.bring_to_front()  # a page in the background is drawn once a second
        await press(herons, "Reply")
        await page.keyboard.type(sent)
        async with page.expect_request("**/v1/discussions/*/comments"):
            await press(herons, "Post")
        await page.keyboard.press("Escape")
        await press(herons, "Reply")
        await other.bring_to_front()
        await press(elsewhere, "Reply")
        await page.bring_to_front()
        for form in (herons, elsewhere):
            await expect(form.get_by_role("textbox")).to_have_value(sent)
        await herons.get_by_role("textbox").press_sequentially(typed)
        is_accepted.set()
        await expect(said(page, sent)).to_have_count(1)
        kept = sent + typed if typed else ""
        await expect(herons.get_by_role("textbox")).to_have_value(kept)
        await page.keyboard.press("Escape")
        await press(herons, "Reply")
        await expect(herons.get_by_role("textbox")).to_have_value(kept)
        if not typed:
            await expect(elsewhere.get_by_role("textbox")).to_have_value("")
        await page.unroute_all()
        await press(herons, "Cancel")
        await other.bring_to_front()
        await press(elsewhere, "Cancel")


@pytest.mark.slow
async def test_a_sent_text_leaves_other_words_in_a_second_form(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    other = await page.context.new_page()
    await other.goto(page.url)
    herons, elsewhere = said(page, "Two herons"), said(other, "Two herons")
    await press(elsewhere, "Reply")
    await other.keyboard.type("What took an hour.")
    await page.bring_to_front()
    await press(herons, "Reply")
    await herons.get_by_role("textbox").fill("Short.")
    await press(herons, "Post")
    await expect(said(page, "Short.")).to_have_count(1)
    await other.bring_to_front()
    await expect(other.get_by_role("button", name="1 new comment")).to_be_visible()
    await expect(elsewhere.get_by_role("textbox")).to_have_value("What took an hour.")


@pytest.mark.slow
async def test_what_is_typed_outlives_a_reload_at_any_moment(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    box = page.get_by_label("Write a comment")
    await box.press_sequentially("A thought that took an hour.")
    await page.reload()
    await expect(box).to_have_value("A thought that took an hour.")
    await press(said(page, "Two herons"), "Reply")
    await page.keyboard.type("And an answer.")
    await page.reload()
    await press(said(page, "Two herons"), "Reply")
    await expect(page.get_by_label("Reply to Wim")).to_have_value("And an answer.")


async def test_what_fails_to_be_sent_stays_and_is_sent_again(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    box = page.get_by_label("Write a comment")
    await box.fill("A thought that took an hour.")
    await page.context.set_offline(True)
    await press(page, "Post")
    await expect(page.locator(".error").first).to_have_text(
        "Not sent: There is no connection. Your words are kept here."
    )
    await expect(box).to_have_value("A thought that took an hour.")
    await expect(box).to_be_focused()
    await page.context.set_offline(False)
    await press(page, "Post")
    await expect(said(page, "took an hour")).to_have_count(1)
    await expect(page.locator(".error").first).to_be_empty()


async def test_an_answer_that_is_lost_does_not_make_a_second_comment(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
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
    await press(page, "Post")
    await expect(page.locator(".error").first).to_contain_text("There is no connection")
    await press(page, "Post")
    await expect(said(page, "Once, please.")).to_have_count(1)
    await expect(page.locator(f"{ROOT} h2")).to_have_text("22 comments")


async def test_what_is_too_long_is_said_before_it_is_sent(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    await page.get_by_label("Write a comment").fill("ü" * 8_192 + "!")
    await expect(page.locator(".error").first).to_have_text("1 byte too long")


@pytest.mark.slow
async def test_the_length_is_the_one_that_the_service_tells(
    browser: Browser, reader_service: Service
) -> None:
    """As after `rostra serve --body-bytes-max 10`."""

    async def shorter(route: Route) -> None:
        answer = await route.fetch()
        rules = await answer.json()
        assert rules["body_bytes_max"] == BODY_BYTES_MAX
        await route.fulfill(response=answer, json=rules | {"body_bytes_max": 10})

    page = await browser.new_page()
    await page.route("**/v1/rules*", shorter)
    await caught_up(reader_service)
    await page.goto(f"{reader_service.url}/demo?as=ada")
    await page.get_by_label("Write a comment").fill("ü" * 6)
    await expect(page.locator(".error").first).to_have_text("2 bytes too long")


async def test_a_report_is_plain_and_short_and_reaches_the_moderators(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    garden = said(page, "For the record")
    await press(garden, "Report")
    form = garden.locator("form")
    await expect(form.get_by_role("button", name="Preview")).to_have_count(0)
    assert await form.get_by_role("textbox").get_attribute("maxlength") == "500"
    await page.keyboard.type("An advertisement.")
    await press(form, "Report")
    await expect(garden.locator(".note")).to_contain_text("Thank you")
    await expect(garden.get_by_role("button", name="Report")).to_be_focused()
    assert [one["key"] for one in await queue(reader_service, "flagged")] == ["garden"]


async def test_the_first_comment_opens_a_discussion_where_readers_may(
    browser: Browser, reader_service: Service
) -> None:
    allowed = about("site.configured", "open", settings={"open_on_first": True})
    del allowed["data"]["resource"]
    await reader_service.given(allowed)
    tag = f"<{ROOT} site={SITE} resource=/new title='A new one' token={token()}></{ROOT}>"
    page = await story(browser, reader_service, tag)
    await expect(page.get_by_text("No comments yet. Begin the discussion.")).to_be_visible()
    looked = await reader_service.get("/v1/discussions", site=SITE, resource="/new")
    assert looked.status == 404  # to look is not to open
    await post(page, "First!")
    await expect(page.locator(f"{ROOT} h2")).to_have_text("1 comment")
    looked = await reader_service.get("/v1/discussions", site=SITE, resource="/new")
    assert (looked.json["title"], looked.json["url"], looked.json["comments"]) == (None, None, 1)
    await connected(page)


@pytest.mark.slow
async def test_the_first_comment_shows_those_that_others_wrote_meanwhile(
    browser: Browser, reader_service: Service
) -> None:
    allowed = about("site.configured", "open", settings={"open_on_first": True})
    del allowed["data"]["resource"]
    await reader_service.given(allowed)
    tag = f"<{ROOT} site={SITE} resource=/new token={token()}></{ROOT}>"
    page = await story(browser, reader_service, tag)
    await expect(page.get_by_text("No comments yet. Begin the discussion.")).to_be_visible()
    await page.get_by_label("Write a comment").fill("First!")
    there = {"site": SITE, "resource": "/new"}
    opened, earlier = about("discussion.opened", "o"), wrote("n1", "I was here before.")
    for one in (opened, earlier):
        one["data"].update(there)
    await reader_service.given(opened, earlier)
    await caught_up(reader_service)
    looks = 0

    async def fail_once(route: Route) -> None:
        nonlocal looks
        looks += 1
        await (route.abort() if looks == 1 else route.continue_())

    await page.route(re.compile(r"/v1/discussions/[0-9a-f-]{36}\?"), fail_once)
    await press(page, "Post")
    await expect(page.get_by_text("Not sent:")).to_be_visible()
    await press(page, "Post")
    await expect(said(page, "First!")).to_be_visible()
    await expect(said(page, "I was here before.")).to_be_visible()
    await expect(page.locator(f"{ROOT} .announce button")).to_have_count(0)
    await connected(page)
    await expect(page.locator(f"{ROOT} .bell")).to_be_visible()


async def test_a_held_comment_is_shown_to_its_author_as_held(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(about("discussion.opened", "m", settings={"moderation": "all"}))
    page = await as_ada(browser, reader_service)
    await post(page, "Let me in.")
    await expect(said(page, "Let me in.")).to_contain_text("Waits for a moderator")
    assert [one["body"] for one in await queue(reader_service, "held")] == ["Let me in."]


@pytest.mark.slow
async def test_an_author_sees_that_a_new_wording_waits(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    await post(page, "I live there.")
    await reader_service.given(about("discussion.opened", "m", settings={"moderation": "all"}))
    mine = said(page, "I live there.")
    await edit(mine, "I lived there.")
    waiting = mine.locator(".pending")
    await expect(waiting).to_contain_text("The new wording waits for a moderator")
    await expect(waiting).to_contain_text("I lived there.")
    await expect(page.locator(ALOUD)).to_have_text("The new wording waits for a moderator")
    await press(mine, "Edit")  # one goes on with what waits
    await expect(mine.get_by_role("textbox")).to_have_value("I lived there.")
    await press(mine, "Cancel")
    other = await shown(browser, reader_service)
    await expect(said(other, "I live there.")).to_be_visible()
    await expect(other.locator(".pending")).to_have_count(0)
    await expect(said(other, "I lived there.")).to_have_count(0)
    [comment] = await queue(reader_service, "pending")
    await reader_service.given(
        about("comment.approved", "a", comment_id=comment["id"], wording=comment["wording"])
    )
    await expect(said(other, "I lived there.")).to_be_visible()
    await expect(page.locator(".pending")).to_have_count(0)
    await expect(said(page, "I lived there.")).to_be_visible()


async def test_a_guest_takes_part_by_name_and_is_still_there_after_a_reload(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service)
    await page.get_by_label("Your name").fill("Passer-by")
    await press(page, "Go on as a guest")
    box = page.get_by_label("Write a comment")
    await expect(box).to_be_focused()
    await post(page, "Just passing.")
    mine = said(page, "Just passing.")
    await expect(mine.locator(".by")).to_contain_text("Passer-by")
    await expect(mine.locator(".by .mark").first).to_have_text("guest")
    await expect(page.locator(f"{ROOT} .by .mark", has_text="guest")).to_have_count(1)
    await box.fill("And again")
    await page.reload()
    await expect(box).to_have_value("And again")
    await expect(said(page, "Just passing.").locator(".by")).to_contain_text("you")
    await press(said(page, "Just passing."), "Delete")
    await press(page, "Yes, delete it")
    await expect(page.locator(f"{ROOT} .gone")).to_have_text("Deleted by its author")


async def test_guests_come_in_only_where_the_site_lets_them(
    browser: Browser, reader_service: Service
) -> None:
    barred = about("site.configured", "no", settings={"guests": False})
    del barred["data"]["resource"]
    await reader_service.given(barred)
    page = await shown(browser, reader_service)
    await expect(page.get_by_text("Sign in to take part.")).to_be_visible()
    await expect(page.get_by_role("button", name="Best")).to_be_visible()  # the rules are known
    await expect(page.get_by_label("Your name")).to_have_count(0)


@pytest.mark.slow
async def test_a_question_that_is_opened_while_an_edit_is_saved_stays(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    await connected(page)
    await post(page, "I live there.")
    is_asked = asyncio.Event()

    async def later(route: Route) -> None:
        await is_asked.wait()
        await route.continue_()

    await page.route("**/v1/comments/*?min_position=*", later)
    mine = said(page, "I live there.")
    await edit(mine, "I lived there.")
    mine = said(page, "I lived there.")  # as live updates show it
    await press(mine, "Delete")
    yes = mine.get_by_role("button", name="Yes, delete it")
    await expect(yes).to_be_focused()
    is_asked.set()
    await expect(page.locator(ALOUD)).to_have_text("Saved")
    await expect(yes).to_be_focused()
    await yes.click()
    await expect(page.locator(COMMENT, has_text="Deleted by its author")).to_be_focused()


@pytest.mark.slow
async def test_an_edit_of_somebody_elses_closes_nothing_that_is_open(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.given(wrote("own", "Mine.", by="ada", name="Ada"))
    page = await as_ada(browser, reader_service)
    await connected(page)
    words = {"heron": "Two herons", "own": "Mine."}
    opened: dict[str, tuple[str, Literal["textbox", "button"]]] = {
        "Reply": ("heron", "textbox"),
        "Report": ("heron", "textbox"),
        "Edit": ("own", "textbox"),
        "Delete": ("own", "button"),
    }
    for name, (key, role) in opened.items():
        await said(page, words[key]).get_by_role("button", name=name).click()
        words[key] = f"Edited after {name}."
        edit = about("comment.edited", name, comment=key, body=words[key])
        await reader_service.given(edit)
        form = said(page, words[key]).locator(".write, .state")
        await expect(form.get_by_role(role).first).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(form).to_have_count(0)


@pytest.mark.slow
async def test_an_edit_of_somebody_elses_takes_no_focus_away(
    browser: Browser, reader_service: Service
) -> None:
    page = await as_ada(browser, reader_service)
    await connected(page)
    await said(page, "Two herons").get_by_role("button", name="Link").focus()
    await reader_service.given(about("comment.edited", "e", comment="heron", body="Three herons."))
    await expect(said(page, "Three herons.").get_by_role("button", name="Link")).to_be_focused()
