"""The contract as OpenAPI: every route is in it, answers fit it, and the page loads nothing."""

import json
import re
from html import unescape
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from rostra import ids
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.openapi.document import describe, routes_of
from support.service import PLACE, SECRET, Service, event, opened, posted, token, voted

SITE = PLACE["site"]
DISCUSSION = ids.discussion_id(SITE, PLACE["resource"])
C1 = ids.comment_id(DISCUSSION, "c1")
EVERYTHING = token("publish comment moderate read", site=SITE, person="bob")


def application(service: Service) -> web.Application:
    return make_app(service.app, HttpSettings(secret=SECRET))


async def document(service: Service) -> Any:
    answer = await service.ask("GET", "/openapi.json")
    assert answer.status == 200
    return answer.json


def fits(document: Any, schema: Any, value: Any) -> None:
    resource = Resource.from_contents({**document, "$schema": DIALECT})
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    references = _absolute(schema)
    Draft202012Validator(references, registry=registry).validate(value)


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"urn:document{value}" if name == "$ref" else _absolute(value)
            for name, value in schema.items()
        }
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


async def test_every_route_is_in_it(service: Service) -> None:
    paths = (await document(service))["paths"]
    told = {(method, path) for path, methods in paths.items() for method in methods}
    assert set(routes_of(application(service))) == told


async def test_every_schema_is_one(service: Service) -> None:
    found = await document(service)
    for name, schema in found["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert r"\A" not in str(schema), name
    names = [one["operationId"] for path in found["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(found)))
    assert references <= found["components"]["schemas"].keys()


READS = [
    ("/v1/comments", f"?site={SITE}&resource=/trams"),
    ("/v1/comments", f"?site={SITE}&resource=/trams&key=c1"),
    ("/v1/discussions", f"?site={SITE}&resource=/trams"),
    ("/v1/discussions/{id}", ""),
    ("/v1/discussions/{id}/comments", ""),
    ("/v1/discussions/{id}/comments", "?flat=true&order=best"),
    ("/v1/discussions/{id}/comments", "?order=none"),
    ("/v1/discussions/{id}/passages", ""),
    ("/v1/discussions/{id}/moderation-log", ""),
    ("/v1/comments/{id}", ""),
    ("/v1/comments/{id}/replies", ""),
    ("/v1/comments/{id}/history", ""),
    ("/v1/counts", f"?site={SITE}&resource=/trams"),
    ("/v1/moderation", f"?site={SITE}&status=flagged"),
    ("/v1/events", ""),
    ("/problems/{name}", ""),
    ("/healthz", ""),
]
WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("post", "/v1/discussions/{id}/comments", {"body": "B", "parent": str(C1)}),
    ("post", "/v1/discussions/{id}/comments", {"body": ""}),
    ("post", "/v1/discussions/{id}/passages", {"exact": "E", "start": 1, "end": 2}),
    ("put", "/v1/discussions", {"site": SITE, "resource": "/trams"}),
    ("put", "/v1/comments/{id}/vote", {"value": 1}),
    ("patch", "/v1/comments/{id}", {"body": "B"}),
    ("delete", "/v1/comments/{id}", {}),
    ("post", "/v1/comments/{id}/flag", {"reason": "R"}),
    ("post", "/v1/comments/{id}/moderation", {"action": "pin", "reason": "R"}),
]


@pytest.fixture
async def talk(service: Service) -> Service:
    await service.given(
        opened(),
        event("passage.marked", passage="p1", exact="trams"),
        posted(passage="p1"),
        posted("c2", parent="c1"),
        voted(),
        event("comment.flagged", comment="c1", by="eve", reason="Rude."),
        event("comment.pinned", comment="c1", by="mia", reason="Good."),
    )
    await service.app.wait(7, 60)
    return service


def _named(path: str) -> str:
    if "{name}" in path:
        return path.format(name="not-found")
    return path.format(id=C1 if "comments/{id}" in path else DISCUSSION)


@pytest.mark.parametrize(("path", "query"), READS)
async def test_what_is_read_fits(talk: Service, path: str, query: str) -> None:
    answer = await talk.ask("GET", _named(path) + query, token=EVERYTHING)
    await _fits(talk, "get", path, answer)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_what_is_written_fits_and_so_does_the_answer(
    talk: Service, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = await talk.ask(
        method.upper(),
        _named(path),
        token=EVERYTHING,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )
    await _fits(talk, method, path, answer)
    found = await document(talk)
    taken = found["paths"][path][method].get("requestBody")
    if taken and answer.status < 300:
        fits(found, taken["content"]["application/json"]["schema"], body)


async def _fits(service: Service, method: str, path: str, answer: Any) -> None:
    found = await document(service)
    told = found["paths"][path][method]["responses"][str(answer.status)]
    media = told["content"][answer.media_type]
    if "schema" in media:
        fits(found, media["schema"], answer.json)
    for header in told.get("headers", {}):
        assert header in answer.headers


async def test_what_publishers_send_fits(service: Service) -> None:
    found = await document(service)
    schema = found["components"]["schemas"]["CloudEvent"]
    for one in (opened(title="T"), posted(), voted(), event("site.configured", settings={})):
        fits(found, schema, one)


async def test_the_page_shows_every_operation_and_loads_nothing(service: Service) -> None:
    answer = await service.ask("GET", "/docs")
    assert (answer.status, answer.media_type) == (200, "text/html")
    page = unescape(answer.body.decode())
    text = re.sub(r"<[^>]+>", "", page)
    for path in describe(application(service))["paths"].values():
        assert all(one["summary"].replace("`", "") in text for one in path.values())
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(", page)
    assert not re.search(r'(src|href)="(?!openapi.json|problems"|#)', page)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
