"""Links of a service that is reached under a path: by a base URL, or by a proxy's prefix."""

import re

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from support.service import SECRET, Service, event, opened, posted, serving, token

DISCUSSION = ids.discussion_id("gazette", "/trams")
PATH = f"/v1/discussions/{DISCUSSION}"
BASE = "https://example.org/comments"
PREFIX = "/comments"
JSON = {"Content-Type": "application/json"}


def settings(
    base_url: str | None = None, proxies: tuple[str, ...] = ("127.0.0.1",)
) -> HttpSettings:
    return HttpSettings(secret=SECRET, base_url=base_url, proxies=proxies, demo=True)


async def links_of(service: Service, headers: dict[str, str]) -> list[str]:
    """Return everything that leads somewhere in answers of each kind."""
    await service.given(
        event("site.configured", settings={"open_on_first": True}), opened(), posted(),
        *(posted(f"r{number}", parent="c1") for number in range(8)),
        *(posted(f"c{number}") for number in range(2, 60)),
    )  # fmt: skip
    await service.catch_up()
    pages = [await service.ask("GET", f"{PATH}/page", headers=headers) for _ in range(2)]
    pages += [await service.ask("GET", f"{PATH}/feed.atom", headers=headers)]
    links = [one for page in pages for one in re.findall(r'href="([^"]*)"', page.body.decode())]
    comment = ids.comment_id(DISCUSSION, "c1")
    page = await service.ask("GET", f"{PATH}/page?comment={comment}", headers=headers)
    links += re.findall(r'href="([^"]*)"', page.body.decode())
    person = token("comment", site="gazette", person="ann")
    sent = JSON | headers
    answers = [
        await service.ask(
            "POST", f"{PATH}/comments", token=person, headers=sent, body=b'{"body": "Yes."}'
        ),
        await service.ask(
            "PUT", "/v1/discussions", token=person, headers=sent,
            body=b'{"site": "gazette", "resource": "/new"}',
        ),
        await service.ask("GET", "/v1/discussions?site=gazette", headers=headers, redirects=False),
    ]  # fmt: skip
    links += [answer.headers["Location"] for answer in answers]
    document = (await service.ask("GET", "/openapi.json", headers=headers)).json
    return [*links, document["servers"][0]["url"]]


@pytest.mark.parametrize("given", [BASE, f"{BASE}/"])
async def test_every_link_begins_with_the_base_url(given: str) -> None:
    async with serving(settings=settings(given)) as service:
        links = await links_of(service, {"X-Forwarded-Prefix": "/other"})
    assert len(links) > 50
    assert [one for one in links if not one.startswith(f"{BASE}/v1/")] == [BASE]
    assert not [one for one in links if "//" in one.removeprefix("https://")]


@pytest.mark.parametrize("given", [PREFIX, f"{PREFIX}/"])
async def test_every_link_begins_with_the_prefix_of_a_trusted_proxy(given: str) -> None:
    async with serving(settings=settings()) as service:
        links = await links_of(service, {"X-Forwarded-Prefix": given})
        assert [one for one in links if not one.startswith(f"{PREFIX}/v1/")] == [PREFIX]
        plain = await service.ask("GET", f"{PATH}/page")
        assert (
            f'href="{PATH}/page' in plain.body.decode()
        )  # and no page of another prefix is cached for it
        assert PREFIX + PATH not in plain.body.decode()


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "https://evil.example", "/a//b", "/<b>", "a", "/..", "/a/../b", "/" * 9],
)
async def test_a_prefix_that_is_no_path_is_passed_over(prefix: str) -> None:
    async with serving(settings=settings()) as service:
        links = await links_of(service, {"X-Forwarded-Prefix": prefix})
    assert [one for one in links if not one.startswith("/v1/")] == ["/"]


async def test_the_prefix_of_anybody_else_is_passed_over() -> None:
    async with serving(settings=settings(proxies=("192.0.2.1",))) as service:
        links = await links_of(service, {"X-Forwarded-Prefix": "/evil"})
    assert [one for one in links if not one.startswith("/v1/")] == ["/"]


async def test_pages_that_stay_name_nothing_from_the_root() -> None:
    async with serving(settings=settings()) as service:
        for path in ("/", "/docs", "/problems", "/problems/not-found", "/demo", "/demo/demo.js"):
            text = (await service.ask("GET", path)).body.decode()
            assert not re.search(r"""(?:href|src)="/|(?:import|fetch\()\s*"/""", text), path


@pytest.mark.parametrize(
    "url", ["example.org", "ftp://example.org", "https://", "https://a.example/x?y", "/comments"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        settings(url)


async def test_a_proxy_may_leave_the_path_of_the_base_url_in_requests() -> None:
    paths = (PATH, f"{PATH}/comments?limit=1", "/embed/rostra.js", "/docs", "/healthz", "/")
    async with serving(settings=settings(BASE)) as service:
        await service.given(opened(), posted())
        for path in paths * 2:  # from the cache, too
            stripped = await service.ask("GET", path)
            kept = await service.ask("GET", PREFIX + path)
            assert (kept.status, kept.body) == (200, stripped.body), path
        assert (await service.ask("GET", PREFIX)).status == 200
        wrote = await service.ask(
            "POST",
            f"{PREFIX}{PATH}/comments",
            token=token("comment", site="gazette", person="ann"),
            headers=JSON,
            body=b'{"body": "Yes."}',
        )
        assert wrote.status == 201
        for path in (f"{PREFIX}s{PATH}", f"{PREFIX}{PREFIX}{PATH}"):
            assert (await service.ask("GET", path)).status == 404, path
    async with serving(settings=settings()) as service:
        assert (await service.ask("GET", f"{PREFIX}/healthz")).status == 404


async def test_a_base_url_whose_path_is_like_ours_is_left_in_requests() -> None:
    async with serving(settings=settings("https://example.org/v1")) as service:
        await service.given(opened())
        assert (await service.ask("GET", PATH)).status == 200
