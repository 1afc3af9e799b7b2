"""What tests of the page for moderators look at and make."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.http.routes.demo import SITE
from support.reader_pages import caught_up, wrote
from support.service import SECRET, Service

DESK = "rostra-moderation"
ITEM = f"{DESK} article"
TOKEN = f"{DESK} input[name=token]"


def moderator(person: str = "mia", *, site: str = SITE, scope: str = "moderate") -> str:
    return sign(SECRET, scope=scope, site=site, person=person)


async def desk(
    browser: Browser,
    service: Service,
    *,
    person: str = "mia",
    path: str = "/moderate",
    **given: Any,
) -> Page:
    """The page of somebody who is signed in, whose console says nothing bad."""
    context = await browser.new_context(**given)
    place = json.dumps(moderator(person))
    await context.add_init_script(f"sessionStorage.setItem('rostra:moderate', {place})")
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await caught_up(service)
    await page.goto(service.url + path)
    await expect(page.locator(f"{DESK} nav button").first).to_be_visible()
    return page


async def held(service: Service, count: int, *, first: int = 0, **about: Any) -> None:
    """Publish comments that wait."""
    await service.given(
        *(wrote(f"h{n}", f"Waiting {n}.", status="held", **about) for n in range(first, count))
    )


async def waiting(service: Service, status: str = "held") -> list[str]:
    """Return the keys of the comments in a queue, as the service has them."""
    found = await service.ask(
        "GET",
        "/v1/moderation",
        token=moderator(),
        params={
            "site": SITE,
            "status": status,
            "limit": 100,
            "min_position": await service.app.head(),
        },
    )
    return [one["key"] for one in found.json["comments"]]
