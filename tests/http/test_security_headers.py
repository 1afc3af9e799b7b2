"""Headers that every answer has, whatever it is and whoever makes it."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from aiohttp import ClientSession, web

from rostra import ids
from rostra_adapters.http import HttpSettings
from rostra_adapters.http.application import METRICS, STATUS
from rostra_adapters.http.middleware.security_headers import secure
from rostra_adapters.http.server import serving_operators
from support.ports import free_port
from support.service import PLACE, SECRET, Answer, Service, event, opened, posted, serving, token

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
COMMENT = ids.comment_id(DISCUSSION, "c1")
PAGE = f"/v1/discussions/{DISCUSSION}/page"
EVERYTHING = token("publish feed comment read moderate admin", site=SITE, person="ann")
NAMES = {"name": "not-found", "hash": "0", "site": SITE, "person": "ann"}
QUERY = f"?site={SITE}&resource={PLACE['resource']}"


@pytest.fixture(params=["*", "https://gazette.example"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with serving(settings=HttpSettings(secret=SECRET, demo=True)) as made:
        origins = {"origins": [request.param]}
        await made.given(event("site.configured", settings=origins), opened(), posted())
        yield made


def check(answer: Answer, *, html: bool | None = None) -> None:
    headers = answer.headers
    assert headers.getall("X-Content-Type-Options") == ["nosniff"]
    is_html = answer.media_type == "text/html"
    assert html is None or is_html == html
    if is_html:
        assert headers.getall("Referrer-Policy") == ["strict-origin-when-cross-origin"]
        [policy] = headers.getall("Content-Security-Policy")
        assert "frame-ancestors 'none'" in policy
        assert re.match(r"default-src '(none|self)'", policy)
        assert "unsafe" not in policy
        assert "base-uri 'none'" in policy
        for style in re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL):
            digest = b64encode(sha256(style.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def paths(service: Service) -> list[tuple[str, str]]:
    """Every method and path of the application, with things in them that are there."""
    assert service.application is not None
    found = set()
    for route in service.application.router.routes():
        assert route.resource is not None
        canonical = route.resource.canonical
        thing = COMMENT if canonical.startswith("/v1/comments") else DISCUSSION
        names = {"id": str(thing), "link": "unknown", **NAMES}
        if "/demo/{name}" in canonical:
            names["name"] = "demo.css"
        found.add((route.method, canonical.format_map(names)))
    return sorted(found)


async def read(session: ClientSession, method: str, url: str, bearer: str | None) -> Answer:
    """An answer, of a stream its beginning alone."""
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    async with session.request(method, url, headers=headers) as response:
        streams = response.content_type == "text/event-stream"
        return Answer(response, b"" if streams else await response.read())


async def test_every_route_answers_with_them(service: Service) -> None:
    walked = paths(service)
    assert len(walked) > 40
    pages = set()
    async with ClientSession() as session:
        for method, path in walked:
            for bearer in (None, EVERYTHING, "bad"):
                for query in ("", QUERY, "?unknown=1"):
                    answer = await read(session, method, service.url + path + query, bearer)
                    check(answer)
                    if answer.media_type == "text/html":
                        pages.add(path)
            for asked in ("OPTIONS", "TRACE"):
                check(await read(session, asked, service.url + path, None))
    assert pages == {
        "/",
        PAGE,
        "/demo",
        "/moderate",
        "/mail/unknown",
        "/docs",
        "/problems",
        "/problems/not-found",
    }


async def test_preflights_streams_and_unknown_paths_have_them(service: Service) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    check(await service.ask("OPTIONS", f"/v1/discussions/{DISCUSSION}/comments", headers=asked))
    for path in ("/nothing", "/v1/discussions/nothing", "/embed/0/rostra.js"):
        check(await service.ask("GET", path))
    check(await service.ask("POST", "/v1/events", token=EVERYTHING, body=b"{"))
    too_long = b" " * (1024 * 1024 + 1)
    headers = {"Content-Type": "application/json"}
    check(await service.ask("POST", "/v1/guests", headers=headers, body=too_long))
    async with ClientSession() as session:
        stream = {"Authorization": f"Bearer {EVERYTHING}", "Accept": "text/event-stream"}
        for path in ("/v1/events", f"/v1/discussions/{DISCUSSION}/live"):
            async with session.get(service.url + path, headers=stream) as response:
                assert response.content_type == "text/event-stream"
                check(Answer(response, b""))
        lines = {"Authorization": f"Bearer {EVERYTHING}", "Content-Type": "application/x-ndjson"}
        async with session.post(
            f"{service.url}/v1/events", headers=lines, data=b"{}\n"
        ) as response:
            check(Answer(response, await response.read()))


@pytest.mark.parametrize("path", [PAGE, f"/v1/discussions/{DISCUSSION}", f"/v1/comments/{COMMENT}"])
async def test_pages_that_are_cached_have_them(service: Service, path: str) -> None:
    first = await service.get(path)
    for _ in range(3):
        again = await service.ask("GET", path, headers={"Accept-Encoding": "identity"})
        check(again, html=path == PAGE)
        assert again.body == first.body
    check(await service.ask("GET", path, headers={"Accept-Encoding": "gzip"}))
    tag = {"If-None-Match": first.headers["ETag"]}
    not_modified = await service.ask("GET", path, headers=tag)
    assert not_modified.status == 304
    check(not_modified)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: the impossible\r\n\r\n",
        b"GET /v1/rules HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_answers_to_broken_requests_have_them(service: Service, sent: bytes) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    assert re.match(rb"HTTP/1\.[01] 4", head)
    assert head.count(b"X-Content-Type-Options: nosniff\r\n") == 1


async def test_what_breaks_has_them_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def submit(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(service.app, "submit", submit)
    answer = await service.publish(opened())
    assert answer.status == 500
    check(answer)


async def test_metrics_on_a_port_of_their_own_have_them(service: Service) -> None:

    assert service.application is not None
    port = free_port()
    async with (
        serving_operators(
            service.application[METRICS], service.application[STATUS], "127.0.0.1", port
        ),
        ClientSession() as session,
    ):
        for path in ("/metrics", "/status", "/healthz", "/nothing"):
            url = f"http://127.0.0.1:{port}{path}"
            check(await read(session, "GET", url, None))


async def test_scripts_of_other_pages_may_read_what_they_need(service: Service) -> None:
    answer = await service.get(f"/v1/discussions/{DISCUSSION}")
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"Rostra-Position", "ETag", "Location", "Retry-After", "Date", "Age"}


async def test_a_page_without_a_policy_gets_the_strictest() -> None:

    answer = web.Response(text="<p>", content_type="text/html")
    secure(answer.headers)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; base-uri")
