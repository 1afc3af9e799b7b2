"""One stream of live updates for all discussions that a browser shows of an origin."""

import asyncio
from collections.abc import Sequence

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from rostra_adapters.application.live import updates
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.listening import listening
from support.reader_pages import COMMENT, ROOT, about, connected, said, story, token, wrote
from support.service import Service, event
from support.service import token as signed
from support.waiting import WAIT_SECONDS_MAX, wait_until

TAG = f"<{ROOT} site={SITE} resource={RESOURCE}></{ROOT}>"
WITHOUT_LOCKS = "<script>delete Navigator.prototype.locks;</script>"
HIDE = """(state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


class Streams:
    """The streams that a browser context has open."""

    def __init__(self, context: BrowserContext) -> None:
        self.seen: list[tuple[Page, Request]] = []
        self._ended: set[Request] = set()
        context.on("request", self._begun)
        for name in ("requestfailed", "requestfinished"):
            context.on(name, self._has_ended)

    def _has_ended(self, request: Request) -> None:
        self._ended.add(request)

    def _begun(self, request: Request) -> None:
        if "/v1/live?" in request.url and request.method == "GET":
            self.seen.append((request.frame.page, request))

    @property
    def open(self) -> list[str]:
        return [
            request.url
            for page, request in self.seen
            if not page.is_closed() and request not in self._ended
        ]


def tag(resource: str, bearer: str = "") -> str:
    attribute = f" token={bearer}" if bearer else ""
    return f"<{ROOT} site={SITE} resource={resource}{attribute}></{ROOT}>"


async def articles(service: Service, count: int) -> list[str]:
    """Further discussions with a comment each."""
    resources = [f"/article-{number}" for number in range(count)]
    await service.given(*(event("discussion.opened", site=SITE, resource=it) for it in resources))
    await service.given(*(comment(it, f"First of {it}.") for it in resources))
    return resources


def comment(resource: str, body: str) -> dict[str, object]:
    about = {"site": SITE, "resource": resource}
    return event("comment.posted", **about, author={"id": "x", "name": "X"}, body=body)


async def alone(streams: Streams, pages: Sequence[Page], count: int = 1) -> None:
    """Every discussion is followed, over so many streams."""
    for page in pages:
        for one in await page.locator(ROOT).all():
            await expect(one).to_have_attribute("connected", "")
    await opened(streams, pages[0], count)


async def opened(streams: Streams, page: Page, count: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(streams.open) != count:
            await page.evaluate("new Promise(requestAnimationFrame)")


@pytest.mark.slow
async def test_seven_tabs_share_a_stream_and_the_seventh_loads_and_votes(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    [other, *_] = await articles(reader_service, 1)
    ada = token()
    tabs = [
        await story(
            browser, reader_service, tag(RESOURCE if n % 2 else other, ada), context=context
        )
        for n in range(7)
    ]
    for page in tabs:
        await expect(page.locator(COMMENT).first).to_be_visible()
    await alone(streams, tabs)
    last = said(tabs[6], f"First of {other}.")
    await last.get_by_role("button", name="Vote for").click()
    for page in tabs[::2]:
        await expect(said(page, f"First of {other}.").locator(".score")).to_have_text("1")
    await reader_service.given(wrote("n", "For every second one."), comment(other, "For others."))
    for page in tabs:
        await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()


@pytest.mark.slow
async def test_seven_discussions_of_a_page_share_a_stream(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context(viewport={"width": 900, "height": 3_000})
    streams = Streams(context)
    resources = await articles(reader_service, 7)
    page = await story(
        browser, reader_service, "".join(tag(it, token()) for it in resources), context=context
    )
    await alone(streams, [page])
    for number, resource in enumerate(resources):
        one = page.locator(ROOT).nth(number)
        await one.get_by_role("button", name="Vote for").click()
        await expect(one.locator(".score")).to_have_text("1")
        await reader_service.given(comment(resource, "More."))
        await expect(one.get_by_role("button", name="1 new comment")).to_be_visible()
    await expect(page.get_by_role("button", name="1 new comment")).to_have_count(7)


@pytest.mark.slow
async def test_where_the_tab_that_reads_is_closed_another_one_goes_on(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    tabs = [await story(browser, reader_service, TAG, context=context) for _ in range(3)]
    await alone(streams, tabs)
    await tabs[0].close()
    await reader_service.given(wrote("n1", "In between."))
    for page in tabs[1:]:
        await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await alone(streams, tabs[1:])


@pytest.mark.slow
async def test_where_the_tab_that_reads_is_frozen_another_one_goes_on(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    first, second = [await story(browser, reader_service, TAG, context=context) for _ in range(2)]
    await alone(streams, [first, second])
    session = await context.new_cdp_session(first)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    await reader_service.given(wrote("n1", "While one is frozen."))
    await expect(second.get_by_role("button", name="1 new comment")).to_be_visible()
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(first.get_by_role("button", name="1 new comment")).to_be_visible()
    await alone(streams, [first, second])


@pytest.mark.slow
async def test_where_the_tab_that_reads_hangs_another_one_takes_its_place(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    first = await story(browser, reader_service, TAG, context=context)
    await connected(first)
    second = await context.new_page()
    await second.clock.install()
    body = f"<!doctype html>{TAG}<script type=module src=/embed/rostra.js></script>"
    await second.route("**/story", lambda it: it.fulfill(body=body, content_type="text/html"))
    await second.goto(reader_service.url + "/story")
    await expect(second.locator(COMMENT).first).to_be_visible()
    await second.clock.run_for(1_000)
    await connected(second)
    await first.evaluate(
        "setTimeout(() => { for (const end = Date.now() + 15_000; Date.now() < end; ); })"
    )
    await second.clock.run_for(70_000)
    await reader_service.given(wrote("n1", "While one hangs."))

    news = second.get_by_role("button", name="1 new comment")
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await news.is_visible():
            await second.clock.run_for(500)
    await expect(first.get_by_role("button", name="1 new comment")).to_be_visible()


async def test_a_hidden_page_has_no_stream_and_catches_up_when_it_is_seen_again(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    page = await story(browser, reader_service, TAG, context=context)
    await alone(streams, [page])
    await page.evaluate(HIDE, "hidden")
    await expect(page.locator(ROOT)).not_to_have_attribute("connected", "")
    await opened(streams, page, 0)
    await reader_service.given(wrote("n1", "While nobody looked."))
    await page.evaluate(HIDE, "visible")
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await alone(streams, [page])


@pytest.mark.slow
async def test_only_comments_that_appeared_while_a_page_was_hidden_are_announced(
    browser: Browser, reader_service: Service
) -> None:
    # The demo's comments are older, and not on the first page.
    await reader_service.given(*(wrote(f"o{number}", "Before.") for number in range(20)))
    page = await story(browser, reader_service, TAG)
    await connected(page)
    await page.evaluate(HIDE, "hidden")
    await expect(page.locator(ROOT)).not_to_have_attribute("connected", "")
    await reader_service.given(
        wrote("n1", "Helo."),
        about("comment.edited", "e", comment="n1", body="Hello."),
        wrote("n2", "Hello to you."),
        about("comment.pinned", "p", comment="heron"),
    )
    erased = about("person.erased", "x", person="gregor")
    del erased["data"]["resource"]
    await reader_service.given(erased)
    await page.evaluate(HIDE, "visible")
    news = page.get_by_role("button", name="2 new comments")
    await news.click()
    await expect(said(page, "Hello.")).to_be_visible()
    await expect(said(page, "Hello to you.")).to_be_visible()
    await expect(page.locator(f"{ROOT} .announce button")).to_have_count(0)


@pytest.mark.slow
async def test_a_comment_that_the_list_has_is_not_announced_for_a_reader_who_was_away_for_longer(
    browser: Browser, reader_service: Service
) -> None:
    before = await reader_service.app.head()
    # The first comment is in the list, and not on its first page.
    await reader_service.given(*(wrote(f"o{number}", f"No. {number}.") for number in range(21)))
    page = await story(browser, reader_service, TAG)
    await connected(page)
    await page.evaluate(HIDE, "hidden")
    await expect(page.locator(ROOT)).not_to_have_attribute("connected", "")
    # After its vote, the second comment has the last position in the events.
    await reader_service.given(
        about("vote.cast", "v0", comment="o0", voter="eve", value=1),
        wrote("n1", "New and voted on."),
        wrote("n2", "New."),
        about("vote.cast", "v1", comment="n1", voter="eve", value=1),
    )
    found = await reader_service.get("/v1/discussions", site=SITE, resource=RESOURCE)
    url = f"{reader_service.url}/v1/discussions/{found.json['id']}/live"
    async with listening(url, last_event_id=before) as longest_away:
        await longest_away.next()
        await page.evaluate(HIDE, "visible")
        await connected(page)
        await reader_service.given(wrote("n3", "Last."))
        news = page.locator(f"{ROOT} .announce button")
        await expect(news).to_have_text("3 new comments")
        await news.click()
        await expect(said(page, "New and voted on.")).to_be_visible()
        await expect(said(page, "No. 0.")).to_have_count(0)


@pytest.mark.slow
async def test_of_more_than_a_stream_takes_those_in_sight_are_followed(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context(viewport={"width": 900, "height": 1_000})
    streams = Streams(context)
    resources = await articles(reader_service, 24)
    page = await story(
        browser, reader_service, "".join(tag(it) for it in resources), context=context
    )
    elements = page.locator(ROOT)
    for number in (*range(24), *reversed(range(24)), *range(24)):
        await elements.nth(number).scroll_into_view_if_needed()
    await expect(page.locator(COMMENT)).to_have_count(24)
    last = elements.last
    await expect(last).to_have_attribute("connected", "")
    await expect(page.locator(f"{ROOT}[connected]")).to_have_count(20)
    await reader_service.given(comment(resources[-1], "To the last."))
    await expect(last.get_by_role("button", name="1 new comment")).to_be_visible()
    await elements.first.scroll_into_view_if_needed()
    await expect(elements.first).to_have_attribute("connected", "")
    await opened(streams, page, 1)
    assert max(it.url.count("discussion=") for _, it in streams.seen) == 20


@pytest.mark.slow
async def test_without_locks_each_page_has_a_stream_for_all_its_discussions(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context(viewport={"width": 900, "height": 3_000})
    streams = Streams(context)
    [other] = await articles(reader_service, 1)
    tabs = [
        await story(browser, reader_service, tag(other) + TAG, head=WITHOUT_LOCKS, context=context)
        for _ in range(2)
    ]
    await alone(streams, tabs, count=2)
    await reader_service.given(wrote("n1", "Here."), comment(other, "There."))
    for page in tabs:
        await expect(page.get_by_role("button", name="1 new comment")).to_have_count(2)


@pytest.mark.slow
async def test_different_persons_share_no_stream(browser: Browser, reader_service: Service) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    secret = {"site": SITE, "resource": "/secret"}
    [discussion] = await reader_service.given(
        event("discussion.opened", **secret, settings={"private": True})
    )
    await reader_service.given(comment("/secret", "Among us."))
    insider, outsider = signed("read comment", site=SITE, person="ann"), token("ben", "Ben")
    inside = await story(browser, reader_service, tag("/secret", insider), context=context)
    outside = await story(browser, reader_service, tag(RESOURCE, outsider), context=context)
    await expect(said(inside, "Among us.")).to_be_visible()
    await alone(streams, [inside, outside], count=2)
    for _, request in streams.seen:
        bearer = (await request.all_headers())["authorization"].removeprefix("Bearer ")
        assert bearer == (insider if discussion in request.url else outsider)
    # The same person in another tab, with a token of the same rights, comes to their stream.
    again = signed("comment read", site=SITE, person="ann")
    third = await story(browser, reader_service, tag(RESOURCE, again), context=context)
    await alone(streams, [inside, outside, third], count=2)


@pytest.mark.slow
async def test_a_token_that_is_replaced_by_another_persons_leaves_the_stream(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    streams = Streams(context)
    tabs = [
        await story(browser, reader_service, tag(RESOURCE, token()), context=context)
        for _ in range(2)
    ]
    await alone(streams, tabs)
    await tabs[0].evaluate(f"(one) => document.querySelector('{ROOT}').token = one", token("ben"))
    await alone(streams, tabs, count=2)
    await reader_service.given(wrote("n1", "To both."))
    for page in tabs:
        await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()


async def test_a_quiet_discussion_of_a_long_log_is_up_to_date(
    browser: Browser, reader_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "ROWS_BACK_MAX", 20)
    await articles(reader_service, 20)
    page = await story(browser, reader_service, TAG)
    await connected(page)
    await reader_service.given(wrote("n1", "At last."))
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await expect(page.get_by_role("button", name="There is more")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("has_changed", [True, False], ids=["changed", "unchanged"])
async def test_a_page_that_was_hidden_for_long_says_that_there_is_more_if_there_is(
    browser: Browser,
    reader_service: Service,
    monkeypatch: pytest.MonkeyPatch,
    has_changed: bool,  # noqa: FBT001
) -> None:
    page = await story(browser, reader_service, TAG)
    await connected(page)
    await page.evaluate(HIDE, "hidden")
    await expect(page.locator(ROOT)).not_to_have_attribute("connected", "")
    if has_changed:
        await reader_service.given(wrote("n1", "Meanwhile."))
    await articles(reader_service, 20)
    monkeypatch.setattr(updates, "ROWS_BACK_MAX", 20)
    await page.evaluate(HIDE, "visible")
    await connected(page)
    more = page.get_by_role("button", name="There is more by now. Show it")
    if has_changed:
        await expect(more).to_be_visible()
        await expect(page.locator(COMMENT).first).to_contain_text("first lid")  # nothing was shoved
        await more.click()
        await expect(page.locator(COMMENT).first).to_contain_text("Meanwhile.")
    await reader_service.given(wrote("n2", "And now."))
    await expect(page.get_by_role("button", name="1 new comment")).to_be_visible()
    await expect(more).to_have_count(0)


@pytest.mark.slow
async def test_where_streams_are_refused_new_comments_are_counted_now_and_then(
    browser: Browser, reader_service: Service
) -> None:
    context = await browser.new_context()
    await context.clock.install()
    await context.route("**/v1/live*", lambda route: route.fulfill(status=429, body="{}"))
    looks: list[str] = []
    context.on("response", lambda one: looks.append(one.url) if "/news?since=" in one.url else None)
    page = await story(browser, reader_service, TAG, context=context)
    await expect(page.locator(COMMENT).first).to_be_visible()
    await wait_until(lambda: len(looks) == 1)
    await reader_service.given(wrote("n1", "One."), wrote("n2", "Two.", parent="n1"))
    await context.clock.fast_forward(60_000)
    news = page.get_by_role("button", name="2 new comments")
    await expect(news).to_be_visible()
    await news.click()
    await expect(page.locator(COMMENT).first).to_contain_text("One.")
    await expect(news).to_have_count(0)
