"""One table finds every route, as aiohttp's own router would."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rostra_adapters
from rostra.log import LogUnavailable
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.dispatch import RouteTable
from rostra_adapters.http.messages import header_lines
from rostra_adapters.http_limits import Rate
from support.effort import examples
from support.service import SECRET, Service, serving, token

SEGMENTS = st.sampled_from(
    [
        "v1", "events", "discussions", "comments", "sites", "passages", "vote", "live", "embed",
        "rostra.js", "problems", "busy", "demo", "demo.js", "demo.html", "people.json", "replies",
        "moderation", "counts", "rules", "openapi.json", "", "0", "%31", "a%2Fb", "%25", "%252F",
        "é", "%C3%A9", "a b", "a%20b", "..", ".",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def application() -> web.Application:
    async def make() -> web.Application:
        async with rostra_adapters.open("memory:", master_key=bytes(32)) as app:
            return make_app(app, HttpSettings(secret=SECRET, demo=True))

    return asyncio.run(make())


@pytest.fixture(scope="module")
def table(application: web.Application) -> RouteTable:
    return table_of(application)


def table_of(application: web.Application) -> RouteTable:
    table = RouteTable()
    for route in application.router.routes():
        assert route.resource is not None
        table.add(route.method, route.resource.canonical, route.handler)
    return table


async def found_by_aiohttp(
    application: web.Application, request: web.Request
) -> tuple[object, Mapping[str, str]] | None:
    match = await application.router.resolve(request)
    if match.http_exception is not None:
        return None
    return match.handler, dict(match)


def found_by_us(table: RouteTable, request: web.Request) -> tuple[object, Mapping[str, str]] | None:
    routes, parameters = table.find(request)
    route = routes.get(request.method)
    return None if route is None else (route.handler, parameters)


@settings(deadline=None, max_examples=examples(300))
@given(
    segments=st.lists(SEGMENTS, max_size=6),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
)
@example(segments=["v1", "sites", "a%2Fb", "comments"], method="GET")
@example(segments=["v1", "comments", "", "replies"], method="GET")
@example(segments=["v1", "rules", ""], method="GET")
@example(segments=["embed", "rostra.js"], method="HEAD")
@example(segments=["embed", "0", "rostra.js"], method="GET")
async def test_the_table_finds_what_the_router_of_aiohttp_finds(
    application: web.Application, table: RouteTable, segments: list[str], method: str
) -> None:
    request = make_mocked_request(method, "/" + "/".join(quote(it, safe="%") for it in segments))
    assert found_by_us(table, request) == await found_by_aiohttp(application, request)


async def test_every_route_is_found(application: web.Application, table: RouteTable) -> None:
    for route in application.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.replace("{", "a").replace("}", "z")
        found = found_by_us(table, make_mocked_request(route.method, f"{path}?x=1"))
        assert found is not None, path
        assert found[0] == route.handler


@pytest.mark.parametrize(
    "path", ["/healthz", "/health%7a", "/healthz?", "http://a/healthz", "/healthz#a"]
)
async def test_a_path_may_be_written_in_several_ways(service: Service, path: str) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    async with asyncio.timeout(60):
        status = (await reader.readline()).split()[1]
    writer.close()
    assert status == b"200"


@pytest.mark.parametrize(
    ("path", "look_up", "body"),
    [
        ("/v1/counts", "discussions_of", {"site": "gazette", "resources": ["/trams"]}),
        ("/v1/preview", "site_rules", {"body": "Yes."}),
    ],
)
async def test_a_body_is_kept_while_a_standby_is_replaced(
    path: str, look_up: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = HttpSettings(secret=SECRET, read_only=True, preview_rate=Rate(1, 0.001))
    async with serving(settings=settings) as service:
        lookup, calls = service.app.lookup, 0
        find = getattr(lookup, look_up)

        async def found_later(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls < 3:
                raise LogUnavailable("the standby is gone")
            return await find(*arguments)

        monkeypatch.setattr(lookup, look_up, found_later)
        answer = await service.ask(
            "POST",
            path,
            token=token("comment", site="gazette", person="ann"),
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
        )
        assert (answer.status, calls) == (200, 3), answer.body


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb"])
def test_a_header_that_would_be_several_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        header_lines({"Location": value})
