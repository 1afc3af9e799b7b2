"""What tests of the web reader look at and make."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, expect

from rostra import ids
from rostra.ids import DiscussionId, StreamId
from rostra.limits import DAY_SECONDS
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from support.service import SECRET, Event, Service
from support.waiting import WAIT_SECONDS_MAX

ROOT = "rostra-discussion"
COMMENT = f"{ROOT} .list article"
TOP = f"{ROOT} section .list > li"
PANEL = f"{ROOT} .panel"
PHONE = {"width": 360, "height": 740}
AXE_RULES = {
    "rules": {"target-size": {"enabled": True}},  # WCAG 2.2; off unless it is asked for
    "resultTypes": ["violations"],  # what else it looked at is not told, which takes longer
}


async def shown(browser: Browser, service: Service, path: str = "/demo", **given: Any) -> Page:
    """A page that has come whole, and whose console says nothing bad."""
    context = await browser.new_context(**given)
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await caught_up(service)
    await page.goto(service.url + path)
    await expect(page.locator(COMMENT).first).to_be_visible()
    return page


async def caught_up(service: Service) -> None:
    """A page that is loaded from now on shows all that was recorded so far."""
    await service.catch_up()


async def until(page: Page, condition: str, arg: Any = None) -> None:
    """As often as the page is drawn; a policy that forbids `eval` is no hindrance."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await page.evaluate(condition, arg):
            await page.evaluate("new Promise(requestAnimationFrame)")


async def sound(page: Page, state: str) -> None:
    """Fail where axe-core finds anything."""
    found = await Axe().run(page, options=AXE_RULES)
    assert found.response["violations"] == [], f"{state}: {found.generate_report()}"


async def connected(page: Page) -> None:
    await expect(page.locator(f"{ROOT}[connected]")).to_be_attached()


async def story(
    browser: Browser,
    service: Service,
    tag: str,
    before: str = "",
    *,
    head: str = "",
    path: str = "/story",
    origin: str = "",
    headers: dict[str, str] | None = None,
    context: BrowserContext | None = None,
    **given: Any,
) -> Page:
    """Somebody's page with our tag on it, and perhaps a script of theirs before ours comes."""
    context = context or await browser.new_context(**given)
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    body = (
        f"<!doctype html><html lang=en><head><title>Story</title>{head}</head>"
        f"<body><main>{tag}</main>{before}<script type=module src=/embed/rostra.js></script></body>"
    )
    await page.route(
        re.compile(r"/story\b"),
        lambda it: it.fulfill(body=body, content_type="text/html", headers=headers or {}),
    )
    await caught_up(service)
    await page.goto((origin or service.url) + path)
    return page


def insecure(service: Service) -> str:
    """The service as a page that is no secure context has it."""
    return f"http://blog.example:{service.url.rpartition(':')[2]}"


async def all_loaded(page: Page, *, pages_max: int) -> None:
    """More and more, to the end or so many pages."""
    top, more = page.locator(TOP), page.locator(f"{ROOT} section .more")
    for _ in range(pages_max):
        if not await more.is_visible():
            return
        before = await top.count()
        await more.evaluate("(one) => one.click()")
        await expect(top.nth(before)).to_be_attached()


async def discussion(service: Service) -> str:
    return str((await service.get("/v1/discussions", site=SITE, resource=RESOURCE)).json["id"])


async def comment_id(service: Service, key: str) -> str:
    return str(ids.comment_id(DiscussionId(StreamId(UUID(await discussion(service)))), key))


@asynccontextmanager
async def held_back(
    page: Page, part: str, *, answers: bool = True, times: int | None = None
) -> AsyncGenerator[asyncio.Event, None]:
    """Hold requests with `part` in their URL back until the block's end, then answer or fail them.

    The event is set once there is such a request. `times` limits the number of requests.
    """
    is_asked, is_over = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        is_asked.set()
        await is_over.wait()
        await (route.continue_() if answers else route.abort())

    def matches(url: str) -> bool:
        return part in url

    await page.route(matches, hold, times=times)
    yield is_asked
    ends = "requestfinished" if answers else "requestfailed"
    async with page.expect_event(ends, lambda request: matches(request.url)):
        is_over.set()
    await page.unroute(matches)


def thread(page: Page, words: str) -> Locator:
    """A top-level comment with all below it."""
    return page.locator(TOP, has_text=words)


def said(page: Page, words: str) -> Locator:
    return page.locator(COMMENT, has_text=words)


def token(person: str = "ada", name: str = "Ada", *, seconds: float = DAY_SECONDS) -> str:
    return sign(
        SECRET, scope="comment", site=SITE, person=person, name=name, days=seconds / DAY_SECONDS
    )


def about(kind: str, name: str, **data: Any) -> Event:
    return {
        "specversion": "1.0",
        "source": "urn:test",
        "id": name,
        "type": kind,
        "data": {"site": SITE, "resource": RESOURCE, **data},
    }


def wrote(key: str, body: str, *, by: str = "cy", name: str = "Cy", **data: Any) -> Event:
    """A comment of somebody's. Their clock is the service's."""
    author = {"id": by, "name": name}
    made = about("comment.posted", key, comment=key, author=author, body=body, **data)
    return {**made, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
