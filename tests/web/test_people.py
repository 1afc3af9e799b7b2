"""For those who come back: notifications, what is new, the inbox, and names after an `@`."""

import asyncio
import json
import re
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, Route, expect

from rostra import ids
from rostra_adapters.application.notify.links import MailLink, sign_link
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.reader_pages import (
    COMMENT,
    PHONE,
    ROOT,
    TOP,
    about,
    caught_up,
    connected,
    discussion,
    held_back,
    said,
    shown,
    sound,
    story,
    token,
    until,
    wrote,
)
from support.service import Service, event
from support.service import token as signed
from support.waiting import WAIT_SECONDS_MAX, wait_until

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
SINCE = f"{ROOT} .since"
BELL = f"{ROOT} .bell"
INBOX = f"{ROOT} .inbox"
NAMES = f"{ROOT} [role=listbox]"
NARROW = {"width": 320, "height": 700}
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def ask(
    service: Service, method: str, path: str, body: Any = None, person: str = "ada"
) -> Any:
    """Ask as a person of the demo's site."""
    answer = await service.ask(
        method,
        path,
        token=token(person, person.title()),
        headers={"Content-Type": "application/json"},
        body=None if body is None else json.dumps(body).encode(),
    )
    assert answer.status < 300, answer.body
    return answer.json if answer.body else None


async def test_the_form_stays_where_it_is_when_what_is_above_it_comes(
    browser: Browser, reader_service: Service
) -> None:
    """A press of a button that moves before it is let go is no click."""
    asked, coming = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await coming.wait()
        await route.continue_()

    context = await browser.new_context()
    await context.route("**/people.js", hold)
    tag = TAG.replace(" site", f" token={token()} site")
    page = await story(browser, reader_service, tag, context=context)
    await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
    send = page.get_by_role("button", name="Post")
    before = await send.bounding_box()
    coming.set()
    await expect(page.get_by_label("Notify of")).to_be_visible()
    assert await send.bounding_box() == before


async def has_read_all(service: Service, person: str = "ada") -> None:
    """Put a person's read mark at the end of the log."""
    path = f"/v1/discussions/{await discussion(service)}/read"
    await ask(service, "PUT", path, {"position": await service.app.head()}, person)


async def mark(service: Service, person: str = "ada") -> int:
    """Return a person's read mark."""
    path = f"/v1/discussions/{await discussion(service)}/read"
    return int((await ask(service, "PUT", path, {"position": 0}, person))["position"])


async def until_marked(service: Service, position: int) -> None:
    async def is_there() -> bool:
        return await mark(service) >= position

    await wait_until(is_there)


# -- notify of


def hint(page: Page, words: str) -> Locator:
    return page.locator(f"{ROOT} .hint", has_text=words)


@pytest.mark.slow
async def test_a_person_chooses_what_they_are_notified_of(
    browser: Browser, reader_service: Service
) -> None:
    path = f"/v1/discussions/{await discussion(reader_service)}/subscription"
    page = await shown(browser, reader_service, "/demo?as=ada")
    choice = page.get_by_label("Notify of")
    await expect(choice).to_have_value("")
    await expect(page.get_by_label("Your e-mail address")).to_have_count(0)
    await choice.select_option("All new comments")
    address = page.get_by_label("Your e-mail address")
    await expect(hint(page, "Mails come only after you open it")).to_be_visible()
    await until_subscribed(reader_service, path, "comments")
    await address.fill("ada at home")
    await page.get_by_role("button", name="Send me the link").click()
    assert await address.evaluate("(one) => !one.validity.valid")
    await address.fill("ada@news.example")
    await address.press("Enter")
    await expect(hint(page, "link that was sent to ada@news.example")).to_be_visible()
    me = await ask(reader_service, "GET", "/v1/me")
    assert (me["email"], me["email_confirmed"]) == ("ada@news.example", False)
    await page.reload()
    await expect(choice).to_have_value("comments")
    await expect(hint(page, "ada@news.example is not confirmed yet")).to_be_visible()
    await choice.select_option("Off")
    await expect(hint(page, "not confirmed yet")).to_have_count(0)
    await until_subscribed(reader_service, path, None)
    await page.route("**/subscription", lambda route: route.abort())
    await choice.select_option("Replies to my comments")
    await expect(page.locator(f"{ROOT} .notify .error")).to_contain_text("no connection")


async def until_subscribed(service: Service, path: str, to: str | None) -> None:
    async def is_so() -> bool:
        return bool((await ask(service, "GET", path))["to"] == to)

    await wait_until(is_so)


async def test_readers_without_a_token_are_notified_by_mail(
    browser: Browser, reader_service: Service
) -> None:
    page = await shown(browser, reader_service, bypass_csp=True)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    button = page.get_by_role("button", name="Notify me of new comments")
    await expect(page.locator(BELL)).to_have_count(0)
    assert not any("people" in url for url in loaded)
    await button.click()
    address = page.get_by_label("Your e-mail address")
    await expect(address).to_be_focused()
    await sound(page, "an address is asked for")
    await address.fill("eve@news..example,")
    await address.evaluate("(one) => (one.type = 'text')")  # a browser that lets all through
    await address.press("Enter")
    await expect(page.locator(f"{ROOT} #mail-error")).to_have_text("This is no e-mail address.")
    await address.fill("eve@news.example")
    asked = page.expect_request("**/subscriptions")
    async with asked as request:
        await address.press("Enter")
    sent = (await request.value).post_data_json
    assert sent == {"email": "eve@news.example", "to": "comments", "language": "en"}
    told = hint(page, "Look into your mail")
    await expect(told).to_contain_text("eve@news.example")
    await expect(told).to_be_focused()


async def test_a_service_without_mails_offers_none(
    browser: Browser, reader_service: Service
) -> None:
    page = await story(browser, reader_service, TAG)
    rules = {"mails": False, "guests": True, "orders": ["newest"], "voting": "both"}
    more = {"edit_seconds": 900, "self_votes": False, "open_on_first": False, "may_mark": False}
    await page.route("**/v1/rules*", lambda it: it.fulfill(json={**rules, **more}))
    await page.reload()
    await expect(page.get_by_label("Your name")).to_be_visible()
    await expect(page.get_by_role("button", name="Notify me")).to_have_count(0)
    await page.locator(ROOT).evaluate("(one, token) => (one.token = token)", token())
    await page.get_by_label("Notify of").select_option("Replies to my comments")
    await expect(hint(page, "behind the bell")).to_be_visible()
    await expect(page.get_by_label("Your e-mail address")).to_have_count(0)


# -- what is new


@pytest.mark.slow
async def test_a_reader_is_led_from_one_new_comment_to_the_next(
    browser: Browser, reader_service: Service
) -> None:
    await has_read_all(reader_service)
    await reader_service.given(
        wrote("n1", "A new thread."),
        wrote("n2", "A reply to it.", parent="n1"),
        wrote("n3", "I saw them, too.", parent="heron"),
        wrote("n4", "Gone again."),
        wrote("own", "My own.", by="ada", name="Ada"),
        about("comment.removed", "r4", comment="n4", by="mod"),
    )
    page = await shown(browser, reader_service, "/demo?as=ada")
    bar = page.locator(SINCE)
    await expect(bar).to_contain_text("3 new comments since you were last here")
    await expect(said(page, "A new thread.").locator(".by")).to_contain_text("New")
    await expect(said(page, "My own.").locator(".by")).not_to_contain_text("New")
    await bar.get_by_role("button", name="Next new comment").click()
    await expect(said(page, "A new thread.")).to_be_focused()
    await expect(bar).to_contain_text("New comment 1 of 3")
    await page.keyboard.press("n")
    await expect(said(page, "A reply to it.")).to_be_focused()
    await page.keyboard.press("n")
    await expect(said(page, "I saw them, too.")).to_be_focused()
    await expect(said(page, "I saw them, too.")).to_be_in_viewport()
    await expect(bar.get_by_role("button", name="From the first again")).to_be_in_viewport()
    box = page.get_by_label("Write a comment")
    await box.focus()
    await page.keyboard.press("n")
    await expect(box).to_have_value("n")  # while somebody writes, a letter is a letter
    await box.fill("")
    await bar.get_by_role("button").click()
    await expect(said(page, "A new thread.")).to_be_focused()
    await connected(page)
    await reader_service.given(wrote("n5", "While you were reading."))
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await page.keyboard.press("n")
    await page.keyboard.press("n")
    await expect(said(page, "I saw them, too.")).to_be_focused()
    await page.keyboard.press("n")
    await expect(said(page, "While you were reading.")).to_be_focused()
    await expect(said(page, "While you were reading.").locator(".by")).to_contain_text("New")
    await until_marked(reader_service, await reader_service.app.head())
    await page.reload()
    await expect(page.get_by_label("Notify of")).to_be_visible()
    await expect(bar).to_be_hidden()
    await reader_service.given(wrote("n6", "The next day."))
    await caught_up(reader_service)
    await page.reload()
    await expect(bar).to_contain_text("1 new comment since ")
    await expect(bar).not_to_contain_text("last here")  # this device knows the day


@pytest.mark.slow
async def test_new_comments_that_are_all_gone_are_looked_for_once(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    await has_read_all(reader_service)
    await reader_service.given(wrote("n1", "Held soon."), wrote("n2", "Held, too."))
    tag = TAG.replace(" site", f" order=oldest token={token()} site")
    page = await story(browser, reader_service, tag)
    await expect(page.locator(SINCE)).to_contain_text("2 new")
    held = [about("comment.held", f"h{n}", comment=f"n{n}", by="mod") for n in (1, 2)]
    await reader_service.given(*held)
    await caught_up(reader_service)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    await page.get_by_role("button", name="Next new comment").click()
    await expect(page.locator(SINCE)).to_be_hidden()
    looked_for = [url for url in asked if "/v1/comments/" in url]
    assert len(looked_for) <= 4, looked_for


@pytest.mark.slow
async def test_new_comments_are_in_order_of_time_where_the_newest_are_not_listed(
    browser: Browser, reader_service: Service
) -> None:
    configured = about("site.configured", "fewer", settings={"orders": ["most_voted"]})
    del configured["data"]["resource"]
    await reader_service.given(configured)
    await has_read_all(reader_service)
    vote = about("vote.cast", "v1", comment="n1", voter="bob", value=1)
    earlier = {**wrote("n1", "First."), "time": "2026-01-01T00:00:00Z"}
    await reader_service.given(earlier, wrote("n2", "Second."), vote)
    page = await shown(browser, reader_service, "/demo?as=ada")
    await page.get_by_role("button", name="Next new comment").click()
    await expect(said(page, "First.")).to_be_focused()


@pytest.mark.slow
async def test_what_is_new_counts_as_read_once_it_was_seen(
    browser: Browser, reader_service: Service
) -> None:
    await has_read_all(reader_service)
    begun = await mark(reader_service)
    await reader_service.given(wrote("n1", "On the dig.", passage="pipe"), wrote("n2", "Second."))
    page = await shown(
        browser, reader_service, "/demo?as=ada", viewport={"width": 900, "height": 600}
    )
    puts: list[Request] = []
    page.on("request", lambda one: puts.append(one) if one.method == "PUT" else None)
    await expect(page.locator(SINCE)).to_contain_text("2 new")
    badge = page.locator(f"{ROOT} .badge.new")
    await expect(badge).to_have_count(1)
    await expect(badge).to_have_accessible_name(re.compile("1 new$"))
    await page.evaluate("scrollTo(0, 0)")
    # The list is out of sight: time alone, as the page has it, changes nothing.
    await page.wait_for_timeout(1_500)
    assert (puts, await mark(reader_service)) == ([], begun)
    await page.locator(f"{ROOT} h2").scroll_into_view_if_needed()
    await page.locator(COMMENT).first.scroll_into_view_if_needed()
    await until_marked(reader_service, begun + 2)
    read = await mark(reader_service)
    await connected(page)
    await reader_service.given(wrote("n3", "Third."))
    news = page.get_by_role("button", name="1 new comment")
    await expect(news).to_be_visible()
    assert await mark(reader_service) == read  # it is announced, and not shown yet
    await news.click()
    await until_marked(reader_service, read + 1)


async def test_a_comment_that_is_announced_and_not_shown_is_not_read(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    page = await shown(browser, reader_service, "/demo?as=ada")
    await connected(page)
    await page.evaluate(
        """() => {
            window.positions = [];
            addEventListener("rostra-position", (event) => positions.push(event.detail));
        }"""
    )
    await reader_service.given(wrote("n1", "Late."))
    posted = await reader_service.app.head()
    await caught_up(reader_service)
    news = page.get_by_role("button", name="1 new comment")
    await expect(news).to_be_visible()
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator(TOP)).to_have_count(40)
    assert [one for one in await page.evaluate("positions") if one >= posted] == []
    await news.click()
    await until_marked(reader_service, posted)


@pytest.mark.slow
async def test_features_that_failed_to_load_are_tried_again_after_more_of_the_list_came(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    context = await browser.new_context()
    await context.route("**/people.js", lambda route: route.abort())
    tag = TAG.replace(" site", f" token={token()} site")
    page = await story(browser, reader_service, tag, context=context)
    again = page.locator(f"{ROOT} .trouble").get_by_role("button", name="Try again")
    await expect(again).to_be_visible()
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator(TOP)).to_have_count(40)
    await page.get_by_role("button", name="Oldest").click()
    await expect(page.locator(COMMENT).first).to_contain_text("ventilation")
    await context.unroute_all()
    await again.click()
    await expect(page.locator(BELL)).to_be_visible()
    await expect(again).to_have_count(0)
    await expect(page.locator(TOP)).to_have_count(20)  # no page of the list came with it


@pytest.mark.slow
async def test_a_list_that_failed_to_load_is_not_read_when_a_new_comment_is_shown(
    browser: Browser, reader_service: Service
) -> None:
    await reader_service.batch([wrote(f"m{n}", f"Comment {n}.") for n in range(40)])
    context = await browser.new_context()
    await context.route("**/v1/discussions/*/comments*", lambda route: route.abort())
    tag = TAG.replace(" site", f" token={token()} site")
    head = """<script>
        window.positions = [];
        addEventListener("rostra-position", (event) => positions.push(event.detail));
    </script>"""
    page = await story(browser, reader_service, tag, head=head, context=context)
    await connected(page)
    again = page.locator(f"{ROOT} .trouble").get_by_role("button", name="Try again")
    await expect(again).to_be_visible()
    await context.route("**/v1/comments/*", lambda route: route.abort())
    await reader_service.given(wrote("n1", "Late."))
    news = page.get_by_role("button", name="1 new comment")
    async with page.expect_event("requestfailed"):
        await news.click()
    await context.unroute("**/v1/comments/*")
    await news.click()
    await expect(said(page, "Late.")).to_be_focused()
    assert await page.evaluate("positions") == []
    await context.unroute_all()
    await again.click()
    await expect(page.get_by_role("button", name="Load more")).to_be_visible()
    await expect(page.locator(TOP)).to_have_count(20)
    await expect(page.locator(f"{ROOT} .trouble")).to_be_empty()
    assert await page.evaluate("positions.at(-1)") == await reader_service.app.head()


# -- the inbox


@pytest.mark.slow
async def test_the_bell_tells_what_concerns_a_person(
    browser: Browser, reader_service: Service
) -> None:
    service = reader_service
    about_here = f"/v1/discussions/{await discussion(service)}"
    mine = await ask(service, "POST", f"{about_here}/comments", {"body": "Mine."})
    await ask(
        service, "POST", f"{about_here}/comments", {"body": "Yes.", "parent": mine["id"]}, "ben"
    )
    await service.app.wait(
        await service.app.head(), 60
    )  # persons with shown comments are mentioned
    mentioned = {"body": "So says @Ada.", "mentions": ["ada"]}
    await ask(service, "POST", f"{about_here}/comments", mentioned, "ben")
    url = "https://news.example/other"
    other: dict[str, Any] = {"site": SITE, "resource": url, "body": "Elsewhere."}
    opening = {"site": SITE, "resource": url, "title": "Another story", "url": url}
    ada, cy = {"id": "ada", "name": "Ada"}, {"id": "cy", "name": "Cy"}
    await service.given(
        event("discussion.opened", **opening),
        event("comment.posted", comment="o1", author=ada, **other),
        event("comment.posted", comment="o2", parent="o1", author=cy, **other),
    )
    page = await shown(browser, service, "/demo?as=ada")
    bell = page.locator(BELL)
    await expect(bell).to_have_accessible_name("Inbox, 3 unread")
    await bell.press("Enter")
    inbox = page.locator(INBOX)
    await expect(inbox.get_by_role("heading", name="Inbox")).to_be_focused()
    items = inbox.get_by_role("listitem")
    await expect(items).to_have_count(3)
    await expect(items.nth(0)).to_contain_text("Cy answered you")
    await expect(items.nth(0)).to_contain_text("Another story")
    await expect(items.nth(1)).to_contain_text("Ben mentioned you")
    await expect(items.nth(2)).to_contain_text("Ben answered you")
    elsewhere = await items.nth(0).get_by_role("link").get_attribute("href")
    assert elsewhere is not None
    assert elsewhere.startswith("https://news.example/other#comment-")
    await page.keyboard.press("Escape")
    await expect(inbox).to_be_hidden()
    await expect(bell).to_be_focused()
    await bell.click()
    await items.nth(2).get_by_role("link").click()
    await expect(inbox).to_be_hidden()
    await expect(said(page, "Yes.")).to_be_focused()
    await expect(bell).to_have_accessible_name("Inbox, 2 unread")
    await bell.click()
    await expect(items.nth(2)).not_to_contain_text("New")
    await inbox.get_by_role("button", name="Mark all as read").click()
    await expect(bell).to_have_accessible_name("Inbox")
    await page.keyboard.press("Escape")
    await until_unread(service, 0)
    await connected(page)
    await ask(
        service, "POST", f"{about_here}/comments", {"body": "Again.", "parent": mine["id"]}, "ben"
    )
    await expect(bell).to_have_accessible_name("Inbox, 1 unread")  # live


async def test_the_bell_opens_and_closes_the_inbox_by_mouse(
    browser: Browser, reader_service: Service
) -> None:
    comments = f"/v1/discussions/{await discussion(reader_service)}/comments"
    mine = await ask(reader_service, "POST", comments, {"body": "Mine."})
    answer = {"body": "Yes.", "parent": mine["id"]}
    reply = await ask(reader_service, "POST", comments, answer, "ben")
    page = await shown(browser, reader_service, "/demo?as=ada")
    bell, inbox = page.locator(BELL), page.locator(INBOX)
    items = inbox.get_by_role("listitem")
    await expect(bell).to_have_accessible_name("Inbox, 1 unread")
    reads: list[Request] = []
    page.on("requestfinished", lambda one: reads.append(one) if reply["id"] in one.url else None)
    async with held_back(page, "/v1/me/inbox?limit=10", times=1) as is_asked:
        await bell.click()
        await is_asked.wait()
        await bell.click()
        await expect(inbox).to_be_hidden()
        await expect(bell).to_have_attribute("aria-expanded", "false")
        await bell.click()
        await expect(items).to_have_count(1)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(reads) < 2:  # that of the first opening, too
            await page.evaluate("new Promise(requestAnimationFrame)")
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(items).to_have_count(1)
    await bell.click()
    await expect(inbox).to_be_hidden()


async def until_unread(service: Service, count: int) -> None:
    async def is_so() -> bool:
        return bool((await ask(service, "GET", "/v1/me/inbox"))["unread"] == count)

    await wait_until(is_so)


# -- names after an @


@pytest.mark.slow
async def test_names_are_completed_and_mentioned(browser: Browser, reader_service: Service) -> None:
    service = reader_service
    await service.given(
        wrote("z1", "Hello.", by="z1", name="Zed"),
        wrote("z2", "Hello.", by="z2", name="Zoë *Star* Smith"),
        wrote("z3", "Hello.", by="ada", name="Ada"),
    )
    page = await shown(browser, service, "/demo?as=ada")
    box = page.get_by_label("Write a comment")
    names = page.locator(NAMES)
    await box.press_sequentially("Dear a@z")
    await expect(names).to_have_count(1)  # loaded by the first @, which here is in a word
    await expect(names).to_be_hidden()
    await box.fill("")
    await box.press_sequentially("Dear @z")
    options = names.get_by_role("option")
    await expect(options).to_have_text(["Zoë *Star* Smith", "Zed"])
    await expect(box).to_have_attribute("aria-activedescendant", await selected(page, 0))
    await box.press("ArrowDown")
    await expect(box).to_have_attribute("aria-activedescendant", await selected(page, 1))
    await box.press("Escape")
    await expect(names).to_be_hidden()
    await expect(box).to_have_value("Dear @z")
    await box.press_sequentially("o")
    await expect(options).to_have_text(["Zoë *Star* Smith"])
    await box.evaluate(
        """(one) => one.dispatchEvent(new KeyboardEvent("keydown",
            { key: "Enter", isComposing: true, bubbles: true, composed: true }))"""
    )
    await expect(names).to_be_visible()  # the key was the input method's
    await box.press("Enter")
    await expect(box).to_have_value(r"Dear @Zoë \*Star\* Smith ")
    await box.press_sequentially("and @Zed")
    await expect(options).to_have_text(["Zed"])
    await options.first.click()
    await expect(box).to_be_focused()
    await box.press_sequentially("and @ada")
    await expect(names).to_be_hidden()  # nobody calls themselves
    await page.reload()  # the draft keeps who is meant
    await box.press_sequentially("!")
    async with page.expect_request("**/comments") as request:
        await box.press("Control+Enter")
    sent: Any = (await request.value).post_data_json
    assert sorted(sent["mentions"]) == ["z1", "z2"]
    posted = said(page, "Dear @Zoë *Star* Smith and @Zed")
    await expect(posted.locator("a.mention")).to_have_text(["@Zoë *Star* Smith", "@Zed"])
    await posted.locator("a.mention").nth(1).click()
    await expect(said(page, "Zed").first).to_be_visible()
    await until(page, "() => location.hash.startsWith('#comment-')")
    await service.catch_up()
    mentioned = await service.ask("GET", "/v1/me/inbox", token=token("z1", "Zed"))
    assert [item["reason"] for item in mentioned.json["items"]] == ["mention"]


async def selected(page: Page, index: int) -> str:
    """Return the id of the option that is chosen, which is the one at `index`."""
    option = page.locator(f"{NAMES} [role=option]").nth(index)
    await expect(option).to_have_attribute("aria-selected", "true")
    return str(await option.get_attribute("id"))


# -- looks


async def answer(body: str, route: Route) -> None:
    await route.fulfill(body=body, content_type="application/json")


@pytest.mark.slow
async def test_axe_finds_nothing_and_a_narrow_phone_is_wide_enough(
    browser: Browser, reader_service: Service
) -> None:
    await has_read_all(reader_service)
    mention = wrote("m1", "So says @Ada.", mentions=["ada"])
    await reader_service.given(wrote("own", "Mine.", by="ada", name="Ada"), mention)
    looks: list[dict[str, Any]] = [
        {"viewport": NARROW, "is_mobile": True, "has_touch": True},
        {"color_scheme": "dark", "viewport": PHONE},
        {"forced_colors": "active"},
    ]
    for given, language in zip(looks, ("en", "de", "ar"), strict=True):
        context: BrowserContext = await browser.new_context(bypass_csp=True, **given)
        page = await context.new_page()
        await caught_up(reader_service)
        bearer = signed("comment", site=SITE, person="ada") if language == "ar" else token()
        await page.route("**/read", lambda route: route.abort())  # it stays new
        people = json.dumps({"ada": bearer})
        await page.route("**/people.json", partial(answer, people))
        await page.goto(f"{reader_service.url}/demo?as=ada&lang={language}")
        await expect(page.locator(SINCE)).to_be_visible()
        choice = page.locator(f"{ROOT} #notify")
        await choice.select_option("comments")
        await expect(page.locator(f"{ROOT} .address")).to_be_visible()
        await sound(page, f"{language}: what is new, and an address")
        assert not await page.evaluate(WIDER), language
        box = page.locator(f"{ROOT} textarea").first
        await box.press_sequentially("@c")
        await expect(page.locator(f"{NAMES} [role=option]").first).to_be_visible()
        await sound(page, f"{language}: names")
        await page.locator(BELL).click()
        await expect(page.locator(f"{INBOX} li")).to_have_count(1)
        await sound(page, f"{language}: the inbox")
        assert not await page.evaluate(WIDER), language
        await context.close()


# -- pages of links in mails


@pytest.mark.slow
async def test_pages_of_mails_work_without_script_in_the_readers_language(
    browser: Browser, reader_service: Service
) -> None:
    service = reader_service
    here = UUID(await discussion(service))
    path = f"/v1/discussions/{here}/subscription"
    await ask(service, "PUT", path, {"to": "comments"})
    await ask(
        service, "PATCH", "/v1/me", {"language": "fr"}
    )  # only persons with settings get mails
    link = MailLink("unsubscribe", ids.person_id(SITE, "ada"), discussion=here)
    url = f"{service.url}/mail/{sign_link(link, await service.app.outbox.link_key())}"
    for language, dark, title in (("en-GB", False, "Unsubscribe"), ("de", True, "Abbestellen")):
        given: dict[str, Any] = {"locale": language, "color_scheme": "dark" if dark else "light"}
        seen = await browser.new_context(bypass_csp=True, **given | {"viewport": NARROW})
        page = await seen.new_page()
        await page.goto(url)
        await expect(page.get_by_role("heading", name=title)).to_be_visible()
        await sound(page, language)
        assert not await page.evaluate(WIDER)
        assert (await ask(service, "GET", path))["to"] == "comments"
    context = await browser.new_context(java_script_enabled=False, locale="fr")
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_role("button", name="Se désabonner").click()
    await expect(page.get_by_role("heading")).to_contain_text("Vous ne recevrez plus")
    assert (await ask(service, "GET", path))["to"] is None
    await page.goto(f"{service.url}/mail/nothing")
    await expect(page.get_by_role("heading")).to_contain_text("n’est pas valable")
