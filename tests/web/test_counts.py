"""`<rostra-count>` in pages that list articles."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, Route, expect

from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.cases import first_is_quick
from support.reader_pages import caught_up
from support.service import Service, event
from support.waiting import WAIT_SECONDS_MAX, wait_until

ONE = "rostra-count"
LATE = "https://news.example/late"


def count(resource: str = RESOURCE, words: str = "Comments", more: str = "") -> str:
    return f'<{ONE} site={SITE} resource="{resource}" {more}>{words}</{ONE}>'


async def articles(service: Service, *resources: str, comments: int = 1) -> None:
    """Discussions with so many comments each."""
    for resource in resources:
        about = {"site": SITE, "resource": resource}
        author = {"id": "x", "name": "X"}
        await service.given(
            event("discussion.opened", **about),
            *(
                event("comment.posted", **about, author=author, body=f"Number {number}.")
                for number in range(comments)
            ),
        )


class Listed:
    """A page that lists articles, and the requests that it makes for them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[Request] = []

        def note(request: Request) -> None:
            if "/v1/counts" in request.url and request.method != "OPTIONS":
                self.asked.append(request)

        page.on("request", note)

    def text(self, number: int = 0) -> Any:
        return self.page.locator(ONE).nth(number)

    async def shown(self, number: int = 0) -> str:
        """Return what a reader sees of an element."""
        text = "(one) => one.shadowRoot.textContent || one.innerText"
        return str(await self.text(number).evaluate(text))

    async def shows(self, *texts: str) -> None:
        for number, text in enumerate(texts):
            await self.page.wait_for_function(
                """([number, text]) => {
                    const one = document.querySelectorAll("rostra-count")[number];
                    return one.shadowRoot?.textContent === text;
                }""",
                arg=[number, text],
                timeout=WAIT_SECONDS_MAX * 1000,
            )


async def listing(
    browser: Browser,
    service: Service,
    body: str,
    *,
    language: str = "en",
    context: BrowserContext | None = None,
    script: str = "<script type=module src=/embed/count.js></script>",
    answers: Any = None,
) -> Listed:
    context = context or await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    whole = f"<!doctype html><html lang={language}><title>All</title><main>{body}</main>{script}"
    await page.route(
        re.compile(r"/list\b"), lambda it: it.fulfill(body=whole, content_type="text/html")
    )
    if answers is not None:
        await page.route("**/v1/counts*", answers)
    await caught_up(service)
    listed = Listed(page)
    await page.goto(service.url + "/list")
    return listed


def names(request: Request) -> list[str]:
    if request.method == "POST":
        return list(json.loads(request.post_data or "")["resources"])
    return parse_qs(urlsplit(request.url).query)["resource"]


async def test_a_whole_page_asks_once(browser: Browser, reader_service: Service) -> None:
    await articles(reader_service, "/one")
    await articles(reader_service, "/two", comments=2)
    tags = "".join(count(it) for it in (RESOURCE, "/one", "/two", "/none", "/one"))
    listed = await listing(browser, reader_service, tags)
    await listed.shows("21 comments", "1 comment", "2 comments", "0 comments", "1 comment")
    [request] = listed.asked
    assert request.method == "GET"
    assert sorted(names(request)) == sorted([RESOURCE, "/one", "/two", "/none"])
    assert "authorization" not in await request.all_headers()


async def test_the_number_is_that_of_the_discussion(
    browser: Browser, reader_service: Service
) -> None:
    both = "".join(
        f"<script type=module src=/embed/{it}.js></script>" for it in ("count", "rostra")
    )
    tag = f"<rostra-discussion site={SITE} resource={RESOURCE}></rostra-discussion>"
    listed = await listing(browser, reader_service, count() + tag, script=both)
    heading = listed.page.locator("rostra-discussion h2")
    await expect(heading).to_have_text("21 comments")
    await listed.shows("21 comments")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("articles_count", "methods"),
    first_is_quick([(60, ["GET"]), (100, ["POST"]), (130, ["GET", "POST"])]),
    ids=["short", "long", "more-than-a-request-takes"],
)
async def test_many_are_asked_for_by_a_hundred_names(
    browser: Browser, reader_service: Service, articles_count: int, methods: list[str]
) -> None:
    resources = [f"/an-article-of-the-list-number-{number}" for number in range(articles_count)]
    listed = await listing(browser, reader_service, "".join(map(count, resources)))
    await listed.shows(*["0 comments"] * articles_count)
    asked = sorted(listed.asked, key=lambda it: it.method)
    assert [it.method for it in asked] == methods
    assert all(len(names(it)) <= 100 for it in asked)
    assert sorted(name for it in asked for name in names(it)) == sorted(resources)


@pytest.mark.slow
async def test_spellings_of_a_url_are_one_and_a_link_around_it_names_it(
    browser: Browser, reader_service: Service
) -> None:
    await articles(reader_service, "https://news.example/tea?id=1")
    await articles(reader_service, "https://News.example/raw", comments=2)
    spellings = count("HTTPS://news.example:443/tea?utm_source=x&id=1#comments")
    raw = count("https://News.example/raw")
    link = f"<a href='https://news.example/tea?id=1&fbclid=2#disqus_thread'><b><{ONE} site={SITE}>"
    tags = f"{spellings}{raw}{link}Comments</{ONE}></b></a>"
    listed = await listing(browser, reader_service, tags)
    await listed.shows("1 comment", "2 comments", "1 comment")
    assert len(listed.asked) == 1


async def test_an_attribute_or_property_that_changes_is_asked_for_and_nothing_else_shown(
    browser: Browser, reader_service: Service
) -> None:
    await articles(reader_service, "/one")
    listed = await listing(browser, reader_service, count())
    await listed.shows("21 comments")
    await listed.text().evaluate("(one) => { one.resource = '/one'; }")
    assert await listed.shown() in ("Comments", "1 comment")
    await listed.shows("1 comment")
    await listed.text().evaluate(
        """(one, last) => {
            for (const name of ["/x", "/y", "/one", last]) one.setAttribute("resource", name);
            const home = one.parentNode; one.remove(); home.append(one);
        }""",
        RESOURCE,
    )
    await listed.shows("21 comments")
    assert len(listed.asked) == 3
    await listed.text().evaluate("(one) => { one.lang = 'de'; }")
    await listed.shows("21 Kommentare")
    await listed.text().evaluate("(one) => { one.strings = { comments: '({n})' }; }")
    await listed.shows("(21)")
    assert len(listed.asked) == 3


@pytest.mark.slow
async def test_of_two_answers_the_later_wish_is_shown(
    browser: Browser, reader_service: Service
) -> None:
    held: list[Route] = []

    async def hold(route: Route) -> None:
        if not held:
            held.append(route)
        else:
            await route.continue_()

    await articles(reader_service, "/one")
    listed = await listing(browser, reader_service, count(), answers=hold)
    await wait_until(lambda: bool(held))
    await listed.text().evaluate("(one) => { one.resource = '/one'; }")
    await listed.shows("1 comment")
    async with listed.page.expect_response("**/v1/counts*"):
        await held[0].continue_()
    await listed.shows("1 comment")


@pytest.mark.slow
async def test_elements_that_come_later_and_properties_set_before_the_script_count(
    browser: Browser, reader_service: Service
) -> None:
    await articles(reader_service, LATE, comments=2)
    before = f"<script>document.querySelector('{ONE}').resource = '{LATE}';</script>"
    listed = await listing(browser, reader_service, f"<{ONE} site={SITE}></{ONE}>{before}")
    await listed.shows("2 comments")
    assert await listed.text().get_attribute("resource") == LATE
    await listed.page.evaluate(
        """([site, resource]) => {
            for (let n = 0; n < 3; n += 1) {
                const one = document.createElement("rostra-count");
                Object.assign(one, { site, resource });
                document.body.append(one);
            }
        }""",
        [SITE, RESOURCE],
    )
    await listed.shows("2 comments", *["21 comments"] * 3)
    assert len(listed.asked) == 2


@pytest.mark.parametrize(
    ("language", "said"),
    first_is_quick(
        [
            ("de", ["0 Kommentare", "1 Kommentar", "2 Kommentare", "5 Kommentare"]),
            ("pl", ["0 komentarzy", "1 komentarz", "2 komentarze", "5 komentarzy"]),
            ("ru", ["0 комментариев", "1 комментарий", "2 комментария", "5 комментариев"]),
        ]
    ),
)
async def test_numbers_have_the_plural_forms_of_the_pages_language(
    browser: Browser, reader_service: Service, language: str, said: list[str]
) -> None:
    numbers = (0, 1, 2, 5)
    for number in numbers[1:]:
        await articles(reader_service, f"/{number}", comments=number)
    tags = "".join(count(f"/{number}") for number in numbers)
    listed = await listing(browser, reader_service, tags, language=language)
    await listed.shows(*said)


@pytest.mark.parametrize("answer", first_is_quick(["none", "503", "page", "odd"]))
async def test_where_the_service_is_away_the_pages_own_words_stand(
    browser: Browser, reader_service: Service, answer: str
) -> None:
    async def other(route: Route) -> None:
        if answer == "none":
            await route.abort()
        else:
            body = {"page": "<p>Hello</p>", "odd": "[]"}.get(answer, "")
            await route.fulfill(status=503 if answer == "503" else 200, body=body)

    warnings: list[str] = []
    listed = await listing(browser, reader_service, "", answers=other)
    listed.page.on("console", lambda it: warnings.append(it.text))
    async with listed.page.expect_console_message(lambda it: "rostra" in it.text):
        await listed.page.evaluate(f"document.querySelector('main').innerHTML = `{count()}`")
    assert await listed.shown() == "Comments"
    await listed.page.unroute("**/v1/counts*")
    await listed.text().evaluate("(one) => one.setAttribute('base', '/')")
    await listed.shows("21 comments")


async def test_a_base_that_is_no_url_throws_nothing(
    browser: Browser, reader_service: Service
) -> None:
    listed = await listing(browser, reader_service, count(more="base='http://['") + count())
    await listed.page.wait_for_function(
        "document.querySelectorAll('rostra-count')[1].shadowRoot.textContent === '21 comments'"
    )
    assert await listed.shown(0) == "Comments"
